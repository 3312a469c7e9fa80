import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { machineCpuMs, parseStat, treeUsage } from '../../src/bench/process-tree.ts';

describe('parseStat', () => {
  it('reads parent, CPU and memory behind a name with spaces and brackets', () => {
    const line = '4242 (a (b) c) S 17 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 11 0 99 123456 1000 184 1 1';
    expect(parseStat(line)).toEqual({ parent: 17, cpuMs: 3000, rssBytes: 4_096_000 });
  });
});

describe.skipIf(process.platform !== 'linux')('treeUsage', () => {
  it('counts what a grandchild burns, and not what others do', async () => {
    const burn =
      'const until = process.cpuUsage().user + 300000; while (process.cpuUsage().user < until); console.log(1)';
    const shell = spawn('sh', ['-c', `"${process.execPath}" -e '${burn}; setInterval(() => {}, 1000)'; true`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const pid = shell.pid ?? 0;
    try {
      const machineBefore = machineCpuMs();
      await once(shell.stdout, 'data');
      const usage = treeUsage([pid]);
      expect(usage.processes).toBe(2);
      expect(usage.cpuMs).toBeGreaterThanOrEqual(250);
      expect(usage.rssBytes).toBeGreaterThan(10 * 2 ** 20);
      expect(machineCpuMs() - machineBefore).toBeGreaterThanOrEqual(250);
      expect(treeUsage([process.pid]).processes).toBeGreaterThanOrEqual(3);
      expect(treeUsage([2 ** 30])).toEqual({ cpuMs: 0, rssBytes: 0, processes: 0 });
    } finally {
      process.kill(-pid, 'SIGKILL');
    }
  });
});
