import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UNINSPECTED_REASONS } from '../../src/errors.ts';
import type { CameraId } from '../../src/frame/frame.ts';
import type { Outcome } from '../../src/frame/verdict.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import type { MetricsSources } from '../../src/observe/scraped-gauges.ts';
import { frameOf, recordedOf } from '../support/frames.ts';

const sources: MetricsSources = {
  framesInFlight: () => 3,
  queue: () => ({ frames: 2, bytes: 99 }),
  queueOf: () => 1,
  taktOf: () => 200,
  certificates: () => [{ door: 'grpc', expiresAt: 1_800_000_000_000 }],
  models: () => [
    {
      model: 'm',
      version: '1',
      sha256: 'abc',
      variant: null,
      provider: 'cpu',
      isDegraded: true,
      enginesReady: 2,
      golden: { checkedAt: 1_790_000_000_000, isOk: true, maxError: 0.001, scores: [], detail: null },
    },
  ],
  modelOf: () => 'test',
  shadows: () => [{ recipe: 'default', model: 'm/2' }],
  recipes: () => [{ recipe: 'default', passBelow: 0.2, failAbove: 0.8 }],
  store: () => ({
    isWritable: true,
    pending: 0,
    lastLedgerSeq: 7,
    bytes: { db: 1, wal: 2, images: 3 },
    diskFreeBytes: 4,
  }),
  outbox: () => ({ items: 5, oldestSeconds: 6 }),
  mqttConnected: () => false,
  isReady: () => true,
  drifting: () => Array.from({ length: 1000 }, (_, i) => ({ cameraId: `camera-${i}`, kind: 'brightness' })),
  sessions: () => 2,
};

const metricsOf = (cameras: string[] = ['cam-1'], over: Partial<MetricsSources> = {}) =>
  new Metrics(
    {
      version: '1.2.3',
      site: 'here',
      cameras: cameras as CameraId[],
      recipes: ['default'],
      queueLimit: { frames: 256, bytes: 1 },
    },
    { ...sources, ...over },
  );

const answer = (over = {}, duplicate = false): Outcome => ({ kind: 'answered', result: recordedOf(over), duplicate });

const seriesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('the metrics', () => {
  it('balance: received is the sum of all outcomes', async () => {
    const metrics = metricsOf();
    const outcomes: Outcome[] = [
      answer(),
      answer({ verdict: 'FAIL' }),
      answer({ verdict: 'REVIEW', unfamiliarity: 0.9 }),
      answer({ verdict: 'UNINSPECTED', reason: 'bad_image', model: null, defectProbability: null }),
      answer({}, true),
      { kind: 'refused', code: 'store_unavailable', message: '' },
    ];
    for (const outcome of outcomes) {
      metrics.frames.frameReceived(frameOf());
      metrics.frames.frameFinished(frameOf(), outcome, 1, 2, 10);
    }
    const text = await metrics.render();
    for (const line of [
      'inspection_frames_received_total{camera="cam-1",transport="grpc_unary"} 6',
      'inspection_frames_total{camera="cam-1",model="test",outcome="pass"} 1',
      'inspection_frames_total{camera="cam-1",model="test",outcome="fail"} 1',
      'inspection_frames_total{camera="cam-1",model="test",outcome="review"} 1',
      'inspection_frames_total{camera="cam-1",model="",outcome="uninspected"} 1',
      'inspection_frames_total{camera="cam-1",model="",outcome="duplicate"} 1',
      'inspection_frames_total{camera="cam-1",model="",outcome="refused"} 1',
      'inspection_frames_uninspected_total{reason="bad_image"} 1',
      'inspection_frames_unfamiliar_total{camera="cam-1"} 1',
      'inspection_frames_unfamiliar_total{camera="other"} 0',
      'inspection_frames_refused_total{code="store_unavailable"} 1',
      'inspection_duration_seconds_count{transport="grpc_unary"} 4',
      'inspection_frames_in_flight 3',
      'inspection_queue_depth{camera="cam-1"} 1',
      'inspection_queue_depth{camera="other"} 1',
      'inspection_model_info{model="m",version="1",sha256="abc",provider="cpu",variant=""} 1',
      'inspection_execution_provider_degraded{model="m",version="1"} 1',
      'inspection_outbox_depth 5',
      'inspection_mqtt_connected 0',
      'inspection_certificate_expiry_timestamp_seconds{door="grpc"} 1800000000',
      'inspection_build_info{version="1.2.3",site="here"} 1',
    ]) {
      expect(seriesOf(text)).toContain(line);
    }
  });

  it('tell two versions of a model apart: a canary that is well does not hide that the other is down', async () => {
    const golden = { checkedAt: 1000, isOk: true, maxError: 0, scores: [], detail: null };
    const well = {
      model: 'm',
      sha256: 'a',
      variant: null,
      provider: 'cpu',
      isDegraded: false,
      enginesReady: 1,
    } as const;
    const models = () => [
      { ...well, version: '1', enginesReady: 0, golden: { ...golden, isOk: false, maxError: null } },
      { ...well, version: '2', golden },
    ];
    const series = seriesOf(await metricsOf([], { models }).render());
    for (const line of [
      'inspection_engines_ready{model="m",version="1"} 0',
      'inspection_engines_ready{model="m",version="2"} 1',
      'inspection_golden_check_success{model="m",version="1"} 0',
      'inspection_golden_check_success{model="m",version="2"} 1',
    ]) {
      expect(series).toContain(line);
    }
  });

  it('stand at 0 before anything happens wherever it is known in advance what can happen', async () => {
    const series = seriesOf(await metricsOf().render());
    for (const line of [
      ...UNINSPECTED_REASONS.map((reason) => `inspection_frames_uninspected_total{reason="${reason}"} 0`),
      'inspection_frames_refused_total{code="rate_limited"} 0',
      'inspection_engine_losses_total{model="m"} 0',
      'inspection_sequence_gaps_total{camera="cam-1"} 0',
      'inspection_sign_ins_total{result="refused"} 0',
      'inspection_audit_lines_lost_total 0',
      'inspection_outbox_dropped_total{reason="age"} 0',
      'inspection_floods_cut_total{door="grpc",flood="uploads"} 0',
      'inspection_frames_total{camera="cam-1",model="test",outcome="fail"} 0',
      'inspection_requests_refused_total{transport="grpc_stream",code="unauthenticated"} 0',
      'inspection_images_deleted_total{reason="disk_pressure"} 0',
      'inspection_certificate_reload_failures_total{door="broker"} 0',
      'inspection_shadow_frames_total{recipe="default",model="m/2",outcome="disagreed"} 0',
    ]) {
      expect(series).toContain(line);
    }
  });

  it('have a series of every counter from the start: Prometheus sees no rise in one that appears with its first event', async () => {
    const text = await metricsOf().render();
    const counters = [...text.matchAll(/^# TYPE (inspection_\w+) counter$/gm)].map(([, name]) => name);
    const series = seriesOf(text);
    expect(counters.length).toBeGreaterThan(20);
    // Which road a camera takes is not known before.
    expect(
      counters.filter((name) => !series.some((line) => line.startsWith(`${name}{`) || line === `${name} 0`)),
    ).toEqual(['inspection_frames_received_total']);
  });

  it('count the silence of a configured camera from when the service is ready, until its first frame', async () => {
    const metrics = metricsOf();
    const silence = async () =>
      seriesOf(await metrics.render()).filter((line) => line.startsWith('inspection_camera_last_frame'));
    expect(await silence()).toEqual([]);
    metrics.frames.opened(1_790_000_000_000);
    expect(await silence()).toEqual(['inspection_camera_last_frame_timestamp_seconds{camera="cam-1"} 1790000000']);
    metrics.frames.frameReceived(frameOf({ receivedAt: 1_790_000_009_000 }));
    expect(await silence()).toEqual(['inspection_camera_last_frame_timestamp_seconds{camera="cam-1"} 1790000009']);
  });

  it('stay below 1,100 series with 1,000 cameras listed and 100,000 that nobody knows', async () => {
    const metrics = metricsOf(Array.from({ length: 1000 }, (_, i) => `camera-${i}`));
    const before = seriesOf(await metrics.render()).length;
    const outcomes: Outcome[] = [
      answer(),
      answer({ verdict: 'FAIL' }),
      answer({ verdict: 'REVIEW' }),
      answer({ verdict: 'UNINSPECTED', reason: 'queue_full', model: null }),
      { kind: 'refused', code: 'internal', message: '' },
    ];
    for (let i = 0; i < 48; i++) {
      for (const transport of ['grpc_unary', 'grpc_stream', 'mqtt', 'http'] as const) {
        const frame = frameOf({ cameraId: `camera-${i}`, transport });
        metrics.frames.frameReceived(frame);
        for (const outcome of outcomes) metrics.frames.frameFinished(frame, outcome, 1, 1, 1);
      }
    }
    metrics.frames.frameReceived(frameOf({ cameraId: 'x' }));
    metrics.frames.frameFinished(frameOf({ cameraId: 'x' }), answer(), 1, 1, 1);
    const full = seriesOf(await metrics.render()).length;
    expect(full).toBeGreaterThan(before);
    for (let i = 0; i < 100_000; i++) {
      const frame = frameOf({ cameraId: `random-${i}`, imageSha256: '' });
      metrics.frames.frameReceived(frame);
      metrics.frames.frameFinished(frame, { kind: 'refused', code: 'too_many_cameras', message: '' }, null, null, 1);
    }
    const after = seriesOf(await metrics.render()).length;
    expect(after - full).toBeLessThanOrEqual(2);
    expect(after).toBeLessThanOrEqual(1100);
  });
});

describe('docs/metrics.md', () => {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

  it('names every metric with its type, and no other', async () => {
    const text = await metricsOf().render();
    const exported = [...text.matchAll(/^# TYPE (inspection_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    const documented = [...page.matchAll(/^\| `(inspection_\w+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    expect(documented.sort()).toEqual(exported.sort());
  });
});
