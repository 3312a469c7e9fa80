/** Recipes and their cuts over HTTP. Looking needs the right `read`, changing the right `tune`. */

import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LoupeError } from '../errors.ts';
import type { CutChange, CutsControl, RecipeCuts } from '../frame/cuts.ts';
import type { Api } from './api.ts';
import { isoTime, plainText, signature } from './schemas.ts';

export interface RecipeRoutesPorts {
  readonly cuts: CutsControl;
}

const fraction = z.number().min(0).max(1);
const cutsSchema = z.object({ passBelow: fraction, failAbove: fraction });
const changeSchema = z.object({
  seq: z.int(),
  at: isoTime,
  by: z.string(),
  kind: z.enum(['set', 'revert', 'configuration']),
  recipe: z.string(),
  model: z.object({ name: z.string(), version: z.string(), sha256: z.string() }),
  from: cutsSchema,
  to: cutsSchema.nullable().describe('null: as the model suggests'),
  reason: z.string(),
});
const recipeSchema = z.object({
  recipe: z.string(),
  model: changeSchema.shape.model,
  cuts: cutsSchema.describe('What judges now.'),
  source: z.enum(['chosen', 'configuration', 'model']).describe('Who says so.'),
  base: cutsSchema.describe('What judges once every change is taken back.'),
  revision: z.string().describe('Of model and cuts: hand it back with a change.'),
  change: changeSchema.nullable().describe('The change in force.'),
});

const named = z.strictObject({ id: z.string().min(1).max(64) });
const signed = {
  reason: plainText(500).describe('Why; kept for ever.'),
  revision: z.string().max(64).nullable().default(null).describe('null: whatever stands now.'),
  by: signature,
};
const setBody = z.strictObject({ ...cutsSchema.shape, ...signed });
const revertBody = z.strictObject(signed);

export type RecipeJson = z.output<typeof recipeSchema>;
export type CutChangeJson = z.output<typeof changeSchema>;

export function addRecipeRoutes(api: Api, ports: RecipeRoutesPorts): void {
  const { cuts } = ports;
  const signer = ({ actor }: FastifyRequest): string => {
    if (actor.name === null) throw new LoupeError('invalid_request', 'by: expected who signs the change');
    return actor.name;
  };

  api.add({
    method: 'GET',
    path: '/api/v1/recipes',
    right: 'read',
    summary: 'Each recipe with its model and the cuts that judge now',
    answer: z.object({ recipes: z.array(recipeSchema) }),
    handle: async () => ({ recipes: (await cuts.list()).map(recipeJson) }),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/recipes/{id}/cuts/history',
    right: 'read',
    summary: 'Who changed the cuts of a recipe, when and why; oldest first',
    params: named,
    answer: z.object({ changes: z.array(changeSchema) }),
    handle: async ({ params }) => ({ changes: (await cuts.history(params.id)).map(changeJson) }),
  });
  api.add({
    method: 'POST',
    path: '/api/v1/recipes/{id}/cuts',
    right: 'tune',
    summary: 'Change the cuts: noted first, then at work for every frame that comes in from now on',
    params: named,
    body: setBody,
    answer: recipeSchema,
    audit: {
      act: 'cuts_set',
      about: ({ params, body: { passBelow, failAbove, reason } }) =>
        `${params.id}: PASS below ${passBelow}, FAIL from ${failAbove}: ${reason}`,
    },
    signs: ({ body }) => body.by,
    handle: async ({ params, body: { passBelow, failAbove, reason, revision } }, _reply, request) => {
      const wish = { recipe: params.id, cuts: { passBelow, failAbove }, reason, revision };
      return recipeJson(await cuts.set(wish, signer(request)));
    },
  });
  api.add({
    method: 'POST',
    path: '/api/v1/recipes/{id}/cuts/revert',
    right: 'tune',
    summary: 'Go back to the cuts before the change in force',
    params: named,
    body: revertBody,
    answer: recipeSchema,
    audit: { act: 'cuts_revert', about: ({ params, body: { reason } }) => `${params.id}: ${reason}` },
    signs: ({ body }) => body.by,
    handle: async ({ params, body: { reason, revision } }, _reply, request) =>
      recipeJson(await cuts.revert({ recipe: params.id, reason, revision }, signer(request))),
  });
}

function changeJson(change: CutChange): CutChangeJson {
  return { ...change, at: new Date(change.at).toISOString() };
}

function recipeJson(recipe: RecipeCuts): RecipeJson {
  return { ...recipe, change: recipe.change === null ? null : changeJson(recipe.change) };
}
