/** What people say about results: the queue, one judgement, everything said about one result. */

import { z } from 'zod';
import { LoupeError } from '../errors.ts';
import { type AuditEntry, entryOf } from '../frame/people.ts';
import { resultJson } from '../frame/result-json.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { Api } from './api.ts';
import type { ResultsPage } from './result-routes.ts';
import { askerOf } from './right.ts';
import { byId, resultsPageSchema, reviewBodySchema, type ReviewJson, reviewSchema } from './schemas.ts';

export interface Review {
  readonly resultId: string;
  readonly label: ReviewJson['label'];
  readonly defectClass: string | null;
  readonly comment: string | null;
  readonly reviewer: string;
  /** Milliseconds since 1970. */
  readonly reviewedAt: number;
}

export interface ReviewPorts {
  readonly reviews: {
    /** FAIL and REVIEW rows that nobody has reviewed, newest first. */
    unreviewed(before: number | null, limit: number): Promise<ResultsPage>;
    /** Results worth judging that are in no queue. */
    reviewSamples(query: {
      readonly kind: 'again' | 'passed';
      readonly before: number;
      readonly place: number;
      readonly limit: number;
    }): Promise<readonly RecordedResult[]>;
    reviewsOf(resultId: string): Promise<readonly Review[]>;
    /** False where it could not be written. */
    review(review: Review, entry: AuditEntry): Promise<boolean>;
    get(resultId: string): Promise<RecordedResult | null>;
  };
  /** Shares of the queue, 0..1. */
  readonly samples: { readonly again: number; readonly passed: number };
  /** What the page offers as kinds of defect. */
  readonly defectClasses: readonly string[];
  /** 0..1 */
  random(): number;
  /** Told of each judgement that was kept. */
  onJudged(review: ReviewJson): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** After so long a picture may come again: in another shift, when nobody remembers it. */
export const AGAIN_AFTER_MS = 8 * 3_600_000;

export function addReviewRoutes(api: Api, ports: ReviewPorts): void {
  const { reviews } = ports;
  const refuseUnknown = async (id: string) => {
    if ((await reviews.get(id)) === null) throw new LoupeError('result_not_found', `no result "${id}"`);
  };
  api.add({
    method: 'GET',
    path: '/api/v1/reviews/queue',
    right: 'read',
    summary:
      'FAIL and REVIEW results that nobody has judged, newest first; among them a few others (docs/operations.md)',
    query: z.strictObject({
      before: z.coerce.number().int().min(1).optional(),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answer: resultsPageSchema.extend({ defectClasses: z.array(z.string()).describe('kinds of defect to choose from') }),
    handle: async ({ query }) => {
      const page = await reviews.unreviewed(query.before ?? null, query.limit);
      const rows = await mixedIn(page.rows, ports);
      return {
        results: rows.map((row) => resultJson(row, false)),
        next: page.next,
        defectClasses: [...ports.defectClasses],
      };
    },
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}/reviews',
    right: 'read',
    summary: 'Everything that was said about one result, oldest first; the last counts',
    params: byId,
    answer: z.object({ reviews: z.array(reviewSchema) }),
    handle: async ({ params }) => {
      await refuseUnknown(params.id);
      return { reviews: (await reviews.reviewsOf(params.id)).map(reviewJson) };
    },
  });

  api.add({
    method: 'POST',
    path: '/api/v1/results/{id}/reviews',
    right: 'review',
    summary: 'Say whether a part is good; kept for ever, withdrawn by saying so',
    params: byId,
    body: reviewBodySchema,
    answer: reviewSchema,
    audit: 'within',
    signs: ({ body }) => body.reviewer,
    handle: async ({ params, body }, _reply, request) => {
      const { label, defectClass, comment } = body;
      const reviewer = request.actor.name;
      if (reviewer === null) throw new LoupeError('invalid_request', 'reviewer: expected who says so');
      await refuseUnknown(params.id);
      const review = { resultId: params.id, label, defectClass, comment, reviewer, reviewedAt: ports.now() };
      const entry = entryOf(askerOf(request), review.reviewedAt, 'review', `${params.id}: ${label}`);
      if (!(await reviews.review(review, entry))) {
        throw new LoupeError('store_unavailable', 'the review could not be written; nothing was kept');
      }
      const judged = reviewJson(review);
      ports.onJudged(judged);
      return judged;
    },
  });
}

/** Samples at random places among what has to be judged anyway; none where nothing has to. */
async function mixedIn(rows: readonly RecordedResult[], ports: ReviewPorts): Promise<readonly RecordedResult[]> {
  const { samples, reviews } = ports;
  const mixed = [...rows];
  for (const kind of ['again', 'passed'] as const) {
    // A whole number that is right on average, however short the page.
    const limit = Math.floor(samples[kind] * rows.length + ports.random());
    if (limit === 0 || rows.length === 0) continue;
    const before = ports.now() - (kind === 'again' ? AGAIN_AFTER_MS : 0);
    for (const row of await reviews.reviewSamples({ kind, before, place: ports.random(), limit })) {
      mixed.splice(Math.floor(ports.random() * (mixed.length + 1)), 0, row);
    }
  }
  return mixed;
}

function reviewJson(review: Review): ReviewJson {
  return { ...review, reviewedAt: new Date(review.reviewedAt).toISOString() };
}
