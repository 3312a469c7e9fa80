/** deploy/systemd/loupe.service: systemd reads it, and says how much of the machine it leaves open. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { EXIT } from '../../src/commands/exit.ts';
import { toolAt } from '../faults/support/need.ts';
import { ROOT } from '../support/service-process.ts';

const UNIT = path.join(ROOT, 'deploy', 'systemd', 'loupe.service');
const analyze = toolAt('systemd-analyze', 'apt install systemd');
const settings = new Map(
  readFileSync(UNIT, 'utf8')
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
);

describe('the systemd unit', () => {
  it.skipIf(analyze === null)('is understood by systemd, every line of it', () => {
    // Verify warns of unknown keys and still ends with 0: it must say nothing at all about this unit.
    const said = execFileSync('sh', ['-c', `${analyze ?? ''} verify --man=no "${UNIT}" 2>&1 || true`], {
      encoding: 'utf8',
    });
    // Where it is not installed there is no program at its place.
    expect(
      said.split('\n').filter((line) => line.includes('loupe.service') && !line.includes('is not executable')),
    ).toEqual([]);
  });

  it.skipIf(analyze === null)('leaves little open: exposure below 2 of 10', () => {
    const said = execFileSync(analyze ?? '', ['security', '--offline=yes', '--threshold=20', UNIT], {
      encoding: 'utf8',
    });
    expect(said).toMatch(/Overall exposure level for loupe.service: [01]\.\d OK/);
  });

  it('waits longer than the service takes to start and to end, and does not repeat what stays wrong', async () => {
    const config = await loadConfig({ file: path.join(ROOT, 'deploy', 'loupe.example.yaml'), env: {}, sets: [] });
    expect(Number(settings.get('TimeoutStartSec')) * 1000).toBeGreaterThan(2 * config.engine.start_timeout_ms);
    expect(Number(settings.get('TimeoutStopSec')) * 1000).toBeGreaterThan(config.shutdown_ms);
    expect(Number(settings.get('RestartPreventExitStatus'))).toBe(EXIT.config);
    expect(settings.get('Type')).toBe('notify');
    expect(Number(settings.get('WatchdogSec'))).toBeGreaterThan(0);
    expect(settings.get('KillMode')).toBe('mixed');
  });
});
