/** The page itself: the files that `npm run build` put into dist/web, held in memory and sent compressed. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Loupe</title>
<h1>Loupe</h1>
<p>This service is running; its page was not built. <code>npm run build</code> builds it.</p>
<ul>
<li><a href="/readyz">Readiness, with reasons</a></li>
<li><a href="/api/v1/status">Status</a></li>
<li><a href="/api/v1/results?limit=20">The last results</a></li>
</ul>
</html>
`;

interface PageFile {
  readonly url: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly gzipped: Buffer;
}

/** Files whose names hold a hash of what is in them. */
const isNamedByContent = (url: string) => url.startsWith('/assets/');

/** @param timeZone of the plant, IANA name: the page shows its times on that clock */
export function addPage(server: FastifyInstance, timeZone: string): void {
  const files = pageFiles(timeZone);
  const open = { config: { right: 'open' as const } };
  if (files.length === 0) {
    server.get('/', open, (_request, reply) => reply.type('text/html; charset=utf-8').send(NOT_BUILT));
  }
  for (const { url, mediaType, bytes, gzipped } of files) {
    server.get(url, open, (request, reply) => {
      const isGzip = request.headers['accept-encoding']?.includes('gzip') === true;
      if (isGzip) reply.header('content-encoding', 'gzip');
      return reply
        .type(mediaType)
        .header('vary', 'accept-encoding')
        .header('cache-control', isNamedByContent(url) ? 'public, max-age=31536000, immutable' : 'no-cache')
        .send(isGzip ? gzipped : bytes);
    });
  }
}

/** Empty where the page was not built. */
function pageFiles(timeZone: string): PageFile[] {
  // A module that runs from source serves what was built beside it.
  const folder = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? '../../dist/web/' : '../web/', import.meta.url),
  );
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const mediaType = MEDIA_TYPES[path.extname(name)];
    if (mediaType === undefined) return [];
    const file = readFileSync(path.join(folder, name));
    const bytes = name === 'index.html' ? withTimeZone(file, timeZone) : file;
    return [{ url: name === 'index.html' ? '/' : `/${name}`, mediaType, bytes, gzipped: gzipSync(bytes) }];
  });
}

/** A name of IANA's has no sign that HTML would read. */
const withTimeZone = (html: Buffer, timeZone: string) =>
  Buffer.from(html.toString().replace('<html ', `<html data-time-zone="${timeZone}" `));
