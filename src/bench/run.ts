/**
 * The run: for each network and picture size, round after round,
 *
 *   bare x cores │ service, road by road, 1, 4, 16 cameras │ bare alone │ service, one frame at a time
 *
 * then the roads at 70 % of what they carried. Each round is one pass over all of it, every other one backwards, so that a
 * machine which is busy with something else for a while burdens both sides.
 */

import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Child } from './child.ts';
import { PICTURES, type PictureSize, writeManifest, writeModel, writePictures } from './fixtures.ts';
import { type Sample, sampleBare, sampleServer } from './measure.ts';
import { INPUT, INPUT_SIZE, type Network, NETWORKS, OUTPUT } from './networks.ts';
import { cores } from './process-tree.ts';
import type { BareRequest, LoadRequest, Pace, Road } from './protocol.ts';
import { type Endpoint, Server } from './server.ts';
import { median } from './statistics.ts';

export interface Plan {
  readonly networks: readonly Network[];
  readonly pictures: readonly PictureSize[];
  readonly roads: readonly Road[];
  /** Seconds on each road before anything counts: a service runs for weeks, and V8 compiles for its first half minute. */
  readonly warmUpSeconds: number;
  readonly rounds: number;
  /** Seconds of each slot. */
  readonly seconds: number;
  /** Seconds at 70 % load. */
  readonly loadSeconds: number;
}

export const CAMERAS = [1, 4, 16] as const;

/** Frames under way over all cameras, at least: enough to keep every engine busy. */
const IN_FLIGHT = 8;
/** What a saturated loop keeps under way: one picture is decoded while the other is scored. */
const BARE_IN_FLIGHT = 2;
const LOAD = 0.7;
const LOAD_CAMERAS = 4;

export const FULL_PLAN: Plan = {
  networks: NETWORKS,
  pictures: PICTURES,
  roads: ['grpc', 'grpc_stream', 'mqtt'],
  warmUpSeconds: 20,
  rounds: 4,
  seconds: 4,
  loadSeconds: 15,
};

/** A minute and a half: the case in which the service weighs most. */
export const SHORT_PLAN: Plan = {
  ...FULL_PLAN,
  networks: ['mobile'],
  pictures: ['300x300'],
  warmUpSeconds: 6,
  rounds: 2,
  seconds: 1.5,
  loadSeconds: 4,
};

/** Samples of one slot, one per round. */
export interface Group {
  readonly network: Network;
  readonly picture: PictureSize;
  /** One bare loop per core, all busy; and one alone, one frame at a time. */
  readonly bare: Sample[];
  readonly bareAlone: Sample[];
  readonly roads: readonly RoadGroup[];
}

export interface RoadGroup {
  readonly road: Road;
  readonly full: ReadonlyMap<number, Sample[]>;
  readonly alone: Sample[];
  readonly load: { readonly offeredFps: number; readonly sample: Sample }[];
}

const emptyRoad = (road: Road): RoadGroup => ({
  road,
  full: new Map(CAMERAS.map((cameras) => [cameras, []])),
  alone: [],
  load: [],
});

export interface RunPorts {
  /** An empty folder for pictures, models and stores. */
  readonly folder: string;
  /** An interpreter that has the peer's packages; null: no peers. */
  readonly python: string | null;
  progress(text: string): void;
}

export async function runBench(plan: Plan, ports: RunPorts): Promise<readonly Group[]> {
  const groups: Group[] = [];
  mkdirSync(path.join(ports.folder, 'models'), { recursive: true });
  const pictures = new Map<PictureSize, readonly string[]>();
  for (const size of plan.pictures) pictures.set(size, await writePictures(ports.folder, size));
  for (const network of plan.networks) {
    const stage = await Stage.open(network, plan, ports, [...pictures.values()].flat());
    try {
      for (const [size, files] of pictures) groups.push(await stage.measure(size, files));
    } finally {
      await stage.close();
    }
  }
  return groups;
}

/** Everything that runs while one network is measured. */
class Stage {
  private readonly network: Network;
  private readonly plan: Plan;
  private readonly ports: RunPorts;
  private readonly loops: Child<BareRequest>[] = [];
  private readonly load = new Child<LoadRequest>('load-child');
  private readonly servers: Server[] = [];
  private scores = new Map<string, number>();

  private constructor(network: Network, plan: Plan, ports: RunPorts) {
    this.network = network;
    this.plan = plan;
    this.ports = ports;
  }

  static async open(network: Network, plan: Plan, ports: RunPorts, pictures: readonly string[]): Promise<Stage> {
    const stage = new Stage(network, plan, ports);
    try {
      await stage.start(pictures);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.loops, this.load, ...this.servers].map((part) => part.stop()));
  }

  async measure(picture: PictureSize, files: readonly string[]): Promise<Group> {
    const endpoints = this.servers.flatMap((server) => server.endpoints).filter(({ road }) => this.isWanted(road));
    const roads = endpoints.map(({ road }) => emptyRoad(road));
    const group: Group = { network: this.network, picture, bare: [], bareAlone: [], roads };
    const [first] = this.loops;
    if (first === undefined) throw new Error('there is no bare loop');
    const { seconds, rounds, loadSeconds, warmUpSeconds } = this.plan;

    const slots: (() => Promise<void>)[] = [
      async () => void group.bare.push(await sampleBare(this.loops, files, seconds, BARE_IN_FLIGHT)),
      ...endpoints.flatMap((endpoint, index) =>
        CAMERAS.map((cameras) => async () => {
          const pace = { inFlight: Math.ceil(IN_FLIGHT / cameras) };
          roads[index]?.full.get(cameras)?.push(await this.serve(endpoint, cameras, files, seconds, pace));
        }),
      ),
      async () => void group.bareAlone.push(await sampleBare([first], files, seconds, 1)),
      ...endpoints.map((endpoint, index) => async () => {
        roads[index]?.alone.push(await this.serve(endpoint, 1, files, seconds, { inFlight: 1 }));
      }),
    ];
    this.ports.progress(`${this.network} ${picture}: warming up`);
    await sampleBare(this.loops, files, Math.min(2, warmUpSeconds), BARE_IN_FLIGHT);
    for (const endpoint of endpoints) await this.serve(endpoint, 16, files, warmUpSeconds, { inFlight: 1 });
    for (let round = 0; round < rounds; round++) {
      this.ports.progress(`${this.network} ${picture}: round ${round + 1} of ${rounds}`);
      for (const slot of round % 2 === 0 ? slots : slots.toReversed()) await slot();
    }
    this.ports.progress(`${this.network} ${picture}: at 70 % load`);
    for (const [index, endpoint] of endpoints.entries()) {
      const road = roads[index];
      if (road === undefined) continue;
      const offeredFps = LOAD * median((road.full.get(LOAD_CAMERAS) ?? []).map(({ fps }) => fps));
      const sample = await this.serve(endpoint, LOAD_CAMERAS, files, loadSeconds, { framesPerSecond: offeredFps });
      road.load.push({ offeredFps, sample });
    }
    return group;
  }

  private isWanted(road: Road): boolean {
    return road === 'fastapi' || this.plan.roads.includes(road);
  }

  private serve(
    { road, address, pid }: Endpoint,
    cameras: number,
    pictures: readonly string[],
    seconds: number,
    pace: Pace,
  ): Promise<Sample> {
    const scores = road === 'fastapi' ? null : pictures.map((file) => this.scores.get(file) ?? Number.NaN);
    return sampleServer(pid, this.load, { target: { road, address, cameras }, pictures, seconds, pace, scores });
  }

  private async start(pictures: readonly string[]): Promise<void> {
    const { folder, python } = this.ports;
    this.ports.progress(`${this.network}: starting`);
    const model = writeModel(path.join(folder, 'models'), this.network);
    for (let core = 0; core < cores(); core++) this.loops.push(new Child('bare-child'));
    const opening = { kind: 'open', model: model.file, input: INPUT, output: OUTPUT, inputSize: INPUT_SIZE } as const;
    await Promise.all(this.loops.map((loop) => loop.ask(opening)));
    const scores = (await this.loops[0]?.ask<readonly number[]>({ kind: 'scores', pictures })) ?? [];
    this.scores = new Map(pictures.map((file, index) => [file, scores[index] ?? Number.NaN]));
    const [golden = ''] = pictures;
    const probability = this.scores.get(golden) ?? Number.NaN;
    writeManifest(model, await readFile(model.file), { picture: await readFile(golden), probability });
    this.servers.push(await Server.loupe(folder, this.network));
    if (python !== null) this.servers.push(await Server.fastapi(python, model.file, INPUT_SIZE, cores()));
  }
}
