/** `/api/v1` of the real service: what it answers is what its OpenAPI document says. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cameraSchema, proofSchema, resultsPageSchema } from '../../src/dashboard/schemas.ts';
import { packageAt } from '../support/packages.ts';
import { emptyFolder, ServiceProcess, TEST_MODELS, testSettings } from '../support/service-process.ts';

const GOLDEN = path.join(TEST_MODELS, 'mean-brightness', '1', 'golden');
const EVIL = '<img src=x onerror=alert(1)>';
let service: ServiceProcess;

beforeAll(async () => {
  service = await ServiceProcess.start([...testSettings(emptyFolder()), 'store.images.keep=all']);
  for (const [i, name] of ['grey-51.png', 'grey-102.png', 'grey-204.png'].entries()) {
    const query = new URLSearchParams({ camera_id: 'cam-1', frame_id: `f-${i}`, part_id: `${EVIL}${i}`, job_id: 'j' });
    const body = readFileSync(path.join(GOLDEN, name));
    const url = `${service.addresses.http}/api/v1/frames?${query.toString()}`;
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/png' } });
    expect(response.status).toBe(200);
  }
});
afterAll(() => service.end('SIGKILL'));

const get = async (where: string) => {
  const { status, text } = await service.get(where);
  return { status, json: JSON.parse(text) as Record<string, unknown> };
};
const post = async (where: string, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(`${service.addresses.http}${where}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
};
const search = async (query: string) => resultsPageSchema.parse((await get(`/api/v1/results?${query}`)).json).results;

describe('/api/v1', () => {
  it('describes itself in OpenAPI 3.1: every operation, its right, its parameters', async () => {
    const { json } = await get('/api/v1/openapi.json');
    const document = json as { openapi: string; paths: Record<string, Record<string, Record<string, unknown>>> };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual(
      expect.arrayContaining([
        '/api/v1/cameras',
        '/api/v1/frames',
        '/api/v1/live',
        '/api/v1/openapi.json',
        '/api/v1/results',
        '/api/v1/results/export',
        '/api/v1/results/{id}',
        '/api/v1/results/{id}/image',
        '/api/v1/results/{id}/proof',
        '/api/v1/results/{id}/reviews',
        '/api/v1/reviews/queue',
        '/api/v1/status',
      ]),
    );
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.filter((operation) => typeof operation['x-right'] !== 'string')).toEqual([]);
    const names = (document.paths['/api/v1/results']?.['get']?.['parameters'] as { name: string }[] | undefined)?.map(
      ({ name }) => name,
    );
    expect(names).toContain('min_probability');
    expect(document.paths['/api/v1/results/{id}/reviews']?.['post']).toMatchObject({ 'x-right': 'review' });
    // A form of files, which no schema of ours reads.
    expect(document.paths['/api/v1/models']?.['post']).toMatchObject({
      'x-right': 'tune',
      requestBody: { content: { 'multipart/form-data': { schema: { required: ['manifest.json', 'model.onnx'] } } } },
      responses: { 201: {} },
    });
  });

  it('searches by part, job and probability', async () => {
    expect((await search('job=j')).map((row) => row.frameId)).toEqual(['f-2', 'f-1', 'f-0']);
    expect((await search(`part=${encodeURIComponent(`${EVIL}1`)}`)).map((row) => row.frameId)).toEqual(['f-1']);
    const [brightest] = await search('min_probability=0.5');
    expect(brightest?.frameId).toBe('f-2');
  });

  it('answers what it does not understand with a problem that names it', async () => {
    const response = await fetch(`${service.addresses.http}/api/v1/results?limit=0&colour=red`);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_request', retry: false });
    expect((await get('/api/v1/nothing')).json).toMatchObject({ status: 404 });
    // Each is a time to a reader that guesses.
    for (const since of ['0.5', '5', '2026-11-24', '2026-11-24T06:00:00']) {
      expect((await get(`/api/v1/results?since=${since}`)).status).toBe(400);
    }
    const wrong = await fetch(new URL('/api/v1/results/x/reviews', service.addresses.http), { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    const put = await fetch(`${service.addresses.http}/api/v1/frames?camera_id=cam-1`, { method: 'PUT', body: 'x' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await wrong.json()).toMatchObject({ code: 'invalid_request', status: 405 });
    const long = await get(`/api/v1/recipes/${'x'.repeat(5000)}/scores`);
    expect([long.status, long.json]).toMatchObject([400, { schema: 'inspection.error/1', code: 'invalid_request' }]);
    expect((await get('/api/v1/results/nobody')).json).toMatchObject({ status: 404, code: 'result_not_found' });
  });

  it('proves one result: chain and picture hash to what was recorded', async () => {
    const [row] = await search('limit=1');
    const proof = proofSchema.parse((await get(`/api/v1/results/${row?.resultId}/proof`)).json);
    expect([proof.chain.holds, proof.image.holds]).toEqual([true, true]);
  });

  it('exports CSV in which no id becomes a formula, and JSON lines', async () => {
    const csv = (await service.get('/api/v1/results/export?job=j')).text.trim().split('\n');
    expect(csv).toHaveLength(4);
    expect(csv[0]).toContain('ledger_seq,result_id,camera');
    const jsonl = (await service.get('/api/v1/results/export?format=jsonl&limit=2')).text.trim().split('\n');
    expect(jsonl.map((line) => (JSON.parse(line) as { frameId: string }).frameId)).toEqual(['f-2', 'f-1']);
  });

  it('shows the line, and streams it', async () => {
    // Five times a second the view reads what was committed.
    const shown = async () => cameraSchema.array().parse((await get('/api/v1/cameras')).json['cameras'])[0];
    await expect.poll(async () => (await shown())?.strip.length).toBe(3);
    expect(await shown()).toMatchObject({ cameraId: 'cam-1', isListed: false });
    const stream = await fetch(`${service.addresses.http}/api/v1/live`);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('event: camera')) text += (await reader?.read())?.value ?? '';
    expect(text).toContain('event: service');
    await reader?.cancel();
  });

  it('tells of the broker, the disk and certificates, and which kinds of defect there are', async () => {
    expect((await get('/api/v1/status')).json).toMatchObject({
      broker: { kind: 'embedded', isConnected: true },
      store: { diskDaysLeft: null },
      certificates: [],
    });
    expect((await get('/api/v1/reviews/queue')).json).toMatchObject({
      defectClasses: ['scratch', 'dent', 'crack', 'stain', 'missing', 'shape'],
    });
  });

  it('shows the report of a package, which can do nothing on this page', async () => {
    const models = emptyFolder();
    packageAt(path.join(models, 'mean-brightness', '1'), 'mean-brightness');
    mkdirSync(path.join(models, 'mean-brightness', '1', 'report'));
    writeFileSync(path.join(models, 'mean-brightness', '1', 'report', 'report.html'), '<script>alert(1)</script>');
    const other = await ServiceProcess.start([...testSettings(emptyFolder()), `models.path=${models}`]);
    try {
      const where = '/api/v1/models/mean-brightness/1';
      const report = await fetch(new URL(`${where}/report`, other.addresses.http));
      expect([report.status, report.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(report.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none';/);
      expect(JSON.parse((await other.get(where)).text)).toMatchObject({ hasReport: true });
      rmSync(path.join(models, 'mean-brightness', '1', 'report', 'report.html'));
      expect((await other.get(`${where}/report`)).status).toBe(404);
      writeFileSync(path.join(models, 'mean-brightness', '1', 'report', 'report.md'), '# <b>');
      const text = await fetch(new URL(`${where}/report`, other.addresses.http));
      expect([text.headers.get('content-type'), await text.text()]).toEqual(['text/plain; charset=utf-8', '# <b>']);
    } finally {
      await other.end('SIGKILL');
    }
  });

  it('keeps what a person says, and refuses what nobody says or another site asks', async () => {
    const [row] = await search('limit=1');
    const where = `/api/v1/results/${row?.resultId}/reviews`;
    const said = { label: 'ng', comment: EVIL, reviewer: 'ann' };
    expect((await post(where, said)).json).toMatchObject({ ...said, defectClass: null });
    expect((await get(where)).json).toMatchObject({ reviews: [said] });
    expect((await post(where, { label: 'ng' })).json).toMatchObject({ code: 'invalid_request' });
    expect((await post(where, { label: 'maybe', reviewer: 'ann' })).status).toBe(400);
    expect((await post('/api/v1/results/nobody/reviews', said)).status).toBe(404);
    expect((await get('/api/v1/results/nobody/reviews')).status).toBe(404);
    expect((await post(where, said, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });
});

it('asks for the right of each route, and takes the name of the token for who says so', async () => {
  const token = (name: string, rights: string) =>
    `{name: ${name}, token: ${name}-0123456789abcdef, rights: [${rights}]}`;
  const guarded = await ServiceProcess.start([
    ...testSettings(emptyFolder()),
    `auth.tokens=[${token('viewer', 'read')}, ${token('ann', 'read, review')}, ${token('cam', 'ingest')}]`,
  ]);
  try {
    const status = async (method: string, where: string, name: string | null) => {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (name !== null) headers['authorization'] = `Bearer ${name}-0123456789abcdef`;
      const body = method === 'POST' ? { body: '{"label":"ok","reviewer":"somebody else"}' } : {};
      const response = await fetch(`${guarded.addresses.http}${where}`, { method, headers, ...body });
      await response.body?.cancel();
      return response.status;
    };
    // Method and path, then the status for nobody, cam (ingest), viewer (read), ann (read and review).
    const table: readonly (readonly [string, string, number, number, number, number])[] = [
      ['GET', '/healthz', 200, 200, 200, 200],
      ['GET', '/readyz', 200, 200, 200, 200],
      ['GET', '/', 200, 200, 200, 200],
      ['GET', '/api/v1/openapi.json', 200, 200, 200, 200],
      ['GET', '/metrics', 401, 403, 200, 200],
      ['GET', '/api/v1/status', 401, 403, 200, 200],
      ['GET', '/api/v1/cameras', 401, 403, 200, 200],
      ['GET', '/api/v1/live', 401, 403, 200, 200],
      ['GET', '/api/v1/results', 401, 403, 200, 200],
      ['GET', '/api/v1/results/export', 401, 403, 200, 200],
      ['GET', '/api/v1/results/x', 401, 403, 404, 404],
      ['GET', '/api/v1/results/x/image', 401, 403, 404, 404],
      ['GET', '/api/v1/results/x/proof', 401, 403, 404, 404],
      ['GET', '/api/v1/results/x/reviews', 401, 403, 404, 404],
      ['GET', '/api/v1/reviews/queue', 401, 403, 200, 200],
      ['POST', '/api/v1/results/x/reviews', 401, 403, 403, 404],
      ['POST', '/api/v1/frames', 401, 400, 403, 403],
    ];
    for (const [method, where, ...expected] of table) {
      const seen: number[] = [];
      for (const name of [null, 'cam', 'viewer', 'ann']) seen.push(await status(method, where, name));
      expect([method, where, ...seen]).toEqual([method, where, ...expected]);
    }
  } finally {
    await guarded.end('SIGKILL');
  }
});
