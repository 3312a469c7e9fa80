import { describe, expect, it } from 'vitest';
import type { PeopleChange } from '../../src/frame/people.ts';
import { FakeStore, FROM, PASSWORD, peopleWithAnn } from './support.ts';

const OTHER = 'another long password';

describe('two at once', () => {
  /** A disk that takes its time: what is asked of it waits for its gate. */
  class SlowStore extends FakeStore {
    gate: Promise<void> = Promise.resolve();
    readGate: Promise<void> = Promise.resolve();

    override async people() {
      const read = await super.people();
      await this.readGate;
      return read;
    }

    override async changePeople(change: PeopleChange) {
      await this.gate;
      return super.changePeople(change);
    }
  }

  async function withBob() {
    const store = new SlowStore();
    const made = await peopleWithAnn(store);
    const bob = await made.people.add(made.ann.asker, { name: 'Bob', role: 'admin', password: OTHER });
    const inside = await made.people.signIn('Bob', OTHER, FROM);
    const session = inside.kind === 'signed_in' ? made.people.whoHolds(inside.secret) : null;
    if (inside.kind !== 'signed_in' || session === null) throw new Error('expected Bob to be let in');
    return { ...made, store, bob, bobs: { session, secret: inside.secret } };
  }

  /** Until everything that can go on without the disk has gone on. */
  const untilQuiet = () => new Promise((resolve) => setTimeout(resolve, 50));

  it('admins who take the right from each other leave one of them', async () => {
    const { people, ann, bob } = await withBob();
    const ends = await Promise.allSettled([
      people.change(ann.asker, bob.userId, { role: 'viewer' }),
      people.change(ann.asker, ann.session.userId, { isDisabled: true }),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(people.list().filter(({ role, isDisabled }) => role === 'admin' && !isDisabled)).toHaveLength(1);
  });

  it('accounts of one name: the second is refused', async () => {
    const { people, ann, store } = await withBob();
    const given = { role: 'viewer', password: PASSWORD } as const;
    let open = () => {};
    store.gate = new Promise((resolve) => (open = resolve));
    const both = Promise.allSettled([
      people.add(ann.asker, { name: 'Cid', ...given }),
      people.add(ann.asker, { name: 'CID', ...given }),
    ]);
    await untilQuiet();
    open();
    expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(people.list().map(({ name }) => name)).toEqual(['Ann', 'Bob', 'Cid']);
  });

  it('a sign-in with the old password and its change: nobody is left inside', async () => {
    const { people, ann, bob, store } = await withBob();
    let open = () => {};
    store.gate = new Promise((resolve) => (open = resolve));
    const changed = people.change(ann.asker, bob.userId, { password: 'quite another one' });
    await untilQuiet();
    const signedIn = people.signIn('Bob', OTHER, FROM);
    await untilQuiet();
    open();
    await changed;
    expect(await signedIn).toEqual({ kind: 'refused' });
  });

  it("a person's own change of a password does not undo that of an admin", async () => {
    const { people, ann, bob, bobs } = await withBob();
    const own = people.changeOwnPassword(bobs.session, OTHER, 'chosen by a thief', FROM);
    await people.change(ann.asker, bob.userId, { password: 'quite another one' });
    expect(await own).toEqual({ kind: 'refused' });
    expect(await people.signIn('Bob', 'chosen by a thief', FROM)).toEqual({ kind: 'refused' });
    expect(await people.signIn('Bob', 'quite another one', FROM)).toMatchObject({ kind: 'signed_in' });
  });

  it('a change while the accounts are read anew stands', async () => {
    const { people, ann, bob, bobs, store } = await withBob();
    let open = () => {};
    store.readGate = new Promise((resolve) => (open = resolve));
    const read = people.start();
    await untilQuiet();
    const changed = people.change(ann.asker, bob.userId, { isDisabled: true });
    await untilQuiet();
    open();
    await Promise.all([read, changed]);
    people.stop();
    expect(store.accounts.get(bob.userId)?.isDisabled).toBe(true);
    expect(people.list().find(({ name }) => name === 'Bob')?.isDisabled).toBe(true);
    expect(people.whoHolds(bobs.secret)).toBeNull();
  });
});

it('a session that ended with a change of which the disk did not tell is no more once the store was read', async () => {
  class SilentStore extends FakeStore {
    isSilent = false;

    override async changePeople(change: PeopleChange) {
      return (await super.changePeople(change)) && !this.isSilent;
    }
  }
  const store = new SilentStore();
  const { people, ann } = await peopleWithAnn(store);
  store.isSilent = true;
  const change = people.change(ann.asker, ann.session.userId, { password: 'quite another one' });
  await expect(change).rejects.toMatchObject({ code: 'store_unavailable' });
  store.isSilent = false;
  await people.start();
  people.stop();
  expect(people.whoHolds(ann.secret)).toBeNull();
});
