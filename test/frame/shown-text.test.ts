import { describe, expect, it } from 'vitest';
import { shownText } from '../../src/frame/shown-text.ts';

describe('a text from outside, as it is shown', () => {
  it('has a mark for each character that is not seen', () => {
    const turning = '\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069\u200E\u200F\u061C';
    expect(shownText(turning)).toBe(
      '[U+202A][U+202B][U+202C][U+202D][U+202E][U+2066][U+2067][U+2068][U+2069][U+200E][U+200F][U+061C]',
    );
    expect(shownText('\u0000\u001B[2J\n\t\u007F\u009B')).toBe('[U+0000][U+001B][2J[U+000A][U+0009][U+007F][U+009B]');
    expect(shownText('a\u200Bb\u00AD\uFEFF\u2028\u{E0041}\uD800')).toBe(
      'a[U+200B]b[U+00AD][U+FEFF][U+2028][U+E0041][U+D800]',
    );
  });

  it('is what it was where everything is seen, in any script', () => {
    for (const text of ['', 'P-4711', '零件 17', 'قطعة-12', 'Ä ö é', '👍 <b>&', '[U+202E]'])
      expect(shownText(text)).toBe(text);
  });
});
