/** What explains and proves a result, in a real browser: heat map, replay, proof sheet; and a camera that drifts. */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { drawPart, PART_SIZE } from '../../src/demo/part.ts';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { emptyFolder, ROOT, ServiceProcess, testSettings } from '../support/service-process.ts';
import { accessibilityFaults, overflowOf, Visitor } from '../support/visitor.ts';

/** Share of pixels of the heat map that are hot, and where their middle is, as fractions of the picture. */
const HOT = `(() => {
  const canvas = document.querySelector('canvas.heat');
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  let [count, x, y] = [0, 0, 0];
  for (let i = 0; i < width * height; i++) {
    if (data[i * 4 + 3] < 150) continue;
    count++;
    x += i % width;
    y += Math.floor(i / width);
  }
  return { share: count / (width * height), x: x / count / width, y: y / count / height };
})()`;

describe.skipIf(!hasBrowser())('a result on the page', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let visitor: Visitor;
  let resultId = '';
  const store = emptyFolder();

  async function send(camera: string, frameId: string, seed: number, defect: 'dent' | 'none'): Promise<string> {
    const url = `${service.addresses.http}/api/v1/frames?camera_id=${camera}&frame_id=${frameId}`;
    const body = await encodeJpeg(drawPart(seed, defect), PART_SIZE);
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } });
    return ((await response.json()) as { resultId: string }).resultId;
  }

  beforeAll(async () => {
    service = await ServiceProcess.start([
      ...testSettings(store, 'plate-demo'),
      `models.path=${path.join(ROOT, 'models')}`,
      'heat_maps.per_minute=0',
    ]);
    resultId = await send('cam-1', 'dented', 900_006, 'dent');
    browser = await openBrowser();
    visitor = new Visitor(browser, service.addresses.http);
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await service.end('SIGKILL');
  });

  const heatSwitch = (page: Page) => page.getByRole('button', { name: 'Heat map' });

  it('shows where the model saw the defect, when it is asked to, and remembers that', async () => {
    const page = await visitor.open(`results/${resultId}`);
    await page.locator('.picture img').waitFor();
    expect(await page.locator('canvas.heat').count()).toBe(0);
    await heatSwitch(page).click();
    await page.getByText('as the model itself says').waitFor({ timeout: 30_000 });
    await page.locator('canvas.heat').waitFor();
    const hot: { share: number; x: number; y: number } = await page.evaluate(HOT);
    expect(hot.share).toBeGreaterThan(0);
    expect(hot.share).toBeLessThan(0.25);
    const [part, good] = [drawPart(900_006, 'dent'), drawPart(900_006, 'none')];
    const at = part.findIndex((value, i) => Math.abs(value - (good[i] ?? 0)) > 30);
    const [x, y] = [((at / 3) % PART_SIZE) / PART_SIZE, Math.floor(at / 3 / PART_SIZE) / PART_SIZE];
    expect(Math.hypot(hot.x - x, hot.y - y)).toBeLessThan(0.2);
    // Placed exactly as its picture.
    const boxes = await Promise.all(['img', 'canvas'].map((tag) => page.locator(`.picture ${tag}`).boundingBox()));
    expect(boxes[1]).toEqual(boxes[0]);
    expect(await accessibilityFaults(page)).toEqual([]);
    await visitor.shoot(page, 'heat-map');
    await page.reload();
    await page.locator('canvas.heat').waitFor();
    await heatSwitch(page).click();
    await expect.poll(() => page.locator('canvas.heat').count()).toBe(0);
    await visitor.close(page);
  }, 60_000);

  it('stands on its tile with the heat map that was made of it', async () => {
    const page = await visitor.open('line');
    await page.locator('.tile .open canvas.heat').first().waitFor();
    await visitor.close(page);
  }, 30_000);

  it('says that the model has learned nothing of what a covered lens sees, and holds the part', async () => {
    const url = `${service.addresses.http}/api/v1/frames?camera_id=cam-dark&frame_id=dark`;
    const body = await encodeJpeg(Buffer.alloc(PART_SIZE * PART_SIZE * 3), PART_SIZE);
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } });
    const result = (await response.json()) as { resultId: string; disposition: string; unfamiliarity: number };
    expect(result.unfamiliarity).toBe(1);
    expect(result.disposition).not.toBe('accept');
    const page = await visitor.open(`results/${result.resultId}`);
    await page.getByText('Unlike anything the model has learned').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await visitor.close(page);
    const line = await visitor.open('line');
    await line.getByText('100 % unlike anything the model has learned').waitFor();
    await line.getByText('· unfamiliar').waitFor();
    await visitor.close(line);
  }, 30_000);

  it('is decided again with one tap, and proven on a sheet', async () => {
    const page = await visitor.open(`results/${resultId}`);
    await page.getByRole('button', { name: 'Decide again' }).click();
    await page.getByText(/Decided again just now: the same \(score \d\.\d+\)/).waitFor({ timeout: 30_000 });
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Proof sheet' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe(`proof-${resultId}.html`);
    const html = readFileSync(await download.path(), 'utf8');
    expect(html).toContain('✓ the same verdict');
    await visitor.close(page);
    // As the auditor sees it: a file of its own.
    const sheet = await visitor.open('line');
    const file = path.join(store, 'proof.html');
    writeFileSync(file, html);
    await sheet.goto(`file://${file}`);
    await sheet.getByRole('heading', { name: 'Checking by hand' }).waitFor();
    expect(await sheet.locator('svg rect').count()).toBeGreaterThan(0);
    expect(await sheet.locator('.no').count()).toBe(0);
    await visitor.shoot(sheet, 'proof-sheet');
    await visitor.close(sheet);
  }, 60_000);

  it('says when its picture was changed', async () => {
    const changed = await send('cam-1', 'changed', 900_016, 'dent');
    const { text } = await service.get(`/api/v1/results/${changed}`);
    const { image } = JSON.parse(text) as { image: { path: string } };
    writeFileSync(path.join(store, 'images', image.path), await encodeJpeg(drawPart(1, 'none'), PART_SIZE));
    const page = await visitor.open(`results/${changed}`);
    await page.getByText('The picture is NOT the one that was inspected.').waitFor();
    await page.getByRole('button', { name: 'Decide again' }).click();
    await page.getByText(/Cannot be decided again: .*expected SHA-256/).waitFor();
    await heatSwitch(page).click();
    await page.locator('.heat-switch').getByText('expected SHA-256').waitFor();
    await visitor.close(page, true);
  });

  it('has its heat map in the review too, and on a phone in Chinese', async () => {
    await send('cam-1', 'another', 900_026, 'dent');
    const page = await visitor.open('review', { heatMap: true });
    await page.locator('canvas.heat').waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Good part' }).waitFor();
    await visitor.close(page);
    const phone = await visitor.open(
      'review',
      { heatMap: true, language: 'zh', theme: 'dark' },
      { viewport: { width: 390, height: 844 } },
    );
    await phone.getByRole('button', { name: '热力图' }).waitFor();
    await phone.locator('canvas.heat').waitFor({ timeout: 30_000 });
    expect(await overflowOf(phone)).toBeLessThanOrEqual(0);
    await visitor.close(phone);
  }, 60_000);

  it('comes from a camera whose tile says that it is frozen', async () => {
    for (let i = 0; i < 5; i++) await send('cam-9', `frozen-${i}`, 900_001, 'none');
    const page = await visitor.open('line');
    await page.getByText('The very same picture 5 times').waitFor();
    await visitor.close(page);
    const chinese = await visitor.open('line', { language: 'zh' });
    await chinese.getByText('连续 5 次发送同一图像').waitFor();
    await visitor.close(chinese);
  });
});
