/** What proves and explains one result: its verdict made again, and where the model saw the defect. */

import { z } from 'zod';
import type { HeatMap } from '../frame/heat-map.ts';
import { PROVIDERS, VERDICTS } from '../frame/verdict.ts';
import type { Api } from './api.ts';
import { byId } from './schemas.ts';

const cuts = z.object({ passBelow: z.number(), failAbove: z.number() });

export const replayedSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['same', 'different']).describe('another verdict, or a score beyond the tolerance of the package'),
    model: z.string(),
    provider: z.enum(PROVIDERS).nullable(),
    probability: z.number().nullable(),
    verdict: z.enum(VERDICTS),
    cuts,
    tolerance: z.number().nullable(),
    detail: z.string().nullable(),
  }),
  z.object({ kind: z.literal('not_replayable'), why: z.string(), detail: z.string() }),
  z.object({ kind: z.literal('damaged'), why: z.string(), detail: z.string() }),
]);

export const heatMapAnswerSchema = z.object({
  schema: z.literal('loupe.heatmap/1'),
  resultId: z.string(),
  method: z.enum(['activation_map', 'occlusion']),
  columns: z.int(),
  rows: z.int(),
  values: z.array(z.number()).describe('row by row, 0 to 1'),
  area: z
    .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
    .describe('what the grid covers, as fractions of the picture; may reach beyond it'),
  probability: z.number(),
});

export type ReplayedJson = z.output<typeof replayedSchema>;
export type HeatMapJson = z.output<typeof heatMapAnswerSchema>;

export interface ProvingRoutesPorts {
  readonly proving: {
    replay(resultId: string): Promise<ReplayedJson>;
    heatMap(resultId: string, mayMake: boolean): Promise<HeatMap>;
  };
  /** One self-contained HTML page. */
  proofSheet(resultId: string): Promise<string>;
}

export function addProvingRoutes(api: Api, ports: ProvingRoutesPorts): void {
  const { proving } = ports;
  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}/proof.html',
    right: 'read',
    summary: 'One HTML file that proves this result: picture, heat map, hashes, replay, and how to check it by hand',
    params: byId,
    answer: { mediaTypes: ['text/html'] },
    handle: async ({ params }, reply) => {
      const html = await ports.proofSheet(params.id);
      return reply
        .type('text/html; charset=utf-8')
        .header(
          'content-disposition',
          `attachment; filename="proof-${params.id.replaceAll(/[^A-Za-z0-9-]/g, '')}.html"`,
        )
        .send(html);
    },
  });

  api.add({
    method: 'POST',
    path: '/api/v1/results/{id}/replay',
    right: 'read',
    summary:
      'Decide this result again with the model, region and cuts of its row; behind the line, one after the other',
    params: byId,
    answer: replayedSchema,
    audit: 'nothing',
    handle: ({ params }) => proving.replay(params.id),
  });

  api.add({
    method: 'GET',
    path: '/api/v1/results/{id}/heatmap',
    right: 'read',
    summary: 'Where in the picture the model saw the defect; made now where it was not made before',
    params: byId,
    query: z.strictObject({
      make: z.enum(['true', 'false']).default('true').describe('false: only one that was made before'),
    }),
    answer: heatMapAnswerSchema,
    handle: async ({ params, query }) => ({
      schema: 'loupe.heatmap/1',
      resultId: params.id,
      ...(await proving.heatMap(params.id, query.make === 'true')),
    }),
  });
}
