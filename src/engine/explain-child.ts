/**
 * The process that explains: scores stored pictures once more and finds out where the model sees the defect. Same decode, same
 * session and same golden check as the engines that serve, behind all of them: nothing waits for it.
 */

import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { channelsOf } from './contract.ts';
import { decode } from './decode.ts';
import type { Explained, ExplainRequest, FromExplainer, ToExplainer } from './explain-protocol.ts';
import { chooseForm } from './forms.ts';
import { gridFromMap, occlusionMap } from './occlusion.ts';
import { putLast } from './priority.ts';
import type { EngineSettings } from './protocol.ts';
import { NotProvenError } from './prove.ts';
import type { Session } from './session.ts';

const BATCH = 8;
/** Of a paced run: rests three times as long as it works. */
const RESTS = 3;
const EXIT_NOT_PROVEN = 3;
const EXIT_SESSION_BROKEN = 4;

putLast();
let loaded: { readonly session: Session; readonly settings: EngineSettings; readonly batch: number } | undefined;

function tell(message: FromExplainer, then?: () => void): void {
  process.send?.(message, undefined, undefined, then ?? (() => undefined));
}

async function load(settings: EngineSettings): Promise<void> {
  const { session } = (await chooseForm(settings)).form;
  putLast();
  loaded = { session, settings, batch: session.isBatchFree ? BATCH : 1 };
  tell({ kind: 'ready' });
}

async function explain({ image, roi, wantsMap, isPaced }: ExplainRequest): Promise<Explained> {
  if (loaded === undefined) throw new Error('a picture came before the model was loaded');
  const { session, settings, batch } = loaded;
  const { input } = settings.model.contract;
  const want = { ...input.resize, width: input.width, height: input.height, colour: input.colour };
  const decoded = await decode(image, want, roi, { maxPixels: settings.maxPixels });
  if (!decoded.ok) return { kind: 'faulted', reason: decoded.reason, detail: decoded.detail };
  const { pixels, area } = decoded;
  const [score] = await session.run([pixels], 1);
  const { probability = Number.NaN, unfamiliarity = null } = score ?? {};
  if (!(probability >= 0 && probability <= 1)) {
    return { kind: 'faulted', reason: 'model_output_invalid', detail: `the model returned ${probability}` };
  }
  if (!wantsMap) return { kind: 'explained', probability, unfamiliarity, heatMap: null };
  const own = await session.activationMap(pixels);
  const shape = { width: input.width, height: input.height, channels: channelsOf(input) };
  const grid =
    own === null
      ? await occlusionMap(pixels, shape, probability, batch, (some) => scored(session, some, isPaced))
      : gridFromMap(own.data, own.rows, own.columns);
  const method = own === null ? 'occlusion' : 'activation_map';
  return { kind: 'explained', probability, unfamiliarity, heatMap: { method, ...grid, area, probability } };
}

async function scored(session: Session, pictures: readonly Uint8Array[], isPaced: boolean): Promise<number[]> {
  const before = performance.now();
  const scores = await session.run(pictures, pictures.length);
  // The lowest priority alone leaves caches, memory and a core's other half to the engines only while nothing runs here.
  if (isPaced) await setTimeout(RESTS * (performance.now() - before));
  return scores.map(({ probability }) => probability);
}

process.on('message', (message: ToExplainer) => {
  if (message.kind === 'start') {
    load(message.settings).catch((error: unknown) => {
      const stage = error instanceof NotProvenError ? error.stage : 'load';
      tell({ kind: 'failed', stage, detail: messageOf(error) }, () => process.exit(EXIT_NOT_PROVEN));
    });
    return;
  }
  explain(message).then(
    (explained) => tell({ kind: 'answer', id: message.id, explained }),
    (error: unknown) => {
      process.stderr.write(`explainer: the session failed: ${messageOf(error)}\n`);
      process.exit(EXIT_SESSION_BROKEN);
    },
  );
});

// The service is gone, or needs it no longer: nothing in here outlives it.
process.on('disconnect', () => process.exit(0));
// A terminal's Ctrl-C reaches the whole group; only the service decides when it ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
