/** The accounts as they stand in memory, and what a change of them must keep. Pure. */

import { LoupeError } from '../errors.ts';
import type { Account } from '../frame/people.ts';
import { passwordFault } from './password.ts';

export const NAME_LENGTH = 64;
const CONTROL = /\p{Cc}|\p{Cf}|\p{Cs}|\p{Zl}|\p{Zp}/u;

/** Names that look the same are the same: case, width and spacing tell nobody apart. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().replaceAll(/\s+/gu, ' ').trim();
}

/** @throws LoupeError invalid_request */
export function checkedName(name: string): string {
  const plain = name.normalize('NFC').trim();
  if (plain === '' || plain.length > NAME_LENGTH || CONTROL.test(plain)) {
    throw new LoupeError(
      'invalid_request',
      `name: expected 1 to ${NAME_LENGTH} characters, none of them invisible control characters`,
    );
  }
  return plain;
}

/** @throws LoupeError invalid_request */
export function checkPassword(password: string, name: string): void {
  const fault = passwordFault(password, name);
  if (fault !== null) throw new LoupeError('invalid_request', `password: ${fault}`);
}

export class Accounts {
  private readonly byId = new Map<string, Account>();

  get isEmpty(): boolean {
    return this.byId.size === 0;
  }

  replace(accounts: readonly Account[]): void {
    this.byId.clear();
    for (const account of accounts) this.put(account);
  }

  put(account: Account): void {
    this.byId.set(account.userId, account);
  }

  get(userId: string): Account | null {
    return this.byId.get(userId) ?? null;
  }

  named(name: string): Account | null {
    const key = nameKey(name);
    return this.list().find((account) => nameKey(account.name) === key) ?? null;
  }

  /** By name. */
  list(): Account[] {
    return [...this.byId.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @throws LoupeError user_not_found */
  found(userId: string): Account {
    const account = this.get(userId);
    if (account === null) throw new LoupeError('user_not_found', 'nobody has this account');
    return account;
  }

  /** @throws LoupeError user_exists */
  refuseTwins(name: string): void {
    const twin = this.named(name);
    if (twin !== null)
      throw new LoupeError('user_exists', `there is an account of ${JSON.stringify(twin.name)} already`);
  }

  /** Somebody must be left who may let others in. @throws LoupeError user_refused */
  refuseWithoutAdmin(changed: Account): void {
    const isAdmin = (account: Account) => account.role === 'admin' && !account.isDisabled;
    if (isAdmin(changed)) return;
    const others = this.list().filter(({ userId }) => userId !== changed.userId);
    if (others.some(isAdmin)) return;
    throw new LoupeError('user_refused', 'this is the last admin: make somebody else one first');
  }
}
