/** What probes, Prometheus and on-call people ask. */

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Api } from './api.ts';

export interface HealthView {
  readonly isReady: boolean;
  readonly notReady: readonly { readonly part: string; readonly detail: string }[];
  readonly degraded: readonly { readonly part: string; readonly detail: string }[];
}

export interface OpsPorts {
  readonly version: string;
  health(): HealthView;
  /** Everything a person asks first: addresses, models, queue, store, outbox. */
  status(): unknown;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
}

export function addOpsRoutes(server: FastifyInstance, api: Api, ports: OpsPorts): void {
  server.get('/healthz', { config: { right: 'open' } }, () => ({ status: 'alive' }));
  server.get('/readyz', { config: { right: 'open' } }, (_request, reply) => {
    const health = ports.health();
    return reply.code(health.isReady ? 200 : 503).send({
      status: health.isReady ? (health.degraded.length > 0 ? 'degraded' : 'ready') : 'not_ready',
      notReady: health.notReady,
      degraded: health.degraded,
    });
  });
  server.get('/metrics', { config: { right: 'read' } }, async (_request, reply) =>
    reply.type(ports.metrics.contentType).send(await ports.metrics.render()),
  );
  api.add({
    method: 'GET',
    path: '/api/v1/status',
    right: 'read',
    summary: 'Addresses, models, engines, queue, store, outbox, recent errors',
    answer: z.looseObject({ schema: z.literal('loupe.service-status/1'), isReady: z.boolean() }),
    handle: () => ports.status(),
  });
  api.add({
    method: 'GET',
    path: '/api/v1/openapi.json',
    right: 'open',
    summary: 'This document',
    answer: z.looseObject({ openapi: z.literal('3.1.0') }),
    handle: () => api.document(ports.version),
  });
}
