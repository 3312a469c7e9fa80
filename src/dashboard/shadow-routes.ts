/** Shadows over HTTP. Looking needs the right `read`, changing the right `tune`. */

import { z } from 'zod';
import { nameOf } from '../frame/people.ts';
import type { Disagreement, ShadowControl, ShadowState } from '../frame/shadows.ts';
import { VERDICTS } from '../frame/verdict.ts';
import type { Api } from './api.ts';
import { isoTime, signature, signedQuery } from './schemas.ts';
import { sendPicture } from './send-picture.ts';

export interface ShadowRoutesPorts {
  readonly shadows: ShadowControl;
}

const count = z.int().min(0);
const shadowSchema = z.object({
  recipe: z.string(),
  model: z.object({ name: z.string(), version: z.string(), sha256: z.string() }),
  cuts: z.object({ passBelow: z.number(), failAbove: z.number() }).describe('What it is judged by.'),
  by: z.string(),
  since: isoTime,
  counts: z.object({
    agreed: count,
    disagreed: count,
    skipped: count.describe('Not compared: the candidate was busy, and the line goes first.'),
    failed: count.describe('Frames that it could not score.'),
    unkept: count.describe('Disagreements of which no picture could be kept.'),
  }),
  down: z.string().nullable().describe('Why its engine is not at work.'),
});
const judged = z.object({ verdict: z.enum(VERDICTS), probability: z.number().nullable() });
const disagreementSchema = z.object({
  resultId: z.string(),
  recipe: z.string(),
  cameraId: z.string(),
  frameId: z.string(),
  partId: z.string().nullable(),
  receivedAt: isoTime,
  imageMediaType: z.string(),
  activeModel: z.string(),
  active: judged.describe('What was answered.'),
  candidateModel: z.string(),
  candidate: judged.describe('What the candidate would have said.'),
});

export type ShadowJson = z.output<typeof shadowSchema>;
export type DisagreementJson = z.output<typeof disagreementSchema>;

const byRecipe = z.strictObject({ recipe: z.string().min(1).max(64) });
const startBody = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1).nullable().default(null).describe('null: the highest.'),
  recipe: z.string().min(1).nullable().default(null).describe('null: the only one that is configured with the model.'),
  by: signature,
});

export function addShadowRoutes(api: Api, { shadows }: ShadowRoutesPorts): void {
  api.add({
    method: 'GET',
    path: '/api/v1/shadows',
    right: 'read',
    summary: 'Candidates that score live frames beside the model that decides',
    answer: z.object({ shadows: z.array(shadowSchema) }),
    handle: async () => ({ shadows: (await shadows.list()).map(shadowJson) }),
  });
  api.add({
    method: 'POST',
    path: '/api/v1/shadows',
    right: 'tune',
    summary: 'Set a candidate beside a recipe: proven first; it decides nothing',
    body: startBody,
    audit: {
      act: 'model_shadow',
      about: ({ body: { name, version, recipe } }) =>
        `${name}/${version ?? 'highest'} beside ${recipe ?? 'the only recipe'}`,
    },
    answer: shadowSchema,
    signs: ({ body }) => body.by,
    handle: async ({ body: { name, version, recipe } }, _reply, request) =>
      shadowJson(await shadows.start({ name, version, recipe }, nameOf(request.actor))),
  });
  api.add({
    method: 'DELETE',
    path: '/api/v1/shadows/{recipe}',
    right: 'tune',
    summary: 'Take the candidate away from a recipe; what was kept of it stays',
    params: byRecipe,
    query: signedQuery,
    audit: { act: 'model_shadow', about: ({ params: { recipe } }) => `stop beside ${recipe}` },
    answer: shadowSchema,
    signs: ({ query }) => query.by,
    handle: async ({ params }, _reply, request) => shadowJson(await shadows.stop(params.recipe, nameOf(request.actor))),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/shadows/{recipe}/disagreements',
    right: 'read',
    summary: 'Frames on which the two differ, newest first; the last 500 are kept',
    params: byRecipe,
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50) }),
    answer: z.object({ disagreements: z.array(disagreementSchema) }),
    handle: async ({ params, query }) => ({
      disagreements: (await shadows.disagreements(params.recipe, query.limit)).map(disagreementJson),
    }),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/shadows/{recipe}/disagreements/{id}/image',
    right: 'read',
    summary: 'The picture of one of them',
    params: byRecipe.extend({ id: z.uuid() }),
    answer: { mediaTypes: ['image/*', 'application/octet-stream'] },
    handle: async ({ params: { recipe, id } }, reply) => {
      const { file, mediaType } = await shadows.pictureFile(recipe, id);
      return sendPicture(reply, file, mediaType, `the picture of ${id} is not there any more`);
    },
  });
}

function shadowJson({ since, ...shadow }: ShadowState): ShadowJson {
  return { ...shadow, since: new Date(since).toISOString() };
}

function disagreementJson({ receivedAt, ...found }: Disagreement): DisagreementJson {
  return { ...found, receivedAt: new Date(receivedAt).toISOString() };
}
