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
    reviewsOf(resultId: string): Promise<readonly Review[]>;
    /** False where it could not be written. */
    review(review: Review, entry: AuditEntry): Promise<boolean>;
    get(resultId: string): Promise<RecordedResult | null>;
  };
  /** Milliseconds since 1970. */
  now(): number;
}

export function addReviewRoutes(api: Api, ports: ReviewPorts): void {
  const { reviews } = ports;
  api.add({
    method: 'GET',
    path: '/api/v1/reviews/queue',
    right: 'read',
    summary: 'FAIL and REVIEW results that nobody has judged, newest first',
    query: z.strictObject({
      before: z.coerce.number().int().min(1).optional(),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answer: resultsPageSchema,
    handle: async ({ query }) => {
      const page = await reviews.unreviewed(query.before ?? null, query.limit);
      return { results: page.rows.map((row) => resultJson(row, false)), next: page.next };
    },
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}/reviews',
    right: 'read',
    summary: 'Everything that was said about one result, oldest first; the last counts',
    params: byId,
    answer: z.object({ reviews: z.array(reviewSchema) }),
    handle: async ({ params }) => ({ reviews: (await reviews.reviewsOf(params.id)).map(reviewJson) }),
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
    handle: async ({ params, body }, _reply, request) => {
      const { label, defectClass, comment } = body;
      const reviewer = request.actor.name ?? body.reviewer;
      if (reviewer === undefined) throw new LoupeError('invalid_request', 'reviewer: expected who says so');
      if ((await reviews.get(params.id)) === null) {
        throw new LoupeError('result_not_found', `no result "${params.id}"`);
      }
      const review = { resultId: params.id, label, defectClass, comment, reviewer, reviewedAt: ports.now() };
      const by = { ...request.actor, name: reviewer };
      const about = `${params.id}: ${label}`;
      if (
        !(await reviews.review(review, entryOf({ ...askerOf(request), actor: by }, review.reviewedAt, 'review', about)))
      ) {
        throw new LoupeError('store_unavailable', 'the review could not be written; nothing was kept');
      }
      return reviewJson(review);
    },
  });
}

function reviewJson(review: Review): ReviewJson {
  return { ...review, reviewedAt: new Date(review.reviewedAt).toISOString() };
}
