/** Tools that Debian and the Go proxy bring. In CI a missing one is a failure, elsewhere its tests are skipped, and say so. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The path of `tool`, or null where it is not on this machine. @throws in CI */
export function toolAt(tool: string, install: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', path.join(homedir(), 'go', 'bin')];
  const found = folders.map((folder) => path.join(folder, tool)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  const message = `NO ${tool} on this machine: its tests are skipped (${install})`;
  if (process.env['CI'] === 'true') throw new Error(message);
  console.warn(message);
  return null;
}
