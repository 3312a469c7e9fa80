/** Rules and dashboards: they load, they fire, and they name nothing that the service does not export. */

import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { greyPng } from '../support/images.ts';
import { freePort } from '../support/ports.ts';
import { emptyFolder, ROOT, ServiceProcess, testSettings } from '../support/service-process.ts';

const RULES = path.join(ROOT, 'deploy', 'prometheus', 'rules.yml');
const DASHBOARDS = path.join(ROOT, 'deploy', 'grafana', 'dashboards');
const read = (file: string) => readFileSync(file, 'utf8');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}

const rules = (parse(read(RULES)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const alerts = rules.flatMap((rule) => (rule.alert === undefined ? [] : [rule.alert]));

/** False where a tool is missing; in CI that is a failure. */
function has(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    if (process.env['CI'] !== undefined) throw new Error(`${tool} is missing in CI`);
    process.stderr.write(`SKIPPED: ${tool} is missing\n`);
    return false;
  }
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly datasource: { readonly uid: string };
  readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

const dashboards = readdirSync(DASHBOARDS).map((file) => {
  const { panels } = JSON.parse(read(path.join(DASHBOARDS, file))) as { panels: Panel[] };
  return { file, panels };
});

/** As Grafana asks it, of every station and camera. */
const askedOf = (expr: string) =>
  expr
    .replaceAll(/\$(instance|camera)/g, '.*')
    .replaceAll('$__rate_interval', '1m')
    .replaceAll(/\[(1h|6h)\]/g, '[1m]');

/** Of what no line without TLS has. */
const SILENT = ['Certificates end in'];

describe('rules and dashboards', () => {
  it('name only metrics of docs/metrics.md and rules of rules.yml', () => {
    const documented = new Set(read(path.join(ROOT, 'docs', 'metrics.md')).match(/inspection_[a-z0-9_]+/g));
    const recorded = new Set(rules.flatMap((rule) => rule.record ?? []));
    const texts = [
      ...rules.map((rule) => rule.expr),
      ...readdirSync(DASHBOARDS).map((f) => read(path.join(DASHBOARDS, f))),
    ];
    const metrics = texts.flatMap((text) => text.match(/inspection_[a-z0-9_]+/g) ?? []);
    const names = texts.flatMap((text) => text.match(/loupe:[a-z0-9_:]+/g) ?? []);
    expect(metrics.length).toBeGreaterThan(30);
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    expect(metrics.filter((name) => !documented.has(name) && !documented.has(base(name)))).toEqual([]);
    expect(names.filter((name) => !recorded.has(name))).toEqual([]);
  });

  it('each alert has a paragraph that says what to do, and a test', () => {
    const sections = [...read(path.join(ROOT, 'docs', 'operations.md')).matchAll(/^### (Loupe\w+)$/gm)].map(
      (m) => m[1],
    );
    expect(new Set(sections)).toEqual(new Set(alerts));
    const tested = read(path.join(ROOT, 'deploy', 'prometheus', 'rules.test.yml'));
    expect(alerts.filter((alert) => !tested.includes(alert))).toEqual([]);
  });

  it.skipIf(!has('promtool'))(
    'promtool loads the rules, and each fires when it should',
    () => {
      execFileSync('promtool', ['check', 'rules', RULES], { stdio: 'pipe' });
      execFileSync('promtool', ['test', 'rules', path.join(path.dirname(RULES), 'rules.test.yml')], { stdio: 'pipe' });
    },
    60_000,
  );

  it('each panel is one that Grafana can place, and asks the data source that is chosen', () => {
    for (const { file, panels } of dashboards) {
      expect([file, new Set(panels.map(({ id }) => id)).size]).toEqual([file, panels.length]);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
      );
      expect([file, cells.length - new Set(cells).size]).toEqual([file, 0]);
      expect([file, panels.filter(({ gridPos: { x, w } }) => x + w > 24)]).toEqual([file, []]);
      const sources = panels.flatMap(({ datasource, targets }) => [
        datasource,
        ...targets.map((one) => one.datasource),
      ]);
      expect([file, sources.filter(({ uid }) => uid !== `\${datasource}`)]).toEqual([file, []]);
    }
  });

  it.skipIf(!has('prometheus'))(
    'a real Prometheus scrapes the real service and evaluates the rules',
    async () => {
      const service = await ServiceProcess.start(testSettings(emptyFolder()));
      onTestFinished(async () => void (await service.end('SIGKILL')));
      const prometheus = await Prometheus.start(emptyFolder(), service);
      onTestFinished(() => prometheus.stop());
      await expect.poll(() => prometheus.valueOf('up{job="loupe"}')).toBe('1');
      const found = await prometheus.rules('alert');
      expect(found.map((rule) => rule.name).sort()).toEqual([...alerts].sort());
      expect(found.filter((rule) => rule.health === 'err')).toEqual([]);
    },
    60_000,
  );

  it.skipIf(!has('prometheus'))(
    'each query of the dashboards is answered with what the service measures',
    async () => {
      const folder = emptyFolder();
      const config = path.join(folder, 'loupe.yaml');
      writeFileSync(config, 'cameras: [{id: c, takt_ms: 1000, max_fps: 1000}]\n');
      const service = await ServiceProcess.start(testSettings(path.join(folder, 'store')), [
        'serve',
        '--json',
        '--config',
        config,
      ]);
      onTestFinished(async () => void (await service.end('SIGKILL')));
      const prometheus = await Prometheus.start(folder, service);
      onTestFinished(() => prometheus.stop());
      const images = await Promise.all([20, 120, 240].map((level) => greyPng(level)));
      const send = async (n: number, bytes: Uint8Array, more = '') => {
        const where = `/api/v1/frames?camera_id=c&frame_id=f${n}${more}`;
        await fetch(new URL(where, service.addresses.http), { method: 'POST', body: Uint8Array.from(bytes) });
      };
      // What rises while Prometheus looks: good and bad parts, a broken picture, a gap, an id that comes again, a request that is none.
      for (let n = 1; n <= 12; n++) {
        await send(n, images[n % 3] ?? new Uint8Array(), `&sequence=${n * 2}`);
        await send(1000 + n, new TextEncoder().encode('no picture'));
        await send(1, images[n % 3] ?? new Uint8Array(), '&sequence=2');
        await send(n, new Uint8Array(), '&camera_id=');
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      // The recorded shares are worked out four times a minute: until the next time there is nothing of these parts to draw.
      await expect.poll(() => prometheus.valueOf('loupe:not_passed:ratio1d'), { timeout: 20_000 }).not.toBeNull();
      const silent: string[] = [];
      for (const { file, panels } of dashboards) {
        for (const { title, targets } of panels) {
          for (const { expr } of targets) {
            const { error, count } = await prometheus.ask(askedOf(expr));
            expect([file, title, error]).toEqual([file, title, null]);
            if (count === 0) silent.push(title);
          }
        }
      }
      expect(silent).toEqual(SILENT);
      // A station that is gone has no metrics, and must not leave the others to speak for it.
      const ready =
        dashboards.flatMap(({ panels }) => panels).find(({ title }) => title === 'Ready')?.targets[0]?.expr ?? '';
      expect(await prometheus.valueOf(askedOf(ready))).toBe('1');
      await service.end('SIGKILL');
      await expect.poll(() => prometheus.valueOf(askedOf(ready)), { timeout: 10_000 }).toBe('0');
    },
    90_000,
  );
});

/** Debian's, scraping the service each second. */
class Prometheus {
  private readonly child: ReturnType<typeof spawn>;
  private readonly address: string;

  private constructor(child: ReturnType<typeof spawn>, address: string) {
    this.child = child;
    this.address = address;
  }

  static async start(folder: string, service: ServiceProcess): Promise<Prometheus> {
    const config = path.join(folder, 'prometheus.yml');
    const target = new URL(service.addresses.http).host;
    writeFileSync(
      config,
      `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [${RULES}]
scrape_configs: [{job_name: loupe, static_configs: [{targets: ['${target}']}]}]\n`,
    );
    const port = await freePort();
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder}/tsdb`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const prometheus = new Prometheus(spawn('prometheus', args, { stdio: 'ignore' }), `http://127.0.0.1:${port}`);
    await expect.poll(async () => prometheus.valueOf('inspection_ready'), { timeout: 15_000 }).toBe('1');
    return prometheus;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  async rules(type: 'alert' | 'record'): Promise<{ name: string; health: string }[]> {
    const answer = await fetch(`${this.address}/api/v1/rules?type=${type}`);
    const { data } = (await answer.json()) as { data: { groups: { rules: { name: string; health: string }[] }[] } };
    return data.groups.flatMap((group) => group.rules);
  }

  /** @returns null where it is not known yet */
  async valueOf(query: string): Promise<string | null> {
    return (await this.ask(query)).first;
  }

  async ask(query: string): Promise<{ error: string | null; count: number; first: string | null }> {
    const url = `${this.address}/api/v1/query?query=${encodeURIComponent(query)}`;
    const body = (await fetch(url)
      .then((response) => response.json())
      .catch(() => ({ error: 'not reached' }))) as { error?: string; data?: { result: { value: [number, string] }[] } };
    const found = body.data?.result ?? [];
    return { error: body.error ?? null, count: found.length, first: found[0]?.value[1] ?? null };
  }
}
