/** Training, browsers and whole services before what takes a second, so that the workers end together. */

import path from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders of `test`, the longest tests first; all others after them. */
const LONG = ['models', 'e2e', 'faults', 'commands', 'integration', 'deploy', 'engine'];
const TESTS = path.resolve(import.meta.dirname, '..');

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // By size, or by what they took the last time; the order within a folder stays.
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const [folder = ''] = path.relative(TESTS, moduleId).split(path.sep);
  const rank = LONG.indexOf(folder);
  return rank === -1 ? LONG.length : rank;
}
