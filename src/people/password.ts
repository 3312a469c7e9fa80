/**
 * Passwords: scrypt (RFC 7914) with 32 MiB, r = 8, p = 3, which OWASP's Password Storage Cheat Sheet holds equal to 128 MiB and
 * p = 1, and which a station that inspects has to spare. Kept as `$scrypt$ln=15,r=8,p=3$salt$hash`, base64, so that other
 * parameters can follow: a hash of others is made anew at the next sign-in.
 */

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const NOW: Work = { ln: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const KEPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

export const PASSWORD_LENGTH = { least: 10, most: 256 };

/** Why `password` cannot be one for `name`, or null. */
export function passwordFault(password: string, name: string): string | null {
  const { least, most } = PASSWORD_LENGTH;
  const { length } = password;
  if (length < least || length > most) return `expected a password of ${least} to ${most} characters, got ${length}`;
  if (new Set(password.toLowerCase()).size < 4) return 'expected a password of more than three different characters';
  if (name.length > 3 && password.toLowerCase().includes(name.toLowerCase()))
    return 'expected a password without the name in it';
  return null;
}

/** How much work one hash is: 128 * r * 2^ln bytes, p times over. */
export interface Work {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

export class Passwords {
  private readonly work: Work;

  constructor(work: Work = NOW) {
    this.work = work;
  }

  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return kept(this.work, salt, await derive(password, salt, this.work));
  }

  /** What no password hashes to, and takes as long to find out as with a hash of one. */
  decoy(): string {
    return kept(this.work, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));
  }

  /** Takes as long for a wrong password as for the right one. @throws where `hashed` is no hash of ours */
  async isPassword(password: string, hashed: string): Promise<boolean> {
    const { work, salt, hash } = parse(hashed);
    return timingSafeEqual(await derive(password, salt, work), hash);
  }

  /** Whether `hashed` was made with other work than is asked for now. */
  isOutdated(hashed: string): boolean {
    const { ln, r, p } = parse(hashed).work;
    return ln !== this.work.ln || r !== this.work.r || p !== this.work.p;
  }
}

function parse(hashed: string): { work: Work; salt: Buffer; hash: Buffer } {
  const [, ln, r, p, salt = '', hash = ''] = KEPT.exec(hashed) ?? [];
  const bytes = Buffer.from(hash, 'base64');
  if (bytes.length !== HASH_BYTES) throw new Error('expected a password hash as $scrypt$ln=,r=,p=$salt$hash');
  const work = { ln: Number(ln), r: Number(r), p: Number(p) };
  return { work, salt: Buffer.from(salt, 'base64'), hash: bytes };
}

function kept({ ln, r, p }: Work, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${text(salt)}$${text(hash)}`;
}

const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');

/** On a thread of libuv's pool. The same letters typed on another keyboard may come composed otherwise: NFKC. */
function derive(password: string, salt: Buffer, { ln, r, p }: Work): Promise<Buffer> {
  const cost = 2 ** ln;
  return new Promise((resolve, reject) => {
    const options = { cost, blockSize: r, parallelization: p, maxmem: 128 * r * (cost + p) + 1024 * 1024 };
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    );
  });
}
