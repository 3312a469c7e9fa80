/** What a model file says of itself, read in a process of its own: a file made to break its reader breaks that process only. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { builtEntry } from '../built-entry.ts';

/** One input or output. `shape`: numbers, or the names of free axes. */
export interface GraphValue {
  readonly name: string;
  /** uint8, float32 …; null where it is no tensor. */
  readonly type: string | null;
  readonly shape: readonly (number | string)[];
}

export interface Graph {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

/** The file cannot be loaded as a model. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}

type Answer = { readonly kind: 'graph'; readonly graph: Graph } | { readonly kind: 'failed'; readonly detail: string };

const DEFAULT_TIMEOUT_MS = 30_000;

/** @throws GraphError where onnxruntime cannot load it, within `timeoutMs` */
export async function graphOf(file: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Graph> {
  const child = fork(fileURLToPath(builtEntry(import.meta.url, 'inspect-child')), [file], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const answer = await new Promise<Answer>((resolve) => {
    child.once('message', (message) => resolve(message as Answer));
    child.once('error', (error) => resolve({ kind: 'failed', detail: error.message }));
    child.once('exit', (code, signal) =>
      resolve({ kind: 'failed', detail: `the process that opened it ended with ${signal ?? `exit status ${code}`}` }),
    );
  });
  clearTimeout(timer);
  if (answer.kind === 'failed') throw new GraphError(answer.detail);
  return answer.graph;
}
