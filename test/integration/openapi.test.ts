/** The OpenAPI document against the service that hands it out: schemathesis makes requests of it, right and wrong ones. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { greyPng } from '../support/images.ts';
import { emptyFolder, ServiceProcess, TEST_MODELS, testSettings } from '../support/service-process.ts';

/**
 * All but one: that what a schema takes is taken. Some rules stand between two fields (cuts in order, at most a hundred days), and
 * who reviews must be said only where nobody is signed in; no JSON schema says that.
 */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'missing_required_header',
  'unsupported_method',
];

function hasSchemathesis(): boolean {
  if (spawnSync('schemathesis', ['--version'], { stdio: 'ignore' }).status === 0) return true;
  if (process.env['CI'] !== undefined) throw new Error('schemathesis is missing in CI');
  process.stderr.write('SKIPPED: schemathesis is missing (pip install schemathesis)\n');
  return false;
}

describe.skipIf(!hasSchemathesis())('the OpenAPI document', () => {
  it('says what the service does, of whatever it is asked', async () => {
    // A copy: one of the requests deletes packages.
    const models = emptyFolder();
    cpSync(path.join(TEST_MODELS, 'mean-brightness'), path.join(models, 'mean-brightness'), { recursive: true });
    const service = await ServiceProcess.start([...testSettings(emptyFolder()), `models.path=${models}`]);
    onTestFinished(async () => void (await service.end('SIGKILL')));
    for (const level of [20, 120, 240]) {
      const url = new URL(`/api/v1/frames?camera_id=cam-1&frame_id=f${level}`, service.addresses.http);
      const sent = await fetch(url, { method: 'POST', body: Uint8Array.from(await greyPng(level)) });
      expect(sent.status).toBe(200);
    }
    const { http } = service.addresses;
    const asked = [
      'run',
      `${http}/api/v1/openapi.json`,
      '--url',
      http,
      '--phases',
      'coverage,fuzzing',
      '--max-examples',
      '5',
    ];
    const how = ['--workers', '1', '--seed', '1', '--no-color', '--checks', CHECKS.join(',')];
    // The stream of what is live never ends.
    const child = spawn('schemathesis', [...asked, ...how, '--exclude-path', '/api/v1/live'], { cwd: emptyFolder() });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(child, 'close')) as [number];
    expect(code, said.slice(-8000)).toBe(0);
    expect(Number(/(\d+) generated/.exec(said)?.[1])).toBeGreaterThan(500);
  }, 180_000);
});
