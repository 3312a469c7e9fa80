/** Decisions, images and stores for the tests of the ledger. */

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { CameraId, FrameId, Image } from '../../src/frame/frame.ts';
import type { Decision, Verdict } from '../../src/frame/verdict.ts';
import type { LedgerEvent, LedgerOptions } from '../../src/record/contract.ts';
import { Ledger } from '../../src/record/ledger.ts';

export const cam = (id: string) => id as CameraId;
export const frame = (id: string) => id as FrameId;

export function imageOf(text: string): Image & { kind: 'encoded' } {
  return { kind: 'encoded', bytes: new TextEncoder().encode(text) };
}

const DISPOSITION = { PASS: 'accept', FAIL: 'reject', REVIEW: 'hold', UNINSPECTED: 'hold' } as const;

export function decisionOf(
  frameId: string,
  image: Image = imageOf(frameId),
  changes: Partial<Decision> & { verdict?: Verdict } = {},
): Decision {
  const verdict = changes.verdict ?? 'PASS';
  const receivedAt = changes.receivedAt ?? Date.now();
  return {
    resultId: uuidv7(),
    cameraId: cam('line-1'),
    frameId: frame(frameId),
    sequence: 9_007_199_254_740_993n,
    partId: 'part-4711',
    jobId: null,
    productId: null,
    measId: null,
    capturedAt: receivedAt - 3,
    receivedAt,
    decidedAt: receivedAt + 12,
    transport: 'grpc_stream',
    verdict,
    reason: verdict === 'UNINSPECTED' ? 'deadline_exceeded' : null,
    reasonDetail: verdict === 'UNINSPECTED' ? 'expected an answer in 200 ms, none came' : null,
    disposition: DISPOSITION[verdict],
    defectProbability: verdict === 'UNINSPECTED' ? null : 0.123456789,
    unfamiliarity: verdict === 'UNINSPECTED' ? null : 0.25,
    recipeId: 'default',
    cuts: { passBelow: 0.2, failAbove: 0.8 },
    model: { name: 'parts', version: '1', sha256: 'ab'.repeat(32) },
    provider: 'cpu',
    modelInput: { roi: null, contractSha256: 'cd'.repeat(32) },
    times: { queueMs: 0.5, decodeMs: 2.25, inferMs: 6, totalMs: 12.1 },
    imageSha256: createHash('sha256').update(image.bytes).digest('hex'),
    imageBytes: image.bytes.byteLength,
    imageMediaType: 'image/jpeg',
    tags: { shift: 'night', ключ: '值' },
    isSimulated: false,
    ...changes,
  };
}

export function storeFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'loupe-record-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface OpenLedger {
  readonly ledger: Ledger;
  readonly path: string;
  readonly events: LedgerEvent[];
}

export function ledgerAt(path: string, changes: Partial<LedgerOptions> = {}): OpenLedger {
  const events: LedgerEvent[] = [];
  const ledger = new Ledger({
    path,
    durability: 'full',
    images: { keep: 'all', keepPassRatio: 0 },
    retention: { maxAgeDays: null, maxBytes: null, minFreeBytes: 0 },
    maxPending: 1000,
    onEvent: (event) => events.push(event),
    ...changes,
  });
  onTestFinished(() => ledger.stop());
  return { ledger, path, events };
}

export async function openLedger(changes: Partial<LedgerOptions> = {}): Promise<OpenLedger> {
  const open = ledgerAt(changes.path ?? storeFolder(), changes);
  await open.ledger.start();
  return open;
}

export async function recordFrame(ledger: Ledger, frameId: string, changes: Partial<Decision> = {}, text = frameId) {
  const image = imageOf(text);
  const outcome = await ledger.record(decisionOf(frameId, image, changes), image, []);
  if (outcome.kind !== 'recorded')
    throw new Error(`expected ${frameId} to be recorded, got ${JSON.stringify(outcome.kind)}`);
  return outcome.result;
}

export const noise = (bytes: number): Image => ({ kind: 'encoded', bytes: randomBytes(bytes) });
