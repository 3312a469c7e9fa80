import { describe, expect, it } from 'vitest';
import { scryptSync } from 'node:crypto';
import { LoupeError } from '../../src/errors.ts';
import { passwordFault, Passwords } from '../../src/people/password.ts';
import { CHEAP, type FakeStore, FROM, MINUTE, PASSWORD, peopleOn, peopleWithAnn } from './support.ts';

const OTHER = 'another long password';

/** Puts a hash of the same password with other parameters into the store. */
function madeOtherwise(store: FakeStore, name: string, password = PASSWORD) {
  const account = [...store.accounts.values()].find((one) => one.name === name);
  if (account === undefined) throw new Error(`no ${name}`);
  const salt = Buffer.alloc(16, 7);
  const hash = scryptSync(password, salt, 32, { N: 2 ** 9, r: 8, p: 2 });
  const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  store.accounts.set(account.userId, { ...account, passwordHash: `$scrypt$ln=9,r=8,p=2$${text(salt)}$${text(hash)}` });
  return account;
}

describe('the first run', () => {
  it('prints a code, which makes one admin and then nothing more', async () => {
    const { people, store, code } = await peopleOn();
    expect(people.state).toBe('none');
    expect(code).toMatch(/^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$/);
    expect(await people.setUp('0000-0000-0000-0000', 'Ann', PASSWORD, FROM)).toEqual({ kind: 'refused' });
    // As somebody types it who reads it from another screen.
    const typed = code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
    expect(await people.setUp(typed, ' Ann ', PASSWORD, FROM)).toMatchObject({
      kind: 'signed_in',
      actor: { name: 'Ann', role: 'admin', rights: ['read', 'review', 'tune', 'admin'] },
    });
    await expect(people.setUp(code, 'Eve', PASSWORD, FROM)).rejects.toMatchObject({ code: 'user_refused' });
    expect(store.acts()).toEqual(['first_run refused by anyone: ', 'first_run done by Ann: Ann: admin']);
    expect(JSON.stringify([...store.accounts.values(), store.entries])).not.toContain(PASSWORD);
  });

  it('has another code at each start, and none once somebody has an account', async () => {
    const { code, store } = await peopleOn();
    expect((await peopleOn(store)).code).not.toBe(code);
    const { store: taken } = await peopleWithAnn();
    const again = await peopleOn(taken);
    expect([again.code, again.people.state]).toEqual(['', 'some']);
  });

  it('slows down who guesses the code, from however many machines', async () => {
    const { people, clock } = await peopleOn();
    for (let i = 1; i <= 5; i++) await people.setUp('WRONG', 'Eve', PASSWORD, `10.0.0.${i}`);
    expect(await people.setUp('WRONG', 'Eve', PASSWORD, '10.0.0.99')).toEqual({ kind: 'limited', waitMs: 1000 });
    clock.now += 1000;
    expect(await people.setUp('WRONG', 'Eve', PASSWORD, '10.0.0.99')).toEqual({ kind: 'refused' });
    expect(await people.setUp('WRONG', 'Eve', PASSWORD, '10.0.0.99')).toEqual({ kind: 'limited', waitMs: 2000 });
  });

  it('keeps the code where the account could not be written', async () => {
    const { people, store, code } = await peopleOn();
    store.isWritable = false;
    await expect(people.setUp(code, 'Ann', PASSWORD, FROM)).rejects.toMatchObject({ code: 'store_unavailable' });
    store.isWritable = true;
    expect(await people.setUp(code, 'Ann', PASSWORD, FROM)).toMatchObject({ kind: 'signed_in' });
  });

  it('knows nobody while the store cannot be read, and lets nobody claim the station', async () => {
    const { people, store, events } = await peopleOn(
      Object.assign((await peopleWithAnn()).store, { isReadable: false }),
    );
    expect(people.state).toBe('unknown');
    expect(events).toEqual([{ kind: 'people_unknown', detail: 'no such disk' }]);
    await expect(people.setUp('', 'Eve', PASSWORD, FROM)).rejects.toMatchObject({ code: 'user_refused' });
    expect(store.accounts.size).toBe(1);
  });
});

describe('signing in', () => {
  it('takes the name however it is written, and a new secret each time', async () => {
    const { people, ann } = await peopleWithAnn();
    const outcome = await people.signIn('  aNN', PASSWORD, FROM);
    expect(outcome).toMatchObject({ kind: 'signed_in', actor: { name: 'Ann' } });
    expect(outcome.kind === 'signed_in' && outcome.secret).not.toBe(ann.secret);
    expect(people.whoHolds(ann.secret)?.actor.name).toBe('Ann');
    expect(people.whoHolds('x'.repeat(43))).toBeNull();
  });

  it('says the same of a wrong password, an unknown name and a disabled account, and notes which it was', async () => {
    const { people, ann, store } = await peopleWithAnn();
    const bob = await people.add(ann.asker, { name: 'Bob', role: 'operator', password: OTHER });
    await people.change(ann.asker, bob.userId, { isDisabled: true });
    const tries = [
      ['Ann', OTHER],
      ['Nobody', OTHER],
      ['Bob', OTHER],
    ] as const;
    for (const [name, password] of tries) {
      expect(await people.signIn(name, password, FROM)).toEqual({ kind: 'refused' });
    }
    expect(store.entries.slice(-3).map(({ actor, about, detail }) => [actor, about, detail])).toEqual([
      ['anyone', 'Ann', 'the name or the password is wrong'],
      ['anyone', 'Nobody', 'the name or the password is wrong'],
      ['anyone', 'Bob', 'the account is disabled'],
    ]);
  });

  it('takes as long for an unknown name as for a known one', async () => {
    const { people } = await peopleWithAnn();
    const took = async (name: string, from: string) => {
      const started = performance.now();
      await people.signIn(name, OTHER, from);
      return performance.now() - started;
    };
    const known: number[] = [];
    const unknown: number[] = [];
    for (let i = 0; i < 4; i++) {
      known.push(await took('Ann', `10.1.0.${i}`));
      unknown.push(await took(`nobody-${i}`, `10.2.0.${i}`));
    }
    // One hash each: without the decoy an unknown name takes a thousandth of that.
    expect(Math.min(...unknown)).toBeGreaterThan(Math.min(...known) / 2);
  });

  it('waits after five wrong passwords, twice as long each time, whoever tries and even with the right one', async () => {
    const { people, clock, events } = await peopleWithAnn();
    for (let i = 0; i < 5; i++) await people.signIn('Ann', OTHER, `10.0.1.${i}`);
    expect(await people.signIn('ann', PASSWORD, FROM)).toEqual({ kind: 'limited', waitMs: 1000 });
    expect(events.at(-1)).toEqual({ kind: 'sign_in', result: 'limited' });
    clock.now += 1000;
    expect(await people.signIn('Ann', OTHER, FROM)).toEqual({ kind: 'refused' });
    clock.now += 2000;
    expect(await people.signIn('Ann', PASSWORD, FROM)).toMatchObject({ kind: 'signed_in' });
    expect(await people.signIn('Ann', OTHER, FROM)).toEqual({ kind: 'refused' });
  });

  it('counts attempts that are made side by side', async () => {
    const { people } = await peopleWithAnn();
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => people.signIn('Ann', OTHER, FROM)));
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(5);
    expect(outcomes.filter(({ kind }) => kind === 'limited')).toHaveLength(7);
  });

  it('makes the hash anew where it was made with other parameters', async () => {
    const { people, store } = await peopleWithAnn();
    const ann = madeOtherwise(store, 'Ann');
    const { people: again } = await peopleOn(store);
    expect(await again.signIn('Ann', PASSWORD, FROM)).toMatchObject({ kind: 'signed_in' });
    expect(store.accounts.get(ann.userId)?.passwordHash).toMatch(/^\$scrypt\$ln=10,r=8,p=1\$/);
    expect(people.state).toBe('some');
  });

  it('does not undo what an admin does to the account while its hash is made anew', async () => {
    const { people, store, ann } = await peopleWithAnn();
    await people.add(ann.asker, { name: 'Bob', role: 'operator', password: OTHER });
    const bob = madeOtherwise(store, 'Bob', OTHER);
    let meanwhile = async (): Promise<unknown> => undefined;
    class SlowPasswords extends Passwords {
      override async hash(password: string): Promise<string> {
        await meanwhile();
        return super.hash(password);
      }
    }
    const { people: again } = await peopleOn(store, new SlowPasswords(CHEAP));
    meanwhile = () => again.change(ann.asker, bob.userId, { isDisabled: true });
    expect(await again.signIn('Bob', OTHER, FROM)).toEqual({ kind: 'refused' });
    expect(store.accounts.get(bob.userId)).toMatchObject({ isDisabled: true });
  });

  it('lets nobody in whom it cannot note, and locks nobody out for it', async () => {
    const { people, store } = await peopleWithAnn();
    store.isWritable = false;
    for (let i = 0; i < 30; i++) {
      await expect(people.signIn('Ann', PASSWORD, FROM)).rejects.toMatchObject({ code: 'store_unavailable' });
    }
    store.isWritable = true;
    expect(await people.signIn('Ann', PASSWORD, FROM)).toMatchObject({ kind: 'signed_in' });
  });
});

describe('a session', () => {
  it('ends ten hours after it began, however busy it is', async () => {
    const { people, ann, clock } = await peopleWithAnn();
    for (let minutes = 0; minutes < 10 * 60; minutes += 20) {
      expect(people.whoHolds(ann.secret)).not.toBeNull();
      clock.now += 20 * MINUTE;
    }
    expect(people.whoHolds(ann.secret)).toBeNull();
  });

  it('ends half an hour after its last use', async () => {
    const { people, ann, clock } = await peopleWithAnn();
    clock.now += 29 * MINUTE;
    expect(people.whoHolds(ann.secret)).not.toBeNull();
    clock.now += 30 * MINUTE;
    expect(people.whoHolds(ann.secret)).toBeNull();
  });

  it('ends at sign-out even where the disk does not take it', async () => {
    const { people, ann, store, lost } = await peopleWithAnn();
    store.isWritable = false;
    await people.signOut(ann.session, FROM);
    expect([people.whoHolds(ann.secret), lost.map(({ act }) => act)]).toEqual([null, ['sign_out']]);
  });

  it('survives a restart', async () => {
    const { store, ann } = await peopleWithAnn();
    const { people } = await peopleOn(store);
    expect(people.whoHolds(ann.secret)?.actor).toEqual(ann.session.actor);
    expect([...store.sessions.keys()]).not.toContain(ann.secret);
  });

  it.each([
    ['role', { role: 'engineer' }],
    ['password', { password: 'yet another password' }],
    ['disabled account', { isDisabled: true }],
  ] as const)('ends at once with a new %s', async (_what, change) => {
    const { people, ann } = await peopleWithAnn();
    const bob = await people.add(ann.asker, { name: 'Bob', role: 'operator', password: OTHER });
    const signedIn = await people.signIn('Bob', OTHER, FROM);
    const secret = signedIn.kind === 'signed_in' ? signedIn.secret : '';
    expect(people.whoHolds(secret)?.actor.role).toBe('operator');
    await people.change(ann.asker, bob.userId, change);
    expect(people.whoHolds(secret)).toBeNull();
    expect(people.whoHolds(ann.secret)).not.toBeNull();
  });

  it('is one of at most twenty of a person: the oldest gives way', async () => {
    const { people, ann } = await peopleWithAnn();
    for (let i = 0; i < 20; i++) await people.signIn('Ann', PASSWORD, FROM);
    expect(people.sessionCount).toBe(20);
    expect(people.whoHolds(ann.secret)).toBeNull();
  }, 60_000);
});

describe('accounts', () => {
  it('are refused without the setup code to whoever is not known', async () => {
    const { people } = await peopleOn();
    const nobody = { actor: { kind: 'anonymous', name: null, role: null, rights: ['admin'] }, from: FROM } as const;
    const given = { name: 'Eve', role: 'admin', password: PASSWORD } as const;
    await expect(people.add(nobody, given)).rejects.toMatchObject({ code: 'user_refused' });
  });

  it.each(['ann', 'ＡＮＮ', ' Ann ', 'ANN'])('have one name once: %j is Ann', async (name) => {
    const { people, ann } = await peopleWithAnn();
    const given = { name, role: 'viewer', password: OTHER } as const;
    await expect(people.add(ann.asker, given)).rejects.toMatchObject({ code: 'user_exists' });
  });

  it.each(['', '   ', 'a\u0000b', 'a\u202Eb', 'a\nb', 'x'.repeat(65), '\uD800'])('refuse the name %j', async (name) => {
    const { people, ann } = await peopleWithAnn();
    const given = { name, role: 'viewer', password: OTHER } as const;
    await expect(people.add(ann.asker, given)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it.each(['short', 'aaaaaaaaaaaaaaa', 'xx-barbara-xx', 'x'.repeat(300)])(
    'refuse the password %j',
    async (password) => {
      const { people, ann } = await peopleWithAnn();
      const given = { name: 'Barbara', role: 'viewer', password } as const;
      await expect(people.add(ann.asker, given)).rejects.toMatchObject({ code: 'invalid_request' });
    },
  );

  it('keep one admin at least', async () => {
    const { people, ann } = await peopleWithAnn();
    const { userId } = ann.session;
    await expect(people.change(ann.asker, userId, { role: 'viewer' })).rejects.toMatchObject({ code: 'user_refused' });
    await expect(people.change(ann.asker, userId, { isDisabled: true })).rejects.toMatchObject({
      code: 'user_refused',
    });
    await people.add(ann.asker, { name: 'Bob', role: 'admin', password: OTHER });
    expect(await people.change(ann.asker, userId, { role: 'viewer' })).toMatchObject({
      role: 'viewer',
      changedBy: 'Ann',
    });
  });

  it('say what changed in the audit log, and never a password', async () => {
    const { people, ann, store } = await peopleWithAnn();
    const bob = await people.add(ann.asker, { name: 'Bob', role: 'viewer', password: OTHER });
    await people.change(ann.asker, bob.userId, { role: 'operator', password: 'yet another password' });
    await people.change(ann.asker, bob.userId, { isDisabled: true });
    expect(store.acts().slice(1)).toEqual([
      'user_add done by Ann: Bob: viewer',
      'user_change done by Ann: Bob: viewer -> operator, new password',
      'user_change done by Ann: Bob: disabled',
    ]);
    await expect(people.change(ann.asker, 'nobody', { isDisabled: true })).rejects.toMatchObject({
      code: 'user_not_found',
    });
  });

  it('change nothing where it cannot be written', async () => {
    const { people, ann, store } = await peopleWithAnn();
    store.isWritable = false;
    const given = { name: 'Bob', role: 'viewer', password: OTHER } as const;
    await expect(people.add(ann.asker, given)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(people.list().map(({ name }) => name)).toEqual(['Ann']);
    // Whether it stands after all is not known until the store has been read again.
    expect(people.state).toBe('unknown');
  });

  it('let people change their own password, which signs out everybody who had the old one', async () => {
    const { people, ann } = await peopleWithAnn();
    expect(await people.changeOwnPassword(ann.session, OTHER, 'a new long one', FROM)).toEqual({ kind: 'refused' });
    const outcome = await people.changeOwnPassword(ann.session, PASSWORD, 'a new long one', FROM);
    expect(people.whoHolds(ann.secret)).toBeNull();
    expect(outcome.kind === 'signed_in' && people.whoHolds(outcome.secret)?.actor.name).toBe('Ann');
    expect(await people.signIn('Ann', PASSWORD, FROM)).toEqual({ kind: 'refused' });
  });
});

describe('a password', () => {
  it('is kept with 32 MiB of work, and checked whatever keyboard composed its letters', async () => {
    const passwords = new Passwords();
    const kept = await passwords.hash('fine passwords');
    expect(kept).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await passwords.isPassword('ﬁne passwords', kept)).toBe(true);
    expect(await passwords.isPassword('Fine passwords', kept)).toBe(false);
    expect(passwords.isOutdated(kept)).toBe(false);
    await expect(passwords.isPassword(PASSWORD, '$2b$10$abc')).rejects.toThrow('expected a password hash');
  });

  it('may hold a name of three letters: there are many such words', () => {
    expect(passwordFault('the banned book', 'Ann')).toBeNull();
  });
});

describe('the audit log', () => {
  const by = { actor: { kind: 'token', name: 'ops', role: null, rights: ['tune'] }, from: FROM } as const;

  it('does nothing that it could not note', async () => {
    const { audit, store } = await peopleOn();
    store.isWritable = false;
    let isDone = false;
    const work = async () => {
      isDone = true;
    };
    await expect(audit.during(by, 'model_activate', () => 'm/1', work)).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(isDone).toBe(false);
  });

  it('notes what came of it: done, refused, failed', async () => {
    const { audit, store } = await peopleOn();
    await audit.during(
      by,
      'a',
      (done) => `${done}`,
      async () => 7,
    );
    const refusing = async () => {
      throw new LoupeError('model_not_found', 'no model x');
    };
    const failing = async () => {
      throw new Error('bug');
    };
    await expect(audit.during(by, 'b', () => 'x', refusing)).rejects.toThrow('no model x');
    await expect(audit.during(by, 'c', () => 'x', failing)).rejects.toThrow('bug');
    expect(store.acts()).toEqual(['a done by ops: 7', 'b refused by ops: x', 'c failed by ops: x']);
    expect(store.entries[1]).toMatchObject({ from: FROM, actorKind: 'token', detail: 'model_not_found: no model x' });
  });

  it('reports a line that the disk swallowed after the act, and the act stands', async () => {
    const { audit, store, lost } = await peopleOn();
    const work = async () => {
      store.isWritable = false;
      return 'done';
    };
    expect(await audit.during(by, 'a', () => '', work)).toBe('done');
    expect(lost).toMatchObject([{ act: 'a', outcome: 'done' }]);
  });
});
