/**
 * `InspectStream`: many frames under way on one stream, never more than its limit.
 *
 *   HTTP/2 ──> Readable ──data──> under way (frames, bytes) ──> inspector ──> Writable ──> HTTP/2
 *                 ^ paused while: frames at the limit, bytes of all streams at theirs,
 *                   answers not being read, or the service is stopping
 *
 * A paused Readable closes the HTTP/2 window, so that the sender itself is held up and nothing piles up here.
 */

import { setMaxListeners } from 'node:events';
import type { Outcome } from '../../frame/verdict.ts';
import { responseFrom } from '../wire/response.ts';
import type { Peer } from '../peer.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { Arrival, InspectStreamCall, WireStreamResponse } from './definition.ts';
import type { Desk, Patience } from './desk.ts';
import { retryAfterMs, statusOf } from './status.ts';

export class InspectStream {
  private readonly desk: Desk;
  private readonly peer: Peer;
  private readonly call: InspectStreamCall;
  private readonly maxFrames: number;
  private readonly budget: ByteBudget;
  private readonly gone = new AbortController();
  private readonly patience: Patience;
  private underWay = 0;
  private isHalfClosed = false;
  private isStopping = false;
  private isAnswerBlocked = false;
  private isOver = false;
  private readonly onOver: () => void;

  /** @param onOver called once, when the stream is finished and none of its frames is under way */
  constructor(
    desk: Desk,
    call: InspectStreamCall,
    peer: Peer,
    maxFrames: number,
    budget: ByteBudget,
    onOver: () => void,
  ) {
    this.desk = desk;
    this.peer = peer;
    this.call = call;
    this.maxFrames = maxFrames;
    this.budget = budget;
    this.onOver = onOver;
    // Every frame under way listens, and Node takes more than ten for a leak.
    setMaxListeners(0, this.gone.signal);
    this.patience = { signal: this.gone.signal, untilMono: desk.untilMonoOf(call) };
  }

  start(): void {
    const { call } = this;
    readAheadOne(call);
    const unsubscribe = this.budget.whenRoom(() => this.steer());
    this.gone.signal.addEventListener('abort', unsubscribe, { once: true });
    call.on('data', (arrival) => void this.take(arrival));
    call.on('end', () => {
      this.isHalfClosed = true;
      this.steer();
    });
    call.on('drain', () => {
      this.isAnswerBlocked = false;
      this.steer();
    });
    // The sender is gone. Its frames stop waiting for an engine, and are recorded all the same.
    call.on('cancelled', () => {
      this.gone.abort();
      this.steer();
    });
    this.steer();
  }

  /** Reads no further frame; answers those under way, then ends the stream with `shutting_down`. */
  stop(): void {
    this.isStopping = true;
    this.steer();
  }

  private async take(arrival: Arrival): Promise<void> {
    this.underWay++;
    this.budget.take(arrival.bytes);
    this.steer();
    const outcome = await this.desk.inspect(arrival, 'grpc_stream', this.peer, this.patience);
    this.budget.give(arrival.bytes);
    this.underWay--;
    if (!this.call.cancelled && !this.isOver && !this.call.write(answerOf(outcome, arrival))) {
      this.isAnswerBlocked = true;
    }
    this.steer();
  }

  /** Reads, holds or ends the stream, whichever its state now asks for. */
  private steer(): void {
    if (this.isOver) return;
    const { call } = this;
    if (this.underWay === 0 && (call.cancelled || this.isHalfClosed || this.isStopping)) {
      this.isOver = true;
      if (!call.cancelled && this.isHalfClosed) call.end();
      else if (!call.cancelled) call.emit('error', statusOf('shutting_down', 'the service is stopping'));
      this.gone.abort();
      this.onOver();
      return;
    }
    const mustHold =
      this.isStopping ||
      this.isAnswerBlocked ||
      this.underWay >= this.maxFrames ||
      (this.budget.isFull && this.underWay > 0);
    if (mustHold) call.pause();
    else call.resume();
  }
}

function answerOf(outcome: Outcome, arrival: Arrival): WireStreamResponse {
  if (outcome.kind === 'answered') return { result: responseFrom(outcome.result, outcome.duplicate) };
  const request = arrival.kind === 'request' ? arrival.request : null;
  return {
    error: {
      camera_id: request?.camera_id ?? '',
      frame_id: request?.frame_id ?? '',
      code: outcome.code,
      message: outcome.message,
      retry_after_ms: retryAfterMs(outcome.code),
    },
  };
}

/**
 * An object-mode Readable reads 16 messages ahead even while paused, and 16 images of 30 MB are half a gigabyte. Node has
 * no public way to lower the mark of a stream somebody else made; where the field is gone, 16 it is.
 */
function readAheadOne(call: object): void {
  const { _readableState: state } = call as { _readableState?: { highWaterMark?: number } };
  if (state?.highWaterMark !== undefined) state.highWaterMark = 1;
}
