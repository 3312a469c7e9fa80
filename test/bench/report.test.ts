import { describe, expect, it } from 'vitest';
import type { Sample } from '../../src/bench/measure.ts';
import { reportOf } from '../../src/bench/report.ts';
import { textOf } from '../../src/bench/report-text.ts';
import type { Group, RoadGroup } from '../../src/bench/run.ts';

const sample = (cpuMs: number, fps: number, ms: number): Sample => ({
  latencies: Array.from({ length: 100 }, () => ms),
  fps,
  cpuMs,
  clientCpuMs: 0.5,
  rssBytes: 100 * 2 ** 20,
  otherCores: 0,
});

const road = (name: RoadGroup['road'], cpuMs: readonly [number, number, number], latencyMs: number): RoadGroup => ({
  road: name,
  full: new Map([1, 4, 16].map((cameras, i) => [cameras, [sample(cpuMs[i] ?? 0, 95, 80)]])),
  alone: [sample(11, 80, latencyMs)],
  load: [{ offeredFps: 66.5, sample: sample(11, 66.5, 25) }],
});

const group = (roads: readonly RoadGroup[]): Group => ({
  network: 'mobile',
  picture: '300x300',
  bare: [sample(10, 100, 20)],
  bareAlone: [sample(10, 90, 10)],
  roads,
});

describe('the report', () => {
  it('gives each case as ratios to the bare loop', () => {
    const { cases, roads } = reportOf([group([road('grpc', [11, 11, 11.5], 12)])]);
    expect(cases.map((one) => one.cameras)).toEqual([1, 4, 16]);
    expect(cases[0]).toMatchObject({ cpu_ratio: 1.1, throughput_ratio: 0.95, client_cpu_ms: 0.5, rss_mb: 100 });
    expect(roads[0]).toMatchObject({ p50_added_ms: 2, p99_ratio_at_70: 2.5, frames_at_70: 100 });
    expect(roads[0]?.cost_spread).toBeCloseTo(0.5 / 11);
  });

  it('says what is met', () => {
    const { wanted } = reportOf([group([road('grpc', [11, 11, 11.5], 12)])]);
    expect(wanted.map(({ name, met }) => [name, met])).toEqual([
      ['cpu_ratio', true],
      ['throughput_ratio', true],
      ['p50_added_ms', true],
      ['p99_ratio_at_70', true],
      ['cost_spread', true],
    ]);
  });

  it('takes the worst case, and says what is missed', () => {
    const { wanted } = reportOf([group([road('grpc', [11, 11, 11], 12), road('mqtt', [12, 12, 14], 14)])]);
    const missed = wanted.filter(({ met }) => !met);
    expect(missed.map(({ name }) => name)).toEqual(['cpu_ratio', 'p50_added_ms', 'cost_spread']);
    expect(missed[0]?.worst).toBeCloseTo(1.4);
  });

  it('does not hold a peer to what Loupe promises', () => {
    const { wanted, cases } = reportOf([group([road('grpc', [11, 11, 11], 12), road('fastapi', [90, 90, 99], 99)])]);
    expect(wanted.every(({ met }) => met)).toBe(true);
    expect(cases.some((one) => one.road === 'fastapi')).toBe(true);
  });

  it('never calls a figure met that could not be measured', () => {
    const { wanted } = reportOf([{ ...group([road('grpc', [11, 11, 11], 12)]), bare: [], bareAlone: [] }]);
    expect(wanted.filter(({ met }) => met).map(({ name }) => name)).toEqual(['cost_spread']);
  });

  it('shows every case and every promise to a person', () => {
    const text = textOf(reportOf([group([road('grpc', [12, 12, 12], 12)])]));
    expect(text).toContain('grpc x16');
    expect(text).toContain('MISSED  cpu_ratio <= 1.15: worst 1.20');
    expect(text).toContain('met     p50_added_ms <= 3: worst 2');
  });
});
