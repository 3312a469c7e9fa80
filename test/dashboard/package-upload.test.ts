import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receivePackage, type Upload } from '../../src/dashboard/package-upload.ts';
import { asLoupeError } from '../../src/errors.ts';

const MAX_BYTES = 10_000;
let received: Upload | null = null;

const server = createServer((request, response) => {
  receivePackage(request, MAX_BYTES).then(
    (upload) => {
      received = upload;
      response.end('taken');
    },
    (error: unknown) => {
      const { code, message } = asLoupeError(error);
      response.end(`${code}: ${message}`);
    },
  );
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => server.close());

const leftBehind = () => readdirSync(tmpdir()).filter((name) => name.startsWith('loupe-package-')).length;

async function send(parts: Readonly<Record<string, string | null>>): Promise<string> {
  const form = new FormData();
  for (const [name, text] of Object.entries(parts)) {
    if (text === null) form.append(name, 'no file');
    else form.append(name, new Blob([text]), path.basename(name));
  }
  return (await fetch(url, { method: 'POST', body: form })).text();
}

describe('an uploaded package', () => {
  it('lies in a folder of its own, each file in its place, until it is removed', async () => {
    expect(await send({ 'manifest.json': '{}', 'model.onnx': 'abc', 'golden/a.png': 'x', 'report/r.md': '' })).toBe(
      'taken',
    );
    const folder = received?.folder ?? '';
    expect(readFileSync(path.join(folder, 'model.onnx'), 'utf8')).toBe('abc');
    expect(readdirSync(path.join(folder, 'golden'))).toEqual(['a.png']);
    expect(readdirSync(path.join(folder, 'report'))).toEqual(['r.md']);
    await received?.remove();
    expect(existsSync(folder)).toBe(false);
  });

  it.each([
    ['{"name":"plate","version":"2"}', 'plate/2'],
    ['{"name":"plate"}', ''],
    ['no JSON', ''],
  ])('with the manifest %s claims to be "%s"', async (manifest, claims) => {
    await send({ 'manifest.json': manifest });
    expect(received?.claims).toBe(claims);
    await received?.remove();
  });

  it.each(['../evil', 'golden/../../evil', '/etc/passwd', 'golden/.hidden', 'golden/a/b', 'other.txt'])(
    'is refused with a file for %s',
    async (name) => {
      const before = leftBehind();
      expect(await send({ 'model.onnx': 'abc', [name]: 'x' })).toMatch(/^invalid_request: expected manifest\.json/);
      expect(leftBehind()).toBe(before);
    },
  );

  it('is refused when it is too large, in one file or in all together', async () => {
    const half = 'x'.repeat(MAX_BYTES / 2 + 1);
    expect(await send({ 'model.onnx': 'x'.repeat(3 * MAX_BYTES) })).toMatch(/^message_too_large: .*10000 bytes/);
    expect(await send({ 'model.onnx': half, 'golden/a.png': half })).toMatch(/^message_too_large/);
  });

  it('is refused when it holds a field that is no file, or one file twice', async () => {
    expect(await send({ name: null })).toMatch(/^invalid_request: expected files only/);
    const form = new FormData();
    form.append('model.onnx', new Blob(['a']), 'model.onnx');
    form.append('model.onnx', new Blob(['b']), 'model.onnx');
    const answer = await fetch(url, { method: 'POST', body: form });
    expect(await answer.text()).toMatch(/^invalid_request: model\.onnx: .*EEXIST/);
  });

  it('is refused when it is no form, or one that is cut short', async () => {
    const json = await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(await json.text()).toMatch(/^invalid_request: expected multipart\/form-data, got "application\/json"/);
    const headers = { 'content-type': 'multipart/form-data' };
    const bare = await fetch(url, { method: 'POST', body: 'x', headers });
    expect(await bare.text()).toMatch(/^invalid_request: expected multipart\/form-data/);
    const cut = await fetch(url, {
      method: 'POST',
      body: '--b\r\nContent-Disposition: form-data; name="model.onnx"; filename="m"\r\n\r\nabc',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect(await cut.text()).toMatch(/^invalid_request/);
  });
});
