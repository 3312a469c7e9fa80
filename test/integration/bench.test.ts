/** `loupe bench` as a person runs it, cut short: that it runs and says what it measured, not how fast this machine is. */

import { describe, expect, it } from 'vitest';
import { loupe } from '../support/service-process.ts';

describe.skipIf(process.platform !== 'linux')('loupe bench', () => {
  it('measures every case in one run and prints ratios', { timeout: 120_000 }, async () => {
    const args = ['bench', '--short', '--road', 'grpc', '--rounds', '1', '--seconds', '0.3', '--json'];
    const { code, stdout, stderr } = await loupe(args);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const report = JSON.parse(stdout) as Record<string, Record<string, unknown>[]>;
    expect(report).toMatchObject({ schema: 'loupe.bench/1', plan: { networks: ['mobile'], roads: ['grpc'] } });
    expect(report['cases']?.map(({ road, cameras }) => [road, cameras])).toEqual([
      ['grpc', 1],
      ['grpc', 4],
      ['grpc', 16],
    ]);
    for (const one of [...(report['bare'] ?? []), ...(report['cases'] ?? [])]) {
      for (const key of ['frames', 'fps', 'cpu_ms', 'p50_ms', 'p99_ms', 'rss_mb']) {
        expect(one[key], key).toBeGreaterThan(0);
      }
    }
    for (const one of report['cases'] ?? []) {
      expect(one['cpu_ratio']).toBeGreaterThan(0.5);
      expect(one['throughput_ratio']).toBeGreaterThan(0);
      expect(one['client_cpu_ms']).toBeGreaterThanOrEqual(0);
    }
    expect(report['roads']?.[0]?.['p99_ratio_at_70']).toBeGreaterThan(0);
    expect(report['wanted']?.map(({ name }) => name)).toEqual([
      'cpu_ratio',
      'throughput_ratio',
      'p50_added_ms',
      'p99_ratio_at_70',
      'cost_spread',
    ]);
  });

  it('refuses what it cannot measure', async () => {
    const { code, stderr } = await loupe(['bench', '--rounds', '0']);
    expect(code).toBe(2);
    expect(stderr).toContain('expected a whole number from 1 to 100');
  });
});
