/** The life of models over HTTP. Looking needs the right `read`, changing the right `tune`. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Activated, Activation, GoldenReport, ModelControl, ModelListing, ModelReports } from '../frame/models.ts';
import { nameOf, signedBy } from '../frame/people.ts';
import { type Api, checked } from './api.ts';
import { PACKAGE_FORM, receivePackage } from './package-upload.ts';
import { askerOf, type AuditPort } from './right.ts';
import { signature, signedQuery } from './schemas.ts';

export interface ModelRoutesPorts {
  readonly models: ModelControl & ModelReports;
  /** Bytes of one uploaded package. */
  readonly maxPackageBytes: number;
}

const REPORT_POLICY =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'";

const isoTime = z.string().describe('RFC 3339');
const modelVersion = z.object({ name: z.string(), version: z.string(), sha256: z.string() });
const listing = z.object({
  name: z.string(),
  version: z.string(),
  sha256: z.string().nullable(),
  createdAt: isoTime.nullable(),
  recipes: z.array(z.string()).describe('Recipes that it decides for.'),
  fault: z.string().nullable().describe('What is wrong with the package.'),
  hasReport: z.boolean(),
});
const description = listing.extend({ manifest: z.unknown() });
const activation = z.object({
  seq: z.int(),
  at: isoTime,
  by: z.string(),
  kind: z.enum(['first_start', 'activate', 'rollback']),
  recipe: z.string(),
  from: modelVersion.nullable(),
  to: modelVersion,
});
const activated = z.object({
  activated: z.array(activation.extend({ cuts: z.object({ passBelow: z.number(), failAbove: z.number() }) })),
});
const golden = z.object({
  name: z.string(),
  version: z.string(),
  provider: z.string(),
  checkedAt: isoTime,
  isOk: z.boolean(),
  tolerance: z.number(),
  maxError: z.number().nullable(),
  detail: z.string().nullable(),
  scores: z.array(z.object({ file: z.string(), expected: z.number(), scored: z.number() })),
});

const named = z.object({ name: z.string().min(1), version: z.string().min(1) });
const activateBody = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1).nullable().default(null).describe('null: the highest.'),
  recipe: z.string().min(1).nullable().default(null).describe('null: every recipe that is configured with the model.'),
  by: signature,
});
const rollbackBody = z.strictObject({
  recipe: z.string().min(1).nullable().default(null).describe('null: the only one.'),
  seen: z
    .int()
    .nullable()
    .default(null)
    .describe(
      '`seq` of the last activation that was seen; where there is a later one, nothing is changed. null: whatever.',
    ),
  by: signature,
});

export function addModelRoutes(server: FastifyInstance, api: Api, ports: ModelRoutesPorts, audit: AuditPort): void {
  const { models } = ports;
  const by = (request: FastifyRequest) => nameOf(request.actor);

  api.add({
    method: 'GET',
    path: '/api/v1/models',
    right: 'read',
    summary: 'Every model package, and which recipes it decides for',
    answer: z.object({ models: z.array(listing) }),
    handle: async () => ({ models: await models.list() }),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/models/activations',
    right: 'read',
    summary: 'Who activated what, and when; oldest first',
    answer: z.object({ activations: z.array(activation) }),
    handle: async () => ({ activations: (await models.activations()).map(activationJson) }),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/models/{name}/{version}',
    right: 'read',
    summary: 'One package with its manifest',
    params: named,
    answer: description,
    handle: ({ params: { name, version } }) => models.describe(name, version),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/models/{name}/{version}/golden',
    right: 'read',
    summary: 'How a model does on its golden images on this machine',
    params: named,
    answer: golden,
    handle: async ({ params: { name, version } }) => goldenJson(await models.goldenReport(name, version)),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/models/{name}/{version}/report',
    right: 'read',
    summary: 'What its maker says of how good it is: HTML, or Markdown as plain text',
    params: named,
    answer: { mediaTypes: ['text/html', 'text/plain'] },
    handle: async ({ params: { name, version } }, reply) => {
      const { kind, text } = await models.report(name, version);
      // Whoever made the package wrote it: it is shown, and can do nothing here.
      return reply
        .header('content-security-policy', REPORT_POLICY)
        .type(`text/${kind === 'html' ? 'html' : 'plain'}; charset=utf-8`)
        .send(text);
    },
  });
  api.add({
    method: 'DELETE',
    path: '/api/v1/models/{name}/{version}',
    right: 'tune',
    summary: 'Delete a package that decides for no recipe',
    params: named,
    query: signedQuery,
    answer: z.object({}),
    audit: { act: 'model_remove', about: ({ params: { name, version } }) => `${name}/${version}` },
    signs: ({ query }) => query.by,
    handle: async ({ params: { name, version } }, _reply, request) => {
      await models.remove(name, version, by(request));
      return {};
    },
  });
  api.add({
    method: 'POST',
    path: '/api/v1/models/activate',
    right: 'tune',
    summary: 'Put a model to work: proven first, then switched; on any failure the old one serves on',
    body: activateBody,
    answer: activated,
    audit: {
      act: 'model_activate',
      about: ({ body: { name, version, recipe } }) => `${name}/${version ?? 'highest'} for ${recipe ?? 'its recipes'}`,
    },
    signs: ({ body }) => body.by,
    handle: async ({ body: { name, version, recipe } }, _reply, request) => ({
      activated: (await models.activate({ name, version, recipe }, by(request))).map(activatedJson),
    }),
  });
  api.add({
    method: 'POST',
    path: '/api/v1/models/rollback',
    right: 'tune',
    summary: 'Go back to the model that decided before',
    body: rollbackBody,
    answer: activated,
    audit: { act: 'model_rollback', about: ({ body: { recipe } }) => recipe ?? 'the only recipe' },
    signs: ({ body }) => body.by,
    handle: async ({ body: { recipe, seen } }, _reply, request) => ({
      activated: (await models.rollback(recipe, by(request), seen)).map(activatedJson),
    }),
  });

  api.describe({
    method: 'POST',
    path: '/api/v1/models',
    right: 'tune',
    summary: 'Take a package in, each file a part: checked and proven in an engine first; changes nothing at work',
    query: signedQuery,
    ...PACKAGE_FORM,
    answer: listing,
  });
  void server.register(async (scope) => {
    // The body is read by the upload itself, file by file.
    scope.addContentTypeParser('multipart/form-data', (_request, _payload, done) => done(null));
    scope.post('/api/v1/models', { config: { right: 'tune' } }, async (request, reply) => {
      request.actor = signedBy(request.actor, checked(signedQuery, request.query).by);
      const upload = await receivePackage(request.raw, ports.maxPackageBytes);
      try {
        const about = (added: ModelListing | null) =>
          added === null ? upload.claims : `${added.name}/${added.version}`;
        const add = () => models.add(upload.folder, by(request));
        return reply.code(201).send(await audit.during(askerOf(request), 'model_add', about, add));
      } finally {
        await upload.remove();
      }
    });
  });
}

function activationJson({ seq, at, by, kind, recipe, from, to }: Activation) {
  return { seq, at: new Date(at).toISOString(), by, kind, recipe, from, to };
}

function activatedJson({ activation: done, cuts }: Activated) {
  return { ...activationJson(done), cuts };
}

function goldenJson(report: GoldenReport) {
  return { ...report, checkedAt: new Date(report.checkedAt).toISOString() };
}
