/** One folder for everything that a run of the tests leaves behind, removed at its end: stores and pictures of a hundred services. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export function setup(): () => void {
  const folder = mkdtempSync(path.join(tmpdir(), 'loupe-tests-'));
  process.env['TMPDIR'] = folder;
  // What a service that was killed still writes while it goes is tried again.
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
