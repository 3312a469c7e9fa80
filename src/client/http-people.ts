/** Accounts and audit log of a running service, over HTTP. */

import { LoupeError } from '../errors.ts';
import type { AccountChange, AccountListing, AuditRow, PeopleControl, Role } from '../frame/people.ts';
import type { HttpApi } from './http-api.ts';

/** Times travel as text. */
interface UserOnWire extends Omit<AccountListing, 'userId' | 'createdAt' | 'changedAt'> {
  readonly id: string;
  readonly createdAt: string;
  readonly changedAt: string;
}
type AuditOnWire = Omit<AuditRow, 'at'> & { readonly at: string };

export class HttpPeople implements PeopleControl {
  private readonly api: HttpApi;

  constructor(api: HttpApi) {
    this.api = api;
  }

  async list(): Promise<readonly AccountListing[]> {
    const { users } = await this.api.ask<{ users: UserOnWire[] }>('GET', '/api/v1/users');
    return users.map(listingFrom);
  }

  async add(given: { readonly name: string; readonly role: Role; readonly password: string }): Promise<AccountListing> {
    return listingFrom(await this.api.ask('POST', '/api/v1/users', given));
  }

  async change(name: string, change: AccountChange): Promise<AccountListing> {
    const found = (await this.list()).find((account) => account.name === name);
    if (found === undefined) throw new LoupeError('user_not_found', `nobody is called ${JSON.stringify(name)}`);
    return listingFrom(await this.api.ask('PATCH', `/api/v1/users/${found.userId}`, change));
  }

  async audit(before: number | null, limit: number): Promise<readonly AuditRow[]> {
    const query = `limit=${limit}${before === null ? '' : `&before=${before}`}`;
    const { entries } = await this.api.ask<{ entries: AuditOnWire[] }>('GET', `/api/v1/audit?${query}`);
    return entries.map((entry) => ({ ...entry, at: Date.parse(entry.at) }));
  }
}

function listingFrom({ id, createdAt, changedAt, ...rest }: UserOnWire): AccountListing {
  return { ...rest, userId: id, createdAt: Date.parse(createdAt), changedAt: Date.parse(changedAt) };
}
