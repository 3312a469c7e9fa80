/** Whether a broker lets somebody in: connected as the service connects, and gone again. */

import { connectAsync, type IClientOptions } from 'mqtt';
import { endGently, wantsOlder } from '../mqtt-socket.ts';

export interface MqttLogin {
  /** mqtt://, mqtts://, ws:// or wss:// */
  readonly url: string;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: { readonly ca: Buffer | null; readonly cert: Buffer | null; readonly key: Buffer | null };
}

const TIMEOUT_MS = 5000;

/** Rejects with why it is not let in. */
export async function logIn(login: MqttLogin): Promise<void> {
  try {
    await enter(login, 5);
  } catch (error) {
    if (!wantsOlder(error)) throw error;
    await enter(login, 4);
  }
}

async function enter({ url, clientId, username, password, tls }: MqttLogin, version: 4 | 5): Promise<void> {
  const given = Object.entries({ username, password, ...tls }).filter(([, value]) => value !== null);
  const options: IClientOptions = {
    clientId,
    protocolVersion: version,
    connectTimeout: TIMEOUT_MS,
    reconnectPeriod: 0,
  };
  const client = await connectAsync(url, { ...options, ...Object.fromEntries(given) }, false);
  client.on('error', () => undefined);
  await endGently(client);
}
