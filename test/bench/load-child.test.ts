/** The bench's cameras against a real service: what makes a run worthless is found out. */

import { afterEach, describe, expect, it } from 'vitest';
import { Child } from '../../src/bench/child.ts';
import { sampleServer, WrongAnswersError } from '../../src/bench/measure.ts';
import type { LoadRequest } from '../../src/bench/protocol.ts';
import { emptyFolder, servicesOf, TEST_MODELS, testSettings } from '../support/service-process.ts';

const GREY_51 = `${TEST_MODELS}/mean-brightness/1/golden/grey-51.png`;
const startService = servicesOf(afterEach);
const children: Child<LoadRequest>[] = [];
afterEach(() => Promise.all(children.splice(0).map((child) => child.stop())));

function loadChild(): Child<LoadRequest> {
  const child = new Child<LoadRequest>('load-child');
  children.push(child);
  return child;
}

describe.skipIf(process.platform !== 'linux')('the load of the bench', () => {
  it('counts frames, latencies and CPU on both roads, and notices a wrong score', { timeout: 60_000 }, async () => {
    const service = await startService(testSettings(emptyFolder()));
    const { grpc, mqtt } = service.addresses;
    const load = loadChild();
    const request = { pictures: [GREY_51], seconds: 0.2, scores: [51 / 255] };
    for (const [road, address] of [
      ['grpc', grpc],
      ['mqtt', mqtt ?? ''],
    ] as const) {
      const target = { road, address, cameras: 2 };
      const full = await sampleServer(service.addresses.pid, load, { ...request, target, pace: { inFlight: 2 } });
      expect(full.latencies.length).toBeGreaterThan(3);
      expect(full.fps).toBeGreaterThan(0);
      expect(full.cpuMs).toBeGreaterThan(0);
      const paced = await sampleServer(service.addresses.pid, load, {
        ...request,
        target,
        pace: { framesPerSecond: 40 },
      });
      expect(paced.latencies.length).toBe(8);
      const wrong = sampleServer(service.addresses.pid, load, {
        ...request,
        target,
        pace: { inFlight: 1 },
        scores: [0.9],
      });
      await expect(wrong).rejects.toThrow(WrongAnswersError);
      await expect(wrong).rejects.toThrow(/scored 0\.2\d* where the bare loop says 0\.9/);
    }
  });

  it('says why a child could not do what it was asked', { timeout: 20_000 }, async () => {
    const target = { road: 'grpc', address: '127.0.0.1:1', cameras: 1 } as const;
    const request = { target, pictures: [GREY_51], seconds: 0.1, pace: null, scores: null };
    await expect(loadChild().ask(request)).rejects.toThrow('nothing answers gRPC at 127.0.0.1:1');
  });
});
