/** The code that the service prints while nobody has an account: whoever can read its terminal or its log is its owner. */

import { createHash, randomInt, timingSafeEqual } from 'node:crypto';

/** Crockford's base 32: nothing that looks like something else. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const GROUPS = 4;
const GROUP = 4;

const digest = (code: string) => createHash('sha256').update(code).digest();

/** 80 bits, kept as a hash only. */
export class SetupCode {
  /** To be shown once, and dropped. */
  static make(): { readonly code: SetupCode; readonly shown: string } {
    const groups = Array.from({ length: GROUPS }, () =>
      Array.from({ length: GROUP }, () => LETTERS[randomInt(LETTERS.length)]).join(''),
    );
    return { code: new SetupCode(digest(groups.join(''))), shown: groups.join('-') };
  }

  private readonly digest: Buffer;

  private constructor(expected: Buffer) {
    this.digest = expected;
  }

  /** Whatever case and spacing it was typed in. */
  isCode(typed: string): boolean {
    const plain = typed.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
    return timingSafeEqual(digest(plain), this.digest);
  }
}
