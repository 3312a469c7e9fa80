/** `loupe drift`: how the cameras of a running service stand against their baselines. */

import CliTable from 'cli-table3';
import type { Command } from 'commander';
import type { CameraDriftJson } from '../dashboard/drift-routes.ts';
import { withApi } from './asked-service.ts';
import { addServiceOptions, type ServiceOptions } from './options.ts';

interface DriftOptions extends ServiceOptions {
  readonly json?: true;
}

export function registerDrift(program: Command): void {
  const drift = program
    .command('drift')
    .description('how the cameras of a running service stand against their baselines');
  addHttpOptions(drift.command('show', { isDefault: true }).description('each camera against its baseline')).action(
    async (options: DriftOptions) => {
      const answer = await withApi(options, (api) => api.ask<{ cameras: CameraDriftJson[] }>('GET', '/api/v1/drift'));
      process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : textOf(answer.cameras));
    },
  );
  addHttpOptions(drift.command('baseline').description('forget the baseline: the next frames make a new one'))
    .option('--camera <id>', 'of this camera (default: of every one)')
    .action(async (options: DriftOptions & { camera?: string }) => {
      const body = { camera: options.camera ?? null };
      const answer = await withApi(options, (api) =>
        api.ask<{ cameras: string[] }>('POST', '/api/v1/drift/baseline', body),
      );
      const text = `learning anew: ${answer.cameras.join(', ') || 'no camera has been seen'}\n`;
      process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : text);
    });
}

function addHttpOptions(command: Command): Command {
  return addServiceOptions(command, 'http://127.0.0.1:8080').option('--json', 'print one line of JSON');
}

function textOf(cameras: readonly CameraDriftJson[]): string {
  const table = new CliTable({
    head: ['camera', 'baseline', 'brightness', 'contrast', 'focus', 'PSI', 'rejects'],
    style: { head: [], border: [] },
  });
  const percent = (ratio: number | undefined) =>
    ratio === undefined ? '' : `${ratio > 0 ? '+' : ''}${(ratio * 100).toFixed(0)} %`;
  for (const { cameraId, baseline, learned, ratios, psi, rejectShare } of cameras) {
    table.push([
      cameraId,
      baseline === null ? `learning, ${learned} frames` : baseline.frozenAt,
      percent(ratios?.brightness),
      percent(ratios?.contrast),
      percent(ratios?.focus),
      psi?.toFixed(2) ?? '',
      rejectShare === null ? '' : `${(rejectShare * 100).toFixed(1)} %`,
    ]);
  }
  return [table.toString(), ...cameras.flatMap(({ sentences }) => sentences), ''].join('\n');
}
