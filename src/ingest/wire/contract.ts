/** The wire contract as loaded from `proto/`, the one place that knows where the files are. */

import { fileURLToPath } from 'node:url';
import {
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';

/** `proto/` of the package; `src/` and `dist/` lie equally deep. */
export const PROTO_FOLDER = fileURLToPath(new URL('../../../proto/', import.meta.url));

export const SERVICE_NAME = 'inspection.v1.InspectionService';

const OPTIONS = {
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [PROTO_FOLDER],
};

export const inspectionPackage: PackageDefinition = loadSync('inspection/v1/inspection.proto', OPTIONS);
export const rpcPackage: PackageDefinition = loadSync('google/rpc/status.proto', OPTIONS);

export interface WireMessage {
  encode(message: object): Buffer;
  /** Throws on bytes that are no such message. */
  decode(bytes: Uint8Array): unknown;
}

export function serviceOf(contract: PackageDefinition, name: string): ServiceDefinition {
  const definition = contract[name];
  if (definition === undefined || 'format' in definition) throw new Error(`the contract has no service ${name}`);
  return definition;
}

export function messageOf(contract: PackageDefinition, name: string): WireMessage {
  const definition = contract[name];
  if (definition === undefined || !('serialize' in definition)) throw new Error(`the contract has no message ${name}`);
  const message = definition as MessageTypeDefinition<object, object>;
  return {
    encode: (value) => message.serialize(value),
    // protobufjs reads a Buffer without copying: byte fields stay views of `bytes`.
    decode: (bytes) => message.deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  };
}
