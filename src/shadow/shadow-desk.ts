/** Shadows, as the doors of the service offer them: set beside a recipe, looked at, taken away. They come back with the service. */

import path from 'node:path';
import type { Config } from '../config/schema.ts';
import { EngineStartError } from '../engine/engine-process.ts';
import { type EnginePool, ProviderUnavailableError } from '../engine/pool.ts';
import type { TaskSource } from '../engine/task.ts';
import { LoupeError, messageOf } from '../errors.ts';
import type { Frame } from '../frame/frame.ts';
import type { Disagreement, ShadowControl, ShadowCounts, ShadowRequest, ShadowState } from '../frame/shadows.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import { CutJournal } from '../model-repository/cut-journal.ts';
import type { ModelPackage } from '../model-repository/package.ts';
import type { ModelRepository } from '../model-repository/repository.ts';
import { Turns } from '../turns.ts';
import { packagedRecipe } from '../wiring/packaged-recipes.ts';
import { DisagreementStore } from './disagreement-store.ts';
import { ShadowJournal } from './shadow-journal.ts';
import { ShadowRun } from './shadow-run.ts';

export interface ShadowDeskOptions {
  readonly config: Config;
  readonly repository: ModelRepository;
  /** The package that decides for a recipe. */
  readonly packageOf: (recipeId: string) => ModelPackage | undefined;
  /** Engines of a candidate, behind those at work; not started. */
  readonly poolFor: (recipeId: string, candidate: ModelPackage, source: TaskSource) => EnginePool;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onEvent: (event: ShadowEvent) => void;
}

export type ShadowEvent =
  | {
      readonly kind: 'shadow_compared';
      readonly recipe: string;
      readonly model: string;
      readonly outcome: keyof ShadowCounts;
    }
  | {
      readonly kind: 'shadow_started' | 'shadow_stopped';
      readonly recipe: string;
      readonly model: string;
      readonly by: string;
    }
  | {
      readonly kind: 'shadow_refused';
      readonly recipe: string;
      readonly model: string;
      readonly by: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'shadow_not_resumed' | 'shadow_not_kept';
      readonly recipe: string;
      readonly model: string;
      readonly detail: string;
    };

export class ShadowDesk implements ShadowControl {
  private readonly options: ShadowDeskOptions;
  private readonly journal: ShadowJournal;
  private readonly runs = new Map<string, ShadowRun>();
  private readonly turns = new Turns();
  /** Being proven. */
  private candidate: ShadowRun | null = null;
  private isStopping = false;

  constructor(options: ShadowDeskOptions) {
    this.options = options;
    this.journal = new ShadowJournal(options.config.store.path);
  }

  /** A frame that was recorded; a shadow of its recipe looks at it too. Returns at once. */
  offer(frame: Frame, result: RecordedResult): void {
    if (result.verdict !== 'UNINSPECTED') this.runs.get(result.recipeId ?? '')?.offer(frame, result);
  }

  /** Sets those back that were beside a recipe when the service ended. What cannot come back is said, and stops nothing. */
  async resume(): Promise<void> {
    const standing = await this.journal.standing().catch((error: unknown) => {
      this.options.onEvent({ kind: 'shadow_not_resumed', recipe: '', model: '', detail: String(error) });
      return [];
    });
    for (const { recipe, model, by } of standing) {
      const { name, version, sha256 } = model;
      try {
        await this.inTurn(async () => {
          // Somebody set another beside it meanwhile.
          if (this.runs.has(recipe)) return;
          const run = await this.runFor({ name, version, recipe }, by);
          if (run.model.sha256 !== sha256) {
            throw new Error(
              `${name}/${version} was a shadow with SHA-256 ${sha256}; the folder now holds ${run.model.sha256}`,
            );
          }
          await this.prove(run);
          await this.seat(run);
        });
      } catch (error) {
        const detail = messageOf(error);
        this.options.onEvent({ kind: 'shadow_not_resumed', recipe, model: `${name}/${version}`, detail });
      }
    }
  }

  async close(): Promise<void> {
    this.isStopping = true;
    await this.candidate?.stop();
    await this.turns.done();
    await Promise.all([...this.runs.values()].map((run) => run.stop()));
  }

  /** Recipes that a version is beside, or is being proven for. */
  beside(name: string, version: string): readonly { readonly recipe: string; readonly isProven: boolean }[] {
    const ofIt = ({ model }: ShadowRun) => model.name === name && model.version === version;
    const beside = [...this.runs].flatMap(([recipe, run]) => (ofIt(run) ? [{ recipe, isProven: true }] : []));
    const { candidate } = this;
    if (candidate === null || !ofIt(candidate)) return beside;
    return [...beside, { recipe: candidate.state.recipe, isProven: false }];
  }

  /** What scores frames beside a recipe now; `model` with its version. */
  atWork(): readonly { readonly recipe: string; readonly model: string }[] {
    return [...this.runs].map(([recipe, { model }]) => ({ recipe, model: `${model.name}/${model.version}` }));
  }

  async list(): Promise<readonly ShadowState[]> {
    return [...this.runs.values()].map(({ state }) => state);
  }

  start(request: ShadowRequest, by: string): Promise<ShadowState> {
    return this.inTurn(async () => {
      const run = await this.runFor(request, by);
      const { recipe, model: ref } = run.state;
      const model = `${ref.name}/${ref.version}`;
      try {
        await this.prove(run);
        await this.note(run, by);
      } catch (error) {
        const detail = messageOf(error);
        this.options.onEvent({ kind: 'shadow_refused', recipe, model, by, detail });
        throw error;
      }
      await this.seat(run);
      this.options.onEvent({ kind: 'shadow_started', recipe, model, by });
      return run.state;
    });
  }

  stop(recipe: string | null, by: string): Promise<ShadowState> {
    return this.inTurn(async () => {
      const run = this.runOf(recipe);
      const { state } = run;
      const { model } = state;
      await this.journal.append({ at: this.options.now(), by, kind: 'stop', recipe: state.recipe, model });
      this.runs.delete(state.recipe);
      await run.stop();
      this.options.onEvent({
        kind: 'shadow_stopped',
        recipe: state.recipe,
        model: `${model.name}/${model.version}`,
        by,
      });
      return state;
    });
  }

  async disagreements(recipe: string, limit: number): Promise<readonly Disagreement[]> {
    return this.runOf(recipe).store.list(limit);
  }

  async pictureFile(recipe: string, resultId: string): Promise<{ readonly file: string; readonly mediaType: string }> {
    return this.runOf(recipe).store.pictureFile(resultId);
  }

  /** A run of what was asked for; its engines are not started. */
  private async runFor(request: ShadowRequest, by: string): Promise<ShadowRun> {
    const { config, repository, poolFor, packageOf, now, onEvent } = this.options;
    const recipe = this.recipeFor(request);
    const found = await repository.load(request.name, request.version);
    const { name, version, sha256 } = found.engineModel;
    const lane = `${name}/${version}`;
    const active = packageOf(recipe)?.engineModel;
    if (active?.name === name && active.version === version) {
      throw new LoupeError('model_in_use', `${lane} decides for recipe ${recipe} already: there is nothing to compare`);
    }
    const settings = config.recipes[recipe];
    if (settings === undefined) throw new Error(`no recipe ${recipe}`);
    const cutEntries = await new CutJournal(config.store.path).read();
    return new ShadowRun({
      recipe,
      model: { name, version, sha256 },
      cuts: packagedRecipe(recipe, settings, found, cutEntries).recipe.cuts,
      by,
      since: now(),
      store: new DisagreementStore(path.join(config.store.path, 'shadow', recipe), { name, version }),
      poolFrom: (source) => poolFor(recipe, found, source),
      onCompared: (outcome) => onEvent({ kind: 'shadow_compared', recipe, model: lane, outcome }),
      onUnkept: (detail) => onEvent({ kind: 'shadow_not_kept', recipe, model: lane, detail }),
    });
  }

  /** Starts its engines; the shadow that it is to replace goes on beside it. */
  private async prove(run: ShadowRun): Promise<void> {
    const { name, version } = run.model;
    if (this.isStopping) throw shuttingDown();
    this.candidate = run;
    try {
      await run.start();
    } catch (error) {
      if (this.isStopping) throw shuttingDown();
      if (error instanceof EngineStartError || error instanceof ProviderUnavailableError) {
        throw new LoupeError('model_refused', `${name}/${version}: ${error.message}`, { cause: error });
      }
      throw error;
    } finally {
      this.candidate = null;
    }
  }

  /** Puts it beside its recipe, in the place of another. */
  private async seat(run: ShadowRun): Promise<void> {
    const { recipe, model } = run.state;
    const lane = `${model.name}/${model.version}`;
    const before = this.runs.get(recipe);
    this.runs.set(recipe, run);
    await before?.stop();
    await run.store.forgetOthers().catch((error: unknown) => {
      const detail = `those of others stay: ${String(error)}`;
      this.options.onEvent({ kind: 'shadow_not_kept', recipe, model: lane, detail });
    });
  }

  /** What is not in the journal does not come back: it is not begun either. */
  private async note(run: ShadowRun, by: string): Promise<void> {
    const { recipe, model, since: at } = run.state;
    try {
      await this.journal.append({ at, by, kind: 'start', recipe, model });
    } catch (error) {
      await run.stop();
      const detail = `the shadow could not be noted and was not started: ${String(error)}`;
      throw new LoupeError('store_unavailable', detail, { cause: error });
    }
  }

  private recipeFor({ name, recipe }: ShadowRequest): string {
    const { recipes } = this.options.config;
    if (recipe !== null) {
      if (Object.hasOwn(recipes, recipe)) return recipe;
      throw new LoupeError('recipe_not_found', `no recipe "${recipe}"; there are: ${Object.keys(recipes).join(', ')}`);
    }
    const named = Object.entries(recipes).flatMap(([id, { model }]) => (model === name ? [id] : []));
    const [only] = named;
    if (only !== undefined && named.length === 1) return only;
    throw new LoupeError('invalid_request', `say beside which recipe: ${Object.keys(recipes).join(', ')}`);
  }

  private runOf(recipe: string | null): ShadowRun {
    const [only] = this.runs.values();
    const run = recipe === null && this.runs.size === 1 ? only : this.runs.get(recipe ?? '');
    if (run !== undefined) return run;
    const there = this.runs.size === 0 ? 'there is none' : `there are: ${[...this.runs.keys()].join(', ')}`;
    throw new LoupeError('model_not_found', `no shadow is beside recipe "${recipe ?? ''}"; ${there}`);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.take(async () => {
      if (this.isStopping) throw shuttingDown();
      return work();
    });
  }
}

const shuttingDown = () => new LoupeError('shutting_down', 'the service is stopping');
