/** `<store>/clock.json`: that the clock has jumped ahead and is not believed yet, for the service that follows this one. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Jump } from './age-clock.ts';

const fileSchema = z.strictObject({ schema: z.literal('loupe.clock/1'), now: z.int(), expected: z.int() });

export class ClockFile {
  private readonly file: string;

  /** @param store folder of the store */
  constructor(store: string) {
    this.file = join(store, 'clock.json');
  }

  /** Null where there is none, or none that can be read: then the clock is believed. */
  read(): Jump | null {
    try {
      const { now, expected } = fileSchema.parse(JSON.parse(readFileSync(this.file, 'utf8')));
      return { now, expected };
    } catch {
      return null;
    }
  }

  /** A disk that does not take it takes no image away either: removals are recorded on it first. */
  keep(jump: Jump | null): void {
    try {
      if (jump === null) rmSync(this.file, { force: true });
      else writeFileSync(this.file, JSON.stringify({ schema: 'loupe.clock/1', ...jump }), { flush: true });
    } catch {
      // Tried again with the next jump.
    }
  }
}
