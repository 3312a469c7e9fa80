/** Which files belong to which door, and how each takes new ones. */

import type { Door, DoorName } from './certificates.ts';
import type { Config } from '../config/schema.ts';
import { brokerPaths, type Secrets, serverPaths, serverTls } from '../config/secrets.ts';
import type { TlsFiles } from '../config/tls-files.ts';
import type { ServerTls } from '../server-tls.ts';

export interface Doors {
  readonly grpc: { useTls(tls: ServerTls): void };
  readonly http: { useTls(tls: ServerTls): void };
  /** The embedded broker, or the way to the plant's; null without MQTT. */
  readonly mqtt: { useTls(files: TlsFiles): void } | null;
}

/** The doors that have certificates, or an authority, of their own. */
export function doorsOf(config: Config, secrets: Secrets, { grpc, http, mqtt }: Doors): readonly Door[] {
  const doors = [
    serverDoor('grpc', config.grpc.tls, secrets.grpcTls, (tls) => grpc.useTls(tls)),
    serverDoor('http', config.http.tls, secrets.httpTls, (tls) => http.useTls(tls)),
  ];
  if (mqtt !== null && config.mqtt.url === null) {
    const { tls } = config.mqtt.embedded;
    doors.push(serverDoor('mqtt', tls, secrets.embeddedTls, (pair) => mqtt.useTls(filesOf(pair))));
  } else if (mqtt !== null) {
    doors.push({
      name: 'broker',
      paths: brokerPaths(config),
      files: secrets.broker,
      use: (files) => mqtt.useTls(files),
    });
  }
  return doors.filter((door) => door !== null);
}

function serverDoor(
  name: DoorName,
  tls: Config['grpc']['tls'],
  first: ServerTls | null,
  useTls: (tls: ServerTls) => void,
): Door | null {
  if (tls === null || first === null) return null;
  const use = (files: TlsFiles) => {
    const pair = serverTls(files);
    if (pair !== null) useTls(pair);
  };
  return { name, paths: serverPaths(tls), files: filesOf(first), use };
}

function filesOf({ cert, key, clientCa: ca, refused }: ServerTls): TlsFiles {
  return { cert, key, ca, refused };
}
