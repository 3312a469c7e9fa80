/** A recorded result as JSON, the same on MQTT, HTTP and the command line. Names follow the proto in camelCase. */

import type { RecordedResult } from './verdict.ts';

export const RESULT_SCHEMA = 'inspection.result/1';

export type ResultJson = ReturnType<typeof resultJson>;

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** @param duplicate true when this answers a frame that had been recorded before */
export function resultJson(result: RecordedResult, duplicate: boolean) {
  return {
    schema: RESULT_SCHEMA,
    resultId: result.resultId,
    cameraId: result.cameraId,
    frameId: result.frameId,
    // A JSON number beyond 2^53 would lose digits on the way.
    sequence: result.sequence === null ? null : String(result.sequence),
    partId: result.partId,
    jobId: result.jobId,
    productId: result.productId,
    measId: result.measId,
    verdict: result.verdict,
    reason: result.reason,
    reasonDetail: result.reasonDetail,
    disposition: result.disposition,
    defectProbability: result.defectProbability,
    unfamiliarity: result.unfamiliarity,
    passBelow: result.cuts?.passBelow ?? null,
    failAbove: result.cuts?.failAbove ?? null,
    recipeId: result.recipeId,
    model:
      result.model === null
        ? null
        : { ...result.model, variant: result.model.variant ?? null, provider: result.provider },
    modelInput: result.modelInput,
    capturedAt: iso(result.capturedAt),
    receivedAt: iso(result.receivedAt),
    decidedAt: iso(result.decidedAt),
    transport: result.transport,
    timing: {
      queueMs: result.times.queueMs,
      decodeMs: result.times.decodeMs,
      inferMs: result.times.inferMs,
      totalMs: result.times.totalMs,
    },
    image: {
      sha256: result.imageSha256,
      bytes: result.imageBytes,
      mediaType: result.imageMediaType,
      path: result.imagePath,
    },
    tags: result.tags,
    isSimulated: result.isSimulated,
    duplicate,
    /** True when the verdict came from no inspection. */
    fallback: result.verdict === 'UNINSPECTED',
    ledgerSeq: result.ledgerSeq,
  };
}
