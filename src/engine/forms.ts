/**
 * Which form of a model an engine runs: model.onnx, or a cheaper variant of it (int8, fp16) where that is faster on this very
 * machine and gives the golden scores. A variant that fails is left out; model.onnx that fails is a model that is not fit.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import type { ModelFile } from './contract.ts';
import type { EngineSettings, Trial } from './protocol.ts';
import { GoldenCheck, type GoldenResult, NotProvenError, probe, timed, warmUp } from './prove.ts';
import { Session } from './session.ts';

export interface ProvenForm {
  readonly file: ModelFile;
  readonly session: Session;
  readonly loadMs: number;
  readonly batchMs: Map<number, number>;
  readonly golden: GoldenResult;
}

export interface ChosenForm {
  readonly form: ProvenForm;
  readonly check: GoldenCheck;
  readonly trials: readonly Trial[];
}

/** A variant has to be faster by this share: less is within what timing tells, and not worth another form at work. */
const WORTHWHILE = 0.95;

/** Times as slow as what there is already: it will not become faster. */
const HOPELESS = 3;

/** @throws NotProvenError where model.onnx, or the only form there is, does not prove itself */
export async function chooseForm(settings: EngineSettings): Promise<ChosenForm> {
  const { files } = settings.model;
  const [first, ...variants] =
    files.length === 1 ? files : files.filter(({ providers }) => providers.includes(settings.provider));
  if (first === undefined) throw new NotProvenError('load', `no form of the model is for ${settings.provider}`);
  const check = await GoldenCheck.read(settings);
  let best = await prove(first, settings, check);
  if (variants.length === 0) return { form: best, check, trials: [] };
  let bestMs = await timed(best.session, settings, Number.POSITIVE_INFINITY);
  const trials: Trial[] = [{ variant: first.variant, ms: bestMs, fault: null }];
  for (const file of variants) {
    try {
      const form = await prove(file, settings, check);
      const ms = await timed(form.session, settings, bestMs * HOPELESS);
      trials.push({ variant: file.variant, ms, fault: null });
      const isFaster = ms < bestMs * WORTHWHILE;
      const slower = isFaster ? best : form;
      if (isFaster) [best, bestMs] = [form, ms];
      await slower.session.close();
    } catch (error) {
      if (!(error instanceof NotProvenError)) throw error;
      trials.push({ variant: file.variant, ms: null, fault: `${error.stage}: ${error.message}` });
    }
  }
  return { form: best, check, trials };
}

async function prove(file: ModelFile, settings: EngineSettings, check: GoldenCheck): Promise<ProvenForm> {
  const before = performance.now();
  const bytes = await readFile(file.file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== file.sha256) {
    throw new NotProvenError('load', `${file.file}: expected SHA-256 ${file.sha256}, found ${sha256}`);
  }
  let session: Session;
  try {
    session = await Session.open(bytes, settings.model.contract, settings);
  } catch (error) {
    throw new NotProvenError('load', messageOf(error), { cause: error });
  }
  const loadMs = performance.now() - before;
  const batchMs = await warmUp(session, settings);
  if (settings.isProbed) await probe(session, settings);
  return { file, session, loadMs, batchMs, golden: await check.run(session) };
}
