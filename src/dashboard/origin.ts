/**
 * Requests that the page of another site made a browser send. A cookie, and the open door of a loopback, come along by
 * themselves; a header of one's own does not without asking first (CORS), and nobody who asks is answered.
 */

import type { FastifyRequest } from 'fastify';
import { LoupeError } from '../errors.ts';

/** The page sends it with every request. */
const PAGE_HEADER = 'x-loupe-page';
const READS = new Set(['GET', 'HEAD']);

/** @throws LoupeError permission_denied */
export function refuseOtherSites(request: FastifyRequest): void {
  if (READS.has(request.method)) return;
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  // `same-site` is another port of this machine: a program of somebody else.
  if (site === 'cross-site' || site === 'same-site') refuse('a page of another site asked for this');
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
  if (!isOwn) refuse('expected a request from this service itself, not from another site');
}

/** For what a cookie opens, and for signing in. @throws LoupeError permission_denied */
export function refuseWithoutPageHeader(request: FastifyRequest): void {
  if (READS.has(request.method) || request.headers[PAGE_HEADER] !== undefined) return;
  refuse(`expected the header ${PAGE_HEADER}, which a page of another site cannot send`);
}

function refuse(message: string): never {
  throw new LoupeError('permission_denied', message);
}
