import { describe, expect, it } from 'vitest';
import { Tokens } from '../../src/wiring/tokens.ts';

const tokens = new Tokens([
  { name: 'line', token: 'a-secret-of-the-line', rights: ['ingest'] },
  { name: 'ops', token: 'a-secret-of-ops-0001', rights: ['read', 'admin'] },
]);

describe('tokens', () => {
  it('lets everyone do everything where none is configured', () => {
    expect(new Tokens([]).authorize(null, 'admin')).toBeNull();
    expect(new Tokens([]).login(null, null)).toEqual(['ingest', 'read', 'review', 'tune', 'admin']);
  });

  it('gives each bearer its own rights', () => {
    expect(tokens.authorize('a-secret-of-the-line', 'ingest')).toBeNull();
    expect(tokens.authorize('a-secret-of-the-line', 'read')).toBe('permission_denied');
    expect(tokens.authorize('a-secret-of-ops-0001', 'admin')).toBeNull();
    expect(tokens.authorize('a-secret-of-ops-0001', 'tune')).toBeNull();
    expect(tokens.authorize('a-secret-of-ops-0001', 'review')).toBe('permission_denied');
  });

  it.each([null, '', 'a-secret-of-the-lin', 'a-secret-of-the-line '])('does not know the bearer of %j', (token) => {
    expect(tokens.authorize(token, 'ingest')).toBe('unauthenticated');
  });

  it('names the bearer', () => {
    expect(tokens.actorOf('a-secret-of-the-line')).toMatchObject({ kind: 'token', name: 'line', role: null });
    expect(tokens.actorOf('a-secret-of-nobody-1')).toMatchObject({ kind: 'anonymous', name: null, rights: [] });
  });

  it('logs in by name and secret together', () => {
    expect(tokens.login('line', 'a-secret-of-the-line')).toEqual(['ingest']);
    expect(tokens.login('ops', 'a-secret-of-the-line')).toBeNull();
    expect(tokens.login('line', null)).toBeNull();
    expect(tokens.login(null, null)).toBeNull();
  });
});
