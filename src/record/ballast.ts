/**
 * A file of no use but its size. SQLite needs room even to delete; on a full disk retention could not record what it
 * takes away. Letting the ballast go gives it that room.
 */

import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const BALLAST_BYTES = 2 * 1024 * 1024;

export class Ballast {
  private readonly path: string;
  private isThere = false;

  /** @param store the store folder */
  constructor(store: string) {
    this.path = join(store, 'ballast');
  }

  async release(): Promise<void> {
    this.isThere = false;
    await rm(this.path, { force: true });
  }

  /** Puts it back where there is room for it several times over. */
  async restore(freeBytes: number): Promise<void> {
    if (this.isThere || freeBytes < 4 * BALLAST_BYTES) return;
    const size = (await stat(this.path).catch(() => null))?.size;
    if (size !== BALLAST_BYTES) await writeFile(this.path, new Uint8Array(BALLAST_BYTES), { flush: true });
    this.isThere = true;
  }
}
