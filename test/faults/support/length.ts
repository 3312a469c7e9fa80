/** Short in `npm test`; `npm run faults` sets the rounds, and runs what else takes long. */

const rounds = process.env['FAULT_ROUNDS'];

export const isLong = rounds !== undefined;

/** @param short rounds in `npm test` */
export function roundsOr(short: number): number {
  const asked = rounds === undefined ? short : Number(rounds);
  if (!Number.isInteger(asked) || asked < 1)
    throw new Error(`FAULT_ROUNDS: expected a whole number from 1, got ${rounds}`);
  return asked;
}

/** Milliseconds for a test of `count` rounds. The machine may be busy with other tests: generous, for it ends early. */
export const timeFor = (count: number) => 60_000 + count * 20_000;
