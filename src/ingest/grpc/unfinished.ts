/**
 * Holds the bytes of requests that are not whole yet within a limit. grpc-js takes a request in before its handler hears of the call, and
 * looks at no token until then: whoever starts uploads and ends none of them would fill the memory. The oldest of them goes: one that means
 * it is whole within a moment. Frames of streams are held by the `ByteBudget`.
 */

import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';

/** @param onCut told of the address each time that a call is ended */
export function boundUnfinished(
  server: Http2Server | Http2SecureServer,
  maxBytes: number,
  onCut: (address: string) => void,
): void {
  /** In the order in which they began. */
  const unfinished = new Map<ServerHttp2Stream, number>();
  let bytes = 0;
  const forget = (stream: ServerHttp2Stream) => {
    bytes -= unfinished.get(stream) ?? 0;
    unfinished.delete(stream);
  };
  const cutOldest = () => {
    for (const stream of unfinished.keys()) {
      if (bytes <= maxBytes) return;
      forget(stream);
      const address = String(stream.session?.socket.remoteAddress);
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      onCut(address);
    }
  };
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (String(headers[constants.HTTP2_HEADER_PATH]).endsWith('/InspectStream')) return;
    unfinished.set(stream, 0);
    stream.once('end', () => forget(stream));
    stream.once('close', () => forget(stream));
    stream.on('data', (chunk: Buffer) => {
      const before = unfinished.get(stream);
      if (before === undefined) return;
      unfinished.set(stream, before + chunk.byteLength);
      bytes += chunk.byteLength;
      cutOldest();
    });
  });
}
