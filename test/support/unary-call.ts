/** A unary call whose request is written by hand, to be ended late or never. */

import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

export function beginUnary(session: ClientHttp2Session): ClientHttp2Stream {
  const call = session.request({
    ':method': 'POST',
    ':path': '/inspection.v1.InspectionService/Inspect',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  // What cuts it is looked for where it is closed.
  call.on('error', () => undefined);
  return call;
}
