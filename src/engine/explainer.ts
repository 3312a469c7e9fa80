/**
 * One process behind all engines that explains stored pictures, one after the other.
 *
 *   explain() ──> line (bounded, what people wait for first) ──> child of the model that is asked about
 *                                                                  ├── another model: a new child
 *                                                                  ├── dies or hangs: that one picture fails, a new child for the next
 *                                                                  └── idle for a minute: ended
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.ts';
import { builtEntry } from '../built-entry.ts';
import type { Image, Roi } from '../frame/frame.ts';
import type { Explained, FromExplainer, ToExplainer } from './explain-protocol.ts';
import { LastWords } from './last-words.ts';
import type { EngineModel } from './protocol.ts';

export interface ExplainerOptions {
  readonly maxPixels: number;
  /** Milliseconds to load and prove a model. */
  readonly startTimeoutMs: number;
  /** Milliseconds for one picture. */
  readonly timeoutMs: number;
  /** Milliseconds after which a process that has nothing to do ends. */
  readonly idleMs: number;
  /** Pictures that may wait; those nobody asked for take at most half of it. */
  readonly maxWaiting: number;
}

export interface ExplainTask {
  readonly model: EngineModel;
  readonly image: Image;
  readonly roi: Roi | null;
  readonly wantsMap: boolean;
}

/** Too many pictures wait already. */
export class ExplainerBusyError extends Error {
  override readonly name = 'ExplainerBusyError';
}

/** The process could not prove the model, died, or took too long. */
export class ExplainerFailedError extends Error {
  override readonly name = 'ExplainerFailedError';
}

interface Waiting extends ExplainTask {
  readonly isAsked: boolean;
  readonly resolve: (explained: Explained) => void;
  readonly reject: (error: Error) => void;
}

/** A child that has proven its model. */
interface Child {
  readonly process: ChildProcess;
  /** Files of its model, with their hashes. */
  readonly key: string;
}

export class Explainer {
  private readonly options: ExplainerOptions;
  private readonly line: Waiting[] = [];
  private child: Child | null = null;
  /** Has not proven its model yet. */
  private loading: ChildProcess | null = null;
  private idle: NodeJS.Timeout | undefined;
  private isWorking = false;
  private isStopped = false;
  private nextId = 1;

  constructor(options: ExplainerOptions) {
    this.options = options;
  }

  /**
   * @param isAsked whether a person waits: those go first
   * @throws ExplainerBusyError, ExplainerFailedError
   */
  explain(task: ExplainTask, isAsked: boolean): Promise<Explained> {
    const { maxWaiting } = this.options;
    const most = isAsked ? maxWaiting : Math.floor(maxWaiting / 2);
    if (this.isStopped) return Promise.reject(new ExplainerFailedError('the service is stopping'));
    if (this.line.length >= most) {
      return Promise.reject(new ExplainerBusyError(`${this.line.length} pictures wait to be explained already`));
    }
    return new Promise((resolve, reject) => {
      this.line.push({ ...task, isAsked, resolve, reject });
      if (!this.isWorking) void this.work();
    });
  }

  /** What waits fails. */
  stop(): void {
    this.isStopped = true;
    for (const waiting of this.line.splice(0)) waiting.reject(new ExplainerFailedError('the service is stopping'));
    this.end();
  }

  private async work(): Promise<void> {
    this.isWorking = true;
    clearTimeout(this.idle);
    for (let next = this.next(); next !== undefined; next = this.next()) {
      try {
        next.resolve(await this.one(next));
      } catch (error) {
        this.end();
        next.reject(new ExplainerFailedError(messageOf(error), { cause: error }));
      }
    }
    this.isWorking = false;
    this.idle = setTimeout(() => this.end(), this.options.idleMs).unref();
  }

  private next(): Waiting | undefined {
    const asked = this.line.findIndex(({ isAsked }) => isAsked);
    return asked === -1 ? this.line.shift() : this.line.splice(asked, 1)[0];
  }

  private async one({ model, image, roi, wantsMap, isAsked }: Waiting): Promise<Explained> {
    const key = model.files.map(({ file, sha256 }) => `${file} ${sha256}`).join('\n');
    if (this.child?.key !== key) {
      this.end();
      this.child = { process: await this.start(model), key };
    }
    const id = this.nextId++;
    const message = { kind: 'explain', id, image, roi, wantsMap, isPaced: !isAsked } as const;
    const answer = await ask(this.child.process, message, this.options.timeoutMs);
    if (answer.kind !== 'answer' || answer.id !== id) throw new Error(`expected answer ${id}, got ${answer.kind}`);
    return answer.explained;
  }

  private async start(model: EngineModel): Promise<ChildProcess> {
    const child = fork(fileURLToPath(builtEntry(import.meta.url, 'explain-child')), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const settings = {
      model,
      provider: 'cpu',
      deviceId: 0,
      threads: 1,
      batchSizes: [1],
      maxPixels: this.options.maxPixels,
      isProbed: false,
    } as const;
    this.loading = child;
    const answer = await ask(child, { kind: 'start', settings }, this.options.startTimeoutMs).finally(
      () => (this.loading = null),
    );
    // What onnxruntime has to say between two pictures: read, so that its pipe never fills.
    child.stderr?.resume();
    child.once('exit', () => {
      if (this.child?.process === child) this.child = null;
    });
    if (answer.kind === 'ready') return child;
    throw new Error(
      answer.kind === 'failed' ? `${answer.stage}: ${answer.detail}` : `expected ready, got ${answer.kind}`,
    );
  }

  private end(): void {
    clearTimeout(this.idle);
    this.loading?.kill('SIGKILL');
    this.child?.process.kill('SIGKILL');
    this.child = null;
  }
}

/** One question, one answer; a child that gives none in time is ended. */
async function ask(child: ChildProcess, message: ToExplainer, timeoutMs: number): Promise<FromExplainer> {
  const lastWords = new LastWords();
  const hear = (text: Buffer) => void lastWords.hear(String(text));
  child.stderr?.on('data', hear);
  let timer: NodeJS.Timeout | undefined;
  let settle: (outcome: FromExplainer | Error) => void = () => undefined;
  const gone = (code: number | null, signal: string | null) =>
    settle(new Error(`the process ended with ${signal ?? `exit status ${code}`}${because(lastWords)}`));
  const failed = (error: Error) => settle(error);
  const answered = (answer: unknown) => settle(answer as FromExplainer);
  const outcome = await new Promise<FromExplainer | Error>((resolve) => {
    settle = resolve;
    timer = setTimeout(() => resolve(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    child.once('message', answered).once('close', gone).once('error', failed);
    child.send(message, (error) => error !== null && resolve(error));
  });
  clearTimeout(timer);
  child.off('message', answered).off('close', gone).off('error', failed);
  child.stderr?.off('data', hear);
  if (!(outcome instanceof Error)) return outcome;
  child.kill('SIGKILL');
  throw outcome;
}

function because(lastWords: LastWords): string {
  const why = lastWords.reason();
  return why === null ? '' : `: ${why}`;
}
