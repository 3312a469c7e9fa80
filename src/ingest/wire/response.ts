/** RecordedResult → `inspection.v1.InspectResponse`. */

import type { RecordedResult } from '../../frame/verdict.ts';
import { timestampFrom } from './timestamp.ts';

/** The fields the tools read back. */
export interface WireResponse {
  readonly result_id: string;
  readonly camera_id: string;
  readonly frame_id: string;
  readonly verdict: string | number;
  readonly reason: string;
  readonly reason_detail: string;
  /** 0..1; absent when UNINSPECTED. */
  readonly defect_probability?: number;
  readonly duplicate: boolean;
  /** Decimal uint64. */
  readonly ledger_seq: string;
}

/** @param duplicate true when this answers a frame that had been recorded before */
export function responseFrom(result: RecordedResult, duplicate: boolean) {
  const { cuts, model, modelInput, times } = result;
  return {
    result_id: result.resultId,
    camera_id: result.cameraId,
    frame_id: result.frameId,
    sequence: String(result.sequence ?? 0n),
    part_id: result.partId ?? '',
    job_id: result.jobId ?? '',
    product_id: result.productId ?? '',
    meas_id: result.measId ?? '',
    verdict: result.verdict,
    reason: result.reason ?? '',
    reason_detail: result.reasonDetail ?? '',
    disposition: result.disposition.toUpperCase(),
    ...whereKnown('defect_probability', result.defectProbability),
    ...whereKnown('unfamiliarity', result.unfamiliarity),
    ...(cuts === null ? {} : { pass_below: cuts.passBelow, fail_above: cuts.failAbove }),
    recipe_id: result.recipeId ?? '',
    model: model === null ? null : { ...model, variant: model.variant ?? '', provider: result.provider ?? '' },
    model_input: modelInput === null ? null : { roi: modelInput.roi, contract_sha256: modelInput.contractSha256 },
    captured_at: timestampFrom(result.capturedAt),
    received_at: timestampFrom(result.receivedAt),
    decided_at: timestampFrom(result.decidedAt),
    transport: result.transport,
    timing: {
      ...whereKnown('queue_ms', times.queueMs),
      ...whereKnown('decode_ms', times.decodeMs),
      ...whereKnown('infer_ms', times.inferMs),
      total_ms: times.totalMs,
    },
    image: {
      sha256: result.imageSha256,
      bytes: result.imageBytes,
      media_type: result.imageMediaType,
      path: result.imagePath ?? '',
    },
    tags: result.tags,
    is_simulated: result.isSimulated,
    duplicate,
    fallback: result.verdict === 'UNINSPECTED',
    ledger_seq: result.ledgerSeq,
  };
}

/** Proto3 tells "0" from "unset" only where the field is left out. */
function whereKnown(field: string, value: number | null): Readonly<Record<string, number>> {
  return value === null ? {} : { [field]: value };
}
