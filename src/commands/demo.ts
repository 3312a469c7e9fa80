/** `loupe demo`: the service, and four simulated cameras that send drawn parts to it. */

import type { Command } from 'commander';
import type { Config } from '../config/schema.ts';
import { DEMO_CAMERAS } from './demo/cameras.ts';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions, numberIn } from './options.ts';
import { listenForEnd } from './serve/end-signals.ts';

interface DemoOptions extends ConfigOptions {
  readonly fps: number;
  readonly defects: number;
  readonly duration?: number;
  readonly json?: boolean;
}

export function registerDemo(program: Command): void {
  addConfigOptions(
    program.command('demo').description('run the service with four simulated cameras, two on gRPC and two on MQTT'),
  )
    .option('--fps <n>', 'pictures per second of each camera', numberIn(0.1, 100), 2)
    .option('--defects <ratio>', 'share of defective parts', numberIn(0, 1), 0.15)
    .option('--duration <seconds>', 'end after so long (default: when told to)', numberIn(1, 1e6))
    .option('--json', 'print one line of JSON when ready, and one with the summary')
    .action(async (options: DemoOptions) => {
      const config = await configFrom(options);
      if (config.auth.tokens.length > 0) {
        throw new CommandError(EXIT.usage, 'the demo has no credentials: run it without auth.tokens');
      }
      const signals = listenForEnd();
      // Loaded when asked for, as in `serve`.
      const { startService, banner } = await import('./serve/running-service.ts');
      const { runCameras, tableOf } = await import('./demo/run-cameras.ts');
      const { service, addresses, log } = await startService(withDemoCameras(config));
      try {
        process.stdout.write(
          options.json === true
            ? `${JSON.stringify({ ready: service.health().isReady, pid: process.pid, ...addresses, cameras: DEMO_CAMERAS })}\n`
            : `${banner(config, service, addresses, true)}${announcement(options)}`,
        );
        const told = signals.untilTold(log);
        const summary = await runCameras(addresses, config.mqtt.root, options, told);
        process.stdout.write(options.json === true ? `${JSON.stringify({ summary })}\n` : `${tableOf(summary)}\n`);
      } finally {
        await service.stop();
      }
    });
}

/** The demo's cameras are listed, so that metrics and screens show each by its name. */
function withDemoCameras(config: Config): Config {
  const listed = new Set(config.cameras.map((camera) => camera.id));
  const added = DEMO_CAMERAS.filter(({ id }) => !listed.has(id)).map(({ id }) => ({
    id,
    recipe: config.unlisted_cameras.recipe,
    takt_ms: 1000,
    on_uninspected: 'reject' as const,
    sequence: true,
    queue_frames: 64,
    queue_bytes: config.unlisted_cameras.queue_bytes,
    max_fps: config.unlisted_cameras.max_fps,
    frozen_after: config.unlisted_cameras.frozen_after,
  }));
  return { ...config, cameras: [...config.cameras, ...added] };
}

function announcement({ fps, defects, duration }: DemoOptions): string {
  const end = duration === undefined ? 'Ctrl-C ends it.' : `It ends after ${duration} s.`;
  const share = Math.round(defects * 100);
  return `Cameras ${DEMO_CAMERAS.map(({ id }) => id).join(', ')} send ${fps} parts a second each, ${share} % of them defective. ${end}\n`;
}
