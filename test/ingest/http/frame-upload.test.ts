import fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LoupeError } from '../../../src/errors.ts';
import { addFrameUpload } from '../../../src/ingest/http/frame-upload.ts';
import { SYSTEM_CLOCK } from '../../../src/ingest/intake.ts';
import { FakeInspector } from '../../support/inspectors.ts';

function door() {
  const inspector = new FakeInspector();
  const server = fastify({ bodyLimit: 100 });
  const refused: string[] = [];
  // As the service's own guard: before the body is read.
  server.addHook('onRequest', async ({ headers }) => {
    if (headers.authorization === 'wrong') throw new LoupeError('unauthenticated', 'sign in');
  });
  onTestFinished(() => server.close());
  server.setErrorHandler((error, _request, reply) => {
    const code = error instanceof LoupeError ? error.code : 'internal';
    return reply.code(400).send({ code, message: error instanceof Error ? error.message : '' });
  });
  addFrameUpload(server, {
    inspector,
    countRefused: (...labels) => refused.push(labels.join(' ')),
    clock: SYSTEM_CLOCK,
    bindsCameras: false,
  });
  const post = async (query: string, body = 'x', more: Record<string, string> = {}) => {
    const url = `/api/v1/frames?camera_id=cam-1&${query}`;
    const headers = { 'content-type': 'image/png', ...more };
    const response = await server.inject({ method: 'POST', url, headers, body });
    return { status: response.statusCode, message: String(response.json<{ message?: string }>().message) };
  };
  return { inspector, post, refused };
}

describe('a frame by HTTP', () => {
  it('takes in the query what MQTT takes as user properties', async () => {
    const { inspector, post } = door();
    const query = 'frame_id=f1&sequence=7&captured_at=1790000000000&max_wait_ms=250&simulated=1&part_id=';
    expect((await post(query)).status).toBe(200);
    expect(inspector.frames[0]).toMatchObject({
      frameId: 'f1',
      sequence: 7n,
      capturedAt: 1_790_000_000_000,
      maxWaitMs: 250,
      isSimulated: true,
      partId: null,
    });
  });

  it('is counted where it is refused before it names a frame, whatever refuses it, and where it is not', async () => {
    const { inspector, post, refused } = door();
    await post('frame_id=f1', 'x', { authorization: 'wrong' });
    await post('frame_id=f1', 'x'.repeat(101));
    await post('sequence=-1');
    expect(refused).toEqual(['http unauthenticated', 'http message_too_large', 'http invalid_request']);
    expect(inspector.frames).toEqual([]);
    inspector.answer = () => ({ kind: 'refused', code: 'store_unavailable', message: 'full' });
    expect((await post('frame_id=f1')).status).toBe(400);
    expect(refused).toHaveLength(3);
  });

  it.each([
    ['sequence=-1', 'expected sequence as a whole number, got "-1"'],
    ['captured_at=cam-1', 'expected captured_at as ISO 8601 or milliseconds since 1970, got "cam-1"'],
    [
      'captured_at=2026-02-30T00:00:00Z',
      'expected captured_at as ISO 8601 or milliseconds since 1970, got "2026-02-30T00:00:00Z"',
    ],
    ['part_id=caf%E9', 'expected the query in percent-encoded UTF-8, got a "%" that is no part of such'],
    ['captured_at=yesterday', 'expected captured_at as ISO 8601 or milliseconds since 1970, got "yesterday"'],
    ['max_wait_ms=soon', 'expected max_wait_ms as a whole number, got "soon"'],
    ['simulated=maybe', 'expected simulated as true or false, got "maybe"'],
  ])('refuses %s with what was expected and what came', async (query, message) => {
    const { inspector, post } = door();
    expect(await post(query)).toEqual({ status: 400, message });
    expect(inspector.frames).toEqual([]);
  });
});
