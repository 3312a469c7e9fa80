/** Verdicts of a real service, proven again from its store; and what is said where that cannot be. */

import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../../src/record/ledger.ts';
import { StoreReader } from '../../src/record/store-reader.ts';
import { emptyFolder, loupe, ServiceProcess, TEST_MODELS, testSettings } from '../support/service-process.ts';
import { draftOf, inspectOver } from '../support/wire-client.ts';

const store = emptyFolder();
const models = path.join(emptyFolder(), 'models');

/** Left half black, right half white: half of it says more than the whole. */
async function halves(format: 'png' | 'jpeg'): Promise<Uint8Array> {
  const pixels = Buffer.from(Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 32 ? 0 : 255)));
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 1 } })
    .toFormat(format, { quality: 95 })
    .toBuffer();
}

async function replayed(folder: string, ...more: string[]) {
  const { code, stdout, stderr } = await loupe(['replay', '--store', folder, '--models', models, '--json', ...more]);
  if (!stdout.startsWith('{')) throw new Error(`exit ${code}: ${stderr}`);
  return { code, report: JSON.parse(stdout) as Record<string, unknown> & { differences: Record<string, unknown>[] } };
}

function copyOf(folder: string): string {
  const copy = path.join(emptyFolder(), 'store');
  cpSync(folder, copy, { recursive: true });
  return copy;
}

function imageOf(folder: string, frameId: string): string {
  const reader = new StoreReader(folder);
  const row = reader.query({ limit: 100 }).find((one) => one.frameId === frameId);
  reader.close();
  return path.join(folder, 'images', row?.imagePath ?? 'none');
}

beforeAll(async () => {
  cpSync(TEST_MODELS, models, { recursive: true });
  const service = await ServiceProcess.start([...testSettings(store), 'store.images.keep=all']);
  const right = { x: 0.5, y: 0, width: 0.5, height: 1 };
  // Rows of two bytes more than their pixels.
  const raw = new Uint8Array(18 * 16).fill(230);
  await inspectOver(service.addresses.grpc, [
    draftOf({ frameId: 'whole', partId: 'p1', image: { kind: 'encoded', bytes: await halves('png') } }),
    draftOf({ frameId: 'right', partId: 'p1', roi: right, image: { kind: 'encoded', bytes: await halves('png') } }),
    draftOf({ frameId: 'jpeg', roi: right, image: { kind: 'encoded', bytes: await halves('jpeg') } }),
    draftOf({ frameId: 'raw', image: { kind: 'raw', format: 'MONO8', width: 16, height: 16, stride: 18, bytes: raw } }),
  ]);
  const text = draftOf({ frameId: 'text', image: { kind: 'encoded', bytes: Buffer.from('no picture') } });
  await expect(inspectOver(service.addresses.grpc, [text])).rejects.toThrow();
  await service.end();
}, 60_000);

afterAll(() => rmSync(store, { recursive: true, force: true }));

describe('loupe replay', () => {
  it('proves files and raw pixels, whole and by region, and says what it could not replay', async () => {
    const { code, report } = await replayed(store);
    expect(report).toMatchObject({
      schema: 'loupe.replay/1',
      model: null,
      rows: 5,
      same: 4,
      different: 0,
      damaged: 0,
      notReplayable: 1,
      why: { not_inspected: 1 },
      maxScoreDifference: 0,
      differences: [],
    });
    expect(code).toBe(0);
  });

  it('does so only because the region stands in the row', async () => {
    const reader = new StoreReader(store);
    const rows = reader.query({ limit: 10 });
    reader.close();
    const of = (frameId: string) => rows.find((row) => row.frameId === frameId);
    expect(of('whole')).toMatchObject({ verdict: 'REVIEW', modelInput: { roi: null } });
    expect(of('right')).toMatchObject({ verdict: 'FAIL', modelInput: { roi: { x: 0.5, width: 0.5 } } });
  });

  it('filters as searches do, and takes one result', async () => {
    expect((await replayed(store, '--part', 'p1')).report).toMatchObject({ rows: 2, same: 2 });
    expect((await replayed(store, '--verdict', 'REVIEW')).report).toMatchObject({ rows: 1, same: 1 });
    expect((await replayed(store, '--limit', '2')).report).toMatchObject({ rows: 2 });
    const none = await replayed(store, '--camera', 'another');
    expect(none).toMatchObject({ code: 1, report: { rows: 0, same: 0 } });
    const { code, stderr } = await loupe(['replay', '--store', store, '--result', 'nothing']);
    expect([code, stderr]).toEqual([1, `loupe: no result "nothing" in ${store}\n`]);
  });

  it('lists the flips of another model, or of other cuts', async () => {
    const args = ['--model', 'mean-brightness/1', '--pass-below', '0.55', '--fail-above', '0.95'];
    const { code, report } = await replayed(store, ...args);
    expect(report).toMatchObject({
      model: 'mean-brightness/1',
      same: 2,
      different: 2,
      flips: { 'REVIEW>PASS': 1, 'FAIL>REVIEW': 1 },
      maxScoreDifference: null,
    });
    expect(new Set(report.differences.map((difference) => difference['frameId']))).toEqual(new Set(['raw', 'whole']));
    expect(code).toBe(1);
    const cuts = await loupe(['replay', '--store', store, '--pass-below', '0.1']);
    expect([cuts.code, cuts.stderr]).toEqual([2, expect.stringContaining('belong to --model')]);
  });

  it('finds pictures that were changed or are missing', async () => {
    const copy = copyOf(store);
    const file = imageOf(copy, 'whole');
    writeFileSync(file, readFileSync(file).subarray(1));
    rmSync(imageOf(copy, 'raw'));
    const { code, report } = await replayed(copy);
    expect(report).toMatchObject({ same: 2, damaged: 2 });
    expect(report.differences.map(({ replayed: one }) => (one as { why: string }).why).sort()).toEqual([
      'image_altered',
      'image_missing',
    ]);
    expect(code).toBe(1);
    const { stdout } = await loupe(['replay', '--store', copy, '--models', models]);
    expect(stdout).toMatch(/damaged {9}2 .*\n/);
    expect(stdout).toContain('cam-1/whole: ');
  });

  it('proves nothing without the models', async () => {
    const { code, stdout } = await loupe(['replay', '--store', store, '--models', emptyFolder()]);
    expect(code).toBe(1);
    expect(stdout).toContain('NOTHING REPLAYED');
    expect(stdout).toContain('model missing 4');
  });

  it('says of rows of an older Loupe that they lack the region', async () => {
    const old = copyOf(path.join(import.meta.dirname, '..', 'record', 'fixtures', 'schema-1'));
    const ledger = new Ledger({
      path: old,
      durability: 'full',
      images: { keep: 'all', keepPassRatio: 0 },
      retention: { maxAgeDays: null, maxBytes: null, minFreeBytes: 0 },
      maxPending: 10,
      onEvent: () => undefined,
    });
    await ledger.start();
    await ledger.stop();
    expect(await replayed(old)).toMatchObject({
      code: 1,
      report: { rows: 4, notReplayable: 4, why: { input_not_recorded: 3, not_inspected: 1 } },
    });
  });

  it('refuses what is no store', async () => {
    const { code, stderr } = await loupe(['replay', '--store', emptyFolder()]);
    expect(code).toBe(1);
    expect(stderr).toContain('ledger.db does not exist');
  });
});

describe('loupe proof', () => {
  const sheet = async (id: string, ...more: string[]) => {
    const out = path.join(emptyFolder(), 'proof.html');
    const ended = await loupe(['proof', id, '--store', store, '--models', models, '--out', out, ...more]);
    return { ...ended, html: ended.code === 0 ? readFileSync(out, 'utf8') : '' };
  };

  it('proves every result of a part on one sheet: picture, heat map, hashes, replay', async () => {
    const { code, stdout, html } = await sheet('p1');
    expect([code, stdout]).toEqual([0, expect.stringContaining('2 results')]);
    expect(html).toContain('every row and every kept picture agree');
    expect(html.match(/data:image\/png;base64,/g)).toHaveLength(2);
    expect(html.match(/✓ the same verdict/g)).toHaveLength(2);
    expect(html).toContain('x 0.5, y 0, width 0.5, height 1 of the picture');
    expect(html).toContain('<rect');
    expect(html).not.toContain('✕');
  });

  it('takes a frame id and a result id, makes a preview of raw pixels, and says why one was not inspected', async () => {
    const raw = await sheet('raw', '--no-verify');
    expect(raw.html).toContain('data:image/jpeg;base64,');
    expect(raw.html).toContain('The whole ledger was not');
    const reader = new StoreReader(store);
    const [text] = reader.byFrame('text');
    reader.close();
    const { html } = await sheet(text?.resultId ?? '', '--no-verify');
    expect(html).toContain('unsupported_format');
    expect(html).toContain('Not possible: it was recorded UNINSPECTED');
  });

  it('tells how to check it by hand, with commands that do', async () => {
    const { html } = await sheet('whole', '--no-verify');
    const [, block = ''] = /<pre>([^]*?)<\/pre>/.exec(html) ?? [];
    const script = block.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    const said = execFileSync('sh', ['-c', script], { cwd: store, encoding: 'utf8' });
    const expected = [...script.matchAll(/^# expected ([0-9a-f]{64})$/gm)].map(([, hash = '']) => hash);
    expect(expected).toHaveLength(2);
    for (const hash of expected) expect(said).toMatch(new RegExp(`^${hash} `, 'm'));
    expect(said).toContain('"whole"');
    expect(said).toMatch(/^ +verdict = REVIEW$/m);
  });

  it('changes nothing, and says what it cannot find or write', async () => {
    const before = readdirSync(path.join(store, 'images'), { recursive: true });
    expect((await sheet('right')).code).toBe(0);
    expect(readdirSync(path.join(store, 'images'), { recursive: true })).toEqual(before);
    const none = await sheet('nothing');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no part, frame or result "nothing"')]);
    const other = await sheet('p1', '--camera', 'cam-2');
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('of camera cam-2')]);
    const out = await loupe([
      'proof',
      'p1',
      '--store',
      store,
      '--models',
      models,
      '--out',
      '/nowhere/x.html',
      '--no-verify',
    ]);
    expect([out.code, out.stderr]).toEqual([1, expect.stringContaining('ENOENT')]);
  });

  it('says on the sheet what does not hold', async () => {
    const copy = copyOf(store);
    writeFileSync(imageOf(copy, 'whole'), 'another');
    const out = path.join(emptyFolder(), 'proof.html');
    await loupe(['proof', 'whole', '--store', copy, '--models', models, '--out', out]);
    const html = readFileSync(out, 'utf8');
    expect(html).toContain('✕ 1 problems found');
    expect(html).toMatch(/✕ [^<]*expected SHA-256/);
  });
});
