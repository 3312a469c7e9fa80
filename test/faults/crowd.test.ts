/** More connections than a door holds, none of which says a word, opened again as soon as they are closed: who comes to be inspected gets in. */

import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { connectMqttSender } from '../../src/client/mqtt-sender.ts';
import type { FrameSender, OutgoingFrame } from '../../src/client/sender.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings, total } from '../support/service-process.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

/** Half as many again as a door holds. */
const CROWD = 300;
const COMES_AGAIN_MS = 100;
const VISITS = Math.min(50, roundsOr(2) * 2);
const PATIENCE_MS = 5000;

/** Comes as a new client, has one frame inspected and leaves. Rejects where that does not come about. */
type Visit = (service: ServiceProcess, frameId: string) => Promise<string>;

async function frameOf(frameId: string): Promise<OutgoingFrame> {
  const named = { cameraId: 'honest', frameId, contentType: 'image/png', capturedAt: null, sequence: null };
  return { ...named, bytes: await greyPng(20), isSimulated: false };
}

async function sendBy(sender: FrameSender, frameId: string): Promise<string> {
  const outcome = await sender.send(await frameOf(frameId));
  await sender.close();
  return outcome.kind === 'answered' ? outcome.verdict : outcome.message;
}

const VISITS_BY: Readonly<Record<'grpc' | 'mqtt' | 'http', Visit>> = {
  grpc: async ({ addresses }, frameId) => sendBy(await connectGrpcSender({ address: addresses.grpc }), frameId),
  mqtt: async ({ addresses }, frameId) =>
    sendBy(await connectMqttSender({ url: addresses.mqtt ?? '', root: 'loupe' }), frameId),
  http: async ({ addresses }, frameId) => {
    const url = `${addresses.http}/api/v1/frames?camera_id=honest&frame_id=${frameId}`;
    const headers = { 'content-type': 'image/png', connection: 'close' };
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(await greyPng(20)), headers });
    return ((await response.json()) as { verdict: string }).verdict;
  },
};

/** Stands at the door until it is told to go. */
function crowdAt(port: number): () => void {
  let isOver = false;
  const sockets = new Set<Socket>();
  const come = () => {
    if (isOver) return;
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }).resume();
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .once('close', () => {
        sockets.delete(socket);
        setTimeout(come, COMES_AGAIN_MS);
      });
  };
  for (let i = 0; i < CROWD; i++) come();
  return () => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  };
}

async function complaintsAt(door: keyof typeof VISITS_BY, bin?: string): Promise<string[]> {
  const service = await start(testSettings(emptyFolder()), bin === undefined ? {} : { bin });
  const { grpc, http, mqtt } = service.addresses;
  const port = Number({ grpc, http, mqtt: mqtt ?? '' }[door].split(':').at(-1));
  const leave = crowdAt(port);
  await new Promise((resolve) => setTimeout(resolve, 5 * COMES_AGAIN_MS));
  const found: string[] = [];
  const times: number[] = [];
  for (let i = 0; i < VISITS && found.length < 2; i++) {
    const from = performance.now();
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('too late'), PATIENCE_MS));
    const verdict = await Promise.race([VISITS_BY[door](service, `f${i}`).catch(String), late]);
    times.push(Math.round(performance.now() - from));
    if (verdict !== 'PASS') found.push(`visit ${i}: ${verdict}`);
  }
  leave();
  console.log(`a crowd at ${door}: visits of ${times.join(', ')} ms`);
  const cut = async () =>
    total(await service.samples(), 'inspection_floods_cut_total', `door="${door}",flood="connections"`);
  await expect.poll(cut, { timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(CROWD - 200);
  return found;
}

const NEWCOMER_LEAVES: Plant = {
  file: 'door.js',
  from: 'for (const first of idle) {',
  to: 'for (const first of [...idle].reverse()) {',
};

describe.each(['grpc', 'http', 'mqtt'] as const)('a crowd of silent connections at the door of %s', (door) => {
  it('keeps nobody out who has a frame to show', { timeout: 120_000 }, async () => {
    expect(await complaintsAt(door)).toEqual([]);
  });

  it('twin: a door that sends the newcomer away is found out', { timeout: 120_000 }, async () => {
    expect((await complaintsAt(door, stage([NEWCOMER_LEAVES]).bin)).length).toBeGreaterThan(0);
  });
});
