/** Samples to figures, and figures to what is wanted of them. Pure. */

import type { Sample } from './measure.ts';
import type { Group, RoadGroup } from './run.ts';
import { median, pairedRatio, percentile, spreadFromFirst } from './statistics.ts';

/** Latencies in milliseconds; CPU in milliseconds per frame over the whole process tree. */
export interface Figures {
  readonly frames: number;
  readonly fps: number;
  readonly cpu_ms: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly rss_mb: number;
  /** Cores that others on the machine kept busy meanwhile: above a few tenths latencies and rates say little. */
  readonly other_cores: number;
}

interface Named {
  readonly model: string;
  readonly picture: string;
}

export interface BareCase extends Named, Figures {
  /** Of one frame at a time, the machine otherwise idle. */
  readonly frame_ms: number;
}

export interface ServiceCase extends Named, Figures {
  readonly road: string;
  readonly cameras: number;
  readonly client_cpu_ms: number;
  readonly cpu_ratio: number;
  readonly throughput_ratio: number;
}

export interface RoadCase extends Named {
  readonly road: string;
  /** One frame at a time, against the bare loop alone. */
  readonly p50_ms: number;
  readonly p50_added_ms: number;
  /** Largest change of CPU per frame from 1 to 4 and 16 cameras, as a share. */
  readonly cost_spread: number;
  readonly offered_fps_at_70: number;
  readonly frames_at_70: number;
  readonly p99_ms_at_70: number;
  readonly p99_ratio_at_70: number;
}

export interface Report {
  readonly bare: readonly BareCase[];
  readonly cases: readonly ServiceCase[];
  readonly roads: readonly RoadCase[];
  readonly wanted: readonly Wanted[];
}

/** The worst case of the service's own roads against what was promised. */
export interface Wanted {
  readonly name: string;
  readonly wanted: string;
  readonly worst: number;
  readonly met: boolean;
}

export function reportOf(groups: readonly Group[]): Report {
  const cases = groups.flatMap((group) => group.roads.flatMap((road) => serviceCases(group, road)));
  const roads = groups.flatMap((group) => group.roads.map((road) => roadCase(group, road)));
  return { bare: groups.map(bareCase), cases, roads, wanted: wantedOf(cases.filter(isOwn), roads.filter(isOwn)) };
}

const isOwn = ({ road }: { readonly road: string }) => road !== 'fastapi';

function bareCase(group: Group): BareCase {
  return { ...nameOf(group), ...figures(group.bare), frame_ms: frameMs(group) };
}

function serviceCases(group: Group, { road, full }: RoadGroup): ServiceCase[] {
  return [...full].map(([cameras, samples]) => ({
    ...nameOf(group),
    road,
    cameras,
    ...figures(samples),
    client_cpu_ms: median(samples.map((sample) => sample.clientCpuMs)),
    cpu_ratio: pairedRatio(samples.map(cpuOf), group.bare.map(cpuOf)),
    throughput_ratio: pairedRatio(
      samples.map(({ fps }) => fps),
      group.bare.map(({ fps }) => fps),
    ),
  }));
}

function roadCase(group: Group, { road, full, alone, load }: RoadGroup): RoadCase {
  const p50 = p50Of(alone);
  const atLoad = load.flatMap(({ sample }) => sample.latencies);
  const p99 = percentile(atLoad, 0.99);
  return {
    ...nameOf(group),
    road,
    p50_ms: p50,
    p50_added_ms: p50 - frameMs(group),
    cost_spread: spreadFromFirst([...full.values()].map((samples) => median(samples.map(cpuOf)))),
    offered_fps_at_70: median(load.map(({ offeredFps }) => offeredFps)),
    frames_at_70: atLoad.length,
    p99_ms_at_70: p99,
    p99_ratio_at_70: p99 / frameMs(group),
  };
}

function wantedOf(cases: readonly ServiceCase[], roads: readonly RoadCase[]): Wanted[] {
  const most = (name: string, limit: number, values: readonly number[]): Wanted => {
    const worst = Math.max(...values);
    return { name, wanted: `<= ${limit}`, worst, met: worst <= limit };
  };
  const least = Math.min(...cases.map((one) => one.throughput_ratio));
  return [
    most(
      'cpu_ratio',
      1.15,
      cases.map((one) => one.cpu_ratio),
    ),
    { name: 'throughput_ratio', wanted: '>= 0.9', worst: least, met: least >= 0.9 },
    most(
      'p50_added_ms',
      3,
      roads.map((one) => one.p50_added_ms),
    ),
    most(
      'p99_ratio_at_70',
      3,
      roads.map((one) => one.p99_ratio_at_70),
    ),
    most(
      'cost_spread',
      0.05,
      roads.map((one) => one.cost_spread),
    ),
  ];
}

const nameOf = ({ network, picture }: Group): Named => ({ model: network, picture });
const cpuOf = (sample: Sample) => sample.cpuMs;
/** The median of the rounds' medians: a round that was disturbed does not move it. */
const p50Of = (samples: readonly Sample[]) => median(samples.map(({ latencies }) => percentile(latencies, 0.5)));
const frameMs = (group: Group) => p50Of(group.bareAlone);

function figures(samples: readonly Sample[]): Figures {
  const latencies = samples.flatMap((sample) => sample.latencies);
  return {
    frames: latencies.length,
    fps: median(samples.map(({ fps }) => fps)),
    cpu_ms: median(samples.map(cpuOf)),
    p50_ms: p50Of(samples),
    p99_ms: percentile(latencies, 0.99),
    rss_mb: median(samples.map(({ rssBytes }) => rssBytes)) / 2 ** 20,
    other_cores: median(samples.map(({ otherCores }) => otherCores)),
  };
}
