/** What a process and all below it have used so far, from /proc (Linux only). */

import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** /proc counts in hundredths of a second on every Linux that Node runs on (USER_HZ). */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;

export interface TreeUsage {
  /** User and system time, milliseconds, of all processes that live now. */
  readonly cpuMs: number;
  /** Sum over the processes: what they share counts once for each. */
  readonly rssBytes: number;
  readonly processes: number;
}

/** @param roots process ids; what they started counts with them */
export function treeUsage(roots: readonly number[]): TreeUsage {
  const stats = allProcesses();
  const members = new Set(roots);
  // A child's id may be below its parent's after the ids wrapped around: until nothing is added any more.
  for (let before = 0; before !== members.size; ) {
    before = members.size;
    for (const [pid, { parent }] of stats) if (members.has(parent)) members.add(pid);
  }
  const found = [...members].flatMap((pid) => stats.get(pid) ?? []);
  return {
    cpuMs: found.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    rssBytes: found.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    processes: found.length,
  };
}

/** Milliseconds of CPU that the whole machine has spent, everybody's, over all cores. */
export function machineCpuMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync('/proc/stat', 'utf8')
    .slice('cpu '.length, 400)
    .trim()
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * MS_PER_TICK;
}

export function cores(): number {
  return availableParallelism();
}

interface ProcessStat {
  readonly parent: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
}

function allProcesses(): ReadonlyMap<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      stats.set(Number(name), parseStat(readFileSync(`/proc/${name}/stat`, 'utf8')));
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return stats;
}

/** @param text one line of /proc/PID/stat; the name in brackets may hold spaces and brackets itself */
export function parseStat(text: string): ProcessStat {
  // Field 3 (state) is the first after the name.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number) => fields[number - 3] ?? 0;
  return { parent: field(4), cpuMs: (field(14) + field(15)) * MS_PER_TICK, rssBytes: field(24) * PAGE_BYTES };
}
