/** People before the page in a real browser: the first run, signing in and out, roles, and names that are markup. */

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { greyPng } from '../support/images.ts';
import { PageClient, PASSWORD, setupCodeOf } from '../support/page-client.ts';
import { emptyFolder, ServiceProcess, testSettings } from '../support/service-process.ts';
import { accessibilityFaults, overflowOf, seePart, Visitor } from '../support/visitor.ts';

const EVIL = '<img src=x onerror=alert(1)>';
const PATIENT = 15_000;

describe.skipIf(!hasBrowser())('people', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let visitor: Visitor;
  beforeAll(async () => {
    service = await ServiceProcess.start([
      ...testSettings(emptyFolder()),
      'recipes.default.pass_below=0',
      'recipes.default.fail_above=0',
    ]);
    const body = Buffer.from(await greyPng(200));
    for (const id of ['one', 'two', 'three']) {
      const url = `${service.addresses.http}/api/v1/frames?camera_id=cam-1&frame_id=${id}`;
      await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/png' } });
    }
    browser = await openBrowser();
    visitor = new Visitor(browser, service.addresses.http);
  });
  afterAll(async () => {
    await browser.close();
    await service.end('SIGKILL');
  });

  async function open(...of: Parameters<Visitor['open']>): Promise<Page> {
    const page = await visitor.open(...of);
    page.setDefaultTimeout(PATIENT);
    return page;
  }
  // Each test is refused something.
  const close = (page: Page) => visitor.close(page, true);

  async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }

  it('begin with one admin, who has the code of the terminal', async () => {
    const page = await open('system');
    await page.getByText('Nobody has an account yet').waitFor();
    await page.getByRole('link', { name: 'Set up people' }).click();
    expect(await accessibilityFaults(page)).toEqual([]);
    await visitor.shoot(page, 'first-run');
    await page.getByLabel('Setup code').fill('AAAA-AAAA-AAAA-AAAA');
    await page.getByLabel('Name').fill('Ann');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByText('This is not the code of the running service.').waitFor();
    await page.getByLabel('Setup code').fill(setupCodeOf(service).toLowerCase());
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByRole('listitem', { name: 'Ann' }).waitFor();
    await page.locator('.me').getByText('Ann').waitFor();
    await close(page);
  });

  it('are added by an admin, and a name that is markup is a name', async () => {
    const page = await open('signin');
    await signIn(page, 'ann', 'not her password');
    await page.getByText('The name or the password is wrong.').waitFor();
    await signIn(page, 'ann');
    await page.getByRole('link', { name: 'People' }).click();
    for (const [name, role] of [
      ['Bob Miller', 'Operator'],
      ['Eve', 'Engineer'],
      [EVIL, 'Viewer'],
    ] as const) {
      await page.getByLabel('Name', { exact: true }).fill(name);
      await page.getByRole('button', { name: role, exact: true }).click();
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Add somebody' }).click();
      await page.getByRole('listitem', { name, exact: true }).waitFor();
    }
    await page.getByText('Ann: somebody added').first().waitFor();
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.evaluate('scrollTo(0, 0)');
    await visitor.shoot(page, 'people');
    // Whoever is added twice is refused, in words.
    await page.getByLabel('Name', { exact: true }).fill('BOB MILLER');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Add somebody' }).click();
    await page.getByText('there is an account of "Bob Miller" already').waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await overflowOf(page)).toBe(0);
    await close(page);
  }, 90_000);

  it('sign in and out, and the page follows', async () => {
    const page = await open('line');
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Name').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await visitor.shoot(page, 'sign-in');
    await signIn(page, 'Bob Miller');
    await page.locator('.me').getByText('Operator').waitFor();
    expect(await page.getByRole('link', { name: 'People' }).count()).toBe(0);
    await page.getByRole('link', { name: 'Review' }).click();
    await page.getByRole('button', { name: 'Good part' }).waitFor();
    expect(await page.getByLabel('Your name').count()).toBe(0);
    // The key is for the part that is shown.
    await page.locator('.facts-list').getByText('three').waitFor();
    await seePart(page);
    await page.keyboard.press('n');
    const judged = async () => {
      const { text } = await service.get('/api/v1/results?frame=three&camera=cam-1');
      const { results } = JSON.parse(text) as { results: { resultId: string }[] };
      const kept = await service.get(`/api/v1/results/${results[0]?.resultId}/reviews`);
      return (JSON.parse(kept.text) as { reviews: { reviewer: string; label: string }[] }).reviews;
    };
    await expect.poll(judged).toMatchObject([{ reviewer: 'Bob Miller', label: 'ng' }]);
    await page.goto(`${service.addresses.http}/#/models`);
    await page.getByText('This is for engineers.').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor();
    await page.goto(`${service.addresses.http}/#/review`);
    await page.getByRole('link', { name: 'Sign in to judge parts.' }).waitFor();
    expect(await page.getByRole('button', { name: 'Good part' }).count()).toBe(0);
    await close(page);
  }, 60_000);

  it('who only look cannot judge, by button, by key or by hand', async () => {
    const page = await open('signin');
    await signIn(page, EVIL);
    await page.locator('.me').getByText(EVIL).waitFor();
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    await page.goto(`${service.addresses.http}/#/review`);
    await page.getByText('Your role may look, not judge.').waitFor();
    expect(await page.getByRole('button', { name: 'Defect' }).count()).toBe(0);
    let posts = 0;
    page.on('request', (request) => (posts += request.method() === 'POST' ? 1 : 0));
    await page.keyboard.press('o');
    const where = '/api/v1/results/x/reviews';
    const headers = "{ 'content-type': 'application/json', 'x-loupe-page': '1' }";
    const forged = `fetch('${where}', { method: 'POST', headers: ${headers}, body: '{"label":"ok"}' }).then((r) => r.status)`;
    expect(await page.evaluate(forged)).toBe(403);
    expect(posts).toBe(1);
    await close(page);
  });

  it('are not made to act by the page of another port of this machine', async () => {
    const { createServer } = await import('node:http');
    const other = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end('<!doctype html>'),
    );
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const page = await open('signin');
    await signIn(page, 'Ann');
    await page.locator('.me').getByText('Ann').waitFor();
    await page.goto(`http://127.0.0.1:${port}/`);
    // It needs no leave of the service to be sent, and carries the cookie of 127.0.0.1, whatever the port.
    const sentTo: string[] = [];
    page.on('request', (request) => sentTo.push(`${request.method()} ${new URL(request.url()).pathname}`));
    const url = `${service.addresses.http}/api/v1/models/rollback`;
    const send = `fetch('${url}', { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}' }).catch(() => null)`;
    await page.evaluate(send);
    expect(sentTo).toEqual(['POST /api/v1/models/rollback']);
    const asked = `fetch('${service.addresses.http}/api/v1/session', {
      method: 'DELETE', credentials: 'include', headers: { 'x-loupe-page': '1' } }).then(() => 'done', () => 'refused')`;
    expect(await page.evaluate(asked)).toBe('refused');
    await page.goto(`${service.addresses.http}/#/line`);
    await page.locator('.me').getByText('Ann').waitFor();
    other.close();
    const { text } = await service.get('/api/v1/models/activations');
    expect(text).not.toContain('rollback');
    const ann = new PageClient(service);
    await ann.signIn('Ann', PASSWORD);
    const { json } = await ann.ask('GET', '/api/v1/audit');
    // Turned away at the door, before it was anybody's act.
    expect(JSON.stringify(json)).not.toContain('model_rollback');
    await close(page);
  }, 60_000);

  it('who are locked out see it on the page that they have open', async () => {
    const bob = await open('signin');
    await signIn(bob, 'Bob Miller');
    await bob.locator('.me').getByText('Bob Miller').waitFor();
    const ann = await open('signin');
    await signIn(ann, 'Ann');
    await ann.getByRole('link', { name: 'People' }).click();
    const row = ann.getByRole('listitem', { name: 'Bob Miller' });
    await row.getByRole('button', { name: 'Lock out' }).click();
    await ann.getByRole('button', { name: 'Yes, do it' }).click();
    await row.getByText('locked out').waitFor();
    await bob.getByRole('link', { name: 'Sign in', exact: true }).waitFor();
    await row.getByRole('button', { name: 'Let in again' }).click();
    await ann.getByRole('button', { name: 'Yes, do it' }).click();
    await row.getByText('looks and judges parts').waitFor();
    await close(bob);
    await close(ann);
  }, 60_000);

  it('find what they had typed when their session ended in the middle of it, and nobody else does', async () => {
    const ann = new PageClient(service);
    await ann.signIn('Ann', PASSWORD);
    const { json } = await ann.ask('GET', '/api/v1/users');
    const idOf = (name: string) =>
      (json['users'] as { id: string; name: string }[]).find((one) => one.name === name)?.id;
    const endSessionsOf = async (name: string) => {
      for (const isDisabled of [true, false]) {
        expect((await ann.ask('PATCH', `/api/v1/users/${idOf(name)}`, { isDisabled })).status).toBe(200);
      }
    };
    const bob = await open('signin');
    // What is typed belongs to a part: without one, while the queue is fetched, it is another field.
    const comment = bob.getByLabel('Comment').and(bob.locator(':enabled'));
    await signIn(bob, 'Bob Miller');
    await bob.getByRole('link', { name: 'Review' }).click();
    await comment.fill('deep, at the rim');
    const scratch = bob.getByRole('button', { name: 'scratch', pressed: true });
    await bob.getByRole('button', { name: 'scratch' }).click();
    await scratch.waitFor();
    await endSessionsOf('Bob Miller');
    await bob.getByRole('link', { name: 'Sign in to judge parts.' }).click();
    await bob.getByText('The session of Bob Miller has ended.').waitFor();
    await signIn(bob, 'Bob Miller');
    expect(await comment.inputValue()).toBe('deep, at the rim');
    await scratch.waitFor();
    await endSessionsOf('Bob Miller');
    await bob.getByRole('link', { name: 'Sign in to judge parts.' }).click();
    await signIn(bob, 'Eve');
    expect(await comment.inputValue()).toBe('');

    // Eve goes on with the cuts, which nobody changes behind her back.
    await bob.getByRole('link', { name: 'Cuts' }).click();
    await bob.getByRole('spinbutton', { name: 'FAIL from' }).fill('0.4');
    await bob.getByLabel('Reason').fill('too strict');
    await bob.getByRole('button', { name: 'Apply these cuts' }).click();
    await bob.route('**/api/v1/session', (route) => route.abort());
    await endSessionsOf('Eve');
    await bob.getByRole('button', { name: 'Yes, do it' }).click();
    const refusal = bob.getByRole('alert').getByText('You are not signed in, or not any more');
    await refusal.waitFor();
    expect((await refusal.boundingBox())?.y).toBeGreaterThan(0);
    expect((await refusal.boundingBox())?.y).toBeLessThan(800);
    await bob.unroute('**/api/v1/session');
    await bob.getByRole('link', { name: 'Sign in', exact: true }).click();
    await signIn(bob, 'Eve');
    expect(await bob.getByLabel('Reason').inputValue()).toBe('too strict');
    expect(await bob.getByRole('spinbutton', { name: 'FAIL from' }).inputValue()).toBe('0.4');
    await close(bob);
  }, 60_000);

  it('find what they had typed for a search when they sign in again, and nobody else does', async () => {
    const ann = new PageClient(service);
    await ann.signIn('Ann', PASSWORD);
    const { json } = await ann.ask('GET', '/api/v1/users');
    const bobs = (json['users'] as { id: string; name: string }[]).find(({ name }) => name === 'Bob Miller')?.id;
    const bob = await open('signin');
    await signIn(bob, 'Bob Miller');
    const signOut = bob.getByRole('button', { name: 'Sign out' });
    await signOut.waitFor();
    await bob.getByRole('link', { name: 'Results' }).click();
    const part = bob.getByLabel('Part', { exact: true });
    await part.fill('4711');
    for (const isDisabled of [true, false]) await ann.ask('PATCH', `/api/v1/users/${bobs}`, { isDisabled });
    await bob.evaluate("dispatchEvent(new Event('focus'))");
    await bob.getByRole('link', { name: 'Sign in', exact: true }).click();
    await bob.getByText('The session of Bob Miller has ended.').waitFor();
    await signIn(bob, 'Bob Miller');
    await part.waitFor();
    expect(await part.inputValue()).toBe('4711');
    await signOut.click();
    await bob.getByRole('link', { name: 'Sign in', exact: true }).click();
    await signIn(bob, 'Eve');
    await signOut.waitFor();
    expect(await part.inputValue()).toBe('');
    await bob.getByRole('link', { name: 'Line' }).click();
    await bob.goBack();
    await part.waitFor();
    expect(await part.inputValue()).toBe('');
    await close(bob);
  }, 60_000);

  it('may sign in on a page that was open while the service began, and are seen by the other tab', async () => {
    const page = await visitor.open('results');
    page.setDefaultTimeout(PATIENT);
    await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor();
    const began = { kind: 'anonymous', name: null, role: null, rights: ['read'], accounts: 'unknown' };
    await page.route('**/api/v1/session', (route) => route.fulfill({ json: began }), { times: 2 });
    await page.reload();
    await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor();

    const other = await page.context().newPage();
    await other.goto(`${service.addresses.http}/#/signin`);
    await signIn(other, 'Bob Miller');
    await other.locator('.me').getByText('Bob Miller').waitFor();
    await page.evaluate("dispatchEvent(new Event('focus'))");
    await page.locator('.me').getByText('Bob Miller').waitFor();
    await close(page);
  }, 60_000);

  it('see the line once the service knows its accounts, on a page that was refused until then', async () => {
    const page = await visitor.open('line');
    page.setDefaultTimeout(PATIENT);
    const tile = page.getByRole('heading', { name: 'cam-1' });
    await tile.waitFor();
    const began = { kind: 'anonymous', name: null, role: null, rights: ['ingest'], accounts: 'unknown' };
    const refusal = { code: 'unauthenticated', detail: 'this needs the right "read"' };
    await page.route('**/api/v1/session', (route) => route.fulfill({ json: began }), { times: 3 });
    await page.route('**/api/v1/live', (route) => route.fulfill({ status: 401, json: refusal }), { times: 1 });
    await page.reload();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    await tile.waitFor();
    await close(page);
  }, 60_000);

  it('are told within seconds that more parts wait than they have before them', async () => {
    const body = Buffer.from(await greyPng(200));
    const send = (id: string) =>
      fetch(`${service.addresses.http}/api/v1/frames?camera_id=cam-1&frame_id=${id}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'image/png' },
      });
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await send(`more-${id}`);
    const page = await open('review');
    const count = page.locator('aside .head .quiet');
    await expect.poll(() => count.innerText()).toMatch(/^\d+ to review$/);
    const before = Number.parseInt(await count.innerText(), 10);
    await send('yet-another');
    await page.getByText(`${before}+ to review`).waitFor();
    await close(page);
  }, 60_000);

  it('get a new password from an admin, whose form comes into view', async () => {
    const page = await open('signin', {}, { viewport: { width: 1024, height: 420 } });
    await signIn(page, 'Ann');
    await page.getByRole('link', { name: 'People' }).click();
    await page.getByRole('listitem', { name: 'Eve' }).getByRole('button', { name: 'New password' }).click();
    const field = page.getByRole('region', { name: 'New password for Eve' }).getByLabel('New password');
    await expect.poll(async () => (await field.boundingBox())?.y).toBeLessThan(420);
    await page.keyboard.type(PASSWORD);
    expect(await field.inputValue()).toBe(PASSWORD);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => field.count()).toBe(0);
    await close(page);
  });

  it('change their own password', async () => {
    const page = await open('signin');
    await signIn(page, 'Eve');
    await page.locator('.me').click();
    await page.getByLabel('Current password').fill(PASSWORD);
    await page.getByLabel('New password').fill('a longer one than before');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await page.locator('.me').getByText('Engineer').waitFor();
    expect((await new PageClient(service).signIn('Eve', PASSWORD)).status).toBe(401);
    await close(page);
  });

  it('find it in Chinese, in the dark and on a phone', async () => {
    const page = await open('signin', { language: 'zh', theme: 'dark' }, { viewport: { width: 390, height: 844 } });
    await page.getByLabel('姓名').fill('Ann');
    await page.getByLabel('密码', { exact: true }).fill('not her password');
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByText('姓名或密码错误。').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await visitor.shoot(page, 'sign-in-zh-dark-phone');
    await page.getByLabel('密码', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByRole('link', { name: '人员' }).click();
    await page.getByRole('listitem', { name: 'Ann' }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    // What the service refuses is said in Chinese first.
    await page.getByLabel('姓名', { exact: true }).fill('bob miller');
    await page.getByLabel('密码', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: '添加人员' }).click();
    await page.getByText('该姓名已被使用 (there is an account of "Bob Miller" already)').waitFor();
    await close(page);
  });
});
