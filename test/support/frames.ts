/** Frames and results for tests, by what matters in them. */

import { createHash } from 'node:crypto';
import type { CameraId, Frame, FrameId } from '../../src/frame/frame.ts';
import type { Decision, RecordedResult } from '../../src/frame/verdict.ts';

export function frameOf(
  over: Partial<Omit<Frame, 'cameraId' | 'frameId'>> & { cameraId?: string; frameId?: string } = {},
): Frame {
  const bytes = over.image?.bytes ?? new TextEncoder().encode('image');
  return {
    sequence: null,
    capturedAt: null,
    recipeId: null,
    roi: null,
    maxWaitMs: null,
    partId: null,
    jobId: null,
    productId: null,
    measId: null,
    tags: {},
    isSimulated: false,
    image: { kind: 'encoded', bytes },
    imageSha256: createHash('sha256').update(bytes).digest('hex'),
    transport: 'grpc_unary',
    receivedAt: 1_790_000_000_000,
    receivedAtMono: performance.now(),
    ...over,
    cameraId: (over.cameraId ?? 'cam-1') as CameraId,
    frameId: (over.frameId ?? 'f1') as FrameId,
  };
}

export function decisionOf(
  over: Partial<Omit<Decision, 'cameraId' | 'frameId'>> & { cameraId?: string; frameId?: string } = {},
): Decision {
  return {
    resultId: '01900000-0000-7000-8000-000000000001',
    sequence: null,
    capturedAt: null,
    receivedAt: 1_790_000_000_000,
    decidedAt: 1_790_000_000_020,
    transport: 'grpc_unary',
    partId: null,
    jobId: null,
    productId: null,
    measId: null,
    verdict: 'PASS',
    reason: null,
    reasonDetail: null,
    disposition: 'accept',
    defectProbability: 0.1,
    unfamiliarity: null,
    recipeId: 'default',
    cuts: { passBelow: 0.3, failAbove: 0.7 },
    model: { name: 'test', version: '1', sha256: 'a'.repeat(64) },
    provider: 'cpu',
    modelInput: { roi: null, contractSha256: 'cd'.repeat(32) },
    times: { queueMs: 1, decodeMs: 2, inferMs: 3, totalMs: 7 },
    imageSha256: 'b'.repeat(64),
    imageBytes: 5,
    imageMediaType: 'image/jpeg',
    tags: {},
    isSimulated: false,
    ...over,
    cameraId: (over.cameraId ?? 'cam-1') as CameraId,
    frameId: (over.frameId ?? 'f1') as FrameId,
  };
}

export function recordedOf(
  over: Partial<Omit<RecordedResult, 'cameraId' | 'frameId'>> & { cameraId?: string; frameId?: string } = {},
): RecordedResult {
  return { ...decisionOf(over), ledgerSeq: 1, chainHash: 'c'.repeat(64), imagePath: null, ...(over as object) };
}
