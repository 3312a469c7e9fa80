/** docs/examples as an integrator would run them: with libraries of Python that nobody here wrote, against the real service. */

import { execFile, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Authority } from '../support/authority.ts';
import { greyPng } from '../support/images.ts';
import { freePort } from '../support/ports.ts';
import { emptyFolder, ROOT, ServiceProcess, testSettings } from '../support/service-process.ts';

const run = promisify(execFile);
const PYTHON = process.env['EXAMPLES_PYTHON'] ?? 'python3';
const EXAMPLES = path.join(ROOT, 'docs', 'examples');
const PATIENT = { timeout: 20_000, interval: 50 };

function hasLibraries(): boolean {
  if (spawnSync(PYTHON, ['-c', 'import grpc_tools, paho.mqtt.client']).status === 0) return true;
  if (process.env['CI'] === 'true') throw new Error('grpcio-tools or paho-mqtt is missing in CI');
  process.stderr.write(
    'SKIPPED: pip install grpcio-tools paho-mqtt, and EXAMPLES_PYTHON where it is another python3\n',
  );
  return false;
}

/** A folder of a good part, a defective one, and what is no picture. */
async function parts(): Promise<string> {
  const folder = emptyFolder();
  writeFileSync(path.join(folder, '1-dark.png'), await greyPng(10));
  writeFileSync(path.join(folder, '2-bright.png'), await greyPng(250));
  writeFileSync(path.join(folder, '3-broken.png'), 'no picture');
  return folder;
}

async function started(settings: readonly string[]): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(settings);
  onTestFinished(async () => void (await service.end('SIGKILL')));
  return service;
}

async function camera(address: string, more: readonly string[] = [], env: Record<string, string> = {}) {
  const file = path.join(EXAMPLES, 'camera.py');
  const args = [file, address, 'cam-1', await parts(), '--takt-ms', '5000', ...more];
  const { stdout, stderr } = await run(PYTHON, args, { env: { ...process.env, ...env } });
  return { lines: stdout.trim().split('\n'), stderr };
}

describe.skipIf(!hasLibraries())('the examples', () => {
  it('send pictures as a camera and open a gate for what is accepted alone, until the service goes away', async () => {
    const [grpcPort, mqttPort] = [await freePort(), await freePort()];
    const service = await started([
      ...testSettings(emptyFolder()),
      `grpc.listen=127.0.0.1:${grpcPort}`,
      `mqtt.embedded.listen=127.0.0.1:${mqttPort}`,
    ]);
    const gate = spawn(PYTHON, [path.join(EXAMPLES, 'gate.py'), `127.0.0.1:${mqttPort}`, 'cam-1']);
    onTestFinished(() => void gate.kill('SIGKILL'));
    let said = '';
    gate.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    gate.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await vi.waitFor(() => expect(said).toBe('hold    nothing heard yet\nready   Loupe is online\n'), PATIENT);

    const { lines, stderr } = await camera(service.addresses.grpc);
    expect(lines).toEqual([
      expect.stringMatching(/^ACCEPT {2}1-dark\.png: PASS 0\.0\d+, number 1 of the ledger$/),
      expect.stringMatching(/^REJECT {2}2-bright\.png: FAIL (0\.9\d+|1\.000), number 2 of the ledger$/),
      'HOLD    3-broken.png: unsupported_format',
      'HOLD    again: 3-broken.png: unsupported_format',
    ]);
    expect(stderr).toContain('-3: ');
    const results = () => said.split('\n').slice(2, 5);
    await vi.waitFor(
      () =>
        expect(results()).toEqual([
          expect.stringMatching(/^accept {2}frame .*-1: PASS 0\.0/),
          expect.stringMatching(/^reject {2}frame .*-2: FAIL/),
          expect.stringMatching(/^reject {2}frame .*-3: UNINSPECTED unsupported_format$/),
        ]),
      PATIENT,
    );

    await service.end('SIGKILL');
    await vi.waitFor(() => expect(said).toMatch(/\nhold {4}the broker is away: .*\n$/), PATIENT);
    const alone = await camera(service.addresses.grpc);
    expect(alone.lines).toHaveLength(6);
    expect(alone.lines.every((line) => /^HOLD .*: UNAVAILABLE$/.test(line))).toBe(true);
  }, 60_000);

  it('get in with a token over TLS, and say what is wrong without it', async () => {
    const authority = new Authority();
    const { certFile, keyFile } = authority.server();
    const tokenFile = path.join(emptyFolder(), 'line.token');
    writeFileSync(tokenFile, 'the-secret-token-of-the-line');
    const service = await started([
      ...testSettings(emptyFolder()),
      `grpc.tls.cert_file=${certFile}`,
      `grpc.tls.key_file=${keyFile}`,
      `auth.tokens=[{"name":"line","token_file":"${tokenFile}","rights":["ingest"]}]`,
    ]);
    const secure = ['--tls-ca', authority.caFile];
    const { lines } = await camera(service.addresses.grpc, secure, { LOUPE_TOKEN: 'the-secret-token-of-the-line' });
    expect(lines.slice(0, 2).map((line) => line.split(' ')[0])).toEqual(['ACCEPT', 'REJECT']);
    const stranger = await camera(service.addresses.grpc, secure);
    expect(stranger.lines.every((line) => /^HOLD .*: unauthenticated$/.test(line))).toBe(true);
  }, 60_000);
});
