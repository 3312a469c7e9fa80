/** What every MQTT client here asks of its connection. */

import { type MqttClient, ReasonCodes } from 'mqtt';

const END_MS = 1000;
const SESSION_TAKEN_OVER = 142;
/** CONNACK: unacceptable protocol version, in MQTT 3.1.1 and MQTT 5. */
const UNSUPPORTED_VERSION = [1, 132];

/** A small packet waits for the other side's acknowledgement of the one before, often 40 ms, unless TCP is told not to. */
export function sendAtOnce(client: MqttClient): void {
  const stream: object = client.stream;
  if ('setNoDelay' in stream && typeof stream.setNoDelay === 'function') stream.setNoDelay(true);
}

/** Lets written packets out, then closes; by force where the other end does not listen. */
export async function endGently(client: MqttClient): Promise<void> {
  // A second end(), forced or not, is ignored while the first one waits for the other side.
  const forced = setTimeout(() => client.stream.destroy(), END_MS);
  await client.endAsync(false).catch(() => undefined);
  clearTimeout(forced);
}

/** Whether a broker refused MQTT 5: it is asked with 3.1.1 then. */
export function wantsOlder(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNSUPPORTED_VERSION.includes(Number(error.code));
}

/** Where a connection ended and nobody said why. */
export const CLOSED = 'the broker closed the connection without a word';

/** Why the broker says that it ends the connection, for a person. MQTT 3.1.1 has no word for it. */
export function goodbyeOf({ reasonCode = 0 }: { readonly reasonCode?: number }): string {
  const why = (ReasonCodes as Readonly<Record<number, string>>)[reasonCode] || `reason ${reasonCode}`;
  const hint = reasonCode === SESSION_TAKEN_OVER ? ': another client has this client id (mqtt.client_id)' : '';
  return `the broker ended the connection: ${why}${hint}`;
}
