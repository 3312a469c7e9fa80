/** The ledger over HTTP: search, one result and its proof, its picture, exports. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { LoupeError, nullIfMissing } from '../errors.ts';
import type { CameraId, FrameId } from '../frame/frame.ts';
import { resultJson } from '../frame/result-json.ts';
import type { RecordedResult, Verdict } from '../frame/verdict.ts';
import type { Api } from './api.ts';
import { exportStream, type ExportFormat } from './export.ts';
import {
  byId,
  exportSchema,
  proofSchema,
  resultSchema,
  resultsPageSchema,
  type SearchFilter,
  searchSchema,
} from './schemas.ts';
import { sendPicture } from './send-picture.ts';

export interface ResultsSearch {
  readonly cameraId?: CameraId;
  readonly verdict?: Verdict;
  readonly partId?: string;
  readonly jobId?: string;
  readonly model?: string;
  readonly minProbability?: number;
  readonly maxProbability?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Rows before this place in the ledger: the cursor of the next page. */
  readonly before?: number;
  readonly limit: number;
}

export interface ResultsPage {
  readonly rows: readonly RecordedResult[];
  readonly next: number | null;
}

export interface ResultsPort {
  /** Newest first. */
  search(query: ResultsSearch): Promise<ResultsPage>;
  get(resultId: string): Promise<RecordedResult | null>;
  find(cameraId: CameraId, frameId: FrameId): Promise<RecordedResult | null>;
  chainLink(resultId: string): Promise<{
    readonly previousHash: string;
    readonly recordedHash: string;
    readonly computedHash: string;
  } | null>;
}

export interface ResultRoutesPorts {
  readonly results: ResultsPort;
  /** Path on disk of a stored image, or null where none is kept. */
  imageFile(result: RecordedResult): string | null;
}

const MEDIA_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/x-ndjson',
};

export function addResultRoutes(api: Api, ports: ResultRoutesPorts): void {
  const { results } = ports;
  api.add({
    method: 'GET',
    path: '/api/v1/results',
    right: 'read',
    summary: 'Search the ledger, newest first',
    query: searchSchema,
    answer: resultsPageSchema,
    handle: async ({ query: { frame, before, limit, ...filter } }) => {
      if (frame !== undefined) {
        if (filter.camera === undefined) throw new LoupeError('invalid_request', 'frame: expected camera beside it');
        const row = await results.find(filter.camera, frame);
        return { results: row === null ? [] : [resultJson(row, false)], next: null };
      }
      const paging = before === undefined ? { limit } : { limit, before };
      const page = await results.search({ ...searchOf(filter), ...paging });
      return { results: page.rows.map((row) => resultJson(row, false)), next: page.next };
    },
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/export',
    right: 'read',
    summary: 'The same search as one file, streamed',
    query: exportSchema,
    answer: { mediaTypes: ['text/csv', 'application/x-ndjson'] },
    handle: async ({ query: { format, limit, ...filter } }, reply) => {
      const search = searchOf(filter);
      const stream = exportStream(format, limit, (paging) => results.search({ ...search, ...paging }));
      const name = `loupe-results-${new Date().toISOString().slice(0, 10)}.${format}`;
      return reply
        .type(MEDIA_TYPES[format])
        .header('content-disposition', `attachment; filename="${name}"`)
        .send(stream);
    },
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}',
    right: 'read',
    summary: 'One result',
    params: byId,
    answer: resultSchema,
    handle: async ({ params }) => resultJson(await found(ports, params.id), false),
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}/proof',
    right: 'read',
    summary: 'Hashes of one result, computed again from its row and its picture',
    params: byId,
    answer: proofSchema,
    handle: async ({ params }) => {
      const result = await found(ports, params.id);
      const link = await results.chainLink(result.resultId);
      if (link === null) throw notFound(params.id);
      const file = ports.imageFile(result);
      const computed = file === null ? null : await sha256Of(file);
      return {
        chain: { ...link, holds: link.recordedHash === link.computedHash },
        image: {
          isKept: computed !== null,
          recordedSha256: result.imageSha256,
          computedSha256: computed,
          holds: computed === null ? null : computed === result.imageSha256,
        },
      };
    },
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}/image',
    right: 'read',
    summary: 'The picture as it was received',
    params: byId,
    // Raw pixels, and what came as a frame and was no picture, as the bytes that they are.
    answer: { mediaTypes: ['image/*', 'application/octet-stream'] },
    handle: async ({ params }, reply) => {
      const result = await found(ports, params.id);
      const missing = `no image is kept of result ${result.resultId}`;
      return sendPicture(reply, ports.imageFile(result), result.imageMediaType, missing);
    },
  });
}

/** Null where the file is not there. */
async function sha256Of(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  return pipeline(createReadStream(file), hash).then(() => hash.digest('hex'), nullIfMissing);
}

async function found(ports: ResultRoutesPorts, id: string): Promise<RecordedResult> {
  const result = await ports.results.get(id);
  if (result === null) throw notFound(id);
  return result;
}

const notFound = (id: string) => new LoupeError('result_not_found', `no result "${id.slice(0, 64)}"`);

function searchOf(filter: SearchFilter): Omit<ResultsSearch, 'limit'> {
  const { camera, part, job, model, verdict, since, until, min_probability: min, max_probability: max } = filter;
  return {
    ...(camera === undefined ? {} : { cameraId: camera }),
    ...(part === undefined ? {} : { partId: part }),
    ...(job === undefined ? {} : { jobId: job }),
    ...(model === undefined ? {} : { model }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(min === undefined ? {} : { minProbability: min }),
    ...(max === undefined ? {} : { maxProbability: max }),
  };
}
