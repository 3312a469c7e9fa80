import { describe, expect, it } from 'vitest';
import { INPUT, INPUT_SIZE, NETWORKS, networkBytes, OUTPUT } from '../../src/bench/networks.ts';
import type { ModelContract } from '../../src/engine/contract.ts';
import { Session } from '../../src/engine/session.ts';

const contract: ModelContract = {
  input: {
    name: INPUT,
    dtype: 'uint8',
    layout: 'NHWC',
    width: INPUT_SIZE,
    height: INPUT_SIZE,
    colour: 'RGB',
    resize: { fit: 'fill', kernel: 'linear' },
  },
  output: { name: OUTPUT, kind: 'probability' },
};

describe.each(NETWORKS)('the bench network %s', (network) => {
  it('runs, tells pictures apart, and is the same every time', { timeout: 30_000 }, async () => {
    const bytes = networkBytes(network);
    expect(Buffer.compare(bytes, networkBytes(network))).toBe(0);
    expect(bytes.length).toBeGreaterThan(8 * 2 ** 20);
    const session = await Session.open(bytes, contract, { provider: 'cpu', threads: 1 });
    const pixels = (value: (i: number) => number) =>
      Uint8Array.from({ length: INPUT_SIZE * INPUT_SIZE * 3 }, (_, i) => value(i));
    const scores = await session.run([pixels(() => 128), pixels((i) => (i % 7) * 36)], 2);
    const [flat = Number.NaN, striped = Number.NaN] = scores.map(({ probability }) => probability);
    for (const score of [flat, striped]) {
      expect(score).toBeGreaterThan(0.001);
      expect(score).toBeLessThan(0.999);
    }
    expect(Math.abs(flat - striped)).toBeGreaterThan(1e-3);
  });
});
