/** JSON lines on stderr, one event per line; info is for changes of state, never for a frame. */

import { pino } from 'pino';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Logs `event` with its fields. Fields are data, not sentences. */
export interface Log {
  log(level: Level, event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export function createLog(options: { readonly level: Level; readonly site: string }): Log {
  const destination = pino.destination({ fd: 2, sync: true });
  // Whoever read the log is gone: the line goes on without it.
  destination.on('error', () => undefined);
  const logger = pino(
    {
      level: options.level,
      base: { site: options.site, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      errorKey: 'error',
      messageKey: 'event',
    },
    destination,
  );
  return {
    log: (level, event, fields = {}) => logger[level](fields, event),
  };
}

const QUIET_MS = 10_000;

/**
 * For events that a fault can repeat without end: the first of a kind is logged at once, then at most one in 10 s with the
 * number of those left out. Of several connections each is a kind of its own.
 */
export function createThrottledLog(log: Log, now: () => number): Log {
  const last = new Map<string, { at: number; leftOut: number }>();
  return {
    log: (level, event, fields = {}) => {
      const { connection } = fields;
      const kind = typeof connection === 'number' ? `${event} ${connection}` : event;
      const seen = last.get(kind);
      if (seen !== undefined && now() - seen.at < QUIET_MS) {
        seen.leftOut++;
        return;
      }
      last.set(kind, { at: now(), leftOut: 0 });
      log.log(level, event, seen === undefined || seen.leftOut === 0 ? fields : { ...fields, leftOut: seen.leftOut });
    },
  };
}
