/** The cookie that holds a session's secret. */

import type { FastifyReply, FastifyRequest } from 'fastify';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/**
 * Cookies do not tell ports apart, so the name does: two stations on one machine must not sign each other's people out. With TLS
 * the prefix keeps other machines of the domain from setting it.
 */
function nameAt(request: FastifyRequest): string {
  const isSecure = request.protocol === 'https';
  return `${isSecure ? '__Host-' : ''}loupe-session-${request.socket.localPort ?? 0}`;
}

/** Null where there is none, or two that differ: somebody else put one of them there. */
export function secretIn(request: FastifyRequest): string | null {
  const name = nameAt(request);
  const found = new Set(
    (request.headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${name}=`))
      .map((pair) => pair.slice(name.length + 1)),
  );
  const [secret] = found;
  return found.size === 1 && secret !== undefined && SECRET.test(secret) ? secret : null;
}

/** @param secret null takes the cookie away */
export function setCookie(request: FastifyRequest, reply: FastifyReply, secret: string | null, maxAgeS: number): void {
  const secure = request.protocol === 'https' ? '; Secure' : '';
  const age = secret === null ? 0 : Math.floor(maxAgeS);
  reply.header(
    'set-cookie',
    `${nameAt(request)}=${secret ?? ''}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure}`,
  );
}
