/** What a request may need, who makes it, and what it leaves behind. */

import type { FastifyRequest } from 'fastify';
import type { Actor, Asker, Right } from '../frame/people.ts';

/** `open` routes answer everyone, `signed_in` ones every person with a session. */
export type RouteRight = Right | 'open' | 'signed_in';

/** A person's session, as a cookie proved it. */
export interface Session {
  readonly tokenHash: string;
  readonly userId: string;
  readonly actor: Actor;
}

export interface AuditPort {
  /** Does `work` and notes what came of it in the audit log. @throws LoupeError store_unavailable; what `work` throws */
  during<T>(by: Asker, act: string, about: (done: T | null) => string, work: () => Promise<T>): Promise<T>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request needs; without it `admin`. */
    right?: RouteRight;
  }
  interface FastifyRequest {
    /** Who asks, known before any handler runs. */
    actor: Actor;
    /** Null where a token asks, or nobody known. */
    session: Session | null;
  }
}

export function askerOf({ actor, ip }: FastifyRequest): Asker {
  // An IPv4 address as a socket for both kinds writes it.
  return { actor, from: ip.replace(/^::ffff:/, '') };
}
