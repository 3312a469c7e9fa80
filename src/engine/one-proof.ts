/** A model proven once, in an engine of its own that ends right after: what an import asks before a package counts. */

import { EngineProcess, EngineStartError } from './engine-process.ts';
import { ASIDE } from './priority.ts';
import type { EngineReady, EngineSettings } from './protocol.ts';

export interface ProofOptions {
  readonly settings: EngineSettings;
  readonly startTimeoutMs: number;
  /** Ends the engine where it comes before the proof. */
  readonly signal?: AbortSignal;
}

const STOP_GRACE_MS = 2000;
const LAST_LINES = 5;

/**
 * Behind the engines at work, whose cores it would take.
 * @throws EngineStartError with the stage that failed, and the last words of the engine where it ended without one
 */
export async function proveOnce(options: ProofOptions): Promise<EngineReady> {
  const lines: string[] = [];
  const engine = new EngineProcess(
    {
      ...options,
      decodeThreads: 1,
      hangMs: options.startTimeoutMs,
      onStderr: (line) => lines.push(line),
    },
    { answered: () => undefined, checked: () => undefined, ended: () => undefined },
  );
  engine.goBehind(ASIDE);
  const giveUp = () => engine.kill('the proof was given up');
  options.signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const ready = await engine.start();
    await engine.stop(STOP_GRACE_MS);
    return ready;
  } catch (error) {
    if (!(error instanceof EngineStartError) || error.stage !== 'exit' || lines.length === 0) throw error;
    throw new EngineStartError(error.stage, `${error.message}: ${lines.slice(-LAST_LINES).join(' / ')}`);
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
  }
}
