/** Loaded before each test file: what a try failed of is printed, for a try that is made again and passes leaves no trace of it. */

import { beforeEach } from 'vitest';

beforeEach(({ onTestFailed }) => {
  onTestFailed(({ task }) => {
    for (const { message } of task.result?.errors ?? []) console.error(`a try failed: ${task.name}: ${message}`);
  });
});
