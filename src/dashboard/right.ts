/** What a request may need, and who makes it. */

import type { Actor, Right } from '../frame/people.ts';

/** `open` routes answer everyone. */
export type RouteRight = Right | 'open';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request needs; without it `admin`. */
    right?: RouteRight;
  }
  interface FastifyRequest {
    /** Who asks, known before any handler runs. */
    actor: Actor;
  }
}
