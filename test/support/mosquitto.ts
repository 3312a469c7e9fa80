/** A real Mosquitto for one test file, with its persistence in a folder of its own. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, isOpen } from './ports.ts';

const BINARY = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find((file) =>
  existsSync(file),
);

export const hasMosquitto = BINARY !== undefined;
if (!hasMosquitto) {
  const message = 'NO MOSQUITTO on this machine: the tests against a real broker are skipped (apt install mosquitto)';
  if (process.env['CI'] === 'true') throw new Error(message);
  console.warn(message);
}

/** A broker with TLS that asks for a client certificate of `caFile`, and for this user. */
export interface MosquittoAccess {
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  readonly user: { readonly name: string; readonly password: string };
}

export class Mosquitto {
  readonly port: number;
  private readonly folder: string;
  private child: ChildProcess | undefined;

  private readonly access: MosquittoAccess | null;

  private constructor(port: number, access: MosquittoAccess | null) {
    this.port = port;
    this.access = access;
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'loupe-mosquitto-'));
    const lines = [
      `listener ${port} 127.0.0.1`,
      ...this.accessLines(),
      'persistence true',
      `persistence_location ${this.folder}/`,
      // Saved after every change: a killed broker still knows its sessions.
      'autosave_on_changes true',
      'autosave_interval 1',
      ...(process.getuid?.() === 0 ? ['user root'] : []),
    ];
    writeFileSync(this.configFile, `${lines.join('\n')}\n`);
  }

  static async create(access: MosquittoAccess | null = null): Promise<Mosquitto> {
    return new Mosquitto(await freePort(), access);
  }

  get url(): string {
    return `${this.access === null ? 'mqtt' : 'mqtts'}://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.child = spawn(BINARY ?? '', ['-c', this.configFile], { stdio: 'ignore' });
    for (let tries = 0; !(await isOpen(this.port)); tries += 1) {
      if (tries > 200) throw new Error(`mosquitto does not listen on ${this.port}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Holds its connections open and answers nothing. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private accessLines(): readonly string[] {
    if (this.access === null) return ['allow_anonymous true'];
    const { tls, user } = this.access;
    const passwords = path.join(this.folder, 'passwords');
    execFileSync('mosquitto_passwd', ['-b', '-c', passwords, user.name, user.password], { stdio: 'ignore' });
    return [
      'allow_anonymous false',
      `password_file ${passwords}`,
      `certfile ${tls.certFile}`,
      `keyfile ${tls.keyFile}`,
      `cafile ${tls.caFile}`,
      'require_certificate true',
    ];
  }

  private get configFile(): string {
    return path.join(this.folder, 'mosquitto.conf');
  }
}
