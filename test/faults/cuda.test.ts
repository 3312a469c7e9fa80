/**
 * The ways CUDA fails on a real machine, staged on one without a GPU. onnxruntime loads the provider libraries laid beside it
 * exactly as it loads its own; these are stubs that lack what the machine lacks.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings, total } from '../support/service-process.ts';
import { isLong } from './support/length.ts';
import { toolAt } from './support/need.ts';
import { type Plant, stage, type Staged } from './support/staged.ts';

const gcc = toolAt('gcc', 'apt install gcc libc6-dev');
const start = servicesOf(afterEach);

const CUDA_PROVIDER = 'libonnxruntime_providers_cuda.so';
const DEAD_DRIVER = `
#include <stdio.h>
#include <stdlib.h>
void *GetProvider(void) {
  fputs("CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1\\n", stderr);
  abort();
}`;

function compile(source: string, to: string, flags: readonly string[] = []): void {
  const file = `${to}.c`;
  writeFileSync(file, source);
  execFileSync(gcc ?? '', ['-shared', '-fPIC', '-o', to, file, ...flags]);
  rmSync(file);
}

/** A Loupe whose CUDA provider needs `library`, which is nowhere; with null it has a driver that fails. */
function withCudaLacking(library: string | null): Staged {
  const staged = stage([], { ownOnnxruntime: true });
  compile(
    'void Provider_SetHost(void *host) { (void)host; }',
    path.join(staged.providers, 'libonnxruntime_providers_shared.so'),
  );
  const provider = path.join(staged.providers, CUDA_PROVIDER);
  if (library === null) {
    compile(DEAD_DRIVER, provider);
    return staged;
  }
  const away = path.join(emptyFolder(), 'lib');
  mkdirSync(away);
  compile('void of_the_missing_one(void) {}', path.join(away, library), [`-Wl,-soname,${library}`]);
  const needs = 'void of_the_missing_one(void); void *GetProvider(void) { of_the_missing_one(); return 0; }';
  compile(needs, provider, [`-L${away}`, `-l:${library}`]);
  rmSync(away, { recursive: true });
  return staged;
}

/** The engine computes on the CPU and says that it is CUDA: a device that is there. `skew` is what it gets wrong. */
function onPretendedCuda(skew: string): Staged {
  const plants: Plant[] = [
    { file: 'engine/cuda.js', from: 'return `provider library missing:', to: 'return null; return `' },
    { file: 'engine/session.js', from: "[{ name: 'cuda', deviceId: options.deviceId ?? 0 }]", to: "['cpu']" },
    {
      file: 'engine/session.js',
      from: 'return readScores(',
      to: `if (this.provider === 'cuda') { const { data } = found[output.name]; data.forEach((p, i) => { data[i] = ${skew}; }); }\n        return readScores(`,
    },
  ];
  return stage(plants);
}

const settings = (provider: string) =>
  testSettings(emptyFolder()).map((setting) =>
    setting.startsWith('engine.provider=') ? `engine.provider=${provider}` : setting,
  );

/** What /readyz says, after a frame was rightly inspected. */
async function degradedReason(staged: Staged): Promise<string> {
  const service = await start(settings('auto'), { bin: staged.bin });
  const sender = await connectGrpcSender({ address: service.addresses.grpc });
  const frame = { cameraId: 'cam-1', contentType: null, capturedAt: null, sequence: null, isSimulated: false };
  const good = await sender.send({ ...frame, frameId: 'good', bytes: await greyPng(10) });
  const defect = await sender.send({ ...frame, frameId: 'defect', bytes: await greyPng(240) });
  expect([good, defect]).toMatchObject([{ verdict: 'PASS' }, { verdict: 'FAIL' }]);
  await sender.close();
  const ready = await service.get('/readyz');
  expect(ready.status).toBe(200);
  const samples = await service.samples();
  expect(total(samples, 'inspection_execution_provider_degraded')).toBe(1);
  expect(total(samples, 'inspection_model_info', 'provider="cpu"')).toBe(1);
  const { degraded } = JSON.parse(ready.text) as { degraded: { part: string; detail: string }[] };
  return degraded
    .filter(({ part }) => part === 'provider')
    .map(({ detail }) => detail)
    .join('\n');
}

const FAILURES: readonly [string, () => Staged, RegExp][] = [
  [
    'a CUDA library that is missing',
    () => withCudaLacking('libcublasLt.so.13'),
    /load: CUDA libraries missing: no libcublasLt\.so\.13/,
  ],
  ['a driver that is missing', () => withCudaLacking('libcuda.so.1'), /load: driver missing: no libcuda\.so\.1/],
  ['a driver that is dead', () => withCudaLacking(null), /exit: driver or device dead.*SIGABRT.*CUDA failure 35/],
  ['golden scores that are off', () => onPretendedCuda('1 - p'), /golden: golden scores off.*cuda gave/],
  ['golden scores that are no numbers', () => onPretendedCuda('NaN'), /golden: golden scores off.*cuda gave NaN/],
];

describe.skipIf(gcc === null || process.platform !== 'linux' || process.arch !== 'x64')(
  'with engine.provider auto',
  () => {
    it('no provider library leaves the line running on the CPU, and says so', async () => {
      expect(await degradedReason(stage([], { ownOnnxruntime: true }))).toContain('provider library missing');
    });

    it.each(FAILURES)('%s leaves the line running on the CPU, and says which it is', async (_name, staged, reason) => {
      expect(await degradedReason(staged())).toMatch(reason);
    });

    it('twin: a device that computes rightly is taken, and the proof above would see it', async () => {
      await expect(degradedReason(onPretendedCuda('p'))).rejects.toThrow(/expected \+?0 to be 1/);
    });
  },
);

describe.skipIf(gcc === null || process.platform !== 'linux' || process.arch !== 'x64')(
  'with engine.provider cuda',
  () => {
    it.each(isLong ? FAILURES : FAILURES.slice(2, 4))(
      '%s is a refusal to start that says which it is',
      async (_name, staged, reason) => {
        await expect(start(settings('cuda'), { bin: staged().bin })).rejects.toThrow(reason);
      },
    );
  },
);
