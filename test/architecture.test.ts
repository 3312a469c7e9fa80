/** Reads the import lines: the borders of docs/architecture.md are what the code does. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = new URL('../src/', import.meta.url).pathname;

const STAGES = [
  'ingest',
  'engine',
  'model-repository',
  'decide',
  'record',
  'publish',
  'observe',
  'training',
  'people',
  'dashboard',
];
/** What a stage may import beside itself and libraries. */
const SHARED = [
  'frame',
  'statistics',
  'errors.ts',
  'built-entry.ts',
  'door.ts',
  'server-tls.ts',
  'mqtt-socket.ts',
  'turns.ts',
  'files-below.ts',
];

/** A native or network library stands in these files or folders only. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  // The bench's bare loop is what the service is measured against: it shares nothing with it.
  sharp: ['engine/decode.ts', 'demo/jpeg.ts', 'bench/bare-child.ts'],
  'onnxruntime-node': ['engine/session.ts', 'bench/bare-child.ts'],
  'better-sqlite3': ['record/database.ts'],
  mqtt: [
    'mqtt-socket.ts',
    'ingest/mqtt/plant-client.ts',
    'publish/mqtt-sink.ts',
    'client/mqtt-sender.ts',
    'client/mqtt-login.ts',
  ],
  'tar-stream': ['record/backup.ts', 'record/restore.ts'],
  aedes: ['ingest/mqtt/embedded-broker.ts'],
  '@grpc/grpc-js': ['ingest/grpc/', 'client/grpc-'],
  'prom-client': ['observe/'],
  pino: ['observe/log.ts'],
  fastify: ['dashboard/', 'ingest/http/'],
  '@fastify/busboy': ['dashboard/package-upload.ts'],
  commander: ['main.ts', 'commands/'],
};

interface Source {
  readonly file: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => {
    const text = readFileSync(path.join(SRC, file), 'utf8');
    const imports = [...text.matchAll(/(?:from|import|import\()\s*'([^']+)'/g)].map(([, name = '']) => name);
    return { file, text, imports };
  });

const folderOf = (file: string) => (file.includes('/') ? (file.split('/')[0] ?? '') : file);
const targetOf = (source: Source, name: string) => path.join(path.dirname(source.file), name);

describe('the borders', () => {
  it('finds the sources', () => {
    expect(sources.length).toBeGreaterThan(50);
  });

  it('frame/ imports nothing but the error table', () => {
    const outside = sources
      .filter((source) => folderOf(source.file) === 'frame')
      .flatMap((source) => source.imports.map((name) => (name.startsWith('.') ? targetOf(source, name) : name)))
      .filter((target) => !target.startsWith('frame/') && target !== 'errors.ts');
    expect(outside).toEqual([]);
  });

  it('statistics/ imports itself alone: figures are computed the same everywhere', () => {
    const outside = sources
      .filter((source) => folderOf(source.file) === 'statistics')
      .flatMap((source) => source.imports.map((name) => (name.startsWith('.') ? targetOf(source, name) : name)))
      .filter((target) => !target.startsWith('statistics/'));
    expect(outside).toEqual([]);
  });

  it('a stage imports itself, the vocabulary and libraries, never another stage', () => {
    const breaches = sources
      .filter((source) => STAGES.includes(folderOf(source.file)))
      .flatMap((source) =>
        source.imports
          .filter((name) => name.startsWith('.'))
          .map((name) => folderOf(targetOf(source, name)))
          .filter((to) => to !== folderOf(source.file) && !SHARED.includes(to))
          .map((to) => `${source.file} -> ${to}`),
      );
    expect(breaches).toEqual([]);
  });

  it('each native or network library has one home', () => {
    const breaches = sources.flatMap((source) =>
      source.imports
        .filter((name) => HOMES[name]?.some((home) => source.file.startsWith(home)) === false)
        .map((name) => `${source.file} imports ${name}`),
    );
    expect(breaches).toEqual([]);
  });

  it('the environment is read by the command line, handed on to engine children, and set where onnxruntime looks', () => {
    const readers = sources.filter((source) => source.text.includes('process.env')).map((source) => source.file);
    expect(readers.sort()).toEqual(['commands/options.ts', 'engine/engine-process.ts', 'engine/no-telemetry.ts']);
  });

  it('no signal is made of others but in a browser: Node 20 keeps something of each for as long as one of these lives', () => {
    const makers = sources.filter(
      ({ file, text }) => !file.startsWith('dashboard/web/') && /AbortSignal\.any\(/.test(text),
    );
    expect(makers.map(({ file }) => file)).toEqual([]);
  });

  it('no file is longer than 400 lines, and there is no utils, helpers, manager or common', () => {
    expect(sources.filter((source) => source.text.split('\n').length > 400).map((source) => source.file)).toEqual([]);
    expect(sources.map((s) => s.file).filter((file) => /(utils?|helpers?|manager|common)[./]/.test(file))).toEqual([]);
  });
});
