/**
 * The engine process: decodes on libuv's threads, batches, and runs the model on its one JavaScript thread.
 *
 *   service ──score──> decode (libuv pool) ──> Batcher ──> Session.run (blocks this thread) ──scored──> service
 *
 * It lives and dies for one model on one provider. Whatever is wrong with the session ends the process: the service starts
 * a fresh one, because a CUDA context that failed once may go on answering with garbage.
 */

import { messageOf } from '../errors.ts';
import type { ImageLook } from '../frame/image-look.ts';
import { Batcher } from './batch.ts';
import { channelsOf } from './contract.ts';
import { decode } from './decode.ts';
import { chooseForm } from './forms.ts';
import { lookOf } from './look.ts';
import type { EngineReady, EngineSettings, FromEngine, ToEngine } from './protocol.ts';
import { type GoldenCheck, NotProvenError } from './prove.ts';
import type { Session } from './session.ts';

const EXIT_NOT_PROVEN = 3;
const EXIT_SESSION_BROKEN = 4;

let settings: EngineSettings | undefined;
let batcher: Batcher | undefined;
let golden: { readonly check: GoldenCheck; readonly session: Session } | undefined;

function tell(message: FromEngine, then?: () => void): void {
  process.send?.(message, undefined, undefined, then ?? (() => undefined));
}

async function load(wanted: EngineSettings): Promise<void> {
  const { form, check, trials } = await chooseForm(wanted);
  const { session, batchMs, loadMs } = form;
  const { maxError: goldenMaxError, scores: goldenScores } = form.golden;
  settings = wanted;
  golden = { check, session };
  batcher = new Batcher(session, batchMs, sink, () => performance.now());
  const ready: EngineReady = {
    kind: 'ready',
    provider: session.provider,
    goldenMaxError,
    goldenCount: wanted.model.golden.length,
    goldenScores,
    variant: form.file.variant,
    trials,
    loadMs,
    batchMs: [...batchMs],
  };
  tell(ready);
}

const sink: ConstructorParameters<typeof Batcher>[2] = {
  scored: (decoded, score, inferMs, batchSize) =>
    tell({
      kind: 'scored',
      id: decoded.id,
      ...score,
      look: look(decoded.pixels),
      decodeMs: decoded.decodeMs,
      inferMs,
      batchSize,
    }),
  faulted: (id, reason, detail) => tell({ kind: 'faulted', id, reason, detail }),
  broken: (error) => {
    process.stderr.write(`engine: the session failed: ${messageOf(error)}\n`);
    process.exit(EXIT_SESSION_BROKEN);
  },
};

function look(pixels: Uint8Array): ImageLook {
  if (settings === undefined) throw new Error('a score came before the model was loaded');
  const { input } = settings.model.contract;
  return lookOf(pixels, input.width, input.height, channelsOf(input));
}

/** Between two frames: each image waits its turn at the session like a frame does. */
async function checkGolden(): Promise<void> {
  if (golden === undefined) throw new Error('a golden check was asked for before the model was loaded');
  try {
    tell({ kind: 'golden', isOk: true, ...(await golden.check.run(golden.session)) });
  } catch (error) {
    if (!(error instanceof NotProvenError)) throw error;
    tell({ kind: 'golden', isOk: false, detail: error.message });
  }
}

async function score(message: Extract<ToEngine, { kind: 'score' }>): Promise<void> {
  if (settings === undefined || batcher === undefined) throw new Error('a frame came before the model was loaded');
  const { input } = settings.model.contract;
  const received = performance.now();
  if (message.withinMs <= 0) return sink.faulted(message.id, 'deadline_exceeded', 'late before decoding');
  const decoded = await decode(
    message.image,
    { ...input.resize, width: input.width, height: input.height, colour: input.colour },
    message.roi,
    { maxPixels: settings.maxPixels },
  );
  if (!decoded.ok) return sink.faulted(message.id, decoded.reason, decoded.detail);
  batcher.add({
    id: message.id,
    pixels: decoded.pixels,
    decodeMs: performance.now() - received,
    expiresAt: received + message.withinMs,
  });
}

process.on('message', (message: ToEngine) => {
  switch (message.kind) {
    case 'start':
      load(message.settings).catch((error: unknown) => {
        const stage = error instanceof NotProvenError ? error.stage : 'load';
        tell({ kind: 'failed', stage, detail: messageOf(error) }, () => process.exit(EXIT_NOT_PROVEN));
      });
      break;
    case 'score':
      score(message).catch((error: unknown) => sink.broken(error));
      break;
    case 'check_golden':
      checkGolden().catch((error: unknown) => sink.broken(error));
      break;
    case 'ping':
      tell({ kind: 'pong' });
      break;
    case 'stop':
      process.disconnect();
      break;
  }
});

// The service is gone, or has said stop: nothing in here outlives it.
process.on('disconnect', () => process.exit(0));
// A terminal's Ctrl-C reaches the whole group; only the service decides when an engine ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
