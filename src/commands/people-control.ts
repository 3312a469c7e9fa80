/** Where `loupe users` does its work: at a running service, on a store that none has open, or reading beside one. */

import { userInfo } from 'node:os';
import { HttpPeople } from '../client/http-people.ts';
import { LoupeError } from '../errors.ts';
import type { Account, AccountListing, Asker, PeopleControl } from '../frame/people.ts';
import { AuditLog } from '../people/audit-log.ts';
import { People } from '../people/people.ts';
import { OfflinePeople, readStoredAudit, readStoredPeople } from '../record/offline-people.ts';
import { withApi } from './asked-service.ts';
import { explain, refuseFolders } from './controls.ts';
import { configFrom, type WhereOptions } from './options.ts';
import { type AskSecret, withSecrets } from './secret-input.ts';

/** @param need what the work does: `change` takes the store for itself, so that no service runs on it meanwhile */
export async function withPeople<T>(
  options: WhereOptions,
  need: 'read' | 'change',
  work: (people: PeopleControl, ask: AskSecret) => Promise<T>,
): Promise<T> {
  return withSecrets(async (ask) => {
    if (options.http !== undefined) {
      refuseFolders(options);
      return withApi(options, (api) => work(new HttpPeople(api), ask), ask);
    }
    const folder = options.store === undefined ? [] : [`store.path=${JSON.stringify(options.store)}`];
    const { store } = await configFrom({ ...options, set: [...options.set, ...folder] });
    try {
      return need === 'read' ? await work(readOnly(store.path), ask) : await onStore(store.path, work, ask);
    } catch (error) {
      throw explain(error);
    }
  });
}

function readOnly(store: string): PeopleControl {
  const refuse = () => Promise.reject(new LoupeError('internal', 'this was opened for reading'));
  return {
    list: async () => readStoredPeople(store).accounts.map(listingOf),
    audit: async (before, limit) => readStoredAudit(store, before, limit),
    add: refuse,
    change: refuse,
  };
}

async function onStore<T>(
  path: string,
  work: (people: PeopleControl, ask: AskSecret) => Promise<T>,
  ask: AskSecret,
): Promise<T> {
  const store = new OfflinePeople(path);
  const now = () => Date.now();
  const audit = new AuditLog({
    write: (entry) => store.changePeople({ entry }),
    whyNotWritable: () => null,
    now,
    onLost: () => undefined,
  });
  const times = { idleMs: Number.MAX_SAFE_INTEGER, longestMs: Number.MAX_SAFE_INTEGER, now, steadyNow: now };
  const people = new People({ store, audit, ...times, onEvent: () => undefined });
  const by: Asker = {
    actor: { kind: 'local', name: userInfo().username, role: null, rights: ['admin'] },
    from: '',
  };
  try {
    await people.start();
    return await work(
      {
        list: async () => people.list().map(listingOf),
        add: async (given) => listingOf(await people.add(by, given)),
        change: async (name, change) => {
          const found = people.list().find((account) => account.name === name);
          if (found === undefined) throw new LoupeError('user_not_found', `nobody is called ${JSON.stringify(name)}`);
          return listingOf(await people.change(by, found.userId, change));
        },
        audit: async (before, limit) => readStoredAudit(path, before, limit),
      },
      ask,
    );
  } finally {
    people.stop();
    store.close();
  }
}

function listingOf({ passwordHash: _kept, ...listing }: Account): AccountListing {
  return listing;
}
