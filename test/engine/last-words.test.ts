import { describe, expect, it } from 'vitest';
import { LastWords } from '../../src/engine/last-words.ts';

describe('the last words of a child', () => {
  it('are lines, whole ones, without colours, however they were cut', () => {
    const words = new LastWords();
    expect(words.hear('\u001b[1;31mfirst')).toEqual([]);
    expect(words.hear(' error\u001b[m\n\nsecond\nthi')).toEqual(['first error', 'second']);
    expect(words.reason()).toBe('first error');
  });

  it('give the last line that tells why, even where it does not end', () => {
    const words = new LastWords();
    words.hear('Failed to load a\nsomething else\nlibx.so: cannot open shared object file');
    expect(words.reason()).toBe('libx.so: cannot open shared object file');
  });

  it('are not kept for ever', () => {
    const words = new LastWords();
    words.hear('error: the first\n');
    for (let index = 0; index < 30; index++) words.hear('chatter\n');
    expect(words.reason()).toBeNull();
    words.hear(`error ${'x'.repeat(5000)}`);
    expect(words.reason()).toHaveLength(500);
  });
});
