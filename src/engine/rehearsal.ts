/**
 * An engine that takes over from another scores golden images first as frames are scored: by the same messages, decoder and batches.
 * Code that never ran is slow, and the frames of a line that does not stop would be the ones to find that out.
 */

import { readFile } from 'node:fs/promises';
import type { Image } from '../frame/frame.ts';
import type { EngineModel, Faulted, Scored } from './protocol.ts';

/** After about that many frames V8 has compiled what each of them runs. */
const FRAMES = 30;

type Answer = Scored | Faulted | { readonly kind: 'gone'; readonly cause: string };

export class Rehearsal {
  private readonly score: (id: number, image: Image) => void;
  private settle: ((answer: Answer) => void) | undefined;
  private gone: Answer | undefined;

  constructor(score: (id: number, image: Image) => void) {
    this.score = score;
  }

  /**
   * One frame after the other; the engine gets nothing else meanwhile.
   * @returns what was wrong with an answer; null where every one was right
   */
  async run({ golden, tolerance }: EngineModel): Promise<string | null> {
    const images = await Promise.all(golden.map(({ path }) => readFile(path)));
    for (let id = 0; id < FRAMES && images.length > 0; id++) {
      const wanted = golden[id % golden.length];
      const answer = await this.ask(id, { kind: 'encoded', bytes: images[id % images.length] ?? new Uint8Array(0) });
      if (answer.kind === 'gone') return answer.cause;
      if (answer.kind === 'faulted') return `${wanted?.path}: ${answer.reason}, ${answer.detail}`;
      // Written so that a NaN fails too.
      if (!(Math.abs(answer.probability - (wanted?.probability ?? Number.NaN)) <= tolerance)) {
        return `${wanted?.path}: expected ${wanted?.probability} within ${tolerance}, as a frame it scored ${answer.probability}`;
      }
    }
    return null;
  }

  hear(answer: Answer): void {
    if (answer.kind === 'gone') this.gone = answer;
    this.settle?.(answer);
  }

  private ask(id: number, image: Image): Promise<Answer> {
    if (this.gone !== undefined) return Promise.resolve(this.gone);
    return new Promise((resolve) => {
      this.settle = resolve;
      this.score(id, image);
    });
  }
}
