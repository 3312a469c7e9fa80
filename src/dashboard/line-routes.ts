/** The line, as it is now and as it goes on. */

import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Api } from './api.ts';
import type { LiveFeed, Watcher } from './live-feed.ts';
import { cameraSchema } from './schemas.ts';

export function addLineRoutes(api: Api, feed: LiveFeed, mayGoOn: (request: FastifyRequest) => boolean): void {
  api.add({
    method: 'GET',
    path: '/api/v1/cameras',
    right: 'read',
    summary: 'Each camera: last verdicts, rate, counts, latency, and what is wrong with it',
    answer: z.object({ cameras: z.array(cameraSchema) }),
    handle: () => ({ cameras: feed.cameras() }),
  });

  api.add({
    method: 'GET',
    path: '/api/v1/live',
    right: 'read',
    summary:
      'Server-sent events: `cameras` with the ids of all there are, `camera` with the state of one, `service` with readiness, at most 5 a second each; `judged` with what somebody said of a result',
    answer: { mediaTypes: ['text/event-stream'] },
    handle: (_given, reply, request) => {
      // It has no body, so nothing would ever end it.
      if (request.method === 'HEAD') return reply.type('text/event-stream').send();
      const { raw } = reply;
      const watcher: Watcher = {
        write: (text) => raw.write(text),
        end: () => raw.end(),
        mayGoOn: () => mayGoOn(request),
      };
      const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
      raw.on('drain', () => feed.drained(watcher));
      raw.once('close', () => feed.leave(watcher));
      reply.hijack();
      raw.writeHead(200, headers as Record<string, string>);
      // Through to the reader at once, however quiet the line is.
      raw.write('retry: 2000\n\n');
      if (!feed.join(watcher)) raw.end(`event: full\ndata: {}\n\n`);
      return reply;
    },
  });
}
