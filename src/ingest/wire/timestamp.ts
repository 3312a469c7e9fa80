/** google.protobuf.Timestamp ⇄ milliseconds since 1970. */

export interface WireTimestamp {
  /** Decimal int64. */
  readonly seconds: string;
  readonly nanos: number;
}

export function timestampFrom(ms: number | null): WireTimestamp | null {
  if (ms === null) return null;
  const seconds = Math.floor(ms / 1000);
  return { seconds: String(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function millisecondsFrom(timestamp: WireTimestamp | null): number | null {
  return timestamp === null ? null : Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}
