/** Clients and servers that nobody here wrote, against the real service: Prometheus, grpcurl, ghz. */

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { toolAt } from '../faults/support/need.ts';
import { greyPng } from '../support/images.ts';
import { freePort } from '../support/ports.ts';
import { emptyFolder, ServiceProcess, testSettings, total } from '../support/service-process.ts';

const run = promisify(execFile);
const prometheus = toolAt('prometheus', 'apt install prometheus');
const grpcurl = toolAt('grpcurl', 'go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3');
const ghz = toolAt('ghz', 'go install github.com/bojand/ghz/cmd/ghz@v0.93.0');
const PATIENT = { timeout: 30_000, interval: 200 };

let service: ServiceProcess;
const store = emptyFolder();
beforeAll(async () => {
  service = await ServiceProcess.start([...testSettings(store), 'limits.queue_frames=1000']);
});
afterAll(() => service.end('SIGKILL'));

async function requestOf(level: number, frameId: string): Promise<string> {
  const encoded = Buffer.from(await greyPng(level)).toString('base64');
  return JSON.stringify({ camera_id: 'cam-1', frame_id: frameId, encoded });
}

describe.skipIf(grpcurl === null)('grpcurl', () => {
  const curl = async (...args: string[]) => (await run(grpcurl ?? '', ['-plaintext', ...args])).stdout;

  it('finds the service by reflection, and its health', async () => {
    const { grpc } = service.addresses;
    expect((await curl(grpc, 'list')).split('\n')).toContain('inspection.v1.InspectionService');
    expect(await curl(grpc, 'describe', 'inspection.v1.InspectRequest')).toContain('string camera_id = 1');
    expect(JSON.parse(await curl(grpc, 'grpc.health.v1.Health/Check'))).toEqual({ status: 'SERVING' });
  });

  it('has a frame inspected, and is told by a status with details what was wrong with another', async () => {
    const { grpc } = service.addresses;
    const inspect = (data: string) => curl('-d', data, grpc, 'inspection.v1.InspectionService/Inspect');
    const verdict = JSON.parse(await inspect(await requestOf(250, 'curl-1'))) as { verdict: string };
    expect(verdict.verdict).toContain('FAIL');
    const broken = JSON.stringify({ camera_id: 'a/b', frame_id: 'x', encoded: 'AAAA' });
    const { stderr } = await inspect(broken).then(
      () => ({ stderr: 'answered' }),
      (error: unknown) => error as { stderr: string },
    );
    expect(stderr).toContain('InvalidArgument');
    // grpcurl shows details whose type the method does not name as they came.
    const [, details = ''] = /"@value": "([^"]+)"/.exec(stderr) ?? [];
    expect(Buffer.from(details, 'base64').toString()).toContain('invalid_request');
  });
});

describe.skipIf(ghz === null)('ghz', () => {
  it('gets, by reflection, an OK for every frame that it sends on eight connections at once', async () => {
    const data = JSON.parse(await requestOf(10, 'x')) as Record<string, string>;
    const body = JSON.stringify({ ...data, camera_id: 'ghz', frame_id: 'g{{.RequestNumber}}' });
    const file = path.join(emptyFolder(), 'data.json');
    writeFileSync(file, body);
    const call = ['--insecure', '--call', 'inspection.v1.InspectionService.Inspect'];
    const load = ['-n', '200', '-c', '8', '--connections', '8', '-D', file, '-O', 'json'];
    const { stdout } = await run(ghz ?? '', [...call, ...load, service.addresses.grpc]);
    const report = JSON.parse(stdout) as { count: number; statusCodeDistribution: Record<string, number> };
    expect([report.count, report.statusCodeDistribution]).toEqual([200, { OK: 200 }]);
    const passed = total(await service.samples(), 'inspection_frames_total', 'outcome="pass"');
    expect(passed).toBeGreaterThanOrEqual(200);
  }, 60_000);
});

describe.skipIf(prometheus === null)('Prometheus', () => {
  it('scrapes the service, and its books balance at every scrape', async () => {
    const folder = emptyFolder('loupe-prometheus-');
    const port = await freePort();
    const config = path.join(folder, 'prometheus.yml');
    const target = new URL(service.addresses.http).host;
    writeFileSync(
      config,
      `scrape_configs: [{job_name: loupe, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: ['${target}']}]}]\n`,
    );
    mkdirSync(path.join(folder, 'data'));
    const child = spawn(
      prometheus ?? '',
      [`--config.file=${config}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`],
      { stdio: 'ignore' },
    );
    try {
      const query = async (expression: string): Promise<number | null> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
        const response = await fetch(url).catch(() => null);
        if (response === null || !response.ok) return null;
        const body = (await response.json()) as { data: { result: { value: [number, string] }[] } };
        const [first] = body.data.result;
        return first === undefined ? null : Number(first.value[1]);
      };
      await expect.poll(() => query('up{job="loupe"}'), PATIENT).toBe(1);
      const sender = await connectGrpcSender({ address: service.addresses.grpc });
      for (let index = 0; index < 100; index++) {
        const frame = { cameraId: 'prom', frameId: `p${index}`, contentType: null, capturedAt: null, sequence: null };
        await sender.send({ ...frame, bytes: await greyPng(index), isSimulated: false });
      }
      await sender.close();
      const rows = 'inspection_ledger_rows';
      const wanted = (await verifyStore(store)).rows;
      await expect.poll(() => query(rows), PATIENT).toBe(wanted);
      const balance =
        'sum(inspection_frames_received_total) - sum(inspection_frames_total) - sum(inspection_frames_in_flight)';
      expect(await query(`max_over_time((${balance})[1m:200ms])`)).toBe(0);
      expect(await query(`min_over_time((${balance})[1m:200ms])`)).toBe(0);
      expect(await query('sum(inspection_frames_total{outcome="pass"})')).toBe(
        (await verifyStore(store)).verdicts['PASS'],
      );
      expect(await query('count({job="loupe"})')).toBeLessThanOrEqual(1000);
    } finally {
      child.kill('SIGKILL');
    }
  }, 90_000);
});
