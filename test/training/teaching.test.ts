import { describe, expect, it } from 'vitest';
import { BLOCKS, gridFor, inputOf, placesFor, placesOf, readBackbone } from '../../src/commands/teach/embedding.ts';
import { Session } from '../../src/engine/session.ts';
import { isUnfamiliar } from '../../src/frame/score.ts';
import { blockFactors } from '../../src/training/blocks.ts';
import { fifthsOf, halvesOf, measureDraws } from '../../src/training/few-shot.ts';
import { CURVE_LESSONS, learningCurve, moreImagesSentence } from '../../src/training/learning-curve.ts';
import { sigmoid } from '../../src/training/logistic.ts';
import { hasMarks, learnMarks, markedness } from '../../src/training/marked-patches.ts';
import { BackboneError } from '../../src/training/onnx-graph.ts';
import { distances, remember, strangeness } from '../../src/training/patch-memory.ts';
import { learnPlaces, misfit, misfits, PLACE_WIDTH, type Places } from '../../src/training/places.ts';
import { randomFrom } from '../../src/training/random.ts';
import { mixOf } from '../../src/training/score-mix.ts';
import { scaleOf, sharesOf, standardised } from '../../src/training/standardise.ts';
import { EMBEDDING_NAME, MAP_NAME, TAUGHT_OUTPUT, taughtGraph } from '../../src/training/taught-graph.ts';
import { type Example, foldsFor, platt, scoreOf, teach } from '../../src/training/teaching.ts';

const LIMITS = { escapes: 0.02, falseRejects: 0.02 };
const WIDTH = 12;

interface Difference {
  /** How much higher the third feature of a defective image is. */
  readonly feature?: number;
  /** How much higher every value of its one bad patch is. */
  readonly patch?: number;
}

/** All pictures are the same at each place. */
const NOWHERE = { rows: 2, columns: 3, values: new Float32Array(6 * PLACE_WIDTH) };

/** Two images per part, each of two blocks of features and 20 patches of 4 values. */
function examplesOf(parts: number, { feature = 0, patch = 0 }: Difference, seed = 1): Example[] {
  const random = randomFrom(seed);
  return Array.from({ length: parts * 2 }, (_, i) => {
    const part = Math.floor(i / 2);
    const isDefective = part % 2 === 0;
    const block = (width: number) =>
      Float32Array.from({ length: width }, (_, j) => random() + (isDefective && j === 2 ? feature : 0));
    const values = Float32Array.from({ length: 80 }, (_, j) => random() + (isDefective && j < 4 ? patch : 0));
    const blocks = [block(WIDTH), Float32Array.from({ length: 2 }, random)];
    return {
      file: `${i}.png`,
      group: `part${part}`,
      isDefective,
      blocks,
      patches: { values, width: 4, isMarked: null },
      places: NOWHERE,
    };
  });
}

describe('teach', () => {
  it('learns what tells the parts apart, judged on parts it held back', () => {
    const lesson = teach(examplesOf(80, { feature: 2 }), LIMITS);
    expect(lesson.measures?.auroc).toBeGreaterThan(0.97);
    expect(lesson.measures?.ece).toBeLessThan(0.1);
    expect(lesson.cuts.kind).toBe('chosen');
    const fresh = examplesOf(40, { feature: 2 }, 9);
    const probabilities = fresh.map((example) => scoreOf(lesson.head, example).probability);
    expect(fresh.filter((example, i) => probabilities[i]! > 0.5 === example.isDefective).length).toBeGreaterThan(76);
  });

  it('says that a backbone which sees nothing is unfit, and that few parts show little', () => {
    const lesson = teach(examplesOf(56, {}), LIMITS);
    expect(lesson.isFit).toBe(false);
    const text = lesson.warnings.join('\n');
    expect(text).toContain('Do not use the model');
    expect(text).toContain('only 28 different defective parts');
    expect(text).toContain('met on these images but not shown');
  });

  it('refuses too few images and one-sided ones', () => {
    expect(() => teach(examplesOf(3, { feature: 2 }), LIMITS)).toThrow(/at least 5 good images/);
    const good = examplesOf(40, { feature: 2 }).filter((example) => !example.isDefective);
    expect(() => teach(good, LIMITS)).toThrow(/at least 5 defective images of at least 2 parts, got 0/);
  });

  it('refuses parts that leave nothing of a class to teach while they are held back', () => {
    // Whole parts, spread by both classes: the two that show defects come to lie in one fold.
    const counts = { a: [5, 100], b: [40, 1], c: [80, 0] } as const;
    const images = Object.entries(counts).flatMap(([group, [good, bad]]) => [
      ...Array.from({ length: good }, () => ({ group, isDefective: false })),
      ...Array.from({ length: bad }, () => ({ group, isDefective: true })),
    ]);
    expect(() => foldsFor(images)).toThrow(/expected the defective images spread over more parts/);
    expect(foldsFor(images.map((image, i) => ({ ...image, group: `${i % 7}` }))).folds).toBe(5);
  });

  it('refuses to be measured where no half of the parts has both classes, with what there is', () => {
    const good = examplesOf(40, {}).filter(({ isDefective }) => !isDefective);
    expect(() => halvesOf(good, 5, 1)).toThrow(/40 of 20 parts good, 0 of 0 defective/);
    const found = measureDraws(halvesOf(examplesOf(12, { feature: 2 }), 30, 2), LIMITS);
    expect(found.taught.good + found.taught.defective).toBeLessThanOrEqual(12);
  });

  it('shows with models of fewer parts whether more images would help, each measured on the same images', () => {
    const curveOf = (parts: number, difference: Difference) => {
      const examples = examplesOf(parts, difference);
      const told: number[] = [];
      const lesson = teach(examples, LIMITS);
      return { curve: learningCurve(examples, [], LIMITS, lesson, (done) => told.push(done)), told, lesson };
    };
    const { curve, told } = curveOf(80, { feature: 0.5 });
    expect(told).toEqual([1, 2, 3, 4]);
    expect(told).toHaveLength(CURVE_LESSONS);
    expect(curve.map(({ parts, images }) => [parts, images])).toEqual([
      [20, 40],
      [40, 80],
      [64, 128],
    ]);
    const areas = curve.map(({ auroc }) => auroc);
    expect(areas).toEqual(areas.toSorted((a, b) => a - b));
    expect(areas[0]).toBeLessThan(areas[2]! - 0.03);
    expect(moreImagesSentence(curve)).toMatch(
      /^From 40 to 64 parts, \d+\.\d % of what AUROC lacks to 1 went away: more/,
    );
    // A quarter of 16 parts has four images of a class, one too few.
    expect(curveOf(16, { feature: 2 }).curve.map(({ parts }) => parts)).toEqual([8, 13]);
    const few = curveOf(8, { feature: 2 });
    expect(few.curve).toEqual([]);
    expect(few.told).toEqual([]);
    expect(moreImagesSentence(few.curve)).toBeNull();
  });

  it('tells of every fit, the final one last', () => {
    const told: number[] = [];
    teach(examplesOf(20, { feature: 2 }), LIMITS, [], (done) => told.push(done));
    expect(told).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('learns a patch unlike any of a good part where the features of the whole image show nothing', () => {
    const lesson = teach(examplesOf(80, { patch: 1 }), LIMITS);
    expect(lesson.measures?.auroc).toBeGreaterThan(0.9);
    expect(lesson.head.mapRange[1]).toBeGreaterThan(lesson.head.mapRange[0]);
  });

  it('standardises by the training images, leaves a dead feature at zero and clips what is far off', () => {
    const scale = scaleOf([Float32Array.of(0, 7), Float32Array.of(2, 7)]);
    expect([...scale.means, ...scale.deviations]).toEqual([1, 7, 1, 1]);
    const { values } = standardised([Float32Array.of(100, 7)], scale, sharesOf([2]));
    expect([...values]).toEqual([4 / Math.sqrt(2), 0]);
    // A block of one feature counts as much as one of four.
    expect([...sharesOf([1, 4])]).toEqual([1, 0.5, 0.5, 0.5, 0.5]);
  });

  it('calibrates with a rising curve even where the scores say the opposite', () => {
    expect(platt([-3, -2, 2, 3], [true, true, false, false]).scale).toBeGreaterThan(0);
    const { scale, shift } = platt([-1, 1, -1, 1, 1, -1], [false, true, false, true, false, true]);
    expect(sigmoid(scale + shift)).toBeCloseTo(2 / 3, 1);
  });

  it('is measured on parts that were not taught, the same again', () => {
    const examples = examplesOf(60, { feature: 1 });
    const found = measureDraws(halvesOf(examples, 15, 3), LIMITS);
    expect(found).toMatchObject({ aurocs: { length: 3 }, taught: { good: 15, defective: 15 } });
    expect(found.mean).toBeGreaterThan(0.85);
    expect(measureDraws(halvesOf(examples, 15, 3), LIMITS)).toEqual(found);
  });

  it('is measured on each fifth of the parts with all of the others taught, and refuses too few parts for that', () => {
    const found = measureDraws(fifthsOf(examplesOf(60, { feature: 1 })), LIMITS);
    expect(found.aurocs).toHaveLength(5);
    expect(found.mean).toBeGreaterThan(0.9);
    expect(() => fifthsOf(examplesOf(8, { feature: 1 }))).toThrow(/expected \w+ images of at least 5 parts/);
  });
});

describe('the blocks of the embedding', () => {
  it('count more where they alone tell the classes apart on held-out parts, and none is left out', () => {
    const [telling = 0, silent = 0] = blockFactors(examplesOf(60, { feature: 2 }));
    expect(telling).toBeGreaterThan(4 * silent);
    expect(silent).toBeGreaterThan(0);
    expect(telling ** 2 + silent ** 2).toBeCloseTo(2, 6);
  });

  it('count the same where a fold would lack a class', () => {
    expect(blockFactors(examplesOf(2, { feature: 2 }))).toEqual([1, 1]);
  });
});

describe('what masks teach', () => {
  /** Good parts carry bright patches of one kind anywhere; a defect is one of another kind, no stranger than these. */
  function maskedExamples(parts: number, seed: number, isMasked = true): Example[] {
    const random = randomFrom(seed);
    return Array.from({ length: parts }, (_, i) => {
      const isDefective = i % 2 === 0;
      const values = Float32Array.from({ length: 80 }, () => random() - 0.5);
      for (let k = 0; k < 6; k++) values[4 * Math.floor(random() * 20)] = 3;
      const bad = Math.floor(random() * 20);
      if (isDefective) values.set([3, 0.6, 0, 0], 4 * bad);
      const isMarked = isDefective && isMasked ? Array.from({ length: 20 }, (_, k) => k === bad) : null;
      const blocks = [Float32Array.from({ length: 4 }, random)];
      return {
        file: `${i}`,
        group: `part${i}`,
        isDefective,
        blocks,
        patches: { values, width: 4, isMarked },
        places: NOWHERE,
      };
    });
  }

  it('tells a defect from what good parts carry too, where distance alone does not', () => {
    const areas = [true, false].map((isMasked) => teach(maskedExamples(80, 5, isMasked), LIMITS).measures?.auroc ?? 0);
    expect(areas[0]).toBeGreaterThan(0.95);
    expect(areas[0]).toBeGreaterThan((areas[1] ?? 1) + 0.03);
  });

  it('points at the marked patch of a part it was not taught', () => {
    const taught = maskedExamples(40, 6);
    const memory = remember(
      taught.map((example) => example.patches),
      randomFrom(1),
    );
    const marks = learnMarks(taught, memory, randomFrom(1));
    if (marks === null) throw new Error('expected a classifier');
    const fresh = maskedExamples(20, 7);
    const of = (isDefective: boolean) =>
      fresh.filter((each) => each.isDefective === isDefective).map((each) => markedness(marks, memory, each.patches));
    expect(Math.min(...of(true))).toBeGreaterThan(Math.max(...of(false)));
  });

  it('is warned of where masks mark the parts and not their defects', () => {
    const said = (examples: readonly Example[]) => teach(examples, LIMITS).warnings.join();
    const inverted = maskedExamples(20, 8).map((each) => {
      const isMarked = each.patches.isMarked?.map((is) => !is) ?? null;
      return { ...each, patches: { ...each.patches, isMarked } };
    });
    expect(said(inverted)).toContain('are they inverted?');
    expect(said(maskedExamples(20, 8))).not.toContain('inverted');
  });

  it('needs eight masked images of four parts, and marks in them', () => {
    expect(hasMarks(maskedExamples(14, 8))).toBe(false);
    expect(hasMarks(maskedExamples(16, 8))).toBe(true);
    expect(teach(maskedExamples(14, 8), LIMITS).warnings.join()).toContain('masks of 7 images are too few');
    expect(teach(maskedExamples(14, 8), LIMITS).head.marks).toBeNull();
    const onePart = maskedExamples(16, 8).map((each) => ({ ...each, group: 'one' }));
    expect(hasMarks(onePart)).toBe(false);
    const unmasked = maskedExamples(16, 8, false);
    const memory = remember(
      unmasked.map((example) => example.patches),
      randomFrom(1),
    );
    expect(learnMarks(unmasked, memory, randomFrom(1))).toBeNull();
  });
});

describe('the mix of scores', () => {
  const labels = Array.from({ length: 400 }, (_, i) => i % 2 === 0);
  const rowsOf = (random: () => number) =>
    labels.map((isDefective) =>
      Float32Array.of(random(), random() + (isDefective ? 1 : 0), random() - (isDefective ? 1 : 0)),
    );

  it('asks more of a score that tells more, of few images and of many', () => {
    const few = mixOf(rowsOf(randomFrom(1)).slice(0, 20), labels.slice(0, 20), [1, 1, 0]);
    const many = mixOf(rowsOf(randomFrom(1)), labels, [1, 1, 0]);
    expect([few[0], many[0]]).toEqual([1, 1]);
    // The first tells nothing: by how much the second does, and by what all images together say.
    expect(few[1]).toBeGreaterThan(1.5);
    expect(many[1]).toBeGreaterThan(1.5);
  });

  it('trusts each score by what it tells by itself, and asks the trust between those that tell the same', () => {
    const random = randomFrom(3);
    const telling = labels.map((isDefective) => random() + (isDefective ? 1 : 0));
    const rows = telling.map((value) => Float32Array.of(value, value, random()));
    const [, same = 0, silent = 1] = mixOf(rows.slice(0, 40), labels.slice(0, 40), [1, 0.5, 1]);
    expect(same).toBeGreaterThan(0.4);
    expect(same).toBeLessThan(1);
    expect(silent).toBeLessThan(0.5 * same);
  });

  it('lets no score speak against a defect, and leaves out what has no prior', () => {
    const [, , against = 1] = mixOf(rowsOf(randomFrom(2)), labels, [1, 1, 1]);
    expect(against).toBeGreaterThanOrEqual(0);
    expect(mixOf(rowsOf(randomFrom(2)), labels, [1, 1, 0])[2]).toBe(0);
  });
});

describe('the memory of patches', () => {
  const good = { values: Float32Array.of(0, 0, 2, 2, 0, 2, 2, 0), width: 2, isMarked: null };

  it('measures in deviations of the good patches, from the nearest of them', () => {
    const memory = remember([good], randomFrom(1));
    expect([...memory.scale.means, ...memory.scale.deviations]).toEqual([1, 1, 1, 1]);
    const found = distances(memory, { values: Float32Array.of(0, 0, 3, 2, 2, 5), width: 2, isMarked: null });
    expect([...found]).toEqual([0, 1, 3]);
    expect(strangeness(found)).toBe(3);
  });

  it('takes what a mask leaves unmarked on a defective part for good', () => {
    const masked = { ...good, isMarked: [true, false, false, true] };
    const memory = remember([masked], randomFrom(1));
    expect([...memory.scale.means, ...memory.scale.deviations]).toEqual([1, 2, 1, 1]);
    expect(memory.values).toHaveLength(4);
  });

  it('keeps a bounded sample, the same again, and counts the worst fiftieth of many patches', () => {
    const many = Array.from({ length: 20 }, (_, k) => {
      const random = randomFrom(k);
      return { values: Float32Array.from({ length: 400 }, random), width: 4, isMarked: null };
    });
    const memory = remember(many, randomFrom(2));
    expect(memory.values).toHaveLength(1500 * 4);
    expect(remember(many, randomFrom(2))).toEqual(memory);
    expect(new Set(Array.from({ length: 1500 }, (_, i) => memory.values.slice(4 * i, 4 * i + 4).join())).size).toBe(
      1500,
    );
    expect(strangeness(Float64Array.from({ length: 100 }, (_, i) => i))).toBe(98.5);
  });
});

describe('the memory of places', () => {
  /** Good parts carry a mark in one square, give or take one; all squares are one of two kinds. */
  function pictured(group: string, marked: number, size = 7) {
    const values = Float32Array.from({ length: size * size * PLACE_WIDTH }, (_, i) =>
      Math.floor(i / PLACE_WIDTH) === marked ? 2 : 0,
    );
    return { group, places: { rows: size, columns: size, values } };
  }
  const at = (row: number, column: number) => 7 * row + column;
  const good = [pictured('a', at(3, 3)), pictured('b', at(3, 4)), pictured('c', at(2, 3))];

  it('misses what should be there, and finds what should be elsewhere, within the reach of a part that lies a little otherwise', () => {
    const memory = learnPlaces(good, randomFrom(1)).memory;
    expect(memory.kept).toHaveLength(3);
    const found = (marked: number) => misfits(memory, pictured('d', marked).places);
    expect(misfit(found(at(4, 4)))).toBe(0);
    // Two squares from where marks were seen, and no farther.
    expect(misfit(found(at(5, 5)))).toBe(0);
    expect(misfit(found(at(6, 6)))).toBeGreaterThan(0);
    const elsewhere = found(at(6, 0));
    expect(elsewhere.indexOf(misfit(elsewhere))).toBe(at(6, 0));
  });

  it('counts distances in what is usual for the place, by other parts than the one that is asked', () => {
    const changing = (group: string, level: number) => {
      const { places } = pictured(group, -1);
      return {
        group,
        places: { ...places, values: places.values.map((value, i) => (i < PLACE_WIDTH ? level : value)) },
      };
    };
    const { spread } = learnPlaces([changing('a', 0), changing('b', 1), changing('c', 5)], randomFrom(1)).memory;
    expect(spread[0]).toBeGreaterThan(10 * (spread[at(6, 6)] ?? 0));
    // One part says nothing of others.
    const { spread: ofOne } = learnPlaces([changing('a', 0), changing('a', 5)], randomFrom(1)).memory;
    expect(new Set(ofOne)).toEqual(new Set([0.05]));
  });

  it('judges each part by the others alone, all of them', () => {
    const alone = [...good, pictured('odd', at(6, 0)), pictured('odd', at(6, 0))];
    const found = learnPlaces(alone, randomFrom(1))
      .heldOut(alone)
      .map((each) => misfit(each));
    expect(found.slice(0, 3)).toEqual([0, 0, 0]);
    // Its own second picture is the same, and does not count.
    expect(found[3]).toBeGreaterThan(0);
    expect(misfit(misfits(learnPlaces(alone, randomFrom(1)).memory, alone[3]!.places))).toBe(0);
  });

  it('teaches what is good elsewhere and not here, where nothing else tells', () => {
    const random = randomFrom(2);
    const examples = examplesOf(40, {}).map((example) => {
      const row = example.isDefective ? 5 + Math.floor(2 * random()) : Math.floor(2 * random());
      return { ...example, places: pictured(example.group, at(row, Math.floor(2 * random()))).places };
    });
    expect(teach(examples, LIMITS).measures?.auroc).toBeGreaterThan(0.97);
  });

  it('keeps so many pictures and no more, of all parts before a second of any', () => {
    const many = Array.from({ length: 120 }, (_, i) => pictured(i < 80 ? 'often' : `part${i}`, i % 49));
    const { kept } = learnPlaces(many, randomFrom(1)).memory;
    expect(kept).toHaveLength(48);
    const once = new Set<Places>(many.slice(80).map(({ places }) => places));
    expect(kept.filter((places) => once.has(places))).toHaveLength(40);
    expect(learnPlaces(many, randomFrom(1)).memory).toEqual(learnPlaces(many, randomFrom(1)).memory);
  });
});

describe('the taught graph', () => {
  const options = { provider: 'cpu', threads: 1 } as const;

  it.each([
    [64, 64, 24, false],
    [64, 64, 24, true],
    // Places are half as wide as the patches of the map, and an image is no square.
    [192, 112, 12, false],
  ])(
    'scores as the lesson does, and shows where: %ix%i pixels, %i images, masks: %s',
    async (width, height, count, isMasked) => {
      const size = { width, height };
      const [input, grid, placed] = [inputOf(size), gridFor(size), placesFor(size)];
      const wide = width / grid.columns;
      const backbone = await readBackbone();
      const random = randomFrom(3);
      const squares = grid.rows * grid.columns;
      const bad = grid.columns + 2;
      const pixels = Array.from({ length: count }, (_, i) => {
        const image = Uint8Array.from({ length: width * height * 3 }, () => 100 + 40 * random());
        // A dark square in the patch of row 1, column 2.
        const rows = i % 2 === 0 ? Array.from({ length: wide }, (_, y) => wide + y) : [];
        for (const y of rows) image.fill(10, 3 * (width * y + 2 * wide), 3 * (width * y + 3 * wide));
        return image;
      });
      const session = await Session.open(backbone, { input, output: { name: 'levels', kind: 'logit' } }, options);
      const found = await session.outputs(pixels, [...BLOCKS, grid.name, placed.name]);
      const examples = pixels.map((_, i): Example => {
        const rows = found.map((output) => output[i] ?? new Float32Array());
        const values = rows[BLOCKS.length] ?? new Float32Array();
        const isMarked = isMasked && i % 2 === 0 ? Array.from({ length: squares }, (_, k) => k === bad) : null;
        const patches = { values, width: values.length / squares, isMarked };
        const places = placesOf(rows[BLOCKS.length + 1] ?? new Float32Array(), placed);
        const isDefective = i % 2 === 0;
        return { file: `${i}`, group: `${i}`, isDefective, blocks: rows.slice(0, BLOCKS.length), patches, places };
      });
      const { head } = teach(examples, LIMITS);
      const model = taughtGraph(backbone, BLOCKS, grid, placed.name, head);
      const taught = await Session.open(model, { input, output: TAUGHT_OUTPUT }, options);
      const scores = await taught.run(pixels, count);
      for (const [i, example] of examples.entries()) {
        const { probability, unfamiliarity } = scoreOf(head, example);
        expect(scores[i]?.probability).toBeCloseTo(probability, 4);
        expect(scores[i]?.unfamiliarity).toBeCloseTo(unfamiliarity ?? Number.NaN, 3);
      }
      expect(new Set(scores.map(({ probability }) => probability)).size).toBeGreaterThan(count / 2);
      expect(scores.filter(isUnfamiliar)).toEqual([]);
      // What has nothing in common with them does not pass.
      const bytes = width * height * 3;
      const strangers = [new Uint8Array(bytes), Uint8Array.from({ length: bytes }, (_, i) => (i >> 3) % 256)];
      for (const { unfamiliarity } of await taught.run(strangers, 2)) expect(unfamiliarity).toBe(1);
      const [maps = []] = await taught.outputs(pixels, [MAP_NAME]);
      expect(maps[0]).toHaveLength(squares);
      const [map = new Float32Array()] = maps;
      expect(map[bad]).toBe(Math.max(...map));
      expect(map[squares - 2]).toBeLessThan(map[bad] ?? 0);
      const good = maps[1]?.[bad] ?? 1;
      expect(map[bad]).toBeGreaterThan(3 * good);
      expect(maps.every((map) => map.every((value) => value >= 0 && value <= 1))).toBe(true);
      const [embeddings = []] = await taught.outputs(pixels, [EMBEDDING_NAME]);
      expect(embeddings[0]).toHaveLength(head.linear.weights.length);
      // A taught model has no backbone's outputs any more: it is not taught again.
      expect(() => taughtGraph(model, BLOCKS, grid, placed.name, head)).toThrow(BackboneError);
      await expect(session.outputs(pixels, ['nothing'])).rejects.toThrow();
    },
  );

  it('refuses what is no ONNX model', () => {
    const [grid, placed] = [gridFor({ width: 64, height: 64 }), placesFor({ width: 64, height: 64 })];
    const { head } = teach(examplesOf(20, { feature: 1 }), LIMITS);
    const onto = (bytes: Uint8Array) => () => taughtGraph(bytes, BLOCKS, grid, placed.name, head);
    expect(onto(new TextEncoder().encode('no model at all'))).toThrow(BackboneError);
    expect(onto(new Uint8Array())).toThrow(/a graph/);
  });
});
