/** Small HTTP requests without a pause, from peers that have said nothing of who they are: a camera is answered beside them, and memory is bounded. */

import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings, total } from '../support/service-process.ts';
import { honestBeside } from './support/honest.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

const SECONDS = Math.min(30, roundsOr(4));
const PEERS = 100;
/** Of a peer that does not wait for the answers. */
const BURST = 50;
const MAX_GROWTH_BYTES = 200 * 1024 * 1024;
const TOKEN = 'the-token-of-an-honest-camera';
const TOKENS = `auth.tokens=${JSON.stringify([{ name: 'honest', token: TOKEN, rights: ['ingest', 'read'] }])}`;

const requestOf = (what: string, headers: readonly string[] = [], body = '') =>
  [`${what} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n');

const SIGN_IN = ['Content-Type: application/json', 'X-Loupe-Page: 1'];
const REQUESTS = {
  'for results': requestOf('GET /api/v1/results'),
  'for what is not there': requestOf('GET /wp-login.php'),
  'that upload a frame': requestOf('POST /api/v1/frames?camera_id=c', [], 'x'),
  'to sign in': requestOf('POST /api/v1/session', SIGN_IN, JSON.stringify({ name: 'operator', password: 'wrong' })),
};

interface Flood {
  readonly request: keyof typeof REQUESTS;
  /** Whether a peer waits for the answer before it asks again. */
  readonly waits: boolean;
  readonly peers?: number;
}

async function flood(service: ServiceProcess, { request, waits, peers = PEERS }: Flood, isOver: () => boolean) {
  let answers = 0;
  const burst = Buffer.from(REQUESTS[request].repeat(waits ? 1 : BURST));
  const { port } = new URL(service.addresses.http);
  const peer = async () => {
    while (!isOver()) {
      const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress: '127.0.0.2' });
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      let heard: () => void = () => undefined;
      socket.on('data', () => {
        answers += 1;
        heard();
      });
      while (!isOver() && !socket.destroyed) {
        const answered = new Promise<void>((resolve) => (heard = resolve));
        const written = new Promise((resolve) => socket.write(burst, resolve));
        await Promise.race([closed, waits ? answered : written]);
      }
      socket.destroy();
      await closed;
    }
  };
  await Promise.all(Array.from({ length: peers }, peer));
  return { answers };
}

async function complaintsOf(what: Flood, seconds = SECONDS, bin?: string): Promise<string[]> {
  const service = await start([...testSettings(emptyFolder()), TOKENS], bin === undefined ? {} : { bin });
  service.token = TOKEN;
  const road = ['--grpc', service.addresses.grpc, '--token', TOKEN];
  const name = `requests ${what.request} ${what.waits ? 'that wait for the answer' : 'without waiting'}`;
  const { complaints, growthBytes, flooded } = await honestBeside(service, { name, seconds, road }, (isOver) =>
    flood(service, what, isOver),
  );
  if (what.waits && flooded.answers === 0) complaints.push('no request was answered');
  if (growthBytes > MAX_GROWTH_BYTES) complaints.push(`memory grew by ${growthBytes} bytes`);
  const cut = total(await service.samples(), 'inspection_floods_cut_total', 'flood="pipelining"');
  if (what.waits === cut > 0) complaints.push(`${cut} times peers were turned away`);
  return complaints;
}

const LETS_THEM: Plant = {
  file: 'dashboard/one-at-a-time.js',
  from: 'if (count > MAX_UNDER_WAY) {',
  to: 'if (count > Infinity) {',
};

describe('requests over HTTP without a token and without a pause', () => {
  it.each<Flood>([
    { request: 'for what is not there', waits: false },
    { request: 'that upload a frame', waits: false },
    { request: 'to sign in', waits: false },
    { request: 'for results', waits: true },
    { request: 'to sign in', waits: true },
  ])(
    '$request (waits for the answer: $waits) leave memory bounded and honest frames answered',
    { timeout: 120_000 },
    async (what) => {
      expect(await complaintsOf(what)).toEqual([]);
    },
  );

  it('twin: a door that lets them send without waiting is found out', { timeout: 180_000 }, async () => {
    // Fewer peers: a frame waits for a turn with all that they sent.
    const what = { request: 'for what is not there', waits: false, peers: 8 } as const;
    const found = await complaintsOf(what, 1, stage([LETS_THEM]).bin);
    expect(found.join('\n')).toMatch(/half of the honest frames|were answered|ended with|memory grew/);
  });
});
