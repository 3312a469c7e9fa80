/** Runs the simulated cameras and keeps count of how their parts ended. */

import CliTable from 'cli-table3';
import { connectGrpcSender } from '../../client/grpc-sender.ts';
import { connectMqttSender } from '../../client/mqtt-sender.ts';
import type { FrameSender, SendOutcome } from '../../client/sender.ts';
import { DemoCamera } from '../../demo/camera.ts';
import type { Defect } from '../../demo/defect.ts';
import { Drawing } from '../../demo/drawing.ts';
import type { Addresses } from '../../service.ts';
import { CommandError, EXIT } from '../exit.ts';
import { DEMO_CAMERAS } from './cameras.ts';

export interface CameraRates {
  /** Pictures per second of each camera. */
  readonly fps: number;
  /** Share of defective parts, 0..1. */
  readonly defects: number;
  /** Seconds. */
  readonly duration?: number;
}

type Ends = Record<'PASS' | 'FAIL' | 'REVIEW' | 'UNINSPECTED' | 'error', number>;

export interface Summary {
  /** By what was drawn: how its parts ended. */
  readonly drawn: Readonly<Record<string, Ends>>;
  readonly frames: number;
}

/** Sends parts until told to end, or for `options.duration` seconds; resolves when every frame has its answer. */
export async function runCameras(
  addresses: Addresses,
  root: string,
  options: CameraRates,
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
    for (const [line, { id, road }] of DEMO_CAMERAS.entries()) {
      const sender =
        road === 'grpc'
          ? await connectGrpcSender({ address: addresses.grpc })
          : await connectMqttSender({ url: mqtt, root });
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

export function tableOf({ drawn }: Summary): string {
  const columns = ['PASS', 'FAIL', 'REVIEW', 'UNINSPECTED', 'error'] as const;
  const table = new CliTable({ head: ['drawn', ...columns], style: { head: [], border: [] } });
  for (const [defect, ends] of Object.entries(drawn))
    table.push([defect, ...columns.map((column) => String(ends[column]))]);
  return table.toString();
}
