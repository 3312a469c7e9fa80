/**
 * A recorded result, decided again: its own picture, region, model and cuts through the code that serves.
 *
 *   row ─> picture (hash compared) ─> model (hash and contract compared) ─> decode, crop, resize, run ─> cuts ─> same or different
 *
 * What is not known is never guessed: such a row is not replayable, and says why.
 */

import { judge } from '../decide/decide.ts';
import { inForm } from '../engine/contract.ts';
import type { UninspectedReason } from '../errors.ts';
import type { Image, Roi } from '../frame/frame.ts';
import type { Score } from '../frame/score.ts';
import type { Cuts, ModelInput, ModelRef, Provider, RecordedResult, Verdict } from '../frame/verdict.ts';
import { contractSha256 } from '../model-repository/manifest.ts';
import { type ModelPackage, ModelPackageError } from '../model-repository/package.ts';
import { type PictureStore, storedPicture } from './stored-picture.ts';

export type NotReplayable =
  | 'not_inspected'
  | 'input_not_recorded'
  | 'image_not_kept'
  | 'image_removed'
  | 'model_missing'
  | 'model_changed'
  | 'model_refused';

export type Replayed =
  | {
      /** `different`: another verdict, or with the recorded model a score beyond the package's tolerance. */
      readonly kind: 'same' | 'different';
      readonly model: string;
      readonly provider: Provider | null;
      /** Null where the picture could not be scored now. */
      readonly probability: number | null;
      readonly verdict: Verdict;
      readonly cuts: Cuts;
      /** How far a score may be off; null with another model than the recorded one. */
      readonly tolerance: number | null;
      /** What differs, for a person; null where nothing does. */
      readonly detail: string | null;
    }
  | { readonly kind: 'not_replayable'; readonly why: NotReplayable; readonly detail: string }
  | { readonly kind: 'damaged'; readonly why: 'image_missing' | 'image_altered'; readonly detail: string };

/** The model cannot be run here. */
export class ModelRefusedError extends Error {
  override readonly name = 'ModelRefusedError';
}

/** What a model says of a picture now. */
export type Scored =
  | (Score & { readonly kind: 'scored'; readonly provider: Provider })
  | { readonly kind: 'faulted'; readonly reason: UninspectedReason; readonly detail: string };

export interface ReplayPorts {
  readonly store: PictureStore;
  /** @throws ModelPackageError when there is no package of this name and version that is as it should be */
  packageOf(model: ModelRef): Promise<ModelPackage>;
  /** @throws ModelRefusedError when the model cannot be run */
  score(found: ModelPackage, image: Image, roi: Roi | null): Promise<Scored>;
}

/** Another model than the recorded one, and the cuts that would go with it. */
export interface Candidate {
  readonly package: ModelPackage;
  readonly cuts: Cuts;
}

/** Everything a score needs, checked against the row. */
export interface Prepared extends Candidate {
  readonly kind: 'prepared';
  readonly image: Image;
  readonly roi: Roi | null;
  /** What was recorded, 0..1. */
  readonly recorded: number;
}

export type Refused = Extract<Replayed, { kind: 'not_replayable' | 'damaged' }>;

/** The picture, region and model of a row as they were, or why they cannot be had. */
export async function prepare(
  result: RecordedResult,
  ports: Omit<ReplayPorts, 'score'>,
  candidate: Candidate | null,
): Promise<Prepared | Refused> {
  const { modelInput, model, cuts, defectProbability: recorded } = result;
  if (result.verdict === 'UNINSPECTED' || model === null || cuts === null || recorded === null) {
    return refuse('not_inspected', `it was recorded UNINSPECTED: ${result.reason ?? 'no reason'}`);
  }
  if (modelInput === null) {
    return refuse('input_not_recorded', 'it was recorded before the region of interest was kept with a result');
  }
  const picture = await storedPicture(ports.store, result);
  if (picture.kind === 'none') return refuse(picture.why, picture.detail);
  if (picture.kind === 'damaged') return picture;
  const used = candidate ?? (await recordedModel(model, modelInput, cuts, ports));
  if ('kind' in used) return used;
  return { ...used, kind: 'prepared', image: picture.image, roi: modelInput.roi, recorded };
}

export async function replay(
  result: RecordedResult,
  ports: ReplayPorts,
  candidate: Candidate | null,
): Promise<Replayed> {
  const prepared = await prepare(result, ports, candidate);
  if (prepared.kind !== 'prepared') return prepared;
  try {
    const scored = await ports.score(prepared.package, prepared.image, prepared.roi);
    return compare(result, prepared, scored, candidate === null);
  } catch (error) {
    if (error instanceof ModelRefusedError) return refuse('model_refused', error.message);
    throw error;
  }
}

async function recordedModel(
  model: ModelRef,
  modelInput: ModelInput,
  cuts: Cuts,
  ports: Pick<ReplayPorts, 'packageOf'>,
): Promise<Candidate | Refused> {
  const named = `${model.name}/${model.version}`;
  let found: ModelPackage;
  try {
    found = await ports.packageOf(model);
  } catch (error) {
    if (error instanceof ModelPackageError) return refuse('model_missing', error.message);
    throw error;
  }
  if (found.manifest.sha256 !== model.sha256) {
    const detail = `${named} decided with SHA-256 ${model.sha256}; the package now holds ${found.manifest.sha256}`;
    return refuse('model_changed', detail);
  }
  if (contractSha256(found.manifest) !== modelInput.contractSha256) {
    return refuse('model_changed', `the manifest of ${named} now reads pictures otherwise (input or output contract)`);
  }
  const variant = model.variant ?? null;
  const engineModel = inForm(found.engineModel, variant);
  if (engineModel === null) {
    return refuse('model_changed', `${named} decided as its variant ${variant}; the package holds none of that name`);
  }
  return { package: { ...found, engineModel }, cuts };
}

function compare(
  result: RecordedResult,
  { package: found, cuts, recorded }: Prepared,
  scored: Scored,
  isRecordedModel: boolean,
): Replayed {
  const { name, version, golden_tolerance: tolerance } = found.manifest;
  const common = { model: `${name}/${version}`, cuts, tolerance: isRecordedModel ? tolerance : null };
  if (scored.kind === 'faulted') {
    const detail = `${result.verdict} became UNINSPECTED: ${scored.reason}: ${scored.detail}`;
    return { ...common, kind: 'different', provider: null, probability: null, verdict: 'UNINSPECTED', detail };
  }
  const { probability, provider } = scored;
  const { verdict } = judge(scored, cuts);
  const isVerdictSame = verdict === result.verdict;
  // Written so that a NaN is a difference.
  const isScoreSame = !isRecordedModel || Math.abs(probability - recorded) <= tolerance;
  const detail = isVerdictSame
    ? isScoreSame
      ? null
      : `scored ${probability}, recorded was ${recorded}: more than ${tolerance} apart`
    : `${result.verdict} (${recorded}) became ${verdict} (${probability})`;
  return {
    ...common,
    kind: isVerdictSame && isScoreSame ? 'same' : 'different',
    provider,
    probability: Number.isFinite(probability) ? probability : null,
    verdict,
    detail,
  };
}

function refuse(why: NotReplayable, detail: string): Refused {
  return { kind: 'not_replayable', why, detail };
}
