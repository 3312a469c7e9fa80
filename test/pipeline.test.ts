import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Task, TaskResult } from '../src/engine/task.ts';
import type { CameraId, Frame } from '../src/frame/frame.ts';
import type { Decision, Delivery, Outcome, RecordedResult } from '../src/frame/verdict.ts';
import { Admission } from '../src/ingest/admission.ts';
import { Cameras, type CameraSettings } from '../src/ingest/cameras.ts';
import { type LedgerPort, Pipeline, type PipelineObserver, type RecordOutcome } from '../src/pipeline.ts';
import type { WaitingFrame } from '../src/waiting-frame.ts';
import { frameOf } from './support/frames.ts';

const LANE = 'test/1';
const CONTRACT = 'cd'.repeat(32);
const MODEL = { name: 'test', version: '1', sha256: 'a'.repeat(64) };

function scored(probability: number, unfamiliarity: number | null = null): TaskResult {
  const look = { brightness: 100, contrast: 20, focus: 50 };
  return {
    kind: 'scored',
    probability,
    unfamiliarity,
    look,
    decodeMs: 1,
    inferMs: 2,
    batchSize: 1,
    model: MODEL,
    provider: 'cpu',
  };
}

/** A ledger in memory that can be broken and made slow. */
class MemoryLedger implements LedgerPort {
  readonly rows: RecordedResult[] = [];
  readonly sent: { resultId: string; delivery: Delivery; duplicate: boolean }[] = [];
  down: string | null = null;
  failsRecording = false;

  whyUnavailable() {
    return this.down;
  }
  async find(cameraId: string, frameId: string) {
    return this.rows.find((row) => row.cameraId === cameraId && row.frameId === frameId) ?? null;
  }
  async record(decision: Decision, _image: unknown, deliveries: readonly Delivery[]): Promise<RecordOutcome> {
    if (this.failsRecording) return { kind: 'unavailable', detail: 'disk full' };
    const result = { ...decision, ledgerSeq: this.rows.length + 1, chainHash: '', imagePath: null };
    this.rows.push(result);
    for (const delivery of deliveries) this.sent.push({ resultId: result.resultId, delivery, duplicate: false });
    return { kind: 'recorded', result };
  }
  async enqueue(resultId: string, deliveries: readonly Delivery[]) {
    for (const delivery of deliveries) this.sent.push({ resultId, delivery, duplicate: true });
    return this.down === null;
  }
}

const CAMERA: CameraSettings = {
  recipeId: 'default',
  taktMs: null,
  onUninspected: 'reject',
  countsGaps: true,
  queue: { frames: 4, bytes: 1000 },
  maxFps: null,
  frozenAfter: null,
};

function line(
  over: { camera?: Partial<CameraSettings>; score?: ((task: Task) => TaskResult) | null; down?: string } = {},
) {
  const ledger = new MemoryLedger();
  const admission = new Admission<WaitingFrame>({ frames: 8, bytes: 10_000 }, () => CAMERA.queue);
  const received: Frame[] = [];
  const finished: Outcome[] = [];
  const failures: unknown[] = [];
  const observer: PipelineObserver = {
    received: (frame) => received.push(frame),
    finished: (_frame, outcome) => finished.push(outcome),
    failed: (_frame, error) => failures.push(error),
  };
  const taken: Task[] = [];
  const score = over.score === undefined ? () => scored(0.1) : over.score;
  let next = 1;
  const pipeline: Pipeline = new Pipeline({
    cameras: new Cameras({
      listed: new Map([['cam-1' as CameraId, { ...CAMERA, ...over.camera }]]),
      unlisted: null,
      maxUnlisted: 1,
      now: () => performance.now(),
    }),
    recipes: new Map([
      [
        'default',
        {
          id: 'default',
          lane: LANE,
          contractSha256: CONTRACT,
          roi: null,
          cuts: { passBelow: 0.3, failAbove: 0.7 },
        },
      ],
    ]),
    admission,
    engines: new Map([
      [
        LANE,
        {
          whyDown: () => over.down ?? null,
          entered: () => undefined,
          left: () => undefined,
          kick: () => {
            if (over.down !== undefined) return;
            const task = pipeline.take(LANE);
            if (task === undefined) return;
            taken.push(task);
            if (score !== null) task.settle(score(task));
          },
        },
      ],
    ]),
    ledger,
    checkImage: (image) =>
      image.bytes[0] === 0
        ? { ok: false, reason: 'bad_image', detail: 'expected a JPEG', mediaType: 'application/octet-stream' }
        : { ok: true, mediaType: 'image/jpeg' },
    publishes: true,
    newResultId: () => `r${next++}`,
    clock: { now: () => 1_790_000_000_000, mono: () => performance.now() },
    observer,
  });
  return { pipeline, ledger, received, finished, failures, taken, admission };
}

function answered(outcome: Outcome) {
  if (outcome.kind !== 'answered') throw new Error(`expected an answer, got ${JSON.stringify(outcome)}`);
  return outcome;
}

describe('the pipeline', () => {
  it('answers with the verdict that stands in the ledger', async () => {
    for (const [probability, verdict, disposition] of [
      [0.1, 'PASS', 'accept'],
      [0.5, 'REVIEW', 'hold'],
      [0.7, 'FAIL', 'reject'],
    ] as const) {
      const { pipeline, ledger } = line({ score: () => scored(probability) });
      const { result, duplicate } = answered(await pipeline.inspect(frameOf()));
      expect(result).toMatchObject({ verdict, disposition, defectProbability: probability, provider: 'cpu' });
      expect(duplicate).toBe(false);
      expect(ledger.rows).toEqual([result]);
      expect(ledger.sent).toEqual([
        { resultId: result.resultId, delivery: { topic: null, correlationData: null }, duplicate: false },
      ]);
    }
  });

  it('holds what the model finds unfamiliar, however low it scores', async () => {
    const { pipeline } = line({ score: () => scored(0.01, 0.75) });
    const { result } = answered(await pipeline.inspect(frameOf()));
    const wanted = {
      verdict: 'REVIEW',
      disposition: 'hold',
      defectProbability: 0.01,
      unfamiliarity: 0.75,
      reason: null,
    };
    expect(result).toMatchObject(wanted);
  });

  describe('from a camera that sends one picture for part after part', () => {
    const frozen = (image: string, frameId: string, over: Parameters<typeof frameOf>[0] = {}) =>
      frameOf({ imageSha256: image, frameId, ...over });
    const reasons = async (pipeline: Pipeline, frames: readonly Frame[]) => {
      const said: (string | null)[] = [];
      for (const frame of frames) said.push(answered(await pipeline.inspect(frame)).result.reason);
      return said;
    };

    it('passes none from the configured time on, and inspects the next other picture', async () => {
      const { pipeline, taken } = line({ camera: { frozenAfter: 3, onUninspected: 'hold' } });
      const frames = ['a', 'a', 'a', 'a', 'b', 'a'].map((image, i) => frozen(image, `f${i}`));
      expect(await reasons(pipeline, frames)).toEqual([null, null, 'frozen_camera', 'frozen_camera', null, null]);
      expect(taken).toHaveLength(4);
      const again = answered(await pipeline.inspect(frozen('a', 'f2')));
      expect(again.result).toMatchObject({ verdict: 'UNINSPECTED', disposition: 'hold', defectProbability: null });
      expect(again.result.reasonDetail).toBe(
        'the very same picture, 3 times in a row: the camera is frozen (frozen_after)',
      );
    });

    it('judges them where the configuration says so, and what no camera took', async () => {
      const same = Array.from({ length: 9 }, (_, i) => frozen('a', `f${i}`));
      expect(await reasons(line().pipeline, same)).toEqual(same.map(() => null));
      const simulated = same.map((frame) => ({ ...frame, isSimulated: true }));
      expect(await reasons(line({ camera: { frozenAfter: 2 } }).pipeline, simulated)).toEqual(same.map(() => null));
    });

    it('takes a frame that is tried again for no further part, and regions of one picture for no frozen camera', async () => {
      const { pipeline, ledger } = line({ camera: { frozenAfter: 2 } });
      ledger.failsRecording = true;
      for (let i = 0; i < 5; i++) expect((await pipeline.inspect(frozen('a', 'f1'))).kind).toBe('refused');
      ledger.failsRecording = false;
      const regions = [0, 0.5].map((x) => frozen('a', `r${x}`, { roi: { x, y: 0, width: 0.5, height: 1 } }));
      expect(await reasons(pipeline, [frozen('a', 'f1'), ...regions])).toEqual([null, null, null]);
      expect(await reasons(pipeline, [frozen('a', 'f2')])).toEqual(['frozen_camera']);
    });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -0.01, 1.01])('never passes a part on the score %s', async (score) => {
    const { pipeline } = line({ score: () => scored(score) });
    const { result } = answered(await pipeline.inspect(frameOf()));
    expect(result).toMatchObject({
      verdict: 'UNINSPECTED',
      reason: 'model_output_invalid',
      disposition: 'reject',
      defectProbability: null,
    });
  });

  it('records a frame whose engine failed as UNINSPECTED and holds it where the camera says so', async () => {
    const { pipeline } = line({
      camera: { onUninspected: 'hold' },
      score: () => ({ kind: 'faulted', reason: 'engine_failed', detail: 'twice' }),
    });
    const { result } = answered(await pipeline.inspect(frameOf()));
    expect(result).toMatchObject({
      verdict: 'UNINSPECTED',
      reason: 'engine_failed',
      reasonDetail: 'twice',
      disposition: 'hold',
    });
  });

  it('answers a frame nobody scored at its deadline, and ignores the score that comes later', async () => {
    const { pipeline, taken, ledger } = line({ score: null });
    const began = performance.now();
    const { result } = answered(await pipeline.inspect(frameOf({ maxWaitMs: 60 })));
    expect(performance.now() - began).toBeLessThan(1000);
    expect(result).toMatchObject({ verdict: 'UNINSPECTED', reason: 'deadline_exceeded' });
    taken[0]?.settle(scored(0.1));
    expect(ledger.rows).toHaveLength(1);
  });

  it('lets the shorter of takt and own patience decide', async () => {
    const { pipeline } = line({ score: null, camera: { taktMs: 50 } });
    const { result } = answered(await pipeline.inspect(frameOf({ maxWaitMs: 60_000 })));
    expect(result.reason).toBe('deadline_exceeded');
  });

  it('says so when no engine is at work', async () => {
    const { pipeline } = line({ down: 'load: no such file' });
    const { result } = answered(await pipeline.inspect(frameOf({ maxWaitMs: 40 })));
    expect(result).toMatchObject({ verdict: 'UNINSPECTED', reason: 'engine_unavailable' });
    expect(result.reasonDetail).toContain('no such file');
  });

  it('waits two seconds for an engine to come back, and from then on as long as any frame', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const engines: { down?: string; score: null } = { down: 'it restarts', score: null };
    const { pipeline } = line(engines);
    const inspected = (frameId: string) => pipeline.inspect(frameOf({ frameId, receivedAtMono: performance.now() }));
    const first = inspected('a');
    await vi.advanceTimersByTimeAsync(1900);
    delete engines.down;
    const task = pipeline.take(LANE);
    await vi.advanceTimersByTimeAsync(500);
    task?.settle(scored(0.1));
    expect(answered(await first).result.verdict).toBe('PASS');
    const second = inspected('b');
    engines.down = 'it is gone again';
    await vi.advanceTimersByTimeAsync(5000);
    const third = inspected('c');
    await vi.advanceTimersByTimeAsync(2000);
    expect(answered(await third).result.reason).toBe('engine_unavailable');
    await vi.advanceTimersByTimeAsync(5000);
    expect(answered(await second).result.reason).toBe('engine_unavailable');
  });

  it('records what does not fit into the queue at once', async () => {
    const { pipeline } = line({ score: null });
    const waiting = ['a', 'b', 'c', 'd', 'e', 'f'].map((frameId) =>
      pipeline.inspect(frameOf({ frameId, maxWaitMs: 80 })),
    );
    const reasons = (await Promise.all(waiting)).map((outcome) => answered(outcome).result.reason);
    // One frame was handed to an engine by each kick, so six are asked and none waits: fill by bytes instead.
    expect(new Set(reasons)).toEqual(new Set(['deadline_exceeded']));
    const big = frameOf({ frameId: 'big', image: { kind: 'encoded', bytes: new Uint8Array(1001).fill(1) } });
    expect(answered(await pipeline.inspect(big)).result.reason).toBe('queue_full');
  });

  it('records a cancelled frame', async () => {
    const { pipeline } = line({ score: null });
    const abort = new AbortController();
    const outcome = pipeline.inspect(frameOf(), { signal: abort.signal });
    setTimeout(() => abort.abort(), 5);
    expect(answered(await outcome).result.reason).toBe('cancelled');
  });

  it('records an image that cannot be one, and an unknown recipe', async () => {
    const { pipeline } = line();
    const bad = frameOf({ image: { kind: 'encoded', bytes: new Uint8Array([0]) } });
    expect(answered(await pipeline.inspect(bad)).result).toMatchObject({ verdict: 'UNINSPECTED', reason: 'bad_image' });
    const strange = await pipeline.inspect(frameOf({ frameId: 'f2', recipeId: 'other' }));
    expect(answered(strange).result).toMatchObject({ reason: 'unknown_recipe', cuts: null, model: null });
  });

  it('answers a repeated frame with its first verdict, marked duplicate, and inspects it once', async () => {
    const { pipeline, ledger, taken } = line();
    const first = answered(await pipeline.inspect(frameOf({ transport: 'mqtt' })));
    const again = answered(await pipeline.inspect(frameOf({ transport: 'mqtt' })));
    expect(again).toEqual({ kind: 'answered', result: first.result, duplicate: true });
    expect(ledger.rows).toHaveLength(1);
    expect(taken).toHaveLength(1);
    expect(ledger.sent.map((entry) => entry.duplicate)).toEqual([false, true]);
  });

  it('makes the twin of a frame in flight wait for the first one', async () => {
    const { pipeline, ledger, taken } = line({ score: null });
    const both = [pipeline.inspect(frameOf()), pipeline.inspect(frameOf())];
    await expect.poll(() => taken.length).toBe(1);
    taken[0]?.settle(scored(0.9));
    const outcomes = (await Promise.all(both)).map(answered);
    expect(outcomes.map((outcome) => outcome.duplicate)).toEqual([false, true]);
    expect(ledger.rows).toHaveLength(1);
  });

  it('refuses the same frame id with other bytes, in flight and recorded', async () => {
    const { pipeline, taken } = line({ score: null });
    const first = pipeline.inspect(frameOf());
    const other = { image: { kind: 'encoded', bytes: new Uint8Array([7]) }, imageSha256: 'other' } as const;
    expect(await pipeline.inspect(frameOf(other))).toMatchObject({ kind: 'refused', code: 'frame_id_conflict' });
    await expect.poll(() => taken.length).toBe(1);
    taken[0]?.settle(scored(0.9));
    await first;
    expect(await pipeline.inspect(frameOf(other))).toMatchObject({ kind: 'refused', code: 'frame_id_conflict' });
  });

  it('refuses the same frame id where another region or recipe is asked for, in flight and recorded, and no repeat that asks the same', async () => {
    const { pipeline, ledger, taken } = line({ score: null });
    const roi = { x: 0, y: 0, width: 0.5, height: 1 };
    const first = pipeline.inspect(frameOf({ roi, recipeId: 'default' }));
    const others = [{ roi: { ...roi, x: 0.5 } }, { recipeId: 'other' }].map((asked) => frameOf(asked));
    const twins = others.map((frame) => pipeline.inspect(frame));
    await expect.poll(() => taken.length).toBe(1);
    taken[0]?.settle(scored(0.1));
    await first;
    const messageOf = (outcome: Outcome) => (outcome.kind === 'refused' ? outcome.message : outcome.result.verdict);
    const refusals = ['for another region', 'for recipe "default"'].map((how) =>
      expect.stringContaining(`before, ${how}`),
    );
    expect((await Promise.all(twins)).map(messageOf)).toEqual(refusals);
    for (const [i, frame] of others.entries()) expect(messageOf(await pipeline.inspect(frame))).toEqual(refusals[i]);
    for (const same of [{ roi, recipeId: 'default' }, { roi }, {}]) {
      expect(answered(await pipeline.inspect(frameOf(same))).duplicate).toBe(true);
    }
    expect(ledger.rows).toHaveLength(1);
  });

  it('refuses a camera that is not served, and everything while the store is down', async () => {
    const { pipeline, ledger } = line();
    expect(await pipeline.inspect(frameOf({ cameraId: 'stranger' }))).toMatchObject({
      kind: 'refused',
      code: 'unknown_camera',
    });
    ledger.down = 'disk full';
    expect(await pipeline.inspect(frameOf())).toMatchObject({ kind: 'refused', code: 'store_unavailable' });
    ledger.down = null;
    ledger.failsRecording = true;
    expect(await pipeline.inspect(frameOf())).toMatchObject({ kind: 'refused', code: 'store_unavailable' });
    expect(ledger.rows).toHaveLength(0);
  });

  it('records the frames of a camera in the order in which they came', async () => {
    const { pipeline, ledger, taken } = line({ score: null });
    const outcomes = ['a', 'b', 'c'].map((frameId) => pipeline.inspect(frameOf({ frameId })));
    await expect.poll(() => taken.length).toBe(3);
    for (const task of taken.toReversed()) task.settle(scored(0.1));
    await Promise.all(outcomes);
    expect(ledger.rows.map((row) => row.frameId)).toEqual(['a', 'b', 'c']);
  });

  it('does not make a frame late for an earlier one of its camera', async () => {
    const { pipeline, ledger, taken } = line({ score: null });
    const slow = pipeline.inspect(frameOf({ frameId: 'slow', maxWaitMs: 5000 }));
    await expect.poll(() => taken.length).toBe(1);
    const quick = await pipeline.inspect(frameOf({ frameId: 'quick', maxWaitMs: 60 }));
    expect(answered(quick).result.reason).toBe('deadline_exceeded');
    taken[0]?.settle(scored(0.1));
    await slow;
    expect(ledger.rows.map((row) => row.frameId)).toEqual(['quick', 'slow']);
  });

  it('records frames that come while it drains, and ends with none in flight', async () => {
    const { pipeline, taken } = line({ score: null });
    const early = pipeline.inspect(frameOf({ frameId: 'early' }));
    await expect.poll(() => taken.length).toBe(1);
    const drained = pipeline.drain(5000);
    expect(answered(await pipeline.inspect(frameOf({ frameId: 'late' }))).result.reason).toBe('draining');
    taken[0]?.settle(scored(0.2));
    await drained;
    expect(pipeline.framesInFlight).toBe(0);
    expect(answered(await early).result.verdict).toBe('PASS');
  });

  it('balances: every frame received is finished once', async () => {
    const { pipeline, received, finished, ledger } = line({ score: (task) => scored(task.image.bytes.length % 2) });
    const frames = Array.from({ length: 40 }, (_, i) =>
      frameOf({ frameId: `f${i % 30}`, cameraId: i % 7 === 0 ? 'stranger' : 'cam-1' }),
    );
    await Promise.all(frames.map((frame) => pipeline.inspect(frame)));
    expect(received).toHaveLength(40);
    expect(finished).toHaveLength(40);
    const own = finished.filter((outcome) => outcome.kind === 'answered' && !outcome.duplicate);
    expect(ledger.rows).toHaveLength(own.length);
  });

  it('refuses as internal what breaks inside, and reports it', async () => {
    const { pipeline, ledger, failures } = line();
    ledger.find = () => Promise.reject(new Error('boom'));
    const repeat = { isRepeat: true };
    expect(await pipeline.inspect(frameOf(), repeat)).toMatchObject({ kind: 'refused', code: 'internal' });
    expect(failures).toHaveLength(1);
  });

  it('looks a frame up beforehand only where it may have come before', async () => {
    const { pipeline, ledger, taken } = line();
    let lookups = 0;
    const find = ledger.find.bind(ledger);
    ledger.find = (...names) => {
      lookups += 1;
      return find(...names);
    };
    await pipeline.inspect(frameOf());
    expect(lookups).toBe(0);
    await pipeline.inspect(frameOf());
    expect(lookups).toBe(1);
    await pipeline.inspect(frameOf({ frameId: 'from-a-run-before' }), { isRepeat: true });
    expect(lookups).toBe(2);
    expect(taken).toHaveLength(2);
  });
});
