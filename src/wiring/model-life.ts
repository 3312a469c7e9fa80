/** The parts of the life of models, put together: repository, journal, proof, and the workplace they act on. */

import { messageOf } from '../errors.ts';
import type { Config } from '../config/schema.ts';
import { CutsDesk, type CutsEvent } from './cuts-control.ts';
import { ModelDesk, type ModelDeskOptions, type ModelEvent, type Workplace } from './model-control.ts';
import { ModelProver, ProvingWorkplace, ServingWorkplace } from './model-prover.ts';
import { ActivationJournal } from '../model-repository/activations.ts';
import { CutJournal, overtakenEntries } from '../model-repository/cut-journal.ts';
import { ModelRepository } from '../model-repository/repository.ts';
import type { ModelsAtWork } from './models-at-work.ts';
import { configuredCuts, firstEntries, packageRecipes, type PackagedRecipe } from './packaged-recipes.ts';

export interface ModelLifeOptions {
  readonly config: Config;
  /** Null when CUDA can be tried, else what it lacks. */
  readonly cudaMissing: string | null;
  /** The engines of a running service; null beside a stopped one. */
  readonly models: ModelsAtWork | null;
  shadowed: ModelDeskOptions['shadowed'];
  onEvent(event: ModelEvent | CutsEvent): void;
}

export class ModelLife {
  readonly desk: ModelDesk;
  readonly cuts: CutsDesk;
  readonly repository: ModelRepository;
  private readonly config: Config;
  private readonly prover: ModelProver;
  private readonly models: ModelsAtWork | null;
  private readonly journal: ActivationJournal;
  private readonly cutJournal: CutJournal;

  constructor(options: ModelLifeOptions) {
    const { config, cudaMissing, models } = options;
    const prover = new ModelProver(config, cudaMissing);
    const workplace: Workplace = models === null ? new ProvingWorkplace(prover) : new ServingWorkplace(prover, models);
    this.config = config;
    this.prover = prover;
    this.models = models;
    this.journal = new ActivationJournal(config.store.path);
    this.cutJournal = new CutJournal(config.store.path);
    this.repository = new ModelRepository({
      root: config.models.path,
      maxBytes: config.models.max_package_bytes,
      prove: async (model) => void (await prover.prove(model)),
    });
    this.desk = new ModelDesk({
      config,
      repository: this.repository,
      shadowed: (name, version) => options.shadowed(name, version),
      journal: this.journal,
      cutJournal: this.cutJournal,
      workplace,
      now: Date.now,
      onEvent: (event) => options.onEvent(event),
    });
    this.cuts = new CutsDesk({
      config,
      journal: this.cutJournal,
      atWork: async () =>
        models === null
          ? (await packageRecipes(config)).map(({ recipe, package: found }) => [recipe.id, found])
          : [...models.recipes.keys()].flatMap((id) => {
              const found = models.packageOf(id);
              return found === undefined ? [] : [[id, found]];
            }),
      // Beside a stopped service the journal is all there is to change.
      use: (recipeId, lane, cuts) => models === null || models.useCuts(recipeId, lane, cuts),
      now: Date.now,
      onEvent: (event) => options.onEvent(event),
    });
  }

  /** Gives up a model that is being proven, and takes no other. What is at work stays at work. */
  async stop(): Promise<void> {
    this.prover.stop();
    await this.models?.stopChanging();
  }

  /**
   * Notes which versions unpinned recipes began with: from now on a package that is merely added changes nothing. Notes as well
   * which changes of cuts the configuration has overtaken. To be called when the store is this process's to write.
   * @returns why it could not be noted; null when it was. The next start tries again.
   */
  async noteFirstModels(recipes: readonly PackagedRecipe[]): Promise<string | null> {
    try {
      const entries = firstEntries(this.config, recipes, await this.journal.read(), Date.now());
      if (entries.length > 0) await this.journal.append(entries);
      const configured = new Map(Object.entries(this.config.recipes).map(([id, one]) => [id, configuredCuts(one)]));
      const overtaken = overtakenEntries(await this.cutJournal.read(), configured, Date.now());
      if (overtaken.length > 0) await this.cutJournal.append(overtaken);
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }
}
