import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StoreReader } from '../../src/record/store-reader.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { ledgerAt, openLedger, recordFrame, storeFolder } from './support.ts';

const LEDGER = new URL('../../dist/record/ledger.js', import.meta.url).href;

/** Records as fast as it goes, eight at a time, and says each result id as soon as it is answered. */
const CHILD = `
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Ledger } from '${LEDGER}';
const [path, prefix] = process.argv.slice(1);
const ledger = new Ledger({ path, durability: 'full', images: { keep: 'all', keepPassRatio: 0 }, maxPending: 1000,
  retention: { maxAgeDays: null, maxBytes: 600000, minFreeBytes: 0 }, onEvent: () => {} });
await ledger.start();
const one = async (frameId) => {
  const bytes = randomBytes(8000);
  const now = Date.now();
  const decision = { resultId: randomUUID(), cameraId: 'c' + (frameId.length % 3), frameId, sequence: null, partId: null, jobId: null,
    productId: null, measId: null, capturedAt: null, receivedAt: now, decidedAt: now, transport: 'mqtt', verdict: 'PASS', reason: null,
    reasonDetail: null, disposition: 'accept', defectProbability: 0.5, recipeId: null, cuts: null, model: null, provider: 'cpu',
    times: { queueMs: null, decodeMs: null, inferMs: null, totalMs: 1 }, imageSha256: createHash('sha256').update(bytes).digest('hex'),
    imageBytes: bytes.length, imageMediaType: 'image/jpeg', modelInput: null, tags: {}, isSimulated: true };
  const outcome = await ledger.record(decision, { kind: 'encoded', bytes }, [{ topic: null, correlationData: null }]);
  if (outcome.kind === 'recorded') writeSync(1, decision.resultId + '\\n');
};
for (let group = 0; ; group++) await Promise.all(Array.from({ length: 8 }, (_, index) => one(prefix + '-' + group + '-' + index)));
`;

function startWriting(path: string, prefix: string) {
  return spawn(process.execPath, ['--input-type=module', '-e', CHILD, path, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Lets a writing process run until it answered `after` frames, and kills it; gives the ids that it had answered. */
async function writeAndKill(path: string, prefix: string, after: number): Promise<string[]> {
  const child = startWriting(path, prefix);
  const answered: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    answered.push(line);
    if (answered.length === after) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return answered;
}

describe('kill -9 of the process that writes', () => {
  it('loses nothing that was answered, leaves no row without its image and no gap in the chain', async () => {
    const path = storeFolder();
    const answered: string[] = [];
    for (const [round, after] of [1, 30, 77, 150, 11].entries()) {
      answered.push(...(await writeAndKill(path, `round${round}`, after)));
      expect(await verifyStore(path)).toMatchObject({ ok: true, findings: [] });
    }
    const { ledger } = await openLedger({ path });
    for (const resultId of answered) expect(await ledger.get(resultId), resultId).not.toBeNull();
    const last = ledger.lastLedgerSeq();
    expect(last).toBeGreaterThanOrEqual(answered.length);
    expect(ledger.outbox.depth().items).toBe(last);
    expect((await recordFrame(ledger, 'after')).ledgerSeq).toBe(last + 1);
    await ledger.stop();
    const report = await verifyStore(path);
    expect(report).toMatchObject({ ok: true, rows: last + 1 });
    const files = readdirSync(join(path, 'images'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files).toHaveLength(report.images.checked);
  });
});

describe('a store that another process writes', () => {
  it('is refused to a second service, and verified and read all the same while frames come and images go', async () => {
    const path = storeFolder();
    const child = startWriting(path, 'busy');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    });
    await once(child.stdout, 'data');
    await expect(ledgerAt(path).ledger.start()).rejects.toThrow(/in use by another process/);
    child.stdout.resume();
    for (let round = 0; round < 3; round++) {
      expect(await verifyStore(path)).toMatchObject({ ok: true, findings: [], images: { orphans: 0 } });
    }
    const reader = new StoreReader(path);
    const before = reader.lastLedgerSeq();
    await expect.poll(() => reader.lastLedgerSeq()).toBeGreaterThan(before);
    expect(reader.totals().reduce((sum, total) => sum + total.rows, 0)).toBeGreaterThan(before);
    reader.close();
  });
});
