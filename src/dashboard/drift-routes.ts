/** Drift over HTTP. Looking needs the right `read`, a new baseline the right `tune`. */

import { z } from 'zod';
import type { Api } from './api.ts';
import { driftConditions, isoTime } from './schemas.ts';

const spread = z.object({ mean: z.number(), deviation: z.number() });
const cameraDrift = z.object({
  cameraId: z.string(),
  learned: z.int().describe('frames that the baseline was made of, or that it has so far'),
  baseline: z
    .object({
      frozenAt: isoTime,
      frames: z.int(),
      brightness: spread,
      contrast: spread,
      focus: spread,
      rejectShare: z.number(),
    })
    .nullable()
    .describe('null while it is being learned'),
  ratios: z
    .object({ brightness: z.number(), contrast: z.number(), focus: z.number() })
    .nullable()
    .describe('the last 50 frames against the baseline: -0.23 is 23 % less'),
  psi: z.number().nullable().describe('of the last 200 scores against the baseline'),
  rejectShare: z.number().nullable().describe('of the last 200 parts'),
  conditions: z.array(z.discriminatedUnion('kind', driftConditions)),
  sentences: z.array(z.string()),
});

export type CameraDriftJson = z.output<typeof cameraDrift>;

interface Listing extends Omit<CameraDriftJson, 'baseline' | 'conditions' | 'sentences'> {
  readonly baseline:
    | (Omit<NonNullable<CameraDriftJson['baseline']>, 'frozenAt'> & { readonly frozenAt: number })
    | null;
  readonly conditions: readonly CameraDriftJson['conditions'][number][];
  readonly sentences: readonly string[];
}

export interface DriftRoutesPorts {
  readonly drift: {
    list(): readonly Listing[];
    /** @throws LoupeError unknown_camera */
    relearn(cameraId: string | null): readonly string[];
  };
}

export function addDriftRoutes(api: Api, { drift }: DriftRoutesPorts): void {
  api.add({
    method: 'GET',
    path: '/api/v1/drift',
    right: 'read',
    summary: 'Each camera against its baseline: brightness, contrast, focus, scores, rejects, frozen pictures',
    answer: z.object({ cameras: z.array(cameraDrift) }),
    handle: () => ({ cameras: drift.list().map(driftJson) }),
  });
  api.add({
    method: 'POST',
    path: '/api/v1/drift/baseline',
    right: 'tune',
    summary: 'Forget the baseline of one camera or of all: the next frames make a new one',
    body: z.strictObject({ camera: z.string().min(1).max(64).nullable().default(null).describe('null: every camera') }),
    answer: z.object({ cameras: z.array(z.string()) }),
    audit: { act: 'drift_baseline', about: ({ body: { camera } }) => camera ?? 'every camera' },
    handle: ({ body: { camera } }) => ({ cameras: [...drift.relearn(camera)] }),
  });
}

function driftJson({
  cameraId,
  learned,
  baseline,
  ratios,
  psi,
  rejectShare,
  conditions,
  sentences,
}: Listing): CameraDriftJson {
  return {
    cameraId,
    learned,
    baseline:
      baseline === null
        ? null
        : {
            frozenAt: new Date(baseline.frozenAt).toISOString(),
            frames: baseline.frames,
            brightness: baseline.brightness,
            contrast: baseline.contrast,
            focus: baseline.focus,
            rejectShare: baseline.rejectShare,
          },
    ratios,
    psi,
    rejectShare,
    conditions: [...conditions],
    sentences: [...sentences],
  };
}
