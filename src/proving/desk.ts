/**
 * What a running service can show of a recorded result afterwards: its verdict made again, and where the model saw the defect.
 * All of it behind the line: one process of the lowest priority, a bounded queue, a budget for what nobody asked for.
 */

import { Explainer, ExplainerBusyError, ExplainerFailedError, type ExplainTask } from '../engine/explainer.ts';
import type { Explained } from '../engine/explain-protocol.ts';
import { LoupeError, messageOf } from '../errors.ts';
import type { HeatMap } from '../frame/heat-map.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { ModelPackage } from '../model-repository/package.ts';
import type { ChainProof, Review } from '../record/contract.ts';
import type { Fate } from '../record/image-fate.ts';
import { RecentNames } from '../recent-names.ts';
import { Budget } from './budget.ts';
import { HeatMapFiles } from './heat-map-files.ts';
import { Packages } from './packages.ts';
import { type Proof, proofOf } from './proof.ts';
import { prepare, type Replayed, replay, type ReplayPorts, type Scored } from './replay.ts';

export type ProvingEvent =
  | {
      readonly kind: 'heat_map';
      readonly outcome: 'made' | 'skipped' | 'failed';
      readonly resultId: string;
      readonly detail: string | null;
    }
  | { readonly kind: 'heat_map_not_kept'; readonly resultId: string; readonly detail: string }
  | {
      readonly kind: 'replayed';
      readonly outcome: Replayed['kind'] | 'failed';
      readonly resultId: string;
      readonly detail: string | null;
    };

export interface ProvingOptions {
  /** Folder of the store. */
  readonly store: string;
  readonly ledger: {
    get(resultId: string): Promise<RecordedResult | null>;
    fateOf(ledgerSeq: number): Promise<Fate>;
    chainProof(resultId: string): Promise<ChainProof | null>;
    reviewsOf(resultId: string): Promise<readonly Review[]>;
  };
  /** @throws ModelPackageError */
  loadPackage(name: string, version: string): Promise<ModelPackage>;
  /** Whether heat maps are kept beside their pictures; false where the store is another's. */
  readonly keepsHeatMaps: boolean;
  /** Whether pictures may be decoded in this process: never in a service. */
  readonly mayDecode: boolean;
  readonly heatMapsPerMinute: number;
  readonly maxPixels: number;
  readonly startTimeoutMs: number;
  onEvent(event: ProvingEvent): void;
}

const TIMEOUT_MS = 60_000;
const IDLE_MS = 60_000;
const MAX_WAITING = 16;
const MAX_REMEMBERED = 1000;

export class ProvingDesk {
  private readonly options: ProvingOptions;
  private readonly explainer: Explainer;
  private readonly files: HeatMapFiles;
  private readonly budget: Budget;
  private readonly ports: ReplayPorts;
  /** Being made, by result: two who ask get the same. */
  private readonly making = new Map<string, Promise<HeatMap>>();
  /** Results whose heat map was made lately. */
  private readonly made = new RecentNames(MAX_REMEMBERED);
  private isStopping = false;

  constructor(options: ProvingOptions) {
    this.options = options;
    const { maxPixels, startTimeoutMs } = options;
    this.explainer = new Explainer({
      maxPixels,
      startTimeoutMs,
      timeoutMs: TIMEOUT_MS,
      idleMs: IDLE_MS,
      maxWaiting: MAX_WAITING,
    });
    this.files = new HeatMapFiles(options.store);
    this.budget = new Budget(options.heatMapsPerMinute, () => performance.now());
    const packages = new Packages((name, version) => options.loadPackage(name, version));
    this.ports = {
      store: { path: options.store, fateOf: (ledgerSeq) => options.ledger.fateOf(ledgerSeq) },
      packageOf: (model) => packages.get(model),
      score: async ({ engineModel: model }, image, roi) =>
        scoredOf(await this.explain({ model, image, roi, wantsMap: false }, true)),
    };
  }

  stop(): void {
    this.isStopping = true;
    this.explainer.stop();
  }

  /**
   * Decides a recorded result again, with the model, region and cuts of its row, on the CPU.
   * @throws LoupeError result_not_found, busy, internal
   */
  async replay(resultId: string): Promise<Replayed> {
    const result = await this.found(resultId);
    try {
      const replayed = await replay(result, this.ports, null);
      this.options.onEvent({ kind: 'replayed', outcome: replayed.kind, resultId, detail: replayed.detail });
      return replayed;
    } catch (error) {
      this.options.onEvent({ kind: 'replayed', outcome: 'failed', resultId, detail: messageOf(error) });
      throw error;
    }
  }

  /**
   * Where the model saw the defect: kept from before, else made now.
   * @param mayMake false: only one that is kept
   * @throws LoupeError result_not_found, not_replayable, busy, internal
   */
  async heatMap(resultId: string, mayMake: boolean): Promise<HeatMap> {
    const result = await this.found(resultId);
    const kept = await this.files.read(result);
    if (kept !== null) return kept;
    if (!mayMake) throw new LoupeError('result_not_found', `no heat map was made of result ${resultId}`);
    return this.makeOnce(result, true);
  }

  /**
   * Everything that is to be known of a result, checked now.
   * @throws LoupeError result_not_found
   */
  async proof(resultId: string): Promise<Proof> {
    const { ledger } = this.options;
    return proofOf(await this.found(resultId), {
      store: this.ports.store,
      mayDecode: this.options.mayDecode,
      chainProof: (id) => ledger.chainProof(id),
      reviewsOf: (id) => ledger.reviewsOf(id),
      replay: (result) => this.replay(result.resultId),
      heatMap: (result) => this.heatMap(result.resultId, true),
    });
  }

  /** Whether a heat map was made of this result, as far as this process remembers. */
  hasHeatMap(resultId: string): boolean {
    return this.made.has(resultId);
  }

  /** A part that did not pass: its heat map is made where the budget has room. Returns at once, never throws. */
  offer(result: RecordedResult): void {
    const { verdict, imagePath, resultId } = result;
    if ((verdict !== 'FAIL' && verdict !== 'REVIEW') || imagePath === null || this.options.heatMapsPerMinute === 0)
      return;
    if (!this.budget.take()) {
      this.options.onEvent({
        kind: 'heat_map',
        outcome: 'skipped',
        resultId,
        detail: 'the budget of this minute is spent',
      });
      return;
    }
    // What goes wrong was reported.
    void this.makeOnce(result, false).catch(() => undefined);
  }

  private makeOnce(result: RecordedResult, isAsked: boolean): Promise<HeatMap> {
    const { resultId } = result;
    const making = this.making.get(resultId) ?? this.make(result, isAsked).finally(() => this.making.delete(resultId));
    this.making.set(resultId, making);
    return making;
  }

  private async make(result: RecordedResult, isAsked: boolean): Promise<HeatMap> {
    const { resultId } = result;
    const { options } = this;
    try {
      const heatMap = await this.explained(result, isAsked);
      options.onEvent({ kind: 'heat_map', outcome: 'made', resultId, detail: null });
      if (!options.keepsHeatMaps) return heatMap;
      await this.files.keep(result, heatMap).catch((error: unknown) => {
        options.onEvent({ kind: 'heat_map_not_kept', resultId, detail: messageOf(error) });
      });
      this.made.add(resultId);
      return heatMap;
    } catch (error) {
      const isBusy = error instanceof LoupeError && error.code === 'busy';
      // One that nobody waits for is no fault where the service ends.
      const outcome = !isAsked && (isBusy || this.isStopping) ? 'skipped' : 'failed';
      options.onEvent({ kind: 'heat_map', outcome, resultId, detail: messageOf(error) });
      throw error;
    }
  }

  private async explained(result: RecordedResult, isAsked: boolean): Promise<HeatMap> {
    const prepared = await prepare(result, this.ports, null);
    if (prepared.kind !== 'prepared') throw new LoupeError('not_replayable', prepared.detail);
    const { image, roi } = prepared;
    const explained = await this.explain({ model: prepared.package.engineModel, image, roi, wantsMap: true }, isAsked);
    if (explained.kind === 'faulted')
      throw new LoupeError('not_replayable', `${explained.reason}: ${explained.detail}`);
    if (explained.heatMap === null) throw new Error('a heat map was asked for and none came');
    return explained.heatMap;
  }

  private async explain(task: ExplainTask, isAsked: boolean): Promise<Explained> {
    try {
      return await this.explainer.explain(task, isAsked);
    } catch (error) {
      if (error instanceof ExplainerBusyError) throw new LoupeError('busy', error.message, { cause: error });
      if (error instanceof ExplainerFailedError) throw new LoupeError('internal', error.message, { cause: error });
      throw error;
    }
  }

  private async found(resultId: string): Promise<RecordedResult> {
    const result = await this.options.ledger.get(resultId);
    if (result === null) throw new LoupeError('result_not_found', `no result "${resultId.slice(0, 64)}"`);
    return result;
  }
}

function scoredOf(explained: Explained): Scored {
  if (explained.kind === 'faulted') return explained;
  const { probability, unfamiliarity } = explained;
  return { kind: 'scored', probability, unfamiliarity, provider: 'cpu' };
}
