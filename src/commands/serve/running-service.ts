/** The service as a command runs it: started or explained, and announced. */

import { ConfigError } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { readSecrets } from '../../config/secrets.ts';
import { ProviderUnavailableError } from '../../engine/pool.ts';
import { LoupeError } from '../../errors.ts';
import { GrpcListenError } from '../../ingest/grpc/http2-server.ts';
import { ModelPackageError } from '../../model-repository/package.ts';
import { createLog, type Log } from '../../observe/log.ts';
import { type Addresses, Service } from '../../service.ts';
import { VERSION } from '../../version.ts';
import { CommandError, EXIT } from '../exit.ts';
import { letHeapsGrow } from './heap.ts';

/**
 * A service that has started.
 * @throws CommandError with the exit status that says whose fault it is: 78 configuration or model, 69 environment
 */
export async function startService(config: Config): Promise<{ service: Service; addresses: Addresses; log: Log }> {
  letHeapsGrow();
  const log = createLog({ level: config.log.level, site: config.site });
  let service: Service | undefined;
  try {
    service = await Service.create(config, await readSecrets(config), log);
    const addresses = await service.start();
    return { service, addresses, log };
  } catch (error) {
    await service?.stop();
    throw explain(error);
  }
}

function explain(error: unknown): unknown {
  if (error instanceof ConfigError) return new CommandError(EXIT.config, error.message);
  if (error instanceof ModelPackageError) return new CommandError(EXIT.config, error.message);
  if (error instanceof ProviderUnavailableError) {
    return new CommandError(EXIT.unavailable, `engine.provider is "cuda" and CUDA does not work: ${error.message}`);
  }
  if (error instanceof GrpcListenError) return new CommandError(EXIT.unavailable, error.message);
  if (error instanceof LoupeError) return new CommandError(EXIT.unavailable, error.message);
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return new CommandError(
      EXIT.unavailable,
      `${error.message}: another program listens there; is Loupe running already?`,
    );
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('E')) {
    return new CommandError(EXIT.unavailable, error.message);
  }
  return error;
}

export function readyLine(service: Service, addresses: Addresses): object {
  return { ready: service.health().isReady, version: VERSION, pid: process.pid, ...addresses };
}

/** @param isDemo whether it is the demo that runs, which nobody needs to be told to start */
export function banner(config: Config, service: Service, addresses: Addresses, isDemo = false): string {
  const health = service.health();
  const models = service.models
    .health()
    .map(({ model, provider, enginesReady }) => `${model} on ${provider ?? 'nothing'}, ${enginesReady} engines`);
  const root = config.mqtt.root;
  const reasons = [
    ...health.notReady.map(({ part, detail }) => `  NOT READY (${part}): ${detail}`),
    ...health.degraded.map(({ part, detail }) => `  degraded (${part}): ${detail}`),
  ];
  return `${[
    `Loupe ${VERSION} ${health.isReady ? 'is ready' : 'is running, not ready'}.`,
    `  gRPC   ${addresses.grpc}   inspection.v1.InspectionService, with reflection and health`,
    ...(addresses.mqtt === null
      ? []
      : [`  MQTT   ${addresses.mqtt}   ${root}/{camera}/frame in, ${root}/{camera}/result out`]),
    `  HTTP   ${addresses.http}   /readyz /metrics /api/v1/results`,
    `  model  ${models.join('; ')}`,
    `  data   ${config.store.path}`,
    ...reasons,
    ...firstRun(service, addresses),
    ...tryNext(config, addresses, isDemo),
  ].join('\n')}\n`;
}

/** For a first trial: with tokens or TLS the commands need more than can be said here. */
function tryNext({ auth, grpc: { tls }, http }: Config, addresses: Addresses, isDemo: boolean): string[] {
  if (auth.tokens.length > 0 || (tls ?? http.tls) !== null) return [];
  return [
    'Try next, in another terminal:',
    `  npx loupe send --grpc ${addresses.grpc} --camera cam-1 picture.jpg`,
    `  npx loupe results --http ${addresses.http}`,
    ...(isDemo ? [] : ['  npm run demo           (four simulated cameras; stop this service first)']),
    '  npx loupe doctor',
  ];
}

function firstRun({ people }: Service, { http }: Addresses): string[] {
  if (people.setupCode === null) return [];
  // A browser on Windows finds nothing at the address that means all of them.
  const page = http.replace(/\/\/(?:0\.0\.0\.0|\[::\]):/, '//localhost:');
  return [
    `  people no accounts yet. Setup code for the first admin, at ${page}/#/setup: ${people.setupCode}`,
    ...(people.isOpen ? ['         Until then whoever sits at this machine may do everything.'] : []),
  ];
}
