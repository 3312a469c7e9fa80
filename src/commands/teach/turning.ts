/** Asks the good images whether parts may lie any way, and embeds what is learned turned. */

import type { Example } from '../../training/teaching.ts';
import { halvesOfGood, isWorthTurning, type Turn, turnedToo, turnsOf, usualTurns } from '../../training/turns.ts';
import { embedFolder, type Embedding } from './embedding.ts';
import type { Step } from './steps.ts';

type ByTurn = ReadonlyMap<Turn, readonly Example[]>;

export interface Turning {
  /** Empty where parts lie one way, where too few good images say anything or many say all, and where nobody is to ask. */
  readonly turns: readonly Turn[];
  /** What was embedded turned to find out. */
  readonly known: ByTurn;
}

export const degrees = (turn: Turn) => 90 * turn;

/** @param draws what is taught of the examples, each time */
export async function turningOf(
  examples: readonly Example[],
  draws: readonly { readonly taught: readonly Example[] }[],
  options: { readonly turns: boolean },
  embedding: Embedding,
  step: Step,
): Promise<Turning> {
  const isWorthIt = options.turns && draws.some(({ taught }) => isWorthTurning(taught));
  const halves = isWorthIt ? halvesOfGood(examples) : null;
  const wanted = new Map(turnsOf(embedding.input).map((turn) => [turn, halves?.flat() ?? []]));
  const known = await embedTurned(
    wanted,
    new Map(),
    embedding,
    step,
    'good images turned, to see whether parts lie so',
  );
  return { turns: halves === null ? [] : usualTurns(halves, known), known };
}

/** @returns each draw with those of its taught images that are learned turned as well */
export async function withTurned<D extends { readonly taught: readonly Example[] }>(
  draws: readonly D[],
  { turns, known }: Turning,
  embedding: Embedding,
  step: Step,
): Promise<(D & { readonly turned: readonly Example[] })[]> {
  const wanted = draws.map(({ taught }) => turnedToo(taught, turns));
  const ofAny = new Map(turns.map((turn) => [turn, wanted.flatMap((by) => by.get(turn) ?? [])]));
  const found = await embedTurned(ofAny, known, embedding, step, 'turned images embedded');
  const byFile = new Map([...found].map(([turn, some]) => [turn, new Map(some.map((each) => [each.file, each]))]));
  return draws.map((draw, i) => {
    const turned = [...(wanted[i] ?? [])].flatMap(([turn, some]) =>
      some.flatMap(({ file }) => byFile.get(turn)?.get(file) ?? []),
    );
    return { ...draw, turned };
  });
}

/** Each image once by each turn, however often it is wanted, and with those that are known already. */
async function embedTurned(
  wanted: ByTurn,
  known: ByTurn,
  embedding: Embedding,
  step: Step,
  unit: string,
): Promise<ByTurn> {
  const { folder } = embedding;
  const missing = [...wanted].map(([turn, some]) => {
    const files = new Set(some.map(({ file }) => file));
    for (const { file } of known.get(turn) ?? []) files.delete(file);
    return [turn, folder.images.filter(({ file }) => files.has(file))] as const;
  });
  const count = missing.reduce((sum, [, some]) => sum + some.length, 0);
  return step(unit, count, async (onImage) => {
    const found = new Map(known);
    let done = 0;
    for (const [turn, images] of missing) {
      const before = done;
      const of = { ...embedding, folder: { ...folder, images } };
      const fresh = await embedFolder(of, (each) => onImage(before + each), turn);
      found.set(turn, [...(found.get(turn) ?? []), ...fresh]);
      done += images.length;
    }
    return found;
  });
}
