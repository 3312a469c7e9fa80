/**
 * The bare loop: sharp and onnxruntime in one process and nothing else, as fast as they go. It gives the service's pixels (the
 * scores are compared) but looks at nothing: no header, no limits, no deadline, no ledger.
 */

import '../engine/no-telemetry.ts';
import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { answerWith } from './child.ts';
import type { BareRequest, Ran } from './protocol.ts';

// Measured as the fastest of sharp's settings for many small pictures; the service uses the same.
sharp.concurrency(1);
sharp.cache(false);

type Opening = Extract<BareRequest, { kind: 'open' }>;

const pictures = new Map<string, Uint8Array>();

async function load(files: readonly string[]): Promise<readonly Uint8Array[]> {
  for (const file of files) if (!pictures.has(file)) pictures.set(file, await readFile(file));
  return files.flatMap((file) => pictures.get(file) ?? []);
}

class BareLoop {
  private readonly session: InferenceSession;
  private readonly opening: Opening;

  private constructor(session: InferenceSession, opening: Opening) {
    this.session = session;
    this.opening = opening;
  }

  static async open(opening: Opening): Promise<BareLoop> {
    const session = await InferenceSession.create(await readFile(opening.model), {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    return new BareLoop(session, opening);
  }

  async score(picture: Uint8Array | undefined): Promise<number> {
    const { input, output, inputSize } = this.opening;
    const pixels = await sharp(picture)
      .resize({ width: inputSize, height: inputSize, fit: 'fill', kernel: 'linear' })
      .raw()
      .toBuffer();
    // Shape: uint8 NHWC, RGB.
    const results = await this.session.run({ [input]: new Tensor('uint8', pixels, [1, inputSize, inputSize, 3]) });
    return Number(results[output]?.data[0]);
  }

  async run(images: readonly Uint8Array[], seconds: number, inFlight: number): Promise<Ran> {
    const latencies: number[] = [];
    const started = performance.now();
    const until = started + seconds * 1000;
    let next = 0;
    const lane = async () => {
      while (performance.now() < until) {
        const before = performance.now();
        await this.score(images[next++ % images.length]);
        latencies.push(performance.now() - before);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
    return { latencies, elapsedMs: performance.now() - started, faults: [], faultCount: 0 };
  }
}

let loop: BareLoop | undefined;

answerWith(async (message) => {
  const request = message as BareRequest;
  if (request.kind === 'open') {
    loop = await BareLoop.open(request);
    return null;
  }
  if (loop === undefined) throw new Error('nothing was opened');
  const images = await load(request.pictures);
  if (request.kind === 'loop') return loop.run(images, request.seconds, request.inFlight);
  const scores: number[] = [];
  for (const image of images) scores.push(await loop.score(image));
  return scores;
});
