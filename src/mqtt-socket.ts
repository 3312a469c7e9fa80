/** What every MQTT client here asks of its connection. */

import type { MqttClient } from 'mqtt';

const END_MS = 1000;

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
