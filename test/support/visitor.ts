/** Somebody before the page: opens it with settings of their own, listens for complaints, asks axe, takes pictures. */

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const SCREENSHOTS = process.env['SCREENSHOTS_DIR'];
const SETTINGS = { language: 'en', theme: 'light', reviewer: 'Ann' };

export class Visitor {
  private readonly browser: Browser;
  private readonly address: string;
  /** Errors of the page's console and scripts. */
  private readonly complaints: string[] = [];

  constructor(browser: Browser, address: string) {
    this.browser = browser;
    this.address = address;
  }

  async open(where: string, over: Record<string, unknown> = {}, context: BrowserContextOptions = {}): Promise<Page> {
    const viewport = { width: 1280, height: 800 };
    const opened = await this.browser.newContext({ viewport, locale: 'en-GB', ...context });
    const text = JSON.stringify(JSON.stringify({ ...SETTINGS, ...over }));
    await opened.addInitScript(`localStorage['loupe.settings'] ??= ${text}`);
    const page = await opened.newPage();
    page.on('dialog', () => {
      throw new Error('something on the page called alert()');
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    await page.goto(`${this.address}/#/${where}`);
    return page;
  }

  /** With SCREENSHOTS_DIR set; else nothing. */
  async shoot(page: Page, name: string): Promise<void> {
    if (SCREENSHOTS === undefined) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    // Evaluated from outside: the page's CSP lets nothing be evaluated within.
    const isDrawn = () => page.evaluate<boolean>('[...document.images].every((image) => image.complete)');
    await expect.poll(isDrawn, { timeout: 5000 }).toBe(true);
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
  }

  /** Fails where the page complained. @param isRefused whether the service was to refuse something, which a browser complains of */
  async close(page: Page, isRefused = false): Promise<void> {
    await page.context().close();
    const complaints = this.complaints.splice(0);
    const ofRefusals = /^Failed to load resource|^Access to fetch .* blocked by CORS policy/;
    expect(complaints.filter((text) => !(isRefused && ofRefusals.test(text)))).toEqual([]);
  }
}

/** What can be touched and is lower or narrower than 44 px: gloves miss it. */
const SMALL_TARGETS = `[...document.querySelectorAll('a, button, select, input, summary, .u-series th')]
  .map((element) => ({ box: element.getBoundingClientRect(), html: element.outerHTML.slice(0, 200) }))
  .filter(({ box }) => box.width > 0 && Math.min(box.width, box.height) < 43.5)
  .map(({ box, html }) => 'small target, ' + Math.round(box.width) + 'x' + Math.round(box.height) + ': ' + html)`;

/** Serious findings of axe, and small targets. The page's CSP forbids the script, so it is injected past it. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const found: { id: string; impact: string | null; nodes: { html: string }[] }[] = await page.evaluate(
    'axe.run().then((result) => result.violations)',
  );
  const serious = found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  return [...serious, ...(await page.evaluate<string[]>(SMALL_TARGETS))];
}

/** Long enough that the page takes a part of Review for seen. */
export const seePart = (page: Page) => page.waitForTimeout(500);

/** How far the page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
}
