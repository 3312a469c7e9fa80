import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A busy machine is slow, not wrong: what is waited for ends the wait.
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // In CI a test may be tried once more: whole services, brokers and browsers share two cores there. What was retried is printed, and why.
    retry: process.env['CI'] === undefined ? 0 : 1,
    globalSetup: ['test/support/temporary-folder.ts'],
    setupFiles: ['test/support/say-why.ts'],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
});
