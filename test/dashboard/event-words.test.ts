import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ADVICES } from '../../src/dashboard/web/event-words.ts';
import { ROOT } from '../support/service-process.ts';

const ADVISED = Object.keys(ADVICES.en);

/** Names of events that are logged as warnings or errors: given in place, or by the cases of a switch that come before. */
function loggedEvents(text: string): string[] {
  const found = [...text.matchAll(/\.log\(\s*'(?:warn|error)',\s*'(\w+)'/g)].map(([, name = '']) => name);
  const alone = /kind === '(\w+)'\)[^;]*\.log\(\s*'(?:warn|error)',\s*kind/g;
  found.push(...[...text.matchAll(alone)].map(([, name = '']) => name));
  const cases =
    /((?:case '\w+':\s*)+)((?:(?!case '|return;|break;)[\s\S])*?\.log\(\s*'(?:warn|error)',\s*(?:event\.)?kind)/g;
  for (const [, labels = ''] of text.matchAll(cases)) {
    found.push(...[...labels.matchAll(/case '(\w+)'/g)].map(([, name = '']) => name));
  }
  return found;
}

const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('dashboard/web'))
  .map((name) => readFileSync(path.join(ROOT, 'src', name), 'utf8'));

describe('what the page says of warnings and errors', () => {
  it('has advice for each that the service logs', () => {
    const logged = new Set(sources.flatMap(loggedEvents));
    expect(logged.size).toBeGreaterThan(25);
    expect([...logged].filter((name) => !ADVISED.includes(name))).toEqual([]);
  });

  it('has none for what no code says any more', () => {
    const all = sources.join('\n');
    expect(ADVISED.filter((name) => !all.includes(`'${name}'`))).toEqual([]);
  });
});
