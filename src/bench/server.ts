/** What is measured against the bare loop: the real service, and with `--peers` a plain one, each a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Road } from './protocol.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PEER_START_MS = 60_000;

export interface Endpoint {
  readonly road: Road;
  readonly address: string;
  /** The process whose tree is charged with what a frame costs. */
  readonly pid: number;
}

export class Server {
  readonly endpoints: readonly Endpoint[];
  private readonly process: ChildProcess;

  private constructor(process: ChildProcess, endpoints: readonly Endpoint[]) {
    this.process = process;
    this.endpoints = endpoints;
  }

  /**
   * `loupe serve` with its defaults, on free ports and a store of its own.
   * @throws with what it said when it ends before it is ready
   */
  static async loupe(folder: string, model: string): Promise<Server> {
    const settings = [
      'grpc.listen=127.0.0.1:0',
      'http.listen=127.0.0.1:0',
      'mqtt.embedded.listen=127.0.0.1:0',
      'engine.provider=cpu',
      `models.path=${path.join(folder, 'models')}`,
      `recipes.default.model=${model}`,
      `store.path=${path.join(folder, `store-${model}`)}`,
    ].flatMap((setting) => ['--set', setting]);
    const child = spawn(process.execPath, [path.join(ROOT, 'bin', 'loupe.js'), 'serve', '--json', ...settings], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = collect(child);
    const line = await Promise.race([
      new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
      once(child, 'exit').then(() => null),
    ]);
    if (line === null) throw new Error(`loupe serve ended before it was ready: ${said()}`);
    const { grpc, mqtt, ready } = JSON.parse(line) as { grpc: string; mqtt: string; ready: boolean };
    const pid = child.pid ?? 0;
    const server = new Server(child, [
      { road: 'grpc', address: grpc, pid },
      { road: 'grpc_stream', address: grpc, pid },
      { road: 'mqtt', address: mqtt, pid },
    ]);
    if (ready) return server;
    await server.stop();
    throw new Error(`loupe serve is not ready: ${said()}`);
  }

  /**
   * FastAPI under uvicorn, a worker per core.
   * @param python an interpreter that has the peer's packages
   * @throws when it does not answer within a minute
   */
  static async fastapi(python: string, model: string, inputSize: number, workers: number): Promise<Server> {
    const port = await freePort();
    const app = ['-m', 'uvicorn', 'fastapi_app:app', '--app-dir', path.join(ROOT, 'bench', 'peers')];
    const listen = ['--host', '127.0.0.1', '--port', String(port), '--workers', String(workers)];
    const variables = [`BENCH_MODEL=${model}`, `BENCH_INPUT_SIZE=${inputSize}`];
    const quiet = ['--no-access-log', '--log-level', 'warning'];
    const child = spawn('env', [...variables, python, ...app, ...listen, ...quiet], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = collect(child);
    const url = `http://127.0.0.1:${port}`;
    const server = new Server(child, [{ road: 'fastapi', address: `${url}/inspect`, pid: child.pid ?? 0 }]);
    const until = performance.now() + PEER_START_MS;
    while (child.exitCode === null && performance.now() < until) {
      if (
        await fetch(`${url}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return server;
      await sleep(100);
    }
    await server.stop();
    throw new Error(`the FastAPI peer does not answer: ${said()}`);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await gone;
  }
}

/** The last of what a process says on stderr. */
function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-4000);
  });
  return () => text.trim();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
