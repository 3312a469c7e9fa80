/** Signing in and out, accounts, and the audit log. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LoupeError } from '../errors.ts';
import {
  type Account,
  type AccountChange,
  type Asker,
  type AuditRow,
  RIGHTS,
  type Role,
  ROLES,
} from '../frame/people.ts';
import type { Api } from './api.ts';
import { refuseWithoutPageHeader } from './origin.ts';
import { askerOf, type Session } from './right.ts';
import { secretIn, setCookie } from './session-cookie.ts';

type SignInOutcome =
  | { readonly kind: 'signed_in'; readonly secret: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly waitMs: number };

/** Everything here throws LoupeError: user_not_found, user_exists, user_refused, invalid_request, store_unavailable. */
export interface PeoplePort {
  readonly state: 'none' | 'some' | 'unknown';
  signIn(name: string, password: string, from: string): Promise<SignInOutcome>;
  setUp(code: string, name: string, password: string, from: string): Promise<SignInOutcome>;
  signOut(session: Session, from: string): Promise<void>;
  changeOwnPassword(session: Session, current: string, next: string, from: string): Promise<SignInOutcome>;
  list(): readonly Account[];
  add(by: Asker, given: { readonly name: string; readonly role: Role; readonly password: string }): Promise<Account>;
  change(by: Asker, userId: string, change: AccountChange): Promise<Account>;
}

export interface PeopleRoutesPorts {
  readonly people: PeoplePort;
  /** Newest first. */
  auditPage(before: number | null, limit: number): Promise<readonly AuditRow[]>;
  /** Seconds after which a browser forgets its session. */
  readonly sessionMaxAgeS: number;
}

const isoTime = z.string().describe('RFC 3339');
const typed = z.string().min(1).max(1024);
const name = z.string().min(1).max(256);
const role = z.enum(ROLES);

const whoSchema = z.object({
  kind: z.enum(['token', 'session', 'anonymous', 'local']),
  name: z.string().nullable(),
  role: role.nullable(),
  rights: z.array(z.enum(RIGHTS)),
  accounts: z
    .enum(['none', 'some', 'unknown'])
    .describe(
      '`none`: the first one is made with the code that the service printed. `unknown`: the store cannot be read.',
    ),
});
const userSchema = z.object({
  id: z.string(),
  name: z.string(),
  role,
  isDisabled: z.boolean(),
  createdAt: isoTime,
  createdBy: z.string(),
  changedAt: isoTime,
  changedBy: z.string(),
});
const auditSchema = z.object({
  seq: z.int(),
  at: isoTime,
  actorKind: z.string(),
  actor: z.string(),
  role: role.nullable(),
  from: z.string(),
  act: z.string(),
  about: z.string(),
  outcome: z.enum(['done', 'refused', 'failed']),
  detail: z.string().nullable(),
  chainHash: z.string(),
});

export type WhoJson = z.output<typeof whoSchema>;
export type UserJson = z.output<typeof userSchema>;
export type AuditJson = z.output<typeof auditSchema>;

/**
 * While the store cannot be read, as in the first moments of the service, nobody knows whose cookie it is: its bearer is to wait, not
 * to sign in again.
 * @throws LoupeError store_unavailable
 */
export function refuseWhileUnknown(people: Pick<PeoplePort, 'state'>, request: FastifyRequest): void {
  if (people.state !== 'unknown' || request.actor.kind !== 'anonymous' || secretIn(request) === null) return;
  throw new LoupeError('store_unavailable', 'who is signed in cannot be read from the store yet');
}

export function addPeopleRoutes(api: Api, ports: PeopleRoutesPorts): void {
  const { people } = ports;
  const letIn = (outcome: SignInOutcome, wrong: string, request: FastifyRequest, reply: FastifyReply) => {
    if (outcome.kind === 'limited') {
      const seconds = Math.ceil(outcome.waitMs / 1000);
      reply.header('retry-after', seconds);
      throw new LoupeError('too_many_attempts', `too many wrong attempts: try again in ${seconds} s`);
    }
    if (outcome.kind === 'refused') throw new LoupeError('unauthenticated', wrong);
    setCookie(request, reply, outcome.secret, ports.sessionMaxAgeS);
    return {};
  };
  const sessionOf = (request: FastifyRequest): Session => {
    if (request.session === null) throw new LoupeError('unauthenticated', 'nobody is signed in here');
    return request.session;
  };

  api.add({
    method: 'GET',
    path: '/api/v1/session',
    right: 'open',
    summary: 'Who asks, and what they may do',
    answer: whoSchema,
    handle: (_given, _reply, request) => {
      refuseWhileUnknown(people, request);
      return { ...request.actor, accounts: people.state };
    },
  });
  api.add({
    method: 'POST',
    path: '/api/v1/session',
    right: 'open',
    summary: 'Sign in; the answer sets a cookie',
    body: z.strictObject({ name, password: typed }),
    answer: z.object({}),
    audit: 'within',
    handle: async ({ body }, reply, request) => {
      refuseWithoutPageHeader(request);
      const { from } = askerOf(request);
      const outcome = await people.signIn(body.name, body.password, from);
      // Whoever sat here before is not here any more.
      if (outcome.kind === 'signed_in' && request.session !== null) await people.signOut(request.session, from);
      return letIn(outcome, 'the name or the password is wrong', request, reply);
    },
  });
  api.add({
    method: 'DELETE',
    path: '/api/v1/session',
    right: 'signed_in',
    summary: 'Sign out',
    answer: z.object({}),
    audit: 'within',
    handle: async (_given, reply, request) => {
      const session = sessionOf(request);
      await people.signOut(session, askerOf(request).from);
      setCookie(request, reply, null, 0);
      return {};
    },
  });
  api.add({
    method: 'POST',
    path: '/api/v1/session/password',
    right: 'signed_in',
    summary: "Change one's own password; ends all other sessions of that person",
    body: z.strictObject({ current: typed, next: typed }),
    answer: z.object({}),
    audit: 'within',
    handle: async ({ body }, reply, request) => {
      const session = sessionOf(request);
      const outcome = await people.changeOwnPassword(session, body.current, body.next, askerOf(request).from);
      return letIn(outcome, 'the current password is wrong', request, reply);
    },
  });
  api.add({
    method: 'POST',
    path: '/api/v1/setup',
    right: 'open',
    summary: 'Make the first admin with the code that the service printed, and sign in',
    body: z.strictObject({ code: z.string().min(1).max(64), name, password: typed }),
    answer: z.object({}),
    audit: 'within',
    handle: async ({ body }, reply, request) => {
      refuseWithoutPageHeader(request);
      const outcome = await people.setUp(body.code, body.name, body.password, askerOf(request).from);
      return letIn(outcome, 'the setup code is wrong', request, reply);
    },
  });
  api.add({
    method: 'GET',
    path: '/api/v1/users',
    right: 'admin',
    summary: 'Everybody who has an account',
    answer: z.object({ users: z.array(userSchema) }),
    handle: () => ({ users: people.list().map(userJson) }),
  });
  api.add({
    method: 'POST',
    path: '/api/v1/users',
    right: 'admin',
    summary: 'Add somebody',
    body: z.strictObject({ name, role, password: typed }),
    answer: userSchema,
    status: 201,
    audit: 'within',
    handle: async ({ body }, _reply, request) => userJson(await people.add(askerOf(request), body)),
  });
  api.add({
    method: 'PATCH',
    path: '/api/v1/users/{id}',
    right: 'admin',
    summary: 'Change role or password, disable or enable; ends the sessions of that person',
    params: z.strictObject({ id: z.string().max(64) }),
    body: z
      .strictObject({ role: role.optional(), isDisabled: z.boolean().optional(), password: typed.optional() })
      .refine((change) => Object.keys(change).length > 0, { error: 'expected role, isDisabled or password' })
      .meta({ minProperties: 1 }),
    answer: userSchema,
    audit: 'within',
    handle: async ({ params, body }, _reply, request) => {
      const { role: asked, isDisabled, password } = body;
      return userJson(
        await people.change(askerOf(request), params.id, {
          ...(asked === undefined ? {} : { role: asked }),
          ...(isDisabled === undefined ? {} : { isDisabled }),
          ...(password === undefined ? {} : { password }),
        }),
      );
    },
  });
  api.add({
    method: 'GET',
    path: '/api/v1/audit',
    right: 'admin',
    summary: 'Who did what, newest first; each line is hashed with the one before',
    query: z.strictObject({
      before: z.coerce.number().int().min(1).optional().describe('`next` of the page before'),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    answer: z.object({ entries: z.array(auditSchema), next: z.int().nullable() }),
    handle: async ({ query: { before, limit } }) => {
      const rows = await ports.auditPage(before ?? null, limit);
      const last = rows.at(-1)?.seq ?? 1;
      return {
        entries: rows.map((row) => ({ ...row, at: new Date(row.at).toISOString() })),
        next: rows.length < limit || last <= 1 ? null : last,
      };
    },
  });
}

function userJson({
  userId,
  name: shown,
  role: held,
  isDisabled,
  createdAt,
  createdBy,
  changedAt,
  changedBy,
}: Account): UserJson {
  return {
    id: userId,
    name: shown,
    role: held,
    isDisabled,
    createdAt: new Date(createdAt).toISOString(),
    createdBy,
    changedAt: new Date(changedAt).toISOString(),
    changedBy,
  };
}
