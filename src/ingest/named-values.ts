/** Values that come as text under a name: user properties of MQTT, the query of HTTP. */

import { BrokenRule, type FrameDraft, quote } from './intake.ts';

/** What a frame says of itself under names that every such road has. */
type NamedValues = Pick<
  FrameDraft,
  'sequence' | 'capturedAt' | 'partId' | 'jobId' | 'productId' | 'measId' | 'recipeId' | 'maxWaitMs' | 'isSimulated'
>;

/**
 * @param text what stands under a name; null: nothing
 * @param separator of the words of a name on this road
 * @throws BrokenRule
 */
export function namedValues(text: (name: string) => string | null, separator: '_' | '-'): NamedValues {
  const named = <T>(words: string, read: (name: string, value: string | null) => T): T => {
    const name = words.replaceAll(' ', separator);
    return read(name, text(name));
  };
  return {
    sequence: named('sequence', sequenceFrom),
    capturedAt: named('captured at', timeFrom),
    partId: named('part id', textFrom),
    jobId: named('job id', textFrom),
    productId: named('product id', textFrom),
    measId: named('meas id', textFrom),
    recipeId: named('recipe id', textFrom),
    maxWaitMs: named('max wait ms', millisecondsFrom),
    isSimulated: named('simulated', flagFrom),
  };
}

const textFrom = (_name: string, value: string | null) => value;

function sequenceFrom(name: string, value: string | null): bigint | null {
  if (value === null) return null;
  if (!/^\d{1,19}$/.test(value)) throw new BrokenRule(`expected ${name} as a whole number, got ${quote(value)}`);
  return BigInt(value);
}

/** Date.parse alone makes a time of `cam-1` and of 30 February. */
const ISO_8601 = /^(\d{4})-(\d{2})-(\d{2})[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/** ISO 8601, without a zone by the clock of this machine, or milliseconds since 1970. */
function timeFrom(name: string, value: string | null): number | null {
  if (value === null) return null;
  const time = /^\d{1,16}$/.test(value) ? Number(value) : isoFrom(value);
  if (Number.isFinite(time)) return time;
  throw new BrokenRule(`expected ${name} as ISO 8601 or milliseconds since 1970, got ${quote(value)}`);
}

function isoFrom(value: string): number {
  const [, year, month, day] = ISO_8601.exec(value) ?? [];
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  return isDay ? Date.parse(value) : Number.NaN;
}

function millisecondsFrom(name: string, value: string | null): number | null {
  if (value === null) return null;
  if (!/^\d{1,10}$/.test(value)) throw new BrokenRule(`expected ${name} as a whole number, got ${quote(value)}`);
  return Number(value);
}

function flagFrom(name: string, value: string | null): boolean {
  if (value === null || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1') return true;
  throw new BrokenRule(`expected ${name} as true or false, got ${quote(value)}`);
}
