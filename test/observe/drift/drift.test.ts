/** Drift: the arithmetic by hand-computed numbers, the watch by faults put in and by steady lines. */

import { describe, expect, it } from 'vitest';
import { drawPart } from '../../../src/demo/part.ts';
import { DEFECTS } from '../../../src/demo/defect.ts';
import { randomFrom } from '../../../src/demo/random.ts';
import { lookOf } from '../../../src/engine/look.ts';
import type { ImageLook } from '../../../src/frame/image-look.ts';
import { type Baseline, CameraDrift, type Seen } from '../../../src/observe/drift/camera-drift.ts';
import { DriftWatch, sentenceOf } from '../../../src/observe/drift/drift-watch.ts';
import {
  binEdges,
  binShares,
  psi,
  psiOfChance,
  rejectLimits,
  spreadOf,
} from '../../../src/observe/drift/statistics.ts';

const EDGE = 96;

let serial = 0;
const askedOf = (imageSha256: string, x = 0) => ({
  imageSha256,
  recipeId: null,
  roi: { x, y: 0, width: 0.1, height: 1 },
});
const seenOf = (look: ImageLook | null, over: Partial<Seen> = {}): Seen => ({
  asked: askedOf(`${serial++}`),
  by: 'default model',
  look,
  probability: 0.1,
  isRejected: false,
  ...over,
});

describe('the arithmetic', () => {
  it('spreads', () => {
    expect(spreadOf([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, deviation: 2 });
  });

  it('bins by quantiles, fewer where values are the same', () => {
    expect(binEdges([1, 2, 3, 4, 5, 6, 7, 8], 4)).toEqual([3, 5, 7]);
    expect(binEdges([0, 0, 0, 0, 0, 1], 4)).toEqual([0]);
    expect(binShares([1, 3, 3, 9], [3, 5])).toEqual([1.5 / 5.5, 2.5 / 5.5, 1.5 / 5.5]);
  });

  it('gives the population stability index: 0 for the same, by the formula otherwise', () => {
    expect(psi([0.5, 0.5], [0.5, 0.5])).toBe(0);
    expect(psi([0.5, 0.5], [0.25, 0.75])).toBeCloseTo(-0.25 * Math.log(0.5) + 0.25 * Math.log(1.5), 12);
  });

  it('gives what the index reaches by chance: within 3 % of the quantile of chi-squared, 12 % of the shortest', () => {
    // scipy.stats.chi2.ppf(1 - 1e-5, bins - 1) * (1 / frames + 1 / n)
    expect(psiOfChance(10, 500, 200) / 0.275385).toBeCloseTo(1, 1);
    expect(psiOfChance(10, 50, 200) / 0.983516).toBeCloseTo(1, 1);
    expect(psiOfChance(2, 500, 200) / 0.13658).toBeLessThan(1.12);
    expect(psiOfChance(1, 500, 200)).toBe(0);
  });

  it.each([
    // scipy.stats.betabinom(200, rejects + 0.5, frames - rejects + 0.5): the counts beyond which less than 1e-5 is left.
    [0, 500, 0, 7],
    [5, 500, 0, 14],
    [25, 500, 0, 30],
    [2500, 5000, 69, 131],
    [50, 50, 161, 200],
    [0, 100_000, 0, 1],
    [100_000, 100_000, 199, 200],
  ])('gives exact limits where %i of %i were rejected: %i to %i of 200', (rejects, frames, least, most) => {
    expect(rejectLimits(rejects, frames, 200)).toEqual({ least, most });
  });
});

/** Looks of drawn parts, every tenth defective, changed by a fault of the camera. */
function looksOf(from: number, count: number, fault: (pixels: Uint8Array) => Uint8Array = (pixels) => pixels) {
  return Array.from({ length: count }, (_, i) => {
    const seed = 50_000 + from + i;
    const part = drawPart(seed, seed % 10 === 0 ? (DEFECTS[seed % 4] ?? 'dent') : 'none', EDGE);
    return lookOf(fault(part), EDGE, EDGE, 3);
  });
}

const dimmed = (pixels: Uint8Array) => pixels.map((value) => value * 0.77);
const faded = (pixels: Uint8Array) => pixels.map((value) => 90 + (value - 90) * 0.6);

function blurred(pixels: Uint8Array): Uint8Array {
  const row = EDGE * 3;
  return pixels.map((value, i) => {
    const around = [i - 3, i + 3, i - row, i + row].map((at) => pixels[at] ?? value);
    return (value + around.reduce((a, b) => a + b, 0)) / 5;
  });
}

function taught(frames = 200): CameraDrift {
  const drift = new CameraDrift(frames, null, () => 1_790_000_000_000);
  const frozen = looksOf(0, frames).map((look, i) => drift.note(seenOf(look, { isRejected: i % 10 === 0 })));
  expect(frozen.lastIndexOf(true)).toBe(frames - 1);
  return drift;
}

const kindsOf = (drift: CameraDrift) => drift.state().conditions.map(({ kind }) => kind);

describe('a camera', () => {
  it('that stays as it was raises nothing, over many parts', () => {
    const drift = taught();
    const raised = new Set<string>();
    for (const [i, look] of looksOf(1000, 600).entries()) {
      drift.note(seenOf(look, { isRejected: i % 10 === 3 }));
      for (const kind of kindsOf(drift)) raised.add(kind);
    }
    expect([...raised]).toEqual([]);
    expect(drift.state().ratios?.brightness).toBeCloseTo(0, 1);
  });

  it.each([50, 500])(
    'that rejects one part in a hundred all the time says nothing of it, baseline of %i frames',
    (frames) => {
      const random = randomFrom(frames);
      const look: ImageLook = { brightness: 100, contrast: 40, focus: 200 };
      const raised: unknown[] = [];
      for (let line = 0; line < 10; line++) {
        const drift = new CameraDrift(frames, null, () => 0);
        for (let part = 0; part < frames + 4000; part++) {
          const isRejected = random() < 0.01;
          const probability = isRejected ? 0.6 + 0.4 * random() : 0.3 * random();
          drift.note(seenOf(look, { isRejected, probability }));
          if (part % 20 === 0) raised.push(...drift.state().conditions);
        }
      }
      expect(raised).toEqual([]);
    },
  );

  it('that gets darker says so, by how much', () => {
    const drift = taught();
    for (const look of looksOf(2000, 50, dimmed)) drift.note(seenOf(look));
    const { conditions, ratios } = drift.state();
    expect(conditions).toContainEqual({ kind: 'brightness', ratio: ratios?.brightness });
    expect(ratios?.brightness).toBeCloseTo(-0.23, 1);
    const [first = conditions[0]] = conditions.filter(({ kind }) => kind === 'brightness');
    expect(first === undefined ? '' : sentenceOf('cam-2', first)).toMatch(
      /^Camera cam-2 is darker than its baseline by 2[1-5] %\.$/,
    );
  });

  it('that fades or loses its focus says so', () => {
    const fading = taught();
    for (const look of looksOf(2000, 50, faded)) fading.note(seenOf(look));
    expect(kindsOf(fading)).toContain('contrast');
    const soft = taught();
    for (const look of looksOf(2000, 50, blurred)) soft.note(seenOf(look));
    expect(kindsOf(soft)).toEqual(['focus']);
    // A picture that gets sharper is no fault.
    const sharper = new CameraDrift(50, null, () => 0);
    for (const look of looksOf(0, 50, blurred)) sharper.note(seenOf(look));
    for (const look of looksOf(2000, 50)) sharper.note(seenOf(look));
    expect(kindsOf(sharper)).not.toContain('focus');
  });

  it('that sends one picture over and over says so, with or without a baseline', () => {
    const drift = new CameraDrift(500, null, () => 0);
    for (let i = 0; i < 4; i++) drift.note(seenOf(null, { asked: askedOf('same'), by: null, probability: null }));
    expect(kindsOf(drift)).toEqual([]);
    drift.note(seenOf(null, { asked: askedOf('same') }));
    expect(drift.state().conditions).toEqual([{ kind: 'frozen', frames: 5 }]);
    drift.note(seenOf(null));
    expect(kindsOf(drift)).toEqual([]);
  });

  it('that sends one picture for each of six regions is not frozen, until they come again and again', () => {
    const drift = new CameraDrift(500, null, () => 0);
    const tray = () => {
      for (let slot = 0; slot < 6; slot++) drift.note(seenOf(null, { asked: askedOf('tray', slot / 10) }));
    };
    for (let times = 1; times < 5; times++) tray();
    expect(kindsOf(drift)).toEqual([]);
    tray();
    expect(drift.state().conditions).toEqual([{ kind: 'frozen', frames: 5 }]);
  });

  it('whose scores or rejects shift says so, and not by chance', () => {
    const random = randomFrom(7);
    const look = { brightness: 100, contrast: 30, focus: 200 };
    const score = () => random() ** 3;
    const drift = new CameraDrift(500, null, () => 0);
    for (let i = 0; i < 500; i++) drift.note(seenOf(look, { probability: score(), isRejected: random() < 0.05 }));
    let raised = 0;
    for (let i = 0; i < 4000; i++) {
      drift.note(seenOf(look, { probability: score(), isRejected: random() < 0.05 }));
      if (i % 200 === 199) raised += kindsOf(drift).length;
    }
    expect(raised).toBeLessThanOrEqual(1);
    for (let i = 0; i < 200; i++)
      drift.note(seenOf(look, { probability: Math.sqrt(random()), isRejected: random() < 0.2 }));
    expect(kindsOf(drift)).toEqual(['scores', 'rejects']);
    expect(drift.state().psi).toBeGreaterThan(0.25);
  });

  it('with no reject in its baseline may have one', () => {
    const look = { brightness: 100, contrast: 30, focus: 200 };
    const drift = new CameraDrift(500, null, () => 0);
    for (let i = 0; i < 700; i++) drift.note(seenOf(look, { isRejected: i === 650 }));
    expect(kindsOf(drift)).toEqual([]);
  });

  it('says nothing before it has seen enough, and leaves out what was not inspected', () => {
    const drift = taught();
    for (const look of looksOf(2000, 49, dimmed)) drift.note(seenOf(look));
    drift.note(seenOf(null, { by: null, probability: null }));
    expect(drift.state()).toMatchObject({ ratios: null, conditions: [] });
  });

  it('learns anew when it is told to, and when another model has decided for a while', () => {
    const drift = taught();
    const [look = null] = looksOf(0, 1);
    const other = Array.from({ length: 50 }, () => drift.note(seenOf(look, { by: 'default other' })));
    expect(other.indexOf(true)).toBe(49);
    expect(drift.state()).toMatchObject({ baseline: null, learned: 0 });
    const kept = taught();
    for (let i = 0; i < 200; i++) {
      // Two recipes in turn: the second one is left out.
      expect(kept.note(seenOf(look, { by: i % 2 === 0 ? 'default model' : 'second model' }))).toBe(false);
    }
    expect(kept.baseline).not.toBeNull();
    kept.relearn();
    expect(kept.baseline).toBeNull();
  });
});

describe('the watch', () => {
  it('keeps cameras apart, tells of baselines, starts from those kept before', () => {
    const told: (readonly string[])[] = [];
    const options = {
      baselineFrames: 50,
      now: () => 5,
      onChanged: (b: ReadonlyMap<string, Baseline>) => told.push([...b.keys()]),
    };
    const watch = new DriftWatch({ ...options, baselines: new Map() });
    for (const look of looksOf(0, 50)) watch.note('a', seenOf(look));
    watch.note('b', seenOf(null));
    expect(told).toEqual([['a']]);
    expect(watch.state('b')).toMatchObject({ baseline: null });
    expect(watch.state('c')).toBeNull();
    const baseline = watch.state('a')?.baseline;
    if (!baseline) throw new Error('no baseline');
    const later = new DriftWatch({ ...options, baselines: new Map([['a', baseline]]) });
    for (const look of looksOf(3000, 50, dimmed)) later.note('a', seenOf(look));
    expect(later.state('a')?.conditions.map(({ kind }) => kind)).toContain('brightness');
    expect(later.relearn('nobody')).toEqual([]);
    expect(later.relearn(null)).toEqual(['a']);
    expect(told.at(-1)).toEqual([]);
  });

  it('is bounded, and off where no baseline is wanted', () => {
    const options = { now: () => 0, onChanged: () => undefined, baselines: new Map() };
    const watch = new DriftWatch({ ...options, baselineFrames: 50 });
    for (let i = 0; i < 300; i++) watch.note(`c${i}`, seenOf(null));
    expect(watch.states().size).toBe(256);
    expect(watch.state('c0')).toBeNull();
    const off = new DriftWatch({ ...options, baselineFrames: 0 });
    off.note('a', seenOf(null));
    expect(off.states().size).toBe(0);
  });

  it('has a sentence for everything', () => {
    expect([
      sentenceOf('c', { kind: 'brightness', ratio: 0.2 }),
      sentenceOf('c', { kind: 'contrast', ratio: -0.3 }),
      sentenceOf('c', { kind: 'focus', ratio: -0.5 }),
      sentenceOf('c', { kind: 'frozen', frames: 7 }),
      sentenceOf('c', { kind: 'scores', psi: 0.4 }),
      sentenceOf('c', { kind: 'rejects', share: 0.2, usual: 0.051 }),
    ]).toEqual([
      'Camera c is brighter than its baseline by 20 %.',
      'Camera c has less contrast than its baseline, by 30 %.',
      'Camera c is less sharp than its baseline by 50 %.',
      'Camera c has sent the very same picture 7 times in a row.',
      'Camera c: the scores are spread otherwise than in its baseline (PSI 0.40).',
      'Camera c rejects 20.0 % of its parts, usual are 5.1 %.',
    ]);
  });
});
