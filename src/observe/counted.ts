/** Counters that are there before anything happens: Prometheus sees a counter rise, and one that appears with its first event never rose. */

import { Counter, type Registry } from 'prom-client';

/** Every value that a label can have, as far as that is known in advance; a label without values starts with its first event. */
type Labels<L extends string> = Readonly<Record<L, readonly string[]>>;

export type AddCounter = <L extends string = never>(name: string, help: string, labels?: Labels<L>) => Counter<L>;

/** @returns what adds a counter to `registry`, at 0 for every combination of the values of its labels */
export function countersOf(registry: Registry): AddCounter {
  return <L extends string>(name: string, help: string, labels?: Labels<L>) => {
    const values = Object.entries<readonly string[]>(labels ?? {});
    const labelNames = values.map(([label]) => label as L);
    const counter = new Counter({ name, help, labelNames, registers: [registry] });
    if (values.length > 0) for (const series of combinations(values)) counter.inc(series as Record<L, string>, 0);
    return counter;
  };
}

function combinations(values: readonly (readonly [string, readonly string[]])[]): Record<string, string>[] {
  return values.reduce<Record<string, string>[]>(
    (found, [label, each]) => found.flatMap((series) => each.map((value) => ({ ...series, [label]: value }))),
    [{}],
  );
}
