/** The machine: Node, memory, clock, disk. */

import { execFile } from 'node:child_process';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { SQLITE_PACKAGE, schemaOf, sqliteVersion } from '../../record/database.ts';
import { SCHEMA_VERSION } from '../../record/migrations/index.ts';
import { type Check, fail, ok, warn } from './check.ts';

const OLDEST_NODE = [20, 19] as const;
const GB = 1024 ** 3;
/** statfs magic numbers of network file systems: SQLite's locks and fsync cannot be trusted there. */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
]);
/** What such a file system holds is gone with the machine's next start, or with the container. */
const PASSING_FILE_SYSTEMS = new Map([
  [0x01021994, 'tmpfs, which the next start of the machine empties'],
  [0x858458f6, 'ramfs, which the next start of the machine empties'],
  [0x794c7630, 'overlayfs, which goes with its container'],
]);

export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    return fail('node', version, `install Node ${OLDEST_NODE.join('.')} or newer; 24 is the one to choose`);
  }
  if (major < 22) return warn('node', version, 'Node 20 gets no security fixes since April 2026: move to 24');
  return ok('node', version);
}

/** SQLite's package is chosen by npm for the Node that installs; where another one runs, there is no store, and the service is never ready. */
export function checkSqlite(version = sqliteVersion, from = SQLITE_PACKAGE): Check {
  try {
    return ok('sqlite', version());
  } catch (error) {
    const found = (error as Error).message.replaceAll('\n', ' ');
    const needs = from === 'better-sqlite3' ? '' : '; it needs a C++ toolchain and Python (python3 make g++)';
    return fail('sqlite', found, `run \`npm ci\` with this Node, ${process.versions.node}${needs}`);
  }
}

/** A ledger that a newer version wrote, or that is damaged, ends the service at its start. */
export function checkLedger(store: string): Check {
  try {
    const schema = schemaOf(store);
    if (schema === 0) return ok('ledger', 'none yet');
    return ok('ledger', `schema ${schema}${schema < SCHEMA_VERSION ? `, becomes ${SCHEMA_VERSION} at the start` : ''}`);
  } catch (error) {
    return fail(
      'ledger',
      (error as Error).message,
      'restore a backup, or run the version that wrote it: docs/operations/upkeep.md',
    );
  }
}

/** @param limit of the container or unit, in bytes; 0: none. What of it is in use is not looked at: files that are cached count as used. */
export function checkMemory(limit = process.constrainedMemory()): Check {
  const within = (bytes: number) => (limit > 0 ? Math.min(bytes, limit) : bytes);
  const free = within(freemem());
  const total = within(totalmem());
  const found = `${availableParallelism()} cores, ${(free / GB).toFixed(1)} of ${(total / GB).toFixed(1)} GiB free`;
  return free < GB
    ? warn('machine', found, 'less than 1 GiB is free; each engine needs 150 to 400 MB')
    : ok('machine', found);
}

/** A wrong clock makes wrong times in the ledger, and retention that deletes too early or never. */
export async function checkClock(now = Date.now()): Promise<Check> {
  const shown = new Date(now).toISOString();
  if (now < Date.UTC(2026, 0, 1)) return fail('clock', shown, 'the clock is wrong: set it, and run an NTP client');
  try {
    const { stdout } = await promisify(execFile)('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], {
      timeout: 2000,
    });
    return stdout.trim() === 'yes'
      ? ok('clock', `${shown}, synchronised`)
      : warn('clock', `${shown}, not synchronised`, 'run an NTP client (systemd-timesyncd or chrony)');
  } catch {
    return warn(
      'clock',
      `${shown}, cannot tell whether it is synchronised`,
      'see that an NTP client runs (timedatectl is not here)',
    );
  }
}

const PROBES = 20;

/** Whether the store can be written and synced, how fast, and how much room it has. Makes no folder: it would be of whoever asks. */
export async function checkDisk(store: string, minFreeBytes: number): Promise<Check> {
  const place = await nearestFolder(path.resolve(store));
  const probe = path.join(place, `.loupe-doctor-${process.pid}`);
  try {
    const { bavail, bsize, type } = await statfs(place);
    const file = await open(probe, 'w');
    const times: number[] = [];
    try {
      for (let i = 0; i < PROBES; i++) {
        const from = performance.now();
        await file.write(Buffer.alloc(4096, i), 0, 4096, 0);
        await file.datasync();
        times.push(performance.now() - from);
      }
    } finally {
      await file.close();
      await rm(probe, { force: true });
    }
    const freeBytes = bavail * bsize;
    const median = times.sort((a, b) => a - b)[PROBES / 2] ?? 0;
    const isThere = place === path.resolve(store);
    const found = `${path.resolve(store)}${isThere ? '' : ', made at the start'}: ${(freeBytes / GB).toFixed(1)} GiB free, a synced write takes ${median.toFixed(2)} ms`;
    const network = NETWORK_FILE_SYSTEMS.get(type);
    if (network !== undefined)
      return fail('disk', `${found}, on ${network}`, 'put the store on a local disk: SQLite needs its locks and fsync');
    const passing = PASSING_FILE_SYSTEMS.get(type);
    if (passing !== undefined)
      return warn('disk', `${found}, on ${passing}`, 'put the store on a disk, or on a volume of its own');
    if (freeBytes < minFreeBytes)
      return warn('disk', found, 'less is free than store.retention.min_free_bytes: images will be deleted');
    if (median > 50) return warn('disk', found, 'slow to sync: every answer waits for it; use an SSD');
    return ok('disk', found);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const advice = code === 'ENOSPC' ? 'free space on this disk' : 'make store.path a folder this user can write';
    return fail('disk', `${path.resolve(store)}: ${message}`, advice);
  }
}

/** `folder`, or what stands above it where it does not exist yet. */
async function nearestFolder(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  const above = path.dirname(folder);
  return isThere || above === folder ? folder : nearestFolder(above);
}
