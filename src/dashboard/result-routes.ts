/** The ledger over HTTP. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LoupeError } from '../errors.ts';
import { type CameraId, type FrameId } from '../frame/frame.ts';
import { cameraIdFrom, frameIdFrom } from '../frame/identifiers.ts';
import { resultJson } from '../frame/result-json.ts';
import { type RecordedResult, type Verdict, VERDICTS } from '../frame/verdict.ts';

export interface ResultsQuery {
  readonly cameraId?: CameraId;
  readonly verdict?: Verdict;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Rows before this place in the ledger: the cursor of the next page. */
  readonly before?: number;
  readonly limit: number;
}

export interface ResultRoutesPorts {
  readonly results: {
    /** Newest first. */
    query(query: ResultsQuery): Promise<readonly RecordedResult[]>;
    get(resultId: string): Promise<RecordedResult | null>;
    find(cameraId: CameraId, frameId: FrameId): Promise<RecordedResult | null>;
  };
  /** Path on disk of a stored image, or null where none is kept. */
  imageFile(result: RecordedResult): string | null;
}

const time = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), { error: 'expected a time such as 2026-11-24T06:00:00Z' })
  .transform((text) => Date.parse(text));

const querySchema = z.strictObject({
  camera: z
    .string()
    .transform((text, context) => cameraIdFrom(text) ?? refuse(context, 'expected a camera id'))
    .optional(),
  frame: z
    .string()
    .transform((text, context) => frameIdFrom(text) ?? refuse(context, 'expected a frame id'))
    .optional(),
  verdict: z.enum(VERDICTS).optional(),
  since: time.optional(),
  until: time.optional(),
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export function addResultRoutes(server: FastifyInstance, ports: ResultRoutesPorts): void {
  const read = { config: { right: 'read' as const } };
  server.get('/api/v1/results', read, async (request) => {
    const parsed = querySchema.safeParse(request.query);
    if (!parsed.success) {
      const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
      throw new LoupeError('invalid_request', faults.join('; '));
    }
    const { camera, frame, verdict, since, until, before, limit } = parsed.data;
    if (frame !== undefined) {
      if (camera === undefined) throw new LoupeError('invalid_request', 'frame: expected camera beside it');
      const found = await ports.results.find(camera, frame);
      return { results: found === null ? [] : [resultJson(found, false)], next: null };
    }
    const rows = await ports.results.query({
      limit,
      ...(camera === undefined ? {} : { cameraId: camera }),
      ...(verdict === undefined ? {} : { verdict }),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(before === undefined ? {} : { before }),
    });
    const last = rows.at(-1);
    return {
      results: rows.map((row) => resultJson(row, false)),
      /** `before` of the next page; null on the last. */
      next: rows.length === limit && last !== undefined ? last.ledgerSeq : null,
    };
  });

  server.get<{ Params: { id: string } }>('/api/v1/results/:id', read, async (request) =>
    resultJson(await found(ports, request.params.id), false),
  );

  server.get<{ Params: { id: string } }>('/api/v1/results/:id/image', read, async (request, reply) => {
    const result = await found(ports, request.params.id);
    const file = ports.imageFile(result);
    const size =
      file === null
        ? null
        : await stat(file).then(
            (found) => found.size,
            () => null,
          );
    if (file === null || size === null) {
      throw new LoupeError('result_not_found', `no image is kept of result ${result.resultId}`);
    }
    const isPicture = result.imageMediaType.startsWith('image/');
    return reply
      .type(isPicture ? result.imageMediaType : 'application/octet-stream')
      .header('content-length', size)
      .header('content-disposition', `${isPicture ? 'inline' : 'attachment'}; filename="${file.split('/').at(-1)}"`)
      .send(createReadStream(file));
  });
}

async function found(ports: ResultRoutesPorts, id: string): Promise<RecordedResult> {
  const result = await ports.results.get(id);
  if (result === null) throw new LoupeError('result_not_found', `no result "${id.slice(0, 64)}"`);
  return result;
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
