/** Models proven beside a line that goes on: how much of the machine that takes. */

import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { ModelProver } from '../../src/wiring/model-prover.ts';
import { TINY_MODELS } from '../support/pool.ts';

const config = configSchema.parse({ engine: { provider: 'cpu', start_timeout_ms: 600_000 } });

let prover: ModelProver;
beforeEach(() => {
  prover = new ModelProver(config, null);
});
afterEach(() => prover.stop());

const modelOf = async (name: string) => (await loadModelPackage(TINY_MODELS, name, '1')).engineModel;

/** Engines of this process that live now: process id and nice value. */
function engines(): readonly (readonly [pid: number, nice: number])[] {
  const out = execFileSync('ps', ['-o', 'pid=,ni=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return out
    .split('\n')
    .filter((line) => line.includes('engine-child'))
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, nice = 0]) => [pid, nice]);
}

describe.runIf(process.platform === 'linux')('a proof', () => {
  it('takes one engine at a time, behind those at work, and one for all who ask for the same model', async () => {
    const [one, other] = [await modelOf('mapped'), await modelOf('mean-brightness')];
    const seen = new Map<number, Set<number>>();
    let most = 0;
    const look = setInterval(() => {
      const now = engines();
      most = Math.max(most, now.length);
      for (const [pid, nice] of now) seen.set(pid, new Set([...(seen.get(pid) ?? []), nice]));
    }, 20);
    const proofs = await Promise.all([one, other, one].map((model) => prover.prove(model)));
    clearInterval(look);
    expect(proofs).toMatchObject([{ goldenCount: 2 }, { goldenCount: 3 }, { goldenCount: 2 }]);
    expect(most).toBe(1);
    expect(seen.size).toBe(2);
    for (const niceness of seen.values()) expect(niceness).toContain(5);
  }, 300_000);

  it('is given up when the service stops, with those that wait for their turn', async () => {
    const [slow, other] = [await modelOf('slow'), await modelOf('mean-brightness')];
    const proofs = [slow, other].map((model) => prover.prove(model).catch((error: unknown) => error));
    await expect.poll(() => engines().length).toBe(1);
    prover.stop();
    expect(await Promise.all(proofs)).toMatchObject([{ code: 'shutting_down' }, { code: 'shutting_down' }]);
    await expect.poll(() => engines().length).toBe(0);
  });
});
