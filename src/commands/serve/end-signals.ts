/** SIGINT and SIGTERM, heard from the first moment on: process 1 of a container is deaf to a signal that it does not catch. */

import type { Log } from '../../observe/log.ts';
import { endNow } from './end-in-time.ts';

export interface EndSignals {
  /** Resolves with the first signal from now on; a second one ends the process at once. */
  untilTold(log: Log): Promise<void>;
}

/** Until `untilTold` is called a signal ends the process at once, with 0: a service that is still starting has nothing to finish. */
export function listenForEnd(): EndSignals {
  let heard = (_signal: NodeJS.Signals): void => process.exit(0);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, (signal) => heard(signal));
  return {
    untilTold: (log) =>
      new Promise((resolve) => {
        heard = (signal) => {
          log.log('info', 'told_to_end', { signal });
          heard = (again) => {
            log.log('warn', 'ended_at_once', { signal: again });
            endNow();
          };
          resolve();
        };
      }),
  };
}
