/** Which files belong to which door, and how each takes new ones. */

import type { Door, DoorName } from './certificates.ts';
import type { Config } from '../config/schema.ts';
import { brokerPaths, type Secrets, type ServerTls, serverPaths, serverTls } from '../config/secrets.ts';
import type { TlsFiles } from '../config/tls-files.ts';

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
    const { embedded } = config.mqtt;
    doors.push(
      serverDoor('mqtt', embedded.tls, secrets.embeddedTls, ({ cert, key, clientCa: ca }) =>
        mqtt.useTls({ cert, key, ca }),
      ),
    );
  } else if (mqtt !== null) {
    const { ca, cert, key } = secrets.broker;
    doors.push({
      name: 'broker',
      paths: brokerPaths(config),
      files: { ca, cert, key },
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
  const { cert, key, clientCa: ca } = first;
  const use = (files: TlsFiles) => {
    const pair = serverTls(files);
    if (pair !== null) useTls(pair);
  };
  return { name, paths: serverPaths(tls), files: { cert, key, ca }, use };
}
