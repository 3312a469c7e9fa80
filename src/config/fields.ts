/** Field types that several parts of the configuration share. Every one says what it expects. */

import { isIP } from 'node:net';
import { z } from 'zod';
import { cameraIdFrom, ID_RULE } from '../frame/identifiers.ts';

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `[IPv6]:PORT`; port 0 asks the system for a free one. Null when it is neither. */
export function listenFrom(text: string): Listen | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || !(port <= 65_535) ? null : { host, port };
}

/** Of a configured address, which the schema has checked. */
export function listenOf(text: string): Listen {
  const listen = listenFrom(text);
  if (listen === null) throw new Error(`the schema let "${text}" pass as an address`);
  return listen;
}

/** A host as it stands in front of `:PORT`. */
export function hostText({ host }: Listen): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === 'localhost' || host === '::1';
}

export const listen = (fallback: string) =>
  z
    .string()
    .refine((text) => listenFrom(text) !== null, { error: 'expected HOST:PORT, for example 127.0.0.1:8080' })
    .default(fallback);

export const cameraId = z.string().refine((text) => cameraIdFrom(text) !== null, {
  error: `expected at most 64 characters: ${ID_RULE}`,
});

export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, `expected at most 64 characters: ${ID_RULE}`);

export const bytes = (least: number, fallback: number) =>
  z.int().min(least).max(Number.MAX_SAFE_INTEGER).default(fallback);

export const milliseconds = (least: number, most: number) => z.int().min(least).max(most);

export const fraction = z.number().min(0).max(1);

export const filePath = z.string().min(1);

export const tls = z
  .strictObject({
    cert_file: filePath.describe('Certificate chain, PEM.'),
    key_file: filePath.describe('Private key, PEM.'),
    client_ca_file: filePath
      .nullable()
      .default(null)
      .describe('Certificate authority, PEM; when set, a client must show a certificate it signed.'),
    client_refused_file: filePath
      .nullable()
      .default(null)
      .describe(
        'SHA-256 fingerprints of client certificates that are refused though that authority signed them, one a line: of a camera that was stolen.',
      ),
    camera_from_certificate: z
      .boolean()
      .default(false)
      .describe(
        'A client certificate may send frames only under the camera ids that it names (DNS names, else the common name); on gRPC and MQTT it needs no token for that.',
      ),
  })
  .nullable()
  .default(null);

/** True for an IANA name that this Node knows. */
export function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
