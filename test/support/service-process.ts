/** The real service in its own process, as `npx loupe serve` runs it, on free ports and a folder of its own. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { treeUsage } from '../../src/bench/process-tree.ts';

export const ROOT = new URL('../../', import.meta.url).pathname;
export const LOUPE = path.join(ROOT, 'bin', 'loupe.js');
export const TEST_MODELS = path.join(ROOT, 'test', 'support', 'models');

export interface Addresses {
  readonly grpc: string;
  readonly http: string;
  readonly mqtt: string | null;
  readonly pid: number;
  readonly ready: boolean;
}

export const emptyFolder = (name = 'loupe-test-') => mkdtempSync(path.join(tmpdir(), name));

/** Free ports, one engine of a test model, nothing wanted from a GPU. */
export function testSettings(store: string, model = 'mean-brightness'): string[] {
  return [
    'grpc.listen=127.0.0.1:0',
    'http.listen=127.0.0.1:0',
    'mqtt.embedded.listen=127.0.0.1:0',
    'engine.provider=cpu',
    'engine.processes=1',
    `models.path=${TEST_MODELS}`,
    `recipes.default.model=${model}`,
    `store.path=${store}`,
  ];
}

/** Of the engines of a line; one starts sooner, and most tests have no use for more. */
export const TWO_ENGINES = 'engine.processes=2';

export class ServiceProcess {
  readonly child: ChildProcess;
  /** Every line of the log, parsed. */
  readonly log: Record<string, unknown>[] = [];
  addresses: Addresses = { grpc: '', http: '', mqtt: null, pid: 0, ready: false };
  stderr = '';
  /** With what `get` and `samples` ask; null: with nothing. */
  token: string | null = null;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (line.startsWith('{')) this.log.push(JSON.parse(line) as Record<string, unknown>);
      });
    }
  }

  /** @throws with what it said when it ends before it is ready */
  static async start(
    settings: readonly string[],
    command: readonly string[] = ['serve', '--json'],
    started: { readonly bin?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<ServiceProcess> {
    const sets = settings.flatMap((setting) => ['--set', setting]);
    const child = spawn(process.execPath, [started.bin ?? LOUPE, ...command, ...sets], {
      cwd: emptyFolder(),
      env: { ...process.env, ...started.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const service = new ServiceProcess(child);
    const line = await new Promise<string>((resolve, reject) => {
      if (child.stdout === null) throw new Error('no stdout');
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', (code, signal) => reject(new Error(`ended with ${signal ?? code}: ${service.stderr}`)));
    });
    service.addresses = JSON.parse(line) as Addresses;
    return service;
  }

  /** Sends `signal` and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill(signal);
      await gone;
    }
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  async get(pathname: string): Promise<{ status: number; text: string }> {
    const headers = this.token === null ? {} : { authorization: `Bearer ${this.token}` };
    const response = await fetch(new URL(pathname, this.addresses.http), { headers });
    return { status: response.status, text: await response.text() };
  }

  /** Process ids of the engines that live now. */
  get engines(): readonly number[] {
    const out = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(this.child.pid)], { encoding: 'utf8' });
    const lines = out.split('\n').filter((line) => line.includes('engine-child'));
    return lines.map((line) => Number.parseInt(line, 10));
  }

  /** Of the service and all below it. Read without a process of its own: that would hold up the senders in this one. */
  get residentBytes(): number {
    return treeUsage([Number(this.child.pid)]).rssBytes;
  }

  /** Samples of the metrics text by name and labels. */
  async samples(): Promise<Map<string, number>> {
    const { status, text } = await this.get('/metrics');
    if (status !== 200) throw new Error(`/metrics says ${status}: ${text}`);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one `loupe` command to its end. */
export async function loupe(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<CommandResult> {
  const child = spawn(process.execPath, [LOUPE, ...args], {
    cwd: emptyFolder(),
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A command that reads nothing may be gone by now.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Sum of all samples of one metric. */
export function total(samples: ReadonlyMap<string, number>, name: string, label = ''): number {
  let sum = 0;
  for (const [key, value] of samples) if (key.split('{')[0] === name && key.includes(label)) sum += value;
  return sum;
}

/** Starts services for one test file; those still running after a test are killed. */
export function servicesOf(afterEach: (hook: () => Promise<unknown>) => void) {
  const running: ServiceProcess[] = [];
  afterEach(() => Promise.all(running.splice(0).map((service) => service.end('SIGKILL'))));
  return async (
    settings: readonly string[],
    started: Parameters<typeof ServiceProcess.start>[2] = {},
  ): Promise<ServiceProcess> => {
    const service = await ServiceProcess.start(settings, undefined, started);
    running.push(service);
    return service;
  };
}
