/** What a model must show on its provider before it takes traffic: every batch size runs, and the golden scores match. */

import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import { isUnfamiliar } from '../frame/score.ts';
import { channelsOf } from './contract.ts';
import { decode } from './decode.ts';
import type { EngineFailed, EngineSettings } from './protocol.ts';
import type { Session } from './session.ts';

/** A model that is not fit for traffic on this provider. */
export class NotProvenError extends Error {
  override readonly name = 'NotProvenError';
  readonly stage: EngineFailed['stage'];

  constructor(stage: EngineFailed['stage'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.stage = stage;
  }
}

/**
 * Runs every batch size twice: the first run plans and allocates (on CUDA it is also the first real convolution), the
 * second is timed.
 */
export async function warmUp(session: Session, settings: EngineSettings): Promise<Map<number, number>> {
  const { input } = settings.model.contract;
  const blank = new Uint8Array(input.width * input.height * channelsOf(input));
  const batchMs = new Map<number, number>();
  for (const size of settings.batchSizes) {
    try {
      const pixels = Array.from({ length: size }, () => blank);
      await session.run(pixels, size);
      const before = performance.now();
      await session.run(pixels, size);
      batchMs.set(size, performance.now() - before);
    } catch (error) {
      throw new NotProvenError('warm_up', `batch size ${size}: ${messageOf(error)}`, { cause: error });
    }
  }
  return batchMs;
}

const TIMED_RUNS = 7;
/** One run may wait for a core, above all behind engines at work: only several slow ones tell of the form. */
const TELLING_RUNS = 3;

/**
 * Milliseconds for one image at the batch size where that is least; of each size the quickest run of several counts.
 * @param hopelessMs a form whose first runs are all slower for an image is not tried further
 */
export async function timed(
  session: Pick<Session, 'run'>,
  settings: EngineSettings,
  hopelessMs: number,
): Promise<number> {
  const { input } = settings.model.contract;
  const noise = probeImage('noise', input.width * input.height * channelsOf(input));
  let least = Number.POSITIVE_INFINITY;
  for (const size of settings.batchSizes) {
    const pixels = Array.from({ length: size }, () => noise);
    let quickest = Number.POSITIVE_INFINITY;
    for (let run = 1; run <= TIMED_RUNS; run++) {
      const before = performance.now();
      await session.run(pixels, size);
      quickest = Math.min(quickest, (performance.now() - before) / size);
      if (run >= TELLING_RUNS && quickest > hopelessMs) break;
    }
    least = Math.min(least, quickest);
  }
  return least;
}

/** Grey levels that a model new to this machine must be able to score, and an image of noise. */
const PROBES = ['black', 'white', 'grey', 'noise'] as const;

/** @throws NotProvenError where one of the probes scores no probability (NaN, infinite, outside 0..1) */
export async function probe(session: Session, settings: EngineSettings): Promise<void> {
  const { input } = settings.model.contract;
  const [smallest = 1] = settings.batchSizes;
  const size = input.width * input.height * channelsOf(input);
  for (const name of PROBES) {
    const [score] = await session.run([probeImage(name, size)], smallest);
    const shares = [score?.probability ?? Number.NaN, score?.unfamiliarity ?? 0];
    if (shares.every((share) => share >= 0 && share <= 1)) continue;
    throw new NotProvenError(
      'warm_up',
      `expected a probability for an image of ${name}, ${session.provider} gave ${shares.join(' and ')}`,
    );
  }
}

function probeImage(name: (typeof PROBES)[number], size: number): Uint8Array {
  if (name !== 'noise') return new Uint8Array(size).fill({ black: 0, grey: 128, white: 255 }[name]);
  let state = 1;
  // A linear congruence (Numerical Recipes): the same noise on every machine.
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

export interface GoldenResult {
  /** The largest absolute difference from the recorded probabilities. */
  readonly maxError: number;
  readonly scores: readonly number[];
}

/** The golden images of a model, read once: a later check is about the engine, not about the disk. */
export class GoldenCheck {
  private readonly settings: EngineSettings;
  private readonly images: readonly Uint8Array[];

  private constructor(settings: EngineSettings, images: readonly Uint8Array[]) {
    this.settings = settings;
    this.images = images;
  }

  static async read(settings: EngineSettings): Promise<GoldenCheck> {
    return new GoldenCheck(settings, await Promise.all(settings.model.golden.map(({ path }) => readFile(path))));
  }

  /**
   * Scores the golden images the way frames are scored.
   * @throws NotProvenError beyond the tolerance, for a golden image that is unfamiliar to the model, and for one that cannot be read
   */
  async run(session: Session): Promise<GoldenResult> {
    const { model, batchSizes, maxPixels } = this.settings;
    const { input } = model.contract;
    const [smallest = 1] = batchSizes;
    const want = { ...input.resize, width: input.width, height: input.height, colour: input.colour };
    const scores: number[] = [];
    let maxError = 0;
    for (const [i, golden] of model.golden.entries()) {
      const bytes = this.images[i] ?? new Uint8Array(0);
      const decoded = await decode({ kind: 'encoded', bytes }, want, null, { maxPixels });
      if (!decoded.ok) throw new NotProvenError('golden', `${golden.path}: ${decoded.detail}`);
      const [score] = await session.run([decoded.pixels], smallest);
      const probability = score?.probability ?? Number.NaN;
      const error = Math.abs(probability - golden.probability);
      // Written so that a NaN fails too.
      if (!(error <= model.tolerance)) {
        throw new NotProvenError(
          'golden',
          `${golden.path}: expected ${golden.probability} within ${model.tolerance}, ${session.provider} gave ${probability}`,
        );
      }
      if (score !== undefined && isUnfamiliar(score)) {
        const detail = `${golden.path}: expected a picture that the model knows, its unfamiliarity on ${session.provider} is ${score.unfamiliarity}`;
        throw new NotProvenError('golden', detail);
      }
      scores.push(probability);
      maxError = Math.max(maxError, error);
    }
    return { maxError, scores };
  }
}
