/** What a model must show on its provider before it takes traffic: every batch size runs, and the golden scores match. */

import { readFile } from 'node:fs/promises';
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

/**
 * Scores the golden images the way frames are scored.
 * @returns the largest absolute difference from the recorded probabilities
 * @throws NotProvenError beyond the tolerance, and for a golden image that cannot be read
 */
export async function checkGolden(session: Session, settings: EngineSettings): Promise<number> {
  const { model } = settings;
  const { input } = model.contract;
  const [smallest = 1] = settings.batchSizes;
  const want = { ...input.resize, width: input.width, height: input.height, colour: input.colour };
  let maxError = 0;
  for (const golden of model.golden) {
    const bytes = await readFile(golden.path);
    const decoded = await decode({ kind: 'encoded', bytes }, want, null, { maxPixels: settings.maxPixels });
    if (!decoded.ok) throw new NotProvenError('golden', `${golden.path}: ${decoded.detail}`);
    const [probability = Number.NaN] = await session.run([decoded.pixels], smallest);
    const error = Math.abs(probability - golden.probability);
    // Written so that a NaN fails too.
    if (!(error <= model.tolerance)) {
      throw new NotProvenError(
        'golden',
        `${golden.path}: expected ${golden.probability} within ${model.tolerance}, ${session.provider} gave ${probability}`,
      );
    }
    maxError = Math.max(maxError, error);
  }
  return maxError;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
