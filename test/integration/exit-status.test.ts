/** How commands end: 0 only on success, and a sentence that says what to do. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine } from '../../src/main.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, LOUPE, loupe, ServiceProcess, testSettings } from '../support/service-process.ts';

const sets = (settings: readonly string[]) => settings.flatMap((setting) => ['--set', setting]);

let service: ServiceProcess;
const store = emptyFolder();
beforeAll(async () => {
  service = await ServiceProcess.start(testSettings(store));
});
afterAll(() => service.end('SIGKILL'));

describe('serve', () => {
  it('refuses a bad configuration with 78 and every fault', async () => {
    const { code, stderr, stdout } = await loupe(['serve', '--set', 'grpc.listen=nowhere', '--set', 'stoer.path=x']);
    expect(code).toBe(78);
    expect(stderr).toContain('2 faults');
    expect(stderr).toContain('grpc.listen: expected HOST:PORT');
    expect(stderr).toContain('stoer: unknown key');
    expect(stdout).toBe('');
  });

  it('refuses to listen beyond this machine with 78, and says how to do it', async () => {
    const { code, stderr } = await loupe(['serve', '--set', 'grpc.listen=0.0.0.0:0']);
    expect(code).toBe(78);
    expect(stderr).toContain('auth.tokens');
    expect(stderr).toContain('grpc.tls');
  });

  it('takes settings from the environment, and reports their faults', async () => {
    const { code, stderr } = await loupe(['serve'], { LOUPE_ENGINE__PROVIDER: 'quantum' });
    expect(code).toBe(78);
    expect(stderr).toContain('engine.provider');
  });

  it('refuses a model package that is not as it should be with 78', async () => {
    const { code, stderr } = await loupe([
      'serve',
      ...sets([...testSettings(emptyFolder()), 'recipes.default.model=nothing']),
    ]);
    expect(code).toBe(78);
    expect(stderr).toContain('nothing');
  });

  it('refuses a store that another service uses, and an address that is taken, with 69', async () => {
    const inUse = await loupe(['serve', ...sets(testSettings(store))]);
    expect(inUse.code).toBe(69);
    expect(inUse.stderr).toMatch(/in use|another/i);
    const taken = await loupe([
      'serve',
      ...sets([...testSettings(emptyFolder()), `grpc.listen=${service.addresses.grpc}`]),
    ]);
    expect(taken.code).toBe(69);
    expect(taken.stderr).toContain(service.addresses.grpc.split(':')[1]);
    const noJson = taken.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(noJson).toEqual([expect.stringMatching(/^loupe: gRPC cannot listen on /)]);
  });

  it('ends with 69 as well where MQTT or HTTP finds its address taken', async () => {
    for (const [key, url] of [
      ['mqtt.embedded.listen', service.addresses.mqtt ?? ''],
      ['http.listen', service.addresses.http],
    ] as const) {
      const { host } = new URL(url);
      const { code, stderr } = await loupe(['serve', ...sets([...testSettings(emptyFolder()), `${key}=${host}`])]);
      expect([key, code]).toEqual([key, 69]);
      expect(stderr).toContain(`address already in use ${host}: another program listens there`);
    }
  });

  it('refuses to start without CUDA when CUDA is demanded', async () => {
    const { code, stderr } = await loupe(['serve', ...sets([...testSettings(emptyFolder()), 'engine.provider=cuda'])]);
    expect(code).toBe(69);
    expect(stderr).toContain('CUDA');
  });

  it('ends with 0 where it is told to while it still starts, and is not ended by a SIGHUP then', async () => {
    const starting = async () => {
      const args = ['serve', '--json', ...sets(testSettings(emptyFolder()))];
      const child = spawn(process.execPath, [LOUPE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      await once(child.stderr, 'data');
      return child;
    };
    const told = await starting();
    told.kill('SIGTERM');
    expect(await once(told, 'exit')).toEqual([0, null]);
    const hungUp = await starting();
    hungUp.kill('SIGHUP');
    const [line] = (await once(hungUp.stdout, 'data')) as [Buffer];
    expect(JSON.parse(String(line))).toMatchObject({ ready: true });
    hungUp.kill('SIGTERM');
    expect(await once(hungUp, 'exit')).toEqual([0, null]);
  }, 20_000);

  it('ends as soon as it is told to though peers at every door say nothing, and read nothing', async () => {
    const told = await ServiceProcess.start(testSettings(emptyFolder()));
    const { grpc, http, mqtt } = told.addresses;
    const silent = [grpc, new URL(http).host, new URL(mqtt ?? '').host].map((address) => {
      const [host, port] = address.split(':');
      return connect(Number(port), host).on('error', () => undefined);
    });
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await told.get('/healthz');
    const began = performance.now();
    expect((await told.end()).code).toBe(0);
    expect(performance.now() - began).toBeLessThan(7000);
    for (const socket of silent) socket.destroy();
  });

  it('falls back to the CPU with auto, and says so in readiness', async () => {
    const auto = await ServiceProcess.start([...testSettings(emptyFolder()), 'engine.provider=auto']);
    try {
      const { status, text } = await auto.get('/readyz');
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({ status: 'degraded' });
      expect(text).toContain('runs on cpu: ');
      expect(
        (await auto.samples()).get('inspection_execution_provider_degraded{model="mean-brightness",version="1"}'),
      ).toBe(1);
    } finally {
      await auto.end('SIGKILL');
    }
  });

  it('runs, not ready, with a model that fails its golden images', async () => {
    const wrong = await ServiceProcess.start(testSettings(emptyFolder(), 'golden-mismatch'));
    try {
      const { status, text } = await wrong.get('/readyz');
      expect(status).toBe(503);
      expect(text).toContain('golden');
      const posted = await fetch(`${wrong.addresses.http}/api/v1/frames?camera_id=a&frame_id=1&max_wait_ms=200`, {
        method: 'POST',
        headers: { 'content-type': 'image/png' },
        body: Buffer.from(await greyPng(9)),
      });
      expect(await posted.json()).toMatchObject({
        verdict: 'UNINSPECTED',
        reason: 'engine_unavailable',
        disposition: 'reject',
      });
    } finally {
      await wrong.end('SIGKILL');
    }
  });
});

describe('the commands', () => {
  it('end with 2 on bad usage, and name what they expected', async () => {
    for (const args of [
      ['results'],
      ['results', '--store', 'a', '--http', 'b'],
      ['results', '--http', '127.0.0.1:8080'],
      ['drift', '--http', 'localhost:8080'],
      ['models', 'list', '--http', 'ftp://127.0.0.1'],
      ['results', '--store', store, '--verdict', 'MAYBE'],
      ['results', '--store', store, '--since', 'yesterday-ish'],
      ['send', '--camera', 'a', 'x.jpg'],
      ['send', '--grpc', service.addresses.grpc, '--camera', 'a', '/nowhere'],
      ['nonsense'],
      ['serve', '--nonsense'],
    ]) {
      const { code, stderr } = await loupe(args);
      expect([args.join(' '), code]).toEqual([args.join(' '), 2]);
      expect(stderr).not.toBe('');
    }
  });

  it('end with 1 where there is no ledger, and with 0 and JSON where there is one', async () => {
    expect((await loupe(['results', '--store', emptyFolder()])).code).toBe(1);
    expect((await loupe(['verify', '--store', emptyFolder()])).code).toBe(1);
    const unreadable = emptyFolder();
    mkdirSync(path.join(unreadable, 'ledger.db'));
    const { code, stderr } = await loupe(
      ['users', 'add', 'ann', '--role', 'viewer', '--store', unreadable],
      {},
      'four words of hers\n',
    );
    expect([code, stderr]).toEqual([1, 'loupe: ledger.db: unable to open database file (SQLITE_CANTOPEN)\n']);
    const verified = await loupe(['verify', '--store', store, '--json']);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true });
  });

  it('end with 69 where no service answers, and with 1 and a sentence where a file cannot be had', async () => {
    for (const command of [['results'], ['drift'], ['models', 'list']]) {
      const { code, stderr } = await loupe([...command, '--http', 'http://127.0.0.1:1']);
      expect([code, stderr]).toEqual([69, expect.stringMatching(/^loupe: no answer from http:.*\n$/)]);
    }
    const drawn = await loupe(['dataset', 'draw', '--count', '2', '--out', path.join(LOUPE, 'below-a-file')]);
    expect([drawn.code, drawn.stderr]).toEqual([1, expect.stringMatching(/^loupe: ENOTDIR: .*below-a-file.*\n$/)]);
  }, 120_000);

  it('every command has help', async () => {
    const { stdout } = await loupe(['--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z]+) /gm)]
      .map(([, name = '']) => name)
      .filter((name) => name !== 'help');
    expect(names.sort()).toEqual([
      'backup',
      'bench',
      'config',
      'cuts',
      'dataset',
      'demo',
      'doctor',
      'drift',
      'evaluate',
      'heatmap',
      'models',
      'proof',
      'replay',
      'restore',
      'results',
      'reviews',
      'send',
      'serve',
      'teach',
      'users',
      'verify',
    ]);
    const leaves = (command: Command): readonly Command[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
    for (const command of leaves(commandLine())) {
      const [usage, empty, what] = command.helpInformation().split('\n');
      expect([usage, empty, what]).toEqual([expect.stringContaining(command.name()), '', expect.stringMatching(/\w/)]);
    }
    const { code, stdout: help } = await loupe(['models', 'activate', '--help']);
    expect([code, help]).toEqual([0, expect.stringContaining('Usage: loupe models activate')]);
  });

  it('results prints the same rows from disk and over HTTP, in every format', async () => {
    const folder = emptyFolder();
    writeFileSync(path.join(folder, 'broken.jpg'), 'no image');
    const sent = await loupe(['send', '--grpc', service.addresses.grpc, '--camera', 'cam-9', '--json', folder]);
    expect(sent.code).toBe(0);
    expect(JSON.parse(sent.stdout.split('\n')[0] ?? '')).toMatchObject({
      camera: 'cam-9',
      frame_id: 'broken.jpg',
      verdict: 'UNINSPECTED',
      reason: 'unsupported_format',
      probability: null,
      duplicate: false,
    });
    const disk = await loupe(['results', '--store', store, '--format', 'jsonl', '--camera', 'cam-9']);
    const http = await loupe(['results', '--http', service.addresses.http, '--json', '--camera', 'cam-9']);
    expect(disk.stdout).toBe(http.stdout);
    expect(JSON.parse(disk.stdout)).toMatchObject({
      camera: 'cam-9',
      frame_id: 'broken.jpg',
      verdict: 'UNINSPECTED',
      reason: 'unsupported_format',
      probability: null,
      model: null,
      provider: null,
      received_at: expect.stringMatching(/^20\d\d-/) as string,
    });
    const csv = await loupe(['results', '--store', store, '--format', 'csv', '--verdict', 'UNINSPECTED']);
    expect(csv.stdout.split('\n')[0]).toContain('camera,frame_id,verdict,reason,probability');
    const table = await loupe(['results', '--store', store, '--since', '1h']);
    expect(table.stdout).toContain('broken.jpg');
  });

  it('results ends quietly when its reader has seen enough', async () => {
    const child = spawn('sh', [
      '-c',
      `"$0" "$1" results --store "$2" --json --limit 100000 | true; echo done`,
      process.execPath,
      LOUPE,
      store,
    ]);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
    await once(child, 'close');
    expect(stderr).toBe('');
  });

  it('doctor says what works, as JSON too', async () => {
    const { code, stdout } = await loupe([
      'doctor',
      '--json',
      ...sets([...testSettings(emptyFolder()), 'store.retention.min_free_bytes=0']),
    ]);
    const report = JSON.parse(stdout) as { ok: boolean; checks: { name: string; status: string }[] };
    expect(report.checks.map((check) => check.name)).toEqual([
      'node',
      'sqlite',
      'machine',
      'clock',
      'disk',
      'ledger',
      'grpc.listen',
      'http.listen',
      'mqtt.embedded.listen',
      'secrets',
      'broker',
      'cuda',
      'model mean-brightness/1',
    ]);
    expect(report.checks.filter((check) => check.status === 'fail')).toEqual([]);
    expect(code).toBe(0);
    const broken = await loupe(['doctor', ...sets(testSettings(emptyFolder(), 'golden-mismatch'))]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain('FAIL  model golden-mismatch/1');
  });
});
