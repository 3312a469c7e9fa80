import { expect, it } from 'vitest';
import { createThrottledLog } from '../../src/observe/log.ts';

it('an event that comes again and again is logged once in ten seconds, each connection by itself, with how often it was left out', () => {
  let now = 0;
  const lines: unknown[] = [];
  const log = createThrottledLog({ log: (_level, event, fields) => lines.push([event, fields]) }, () => now);
  for (; now < 10_000; now += 1000) {
    log.log('info', 'plant_connected', { connection: 0 });
    log.log('info', 'plant_connected', { connection: 1 });
    log.log('info', 'sink_connected');
  }
  expect(lines).toEqual([
    ['plant_connected', { connection: 0 }],
    ['plant_connected', { connection: 1 }],
    ['sink_connected', {}],
  ]);
  log.log('info', 'plant_connected', { connection: 1 });
  expect(lines.at(-1)).toEqual(['plant_connected', { connection: 1, leftOut: 9 }]);
});
