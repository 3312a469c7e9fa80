/** The end of a service whose disk does not answer any more: a thread that waits for it cannot be ended, and process.exit() waits for the thread. */

import type { Log } from '../../observe/log.ts';

/** After `shutdown_ms`, for what is closed then: engines, ledger. Together, by default, less than the 30 s of systemd and Kubernetes. */
const CLOSE_MS = 5000;

/** Ends the process at once, whatever its threads wait for; a shell sees 137. What was answered is committed. */
export function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** From now on the process has `shutdownMs` and five seconds to end by itself. */
export function endInTime(shutdownMs: number, service: { readonly storeSilentMs: number }, log: Log): void {
  const end = () => {
    const detail = 'the service did not end by itself: look at the disk of the store; what was answered is committed';
    log.log('error', 'not_ended_in_time', { storeSilentMs: Math.round(service.storeSilentMs), detail });
    endNow();
  };
  setTimeout(end, shutdownMs + CLOSE_MS).unref();
}
