/** Values that come as text under a name: user properties of MQTT, the query of HTTP. */

import { quote } from './intake.ts';

/** A value that is not as it should be: what was expected, and what came. */
export class BrokenRule extends Error {}

export function sequenceFrom(name: string, value: string | null): bigint | null {
  if (value === null) return null;
  if (!/^\d{1,19}$/.test(value)) throw new BrokenRule(`expected ${name} as a whole number, got ${quote(value)}`);
  return BigInt(value);
}

/** ISO 8601, or milliseconds since 1970. */
export function timeFrom(name: string, value: string | null): number | null {
  if (value === null) return null;
  const time = /^\d{1,16}$/.test(value) ? Number(value) : Date.parse(value);
  if (Number.isFinite(time)) return time;
  throw new BrokenRule(`expected ${name} as ISO 8601 or milliseconds since 1970, got ${quote(value)}`);
}

export function millisecondsFrom(name: string, value: string | null): number | null {
  if (value === null) return null;
  if (!/^\d{1,10}$/.test(value)) throw new BrokenRule(`expected ${name} as a whole number, got ${quote(value)}`);
  return Number(value);
}

export function flagFrom(name: string, value: string | null): boolean {
  if (value === null || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1') return true;
  throw new BrokenRule(`expected ${name} as true or false, got ${quote(value)}`);
}
