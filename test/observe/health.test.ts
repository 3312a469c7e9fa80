import { describe, expect, it } from 'vitest';
import { assess, type EnginesHealth, type HealthFacts } from '../../src/observe/health.ts';

const engines: EnginesHealth = {
  model: 'm/1',
  provider: 'cpu',
  enginesReady: 2,
  enginesWanted: 2,
  down: null,
  degraded: null,
};

const well: HealthFacts = {
  isStarting: false,
  isStopping: false,
  storeUnavailable: null,
  engines: [engines],
  broker: null,
};

describe('health', () => {
  it('is ready when model, store and engines are', () => {
    expect(assess(well)).toEqual({ isReady: true, notReady: [], degraded: [] });
  });

  it.each<[string, Partial<HealthFacts>, string]>([
    ['the store', { storeUnavailable: 'disk full' }, 'disk full'],
    ['an engine', { engines: [{ ...engines, enginesReady: 0, down: 'golden: no' }] }, 'm/1: golden: no'],
    ['the beginning', { isStarting: true }, 'starting'],
    ['the end', { isStopping: true }, 'stopping'],
  ])('is not ready because of %s, and says why', (_what, facts, detail) => {
    const health = assess({ ...well, ...facts });
    expect(health.isReady).toBe(false);
    expect(health.notReady.map((reason) => reason.detail)).toEqual([detail]);
  });

  it.each<[string, Partial<HealthFacts>, string]>([
    ['a missing engine', { engines: [{ ...engines, enginesReady: 1 }] }, '1 of 2'],
    ['the wrong provider', { engines: [{ ...engines, degraded: 'no CUDA' }] }, 'runs on cpu: no CUDA'],
    ['a broker away', { broker: { isConnected: false, detail: null } }, 'not reached'],
  ])('stays ready, degraded, with %s', (_what, facts, detail) => {
    const health = assess({ ...well, ...facts });
    expect(health.isReady).toBe(true);
    expect(health.degraded.map((reason) => reason.detail)).toEqual([expect.stringContaining(detail)]);
  });
});
