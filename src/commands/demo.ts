/** `loupe demo`: the service, and four simulated cameras that send drawn parts to it. */

import CliTable from 'cli-table3';
import type { Command } from 'commander';
import { connectGrpcSender } from '../client/grpc-sender.ts';
import { connectMqttSender } from '../client/mqtt-sender.ts';
import type { FrameSender, SendOutcome } from '../client/sender.ts';
import type { Config } from '../config/schema.ts';
import { DemoCamera } from '../demo/camera.ts';
import type { Defect } from '../demo/defect.ts';
import { Drawing } from '../demo/drawing.ts';
import type { Addresses } from '../service.ts';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions, numberIn } from './options.ts';
import { banner, startService, untilTold } from './serve.ts';

interface DemoOptions extends ConfigOptions {
  readonly fps: number;
  readonly defects: number;
  readonly duration?: number;
  readonly json?: boolean;
}

const CAMERAS = [
  { id: 'demo-grpc-1', road: 'grpc' },
  { id: 'demo-grpc-2', road: 'grpc' },
  { id: 'demo-mqtt-1', road: 'mqtt' },
  { id: 'demo-mqtt-2', road: 'mqtt' },
] as const;

type Ends = Record<'PASS' | 'FAIL' | 'REVIEW' | 'UNINSPECTED' | 'error', number>;

export function registerDemo(program: Command): void {
  addConfigOptions(
    program.command('demo').description('run the service with four simulated cameras, two on gRPC and two on MQTT'),
  )
    .option('--fps <n>', 'pictures per second of each camera', numberIn(0.1, 100), 2)
    .option('--defects <ratio>', 'share of defective parts', numberIn(0, 1), 0.15)
    .option('--duration <seconds>', 'end after so long (default: when told to)', numberIn(1, 1e6))
    .option('--json', 'print one line of JSON when ready, and one with the summary')
    .action(async (options: DemoOptions) => {
      const config = await configFrom(options);
      if (config.auth.tokens.length > 0) {
        throw new CommandError(EXIT.usage, 'the demo has no credentials: run it without auth.tokens');
      }
      const { service, addresses, log } = await startService(withDemoCameras(config));
      try {
        process.stdout.write(
          options.json === true
            ? `${JSON.stringify({ ready: service.health().isReady, pid: process.pid, ...addresses, cameras: CAMERAS })}\n`
            : `${banner(config, service, addresses)}${announcement(options)}`,
        );
        const told = untilTold(log);
        const summary = await runCameras(addresses, config, options, told);
        process.stdout.write(options.json === true ? `${JSON.stringify({ summary })}\n` : `${tableOf(summary)}\n`);
      } finally {
        await service.stop();
      }
    });
}

/** The demo's cameras are listed, so that metrics and screens show each by its name. */
function withDemoCameras(config: Config): Config {
  const listed = new Set(config.cameras.map((camera) => camera.id));
  const added = CAMERAS.filter(({ id }) => !listed.has(id)).map(({ id }) => ({
    id,
    recipe: config.unlisted_cameras.recipe,
    takt_ms: 1000,
    on_uninspected: 'reject' as const,
    sequence: true,
    queue_frames: 64,
    queue_bytes: config.unlisted_cameras.queue_bytes,
  }));
  return { ...config, cameras: [...config.cameras, ...added] };
}

interface Summary {
  /** By what was drawn: how its parts ended. */
  readonly drawn: Readonly<Record<string, Ends>>;
  readonly frames: number;
}

async function runCameras(
  addresses: Addresses,
  config: Config,
  options: DemoOptions,
  told: Promise<void>,
): Promise<Summary> {
  const { mqtt } = addresses;
  if (mqtt === null)
    throw new CommandError(EXIT.usage, 'two of the cameras need MQTT: enable mqtt.embedded or set mqtt.url');
  const drawn: Record<string, Ends> = {};
  let frames = 0;
  const onAnswer = (_cameraId: string, defect: Defect, outcome: SendOutcome) => {
    const ends = (drawn[defect] ??= { PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 0, error: 0 });
    ends[outcome.kind === 'answered' ? outcome.verdict : 'error']++;
    frames++;
  };
  const drawing = new Drawing();
  const senders: FrameSender[] = [];
  const run = `demo-${new Date()
    .toISOString()
    .replaceAll(/[^0-9]/g, '')
    .slice(0, 14)}`;
  try {
    const cameras: DemoCamera[] = [];
    for (const [line, { id, road }] of CAMERAS.entries()) {
      const sender =
        road === 'grpc'
          ? await connectGrpcSender({ address: addresses.grpc })
          : await connectMqttSender({ url: mqtt, root: config.mqtt.root });
      senders.push(sender);
      const { fps: framesPerSecond, defects: defectRatio } = options;
      cameras.push(new DemoCamera({ id, sender, drawing, framesPerSecond, defectRatio, line, run, onAnswer }));
    }
    for (const camera of cameras) camera.start();
    await Promise.race([told, ...(options.duration === undefined ? [] : [after(options.duration)])]);
    await Promise.all(cameras.map((camera) => camera.stop()));
  } finally {
    await Promise.all(senders.map((sender) => sender.close()));
    await drawing.close();
  }
  return { drawn, frames };
}

const after = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000));

function announcement({ fps, defects, duration }: DemoOptions): string {
  const end = duration === undefined ? 'Ctrl-C ends it.' : `It ends after ${duration} s.`;
  const share = Math.round(defects * 100);
  return `Cameras ${CAMERAS.map(({ id }) => id).join(', ')} send ${fps} parts a second each, ${share} % of them defective. ${end}\n`;
}

function tableOf({ drawn }: Summary): string {
  const columns = ['PASS', 'FAIL', 'REVIEW', 'UNINSPECTED', 'error'] as const;
  const table = new CliTable({ head: ['drawn', ...columns], style: { head: [], border: [] } });
  for (const [defect, ends] of Object.entries(drawn))
    table.push([defect, ...columns.map((column) => String(ends[column]))]);
  return table.toString();
}
