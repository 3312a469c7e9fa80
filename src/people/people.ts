/**
 * Who may sign in, who is signed in, and what they did. Memory is what counts while the service runs; every change is committed,
 * with its line of the audit log, before it counts.
 *
 *   sign in ──> limits ──> password ──> store (session + audit line) ──> memory ──> cookie
 *   each request ──> memory: session ──> account ──> actor
 */

import { v7 as uuidv7 } from 'uuid';
import { LoupeError, messageOf } from '../errors.ts';
import {
  type Account,
  type AccountChange,
  type Actor,
  type Asker,
  type AuditEntry,
  entryOf,
  NOBODY,
  type PeopleChange,
  RIGHTS_OF,
  type Role,
  type StoredPeople,
} from '../frame/people.ts';
import { Turns } from '../turns.ts';
import { Accounts, checkedName, checkPassword, nameKey } from './accounts.ts';
import type { AuditLog } from './audit-log.ts';
import { AttemptLimits } from './attempt-limits.ts';
import { Passwords } from './password.ts';
import { newSession, Sessions } from './sessions.ts';
import { SetupCode } from './setup-code.ts';

export interface PeopleStore {
  people(): Promise<StoredPeople>;
  /** False where it could not be committed. */
  changePeople(change: PeopleChange): Promise<boolean>;
}

export type PeopleEvent =
  /** Nobody has an account. `setupCode` makes the first one; it stands nowhere else. */
  | { readonly kind: 'first_run'; readonly setupCode: string }
  | { readonly kind: 'sign_in'; readonly result: SignInResult }
  | { readonly kind: 'people_unknown'; readonly detail: string };

export type SignInResult = 'done' | 'refused' | 'limited';

export interface PeopleOptions {
  readonly store: PeopleStore;
  readonly audit: AuditLog;
  readonly passwords?: Passwords;
  /** See SessionTimes. */
  readonly idleMs: number;
  readonly longestMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly steadyNow: () => number;
  readonly onEvent: (event: PeopleEvent) => void;
}

export interface SignedIn {
  readonly kind: 'signed_in';
  /** For the cookie; it stands nowhere else. */
  readonly secret: string;
  readonly actor: Actor;
}

/** `limited`: nothing was looked at; try again after `waitMs`. */
export type SignInOutcome =
  | SignedIn
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly waitMs: number };

export interface CurrentSession {
  readonly tokenHash: string;
  readonly userId: string;
  readonly actor: Actor;
}

const SWEEP_MS = 15_000;
const RETRY_MS = 1000;
const MAX_SESSIONS_EACH = 20;
/** Passwords that may wait to be looked at: each takes a core for a fraction of a second. */
const MAX_WAITING = 32;
const SETUP = 'setup code';

export class People {
  private readonly options: PeopleOptions;
  private readonly passwords: Passwords;
  private readonly accounts = new Accounts();
  private readonly sessions: Sessions;
  private readonly limits: AttemptLimits;
  /** What an unknown name is compared with, so that it takes as long as a known one. */
  private readonly decoy: string;
  /** Hashes of sessions that ended and may still stand in the store. */
  private readonly notForgotten = new Set<string>();
  private setupCode: SetupCode | null = null;
  private isKnown = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly hashing = new Turns();
  /** What a change was checked against must still stand when it is committed. */
  private readonly changes = new Turns();
  private waiting = 0;

  constructor(options: PeopleOptions) {
    this.options = options;
    this.passwords = options.passwords ?? new Passwords();
    this.decoy = this.passwords.decoy();
    this.sessions = new Sessions({ idleMs: options.idleMs, longestMs: options.longestMs, now: options.now });
    this.limits = new AttemptLimits(options.steadyNow);
  }

  /** Reads who there is. Where the store cannot be read, nobody is known, and it is tried again and again. */
  async start(): Promise<void> {
    await this.changes.take(() => this.load());
    this.timer ??= setInterval(() => void this.sweep(), this.isKnown ? SWEEP_MS : RETRY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** `unknown`: the store could not be read yet. */
  get state(): 'none' | 'some' | 'unknown' {
    if (!this.isKnown) return 'unknown';
    return this.accounts.isEmpty ? 'none' : 'some';
  }

  get sessionCount(): number {
    return this.sessions.count;
  }

  /** Who holds this cookie; null where it is nobody's, or no more. */
  whoHolds(secret: string): CurrentSession | null {
    const session = this.sessions.find(secret);
    const account = session === null ? null : this.accounts.get(session.userId);
    if (session === null || account === null || account.isDisabled) return null;
    return { tokenHash: session.tokenHash, userId: account.userId, actor: actorOf(account) };
  }

  list(): readonly Account[] {
    return this.accounts.list();
  }

  /** @throws LoupeError store_unavailable where it could not be noted: then nobody is signed in */
  async signIn(name: string, password: string, from: string): Promise<SignInOutcome> {
    const waitMs = this.limits.begin(nameKey(name), from);
    if (waitMs > 0) return this.limited(waitMs);
    const account = this.accounts.named(name);
    const isRight = await this.inTurn(async () =>
      this.passwords.isPassword(password, account?.passwordHash ?? this.decoy),
    );
    const renewed =
      isRight && account !== null && this.passwords.isOutdated(account.passwordHash)
        ? await this.inTurn(() => this.passwords.hash(password))
        : null;
    return this.changes.take(async () => {
      // What happened to the account meanwhile counts.
      const now = account === null ? null : this.accounts.get(account.userId);
      if (!isRight || now === null || now.isDisabled || now.passwordHash !== account?.passwordHash) {
        this.limits.failed(nameKey(name), from);
        const why =
          now?.isDisabled === true && isRight ? 'the account is disabled' : 'the name or the password is wrong';
        await this.options.audit.note(
          this.nobody(from, 'sign_in', name.slice(0, 64), { outcome: 'refused', detail: why }),
        );
        this.options.onEvent({ kind: 'sign_in', result: 'refused' });
        return { kind: 'refused' };
      }
      // Right, even where it cannot be noted: a disk that fails must not lock people out.
      this.limits.succeeded(nameKey(name), from);
      const putAccount = renewed === null ? undefined : { ...now, passwordHash: renewed };
      return this.open(now, from, 'sign_in', putAccount);
    });
  }

  /**
   * Makes the first admin and signs them in.
   * @throws LoupeError user_refused where somebody has an account already, invalid_request, store_unavailable
   */
  async setUp(code: string, name: string, password: string, from: string): Promise<SignInOutcome> {
    const expected = this.setupCode;
    if (expected === null) throw new LoupeError('user_refused', 'there are accounts already: sign in');
    const waitMs = this.limits.begin(SETUP, from);
    if (waitMs > 0) return this.limited(waitMs);
    if (!expected.isCode(code)) {
      this.limits.failed(SETUP, from);
      await this.options.audit.note(
        this.nobody(from, 'first_run', '', { outcome: 'refused', detail: 'the setup code is wrong' }),
      );
      this.options.onEvent({ kind: 'sign_in', result: 'refused' });
      return { kind: 'refused' };
    }
    this.limits.succeeded(SETUP, from);
    const account = await this.made(checkedName(name), password, 'admin', checkedName(name));
    // Two who hold the code: the first one counts.
    if (this.setupCode === null) throw new LoupeError('user_refused', 'there are accounts already: sign in');
    this.setupCode = null;
    try {
      return await this.changes.take(() => this.open(account, from, 'first_run', account));
    } catch (error) {
      this.setupCode = expected;
      throw error;
    }
  }

  /** Whatever the disk does, the session is no more. */
  async signOut({ tokenHash, actor }: CurrentSession, from: string): Promise<void> {
    await this.end([tokenHash]);
    await this.options.audit.note(this.entry({ actor, from }, 'sign_out', ''));
  }

  /** @throws LoupeError user_exists, user_refused, invalid_request, store_unavailable */
  async add(by: Asker, given: { readonly name: string; readonly role: Role; readonly password: string }) {
    if (by.actor.kind === 'anonymous') {
      throw new LoupeError('user_refused', 'the first account is made with the setup code that the service printed');
    }
    const name = checkedName(given.name);
    this.accounts.refuseTwins(name);
    const account = await this.made(name, given.password, given.role, by.actor.name ?? '');
    return this.changes.take(async () => {
      this.accounts.refuseTwins(name);
      await this.commit({ putAccount: account, entry: this.entry(by, 'user_add', `${name}: ${given.role}`) });
      return account;
    });
  }

  /** Ends every session of that person. @throws LoupeError user_not_found, user_refused, invalid_request, store_unavailable */
  async change(by: Asker, userId: string, change: AccountChange): Promise<Account> {
    const passwordHash = await this.nextHash(userId, change);
    return this.changes.take(() => this.changed(by, userId, change, passwordHash));
  }

  /** Undefined where the password stays. */
  private async nextHash(userId: string, { password }: AccountChange): Promise<string | undefined> {
    const { name } = this.accounts.found(userId);
    if (password === undefined) return undefined;
    checkPassword(password, name);
    return this.inTurn(() => this.passwords.hash(password));
  }

  private async changed(
    by: Asker,
    userId: string,
    { role, isDisabled }: AccountChange,
    passwordHash: string | undefined,
  ): Promise<Account> {
    const before = this.accounts.found(userId);
    const after = {
      ...before,
      ...(role === undefined ? {} : { role }),
      ...(isDisabled === undefined ? {} : { isDisabled }),
      ...(passwordHash === undefined ? {} : { passwordHash }),
      changedAt: this.options.now(),
      changedBy: by.actor.name ?? '',
    };
    this.accounts.refuseWithoutAdmin(after);
    const said = [
      ...(role === undefined ? [] : [`${before.role} -> ${role}`]),
      ...(isDisabled === undefined ? [] : [isDisabled ? 'disabled' : 'enabled']),
      ...(passwordHash === undefined ? [] : ['new password']),
    ];
    const endSessions = this.sessions.hashesOf(userId);
    await this.commit({
      putAccount: after,
      endSessions,
      entry: this.entry(by, 'user_change', `${before.name}: ${said.join(', ')}`),
    });
    return after;
  }

  /** A person's own password; ends all their sessions, this one too. Null where the current one is wrong. */
  async changeOwnPassword(
    session: CurrentSession,
    current: string,
    next: string,
    from: string,
  ): Promise<SignInOutcome> {
    const { name, passwordHash, userId } = this.accounts.found(session.userId);
    const waitMs = this.limits.begin(nameKey(name), from);
    if (waitMs > 0) return this.limited(waitMs);
    const refused = async (detail: string): Promise<SignInOutcome> => {
      const end = { outcome: 'refused', detail } as const;
      await this.options.audit.note(this.entry({ actor: session.actor, from }, 'password', name, end));
      return { kind: 'refused' };
    };
    if (!(await this.inTurn(() => this.passwords.isPassword(current, passwordHash)))) {
      this.limits.failed(nameKey(name), from);
      return refused('the current password is wrong');
    }
    this.limits.succeeded(nameKey(name), from);
    const nextHash = await this.nextHash(userId, { password: next });
    return this.changes.take(async () => {
      const now = this.accounts.found(userId);
      if (now.isDisabled || now.passwordHash !== passwordHash) return refused('the account was changed meanwhile');
      const account = await this.changed({ actor: session.actor, from }, userId, {}, nextHash);
      return this.open(account, from, 'sign_in', undefined);
    });
  }

  private entry(by: Asker, act: string, about: string, end?: Parameters<typeof entryOf>[4]): AuditEntry {
    return entryOf(by, this.options.now(), act, about, end);
  }

  private nobody(from: string, act: string, about: string, end: Parameters<typeof entryOf>[4]): AuditEntry {
    return this.entry({ actor: NOBODY, from }, act, about, end);
  }

  private limited(waitMs: number): SignInOutcome {
    this.options.onEvent({ kind: 'sign_in', result: 'limited' });
    return { kind: 'limited', waitMs };
  }

  private async made(name: string, password: string, role: Role, by: string): Promise<Account> {
    checkPassword(password, name);
    const passwordHash = await this.inTurn(() => this.passwords.hash(password));
    const at = this.options.now();
    return {
      userId: uuidv7(),
      name,
      role,
      passwordHash,
      isDisabled: false,
      createdAt: at,
      createdBy: by,
      changedAt: at,
      changedBy: by,
    };
  }

  private async open(account: Account, from: string, act: string, putAccount: Account | undefined): Promise<SignedIn> {
    const { secret, stored } = newSession(account.userId, this.options.now());
    const tooMany = this.sessions.hashesOf(account.userId).slice(0, -(MAX_SESSIONS_EACH - 1));
    const actor = actorOf(account);
    await this.commit({
      ...(putAccount === undefined ? {} : { putAccount }),
      startSession: stored,
      endSessions: tooMany,
      entry: this.entry({ actor, from }, act, act === 'first_run' ? `${account.name}: admin` : ''),
    });
    this.options.onEvent({ kind: 'sign_in', result: 'done' });
    return { kind: 'signed_in', secret, actor };
  }

  private async commit(change: PeopleChange): Promise<void> {
    if (!(await this.options.store.changePeople(change))) {
      // It may stand all the same, where the disk failed on the way back: memory is read anew as soon as it can be.
      this.isKnown = false;
      throw new LoupeError('store_unavailable', 'the store cannot be written: nothing was kept');
    }
    if (change.putAccount !== undefined) this.accounts.put(change.putAccount);
    if (change.startSession !== undefined) this.sessions.add(change.startSession);
    this.sessions.end(change.endSessions ?? []);
  }

  private async load(): Promise<void> {
    try {
      const { accounts, sessions } = await this.options.store.people();
      this.accounts.replace(accounts);
      this.sessions.replace(sessions.filter(({ tokenHash }) => !this.notForgotten.has(tokenHash)));
      this.isKnown = true;
    } catch (error) {
      this.options.onEvent({ kind: 'people_unknown', detail: messageOf(error) });
      return;
    }
    if (!this.accounts.isEmpty) this.setupCode = null;
    else if (this.setupCode === null) {
      const { code, shown } = SetupCode.make();
      this.setupCode = code;
      this.options.onEvent({ kind: 'first_run', setupCode: shown });
    }
  }

  private async sweep(): Promise<void> {
    if (!this.isKnown) await this.changes.take(() => this.load());
    const endSessions = [...this.sessions.runOut(), ...this.notForgotten];
    if (endSessions.length > 0) await this.end(endSessions);
  }

  /** Ends sessions now, and in the store as soon as it can be written. */
  private async end(tokenHashes: readonly string[]): Promise<void> {
    this.sessions.end(tokenHashes);
    for (const tokenHash of tokenHashes) this.notForgotten.add(tokenHash);
    const isWritten = await this.changes
      .take(() => this.options.store.changePeople({ endSessions: tokenHashes }))
      .catch(() => false);
    if (isWritten) for (const tokenHash of tokenHashes) this.notForgotten.delete(tokenHash);
  }

  /** One password at a time: a flood of them must not take the cores that inspect. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= MAX_WAITING) throw new LoupeError('too_many_attempts', 'too many are signing in just now');
    this.waiting += 1;
    return this.hashing.take(work).finally(() => (this.waiting -= 1));
  }
}

function actorOf({ name, role }: Account): Actor {
  return { kind: 'session', name, role, rights: RIGHTS_OF[role] };
}
