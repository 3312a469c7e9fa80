import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { describeError, LoupeError, type RefusalCode, UNINSPECTED_REASONS } from '../../../src/errors.ts';
import type { Outcome } from '../../../src/frame/verdict.ts';
import {
  bearer,
  clientOf,
  detailsOf,
  failureOf,
  getResult,
  image,
  inspect,
  MAX_MESSAGE_BYTES,
  responseOf,
  startSource,
} from './loopback.ts';

const frame = { camera_id: 'cam-1', frame_id: 'f-1', encoded: image() };

describe('Inspect', () => {
  it('answers with the recorded verdict', async () => {
    const { client, inspector } = await startSource();
    const response = await responseOf(inspect(client, { ...frame, sequence: 9, tags: { shift: 'early' } }));
    expect(response).toMatchObject({
      verdict: 'PASS',
      frame_id: 'f-1',
      sequence: '9',
      ledger_seq: '1',
      duplicate: false,
    });
    expect(inspector.frames[0]).toMatchObject({ transport: 'grpc_unary', tags: { shift: 'early' } });
  });

  it('answers the same frame again with its record, marked duplicate', async () => {
    const { client } = await startSource();
    const first = await responseOf(inspect(client, frame));
    const second = await responseOf(inspect(client, frame));
    expect(second).toMatchObject({ duplicate: true, result_id: first['result_id'] });
  });

  it.each(UNINSPECTED_REASONS)('answers UNINSPECTED(%s) as the error table says', async (reason) => {
    const { client, inspector, ledger } = await startSource();
    inspector.decide = (taken) => inspector.uninspected(taken, reason);
    const ended = await inspect(client, frame);
    const { grpc, grpcCode } = describeError(reason);
    if (grpc === 'OK') {
      expect(ended).toMatchObject({ response: { verdict: 'UNINSPECTED', reason, fallback: true } });
      return;
    }
    const error = await failureOf(Promise.resolve(ended));
    expect(error.code).toBe(grpcCode);
    expect(error.details).toBe(`because ${reason}`);
    expect(error.metadata.get('loupe-error-code')).toEqual([reason]);
    const { ErrorInfo, RetryInfo } = detailsOf(error);
    const [row] = ledger.rows;
    expect(ErrorInfo).toMatchObject({ reason, metadata: { result_id: row?.resultId, duplicate: 'false' } });
    expect(RetryInfo).toBeUndefined();
  });

  it.each([
    'unknown_camera',
    'too_many_cameras',
    'rate_limited',
    'frame_id_conflict',
    'store_unavailable',
    'shutting_down',
    'internal',
  ] as const)(
    'answers the refusal %s with its status, and says when to come again where that helps',
    async (code: RefusalCode) => {
      const { client, inspector } = await startSource();
      inspector.decide = (): Outcome => ({ kind: 'refused', code, message: 'because of the test' });
      const error = await failureOf(inspect(client, frame));
      const { grpcCode, retry } = describeError(code);
      expect(error).toMatchObject({ code: grpcCode, details: 'because of the test' });
      expect(detailsOf(error).ErrorInfo['reason']).toBe(code);
      expect(error.metadata.get('retry-after-ms')).toEqual(retry ? ['1000'] : []);
      expect(detailsOf(error).RetryInfo?.['retry_delay']?.seconds).toBe(retry ? '1' : undefined);
    },
  );

  it('refuses a request that names no frame, and counts it', async () => {
    const { client, refused, inspector } = await startSource();
    const error = await failureOf(inspect(client, { camera_id: 'a/b', encoded: image() }));
    expect(error).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('camera_id must be'),
    });
    expect(refused).toEqual([['grpc_unary', 'invalid_request']]);
    expect(inspector.frames).toEqual([]);
  });

  it('refuses bytes that are no request in words, not as a broken call', async () => {
    const { client } = await startSource();
    const error = await new Promise((resolve) => {
      client.makeUnaryRequest(
        '/inspection.v1.InspectionService/Inspect',
        () => Buffer.from([0xff, 0xff, 0xff]),
        (bytes) => bytes,
        {},
        resolve,
      );
    });
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('in protobuf') });
  });

  it.each([
    ['a little', MAX_MESSAGE_BYTES],
    ['far', 3 * MAX_MESSAGE_BYTES],
  ])('refuses a message %s beyond the limit, and serves the next on the same connection', async (_, size) => {
    const { client } = await startSource();
    const error = await failureOf(inspect(client, { ...frame, encoded: Buffer.alloc(size) }));
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await responseOf(inspect(client, frame))).toMatchObject({ verdict: 'PASS' });
  });

  it('takes the shorter of the deadline and max_wait_ms for the patience of the sender', async () => {
    const { client, inspector } = await startSource();
    await inspect(client, { ...frame, max_wait_ms: 200 }, { deadline: Date.now() + 5000 });
    await inspect(client, { ...frame, frame_id: 'f-2', max_wait_ms: 60_000 }, { deadline: Date.now() + 5000 });
    await inspect(client, { ...frame, frame_id: 'f-3' });
    const [first, second, third] = inspector.frames.map(({ maxWaitMs }) => maxWaitMs);
    expect(first).toBe(200);
    expect(second).toBeGreaterThan(3000);
    expect(second).toBeLessThanOrEqual(5000);
    expect(third).toBeNull();
  });

  it('tells the inspector when the caller hangs up', async () => {
    const { client, inspector } = await startSource();
    let finish: (outcome: Outcome) => void = () => undefined;
    inspector.decide = () => new Promise((resolve) => (finish = resolve));
    const call = client.Inspect(frame, new Metadata(), {}, () => undefined);
    await vi.waitFor(() => expect(inspector.signals).toHaveLength(1));
    call.cancel();
    await vi.waitFor(() => expect(inspector.signals[0]?.aborted).toBe(true));
    inspector.decide = (taken) => inspector.pass(taken);
    finish(inspector.uninspected(inspector.frames[0]!, 'cancelled'));
    expect(await responseOf(inspect(client, { ...frame, frame_id: 'f-2' }))).toMatchObject({ verdict: 'PASS' });
  });

  it('answers internal when the inspector breaks its promise, and lives on', async () => {
    const { client, inspector } = await startSource();
    inspector.decide = () => Promise.reject(new Error('a bug'));
    expect(await failureOf(inspect(client, frame))).toMatchObject({ code: status.INTERNAL, details: 'a bug' });
    inspector.decide = (taken) => inspector.pass(taken);
    expect(await responseOf(inspect(client, frame))).toMatchObject({ verdict: 'PASS' });
  });
});

describe('GetResult', () => {
  it('finds a result by its id and by camera and frame', async () => {
    const { client, ledger } = await startSource();
    const row = ledger.record({ frameId: 'f-9' });
    expect(await responseOf(getResult(client, { result_id: row.resultId }))).toMatchObject({ frame_id: 'f-9' });
    const named = { camera_id: row.cameraId, frame_id: 'f-9' };
    expect(await responseOf(getResult(client, named))).toMatchObject({ result_id: row.resultId, duplicate: false });
  });

  it.each([
    ['an unknown id', { result_id: 'nothing' }, status.NOT_FOUND, 'result_not_found'],
    [
      'an unknown id that is long and of pairs',
      { result_id: `a${'𠀀'.repeat(700)}` },
      status.NOT_FOUND,
      'result_not_found',
    ],
    ['an unknown frame', { camera_id: 'c', frame_id: 'f' }, status.NOT_FOUND, 'result_not_found'],
    ['no name at all', {}, status.INVALID_ARGUMENT, 'invalid_request'],
    ['half a name', { camera_id: 'c' }, status.INVALID_ARGUMENT, 'invalid_request'],
  ])('answers %s with its status', async (_, request, code, reason) => {
    const { client } = await startSource();
    const error = await failureOf(getResult(client, request));
    expect(error.code).toBe(code);
    expect(detailsOf(error).ErrorInfo['reason']).toBe(reason);
  });

  it('says that the store cannot be read', async () => {
    const { client, ledger } = await startSource();
    ledger.failure = new LoupeError('store_unavailable', 'disk I/O error');
    const error = await failureOf(getResult(client, { result_id: 'x' }));
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'disk I/O error' });
  });
});

describe('tokens', () => {
  const authorize = (token: string | null, right: string) =>
    token === null ? 'unauthenticated' : token === right ? null : 'permission_denied';

  it('refuses a call without a token, and counts the frame', async () => {
    const { client, inspector, refused } = await startSource({}, authorize);
    expect((await failureOf(inspect(client, frame))).code).toBe(status.UNAUTHENTICATED);
    expect((await failureOf(getResult(client, { result_id: 'x' }))).code).toBe(status.UNAUTHENTICATED);
    expect(inspector.frames).toEqual([]);
    expect(refused).toEqual([['grpc_unary', 'unauthenticated']]);
  });

  it('refuses a token without the right', async () => {
    const { client } = await startSource({}, authorize);
    expect((await failureOf(inspect(client, frame, {}, bearer('read')))).code).toBe(status.PERMISSION_DENIED);
    expect((await failureOf(getResult(client, { result_id: 'x' }, bearer('ingest')))).code).toBe(
      status.PERMISSION_DENIED,
    );
  });

  it('serves a token with the right', async () => {
    const { client } = await startSource({}, authorize);
    expect(await responseOf(inspect(client, frame, {}, bearer('ingest')))).toMatchObject({ verdict: 'PASS' });
  });
});

it('serves two clients side by side', async () => {
  const { client, port } = await startSource();
  const other = clientOf(port);
  const ids = Array.from({ length: 20 }, (_, i) => `f-${i}`);
  const ends = await Promise.all(
    ids.map((id, i) => responseOf(inspect(i % 2 === 0 ? client : other, { ...frame, frame_id: id }))),
  );
  expect(ends.map((end) => end['frame_id'])).toEqual(ids);
});
