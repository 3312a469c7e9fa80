/** onnxruntime, and nothing else: the only file that imports it. */

import './no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Score } from '../frame/score.ts';
import type { Provider } from '../frame/verdict.ts';
import type { ModelContract } from './contract.ts';
import type { Graph } from './graph.ts';
import { ModelOutputError, outputsOf, packBatch, readScores } from './tensor.ts';

export interface SessionOptions {
  readonly provider: Provider;
  /** Threads inside one run; 1 means no pool at all. */
  readonly threads: number;
  readonly deviceId?: number;
}

/** Name of the output that says where (docs/models.md). */
const ACTIVATION_MAP = 'activation_map';

/** A loaded model. `run` blocks its thread until the batch is done: that is why engines are processes. */
export class Session {
  readonly provider: Provider;
  private readonly session: InferenceSession;
  private readonly contract: ModelContract;

  private constructor(session: InferenceSession, contract: ModelContract, provider: Provider) {
    this.session = session;
    this.contract = contract;
    this.provider = provider;
  }

  /**
   * @param model bytes of model.onnx: what was hashed is what is loaded, and no path means no external data
   * @throws when the provider cannot be had or the graph is not what the contract says
   */
  static async open(model: Uint8Array, contract: ModelContract, options: SessionOptions): Promise<Session> {
    const session = await InferenceSession.create(model, {
      executionProviders: options.provider === 'cuda' ? [{ name: 'cuda', deviceId: options.deviceId ?? 0 }] : ['cpu'],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // A spinning pool keeps cores busy between frames and gains nothing here.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    const { input, output } = contract;
    const found = session.inputMetadata.find((entry) => entry.name === input.name);
    if (session.inputNames.length !== 1 || found === undefined || !found.isTensor || found.type !== input.dtype) {
      const inputs = session.inputMetadata.map((entry) => `${entry.name}:${entry.isTensor ? entry.type : 'no tensor'}`);
      throw new ModelOutputError(
        `expected one input "${input.name}" of ${input.dtype}, the graph has ${inputs.join(', ')}`,
      );
    }
    for (const name of outputsOf(output)) {
      if (session.outputNames.includes(name)) continue;
      throw new ModelOutputError(`expected an output "${name}", the graph has ${session.outputNames.join(', ')}`);
    }
    return new Session(session, contract, options.provider);
  }

  /**
   * @param pixels uint8 HWC per image in the contract's colour order
   * @param size images the graph is run with, >= pixels.length; the rest is padding
   * @returns one score per image of `pixels`
   * @throws ModelOutputError when the output is not what the contract says
   */
  async run(pixels: readonly Uint8Array[], size: number): Promise<Score[]> {
    const { input, output } = this.contract;
    const { data, dims } = packBatch(pixels, size, input);
    const tensor = data instanceof Uint8Array ? new Tensor('uint8', data, dims) : new Tensor('float32', data, dims);
    const found = await this.session.run({ [input.name]: tensor }, outputsOf(output));
    return readScores(found, size, pixels.length, output);
  }

  /** Gives its memory back; nothing may run on it afterwards. */
  async close(): Promise<void> {
    await this.session.release();
  }

  /** Whether the graph takes more than one image in a run. */
  get isBatchFree(): boolean {
    const [input] = this.session.inputMetadata;
    return input?.isTensor === true && typeof input.shape[0] !== 'number';
  }

  /**
   * Where the graph itself says that the defect is: its output `activation_map` of float32 [1, rows, columns] or [1, 1, rows,
   * columns].
   * @returns null where it has no such output, or one of another form
   */
  async activationMap(pixels: Uint8Array): Promise<{ data: Float32Array; rows: number; columns: number } | null> {
    if (!this.session.outputNames.includes(ACTIVATION_MAP)) return null;
    const { input } = this.contract;
    const { data, dims } = packBatch([pixels], 1, input);
    const tensor = data instanceof Uint8Array ? new Tensor('uint8', data, dims) : new Tensor('float32', data, dims);
    const map = (await this.session.run({ [input.name]: tensor }, [ACTIVATION_MAP]))[ACTIVATION_MAP];
    const [columns = 0, rows = 0, ...others] = [...(map?.dims ?? [])].toReversed();
    const isGrid = rows > 0 && columns > 0 && others.length > 0 && others.every((dim) => dim === 1);
    return isGrid && map?.data instanceof Float32Array ? { data: map.data, rows, columns } : null;
  }

  /**
   * Outputs as they are, for a graph that gives no probability: a backbone's embedding.
   * @param pixels uint8 HWC per image in the contract's colour order
   * @returns for each name, one row of values per image
   * @throws ModelOutputError when an output is no float32 whose first axis is the images
   */
  async outputs(pixels: readonly Uint8Array[], names: readonly string[]): Promise<Float32Array[][]> {
    const { input } = this.contract;
    const { data, dims } = packBatch(pixels, pixels.length, input);
    const tensor = data instanceof Uint8Array ? new Tensor('uint8', data, dims) : new Tensor('float32', data, dims);
    const found = await this.session.run({ [input.name]: tensor }, names);
    return names.map((name) => {
      const result = found[name];
      if (!(result?.data instanceof Float32Array) || result.dims[0] !== pixels.length) {
        throw new ModelOutputError(
          `expected "${name}" of float32 [${pixels.length}, ...], the graph returned ${result?.dims.join('x')}`,
        );
      }
      const { data: values } = result;
      const width = values.length / pixels.length;
      return pixels.map((_, i) => values.slice(i * width, (i + 1) * width));
    });
  }
}

/** Inputs and outputs of a graph, as onnxruntime reads them. Nothing is run. */
export async function readGraph(model: Uint8Array): Promise<Graph> {
  const session = await InferenceSession.create(model, { executionProviders: ['cpu'], logSeverityLevel: 3 });
  const values = (metadata: readonly InferenceSession.ValueMetadata[]) =>
    metadata.map((entry) => ({
      name: entry.name,
      type: entry.isTensor ? entry.type : null,
      shape: entry.isTensor ? [...entry.shape] : [],
    }));
  return { inputs: values(session.inputMetadata), outputs: values(session.outputMetadata) };
}
