/** Quality and the cuts workbench in a real browser, over a week of results that stand in the store already. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../../src/record/ledger.ts';
import { cam, decisionOf, imageOf } from '../record/support.ts';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { emptyFolder, ServiceProcess, TEST_MODELS, testSettings } from '../support/service-process.ts';
import { accessibilityFaults, overflowOf, Visitor } from '../support/visitor.ts';

const HOUR_MS = 3_600_000;
const CUTS = { passBelow: 0.3, failAbove: 0.7 };
const CLASSES = ['scratch', 'scratch', 'scratch', 'dent', 'dent', 'crack'];

/** Numbers from 0 to 1 that are the same in every run. */
function chance(): () => number {
  let state = 12_345;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Two cameras, a week, about 8 parts an hour each; the right camera rejects more since yesterday. */
async function weekIn(store: string): Promise<void> {
  const { sha256 } = JSON.parse(
    readFileSync(path.join(TEST_MODELS, 'mean-brightness', '1', 'manifest.json'), 'utf8'),
  ) as { sha256: string };
  const ledger = new Ledger({
    path: store,
    durability: 'normal',
    images: { keep: 'none', keepPassRatio: 0 },
    retention: { maxAgeDays: null, maxBytes: null, minFreeBytes: 0 },
    maxPending: 100_000,
    onEvent: () => undefined,
  });
  await ledger.start();
  const random = chance();
  const now = Date.now();
  const judged: { resultId: string; isDefective: boolean; defectClass: string | null }[] = [];
  const recorded: Promise<unknown>[] = [];
  for (let hour = 7 * 24; hour > 0; hour--) {
    for (let part = 0; part < 16; part++) {
      const isRight = part % 2 === 1;
      const isDefective = random() < (isRight && hour < 12 ? 0.35 : 0.07);
      const score = isDefective ? 0.35 + 0.65 * Math.sqrt(random()) : 0.6 * random() ** 3;
      const isUninspected = random() < 0.004;
      const verdict = isUninspected
        ? 'UNINSPECTED'
        : score >= CUTS.failAbove
          ? 'FAIL'
          : score < CUTS.passBelow
            ? 'PASS'
            : 'REVIEW';
      const image = imageOf(`${hour}/${part}`);
      const decision = decisionOf(`f-${hour}-${part}`, image, {
        verdict,
        cameraId: cam(isRight ? 'station-1-side' : 'station-1-top'),
        partId: `part-${hour}-${part}`,
        receivedAt: now - hour * HOUR_MS + part * 200_000,
        cuts: CUTS,
        defectProbability: isUninspected ? null : score,
        model: isUninspected ? null : { name: 'mean-brightness', version: '1', sha256 },
        times: { queueMs: 1, decodeMs: 3, inferMs: 8, totalMs: 12 + 30 * random() ** 4 },
      });
      recorded.push(ledger.record(decision, image, []));
      if (!isUninspected && random() < (verdict === 'PASS' ? 0.05 : 0.7)) {
        const defectClass = isDefective ? (CLASSES[Math.floor(random() * CLASSES.length)] ?? null) : null;
        judged.push({ resultId: decision.resultId, isDefective, defectClass });
      }
    }
  }
  await Promise.all(recorded);
  for (const { resultId, isDefective, defectClass } of judged) {
    const label = isDefective ? 'ng' : 'ok';
    const review = { resultId, label, defectClass, comment: null, reviewer: 'ann' } as const;
    await ledger.review({ ...review, reviewedAt: now - 20 * HOUR_MS });
    // Some come again a day later, and are not always judged alike.
    if (random() > 0.05) continue;
    const second = random() < 0.85 ? label : 'unsure';
    await ledger.review({ ...review, label: second, reviewer: 'bob', reviewedAt: now - HOUR_MS });
  }
  await ledger.stop();
}

describe.skipIf(!hasBrowser())('a week of results', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    const store = emptyFolder();
    await weekIn(store);
    service = await ServiceProcess.start([
      ...testSettings(store),
      `recipes.default.pass_below=${CUTS.passBelow}`,
      `recipes.default.fail_above=${CUTS.failAbove}`,
      'time_zone=UTC',
    ]);
    browser = await openBrowser();
    visitor = new Visitor(browser, service.addresses.http);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await service.end('SIGKILL');
  });

  const choose = (page: Page, label: string, option: string) =>
    page
      .locator('label', { hasText: new RegExp(`^${label}`) })
      .locator('select')
      .selectOption(option);

  it('is shown with yield, control limits, defects and what escaped', async () => {
    const page = await visitor.open('quality');
    await choose(page, 'Time', '7');
    await page.getByText('2,688').first().waitFor();
    await page.getByRole('img', { name: 'Rejected share' }).locator('canvas').waitFor();
    await page.getByText('Balanced: 2,688 rows').waitFor();
    expect(await page.locator('.pareto li').first().innerText()).toContain('scratch');
    const bar = await page.locator('.pareto .bar').first().boundingBox();
    expect(bar?.width).toBe((await page.locator('.pareto .scale').first().boundingBox())?.width);
    expect(await page.locator('.quality').innerText()).toMatch(/Escaped, of the defective.*\n.*\d+ \/ \d+ = /);
    expect(await page.locator('.quality').innerText()).toMatch(/bob: \d+ of \d+ alike · kappa 0\.\d\d/);
    await visitor.shoot(page, 'quality');
    expect(await accessibilityFaults(page)).toEqual([]);
    await choose(page, 'Camera', 'station-1-side');
    await choose(page, 'By', 'day');
    await page.getByText('1,344').first().waitFor();
    await page.getByText('above the upper limit').first().waitFor();
    await visitor.close(page);
  }, 60_000);

  it('is counted by the clock of the service, whatever that of the panel says', async () => {
    const page = await visitor.open('line');
    await page.clock.setFixedTime(Date.now() + 72 * HOUR_MS);
    await page.goto(page.url().replace('line', 'quality'));
    await page.getByText('Balanced: 2,688 rows').waitFor();
    expect(Number(await page.locator('.tiles dd').first().innerText())).toBeGreaterThan(16 * 22);
    expect(await page.getByRole('alert').count()).toBe(0);
    // So is what a certificate has left.
    await page.clock.setFixedTime(Date.now() - 1000 * 24 * HOUR_MS);
    await page.route('**/api/v1/status', async (route) => {
      const response = await route.fetch();
      const expiresAt = new Date(Date.now() + 3.5 * 24 * HOUR_MS).toISOString();
      const status = (await response.json()) as object;
      await route.fulfill({ response, json: { ...status, certificates: [{ door: 'http', expiresAt }] } });
    });
    await page.goto(page.url().replace('quality', 'system'));
    await page.locator('.banner.bad', { hasText: 'http: ends in 3 days' }).waitFor();
    await visitor.close(page);
  }, 60_000);

  it('is what cuts are tried on; applied with a reason, and taken back', async () => {
    const page = await visitor.open('cuts');
    const tried = page.locator('.compare tr', { hasText: 'Would pass' }).locator('td').last();
    await tried.waitFor();
    const before = await tried.innerText();
    await page.getByRole('spinbutton', { name: 'PASS below' }).fill('0.1');
    await expect.poll(() => tried.innerText()).not.toBe(before);
    await page.getByRole('slider', { name: 'FAIL from' }).focus();
    await page.keyboard.press('ArrowLeft');
    expect(await page.getByRole('spinbutton', { name: 'FAIL from' }).inputValue()).toBe('0.699');
    // On its way to 0.699 the field holds 0 and 0.6, of which neither takes the other cut along.
    const fail = page.getByRole('spinbutton', { name: 'FAIL from' });
    await fail.press('ControlOrMeta+a');
    await fail.pressSequentially('0.699');
    expect(await page.getByRole('spinbutton', { name: 'PASS below' }).inputValue()).toBe('0.1');
    await visitor.shoot(page, 'cuts');
    expect(await accessibilityFaults(page)).toEqual([]);

    await page.getByRole('button', { name: 'Apply these cuts' }).click();
    expect(await page.getByRole('alert').innerText()).toContain('Type a reason first');
    await page.getByLabel('Reason').fill('<b>the rim</b>');
    await page.getByRole('button', { name: 'Apply these cuts' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.locator('.events').getByText('<b>the rim</b>').waitFor();
    const recipes = async () => (await service.get('/api/v1/recipes')).text;
    expect(await recipes()).toContain('"cuts":{"passBelow":0.1,"failAbove":0.699}');
    await page.getByRole('button', { name: 'Take back the last change' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.locator('.events').getByText('taken back – Ann').waitFor();
    expect(await recipes()).toContain(`"cuts":{"passBelow":${CUTS.passBelow},"failAbove":${CUTS.failAbove}}`);
    await visitor.close(page);
  }, 60_000);

  it('takes back at once a change that the page saw before the answer came', async () => {
    const page = await visitor.open('cuts');
    await page.route('**/api/v1/recipes/default/cuts', async (route) => {
      const response = await route.fetch();
      await page.locator('.events').getByText('seen first').waitFor();
      await route.fulfill({ response });
    });
    await page.getByRole('spinbutton', { name: 'PASS below' }).fill('0.12');
    await page.getByLabel('Reason').fill('seen first');
    await page.getByRole('button', { name: 'Apply these cuts' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByRole('button', { name: 'Take back the last change' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByRole('alertdialog').waitFor({ state: 'detached', timeout: 5000 });
    await expect
      .poll(async () => (await service.get('/api/v1/recipes')).text)
      .toContain(`"cuts":{"passBelow":${CUTS.passBelow},"failAbove":${CUTS.failAbove}}`);
    await visitor.close(page);
  }, 60_000);

  it('tells who was too late, and changes nothing', async () => {
    // The browser complains of the refusal itself.
    const page = await new Visitor(browser, service.addresses.http).open('cuts');
    await page.getByRole('spinbutton', { name: 'PASS below' }).fill('0.2');
    const body = JSON.stringify({ passBelow: 0.25, failAbove: 0.7, reason: 'first', by: 'bob' });
    const headers = { 'content-type': 'application/json' };
    await fetch(`${service.addresses.http}/api/v1/recipes/default/cuts`, { method: 'POST', headers, body });
    await page.getByLabel('Reason').fill('second');
    await page.getByRole('button', { name: 'Apply these cuts' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByRole('alert').getByText('changed since you looked').waitFor();
    await page.locator('.events').getByText('bob: first').waitFor();
    await page.getByRole('status').getByText('bob has changed the cuts meanwhile').waitFor();
    expect(await page.getByLabel('Reason').inputValue()).toBe('second');
    expect((await service.get('/api/v1/recipes')).text).toContain('"passBelow":0.25');
    await page.context().close();
  }, 60_000);

  it('leaves an open question open, and what was typed, when a colleague changes the cuts', async () => {
    const page = await visitor.open('cuts');
    const pass = page.getByRole('spinbutton', { name: 'PASS below' });
    await pass.fill('0.15');
    await page.getByLabel('Reason').fill('mine');
    await page.getByRole('button', { name: 'Apply these cuts' }).click();
    const body = JSON.stringify({ passBelow: 0.22, failAbove: 0.8, reason: 'theirs', by: 'bob' });
    const headers = { 'content-type': 'application/json' };
    await fetch(`${service.addresses.http}/api/v1/recipes/default/cuts`, { method: 'POST', headers, body });
    const question = page.getByRole('alertdialog');
    await question.getByText('bob has changed the cuts meanwhile, from').waitFor({ timeout: 15_000 });
    await question.getByText('Now: 0.220 / 0.800').waitFor();
    // A tap on its way says yes to nothing.
    await question.getByRole('button', { name: 'Yes, do it' }).click();
    await question.getByRole('button', { name: 'No' }).click();
    expect(await pass.inputValue()).toBe('0.15');
    expect(await page.getByLabel('Reason').inputValue()).toBe('mine');
    expect((await service.get('/api/v1/recipes')).text).toContain('"passBelow":0.22');
    await page.waitForTimeout(1000);
    await page.getByRole('button', { name: 'Apply these cuts' }).click();
    await question.getByRole('button', { name: 'Yes, do it' }).click();
    await page.locator('.events').getByText('Ann: mine').waitFor();
    expect(await page.getByLabel('Reason').inputValue()).toBe('');
    expect(await page.getByText('meanwhile').count()).toBe(0);
    await visitor.close(page);
  }, 60_000);

  it('is saved as the fields say it, searched or not', async () => {
    const page = await new Visitor(browser, service.addresses.http).open('results');
    await page.locator('tbody tr').first().waitFor();
    await page.getByLabel('Part', { exact: true }).fill('part-7-3');
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export CSV' }).click();
    const rows = readFileSync(await (await downloading).path(), 'utf8')
      .trim()
      .split('\n');
    expect(rows.map((row) => row.split(',')[5])).toEqual(['part_id', 'part-7-3']);
    await page.getByLabel('Part', { exact: true }).fill('part-7-3333');
    await page.getByRole('button', { name: 'Export CSV' }).click();
    await page.getByRole('alert').getByText('Nothing found').waitFor();
    await page.getByLabel('Camera').fill('no camera!');
    await page.getByRole('button', { name: 'Export JSONL' }).click();
    await page.getByRole('alert').getByText('What was given is not accepted (camera: expected a camera id)').waitFor();
    await page.context().close();
  }, 60_000);

  it('is found again as it was left by whoever goes back to it', async () => {
    const page = await new Visitor(browser, service.addresses.http).open('results');
    const rows = page.locator('tbody tr');
    for (const count of [100, 150]) {
      await page.getByRole('button', { name: 'Load more' }).click();
      await expect.poll(() => rows.count()).toBe(count);
    }
    const far = rows.nth(140);
    const frame = await far.locator('td').nth(4).innerText();
    await far.locator('a').click();
    await page.getByRole('heading', { name: 'Proof' }).waitFor();
    await page.goBack();
    await expect.poll(() => rows.count()).toBe(150);
    const isSeen = () => page.getByRole('cell', { name: frame, exact: true }).isVisible();
    expect(await isSeen()).toBe(true);
    expect((await far.boundingBox())?.y).toBeLessThan(800);
    // What fails further down is said there.
    await page.route('**/api/v1/results?*', (route) => route.abort(), { times: 1 });
    await page.getByRole('button', { name: 'Load more' }).click();
    const box = await page.getByRole('alert').getByText('The service does not answer').boundingBox();
    expect(box?.y).toBeGreaterThan(0);
    expect(box?.y).toBeLessThan(800);
    expect(await page.evaluate<number>('scrollY')).toBeGreaterThan(5000);
    // Whoever comes anew finds the newest.
    await page.getByRole('link', { name: 'Line' }).click();
    await page.getByRole('link', { name: 'Results' }).click();
    await rows.first().waitFor();
    expect(await rows.count()).toBe(50);
    await page.context().close();
  }, 60_000);

  it('is found again by whoever goes back, forward and back: place, result, and what was typed', async () => {
    const page = await new Visitor(browser, service.addresses.http).open('results');
    // Low enough for a result to be scrolled, too.
    await page.setViewportSize({ width: 1280, height: 500 });
    const rows = page.locator('tbody tr');
    await rows.nth(49).waitFor();
    const part = page.getByLabel('Part', { exact: true });
    const scrolled = () => page.evaluate<number>('Math.round(scrollY)');
    await part.fill('part-7');
    await page.getByLabel('Verdict').selectOption('FAIL');
    await rows.nth(30).locator('a').click();
    const proof = page.getByRole('heading', { name: 'Proof' });
    await proof.waitFor();
    await page.evaluate('scrollTo(0, 250)');
    expect(await scrolled()).toBe(250);
    await page.goBack();
    await rows.nth(30).waitFor();
    const place = await scrolled();
    expect(place).toBeGreaterThan(800);
    for (let n = 0; n < 2; n++) {
      await page.goForward();
      await proof.waitFor();
      await expect.poll(scrolled).toBe(250);
      await page.goBack();
      await rows.nth(30).waitFor();
      await expect.poll(scrolled).toBe(place);
      expect(await part.inputValue()).toBe('part-7');
      expect(await page.getByLabel('Verdict').inputValue()).toBe('FAIL');
    }
    // Searched for, it stands at its own search and not at the one before.
    await page.getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => page.url()).toContain('part=part-7');
    await page.goBack();
    await expect.poll(() => part.inputValue()).toBe('');
    await page.goForward();
    await expect.poll(() => part.inputValue()).toBe('part-7');
    await page.context().close();
  }, 60_000);

  it('is printed on white, whatever the theme', async () => {
    const page = await visitor.open('quality?days=7', { theme: 'dark' });
    const lightest = () =>
      page.evaluate<number>(`(() => {
        const canvas = document.querySelector('canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let most = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 250) most = Math.max(most, Math.min(data[i], data[i + 1], data[i + 2]));
        return most;
      })()`);
    await page.locator('canvas').first().waitFor();
    await expect.poll(lightest).toBeGreaterThan(230);
    await page.emulateMedia({ media: 'print' });
    await expect.poll(lightest).toBeLessThan(230);
    const colours = "[getComputedStyle(document.documentElement), getComputedStyle(document.querySelector('.card'))]";
    expect(await page.evaluate(`${colours}.map(({ backgroundColor }) => backgroundColor)`)).toEqual([
      'rgb(255, 255, 255)',
      'rgb(255, 255, 255)',
    ]);
    // Nothing stands beyond the edge of the paper, A4 in CSS pixels.
    await page.setViewportSize({ width: 718, height: 1000 });
    for (const where of ['results', 'cuts', 'quality']) {
      await page.goto(`${service.addresses.http}/#/${where}`);
      await page.locator('.scroll tbody tr').first().waitFor();
      const beyond = "document.querySelector('.scroll table').getBoundingClientRect().right - innerWidth";
      expect([where, Math.max(0, await page.evaluate<number>(beyond))]).toEqual([where, 0]);
    }
    await visitor.close(page);
  }, 60_000);

  it('speaks Chinese, is dark, and fits a phone', async () => {
    for (const where of ['quality', 'cuts']) {
      const page = await visitor.open(where, { language: 'zh', theme: 'dark' });
      await page.getByRole('heading', { name: where === 'quality' ? '人工复判结果' : '阈值更改记录' }).waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      await visitor.shoot(page, `${where}-zh-dark`);
      await page.setViewportSize({ width: 390, height: 844 });
      expect([where, await overflowOf(page)]).toEqual([where, 0]);
      await visitor.shoot(page, `${where}-phone`);
      await visitor.close(page);
    }
  }, 60_000);
});
