#!/usr/bin/env node
// Is the service on this machine ready? For the probes of containers, many times a minute, so it loads nothing of Loupe.
//   node bin/ready.js [HOST:PORT]     exit 0: ready; 1: not, with what /readyz says; 69: nobody answers
// Plain text or TLS, whichever answers. The certificate is not looked at: a probe asks its own machine.
import http from 'node:http';
import https from 'node:https';

const address = process.argv[2] ?? '127.0.0.1:8080';

const ask = (client) =>
  new Promise((resolve, reject) => {
    const scheme = client === https ? 'https' : 'http';
    const options = { rejectUnauthorized: false, timeout: 2000 };
    const request = client.get(`${scheme}://${address}/readyz`, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ isReady: response.statusCode === 200, text }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
    request.on('error', reject);
  });

try {
  const { isReady, text } = await ask(http).catch(() => ask(https));
  process.stdout.write(`${text.trim()}\n`);
  process.exitCode = isReady ? 0 : 1;
} catch (error) {
  process.stderr.write(`nobody answers at ${address}: ${error.message}\n`);
  process.exitCode = 69;
}
