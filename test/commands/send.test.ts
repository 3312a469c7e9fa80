import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CommandError } from '../../src/commands/exit.ts';
import { registerSend } from '../../src/commands/send.ts';
import { startSource } from '../ingest/grpc/loopback.ts';

const SELF = import.meta.filename;

function labelledFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'loupe-send-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const label of ['ok', 'ng']) {
    mkdirSync(path.join(folder, label));
    for (let i = 0; i < 5; i++) writeFileSync(path.join(folder, label, `${label}-${i}.jpg`), `${label} ${i}`);
  }
  return folder;
}

/** Runs `loupe send` and gives what it wrote and how it ended. */
async function runSend(...args: string[]) {
  const out: string[] = [];
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  const errors: string[] = [];
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => errors.push(String(text)) > 0);
  const program = new Command('loupe').exitOverride();
  registerSend(program);
  let ended: unknown = null;
  try {
    await program.parseAsync(['node', 'loupe', 'send', ...args]);
  } catch (error) {
    ended = error;
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
  const status = ended instanceof CommandError ? ended.status : ended === null ? 0 : 2;
  const message = ended instanceof Error ? ended.message : '';
  return { text: out.join(''), errors: errors.join(''), status, message };
}

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('loupe send', () => {
  it('sends a folder and writes one line of JSON per frame, then the summary', async () => {
    const { port } = await startSource();
    const folder = labelledFolder();
    const { text, status } = await runSend('--grpc', `127.0.0.1:${port}`, '--camera', 'cam-1', '--json', folder);
    const lines = linesOf(text);
    expect(status).toBe(0);
    expect(lines).toHaveLength(11);
    expect(lines.find((line) => line['frame_id'] === 'ng-0.jpg')).toMatchObject({
      camera: 'cam-1',
      file: path.join(folder, 'ng/ng-0.jpg'),
      verdict: 'PASS',
      probability: 0.1,
      duplicate: false,
      latency_ms: expect.any(Number),
    });
    expect(lines.at(-1)?.['summary']).toMatchObject({
      frames: 10,
      answered: 10,
      verdicts: { PASS: 10 },
      confusion: { ng: { PASS: 5 } },
    });
  });

  it('finds every frame a duplicate the second time', async () => {
    const { port } = await startSource();
    const args = ['--grpc', `127.0.0.1:${port}`, '--camera', 'cam-1', '--json', labelledFolder()];
    await runSend(...args);
    const lines = linesOf((await runSend(...args)).text);
    expect(lines.at(-1)).toMatchObject({ summary: { duplicates: 10 } });
  });

  it('tells a person the verdicts, the latencies and the confusion table', async () => {
    const { port } = await startSource();
    const { text } = await runSend('--grpc', `127.0.0.1:${port}`, '--camera', 'cam-1', labelledFolder());
    expect(text).toContain('10 of 10 frames answered');
    expect(text).toContain('PASS 10');
    expect(text).toContain('escapes (ng passed) 5');
  });

  it('keeps the rate it is given', async () => {
    const { port } = await startSource();
    const args = ['--grpc', `127.0.0.1:${port}`, '--camera', 'cam-1', '--fps', '100', '--json', labelledFolder()];
    const summary = linesOf((await runSend(...args)).text).at(-1)?.['summary'];
    // Nine intervals of 10 ms, less what a timer may fire early.
    expect(summary).toMatchObject({ seconds: expect.toSatisfy((seconds: number) => seconds > 0.08) });
  });

  it('ends with 1 when a frame is not answered, and gives its code', async () => {
    const { port, inspector } = await startSource();
    inspector.decide = (frame) =>
      frame.frameId === 'ok-1.jpg'
        ? { kind: 'refused', code: 'frame_id_conflict', message: 'no' }
        : inspector.pass(frame);
    const args = ['--grpc', `127.0.0.1:${port}`, '--camera', 'cam-1', labelledFolder()];
    const { text, status } = await runSend(...args, '--json');
    expect(status).toBe(1);
    expect(linesOf(text).find((line) => line['frame_id'] === 'ok-1.jpg')).toMatchObject({ error: 'frame_id_conflict' });
    expect((await runSend(...args)).errors).toContain('ok-1.jpg: frame_id_conflict: no');
  });

  it('counts a file that vanished as an error and sends the rest', async () => {
    const { port, inspector } = await startSource();
    const folder = labelledFolder();
    inspector.decide = (frame) => {
      rmSync(path.join(folder, 'ok', 'ok-4.jpg'), { force: true });
      return inspector.pass(frame);
    };
    const args = ['--grpc', `127.0.0.1:${port}`, '--camera', 'cam-1', '--concurrency', '1', '--json', folder];
    const { text, status } = await runSend(...args);
    expect(status).toBe(1);
    expect(linesOf(text).at(-1)).toMatchObject({ summary: { answered: 9, error_codes: { unreadable_file: 1 } } });
  });

  it.each([
    ['no road', ['--camera', 'c', '.'], 'expected either --grpc'],
    ['both roads', ['--grpc', 'h:1', '--mqtt', 'mqtt://h', '--camera', 'c', '.'], 'cannot be used with'],
    ['no camera', ['--grpc', 'h:1', '.'], '--camera'],
    ['a camera id against the rule', ['--grpc', 'h:1', '--camera', 'a/b', '.'], '--camera must be'],
    ['a rate that is no number', ['--grpc', 'h:1', '--camera', 'c', '--fps', 'fast', '.'], 'expected a number'],
    ['a path that is not there', ['--grpc', 'h:1', '--camera', 'c', '/nowhere'], 'cannot read the images'],
    ['a folder without images', ['--grpc', 'h:1', '--camera', 'c', 'proto'], 'no images in proto'],
    ['a recipe over MQTT', ['--mqtt', 'mqtt://h', '--recipe', 'r', '--camera', 'c', '.'], '--recipe and --stream'],
    ['a stream over MQTT', ['--mqtt', 'mqtt://h', '--stream', '--camera', 'c', '.'], '--recipe and --stream'],
    ['a URL for gRPC', ['--grpc', 'http://h:1', '--camera', 'c', '.'], 'expected HOST:PORT, got "http://h:1"'],
    ['a broker that is no URL', ['--mqtt', 'h:1883', '--camera', 'c', '.'], 'mqtt://127.0.0.1:1883, got "h:1883"'],
    ['TLS without TLS', ['--mqtt', 'mqtt://h', '--tls-ca', 'x', '--camera', 'c', '.'], 'go with mqtts://HOST:PORT'],
    ['half a pair', ['--grpc', 'h:1', '--tls-key', 'x', '--camera', 'c', '.'], 'both --tls-cert and --tls-key'],
    ['an authority that is not there', ['--grpc', 'h:1', '--tls-ca', '/nowhere', '--camera', 'c', '.'], '/nowhere'],
    [
      'an authority that is none',
      ['--grpc', 'h:1', '--tls-ca', SELF, '--camera', 'c', '.'],
      `PEM, got none in ${SELF}`,
    ],
    [
      'an address without its port',
      ['--grpc', 'localhost', '--camera', 'c', '.'],
      'expected HOST:PORT, got "localhost"',
    ],
  ])('refuses %s as wrong usage', async (_, args, message) => {
    const ended = await runSend(...args);
    expect(ended.status).toBe(2);
    expect(ended.message).toContain(message);
  });

  it('ends with 69 where nothing answers', async () => {
    const { port, source } = await startSource();
    await source.stop(100);
    const ended = await runSend('--grpc', `127.0.0.1:${port}`, '--camera', 'c', labelledFolder());
    expect(ended.status).toBe(69);
    expect(ended.message).toContain('nothing answers gRPC');
    expect(ended.message).not.toContain('TLS');
  });

  it('asks whether TLS is wanted where somebody answers who speaks no gRPC', async () => {
    const other = createServer((socket) => socket.end('220 ready\r\n')).listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const ended = await runSend('--grpc', `127.0.0.1:${port}`, '--camera', 'c', labelledFolder());
    expect(ended.status).toBe(69);
    expect(ended.message).toContain('(where it speaks TLS: --tls-ca FILE)');
  });
});
