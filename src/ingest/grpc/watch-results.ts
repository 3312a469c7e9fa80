/**
 * `WatchResults`: a cursor over the ledger. Nothing is kept for a watcher but its place; one that reads slowly falls behind
 * in the ledger and finds every row there when it comes for it.
 */

import { Metadata } from '@grpc/grpc-js';
import { asLoupeError } from '../../errors.ts';
import { cameraIdFrom } from '../../frame/identifiers.ts';
import { VERDICTS, type Verdict } from '../../frame/verdict.ts';
import { quote } from '../intake.ts';
import type { ResultsFilter } from '../ports.ts';
import { responseFrom } from '../wire/response.ts';
import { tokenOf, type WatchCall, type WireWatchRequest } from './definition.ts';
import type { Desk } from './desk.ts';
import { explainDenial, type StatusError, statusOf } from './status.ts';

const PAGE_ROWS = 100;

/** @param stopping aborted when the service stops; ends the stream with `shutting_down` */
export async function watchResults(desk: Desk, call: WatchCall, stopping: AbortSignal): Promise<void> {
  const denied = desk.ports.authorize(tokenOf(call.metadata), 'read');
  if (denied !== null) {
    call.emit('error', statusOf(denied, explainDenial(denied, 'read')));
    return;
  }
  const filter = whyAhead(call.request, desk.ports.results.lastLedgerSeq()) ?? filterOf(call.request);
  if ('code' in filter) {
    call.emit('error', filter);
    return;
  }
  const over = new AbortController();
  const end = () => over.abort();
  call.on('cancelled', end);
  call.on('close', end);
  stopping.addEventListener('abort', end, { once: true });
  if (stopping.aborted || call.cancelled) end();
  try {
    await follow(desk, call, filter, over.signal);
    if (stopping.aborted && !call.cancelled) call.emit('error', statusOf('shutting_down', 'the service is stopping'));
  } catch (error) {
    const { code, message } = asLoupeError(error);
    if (!call.cancelled) call.emit('error', statusOf(code, message));
  } finally {
    stopping.removeEventListener('abort', end);
  }
}

async function follow(desk: Desk, call: WatchCall, filter: ResultsFilter, over: AbortSignal): Promise<void> {
  const { results } = desk.ports;
  const { after_ledger_seq: after } = call.request;
  let cursor = after === undefined ? results.lastLedgerSeq() : Number(after);
  const bell = new Bell(over);
  const unsubscribe = results.onCommit(() => bell.ring());
  try {
    // The headers go out now: a watcher knows that it is heard before the first result comes.
    call.sendMetadata(new Metadata());
    while (!over.aborted) {
      // Read before the page: every row up to here is in it, or does not match.
      const last = results.lastLedgerSeq();
      const page = await results.pageAfter(cursor, PAGE_ROWS, filter);
      for (const result of page) {
        if (over.aborted) return;
        if (!call.write(responseFrom(result, false))) await drained(call, over);
        cursor = result.ledgerSeq;
      }
      if (page.length === PAGE_ROWS) continue;
      cursor = Math.max(cursor, last);
      await bell.heard();
    }
  } finally {
    unsubscribe();
  }
}

/** A reader ahead of the ledger knows another one, or one from before it was restored: it would miss all that comes until there. */
function whyAhead({ after_ledger_seq: after }: WireWatchRequest, last: number): StatusError | null {
  if (after === undefined || Number(after) <= last) return null;
  const expected = `after_ledger_seq must be at most ${last}, where this ledger ends now`;
  return statusOf('invalid_request', `${expected}; got ${after}, which another ledger or one before a restore gave`);
}

function filterOf(request: WireWatchRequest): ResultsFilter | StatusError {
  const { camera_id: camera, verdict } = request;
  const cameraId = camera === '' ? null : cameraIdFrom(camera);
  if (camera !== '' && cameraId === null) {
    return statusOf('invalid_request', `camera_id must be empty or a valid id, got ${quote(camera)}`);
  }
  if (verdict !== 'VERDICT_UNSPECIFIED' && !isVerdict(verdict)) {
    return statusOf('invalid_request', `verdict must be one of ${VERDICTS.join(', ')}, got ${verdict}`);
  }
  return { ...(cameraId === null ? {} : { cameraId }), ...(isVerdict(verdict) ? { verdict } : {}) };
}

function isVerdict(value: string | number): value is Verdict {
  return (VERDICTS as readonly (string | number)[]).includes(value);
}

/** Resolves when the reader has caught up, or when the stream is over. */
function drained(call: WatchCall, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      over.removeEventListener('abort', done);
      resolve();
    };
    call.on('drain', done);
    over.addEventListener('abort', done);
    if (over.aborted) done();
  });
}

/** Remembers one ring until it is heard: many commits while a page is being written are one reason to look again. */
class Bell {
  private hasRung = false;
  private wake: (() => void) | undefined;

  constructor(over: AbortSignal) {
    over.addEventListener('abort', () => this.ring(), { once: true });
    if (over.aborted) this.ring();
  }

  ring(): void {
    this.hasRung = true;
    this.wake?.();
  }

  async heard(): Promise<void> {
    if (!this.hasRung) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.hasRung = false;
  }
}
