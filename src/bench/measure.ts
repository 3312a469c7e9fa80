/** One slot of the bench: something runs for a while, and what it used meanwhile is read from /proc before and after. */

import type { Child } from './child.ts';
import { machineCpuMs, treeUsage } from './process-tree.ts';
import type { BareRequest, LoadRequest, Ran } from './protocol.ts';

export interface Sample {
  readonly latencies: readonly number[];
  readonly fps: number;
  /** CPU milliseconds per frame: of what is measured, and of who sends. */
  readonly cpuMs: number;
  readonly clientCpuMs: number;
  readonly rssBytes: number;
  /** Cores that somebody else on this machine kept busy. */
  readonly otherCores: number;
}

/** Frames that went wrong make every figure worthless. */
export class WrongAnswersError extends Error {
  override readonly name = 'WrongAnswersError';
}

interface Parties {
  readonly measured: readonly number[];
  readonly client: readonly number[];
}

async function sampled(parties: Parties, work: () => Promise<readonly Ran[]>): Promise<Sample> {
  const read = () => ({
    measured: treeUsage(parties.measured),
    client: treeUsage(parties.client),
    ours: treeUsage([process.pid]).cpuMs,
    machine: machineCpuMs(),
    at: performance.now(),
  });
  const before = read();
  const ran = await work();
  const after = read();
  const latencies = ran.flatMap((one) => one.latencies);
  const others = after.machine - before.machine - (after.ours - before.ours);
  return {
    latencies,
    fps: ran.reduce((sum, one) => sum + (1000 * one.latencies.length) / one.elapsedMs, 0),
    cpuMs: (after.measured.cpuMs - before.measured.cpuMs) / latencies.length,
    clientCpuMs: (after.client.cpuMs - before.client.cpuMs) / latencies.length,
    rssBytes: after.measured.rssBytes,
    otherCores: Math.max(0, others / (after.at - before.at)),
  };
}

/** The bare loop in every child of `loops` at once. */
export function sampleBare(
  loops: readonly Child<BareRequest>[],
  pictures: readonly string[],
  seconds: number,
  inFlight: number,
): Promise<Sample> {
  return sampled({ measured: loops.map(({ pid }) => pid), client: [] }, () =>
    Promise.all(loops.map((loop) => loop.ask<Ran>({ kind: 'loop', pictures, seconds, inFlight }))),
  );
}

/**
 * @param pid root of the tree that serves
 * @throws WrongAnswersError where a frame did not come back with the right score
 */
export async function sampleServer(pid: number, load: Child<LoadRequest>, request: LoadRequest): Promise<Sample> {
  const { road, cameras } = request.target;
  // Connecting is not what a frame costs.
  await load.ask({ ...request, pace: null });
  return sampled({ measured: [pid], client: [load.pid] }, async () => {
    const ran = await load.ask<Ran>(request);
    if (ran.faultCount > 0) {
      throw new WrongAnswersError(
        `${ran.faultCount} of ${ran.latencies.length} frames of ${cameras} ${road} cameras went wrong: ${ran.faults.join('; ')}`,
      );
    }
    return [ran];
  });
}
