/** Who may do what, by bearer token. The same tokens open gRPC, HTTP and (as user name and password) the embedded broker. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Credential } from './config/secrets.ts';
import { type Right, RIGHTS } from './ingest/ports.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

export class Tokens {
  private readonly entries: readonly {
    readonly name: string;
    readonly digest: Buffer;
    readonly rights: readonly Right[];
  }[];

  constructor(credentials: readonly Credential[]) {
    this.entries = credentials.map(({ name, token, rights }) => ({ name, digest: digest(token), rights }));
  }

  /** Null when the bearer may do it, else why not. Without configured tokens everyone may. */
  authorize(token: string | null, right: Right): 'unauthenticated' | 'permission_denied' | null {
    if (this.entries.length === 0) return null;
    if (token === null) return 'unauthenticated';
    const rights = this.rightsOf(token);
    if (rights === null) return 'unauthenticated';
    return rights.includes(right) ? null : 'permission_denied';
  }

  /** The rights of user `name` with this password; null when there is no such user, or the password is wrong. */
  login(name: string | null, password: string | null): readonly Right[] | null {
    if (this.entries.length === 0) return RIGHTS;
    if (password === null) return null;
    const given = digest(password);
    const entry = this.entries.find((candidate) => candidate.name === name);
    return entry !== undefined && timingSafeEqual(entry.digest, given) ? entry.rights : null;
  }

  /** Whose token it is; null where it is nobody's. */
  nameOf(token: string | null): string | null {
    if (token === null) return null;
    const given = digest(token);
    let name: string | null = null;
    for (const entry of this.entries) if (timingSafeEqual(entry.digest, given)) name = entry.name;
    return name;
  }

  /** Every entry is compared, in constant time each: how long it takes says nothing about which one is near. */
  private rightsOf(token: string): readonly Right[] | null {
    const given = digest(token);
    let rights: readonly Right[] | null = null;
    for (const entry of this.entries) if (timingSafeEqual(entry.digest, given)) rights = entry.rights;
    return rights;
  }
}
