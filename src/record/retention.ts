/**
 * Takes images away, in slices small enough to fit between two groups of frames. Rows stay for good.
 *
 *   record the removal (committed) -> unlink -> confirm
 *
 * A crash in between leaves a file whose removal is recorded; the next start finishes it.
 */

import { EARLIEST_MS } from './age-clock.ts';
import type { LedgerEvent, RemovalReason, RetentionPolicy } from './contract.ts';
import { heatMapPathOf } from './image-path.ts';
import type { ImageFiles } from './image-store.ts';
import type { LedgerTables, StoredImage } from './ledger-tables.ts';

const MAX_SLICE = 50;
/** A crash leaves one slice; files that could not be taken away may be more. */
const MAX_OPEN = 1000;
/** How long it stops where a file cannot be taken away. */
const TRY_AGAIN_MS = 60_000;
const DAY_MS = 86_400_000;

export class Retention {
  private readonly policy: RetentionPolicy;
  private readonly files: ImageFiles;
  private readonly onEvent: (event: LedgerEvent) => void;
  private readonly mono: () => number;
  /** A file that cannot be taken away: going on would note one image after the other as removed and free nothing. */
  private isHalted = false;
  private triesAgainAt = 0;

  /** @param mono milliseconds of a clock that never goes back */
  constructor(
    policy: RetentionPolicy,
    files: ImageFiles,
    onEvent: (event: LedgerEvent) => void,
    mono = () => performance.now(),
  ) {
    this.policy = policy;
    this.files = files;
    this.onEvent = onEvent;
    this.mono = mono;
  }

  /**
   * Takes one slice of images where a limit is passed.
   * @param diskFreeBytes free on the file system now
   * @param now by which ages are judged
   * @returns bytes taken; 0 where nothing was to be done
   */
  async slice(tables: LedgerTables, diskFreeBytes: number, now: number): Promise<number> {
    if (this.isHalted && !(await this.goesOn(tables))) return 0;
    const { images, reason } = this.choose(tables, diskFreeBytes, now);
    if (images.length === 0) return 0;
    tables.recordRemovals(images, reason, now);
    const gone = await this.unlink(tables, images);
    const bytes = gone.reduce((sum, image) => sum + image.bytes, 0);
    if (gone.length > 0) this.onEvent({ kind: 'images_removed', reason, images: gone.length, bytes });
    return bytes;
  }

  /** True where the disk is short of room and there are images to give up for it. */
  isPressed(tables: LedgerTables, diskFreeBytes: number): boolean {
    return diskFreeBytes < this.policy.minFreeBytes && tables.imageBytes > 0;
  }

  /** Finishes removals that a crash or a failing disk cut short. */
  async finish(tables: LedgerTables): Promise<void> {
    this.isHalted = false;
    const images = tables.openRemovals(MAX_OPEN);
    if (images.length > 0) await this.unlink(tables, images);
  }

  /** Whether what could not be taken away can be by now: permissions that were set right, a disk that only hung. */
  private async goesOn(tables: LedgerTables): Promise<boolean> {
    if (this.mono() < this.triesAgainAt) return false;
    const images = tables.openRemovals(MAX_OPEN);
    const gone = await this.unlink(tables, images);
    this.isHalted = gone.length < images.length;
    return !this.isHalted;
  }

  /** Those of `images` whose files are gone. */
  private async unlink(tables: LedgerTables, images: readonly StoredImage[]): Promise<readonly StoredImage[]> {
    const gone: StoredImage[] = [];
    for (const image of images) {
      try {
        // The image first: a heat map that is being made meanwhile looks for it afterwards.
        await this.files.remove([image.path, heatMapPathOf(image.path)]);
        gone.push(image);
      } catch (error) {
        if (!this.isHalted) this.onEvent({ kind: 'removal_failed', path: image.path, detail: String(error) });
        this.isHalted = true;
        this.triesAgainAt = this.mono() + TRY_AGAIN_MS;
      }
    }
    tables.confirmUnlinked(gone);
    return gone;
  }

  private choose(
    tables: LedgerTables,
    diskFreeBytes: number,
    now: number,
  ): { images: readonly StoredImage[]; reason: RemovalReason } {
    const { maxAgeDays, maxBytes, minFreeBytes } = this.policy;
    if (maxAgeDays !== null) {
      const images = tables.nextRemovals(now - maxAgeDays * DAY_MS, MAX_SLICE, EARLIEST_MS);
      if (images.length > 0) return { images, reason: 'age' };
    }
    const overBytes = maxBytes === null ? 0 : tables.imageBytes - maxBytes;
    if (overBytes > 0) return { images: upTo(tables, overBytes), reason: 'bytes' };
    return { images: upTo(tables, minFreeBytes - diskFreeBytes), reason: 'disk_pressure' };
  }
}

/** As few of the next images as hold `bytes`. */
function upTo(tables: LedgerTables, bytes: number): readonly StoredImage[] {
  if (bytes <= 0) return [];
  const chosen: StoredImage[] = [];
  let sum = 0;
  for (const image of tables.nextRemovals(Number.MAX_SAFE_INTEGER, MAX_SLICE)) {
    if (sum >= bytes) break;
    chosen.push(image);
    sum += image.bytes;
  }
  return chosen;
}
