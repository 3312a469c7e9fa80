/** onnxruntime has a telemetry of its own. Nothing of it may be left where Loupe ran. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { emptyFolder, LOUPE, ROOT, TEST_MODELS } from '../support/service-process.ts';

/** Runs node with an empty home and an empty TMPDIR, without what says CI, and gives the files that it left in them. */
function leftBy(args: readonly string[]): string[] {
  const folder = emptyFolder();
  const env = { PATH: process.env['PATH'], HOME: path.join(folder, 'home'), TMPDIR: path.join(folder, 'tmp') };
  for (const place of [env.HOME, env.TMPDIR]) mkdirSync(place);
  execFileSync(process.execPath, args, { cwd: ROOT, env, stdio: 'pipe' });
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /telemetry|mat-|\.db|deviceid/.test(name),
  );
}

const settings = ['engine.provider=cpu', `models.path=${TEST_MODELS}`, 'recipes.default.model=mean-brightness'];
const listening = ['grpc', 'http', 'mqtt.embedded'].map((door) => `${door}.listen=127.0.0.1:0`);

it('an engine leaves no device id and no unsent events behind', () => {
  const sets = [...settings, ...listening, `store.path=${emptyFolder()}`].flatMap((set) => ['--set', set]);
  expect(leftBy([LOUPE, 'doctor', ...sets])).toEqual([]);
});

// Where this fails, onnxruntime has changed its ways: see whether the test above still looks at the right places.
it('onnxruntime left alone does', () => {
  const model = path.join(TEST_MODELS, 'mean-brightness', '1', 'model.onnx');
  const script = `require('onnxruntime-node').InferenceSession.create(${JSON.stringify(model)})`;
  expect(leftBy(['-e', script]).length).toBeGreaterThan(0);
});
