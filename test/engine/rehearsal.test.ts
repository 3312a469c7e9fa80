import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineModel, Faulted, Scored } from '../../src/engine/protocol.ts';
import { Rehearsal } from '../../src/engine/rehearsal.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { TINY_MODELS } from '../support/pool.ts';

const model: EngineModel = (await loadModelPackage(path.resolve(TINY_MODELS), 'mean-brightness', '1')).engineModel;

const scored = (id: number, probability: number): Scored => ({
  kind: 'scored',
  id,
  probability,
  unfamiliarity: null,
  look: { brightness: 0, contrast: 0, sharpness: 0, fingerprint: '' } as unknown as Scored['look'],
  decodeMs: 1,
  inferMs: 1,
  batchSize: 1,
});

/** An engine that answers as `answerOf` says, after it was asked. */
function rehearsalOf(answerOf: (id: number, expected: number) => Scored | Faulted | null) {
  const asked: number[] = [];
  const rehearsal = new Rehearsal((id) => {
    asked.push(id);
    const answer = answerOf(id, model.golden[id % model.golden.length]?.probability ?? Number.NaN);
    if (answer !== null) queueMicrotask(() => rehearsal.hear(answer));
  });
  return { rehearsal, asked };
}

describe('a rehearsal', () => {
  it('scores golden images as frames, one after the other, several times each', async () => {
    const { rehearsal, asked } = rehearsalOf((id, expected) => scored(id, expected));
    expect(await rehearsal.run(model)).toBeNull();
    expect(asked).toEqual(Array.from({ length: 30 }, (_, id) => id));
  });

  it.each([
    ['another score', 0.9],
    ['NaN', Number.NaN],
  ])('ends at %s', async (_, probability) => {
    const { rehearsal, asked } = rehearsalOf((id, expected) => scored(id, id === 4 ? probability : expected));
    expect(await rehearsal.run(model)).toContain(`as a frame it scored ${probability}`);
    expect(asked).toHaveLength(5);
  });

  it('ends at an image that the engine cannot take', async () => {
    const { rehearsal } = rehearsalOf((id) => ({ kind: 'faulted', id, reason: 'bad_image', detail: 'no PNG' }));
    expect(await rehearsal.run(model)).toMatch(/golden.*: bad_image, no PNG/);
  });

  it('ends with its engine, whether that was asked or not yet', async () => {
    const { rehearsal, asked } = rehearsalOf((id, expected) => (id === 2 ? null : scored(id, expected)));
    const ends = rehearsal.run(model);
    await expect.poll(() => asked.length).toBe(3);
    rehearsal.hear({ kind: 'gone', cause: 'killed' });
    expect(await ends).toBe('killed');
    const late = rehearsalOf(() => null);
    late.rehearsal.hear({ kind: 'gone', cause: 'killed before' });
    expect(await late.rehearsal.run(model)).toBe('killed before');
  });
});
