/** Control and format characters, those that turn the direction of text among them; line separators; lone surrogates. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * A text from outside (id, tag, name, file name) as people are shown it: a character that is not seen, and could make one text look
 * like another, move a terminal's cursor or turn what stands beside it, becomes its code point in brackets, `[U+202E]`.
 * Records, JSON and CSV keep it as it came.
 */
export function shownText(text: string): string {
  return text.replaceAll(UNSEEN, (sign) => {
    const codePoint = (sign.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `[U+${codePoint.padStart(4, '0')}]`;
  });
}
