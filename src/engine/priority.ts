/**
 * A new engine proves itself beside those at work: at full priority its start takes their cores, and frames wait. On Linux it starts
 * behind them and is raised when it takes over, where this process may raise priorities at all (root, CAP_SYS_NICE, or a limit that
 * allows it: LimitNICE= in systemd); elsewhere nothing is changed, since what was lowered could never be raised again.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

const BEHIND = 15;
/** Beside two engines that never rest this leaves a process a seventh of two cores: it slows them little, and comes to its end. */
export const ASIDE = 5;
const CAP_SYS_NICE = 23n;

/** Whether a lowered priority could be raised to that of this process again. */
export function mayRaise(): boolean {
  if (process.platform !== 'linux') return false;
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  if (((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n) return true;
  return allowsRaising(readFileSync('/proc/self/limits', 'utf8'), getPriority());
}

/**
 * @param limits text of /proc/self/limits, where a limit of n allows a nice value of 20 - n and above (getrlimit(2), RLIMIT_NICE)
 * @param niceness to be raised to
 */
export function allowsRaising(limits: string, niceness: number): boolean {
  const soft = /^Max nice priority\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? '0';
  return soft === 'unlimited' || 20 - Number(soft) <= niceness;
}

export function putBehind(pid: number, niceness = BEHIND): void {
  setThreads(pid, Math.max(niceness, getPriority()));
}

/** Behind everything, for good: work that nothing waits for. Threads that start later inherit it. */
export function putLast(): void {
  setThreads(process.pid, constants.priority.PRIORITY_LOW);
}

/** To the priority of this process. */
export function putForward(pid: number): void {
  setThreads(pid, getPriority());
}

/** Every thread of a process: in Linux the priority belongs to the thread, and those that start later inherit it. */
function setThreads(pid: number, priority: number): void {
  for (const thread of threadsOf(pid)) {
    try {
      setPriority(thread, priority);
    } catch (error) {
      // One that ended meanwhile needs none.
      if (!isGone(error)) throw error;
    }
  }
}

function threadsOf(pid: number): readonly number[] {
  if (process.platform !== 'linux') return [pid];
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch (error) {
    if (!isGone(error)) throw error;
    return [];
  }
}

/** In what `os` and `fs` throw of a process that is not there. */
function isGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, info } = error as NodeJS.ErrnoException & { info?: { code?: string } };
  return ['ESRCH', 'ENOENT'].includes(info?.code ?? code ?? '');
}
