/** Rules and dashboards: they load, they fire, and they name nothing that the service does not export. */

import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
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

  it.skipIf(!has('prometheus'))(
    'a real Prometheus scrapes the real service and evaluates the rules',
    async () => {
      const service = await ServiceProcess.start(testSettings(emptyFolder()));
      onTestFinished(async () => void (await service.end('SIGKILL')));
      const folder = emptyFolder();
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
      const prometheus = spawn('prometheus', args, { stdio: 'ignore' });
      onTestFinished(() => void prometheus.kill('SIGKILL'));
      const value = async (query: string) => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
        const body = (await fetch(url)
          .then((response) => response.json())
          .catch(() => null)) as { data?: { result: { value: [number, string] }[] } } | null;
        return body?.data?.result[0]?.value[1] ?? null;
      };
      await expect.poll(() => value('inspection_ready'), { timeout: 15_000 }).toBe('1');
      await expect.poll(() => value('up{job="loupe"}')).toBe('1');
      const loaded = await fetch(`http://127.0.0.1:${port}/api/v1/rules?type=alert`);
      const { data } = (await loaded.json()) as { data: { groups: { rules: { name: string; health: string }[] }[] } };
      const found = data.groups.flatMap((group) => group.rules);
      expect(found.map((rule) => rule.name).sort()).toEqual([...alerts].sort());
      expect(found.filter((rule) => rule.health === 'err')).toEqual([]);
    },
    60_000,
  );
});
