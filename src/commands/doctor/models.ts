/** Models and CUDA: every recipe's model is loaded and proven in a real engine, on the provider that would serve. */

import { readdir } from 'node:fs/promises';
import type { Config } from '../../config/schema.ts';
import { cudaProviderMissing } from '../../engine/cuda.ts';
import type { PoolEvent } from '../../engine/pool.ts';
import { JournalDamagedError } from '../../model-repository/journal.ts';
import { ModelPackageError } from '../../model-repository/package.ts';
import { ModelsAtWork } from '../../wiring/models-at-work.ts';
import { packageRecipes } from '../../wiring/packaged-recipes.ts';
import { type Check, fail, ok, warn } from './check.ts';

/** Whether a GPU and onnxruntime's CUDA provider are there. That they work is proven by the model's own check. */
export async function checkCuda(wanted: Config['engine']['provider']): Promise<Check> {
  const missing = await cudaProviderMissing();
  const devices = await readdir('/dev').then(
    (names) => names.filter((name) => /^nvidia\d+$/.test(name)),
    () => [],
  );
  const found = `${devices.length} NVIDIA devices; ${missing ?? 'CUDA provider installed'}`;
  if (wanted === 'cpu') return ok('cuda', `${found} (engine.provider is cpu)`);
  if (missing === null && devices.length > 0) return ok('cuda', found);
  const advice =
    devices.length > 0
      ? 'install the CUDA provider: docs/operations.md, "With a GPU"'
      : 'no GPU here: set engine.provider to cpu, and nothing is called degraded';
  return wanted === 'cuda' ? fail('cuda', found, advice) : warn('cuda', found, advice);
}

export async function checkModels(config: Config): Promise<Check[]> {
  const failures = new Map<string, string>();
  const proofs = new Map<string, string>();
  const onEvent = (lane: string, event: PoolEvent) => {
    if (event.kind === 'engine_not_proven') failures.set(lane, `${event.provider}, ${event.stage}: ${event.detail}`);
    if (event.kind !== 'engine_ready') return;
    const { provider, goldenMaxError, goldenCount, variant, batchMs } = event.ready;
    const times = batchMs.map(([size, ms]) => `${size}: ${ms.toFixed(1)} ms`).join(', ');
    proofs.set(
      lane,
      `${provider}${variant === null ? '' : `, variant ${variant}`}, ${goldenCount} golden images within ${goldenMaxError.toExponential(1)}, a run of ${times}`,
    );
  };
  let models: ModelsAtWork;
  try {
    const recipes = await packageRecipes(config);
    const cudaMissing = await cudaProviderMissing();
    const one = { ...config, engine: { ...config.engine, processes: 1 } };
    models = new ModelsAtWork({ config: one, recipes, cudaMissing, take: () => undefined, onEvent });
  } catch (error) {
    if (error instanceof JournalDamagedError) return [fail(error.journal, error.message, adviceFor(error.journal))];
    if (error instanceof ModelPackageError)
      return [fail('model', error.message, 'put the package in order, or name another model in the recipe')];
    // A package, or a journal of the store, that may not be read.
    if (error instanceof Error && 'syscall' in error)
      return [fail('model', error.message, 'it must be a file that the user of the service can read')];
    throw error;
  }
  try {
    await models.start().catch((error: unknown) => failures.set('engine', (error as Error).message));
    return models.health().map(({ model, degraded }) => {
      const proof = proofs.get(model);
      const name = `model ${model}`;
      if (proof === undefined) {
        const why = failures.get(model) ?? failures.get('engine') ?? 'no engine was proven';
        return fail(name, why, 'the model does not do here what its package says');
      }
      return degraded === null ? ok(name, proof) : warn(name, proof, `not on CUDA: ${degraded}`);
    });
  } finally {
    await models.stop();
  }
}

/** What to do about a damaged journal. Without it the service goes by the configuration. */
function adviceFor(journal: string): string {
  const instead =
    journal === 'activations.jsonl'
      ? 'each recipe then starts with the version it pins, or the highest: look which one was at work, and activate it'
      : 'each recipe then judges by the cuts of the configuration, or of its model: choose them anew';
  return `with the service stopped, take it from the last backup (tar -xf BACKUP ${journal}), or move it aside: ${instead}`;
}
