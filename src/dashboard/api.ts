/**
 * Routes of `/api/v1`, each declared once: the schemas that check a request are the ones that the OpenAPI document is made of.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LoupeError } from '../errors.ts';
import { signedBy } from '../frame/people.ts';
import { type AuditPort, askerOf, type RouteRight } from './right.ts';

export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in OpenAPI: `/api/v1/results/{id}`. */
  readonly path: string;
  readonly right: RouteRight;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** JSON of this shape, or a body of another media type. */
  readonly answer: z.ZodType | { readonly mediaTypes: readonly string[] };
  /** Of that answer; 200 where nothing is said. */
  readonly status?: 201;
  /**
   * What a changing request leaves in the audit log; `within`: what `handle` calls commits the line with the change; `nothing`:
   * it changes nothing.
   */
  readonly audit?: 'within' | 'nothing' | { readonly act: string; about(given: Given<P, Q, B>): string };
  /** The name that was sent to sign with; it counts where nobody is known. */
  signs?(given: Given<P, Q, B>): string | undefined;
  handle(given: Given<P, Q, B>, reply: FastifyReply, request: FastifyRequest): unknown;
}

interface Given<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
}

/** A route whose body is a form of files, read by its own handler as it comes in. */
export interface FormRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly right: RouteRight;
  readonly summary: string;
  readonly query: z.ZodType;
  /** Names of the parts, each a file, with what it is. */
  readonly form: Readonly<Record<string, { readonly description: string; readonly isRequired: boolean }>>;
  /** Parts whose names are a pattern (regular expression), with what they are. */
  readonly patterns: Readonly<Record<string, string>>;
  readonly answer: z.ZodType;
}

/** A route whose body is one file as it is, read by a handler of another stage. */
export interface FileRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly right: RouteRight;
  readonly summary: string;
  readonly query: z.ZodType;
  readonly file: string;
  readonly answer: z.ZodType;
  /** Statuses beside 200 that may bring such an answer, with what they say. */
  readonly answeredToo: Readonly<Record<number, string>>;
}

type AnyRoute = Omit<RouteSpec<z.ZodType, z.ZodType, z.ZodType>, 'handle' | 'signs'>;

/** Of JSON; frames and packages have doors of their own. */
const MAX_BODY_BYTES = 64 * 1024;

const nothing = z.strictObject({});

export class Api {
  private readonly server: FastifyInstance;
  private readonly audit: AuditPort;
  private readonly routes: AnyRoute[] = [];
  private readonly described: (FormRoute | FileRoute)[] = [];

  constructor(server: FastifyInstance, audit: AuditPort) {
    this.server = server;
    this.audit = audit;
  }

  add<P extends z.ZodType = typeof nothing, Q extends z.ZodType = typeof nothing, B extends z.ZodType = z.ZodUnknown>(
    route: RouteSpec<P, Q, B>,
  ): void {
    const { audit, status = 200 } = route;
    if (route.method !== 'GET' && audit === undefined) {
      throw new Error(`${route.method} ${route.path} does not say what it leaves in the audit log`);
    }
    this.routes.push(route);
    this.server.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { right: route.right },
      bodyLimit: MAX_BODY_BYTES,
      handler: async (request, reply) => {
        const given: Given<P, Q, B> = {
          params: checked(route.params ?? nothing, request.params) as z.output<P>,
          query: checked(route.query ?? nothing, request.query) as z.output<Q>,
          body: checked(route.body ?? z.unknown(), request.body) as z.output<B>,
        };
        request.actor = signedBy(request.actor, route.signs?.(given));
        void reply.code(status);
        const work = async () => route.handle(given, reply, request);
        if (audit === undefined || typeof audit === 'string') return work();
        return this.audit.during(askerOf(request), audit.act, () => audit.about(given), work);
      },
    });
  }

  /** Puts a route into the document that the server has from elsewhere. */
  describe(route: FormRoute | FileRoute): void {
    this.described.push(route);
  }

  /** The methods that are offered at a path, as in an Allow header; empty where nothing is there. */
  methodsAt(pathname: string): readonly string[] {
    const all = [...this.routes, ...this.described].filter(({ path }) => patternOf(path).test(pathname));
    return all.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  }

  /** OpenAPI 3.1. @param version of the service */
  document(version: string): object {
    const paths: Record<string, Record<string, object>> = {};
    const add = (route: AnyRoute | FormRoute | FileRoute, operation: object) => {
      paths[route.path] ??= {};
      Object.assign(paths[route.path] ?? {}, { [route.method.toLowerCase()]: operation });
    };
    for (const route of this.routes) add(route, operationOf(route));
    for (const route of this.described) {
      add(route, 'form' in route ? formOperationOf(route) : fileOperationOf(route));
    }
    return {
      openapi: '3.1.0',
      info: { title: 'Loupe', version, description: 'Results, cameras and reviews of one inspection station.' },
      security: [{ bearer: [] }, { session: [] }, {}],
      paths,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: 'loupe-session-PORT',
            description: 'Set by POST /api/v1/session; what changes something needs the header x-loupe-page beside it.',
          },
        },
        schemas: { Problem: jsonSchema(problemSchema, 'output') },
      },
    };
  }
}

export const problemSchema = z.object({
  schema: z.literal('inspection.error/1'),
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().describe('A code of docs/errors.md.'),
  message: z.string(),
  retry: z.boolean().describe('Whether the same request may succeed later.'),
});

const patternOf = (path: string) =>
  new RegExp(`^${path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`);

export function checked<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const parsed = schema.safeParse(given === undefined ? {} : given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
  throw new LoupeError('invalid_request', faults.join('; '));
}

const PROBLEM = {
  description: 'A problem.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function operationOf(route: AnyRoute): object {
  const content =
    'mediaTypes' in route.answer
      ? Object.fromEntries(route.answer.mediaTypes.map((name) => [name, { schema: { type: 'string' } }]))
      : { 'application/json': { schema: jsonSchema(route.answer, 'output') } };
  return {
    summary: route.summary,
    'x-right': route.right,
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { 'application/json': { schema: jsonSchema(route.body, 'input') } },
          },
        }),
    responses: { [route.status ?? 200]: { description: 'Done.', content }, default: PROBLEM },
  };
}

function formOperationOf({ summary, right, query, form, patterns, answer }: FormRoute): object {
  const file = (description: string) => ({ type: 'string', contentMediaType: 'application/octet-stream', description });
  const parts = Object.entries(form);
  const schema = {
    type: 'object',
    properties: Object.fromEntries(parts.map(([name, { description }]) => [name, file(description)])),
    patternProperties: Object.fromEntries(Object.entries(patterns).map(([name, what]) => [name, file(what)])),
    required: parts.filter(([, { isRequired }]) => isRequired).map(([name]) => name),
    additionalProperties: false,
  };
  return {
    summary,
    'x-right': right,
    parameters: parametersOf(query, 'query'),
    requestBody: { required: true, content: { 'multipart/form-data': { schema } } },
    responses: {
      201: { description: 'Taken in.', content: { 'application/json': { schema: jsonSchema(answer, 'output') } } },
      default: PROBLEM,
    },
  };
}

function fileOperationOf({ summary, right, query, file, answer, answeredToo }: FileRoute): object {
  const content = { 'application/json': { schema: jsonSchema(answer, 'output') } };
  const too = Object.entries(answeredToo).map(([status, description]) => [
    status,
    { description, content: { ...content, ...PROBLEM.content } },
  ]);
  return {
    summary,
    'x-right': right,
    parameters: parametersOf(query, 'query'),
    requestBody: { required: true, description: file, content: { 'application/octet-stream': { schema: {} } } },
    responses: { 200: { description: 'Done.', content }, ...Object.fromEntries(too), default: PROBLEM },
  };
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object & { readonly description?: string }>>;
  readonly required?: readonly string[];
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as ObjectSchema;
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
