/** People over a store in memory, with a clock of the test's own. */

import { AuditLog } from '../../src/people/audit-log.ts';
import { People, type PeopleEvent } from '../../src/people/people.ts';
import { Passwords } from '../../src/people/password.ts';
import type { Account, AuditEntry, PeopleChange, StoredSession } from '../../src/frame/people.ts';

export class FakeStore {
  readonly accounts = new Map<string, Account>();
  readonly sessions = new Map<string, StoredSession>();
  readonly entries: AuditEntry[] = [];
  isWritable = true;
  isReadable = true;

  async people() {
    if (!this.isReadable) throw new Error('no such disk');
    return { accounts: [...this.accounts.values()], sessions: [...this.sessions.values()] };
  }

  async changePeople({ putAccount, startSession, endSessions = [], entry }: PeopleChange) {
    if (!this.isWritable) return false;
    if (putAccount !== undefined) this.accounts.set(putAccount.userId, putAccount);
    for (const tokenHash of endSessions) this.sessions.delete(tokenHash);
    if (startSession !== undefined) this.sessions.set(startSession.tokenHash, startSession);
    if (entry !== undefined) this.entries.push(entry);
    return true;
  }

  acts(): string[] {
    return this.entries.map(({ act, outcome, actor, about }) => `${act} ${outcome} by ${actor}: ${about}`);
  }
}

/** A sixty-fourth of the work of a real one. */
export const CHEAP = { ln: 10, r: 8, p: 1 };

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export async function peopleOn(store = new FakeStore(), passwords = new Passwords(CHEAP)) {
  const clock = { now: Date.parse('2026-11-24T06:00:00Z') };
  const events: PeopleEvent[] = [];
  const lost: AuditEntry[] = [];
  const now = () => clock.now;
  const audit = new AuditLog({
    write: (entry) => store.changePeople({ entry }),
    whyNotWritable: () => (store.isWritable ? null : 'disk full'),
    now,
    onLost: (entry) => lost.push(entry),
  });
  const people = new People({
    store,
    audit,
    passwords,
    idleMs: 30 * MINUTE,
    longestMs: 10 * HOUR,
    now,
    steadyNow: now,
    onEvent: (event) => events.push(event),
  });
  await people.start();
  people.stop();
  const first = events.find((event) => event.kind === 'first_run');
  return { people, audit, store, clock, events, lost, code: first?.kind === 'first_run' ? first.setupCode : '' };
}

export const PASSWORD = 'correct horse battery';
export const FROM = '10.0.0.7';

/** A station whose first admin is Ann, signed in. */
export async function peopleWithAnn(store = new FakeStore()) {
  const made = await peopleOn(store);
  const outcome = await made.people.setUp(made.code, 'Ann', PASSWORD, FROM);
  if (outcome.kind !== 'signed_in') throw new Error(`expected Ann to be let in, got ${outcome.kind}`);
  const session = made.people.whoHolds(outcome.secret);
  if (session === null) throw new Error('expected a session');
  return { ...made, ann: { session, secret: outcome.secret, asker: { actor: session.actor, from: FROM } } };
}
