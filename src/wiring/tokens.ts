/** Who may do what, by bearer token. The same tokens open gRPC, HTTP and (as user name and password) the embedded broker. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Credential } from '../config/secrets.ts';
import { type Actor, NOBODY, type Right, RIGHTS } from '../frame/people.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

export class Tokens {
  private readonly entries: readonly {
    readonly name: string;
    readonly digest: Buffer;
    readonly rights: readonly Right[];
  }[];

  private readonly rightsOfAnyone: () => readonly Right[];

  /** @param rightsOfAnyone what everybody may do where no token is configured */
  constructor(credentials: readonly Credential[], rightsOfAnyone: () => readonly Right[] = () => RIGHTS) {
    this.rightsOfAnyone = rightsOfAnyone;
    this.entries = credentials.map(({ name, token, rights }) => ({
      name,
      digest: digest(token),
      rights: rightsIn(rights),
    }));
  }

  /** Null when the bearer may do it, else why not. Without configured tokens everyone may do what anyone may. */
  authorize(token: string | null, right: Right): 'unauthenticated' | 'permission_denied' | null {
    const actor = this.actorOf(token);
    if (actor.rights.includes(right)) return null;
    return actor.kind === 'anonymous' ? 'unauthenticated' : 'permission_denied';
  }

  /** The rights of user `name` with this password; null when there is no such user, or the password is wrong. */
  login(name: string | null, password: string | null): readonly Right[] | null {
    if (this.entries.length === 0) return this.rightsOfAnyone();
    if (password === null) return null;
    const given = digest(password);
    const entry = this.entries.find((candidate) => candidate.name === name);
    return entry !== undefined && timingSafeEqual(entry.digest, given) ? entry.rights : null;
  }

  /**
   * Who bears `token`. Every entry is compared, in constant time each: how long it takes says nothing about which one is near.
   */
  actorOf(token: string | null): Actor {
    if (this.entries.length === 0) return { ...NOBODY, rights: this.rightsOfAnyone() };
    if (token === null) return NOBODY;
    const given = digest(token);
    let actor = NOBODY;
    for (const { digest: expected, name, rights } of this.entries) {
      if (timingSafeEqual(expected, given)) actor = { kind: 'token', name, role: null, rights };
    }
    return actor;
  }
}

/** Whoever may change things may change models, as a token with `admin` always could. */
function rightsIn(rights: readonly Right[]): readonly Right[] {
  return rights.includes('admin') && !rights.includes('tune') ? [...rights, 'tune'] : rights;
}
