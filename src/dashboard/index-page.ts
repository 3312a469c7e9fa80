/** What a browser finds at `/`: where everything is. */

import type { FastifyInstance } from 'fastify';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Loupe</title>
<h1>Loupe</h1>
<p>Visual inspection at the edge of the line. This service is running.</p>
<ul>
<li><a href="/readyz">Readiness, with reasons</a></li>
<li><a href="/api/v1/status">Status</a></li>
<li><a href="/api/v1/results?limit=20">The last results</a></li>
<li><a href="/metrics">Metrics for Prometheus</a></li>
</ul>
</html>
`;

export function addIndexPage(server: FastifyInstance): void {
  server.get('/', { config: { right: 'open' } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(PAGE),
  );
}
