/**
 * The main job, whole: the same pictures over gRPC and MQTT, into the ledger, onto the result topics, into the metrics. Real
 * pictures of parts where `../shared/data` is present, drawn parts everywhere.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { nextPart } from '../../src/demo/part-stream.ts';
import { verifyStore } from '../../src/record/verify.ts';
import {
  emptyFolder,
  loupe,
  ROOT,
  ServiceProcess,
  testSettings,
  total,
  TWO_ENGINES,
} from '../support/service-process.ts';

const DATA = path.resolve(ROOT, '..', 'shared', 'data');
const PER_FOLDER = 40;

interface Line {
  readonly camera: string;
  readonly frame_id: string;
  readonly verdict: string;
  readonly probability: number;
  readonly duplicate: boolean;
}

let service: ServiceProcess;
const store = emptyFolder();

beforeAll(async () => {
  service = await ServiceProcess.start([
    ...testSettings(store, 'plate-demo'),
    TWO_ENGINES,
    `models.path=${path.join(ROOT, 'models')}`,
    'store.images.keep=all',
  ]);
});
afterAll(() => service.end('SIGKILL'));

async function send(road: 'grpc' | 'mqtt', camera: string, files: readonly string[], more: readonly string[] = []) {
  const to = road === 'grpc' ? ['--grpc', service.addresses.grpc] : ['--mqtt', service.addresses.mqtt ?? ''];
  const { code, stdout, stderr } = await loupe(['send', ...to, '--camera', camera, '--json', ...more, ...files]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line & { summary?: unknown });
  expect(lines.at(-1)).toHaveProperty('summary');
  return lines.slice(0, -1);
}

async function drawnParts(): Promise<string[]> {
  const folder = emptyFolder();
  const files: string[] = [];
  for (let index = 0; index < 24; index++) {
    const { defect, pixels, size } = nextPart(index, 0.5, 7);
    const file = path.join(folder, `${String(index).padStart(2, '0')}-${defect}.jpg`);
    writeFileSync(file, await encodeJpeg(pixels, size));
    files.push(file);
  }
  return files;
}

const byFrame = (lines: readonly Line[]) => new Map(lines.map((line) => [line.frame_id, line]));

async function sameOnBothRoads(name: string, files: readonly string[]) {
  const results: Record<string, unknown>[] = [];
  const watcher = await mqtt.connectAsync(service.addresses.mqtt ?? '', { protocolVersion: 5 });
  watcher.on('message', (_topic, payload) => results.push(JSON.parse(String(payload)) as Record<string, unknown>));
  await watcher.subscribeAsync(`loupe/${name}-mqtt/result`, { qos: 1 });
  const grpc = byFrame(await send('grpc', `${name}-grpc`, files));
  const mqtt5 = byFrame(await send('mqtt', `${name}-mqtt`, files));
  expect(grpc.size).toBe(files.length);
  expect([...mqtt5.keys()].sort()).toEqual([...grpc.keys()].sort());
  for (const [frameId, line] of grpc) {
    expect(line.verdict).not.toBe('UNINSPECTED');
    expect(mqtt5.get(frameId)).toMatchObject({
      verdict: line.verdict,
      probability: line.probability,
      duplicate: false,
    });
  }
  await expect.poll(() => results.length, { timeout: 5000 }).toBe(files.length);
  for (const result of results) {
    const line = mqtt5.get(String(result['frameId']));
    expect(result).toMatchObject({
      schema: 'inspection.result/1',
      verdict: line?.verdict,
      defectProbability: line?.probability,
      transport: 'mqtt',
    });
  }
  const order = results.map((result) => Number(result['ledgerSeq']));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  await watcher.endAsync();
}

describe('the line', () => {
  it('gives drawn parts the same verdicts over gRPC and MQTT, and tells good from bad', async () => {
    const files = await drawnParts();
    await sameOnBothRoads('drawn', files);
    const again = await send('grpc', 'drawn-grpc', files);
    expect(again.every((line) => line.duplicate)).toBe(true);
    const passedDefects = again.filter((line) => line.verdict === 'PASS' && !line.frame_id.includes('none'));
    expect(passedDefects.length).toBeLessThanOrEqual(1);
  });

  it('gives them to MQTT 3.1.1 too', async () => {
    const files = (await drawnParts()).slice(0, 6);
    const lines = await send('mqtt', 'drawn-v4', files, ['--protocol', '4']);
    expect(lines).toHaveLength(6);
  });

  it.skipIf(!existsSync(DATA)).each(['casting', 'infrared_solar_modules'])(
    'inspects real pictures of %s, the same on both roads',
    async (folder) => {
      const files = ['ok', 'ng'].flatMap((label) => {
        const names = readdirSync(path.join(DATA, folder, label))
          .sort()
          .slice(0, PER_FOLDER);
        return names.map((name) => path.join(DATA, folder, label, name));
      });
      await sameOnBothRoads(folder.slice(0, 7), files);
    },
    60_000,
  );
  if (!existsSync(DATA)) process.stderr.write(`SKIPPED: no real pictures, ${DATA} is not there\n`);

  it('answers broken pictures as UNINSPECTED on both roads, and never ends the stream', async () => {
    const folder = emptyFolder();
    const [good = ''] = await drawnParts();
    const whole = readFileSync(good);
    writeFileSync(path.join(folder, 'a-truncated.jpg'), whole.subarray(0, whole.length / 2));
    writeFileSync(path.join(folder, 'b-text.jpg'), 'this is no picture');
    writeFileSync(path.join(folder, 'c-good.jpg'), whole);
    for (const road of ['grpc', 'mqtt'] as const) {
      const lines = byFrame(await send(road, `broken-${road}`, [folder]));
      expect(lines.get('a-truncated.jpg')).toMatchObject({
        verdict: 'UNINSPECTED',
        reason: 'bad_image',
        probability: null,
      });
      expect(lines.get('b-text.jpg')).toMatchObject({ verdict: 'UNINSPECTED', reason: 'unsupported_format' });
      expect(lines.get('c-good.jpg')?.verdict).not.toBe('UNINSPECTED');
    }
  });

  it('takes a frame by HTTP, and gives its result and its picture back', async () => {
    const [good = ''] = await drawnParts();
    const body = readFileSync(good);
    const url = `${service.addresses.http}/api/v1/frames?camera_id=debug&frame_id=4711&part_id=p-1&simulated=true`;
    const post = (bytes: Buffer) =>
      fetch(url, { method: 'POST', body: bytes, headers: { 'content-type': 'image/jpeg' } });
    const first = await post(body);
    const result = (await first.json()) as { resultId: string; partId: string; isSimulated: boolean };
    expect([first.status, result.partId, result.isSimulated]).toEqual([200, 'p-1', true]);
    expect(await (await post(body)).json()).toMatchObject({ resultId: result.resultId, duplicate: true });
    const other = await post(Buffer.concat([body, Buffer.from('x')]));
    expect([other.status, await other.json()]).toMatchObject([409, { code: 'frame_id_conflict' }]);
    const image = await fetch(`${service.addresses.http}/api/v1/results/${result.resultId}/image`);
    expect(Buffer.from(await image.arrayBuffer()).equals(body)).toBe(true);
    expect(image.headers.get('content-type')).toBe('image/jpeg');
    const bad = await fetch(`${service.addresses.http}/api/v1/frames?camera=x`, { method: 'POST', body });
    expect([bad.status, await bad.json()]).toMatchObject([400, { code: 'invalid_request' }]);
  });

  it('keeps state and status retained for whoever comes later', async () => {
    const late = await mqtt.connectAsync(service.addresses.mqtt ?? '', { protocolVersion: 5 });
    const seen = new Map<string, { readonly retain: boolean; readonly schema: unknown }>();
    late.on('message', (topic, payload, packet) => {
      seen.set(topic, { retain: packet.retain, schema: (JSON.parse(String(payload)) as { schema: unknown }).schema });
    });
    await late.subscribeAsync(['loupe/status', 'loupe/+/state'], { qos: 1 });
    await expect.poll(() => [...seen.keys()]).toContain('loupe/drawn-mqtt/state');
    await expect.poll(() => [...seen.keys()]).toContain('loupe/status');
    expect(seen.get('loupe/status')).toEqual({ retain: true, schema: 'loupe.status/1' });
    expect(seen.get('loupe/drawn-mqtt/state')).toEqual({ retain: true, schema: 'loupe.camera-state/1' });
    await late.endAsync();
  });

  it('balances: metrics, ledger and what was sent say the same, and promtool finds nothing', async () => {
    const samples = await service.samples();
    const received = total(samples, 'inspection_frames_received_total');
    expect(received).toBeGreaterThan(50);
    expect(received).toBe(total(samples, 'inspection_frames_total') + total(samples, 'inspection_frames_in_flight'));
    const report = await verifyStore(store);
    expect(report.findings).toEqual([]);
    for (const verdict of ['PASS', 'FAIL', 'REVIEW', 'UNINSPECTED']) {
      const label = `outcome="${verdict.toLowerCase()}"`;
      expect([verdict, report.verdicts[verdict] ?? 0]).toEqual([
        verdict,
        total(samples, 'inspection_frames_total', label),
      ]);
    }
    expect(samples.size).toBeLessThanOrEqual(1000);
    const { text } = await service.get('/metrics');
    const checked = promtool(text);
    if (checked !== null) expect(checked).toBe('');
  });

  it('the sqlite3 command line reads the ledger', async () => {
    const tool = '/usr/bin/sqlite3';
    if (!existsSync(tool)) {
      if (process.env['CI'] !== undefined) throw new Error(`${tool} is missing in CI`);
      process.stderr.write(`SKIPPED: ${tool} is missing\n`);
      return;
    }
    const sql = 'select count(*) from results';
    const rows = execFileSync(tool, ['-readonly', path.join(store, 'ledger.db'), sql], { encoding: 'utf8' });
    expect(Number(rows)).toBe((await verifyStore(store)).rows);
  });
});

/** What `promtool check metrics` complains about; null where there is none. */
function promtool(text: string): string | null {
  try {
    execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
    return '';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      if (process.env['CI'] !== undefined) throw new Error('promtool is missing in CI', { cause: error });
      process.stderr.write('SKIPPED: promtool is missing\n');
      return null;
    }
    return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  }
}
