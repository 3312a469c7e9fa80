/** The cameras of the bench: a process of its own, so that what sending costs is not counted as the service's. */

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectGrpcSender } from '../client/grpc-sender.ts';
import { connectMqttSender } from '../client/mqtt-sender.ts';
import type { FrameSender, SendOutcome } from '../client/sender.ts';
import { answerWith } from './child.ts';
import { SAME_SCORE } from './fixtures.ts';
import { HttpSender } from './http-sender.ts';
import type { LoadRequest, Ran, Target } from './protocol.ts';

const RUN = randomUUID().slice(0, 8);
const MQTT_ROOT = 'loupe';
const FAULTS_SHOWN = 3;

const senders = new Map<string, FrameSender>();
const pictures = new Map<string, Uint8Array>();
let frames = 0;

async function senderOf({ road, address }: Target, camera: number): Promise<FrameSender> {
  const key = `${road} ${address} ${camera}`;
  const known = senders.get(key);
  if (known !== undefined) return known;
  const sender =
    road === 'grpc' || road === 'grpc_stream'
      ? await connectGrpcSender({ address, streams: road === 'grpc_stream' })
      : road === 'mqtt'
        ? await connectMqttSender({ url: address, root: MQTT_ROOT })
        : new HttpSender(address);
  senders.set(key, sender);
  return sender;
}

async function pictureOf(file: string): Promise<Uint8Array> {
  const known = pictures.get(file);
  if (known !== undefined) return known;
  const bytes = await readFile(file);
  pictures.set(file, bytes);
  return bytes;
}

/** Sends one frame and notes how long its answer took and whether it is the right one. */
class Recorder {
  readonly latencies: number[] = [];
  readonly faults: string[] = [];
  faultCount = 0;
  private readonly images: readonly Uint8Array[];
  private readonly scores: readonly number[] | null;

  constructor(images: readonly Uint8Array[], scores: readonly number[] | null) {
    this.images = images;
    this.scores = scores;
  }

  /** @param dueAt when the frame was to be sent: a sender that is held up does not hide it */
  async send(sender: FrameSender, camera: number, dueAt: number): Promise<void> {
    const number = frames++;
    const index = number % this.images.length;
    const outcome = await sender.send({
      cameraId: `bench-${camera}`,
      frameId: `${RUN}-${number}`,
      bytes: this.images[index] ?? new Uint8Array(),
      contentType: 'image/jpeg',
      capturedAt: null,
      sequence: null,
      isSimulated: true,
    });
    this.latencies.push(performance.now() - dueAt);
    const fault = faultOf(outcome, this.scores?.[index] ?? null);
    if (fault === null) return;
    this.faultCount++;
    if (this.faults.length < FAULTS_SHOWN) this.faults.push(fault);
  }
}

function faultOf(outcome: SendOutcome, score: number | null): string | null {
  if (outcome.kind === 'error') return `${outcome.code}: ${outcome.message}`;
  if (outcome.duplicate) return 'answered as a duplicate';
  if (outcome.verdict === 'UNINSPECTED' || outcome.probability === null) {
    return `${outcome.verdict} (${outcome.reason ?? 'no reason'})`;
  }
  if (score !== null && Math.abs(outcome.probability - score) > SAME_SCORE) {
    return `scored ${outcome.probability} where the bare loop says ${score}`;
  }
  return null;
}

async function run({ target, pictures: files, seconds, pace, scores }: LoadRequest): Promise<Ran | null> {
  const recorder = new Recorder(await Promise.all(files.map(pictureOf)), scores);
  const cameras = await Promise.all(Array.from({ length: target.cameras }, (_, camera) => senderOf(target, camera)));
  if (pace === null) return null;
  const started = performance.now();
  const until = started + seconds * 1000;
  const closed = async (sender: FrameSender, camera: number) => {
    while (performance.now() < until) await recorder.send(sender, camera, performance.now());
  };
  const open = async (sender: FrameSender, camera: number, periodMs: number) => {
    const sent: Promise<void>[] = [];
    // Cameras are no choir: each has its own phase.
    let dueAt = started + (periodMs * camera) / cameras.length;
    for (; dueAt < until; dueAt += periodMs) {
      await sleep(Math.max(0, dueAt - performance.now()));
      sent.push(recorder.send(sender, camera, dueAt));
    }
    await Promise.all(sent);
  };
  const work = cameras.flatMap((sender, camera) =>
    'inFlight' in pace
      ? Array.from({ length: pace.inFlight }, () => closed(sender, camera))
      : [open(sender, camera, (1000 * cameras.length) / pace.framesPerSecond)],
  );
  await Promise.all(work);
  const { latencies, faults, faultCount } = recorder;
  return { latencies, elapsedMs: performance.now() - started, faults, faultCount };
}

answerWith((message) => run(message as LoadRequest));
