/** A decision as a row of `results` and back. What is answered is read from the row, so both say the same. */

import type { CameraId, FrameId, Roi } from '../frame/frame.ts';
import type { Decision, RecordedResult } from '../frame/verdict.ts';
import { CHAIN_VERSION, chainHash } from './chain.ts';
import type { Row } from './row.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Half a surrogate pair has no UTF-8: SQLite would give back another text than was hashed. */
export function storable<T extends string | null>(value: T): T | string {
  if (value === null || !LONE_SURROGATE.test(value)) return value;
  return Buffer.from(value, 'utf8').toString('utf8');
}

const wholeMs = (value: number | null) => (value === null ? null : Math.trunc(value));

const roiText = (roi: Roi | null) => JSON.stringify(roi === null ? 'whole' : [roi.x, roi.y, roi.width, roi.height]);

function roiFrom(text: string): Roi | null {
  const value = JSON.parse(text) as 'whole' | readonly [number, number, number, number];
  if (value === 'whole') return null;
  const [x, y, width, height] = value;
  return { x, y, width, height };
}

/** The row of `decision` at place `ledgerSeq`, chained to the row before. */
export function rowOf(decision: Decision, imagePath: string | null, ledgerSeq: number, previousHash: string): Row {
  const row: Omit<Row, 'chain_hash'> = {
    ledger_seq: ledgerSeq,
    result_id: decision.resultId,
    camera_id: decision.cameraId,
    frame_id: decision.frameId,
    sequence: decision.sequence === null ? null : String(decision.sequence),
    part_id: storable(decision.partId),
    job_id: storable(decision.jobId),
    product_id: storable(decision.productId),
    meas_id: storable(decision.measId),
    captured_at: wholeMs(decision.capturedAt),
    received_at: Math.trunc(decision.receivedAt),
    decided_at: Math.trunc(decision.decidedAt),
    transport: decision.transport,
    verdict: decision.verdict,
    reason: decision.reason,
    reason_detail: storable(decision.reasonDetail),
    disposition: decision.disposition,
    defect_probability: decision.defectProbability,
    recipe_id: storable(decision.recipeId),
    pass_below: decision.cuts?.passBelow ?? null,
    fail_above: decision.cuts?.failAbove ?? null,
    model_name: storable(decision.model?.name ?? null),
    model_version: storable(decision.model?.version ?? null),
    model_sha256: decision.model?.sha256 ?? null,
    provider: decision.provider,
    queue_ms: decision.times.queueMs,
    decode_ms: decision.times.decodeMs,
    infer_ms: decision.times.inferMs,
    total_ms: decision.times.totalMs,
    image_sha256: decision.imageSha256,
    image_bytes: decision.imageBytes,
    image_media_type: storable(decision.imageMediaType),
    image_path: imagePath,
    tags: JSON.stringify(decision.tags),
    is_simulated: decision.isSimulated ? 1 : 0,
    chain_version: CHAIN_VERSION,
    roi: decision.modelInput === null ? null : roiText(decision.modelInput.roi),
    contract_sha256: decision.modelInput?.contractSha256 ?? null,
    model_variant: decision.model?.variant ?? null,
    unfamiliarity: decision.unfamiliarity,
  };
  return { ...row, chain_hash: chainHash(previousHash, row) };
}

/** What `row` says. Its strings were checked when they were written; `loupe verify` checks them again. */
export function resultOf(row: Row): RecordedResult {
  return {
    resultId: row.result_id,
    cameraId: row.camera_id as CameraId,
    frameId: row.frame_id as FrameId,
    sequence: row.sequence === null ? null : BigInt(row.sequence),
    partId: row.part_id,
    jobId: row.job_id,
    productId: row.product_id,
    measId: row.meas_id,
    capturedAt: row.captured_at,
    receivedAt: row.received_at,
    decidedAt: row.decided_at,
    transport: row.transport as RecordedResult['transport'],
    verdict: row.verdict as RecordedResult['verdict'],
    reason: row.reason as RecordedResult['reason'],
    reasonDetail: row.reason_detail,
    disposition: row.disposition as RecordedResult['disposition'],
    defectProbability: row.defect_probability,
    unfamiliarity: row.unfamiliarity,
    recipeId: row.recipe_id,
    cuts:
      row.pass_below === null || row.fail_above === null
        ? null
        : { passBelow: row.pass_below, failAbove: row.fail_above },
    model:
      row.model_name === null || row.model_version === null || row.model_sha256 === null
        ? null
        : {
            name: row.model_name,
            version: row.model_version,
            sha256: row.model_sha256,
            ...(row.model_variant === null ? {} : { variant: row.model_variant }),
          },
    provider: row.provider as RecordedResult['provider'],
    modelInput:
      row.roi === null || row.contract_sha256 === null
        ? null
        : { roi: roiFrom(row.roi), contractSha256: row.contract_sha256 },
    times: { queueMs: row.queue_ms, decodeMs: row.decode_ms, inferMs: row.infer_ms, totalMs: row.total_ms },
    imageSha256: row.image_sha256,
    imageBytes: row.image_bytes,
    imageMediaType: row.image_media_type,
    tags: JSON.parse(row.tags) as Record<string, string>,
    isSimulated: row.is_simulated === 1,
    ledgerSeq: row.ledger_seq,
    chainHash: row.chain_hash,
    imagePath: row.image_path,
  };
}
