/**
 * A copy of the built Loupe in a folder of its own, with faults planted in it. What a fault test promises is only worth
 * something if the test fails where the promise is broken: its twin runs the same proof against such a copy.
 */

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { ROOT } from '../../support/service-process.ts';

/** Replaces one passage of a built module. */
export interface Plant {
  /** Below `dist/`. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Staged {
  /** The command, as `node BIN serve`. */
  readonly bin: string;
  /** Where onnxruntime looks for its providers; only with `ownOnnxruntime`. */
  readonly providers: string;
}

/**
 * @param options.ownOnnxruntime copies onnxruntime-node too, so that provider libraries can be laid beside it
 * @throws where a plant does not fit the build any more: a twin that plants nothing proves nothing
 */
export function stage(plants: readonly Plant[], options: { readonly ownOnnxruntime?: boolean } = {}): Staged {
  const root = mkdtempSync(path.join(tmpdir(), 'loupe-staged-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['dist', 'bin', 'proto', 'package.json']) {
    cpSync(path.join(ROOT, name), path.join(root, name), { recursive: true });
  }
  const modules = path.join(root, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    if (name.startsWith('.') || (name === 'onnxruntime-node' && options.ownOnnxruntime === true)) continue;
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
  if (options.ownOnnxruntime === true) copyOnnxruntime(modules);
  for (const { file, from, to } of plants) {
    const target = path.join(root, 'dist', file);
    const text = readFileSync(target, 'utf8');
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`${file}: expected once, found ${parts.length - 1} times: ${from}`);
    writeFileSync(target, parts.join(to));
  }
  return {
    bin: path.join(root, 'bin', 'loupe.js'),
    providers: path.join(modules, 'onnxruntime-node', 'bin', 'napi-v6', 'linux', 'x64'),
  };
}

function copyOnnxruntime(modules: string): void {
  const from = path.join(ROOT, 'node_modules', 'onnxruntime-node');
  const isForeign = (file: string) => /napi-v6\/(darwin|win32|linux\/arm64)/.test(file);
  // Without providers that are really installed here: a test lays down its own.
  const isProvider = (file: string) => path.basename(file).startsWith('libonnxruntime_providers');
  cpSync(from, path.join(modules, 'onnxruntime-node'), {
    recursive: true,
    filter: (file) => !isForeign(file) && !isProvider(file),
  });
}
