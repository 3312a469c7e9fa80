/** The training of the backbone of `loupe teach`, run by Python. */

import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const TRAINING = fileURLToPath(new URL('../../models/training', import.meta.url));
/** The system's own Python first: that is where Debian's python3-torch lies. */
const python = ['/usr/bin/python3', 'python3'].find(
  (name) => spawnSync(name, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
);
const IN_CI = process.env['CI'] !== undefined;
if (python === undefined && !IN_CI) console.warn('SKIPPED: the training of the backbone needs python3-torch');

describe.skipIf(python === undefined && !IN_CI)('the training of the backbone', () => {
  it('draws what it promises, learns from it, and makes a graph of it', { timeout: 120_000 }, async () => {
    const options = { cwd: TRAINING, env: { ...process.env, OMP_NUM_THREADS: '1' } };
    const { stderr } = await promisify(execFile)(python ?? 'python3', ['-m', 'unittest', 'test_backbone'], options);
    expect(stderr).toMatch(/OK\s*$/);
  });
});
