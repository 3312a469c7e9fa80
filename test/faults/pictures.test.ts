/** Broken and hostile pictures, and a model that answers nonsense: the right code, never a PASS, and the engines live on. */

import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { connectMqttSender } from '../../src/client/mqtt-sender.ts';
import type { SendOutcome } from '../../src/client/sender.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings, total } from '../support/service-process.ts';
import { badPictures, type BadPicture, overfullPng } from './support/bad-pictures.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
let pictures: readonly BadPicture[] = [];
beforeAll(async () => {
  pictures = await badPictures();
});

const codeOf = (outcome: SendOutcome) =>
  outcome.kind === 'error' ? outcome.code : (outcome.reason ?? outcome.verdict);

/** The most that the service and its engines ever held. */
function peakBytes(service: ServiceProcess): number {
  const pids = [service.child.pid, ...service.engines];
  return pids.reduce<number>((sum, pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return sum + 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]);
  }, 0);
}

/** Sends every picture by every road. @returns what was not as it should be */
async function complaints(bin?: string): Promise<string[]> {
  const service = await start(testSettings(emptyFolder()), bin === undefined ? {} : { bin });
  const grpc = await connectGrpcSender({ address: service.addresses.grpc });
  const overMqtt = await connectMqttSender({ url: service.addresses.mqtt ?? '', root: 'loupe' });
  const engines = String(service.engines);
  const found: string[] = [];
  for (const [index, { name, bytes, code }] of pictures.entries()) {
    const frame = { bytes, contentType: 'image/png', capturedAt: null, sequence: null, isSimulated: false };
    const byGrpc = codeOf(await grpc.send({ ...frame, cameraId: 'by-grpc', frameId: `f${index}` }));
    const byMqtt = codeOf(await overMqtt.send({ ...frame, cameraId: 'by-mqtt', frameId: `f${index}` }));
    const url = `${service.addresses.http}/api/v1/frames?camera_id=by-http&frame_id=f${index}`;
    const posted = await fetch(url, {
      method: 'POST',
      body: Buffer.from(bytes),
      headers: { 'content-type': 'image/png' },
    });
    const answer = (await posted.json()) as { code?: string; reason?: string; verdict?: string };
    const byHttp = answer.code ?? answer.reason ?? answer.verdict;
    for (const [road, got] of Object.entries({ byGrpc, byMqtt, byHttp })) {
      if (got !== code) found.push(`${name}, ${road}: expected ${code}, got ${got}`);
    }
  }
  const good = await grpc.send({
    cameraId: 'by-grpc',
    frameId: 'good',
    bytes: await greyPng(10),
    contentType: null,
    capturedAt: null,
    sequence: null,
    isSimulated: false,
  });
  if (codeOf(good) !== 'PASS') found.push(`a good part after all that: ${codeOf(good)}`);
  const samples = await service.samples();
  if (total(samples, 'inspection_engine_losses_total') > 0 || String(service.engines) !== engines)
    found.push('an engine was lost');
  const passed = total(samples, 'inspection_frames_total', 'outcome="pass"');
  if (passed !== 1) found.push(`${passed} frames passed, expected the good one alone`);
  await grpc.close();
  await overMqtt.close();
  await service.end();
  return found;
}

const TAKES_TRUNCATED_FILES: Plant = { file: 'engine/decode.js', from: "failOn: 'warning'", to: "failOn: 'none'" };

describe('pictures that are none', () => {
  it('get their code by every road, never a PASS, and cost no engine', async () => {
    expect(await complaints()).toEqual([]);
  }, 60_000);

  it('twin: a decoder that makes do with what it gets is found out', async () => {
    expect((await complaints(stage([TAKES_TRUNCATED_FILES]).bin)).join('\n')).toMatch(/cut off at .*got PASS/);
  }, 60_000);
});

describe.skipIf(process.platform !== 'linux')('a picture whose packed pixels go on behind the last row', () => {
  it('costs no more memory than its header says', async () => {
    const service = await start(testSettings(emptyFolder()));
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    const frame = { contentType: null, capturedAt: null, sequence: null, isSimulated: false, cameraId: 'cam-1' };
    await sender.send({ ...frame, frameId: 'small', bytes: overfullPng(1) });
    const before = peakBytes(service);
    expect(await sender.send({ ...frame, frameId: 'large', bytes: overfullPng(256) })).toMatchObject({
      kind: 'answered',
    });
    expect(peakBytes(service) - before).toBeLessThan(64 * 1024 * 1024);
    await sender.close();
  });
});

describe('a picture of 16 bits', () => {
  it('is judged by its upper 8, not by what is left of them', async () => {
    const service = await start(testSettings(emptyFolder()));
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    for (const [level, verdict] of [
      [60_000, 'FAIL'],
      [2000, 'PASS'],
    ] as const) {
      const raw = { width: 16, height: 16, channels: 3 } as const;
      const bytes = await sharp(new Uint16Array(16 * 16 * 3).fill(level), { raw })
        .toColourspace('rgb16')
        .png()
        .toBuffer();
      const frame = { bytes, contentType: null, capturedAt: null, sequence: null, isSimulated: false };
      expect(await sender.send({ ...frame, cameraId: 'cam-1', frameId: `f${level}` })).toMatchObject({ verdict });
    }
    await sender.close();
  });
});

describe('a model that answers NaN', () => {
  async function verdictOnNan(bin?: string): Promise<string> {
    const service = await start(testSettings(emptyFolder(), 'nan'), bin === undefined ? {} : { bin });
    const results: string[] = [];
    const reader = await mqtt.connectAsync(service.addresses.mqtt ?? '');
    reader.on('message', (_topic, payload) => results.push(String(payload)));
    await reader.subscribeAsync('loupe/+/result', { qos: 1 });
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    const frame = {
      bytes: await greyPng(240),
      contentType: null,
      capturedAt: null,
      sequence: null,
      isSimulated: false,
    };
    const outcome = await sender.send({ ...frame, cameraId: 'cam-1', frameId: 'f1' });
    await expect.poll(() => results.length).toBe(1);
    const published = JSON.parse(results[0] ?? '') as { verdict: string; defectProbability: number | null };
    await sender.close();
    await reader.endAsync();
    return `${codeOf(outcome)}, published ${published.verdict}, probability ${published.defectProbability}`;
  }

  it('inspects nothing, and says so on every road', async () => {
    expect(await verdictOnNan()).toBe('model_output_invalid, published UNINSPECTED, probability null');
  });

  it('twin: a judge that takes for good what is not bad is found out', async () => {
    const plants: Plant[] = [
      {
        file: 'decide/decide.js',
        from: 'if (!isShare(probability))',
        to: 'if (probability < 0)',
      },
      {
        file: 'decide/decide.js',
        from: 'if (probability < cuts.passBelow && !isUnfamiliar(score))',
        to: 'if (!(probability >= cuts.passBelow))',
      },
    ];
    // The schema of the ledger may stop it before that: no answer is no PASS either, but it is no right answer.
    expect(await verdictOnNan(stage(plants).bin).catch(String)).not.toMatch(/^model_output_invalid/);
  });
});
