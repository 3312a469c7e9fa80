/** Where messages leave, as the publisher sees it: a plant's broker, or the embedded one. */

export interface SinkPublishOptions {
  readonly retain: boolean;
  readonly qos: 0 | 1;
  readonly correlationData?: Uint8Array | null;
  readonly contentType?: string;
}

export interface Sink {
  readonly isConnected: boolean;
  /** Calls `listener` after each new connection; returns how to stop. */
  onConnected(listener: () => void): () => void;
  /** Resolves when the broker has it. Rejects with SinkRefusal where it will not have it, now or later. */
  publish(topic: string, payload: string | Buffer, options: SinkPublishOptions): Promise<void>;
}

/** The connection ended before the broker answered. Some brokers refuse a message that way. */
export class ConnectionLost extends Error {}

/** The broker answered, and the answer was no. */
export class SinkRefusal extends Error {}
