/** Who asks, and what each may do: the words that every door, the store and the page share. */

/** What a request may need. `tune`: cuts and models. `admin` holds `tune`. */
export const RIGHTS = ['ingest', 'read', 'review', 'tune', 'admin'] as const;
export type Right = (typeof RIGHTS)[number];

/** Of people, each holding what the one before may do. */
export const ROLES = ['viewer', 'operator', 'engineer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Frames come from cameras: no role holds `ingest`. */
export const RIGHTS_OF: Readonly<Record<Role, readonly Right[]>> = {
  viewer: ['read'],
  operator: ['read', 'review'],
  engineer: ['read', 'review', 'tune'],
  admin: ['read', 'review', 'tune', 'admin'],
};

/** Who makes a request: the bearer of a token, a person who signed in, nobody known, or a user of this machine at its command line. */
export interface Actor {
  readonly kind: 'token' | 'session' | 'anonymous' | 'local';
  /** Of the token or the person; null where nobody is known. */
  readonly name: string | null;
  /** Of a person; null for others. */
  readonly role: Role | null;
  readonly rights: readonly Right[];
}

export const NOBODY: Actor = { kind: 'anonymous', name: null, role: null, rights: [] };

/** What is noted as the one who did it. */
export function nameOf({ name }: Actor): string {
  return name ?? 'anyone';
}

/** Where nobody is known, a change is signed with the name that was sent; nobody checked it, so its actor stays `anonymous`. */
export function signedBy(actor: Actor, sent: string | undefined): Actor {
  return actor.name === null && sent !== undefined ? { ...actor, name: sent } : actor;
}

/** One person's account. Accounts are never deleted, so that a name stands for one person for ever. */
export interface Account {
  readonly userId: string;
  /** As it is shown: any text of at most 64 characters. */
  readonly name: string;
  readonly role: Role;
  /** With its parameters and its salt. */
  readonly passwordHash: string;
  readonly isDisabled: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly createdBy: string;
  readonly changedAt: number;
  readonly changedBy: string;
}

/** A session as it is kept: whoever reads this cannot become the person. */
export interface StoredSession {
  /** SHA-256 of the secret in the cookie, lower-case hex. */
  readonly tokenHash: string;
  readonly userId: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** One line of the audit log: who did what, from where, and what came of it. Only ever added. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly actorKind: Actor['kind'];
  readonly actor: string;
  readonly role: Role | null;
  /** Address of the other end; empty for `local`. */
  readonly from: string;
  /** `sign_in`, `review`, `model_activate` … */
  readonly act: string;
  /** What it was done to, for a person. */
  readonly about: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** Why it was refused or failed. */
  readonly detail: string | null;
}

export interface AuditRow extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number;
  readonly chainHash: string;
}

/** What is committed together: the change and its line in the audit log, or neither. */
export interface PeopleChange {
  readonly putAccount?: Account;
  readonly startSession?: StoredSession;
  /** Their token hashes. */
  readonly endSessions?: readonly string[];
  readonly entry?: AuditEntry;
}

/** Everything about people that the store holds, but the audit log. */
export interface StoredPeople {
  readonly accounts: readonly Account[];
  readonly sessions: readonly StoredSession[];
}

/** Who makes a request, and from where. */
export interface Asker {
  readonly actor: Actor;
  /** Address of the other end. */
  readonly from: string;
}

/** What somebody did, as a line of the audit log. @param at milliseconds since 1970 */
export function entryOf(
  { actor, from }: Asker,
  at: number,
  act: string,
  about: string,
  end: { readonly outcome: AuditEntry['outcome']; readonly detail: string | null } = { outcome: 'done', detail: null },
): AuditEntry {
  return { at, actorKind: actor.kind, actor: nameOf(actor), role: actor.role, from, act, about, ...end };
}

export type AccountListing = Omit<Account, 'passwordHash'>;

/** What an admin may change of somebody; what is left out stays. */
export interface AccountChange {
  readonly role?: Role;
  readonly isDisabled?: boolean;
  readonly password?: string;
}

/**
 * Accounts and audit log, as the command line works on them: of a running service, or of a store that none has open. Everything here
 * throws LoupeError: user_not_found, user_exists, user_refused, invalid_request, store_unavailable.
 */
export interface PeopleControl {
  list(): Promise<readonly AccountListing[]>;
  add(given: { readonly name: string; readonly role: Role; readonly password: string }): Promise<AccountListing>;
  change(name: string, change: AccountChange): Promise<AccountListing>;
  /** Newest first. */
  audit(before: number | null, limit: number): Promise<readonly AuditRow[]>;
}
