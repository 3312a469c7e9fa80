/** What happens in the course of a shift: colleagues at other pages, back and reload, impatient fingers, a browser from elsewhere. */

import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MAX_WATCHERS } from '../../src/dashboard/live-feed.ts';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { emptyFolder, ROOT, ServiceProcess, testSettings } from '../support/service-process.ts';
import { seePart, Visitor } from '../support/visitor.ts';

describe.skipIf(!hasBrowser())('the page through a shift', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    const store = emptyFolder();
    const settings = [...testSettings(store, 'plate-demo'), `models.path=${path.join(ROOT, 'models')}`];
    const demo = await ServiceProcess.start(settings, ['demo', '--json', '--fps', '5', '--defects', '0.6']);
    service = demo;
    await vi.waitFor(async () => expect(await rejects(20)).toBe(20), { timeout: 60_000, interval: 500 });
    await demo.end();
    // Nothing new comes while people judge.
    service = await ServiceProcess.start([...settings, 'time_zone=Asia/Shanghai']);
    browser = await openBrowser();
    visitor = new Visitor(browser, service.addresses.http);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await service.end('SIGKILL');
  });

  async function rejects(limit: number): Promise<number> {
    const { text } = await service.get(`/api/v1/results?verdict=FAIL&limit=${limit}`);
    return (JSON.parse(text) as { results: unknown[] }).results.length;
  }
  const frameOf = (page: Page) => page.locator('.facts-list div', { hasText: 'Frame' }).locator('dd').innerText();
  const waiting = async (page: Page) => Number.parseInt(await page.locator('aside .head .quiet').innerText(), 10);

  it('takes a part that a colleague judges from the queue, says so, and lets no tap on its way judge the next', async () => {
    const ann = await visitor.open('review');
    const bob = await visitor.open('review', { reviewer: 'Bob' });
    const part = await frameOf(ann);
    expect(await frameOf(bob)).toBe(part);
    await bob.getByLabel('Comment').fill('about this one');
    await seePart(bob);
    const before = await waiting(bob);
    await ann.getByRole('button', { name: 'Defect' }).click();
    await bob.getByText(`Ann has judged ${part} meanwhile: defect.`).waitFor();
    await bob.getByRole('button', { name: 'Good part' }).click();
    await bob.waitForTimeout(300);
    expect(await waiting(bob)).toBe(before - 1);
    expect(await frameOf(bob)).toBe(await frameOf(ann));
    expect(await bob.getByLabel('Comment').inputValue()).toBe('');
    await visitor.close(ann);
    await visitor.close(bob);
  }, 60_000);

  it('judges one part by two quick taps', async () => {
    const page = await visitor.open('review');
    await frameOf(page);
    await seePart(page);
    const before = await waiting(page);
    await page.getByRole('button', { name: 'Unsure' }).dblclick();
    await seePart(page);
    expect(await waiting(page)).toBe(before - 1);
    await visitor.close(page);
  }, 60_000);

  it('takes a judgement back, and has what was typed, after a look at another page', async () => {
    const page = await visitor.open('review');
    await frameOf(page);
    await seePart(page);
    const before = await waiting(page);
    await page.getByRole('button', { name: 'Unsure' }).click();
    await expect.poll(() => waiting(page)).toBe(before - 1);
    await page.getByLabel('Comment').fill('as the one before');
    await page.getByRole('link', { name: 'Line' }).click();
    await page.locator('.tile').first().waitFor();
    await page.getByRole('link', { name: 'Review' }).click();
    await frameOf(page);
    expect(await page.getByLabel('Comment').inputValue()).toBe('as the one before');
    await page.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => waiting(page)).toBe(before);
    await visitor.close(page);
  }, 60_000);

  it('shows the next part where one has scrolled down to judge', async () => {
    // A panel of 1024x600 at 200 %.
    const page = await visitor.open('review', {}, { viewport: { width: 512, height: 300 } });
    await frameOf(page);
    await seePart(page);
    const before = await waiting(page);
    const whole = async (place: string) => {
      const box = await page.locator(place).boundingBox();
      return box !== null && box.y >= 0 && box.y + box.height <= 300;
    };
    await page.evaluate("document.querySelector('.stage').scrollIntoView()");
    expect([await whole('.stage .picture'), await whole('.judge .ng')]).toEqual([true, true]);
    await page.getByRole('button', { name: 'scratch' }).click();
    await page.getByLabel('Comment').fill('at the rim');
    expect(await whole('.stage .picture')).toBe(false);
    await page.getByLabel('Comment').blur();
    await page.keyboard.press('u');
    await expect.poll(() => waiting(page)).toBe(before - 1);
    expect(await whole('.stage .picture')).toBe(true);
    await visitor.close(page);
  }, 60_000);

  it('judges by no letter that chooses in a list, and one part by an Enter that is held down', async () => {
    const page = await visitor.open('review');
    await frameOf(page);
    await seePart(page);
    const before = await waiting(page);
    await page.getByLabel('Theme').focus();
    await page.keyboard.press('o');
    await seePart(page);
    expect(await waiting(page)).toBe(before);
    await page.getByRole('button', { name: 'Unsure' }).focus();
    for (let i = 0; i < 20; i++) {
      await page.keyboard.down('Enter');
      await page.waitForTimeout(50);
    }
    await page.keyboard.up('Enter');
    await seePart(page);
    expect(await waiting(page)).toBe(before - 1);
    await visitor.close(page);
  }, 60_000);

  it('says what to do where the service is not reached, and where too many watch', async () => {
    const page = await visitor.open('review');
    await frameOf(page);
    await seePart(page);
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Good part' }).click();
    await page.getByText('Not saved: The service does not answer.').waitFor();
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Good part' }).click();
    await expect.poll(() => page.getByRole('alert').count()).toBe(0);
    await visitor.close(page, true);

    const watching = new AbortController();
    const { signal } = watching;
    const watch = () => fetch(`${service.addresses.http}/api/v1/live`, { signal });
    const streams = await Promise.all(Array.from({ length: MAX_WATCHERS }, watch));
    expect(streams.every(({ ok }) => ok)).toBe(true);
    const late = await visitor.open('line');
    await late.getByText('Too many pages watch the line already').waitFor();
    watching.abort();
    await late.locator('.tile').first().waitFor();
    expect(await late.locator('.banner').count()).toBe(0);
    await visitor.close(late);
  }, 60_000);

  it('says after ten seconds that a judgement met no answer, and keeps what was typed', async () => {
    const page = await visitor.open('review');
    await frameOf(page);
    await seePart(page);
    await page.getByLabel('Comment').fill('a hair');
    const before = await waiting(page);
    await page.route('**/reviews', () => undefined);
    await page.getByRole('button', { name: 'Unsure' }).click();
    await page.getByText('Not saved: The service does not answer.').waitFor({ timeout: 15_000 });
    expect(await waiting(page)).toBe(before);
    expect(await page.getByLabel('Comment').inputValue()).toBe('a hair');
    await visitor.close(page, true);
  }, 60_000);

  it('acknowledges the part that was seen, not the one that came up under the finger', async () => {
    const send = async (part: string) => {
      const query = new URLSearchParams({ camera_id: 'cam-1', frame_id: part, part_id: part });
      const url = `${service.addresses.http}/api/v1/frames?${query.toString()}`;
      const sent = await fetch(url, { method: 'POST', body: 'no picture', headers: { 'content-type': 'image/png' } });
      return ((await sent.json()) as { resultId: string }).resultId;
    };
    const page = await visitor.open('line');
    const seen = await send('part-a');
    await page.getByRole('region', { name: 'cam-1', exact: true }).getByText('part-a').waitFor();
    await seePart(page);
    const tapped = page.evaluate(`new Promise((done) => {
      const look = () => {
        const tile = document.querySelector('section[aria-label="cam-1"]');
        if (!tile.textContent.includes('part-b')) return requestAnimationFrame(look);
        tile.querySelector('.open button').click();
        done();
      };
      look();
    })`);
    await send('part-b');
    await tapped;
    const tile = page.getByRole('region', { name: 'cam-1', exact: true });
    expect(await page.evaluate(`JSON.parse(localStorage['loupe.settings']).acknowledged['cam-1']`)).toBe(seen);
    await tile.getByText('part-b').waitFor();
    await seePart(page);
    await tile.getByRole('button', { name: 'Acknowledge' }).click();
    await expect.poll(() => tile.getByText('part-b').count()).toBe(0);
    await visitor.close(page);
  }, 60_000);

  it('keeps what was searched when one comes back, reloads or has it as a bookmark', async () => {
    const page = await visitor.open('results?verdict=FAIL&camera=demo-grpc-2');
    const isKept = async () => {
      await page.locator('tbody tr').first().waitFor();
      expect(await page.locator('tbody .badge:not(.FAIL)').count()).toBe(0);
      expect(await page.getByLabel('Camera').inputValue()).toBe('demo-grpc-2');
      expect(await page.getByLabel('Verdict').inputValue()).toBe('FAIL');
    };
    await isKept();
    await page.locator('tbody a').first().click();
    await page.getByRole('button', { name: 'Back' }).click();
    await isKept();
    await page.reload();
    await isKept();
    await page.getByLabel('Camera').fill('demo-mqtt-1');
    await page.getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => page.locator('tbody tr', { hasText: 'demo-grpc-2' }).count()).toBe(0);
    await page.goBack();
    await expect.poll(() => page.locator('tbody tr', { hasText: 'demo-mqtt-1' }).count()).toBe(0);
    await isKept();
    await page.goto(`${service.addresses.http}/#/quality?days=7&by=shift&camera=demo-grpc-1`);
    await page.getByRole('row', { name: /demo-grpc-1/ }).waitFor();
    expect(await page.getByRole('row', { name: /demo-grpc-2/ }).count()).toBe(0);
    expect(await page.getByLabel('Camera').locator('option').allInnerTexts()).toContain('demo-grpc-2');
    expect(await page.title()).toBe('Quality – Loupe');
    await visitor.close(page);
  }, 60_000);

  it('writes times of the plant in the language of the page, wherever the browser is from', async () => {
    const { text } = await service.get('/api/v1/results?limit=1');
    const [row] = (JSON.parse(text) as { results: { receivedAt: string }[] }).results;
    const at = new Date(String(row?.receivedAt));
    const said = at.toLocaleString('en-GB', { timeZone: 'Asia/Shanghai', dateStyle: 'medium', timeStyle: 'medium' });
    const page = await visitor.open('results', {}, { locale: 'de-DE', timezoneId: 'America/New_York' });
    expect(await page.locator('tbody tr').first().innerText()).toContain(said);
    // What is typed is of that clock too.
    const local = (ms: number) => new Date(ms + 8 * 3_600_000).toISOString().slice(0, 16);
    await page.getByLabel('From', { exact: true }).fill(local(at.getTime() + 60_000));
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('Nothing found.').waitFor();
    await page.getByLabel('From', { exact: true }).fill(local(at.getTime() - 60_000));
    await page.getByRole('button', { name: 'Search' }).click();
    await page.locator('tbody tr').first().waitFor();
    await visitor.close(page);
  }, 60_000);
});
