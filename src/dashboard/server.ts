/** The HTTP server: health and metrics for ops, results for people and tools. Reads; never touches the way of a frame. */

import { createServer as createHttp, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import Fastify, { type ConnectionError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Door, keepDoor } from '../door.ts';
import { asLoupeError, describeError, LoupeError, messageOf } from '../errors.ts';
import type { Actor } from '../frame/people.ts';
import { Api, type problemSchema } from './api.ts';
import { addDriftRoutes, type DriftRoutesPorts } from './drift-routes.ts';
import { addLineRoutes } from './line-routes.ts';
import type { LiveFeed } from './live-feed.ts';
import { addOpsRoutes, type OpsPorts } from './ops-routes.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { refuseOtherSites, refuseWithoutPageHeader } from './origin.ts';
import { addPage } from './page.ts';
import { addPeopleRoutes, type PeopleRoutesPorts, refuseWhileUnknown } from './people-routes.ts';
import { addResultRoutes, type ResultRoutesPorts } from './result-routes.ts';
import { addModelRoutes, type ModelRoutesPorts } from './model-routes.ts';
import { addQualityRoutes, type QualityRoutesPorts } from './quality-routes.ts';
import { addRecipeRoutes, type RecipeRoutesPorts } from './recipe-routes.ts';
import { addProvingRoutes, type ProvingRoutesPorts } from './proving-routes.ts';
import { addShadowRoutes, type ShadowRoutesPorts } from './shadow-routes.ts';
import { addReviewRoutes, type ReviewPorts } from './review-routes.ts';
import type { AuditPort, RouteRight, Session } from './right.ts';
import { contextOf, type ServerTls, TlsGuard, tlsOptionsOf, type TlsRefusal } from '../server-tls.ts';
import { secretIn } from './session-cookie.ts';

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTls | null;
  readonly maxBodyBytes: number;
  /** Whether only this machine can connect: then a request that names another host comes from a page that was tricked. */
  readonly isLoopback: boolean;
  /** Who bears this token, or holds the session of this secret; null: the request shows none. */
  whoAsks(token: string | null, secret: string | null): { readonly actor: Actor; readonly session: Session | null };
  readonly ports: OpsPorts &
    ResultRoutesPorts &
    ReviewPorts &
    ModelRoutesPorts &
    RecipeRoutesPorts &
    ProvingRoutesPorts &
    DriftRoutesPorts &
    ShadowRoutesPorts &
    PeopleRoutesPorts &
    QualityRoutesPorts;
  readonly audit: AuditPort;
  readonly feed: LiveFeed;
  /** Routes of other stages, added before the server listens. */
  readonly more: readonly ((server: FastifyInstance, api: Api) => void)[];
  onError(error: unknown): void;
  /** A connection was closed. */
  onFlood(flood: HttpFlood): void;
  /** Somebody was not let in. */
  onTlsRefused(refusal: TlsRefusal): void;
}

export type HttpFlood =
  /** There were more than there may be, and nothing was under way on it. */
  | { readonly flood: 'connections' }
  /** It sent requests without waiting for the answers. */
  | { readonly flood: 'pipelining'; readonly address: string };

/** Milliseconds a connection may take to say what it wants, and how often that is looked at. */
const SLOW_PEER_LIMITS = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 2000 };
const MAX_CONNECTIONS = 200;
const MAX_PARAM_LENGTH = 2000;

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const PROBLEM = 'application/problem+json; charset=utf-8';

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/** Requests are checked by `Api`, so that the compilers of JSON schemas that Fastify brings need not be loaded at every start. */
function noSchemas(): never {
  throw new Error('expected a route without a JSON schema of its own');
}

export class HttpServer {
  private readonly options: HttpServerOptions;
  private readonly server: FastifyInstance;
  private readonly guard: TlsGuard;
  private readonly door: Door;

  constructor(options: HttpServerOptions) {
    this.options = options;
    const { tls } = options;
    const { requestTimeout } = SLOW_PEER_LIMITS;
    const common = {
      bodyLimit: options.maxBodyBytes,
      requestTimeout,
      forceCloseConnections: 'idle' as const,
      // The schema of a route says how long an id may be, in words.
      routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
      schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
      clientErrorHandler: answerNoRequest,
      // What Fastify finds wrong before it knows the route.
      frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) => {
        const known = knownError(error);
        void reply.headers(SECURITY_HEADERS).code(describeError(known.code).http).type(PROBLEM);
        return reply.send(errorBody(known.code, known.message));
      },
    };
    this.server = Fastify({
      ...common,
      serverFactory: (answer) => {
        const listener = oneAtATime(answer, (address) => {
          if (door.turnAway(address)) options.onFlood({ flood: 'pipelining', address });
        });
        return tls === null ? createHttp(SLOW_PEER_LIMITS, listener) : createHttps(httpsOptions(tls), listener);
      },
    });
    this.guard = new TlsGuard(tls?.refused ?? new Set(), (refusal) => options.onTlsRefused(refusal));
    this.guard.guard(this.server.server);
    const door = keepDoor(this.server.server, MAX_CONNECTIONS, () => options.onFlood({ flood: 'connections' }));
    this.door = door;
    this.server.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      door.hears(socket);
      response.once('close', () => door.rests(socket));
    });
    const api = new Api(this.server, options.audit);
    this.addGuards(api);
    addOpsRoutes(this.server, api, options.ports);
    addResultRoutes(api, options.ports);
    addProvingRoutes(api, options.ports);
    addDriftRoutes(api, options.ports);
    addReviewRoutes(api, options.ports);
    addRecipeRoutes(api, options.ports);
    addQualityRoutes(api, options.ports);
    addLineRoutes(api, options.feed, (request) => {
      const { actor, session } = this.whoAsks(request);
      return actor.rights.includes('read') && session?.tokenHash === request.session?.tokenHash;
    });
    addPeopleRoutes(api, options.ports);
    addPage(this.server, options.ports.calendar.timeZone);
    addModelRoutes(this.server, api, options.ports, options.audit);
    addShadowRoutes(api, options.ports);
    for (const add of options.more) add(this.server, api);
  }

  /** @throws when the address cannot be had */
  async start(): Promise<{ port: number }> {
    await this.server.listen({ host: this.options.host, port: this.options.port });
    const address = this.server.server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : this.options.port };
  }

  /** New connections get this certificate; open ones keep theirs. @throws where the pair does not fit: the old one stays */
  useTls(tls: ServerTls): void {
    const { server } = this.server;
    if (!('setSecureContext' in server)) return;
    (server as HttpsServer).setSecureContext(contextOf(tls));
    this.guard.use(tls.refused);
  }

  /** Lets answers that are under way end; who has not read theirs by then (a slow reader of an export) is cut off. */
  async stop(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.server.server.closeAllConnections(), graceMs);
    // Browsers open connections ahead of what they may ask.
    this.door.shut();
    await this.server.close();
    clearTimeout(timer);
  }

  private whoAsks(request: FastifyRequest) {
    return this.options.whoAsks(bearerOf(request), secretIn(request));
  }

  private addGuards(api: Api): void {
    this.server.decorateRequest('actor');
    this.server.decorateRequest('session', null);
    this.server.addHook('onRequest', async (_request, reply) => {
      reply.headers(SECURITY_HEADERS);
    });
    this.server.addHook('onRequest', async (request) => {
      if (this.options.isLoopback && !LOOPBACK_HOST.test(request.headers.host ?? '')) {
        throw new LoupeError(
          'permission_denied',
          'expected a Host header of this machine (localhost, 127.0.0.1, [::1])',
        );
      }
      refuseOtherSites(request);
      const { actor, session } = this.whoAsks(request);
      request.actor = actor;
      request.session = session;
      if (session !== null) refuseWithoutPageHeader(request);
      const right = request.routeOptions.config.right ?? 'admin';
      if (mayUse(request, right)) return;
      refuseWhileUnknown(this.options.ports.people, request);
      throw new LoupeError(
        request.actor.kind === 'anonymous' ? 'unauthenticated' : 'permission_denied',
        right === 'signed_in' ? 'this is for a person who signed in' : whyNot(request, right),
      );
    });
    // Before a body is looked at: nothing will be done with it.
    this.server.addHook('onRequest', async (request, reply) => {
      if (!request.is404) return;
      const { method, url } = request;
      const offered = api.methodsAt(url.split('?')[0] ?? '');
      if (offered.length > 0) void reply.header('allow', offered.join(', '));
      const [status, message] =
        offered.length > 0
          ? [405, `expected ${offered.join(' or ')}, got ${method}`]
          : [404, `nothing is at ${method} ${url.slice(0, 200)}`];
      void reply.code(status).type(PROBLEM);
      await reply.send(errorBody('invalid_request', message, status));
    });
    this.server.setErrorHandler((error, _request, reply) => {
      const known = knownError(error);
      if (known.code === 'internal') this.options.onError(error);
      return reply.code(describeError(known.code).http).type(PROBLEM).send(errorBody(known.code, known.message));
    });
  }
}

function httpsOptions(tls: ServerTls) {
  return { ...SLOW_PEER_LIMITS, handshakeTimeout: SLOW_PEER_LIMITS.headersTimeout, ...tlsOptionsOf(tls) };
}

function mayUse({ actor, session }: FastifyRequest, right: RouteRight): boolean {
  if (right === 'open') return true;
  return right === 'signed_in' ? session !== null : actor.rights.includes(right);
}

function whyNot(request: FastifyRequest, right: string): string {
  const { kind, name, role } = request.actor;
  const needed = `this needs the right "${right}"`;
  if (kind === 'token') return `${needed}, which the token "${name}" does not have`;
  if (kind === 'session') return `${needed}, which the role ${role} does not have`;
  return bearerOf(request) === null
    ? `${needed}: sign in, or send Authorization: Bearer <token>`
    : `${needed}, and the token that came is none of auth.tokens`;
}

function bearerOf(request: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

/** Fastify's own complaints (a body too large, bad JSON) are the client's; anything else unknown is ours. */
function knownError(error: unknown): LoupeError {
  if (error instanceof LoupeError) return error;
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  const message = messageOf(error);
  if (status === 413) return new LoupeError('message_too_large', message, { cause: error });
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new LoupeError('invalid_request', message, { cause: error });
  }
  return asLoupeError(error);
}

/** Of a request that is cut off, too slow, or none at all. */
function answerNoRequest(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const status = late ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const what = late ? 'a request that is whole in time' : 'a request in HTTP/1.1';
  const body = JSON.stringify(errorBody('invalid_request', `expected ${what}, got: ${error.message}`, status));
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${PROBLEM}`;
  if (socket.writable) socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  socket.destroy(error);
}

/** RFC 9457, with the members that other roads' errors have too. */
function errorBody(
  code: LoupeError['code'],
  message: string,
  status = describeError(code).http,
): z.output<typeof problemSchema> {
  const { retry } = describeError(code);
  return {
    schema: 'inspection.error/1',
    type: `urn:loupe:error:${code}`,
    title: code.replaceAll('_', ' '),
    status,
    detail: message,
    code,
    message,
    retry,
  };
}
