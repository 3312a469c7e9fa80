/** Asks the good images whether parts may lie any way, and embeds what is learned turned. */

import type { Example } from '../../training/teaching.ts';
import { askedOf, type Turn, turnedToo, turnsOf, usualTurns } from '../../training/turns.ts';
import { embedFolder, type Embedding } from './embedding.ts';
import type { Step } from './steps.ts';

export const degrees = (turn: Turn) => 90 * turn;

/** Whether parts lie so; the empty list also where too few good images say anything, and where nobody is to ask. */
export async function usualTurnsOf(
  examples: readonly Example[],
  options: { readonly turns: boolean },
  embedding: Embedding,
  step: Step,
): Promise<readonly Turn[]> {
  const good = options.turns ? askedOf(examples) : null;
  const wanted = new Map(turnsOf(embedding.input).map((turn) => [turn, good?.asked ?? []]));
  const turned = await embedTurned(wanted, embedding, step, 'good images asked whether parts lie any way');
  return good === null ? [] : usualTurns(good.learned, good.asked, turned);
}

/** @returns each draw with those of its taught images that are learned turned as well */
export async function withTurned<D extends { readonly taught: readonly Example[] }>(
  draws: readonly D[],
  turns: readonly Turn[],
  embedding: Embedding,
  step: Step,
): Promise<(D & { readonly turned: readonly Example[] })[]> {
  const wanted = draws.map(({ taught }) => turnedToo(taught, turns));
  const ofAny = new Map(turns.map((turn) => [turn, wanted.flatMap((by) => by.get(turn) ?? [])]));
  const found = await embedTurned(ofAny, embedding, step, 'turned images embedded');
  const byFile = new Map([...found].map(([turn, some]) => [turn, new Map(some.map((each) => [each.file, each]))]));
  return draws.map((draw, i) => {
    const turned = [...(wanted[i] ?? [])].flatMap(([turn, some]) =>
      some.flatMap(({ file }) => byFile.get(turn)?.get(file) ?? []),
    );
    return { ...draw, turned };
  });
}

/** Each image once by each turn, however often it is wanted. */
async function embedTurned(
  wanted: ReadonlyMap<Turn, readonly Example[]>,
  embedding: Embedding,
  step: Step,
  unit: string,
): Promise<ReadonlyMap<Turn, readonly Example[]>> {
  const { folder } = embedding;
  const images = [...wanted].map(([turn, some]) => {
    const files = new Set(some.map(({ file }) => file));
    return [turn, folder.images.filter(({ file }) => files.has(file))] as const;
  });
  const count = images.reduce((sum, [, some]) => sum + some.length, 0);
  return step(unit, count, async (onImage) => {
    const found = new Map<Turn, readonly Example[]>();
    let done = 0;
    for (const [turn, some] of images) {
      const before = done;
      const of = { ...embedding, folder: { ...folder, images: some } };
      found.set(turn, await embedFolder(of, (each) => onImage(before + each), turn));
      done += some.length;
    }
    return found;
  });
}
