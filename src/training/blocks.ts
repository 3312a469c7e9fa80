/** What each block of the embedding counts: those that tell the classes apart on held-out parts more than the others. Pure. */

import { type Grouped, groupFolds } from './folds.ts';
import { balancedWeights, fitLogistic, logit, type Samples } from './logistic.ts';
import { auroc } from './measures.ts';
import { type Scale, scaleOf, sharesOf, standardised } from './standardise.ts';

export interface Blocked extends Grouped {
  readonly file: string;
  /** Each of its own width, in the backbone's order. */
  readonly blocks: readonly Float32Array[];
}

/**
 * Penalty times images. Choosing it anew by cross-validation made 60 images no better and less steady: the folds disagree by more
 * than the penalties do.
 */
const PENALTY = 1 / 30;
const FOLDS = 3;
const SEED = 3;
/** A block no better than a coin still counts so much: of few images the folds say little. */
const LEAST_LEAD = 0.05;
/** Coarser than a head is fitted: only the order of the scores is asked for. */
const TOLERANCE = 1e-3;

export function penaltyFor(images: number): number {
  return PENALTY / images;
}

/**
 * Square of the lead over a coin (AUROC - 0.5) that each block alone has on held-out parts; mean square 1. All 1 where a fold would lack a class.
 */
export function blockFactors(examples: readonly Blocked[]): number[] {
  const foldOf = groupFolds(examples, FOLDS, SEED);
  const folds = Array.from({ length: FOLDS }, (_, fold) => fold);
  const isWhole = folds.every((fold) =>
    [false, true].every((isDefective) =>
      examples.some((example, i) => foldOf[i] !== fold && example.isDefective === isDefective),
    ),
  );
  const widths = examples[0]?.blocks ?? [];
  if (!isWhole || widths.length < 2) return widths.map(() => 1);
  const leads = widths.map((_, block) => {
    const alone = examples.map((example) => ({ ...example, blocks: example.blocks.slice(block, block + 1) }));
    const scores = folds.flatMap((fold) => heldOutScores(alone, foldOf, fold));
    return Math.max(LEAST_LEAD, auroc(scores) - 0.5) ** 2;
  });
  const size = Math.sqrt(leads.reduce((sum, lead) => sum + lead * lead, 0) / leads.length);
  return leads.map((lead) => lead / size);
}

function heldOutScores(examples: readonly Blocked[], foldOf: readonly number[], fold: number) {
  const inside = examples.filter((_, i) => foldOf[i] !== fold);
  const outside = examples.filter((_, i) => foldOf[i] === fold);
  const { scale, shares, samples } = weighted(inside, [1]);
  const labels = inside.map((example) => example.isDefective);
  const options = { l2: penaltyFor(inside.length), tolerance: TOLERANCE };
  const fit = fitLogistic(samples, labels, balancedWeights(labels), options);
  const asked = standardised(outside.map(rowOf), scale, shares);
  return outside.map(({ file, group, isDefective }, i) => {
    return { file, group, isDefective, probability: logit(fit, asked, i) };
  });
}

/** Embeddings as standardised rows, each block with its factor, however wide it is. */
export function weighted(
  examples: readonly Blocked[],
  factors: readonly number[],
): { readonly scale: Scale; readonly shares: Float64Array; readonly samples: Samples } {
  const rows = examples.map(rowOf);
  const widths = (examples[0]?.blocks ?? []).map((block) => block.length);
  const each = sharesOf(widths);
  const factorOf = widths.flatMap((width, block) => new Array<number>(width).fill(factors[block] ?? 1));
  const shares = each.map((share, j) => share * (factorOf[j] ?? 1));
  const scale = scaleOf(rows);
  return { scale, shares, samples: standardised(rows, scale, shares) };
}

function rowOf({ blocks }: Blocked): Float32Array {
  const row = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let from = 0;
  for (const block of blocks) {
    row.set(block, from);
    from += block.length;
  }
  return row;
}
