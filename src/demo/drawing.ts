/** Parts drawn on another thread. */

import { Worker } from 'node:worker_threads';
import { builtEntry } from '../built-entry.ts';
import type { Defect } from './defect.ts';

export interface DrawRequest {
  readonly id: number;
  readonly index: number;
  /** Share of defective parts, 0..1. */
  readonly defectRatio: number;
  /** Tells one camera's parts from another's. */
  readonly line: number;
}

export interface DrawnPart {
  readonly defect: Defect;
  readonly jpeg: Uint8Array;
}

export class Drawing {
  private readonly worker = new Worker(builtEntry(import.meta.url, 'drawing-thread'));
  private readonly waiting = new Map<number, (part: DrawnPart) => void>();
  private nextId = 1;

  constructor() {
    this.worker.on('message', (drawn: DrawnPart & { id: number }) => {
      this.waiting.get(drawn.id)?.(drawn);
      this.waiting.delete(drawn.id);
    });
  }

  draw(index: number, defectRatio: number, line: number): Promise<DrawnPart> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.worker.postMessage({ id, index, defectRatio, line } satisfies DrawRequest);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
