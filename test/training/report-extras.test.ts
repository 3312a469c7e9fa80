import { describe, expect, it } from 'vitest';
import { heated } from '../../src/commands/training/pictures.ts';
import { randomFrom } from '../../src/training/random.ts';
import { type CostPoint, costSection, curveSection, planeSection } from '../../src/training/report/extras.ts';
import { planeOf } from '../../src/training/report/plane.ts';

const cost = (name: string, inferMs: number, escapeRate: number): CostPoint => ({
  name,
  width: 24,
  height: 40,
  bytes: 1e6,
  inferMs,
  auroc: 0.9,
  escapeRate,
  falseRejectRate: 0,
});

describe('the plane of the embedding', () => {
  // Two features carry everything, ten are faint noise that standardising makes as loud as they are.
  const random = randomFrom(3);
  const flagged = Array.from({ length: 80 }, (_, i) => i % 2 === 0);
  const embeddings = flagged.map((isFlagged) => {
    const strong = (isFlagged ? 1 : -1) + 0.3 * (random() - 0.5);
    return Float32Array.from({ length: 6 }, (_, j) => (j < 4 ? strong : 1) + 0.1 * (random() - 0.5));
  });

  it('finds the direction that varies most and the line between what the model tells apart', () => {
    const plane = planeOf(embeddings, flagged);
    expect(plane.shares[0]).toBeGreaterThan(0.6);
    expect(plane.shares[1]).toBeLessThan(plane.shares[0]);
    expect(plane.agreement).toBe(1);
    const [[x1, y1], [x2, y2]] = plane.boundary!;
    for (const end of [x1, y1, x2, y2]) expect(end >= 0 && end <= 1).toBe(true);
    for (const [x, y] of plane.points) expect(x >= 0 && x <= 1 && y >= 0 && y <= 1).toBe(true);
    expect(planeOf(embeddings, flagged)).toEqual(plane);
  });

  it('has no line where the model calls all the same, and survives embeddings that are all one', () => {
    expect(planeOf(embeddings, flagged.fill(true))).toMatchObject({ boundary: null, agreement: null });
    const same = Array.from({ length: 4 }, () => Float32Array.of(1, 2, 3));
    expect(planeOf(same, [true, true, false, false])).toMatchObject({ shares: [0, 0] });
  });
});

describe('what a report shows beside the figures', () => {
  it('says why a part of it is missing', () => {
    expect(planeSection(null)).toContain('the graph has no output "embedding"');
    expect(curveSection([])).toContain('no report/learning-curve.json');
    expect(costSection({ costs: [], maxEscapes: 0.02 })).toContain('name others with --beside');
  });

  it('reads from the learning curve whether more images would help', () => {
    const curve = (last: number) => [
      { parts: 10, images: 20, auroc: 0.8 },
      { parts: 20, images: 40, auroc: last },
    ];
    expect(curveSection(curve(0.9))).toContain('50.0 % of what AUROC lacks to 1 went away: more would help');
    expect(curveSection(curve(0.81))).toContain('more of the same would help little');
    expect(curveSection(curve(0.7))).toContain('0.0 % of what');
    expect(curveSection(curve(1))).toContain(
      '100.0 % of what AUROC lacks to 1 went away: more of the same would help little',
    );
  });

  it('names the cheapest model that meets the escape limit, or says that none does', () => {
    const costs = [cost('<big>', 9, 0.01), cost('small', 2, 0.015), cost('tiny', 1, 0.4)];
    const html = costSection({ costs, maxEscapes: 0.02 });
    expect(html).toContain('pass: <b>small</b>');
    expect(html).toContain('&#60;big&#62;');
    expect(costSection({ costs: [costs[2]!, costs[2]!], maxEscapes: 0.02 })).toContain('None lets at most 2.0 %');
  });
});

describe('a heat map over a picture', () => {
  it('reddens the cells where they lie, also where the grid reaches beyond the picture', () => {
    const grey = new Uint8Array(4 * 4 * 3).fill(100);
    const map = { method: 'occlusion', columns: 2, rows: 1, values: [0, 1], probability: 0.9 } as const;
    const red = (pixels: Uint8Array, x: number) => Array.from(pixels.subarray(3 * x, 3 * x + 3));
    const whole = heated(grey, 4, 4, { ...map, area: { x: 0, y: 0, width: 1, height: 1 } });
    expect(red(whole, 0)).toEqual([100, 100, 100]);
    expect(red(whole, 3)).toEqual([201, 35, 35]);
    const beyond = heated(grey, 4, 4, { ...map, area: { x: -1, y: 0, width: 2, height: 0.5 } });
    expect(red(beyond, 0)).toEqual([201, 35, 35]);
    expect(red(beyond, 8)).toEqual([100, 100, 100]);
  });
});
