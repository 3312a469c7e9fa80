/**
 * The page in a real browser, before the real service with the demo's cameras. With SCREENSHOTS_DIR=DIR it leaves pictures of
 * each page there: `SCREENSHOTS_DIR=docs/screenshots npx vitest run test/e2e`.
 */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, ROOT, ServiceProcess, TEST_MODELS, testSettings } from '../support/service-process.ts';
import { accessibilityFaults, overflowOf, seePart, Visitor } from '../support/visitor.ts';

const EVIL = '<img src=x onerror=alert(1)>';
const FIRST_LOAD_BYTES = 300_000;
const INTERACTIVE_MS = 1000;

describe.skipIf(!hasBrowser())('the page', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    service = await ServiceProcess.start(
      [...testSettings(emptyFolder(), 'plate-demo'), `models.path=${path.join(ROOT, 'models')}`],
      ['demo', '--json', '--fps', '2', '--defects', '0.2'],
    );
    browser = await openBrowser();
    visitor = new Visitor(browser, service.addresses.http);
  });
  afterAll(async () => {
    await browser.close();
    await service.end('SIGKILL');
  });

  const open = (...of: Parameters<Visitor['open']>) => visitor.open(...of);
  const shoot = (page: Page, name: string) => visitor.shoot(page, name);
  const close = (page: Page) => visitor.close(page);

  it('shows a tile per camera that moves with the line, and loads in under 300 kB and a second', async () => {
    const page = await open('line');
    let bytes = 0;
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    // The page itself; pictures of parts come on top as the line brings them.
    const pictures = new Set<string>();
    session.on('Network.responseReceived', ({ requestId, response }) => {
      if (response.url.includes('/api/')) pictures.add(requestId);
    });
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (!pictures.has(requestId)) bytes += encodedDataLength;
    });
    const load = async () => {
      const started = performance.now();
      await page.reload();
      await page.getByRole('heading', { name: 'demo-mqtt-2' }).waitFor();
      return performance.now() - started;
    };
    const times = [await load()];
    expect(await page.locator('.tile').count()).toBe(4);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(FIRST_LOAD_BYTES);
    const firstLoad = bytes;
    while (times.length < 5) times.push(await load());
    // The quickest of five, each with an empty cache: the engines of the demo have the same cores.
    const interactiveMs = Math.min(...times);
    const all = times.map((ms) => Math.round(ms)).join(', ');
    process.stdout.write(`first load ${Math.round(firstLoad / 1000)} kB, tiles after ${all} ms\n`);
    expect(interactiveMs).toBeLessThan(INTERACTIVE_MS);
    const strip = () => page.locator('.tile .strip').first().locator('i').count();
    const before = await strip();
    await expect.poll(strip, { timeout: 10_000 }).toBeGreaterThan(before);
    await expect.poll(() => page.locator('.tile .open').count(), { timeout: 15_000 }).toBeGreaterThan(2);
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, 'line');
    await close(page);
  }, 120_000);

  it('keeps a part that did not pass on its tile until somebody acknowledges it', async () => {
    const page = await open('line');
    const first = page.locator('.tile.FAIL, .tile.REVIEW').first();
    await first.waitFor();
    const name = (await first.getAttribute('aria-label')) ?? '';
    // By its name from here on: another may come to stand first meanwhile.
    const tile = page.getByRole('region', { name, exact: true });
    const acknowledged = () =>
      page.evaluate(`JSON.parse(localStorage['loupe.settings']).acknowledged?.[${JSON.stringify(name)}] ?? ''`);
    expect(await acknowledged()).toBe('');
    await seePart(page);
    await tile.getByRole('button', { name: 'Acknowledge' }).click();
    await expect.poll(acknowledged).toMatch(/^[0-9a-f-]{36}$/);
    await close(page);
  });

  it('finds a part, and shows what proves its verdict', async () => {
    // Which part of the line is the first to fail is the model's to say.
    const failed = async () => {
      const { text } = await service.get('/api/v1/results?camera=demo-grpc-1&verdict=FAIL&limit=1');
      return (JSON.parse(text) as { results: unknown[] }).results.length;
    };
    await expect.poll(failed, { timeout: 90_000 }).toBe(1);
    const page = await open('results');
    await page.getByLabel('Verdict').selectOption('FAIL');
    await page.getByLabel('Camera').fill('demo-grpc-1');
    await page.getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => page.locator('tbody .badge:not(.FAIL)').count()).toBe(0);
    const rows = page.locator('tbody tr');
    await rows.first().waitFor();
    expect(await rows.first().innerText()).toContain('demo-grpc-1');
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, 'results');
    await rows.first().getByRole('link').click();
    await page.getByText('This row hashes to what was recorded with it.').waitFor();
    await page.getByText('The picture is the very one that was inspected.').waitFor();
    await page.locator('.picture img').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, 'result');
    await close(page);
  }, 180_000);

  it('shows what was searched for last, whichever answer comes last', async () => {
    const page = await open('results');
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route(/camera=demo/, async (route) => {
      await released;
      await route.continue().catch(() => undefined);
    });
    await page.locator('tbody tr').first().waitFor();
    const search = page.getByRole('button', { name: 'Search' });
    await page.getByLabel('Camera').fill('demo-grpc-1');
    await search.click();
    await page.getByText('Working').waitFor();
    expect(await page.locator('tbody tr').count()).toBe(0);
    await page.getByLabel('Camera').fill('');
    await page.getByLabel('Part').fill('no such part');
    await search.click();
    await page.getByText('Nothing found.').waitFor();
    const answered = page.waitForResponse(/camera=demo/, { timeout: 1000 }).catch(() => null);
    release();
    await answered;
    expect(await page.locator('tbody tr').count()).toBe(0);
    await close(page);
  });

  it('is judged by keyboard: one key a part, undone by another', async () => {
    const page = await open('review');
    const frame = () => page.locator('.facts-list').innerText();
    await page.locator('.review .picture img').waitFor();
    // Until as many wait as are judged here: after the last one there is none to be seen for a while.
    const waiting = () => page.locator('.review .head .quiet').innerText();
    await expect.poll(waiting, { timeout: 30_000 }).toMatch(/^([3-9]|\d\d+)\+? to review/);
    const first = await frame();
    await shoot(page, 'review');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'scratch' }).click();
    await page.getByLabel('Comment').fill(EVIL);
    await page.locator('.stage').click();
    await seePart(page);
    await page.keyboard.press('n');
    await expect.poll(frame).not.toBe(first);
    const second = await frame();
    await seePart(page);
    await page.keyboard.press('o');
    await expect.poll(frame).not.toBe(second);
    await page.keyboard.press('z');
    await expect.poll(frame).toBe(second);
    await page.keyboard.press('z');
    await expect.poll(frame).toBe(first);
    const frameId = /demo-\d+-\d+/.exec(first)?.[0] ?? '';
    const camera = /demo-(grpc|mqtt)-\d/.exec(first)?.[0] ?? '';
    const { text } = await service.get(`/api/v1/results?camera=${camera}&frame=${frameId}`);
    const { results } = JSON.parse(text) as { results: { resultId: string }[] };
    const kept = await service.get(`/api/v1/results/${results[0]?.resultId}/reviews`);
    expect(JSON.parse(kept.text)).toMatchObject({
      reviews: [
        { label: 'ng', reviewer: 'Ann', defectClass: 'scratch', comment: EVIL },
        { label: 'withdrawn', reviewer: 'Ann' },
      ],
    });
    await close(page);
  });

  it('brings what came since to a queue that ran empty, and a key that is held down judges one part', async () => {
    const other = await ServiceProcess.start([
      ...testSettings(emptyFolder()),
      'recipes.default.pass_below=0',
      'recipes.default.fail_above=0',
    ]);
    try {
      const there = new Visitor(browser, other.addresses.http);
      const page = await there.open('review');
      await page.getByText('Nothing to review').waitFor();
      expect(await page.getByLabel('Comment').isDisabled()).toBe(true);
      const body = Uint8Array.from(await greyPng(200));
      for (const id of ['one', 'two', 'three']) {
        await fetch(`${other.addresses.http}/api/v1/frames?camera_id=c&frame_id=${id}`, { method: 'POST', body });
      }
      const left = page.locator('.review .head .quiet');
      await expect.poll(() => left.innerText(), { timeout: 15_000 }).toBe('3 to review');
      await seePart(page);
      await page.keyboard.down('o');
      await expect.poll(() => left.innerText()).toBe('2 to review');
      await seePart(page);
      await page.keyboard.down('o');
      await page.keyboard.up('o');
      await page.keyboard.press('z');
      await expect.poll(() => left.innerText()).toBe('3 to review');
      await there.close(page);
    } finally {
      await other.end('SIGKILL');
    }
  }, 60_000);

  it('asks who judges before it keeps a judgement', async () => {
    const page = await open('review', { reviewer: '' });
    await page.locator('.review .picture').waitFor();
    await page.keyboard.press('o');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('Type your name');
    // Where it is typed comes into view, and what is typed goes there.
    await page.keyboard.type('Mei');
    expect(await page.locator('input[name=reviewer]').inputValue()).toBe('Mei');
    await close(page);
  });

  it('speaks Chinese, is dark, and fits a phone', async () => {
    const page = await open('line', { language: 'zh', theme: 'dark' });
    await page.getByRole('link', { name: '产线' }).waitFor();
    await page.locator('.tile .strip').first().waitFor();
    const shown = '[document.documentElement.lang, getComputedStyle(document.body).colorScheme]';
    expect(await page.evaluate(shown)).toEqual(['zh-Hans', 'dark']);
    await expect.poll(() => page.locator('.tile .open').count(), { timeout: 15_000 }).toBeGreaterThan(1);
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, 'line-zh-dark');
    await page.setViewportSize({ width: 390, height: 844 });
    for (const where of ['line', 'results', 'review', 'quality', 'cuts', 'models', 'system']) {
      await page.goto(`${service.addresses.http}/#/${where}`);
      await page.locator('main').waitFor();
      expect([where, await overflowOf(page)]).toEqual([where, 0]);
      if (where === 'line') await shoot(page, 'line-phone');
    }
    await close(page);
  });

  it('shows the service itself', async () => {
    const page = await open('system');
    await page.getByText('can be written').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, 'system');
    await close(page);
  });

  it('puts a model to work and rolls back, each with one tap and one yes', async () => {
    const models = emptyFolder();
    const first = path.join(models, 'mean-brightness', '1');
    cpSync(path.join(TEST_MODELS, 'mean-brightness', '1'), first, { recursive: true });
    const other = await ServiceProcess.start([...testSettings(emptyFolder()), `models.path=${models}`]);
    const second = path.join(models, 'mean-brightness', '2');
    cpSync(first, second, { recursive: true });
    const manifest = path.join(second, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"version": "1"', '"version": "2"'));
    try {
      const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      await page.goto(`${other.addresses.http}/#/models`);
      page.setDefaultTimeout(15_000);
      const model = (version: string) => page.getByRole('region', { name: `mean-brightness/${version}` });
      await model('1').getByText('At work for: default').waitFor();
      await model('2').getByRole('button', { name: 'Golden images' }).click();
      await model('2').getByText('✓').waitFor();
      await model('2').getByRole('button', { name: 'Put to work' }).click();
      await page.getByRole('button', { name: 'Yes, do it' }).click();
      await model('2').getByText('At work for: default').waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.getByRole('button', { name: 'Back to the model before' }).click();
      await page.getByRole('button', { name: 'Yes, do it' }).click();
      await model('1').getByText('At work for: default').waitFor();
      await shoot(page, 'models');
      // Somebody else does it, without this page.
      await fetch(`${other.addresses.http}/api/v1/models/activate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'mean-brightness', version: '2' }),
      });
      await model('2').getByText('At work for: default').waitFor();
      await context.close();
    } finally {
      await other.end('SIGKILL');
    }
  }, 120_000);

  it('shows markup in ids as text', async () => {
    const query = new URLSearchParams({ camera_id: 'evil', frame_id: 'evil-1', part_id: EVIL, job_id: EVIL });
    const body = Buffer.from('no picture');
    const url = `${service.addresses.http}/api/v1/frames?${query.toString()}`;
    const sent = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/png' } });
    const { resultId } = (await sent.json()) as { resultId: string };
    const page = await open('line');
    const tile = page.getByRole('region', { name: 'evil' });
    await tile.getByText(EVIL).first().waitFor();
    expect(await tile.getByText('NOT INSPECTED').count()).toBeGreaterThan(0);
    await page.goto(`${service.addresses.http}/#/results/${resultId}`);
    await page.getByText(EVIL).first().waitFor();
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    await close(page);
  });

  it('shows what turns text or is not seen in an id, and keeps the id as it came', async () => {
    const turned = 'P-1\u202E7-4';
    const query = new URLSearchParams({ camera_id: 'turned', frame_id: 'turned-1', part_id: turned, job_id: turned });
    const url = `${service.addresses.http}/api/v1/frames?${query.toString()}`;
    const sent = await fetch(url, {
      method: 'POST',
      body: Buffer.from('no picture'),
      headers: { 'content-type': 'image/png' },
    });
    expect(await sent.json()).toMatchObject({ partId: turned });
    const page = await open('line');
    const shown = page.getByText('P-1[U+202E]7-4');
    await page.getByRole('region', { name: 'turned' }).locator(shown).first().waitFor();
    await page.goto(`${service.addresses.http}/#/results?part=${encodeURIComponent(turned)}`);
    await page.locator('td').and(shown).waitFor();
    await page.locator('tbody tr a').first().click();
    await page.locator('h1 bdi').and(shown).waitFor();
    await expect.poll(() => page.locator('dd').and(shown).count()).toBe(2);
    await close(page);
  });

  it('says at once that the service is gone', async () => {
    const other = await ServiceProcess.start(testSettings(emptyFolder()));
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(other.addresses.http);
    await page.getByRole('link', { name: 'Line' }).waitFor();
    // A connection that stays open and carries nothing any more.
    other.child.kill('SIGSTOP');
    await page.getByText('Connection lost').waitFor({ timeout: 12_000 });
    // Upgraded meanwhile: this page loads the new code.
    let isFirst = true;
    await page.route(`${other.addresses.http}/`, async (route) => {
      const isAsked = isFirst && route.request().resourceType() === 'fetch';
      const html = await (await route.fetch()).text();
      await route.fulfill({ contentType: 'text/html', body: isAsked ? html.replaceAll('.js"', '-2.js"') : html });
      isFirst &&= !isAsked;
    });
    const reloaded = page.waitForEvent('load', { timeout: 20_000 });
    other.child.kill('SIGCONT');
    await reloaded;
    await expect.poll(() => page.getByText('Connection lost').count(), { timeout: 12_000 }).toBe(0);
    await other.end('SIGKILL');
    await page.getByText('Connection lost').waitFor();
    // A page whose code was not fetched while there was somebody to fetch it from.
    await page.getByRole('link', { name: 'Quality' }).click();
    await page.getByText('This page could not be shown').waitFor();
    await page.getByText('Connection lost').waitFor();
    await page.getByRole('link', { name: 'Line' }).click();
    await expect.poll(() => page.getByText('This page could not be shown').count()).toBe(0);
    await context.close();
  });

  it('forgets a camera that the service does not know any more', async () => {
    const before = await ServiceProcess.start(testSettings(emptyFolder()));
    const { http } = before.addresses;
    const body = Uint8Array.from(await greyPng(20));
    await fetch(`${http}/api/v1/frames?camera_id=gone&frame_id=one`, { method: 'POST', body });
    const context = await browser.newContext({ locale: 'en-GB' });
    const page = await context.newPage();
    await page.goto(http);
    const tile = page.getByRole('region', { name: 'gone' });
    await tile.getByText('PASS').first().waitFor();
    let loads = 0;
    page.on('load', () => loads++);
    await before.end('SIGKILL');
    await page.getByText('Connection lost').waitFor();
    expect(await tile.getAttribute('class')).toContain('still');
    const askedForUpgrade = page.waitForResponse(`${http}/`);
    const after = await ServiceProcess.start([...testSettings(emptyFolder()), `http.listen=${new URL(http).host}`]);
    try {
      await expect.poll(() => page.getByText('Connection lost').count(), { timeout: 15_000 }).toBe(0);
      await page.getByText('No camera has sent anything yet').waitFor();
      expect(await tile.count()).toBe(0);
      // The code is the same: nothing is loaded again.
      await (await askedForUpgrade).finished();
      expect(loads).toBe(0);
      await context.close();
    } finally {
      await after.end('SIGKILL');
    }
  }, 60_000);

  it('asks for a token where the service wants one', async () => {
    const secret = 'ann-0123456789abcdef';
    const guarded = await ServiceProcess.start([
      ...testSettings(emptyFolder()),
      `auth.tokens=[{name: ann, token: ${secret}, rights: [ingest, read, review]}]`,
    ]);
    try {
      const context = await browser.newContext({ locale: 'en-GB' });
      const page = await context.newPage();
      await page.goto(guarded.addresses.http);
      await page.getByText('Sign in with a token').first().click();
      await page.getByLabel('Token').fill(secret);
      await page.getByRole('button', { name: 'Sign in with a token' }).click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      await page.goto(`${guarded.addresses.http}/#/system`);
      await page.getByText('can be written').waitFor();
      const frame = { method: 'POST', body: 'no picture', headers: { authorization: `Bearer ${secret}` } };
      await fetch(`${guarded.addresses.http}/api/v1/frames?camera_id=cam-1`, frame);
      await page.goto(`${guarded.addresses.http}/#/results`);
      // A link cannot send the token: the page fetches the file itself.
      const downloading = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Export CSV' }).click();
      expect(readFileSync(await (await downloading).path(), 'utf8')).toMatch(/^ledger_seq,result_id/);
      await context.close();
    } finally {
      await guarded.end('SIGKILL');
    }
  });
});
