/** Debian's Chromium, headless, with a fresh profile. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** False where there is none; in CI that is a failure. */
export function hasBrowser(): boolean {
  if (existsSync(CHROMIUM)) return true;
  if (process.env['CI'] !== undefined) throw new Error(`${CHROMIUM} is missing in CI`);
  process.stderr.write(`SKIPPED: no browser, ${CHROMIUM} is missing\n`);
  return false;
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
