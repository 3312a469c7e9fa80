/** People, wired: accounts and sessions in the ledger's store, and what those may do who show neither token nor session. */

import { isLoopback, listenOf } from '../config/fields.ts';
import type { Config } from '../config/schema.ts';
import type { Credential } from '../config/secrets.ts';
import { type Actor, type AuditEntry, NOBODY, type Right, RIGHTS } from '../frame/people.ts';
import { AuditLog } from '../people/audit-log.ts';
import { type CurrentSession, People, type PeopleEvent } from '../people/people.ts';
import type { Ledger } from '../record/ledger.ts';
import { Tokens } from './tokens.ts';

export interface PeopleAtWorkParts {
  readonly config: Config;
  readonly credentials: readonly Credential[];
  readonly ledger: Ledger;
  readonly onEvent: (event: PeopleEvent | { readonly kind: 'audit_not_written'; readonly entry: AuditEntry }) => void;
}

export class PeopleAtWork {
  readonly people: People;
  readonly audit: AuditLog;
  readonly tokens: Tokens;
  /** Shown once at the start; null when somebody has an account. */
  setupCode: string | null = null;
  private readonly config: Config;
  /** Whether HTTP asks nobody on this machine for a token: then accounts alone close it. */
  readonly isOpen: boolean;

  constructor({ config, credentials, ledger, onEvent }: PeopleAtWorkParts) {
    this.config = config;
    this.isOpen = credentials.length === 0 && isLoopback(listenOf(config.http.listen).host);
    this.audit = new AuditLog({
      write: (entry) => ledger.changePeople({ entry }),
      whyNotWritable: () => {
        const { writable, reason } = ledger.status();
        return writable ? null : (reason ?? 'the store cannot be written');
      },
      now: () => Date.now(),
      onLost: (entry) => onEvent({ kind: 'audit_not_written', entry }),
    });
    this.people = new People({
      store: ledger,
      audit: this.audit,
      idleMs: config.auth.session_idle_minutes * 60_000,
      longestMs: config.auth.session_hours * 3_600_000,
      now: () => Date.now(),
      steadyNow: () => performance.now(),
      onEvent: (event) => {
        if (event.kind === 'first_run') this.setupCode = event.setupCode;
        onEvent(event);
      },
    });
    this.tokens = new Tokens(credentials, () => this.rightsOfAnyone(true));
  }

  /** Who shows this token, or else the cookie with this secret. */
  whoAsks(token: string | null, secret: string | null): { actor: Actor; session: CurrentSession | null } {
    if (token !== null && !this.isOpen) return { actor: this.tokens.actorOf(token), session: null };
    const session = secret === null ? null : this.people.whoHolds(secret);
    if (session !== null) return { actor: session.actor, session };
    const rights = this.isOpen ? this.rightsOfAnyone(this.config.auth.viewing === 'open_on_loopback') : [];
    return { actor: { ...NOBODY, rights }, session: null };
  }

  /** Of a door that only this machine can reach, where no tokens are configured. Once somebody has an account, changing needs one. */
  private rightsOfAnyone(maySee: boolean): readonly Right[] {
    if (this.people.state === 'none') return RIGHTS;
    return maySee ? ['ingest', 'read'] : ['ingest'];
  }
}
