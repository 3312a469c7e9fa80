/**
 * The certificates of every door, kept fresh: their files are read again and again, and what changed is handed to its door. A pair
 * that cannot be used leaves the old one at work, and says so.
 *
 *   files ──every minute, or at once when told──> read and proven ──changed──> door.use
 *
 * They are compared by what they hold: a secret that Kubernetes swaps by a symbolic link changes no file that could be watched.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { expiryOf, readTlsFiles, type TlsFiles, type TlsPaths } from '../config/tls-files.ts';

export type DoorName = 'grpc' | 'http' | 'mqtt' | 'broker';

export interface Door {
  readonly name: DoorName;
  readonly paths: TlsPaths;
  /** What it was opened with. */
  readonly files: TlsFiles;
  /** New connections get these from now on. */
  use(files: TlsFiles): void;
}

export type CertificateEvent =
  | { readonly kind: 'certificate_reloaded'; readonly door: DoorName; readonly expiresAt: string | null }
  /** The old one stays at work. */
  | { readonly kind: 'certificate_refused'; readonly door: DoorName; readonly detail: string }
  | { readonly kind: 'certificate_expires'; readonly door: DoorName; readonly expiresAt: string };

export interface CertificatesOptions {
  readonly periodMs?: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onEvent: (event: CertificateEvent) => void;
}

const PERIOD_MS = 60_000;
const WARN_MS = 30 * 24 * 3_600_000;

interface Watched {
  readonly door: Door;
  files: TlsFiles;
  /** What was wrong at the last look, so that it is reported once. */
  fault: string | null;
  isWarned: boolean;
}

export class Certificates {
  private readonly watched: readonly Watched[];
  private readonly options: CertificatesOptions;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(doors: readonly Door[], options: CertificatesOptions) {
    this.watched = doors.map((door) => ({ door, files: door.files, fault: null, isWarned: false }));
    this.options = options;
  }

  start(): void {
    this.loop ??= this.watch();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.looking;
  }

  /** Reads every file now. Never rejects. */
  reload(): Promise<void> {
    this.looking = this.looking.then(() => this.look());
    return this.looking;
  }

  /** When each certificate at work ends, milliseconds since 1970. */
  expiries(): readonly { readonly door: DoorName; readonly expiresAt: number }[] {
    return this.watched.flatMap(({ door, files }) =>
      files.cert === null ? [] : [{ door: door.name, expiresAt: expiryOf(files.cert) }],
    );
  }

  private async watch(): Promise<void> {
    const { periodMs = PERIOD_MS } = this.options;
    const { signal } = this.stopping;
    this.warn();
    while (await sleep(periodMs, true, { signal, ref: false }).catch(() => false)) await this.reload();
  }

  private async look(): Promise<void> {
    for (const one of this.watched) await this.lookAt(one);
    this.warn();
  }

  private async lookAt(one: Watched): Promise<void> {
    const { door } = one;
    const { onEvent, now } = this.options;
    try {
      const files = await readTlsFiles(door.paths);
      const expiresAt = files.cert === null ? null : expiryOf(files.cert);
      if (!isSame(files, one.files)) {
        if (expiresAt !== null && expiresAt <= now()) {
          throw new Error(`${door.paths.cert} ended at ${new Date(expiresAt).toISOString()}`);
        }
        door.use(files);
        one.files = files;
        one.isWarned = false;
        onEvent({
          kind: 'certificate_reloaded',
          door: door.name,
          expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
        });
      }
      one.fault = null;
    } catch (error) {
      const detail = (error as Error).message;
      if (detail !== one.fault) onEvent({ kind: 'certificate_refused', door: door.name, detail });
      one.fault = detail;
    }
  }

  private warn(): void {
    for (const one of this.watched) {
      if (one.isWarned || one.files.cert === null) continue;
      const expiresAt = expiryOf(one.files.cert);
      if (expiresAt - this.options.now() > WARN_MS) continue;
      one.isWarned = true;
      const { name } = one.door;
      this.options.onEvent({ kind: 'certificate_expires', door: name, expiresAt: new Date(expiresAt).toISOString() });
    }
  }
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  const same = (x: Buffer | null, y: Buffer | null) => x === y || (x !== null && y !== null && x.equals(y));
  return same(a.cert, b.cert) && same(a.key, b.key) && same(a.ca, b.ca) && isSameSet(a.refused, b.refused);
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}
