/** Who is at the other end of a connection, as far as its client certificate says. */

import type { CameraId } from '../frame/frame.ts';
import { cameraIdFrom } from '../frame/identifiers.ts';
import type { Refusal } from '../frame/verdict.ts';
import { quote } from './intake.ts';

export interface Peer {
  /** The only cameras it may send as; null where certificates bind nobody. */
  readonly cameraIds: readonly CameraId[] | null;
}

export const UNBOUND: Peer = { cameraIds: null };

/** What Node's `getPeerCertificate` gives, as far as it matters here. */
export interface ClientCertificate {
  readonly subject?: { readonly CN?: string | readonly string[] | undefined } | undefined;
  readonly subjectaltname?: string | undefined;
}

/**
 * The cameras that `certificate` names: its DNS names, or its common name where it has none (RFC 6125 6.4.4). A name that is no
 * camera id names no camera; a certificate that names none may send nothing.
 */
export function peerOf(certificate: ClientCertificate | null | undefined): Peer {
  const names = dnsNamesOf(certificate?.subjectaltname ?? '');
  const common = [certificate?.subject?.CN ?? []].flat();
  return { cameraIds: (names.length > 0 ? names : common).map(cameraIdFrom).filter((id) => id !== null) };
}

/** Null where `peer` may send frames of this camera. */
export function whyNotAs(peer: Peer, cameraId: string): Refusal | null {
  const { cameraIds } = peer;
  if (cameraIds === null || cameraIds.some((id) => id === cameraId)) return null;
  const allowed = cameraIds.length === 0 ? 'no camera' : cameraIds.join(', ');
  const message = `this certificate may send as ${allowed}, not as ${quote(cameraId)}`;
  return { kind: 'refused', code: 'permission_denied', message };
}

function dnsNamesOf(text: string): string[] {
  // Node quotes a name that holds a comma or a quotation mark (CVE-2021-44532). No camera is called so, and the names beside it
  // cannot be told from what it holds.
  if (text.includes('"')) return [''];
  return text.split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : []));
}
