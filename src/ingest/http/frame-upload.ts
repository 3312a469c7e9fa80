/** Frames by HTTP, for debugging and for folders: the body is the image file, the names stand in the query. */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { describeError, LoupeError, RETRY_AFTER_MS } from '../../errors.ts';
import { resultJson } from '../../frame/result-json.ts';
import { BrokenRule, type Clock, type FrameDraft, takeIn } from '../intake.ts';
import { namedValues } from '../named-values.ts';
import { type Peer, peerOf, UNBOUND, whyNotAs } from '../peer.ts';
import type { CountRefused, Inspector } from '../ports.ts';

export interface FrameUploadPorts {
  readonly inspector: Inspector;
  readonly countRefused: CountRefused;
  readonly clock: Clock;
  /** Whether a client certificate says which camera it is, and that it is no other. */
  readonly bindsCameras: boolean;
}

const NAMES = [
  'camera_id',
  'frame_id',
  'sequence',
  'captured_at',
  'part_id',
  'job_id',
  'product_id',
  'meas_id',
  'recipe_id',
  'max_wait_ms',
  'simulated',
] as const;

/**
 * `POST /api/v1/frames?camera_id=cam-1&frame_id=4711`, body: the image file. Answers the recorded result; a frame that could
 * not be inspected is answered 200 with UNINSPECTED, or with the status of its reason where the image itself is to blame.
 */
export function addFrameUpload(server: FastifyInstance, ports: FrameUploadPorts): void {
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    const named = new WeakSet<FastifyRequest>();
    // Whatever refuses it: the guard before the body is read, its size, or what is asked.
    scope.addHook('onError', async (request, _reply, error) => {
      if (!named.has(request)) ports.countRefused('http', refusalOf(error));
    });
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post('/api/v1/frames', { config: { right: 'ingest' } }, async (request, reply) => {
      const draft = draftOf(request.url, request.query, request.body);
      const intake = draft instanceof LoupeError ? draft : takeIn(draft, 'http', ports.clock);
      if (intake instanceof LoupeError || intake.kind === 'refused') {
        throw intake instanceof LoupeError ? intake : new LoupeError(intake.code, intake.message);
      }
      const notAs = whyNotAs(ports.bindsCameras ? peerAt(request.raw.socket) : UNBOUND, intake.frame.cameraId);
      if (notAs !== null) throw new LoupeError(notAs.code, notAs.message);
      named.add(request);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const outcome = await ports.inspector.inspect(intake.frame, { signal: gone.signal });
      if (outcome.kind === 'refused') {
        const { retry } = describeError(outcome.code);
        if (retry) reply.header('retry-after', Math.ceil(RETRY_AFTER_MS / 1000));
        throw new LoupeError(outcome.code, outcome.message);
      }
      const { result, duplicate } = outcome;
      const status = result.reason === null ? 200 : describeError(result.reason).http;
      return reply.code(status).send(resultJson(result, duplicate));
    });
  });
}

/** Why a request that names no frame was refused: by this service, or by Fastify. */
function refusalOf(error: Error): 'unauthenticated' | 'permission_denied' | 'message_too_large' | 'invalid_request' {
  if (error instanceof LoupeError) {
    return error.code === 'unauthenticated' || error.code === 'permission_denied' ? error.code : 'invalid_request';
  }
  return 'statusCode' in error && error.statusCode === 413 ? 'message_too_large' : 'invalid_request';
}

function peerAt(socket: Socket): Peer {
  return peerOf(socket instanceof TLSSocket ? socket.getPeerCertificate() : null);
}

function draftOf(url: string, query: unknown, body: unknown): FrameDraft | LoupeError {
  if (!isPercentEncoded(url)) {
    return new LoupeError(
      'invalid_request',
      'expected the query in percent-encoded UTF-8, got a "%" that is no part of such',
    );
  }
  const given = new Map<string, string>();
  for (const [key, value] of Object.entries(query ?? {})) {
    const name = NAMES.find((candidate) => candidate === key);
    if (name === undefined || typeof value !== 'string') {
      return new LoupeError(
        'invalid_request',
        `expected the query names ${NAMES.join(', ')}, each once; got "${key.slice(0, 48)}"`,
      );
    }
    given.set(name, value);
  }
  const text = (name: string) => given.get(name) || null;
  try {
    return {
      cameraId: text('camera_id') ?? '',
      frameId: text('frame_id'),
      ...namedValues(text, '_'),
      roi: null,
      tags: {},
      image: { kind: 'encoded', bytes: body instanceof Uint8Array ? body : new Uint8Array(0) },
    };
  } catch (error) {
    if (!(error instanceof BrokenRule)) throw error;
    return new LoupeError('invalid_request', error.message);
  }
}

/** The parser of the query leaves what it cannot decode as it stands: a part would be recorded under a name it does not have. */
function isPercentEncoded(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}
