/** The Dockerfile, as far as it goes without building it (deploy/check-image.sh does that), and the folder that it makes at work. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ROOT } from '../support/service-process.ts';
import { copiesOf, isIgnored, stagesOf } from './dockerfile.ts';
import { goldenPicture } from '../support/images.ts';

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const stages = stagesOf(read('Dockerfile'));
const named = (name: string) => {
  const stage = stages.find((candidate) => candidate.name === name);
  if (stage === undefined) throw new Error(`the Dockerfile has no stage ${name}`);
  return stage;
};
const USER = 10_001;

describe('the Dockerfile', () => {
  it('copies from the context only what is there, is committed and is not ignored', () => {
    const sources = stages.flatMap(copiesOf).flatMap(({ from, sources }) => (from === null ? sources : []));
    expect(sources).toContain('models');
    for (const source of sources) {
      expect(execFileSync('git', ['ls-files', source], { cwd: ROOT }).length, source).toBeGreaterThan(0);
      expect(isIgnored(source, read('.dockerignore')), source).toBe(false);
    }
  });

  it('gives nothing else of the checkout to the builder: no data, no secrets, no configuration of this machine', () => {
    const context = readdirSync(ROOT).filter((name) => !isIgnored(name, read('.dockerignore')));
    const sources = stages.flatMap(copiesOf).flatMap(({ from, sources }) => (from === null ? sources : []));
    expect(context.filter((name) => !sources.includes(name))).toEqual([]);
    for (const secret of ['deploy/secrets/mqtt.txt', 'loupe.yaml', 'data/ledger.db', 'models/training/.venv/x']) {
      expect(isIgnored(secret, read('.dockerignore')), secret).toBe(true);
    }
  });

  it('ships every package that the page bundles as a dependency: the SBOM and the audit leave out what is only for development', () => {
    const bundled = [...read('dist/web/licenses.md').matchAll(/^## (\S+) - /gm)].map(([, name]) => name ?? '');
    expect(bundled).toContain('react');
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { dev?: boolean }> };
    expect(bundled.filter((name) => packages[`node_modules/${name}`]?.dev !== undefined)).toEqual([]);
  });

  it('copies from stages that come before', () => {
    for (const [i, stage] of stages.entries()) {
      const before = new Set(stages.slice(0, i).map(({ name }) => name));
      for (const { from } of copiesOf(stage)) if (from !== null) expect(before).toContain(from);
    }
  });

  it('makes the CPU image by default, and both images run alike', () => {
    expect(stages.at(-1)?.name).toBe('cpu');
    const ends = ['cuda', 'cpu'].map((name) =>
      named(name).instructions.filter(({ word }) => !['COPY', 'LABEL', 'RUN', 'HEALTHCHECK'].includes(word)),
    );
    expect(ends[0]).toEqual(ends[1]);
    for (const name of ['cuda', 'cpu']) {
      const words = new Map(named(name).instructions.map(({ word, text }) => [word, text]));
      expect(words.get('USER')).toBe(`${USER}:${USER}`);
      expect(words.get('STOPSIGNAL')).toBe('SIGTERM');
      expect(words.get('HEALTHCHECK')).toContain('bin/ready.js');
      expect(words.get('LABEL')).toContain('org.opencontainers.image.licenses="Apache-2.0"');
      expect(words.get('ENTRYPOINT')).toBe('["node", "bin/loupe.js"]');
    }
  });
});

const canIsolate = (() => {
  try {
    execFileSync('unshare', ['--mount', 'setpriv', '--reuid', '1', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    if (process.env['CI'] === 'true') throw new Error('CI must be able to unshare mounts');
    console.warn('NO RIGHT TO MOUNT here: the production folder is not tried on a read-only file system (needs root)');
    return false;
  }
})();

/** Everything is read only for the service but two folders; it runs as nobody who owns anything. */
const ISOLATED = `
set -e
mount --bind "$1/data" "$1/data"
mount --bind "$1/tmp" "$1/tmp"
mount -o remount,bind,ro /
[ "$(stat -f -c %T /tmp)" = tmpfs ] && mount -o remount,ro /tmp
cd "$1/app"
shift
exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`;

describe.skipIf(!canIsolate)('the folder in the image', () => {
  it('runs with production packages alone, as another user, and writes to its data folder and TMPDIR only', async () => {
    // Beside the checkout, so that its files can be linked instead of copied.
    const folder = mkdtempSync(path.join(ROOT, 'node_modules', '.image-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755);
    makeAppFolder(path.join(folder, 'app'));
    for (const place of ['data', 'tmp']) {
      mkdirSync(path.join(folder, place));
      execFileSync('chown', [`${USER}:${USER}`, path.join(folder, place)]);
    }
    const isolated = (...command: string[]) =>
      ['--mount', 'sh', '-c', ISOLATED, 'sh', folder, process.execPath, ...command] as const;
    const env = { PATH: process.env['PATH'], TMPDIR: `${folder}/tmp`, LOUPE_STORE__PATH: `${folder}/data` };

    const write = `require('fs').writeFileSync('models/x', '')`;
    expect(() => execFileSync('unshare', isolated('-e', write), { env, stdio: 'pipe' })).toThrow(/EROFS|EACCES/);

    const sets = ['grpc.listen', 'http.listen', 'mqtt.embedded.listen'].flatMap((key) => [
      '--set',
      `${key}=127.0.0.1:0`,
    ]);
    const service = spawn(
      'unshare',
      isolated('bin/loupe.js', 'serve', '--json', '--set', 'engine.provider=cpu', ...sets),
      { env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    onTestFinished(() => void service.kill('SIGKILL'));
    let said = '';
    service.stderr.on('data', (text) => (said += String(text)));
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: service.stdout }).once('line', resolve);
      service.once('exit', () => reject(new Error(said)));
    });
    const { http } = JSON.parse(line) as { http: string };
    const ready = (address: string) =>
      execFileSync(process.execPath, [path.join(folder, 'app', 'bin', 'ready.js'), address], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(JSON.parse(ready(new URL(http).host))).toMatchObject({ status: 'ready' });
    const answer = await fetch(`${http}/api/v1/frames?camera_id=c&frame_id=1`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: readFileSync(goldenPicture('defective')),
    });
    expect(await answer.json()).toMatchObject({ verdict: 'FAIL' });
    expect(await (await fetch(`${http}/`)).text()).toContain('<html');
    expect(() => ready('127.0.0.1:1')).toThrow(/nobody answers/);

    const ended = once(service, 'exit');
    service.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(existsSync(path.join(folder, 'data', 'ledger.db'))).toBe(true);
    expect(readdirSync(path.join(folder, 'tmp'))).toEqual([]);
  });
});

/** As the COPY lines of the images say; packages that `npm prune --omit=dev` would leave. */
function makeAppFolder(app: string): void {
  for (const { from, sources, target } of [...copiesOf(named('app')), ...copiesOf(named('cpu'))]) {
    if (from === 'app') continue;
    for (const source of sources) {
      const name = source.replace(/^\/loupe\//, '');
      if (name === 'sbom.cdx.json') continue;
      const place = target.endsWith('/') ? path.join(app, target.slice('/app'.length), path.basename(name)) : null;
      const to = place ?? path.join(app, target.slice('/app'.length));
      mkdirSync(path.dirname(to), { recursive: true });
      if (name !== 'node_modules') cpSync(path.join(ROOT, name), to, { recursive: true });
    }
  }
  const packages = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable', '--package-lock-only=false'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
    .split('\n')
    .filter((line) => line.includes('/node_modules/'));
  expect(packages.some((name) => name.endsWith('/vite'))).toBe(false);
  for (const name of packages) {
    const to = path.join(app, path.relative(ROOT, name));
    if (existsSync(to)) continue;
    mkdirSync(path.dirname(to), { recursive: true });
    execFileSync('cp', ['-al', name, to]);
  }
}
