/**
 * A new engine proves itself beside those at work: at full priority its start takes their cores, and frames wait. On Linux it starts
 * behind them and is raised when it takes over, where this process may raise priorities at all (root, or CAP_SYS_NICE); elsewhere
 * nothing is changed, since what was lowered could never be raised again.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

const BEHIND = 15;
const CAP_SYS_NICE = 23n;

/** Whether a lowered priority could be raised again. */
export function mayRaise(): boolean {
  if (process.platform !== 'linux') return false;
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n;
}

export function putBehind(pid: number): void {
  setPriority(pid, Math.max(BEHIND, getPriority()));
}

/** Behind everything, for good: work that nothing waits for. Threads that start later inherit it. */
export function putLast(): void {
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid];
  for (const thread of threads) setPriority(thread, constants.priority.PRIORITY_LOW);
}

/** To the priority of this process, every thread of it: in Linux the priority belongs to the thread. */
export function putForward(pid: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), getPriority());
}
