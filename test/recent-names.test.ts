import { expect, it } from 'vitest';
import { RecentNames } from '../src/recent-names.ts';

it('keeps the names that were added last', () => {
  const recent = new RecentNames(2);
  recent.add('a');
  recent.add('b');
  recent.add('a');
  recent.add('c');
  expect(['a', 'b', 'c'].filter((name) => recent.has(name))).toEqual(['a', 'c']);
});
