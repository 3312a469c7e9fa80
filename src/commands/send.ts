/** `loupe send`: plays files to a running service as a camera would, and says what came back. */

import { type Command, Option } from 'commander';
import { Presets, SingleBar } from 'cli-progress';
import { messageOf } from '../errors.ts';
import type { FrameSender } from '../client/sender.ts';
import { listenFrom } from '../config/fields.ts';
import { cameraIdFrom, ID_RULE } from '../frame/identifiers.ts';
import { shownText } from '../frame/shown-text.ts';
import { CommandError, EXIT } from './exit.ts';
import { numberIn } from './options.ts';
import { type ImageFile, listImages } from './send/file-list.ts';
import { replay } from './send/replay.ts';
import { describeSummary, type Sent, type Summary, Tally } from './send/tally.ts';
import { addTlsOptions, checkPair, tlsFrom, type TlsOptions } from './tls-options.ts';

export interface SendOptions extends TlsOptions {
  readonly grpc?: string;
  readonly mqtt?: string;
  readonly camera: string;
  readonly fps?: number;
  readonly concurrency: number;
  readonly token?: string;
  readonly recipe?: string;
  readonly stream?: boolean;
  readonly root: string;
  readonly username?: string;
  readonly password?: string;
  readonly protocol: '4' | '5';
  readonly frameIdPrefix: string;
  readonly json?: boolean;
}

const MAX_CONCURRENCY = 1000;
/** Errors told one by one; the summary counts the rest. */
const MAX_TOLD_ERRORS = 10;

export function registerSend(program: Command): void {
  const command = program
    .command('send')
    .description('send image files, or folders of them, as frames of one camera')
    .argument('<path...>', 'images, and folders with images below them')
    .addOption(new Option('--grpc <host:port>', 'send over gRPC').conflicts('mqtt'))
    .option('--mqtt <url>', 'send over MQTT, for example mqtt://127.0.0.1:1883')
    .requiredOption('--camera <id>', 'camera the frames come from')
    .option('--fps <n>', 'frames per second (default: as fast as answers come)', numberIn(0.001, 10_000))
    .option('--concurrency <n>', 'frames under way at once', numberIn(1, MAX_CONCURRENCY, true), 8)
    .option('--frame-id-prefix <text>', 'put before each file name to make the frame id', '')
    .option('--recipe <id>', 'recipe to inspect with (gRPC; default: the camera’s own)')
    .option('--stream', 'all frames on one stream instead of a call each (gRPC)')
    .addOption(new Option('--token <token>', 'bearer token (gRPC)').env('LOUPE_TOKEN'));
  addTlsOptions(command)
    .option('--root <topic>', 'topic root (MQTT)', 'loupe')
    .option('--username <name>', 'user name (MQTT)')
    .addOption(new Option('--password <text>', 'password (MQTT)').env('LOUPE_MQTT_PASSWORD'))
    .addOption(new Option('--protocol <version>', 'MQTT 3.1.1 (4) or 5').choices(['4', '5']).default('5'))
    .option('--json', 'one line of JSON per frame, then one with the summary')
    .action((paths: readonly string[], options: SendOptions) => send(paths, options));
}

/** @throws CommandError where nothing could be sent, or not every frame was answered */
export async function send(paths: readonly string[], options: SendOptions): Promise<void> {
  checkOptions(options);
  const files = await filesOf(paths, options.frameIdPrefix);
  const sender = await connect(options);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  let summary: Summary;
  try {
    summary = await sendAll(sender, files, options, stop.signal);
  } finally {
    process.off('SIGINT', interrupt);
    await sender.close();
  }
  process.stdout.write(options.json === true ? `${JSON.stringify({ summary })}\n` : describeSummary(summary));
  if (summary.answered < summary.frames) throw new CommandError(EXIT.failed, '');
}

function checkOptions(options: SendOptions): void {
  const { grpc, mqtt, recipe, tlsCa, tlsCert, stream, camera } = options;
  if (cameraIdFrom(camera) === null) {
    throw new CommandError(EXIT.usage, `--camera must be at most 64 characters: ${ID_RULE}; got "${camera}"`);
  }
  if ((grpc === undefined) === (mqtt === undefined)) {
    throw new CommandError(EXIT.usage, 'expected either --grpc HOST:PORT or --mqtt URL');
  }
  if (grpc !== undefined && listenFrom(grpc) === null) {
    throw new CommandError(EXIT.usage, `--grpc: expected HOST:PORT, got "${grpc}"`);
  }
  if (mqtt !== undefined && !/^(mqtts?|wss?):\/\//.test(mqtt)) {
    throw new CommandError(EXIT.usage, `--mqtt: expected a URL such as mqtt://127.0.0.1:1883, got "${mqtt}"`);
  }
  if (mqtt !== undefined && (recipe !== undefined || stream !== undefined)) {
    throw new CommandError(EXIT.usage, '--recipe and --stream go with --grpc');
  }
  checkPair(options);
  if (mqtt !== undefined && !/^(mqtt|ws)s:/.test(mqtt) && (tlsCa ?? tlsCert) !== undefined) {
    throw new CommandError(EXIT.usage, `--tls-ca and --tls-cert go with mqtts://HOST:PORT, got "${mqtt}"`);
  }
}

async function sendAll(
  sender: FrameSender,
  files: readonly ImageFile[],
  options: SendOptions,
  signal: AbortSignal,
): Promise<Summary> {
  const tally = new Tally();
  const bar = new SingleBar(
    { stream: process.stderr, noTTYOutput: false, clearOnComplete: true },
    Presets.shades_classic,
  );
  const showsBar = process.stderr.isTTY;
  if (showsBar) bar.start(files.length, 0);
  const startedAt = performance.now();
  let told = 0;
  await replay(sender, files, {
    cameraId: options.camera,
    fps: options.fps ?? null,
    concurrency: options.concurrency,
    signal,
    onSent: (file, sent, latencyMs) => {
      tally.add(sent, file.label, latencyMs);
      if (showsBar) bar.increment();
      if (options.json === true)
        process.stdout.write(`${JSON.stringify(lineOf(file, sent, latencyMs, options.camera))}\n`);
      else if (sent.kind === 'error' && told++ < MAX_TOLD_ERRORS) {
        process.stderr.write(`${shownText(file.path)}: ${sent.code}: ${sent.message}\n`);
      }
    },
  });
  if (showsBar) bar.stop();
  return tally.summary(files.length, (performance.now() - startedAt) / 1000);
}

function lineOf(file: ImageFile, sent: Sent, latencyMs: number, camera: string) {
  const frame = { camera, frame_id: file.frameId, file: file.path };
  const latency_ms = Math.round(latencyMs * 100) / 100;
  if (sent.kind === 'error') return { ...frame, error: sent.code, message: sent.message, latency_ms };
  const { verdict, reason, probability, duplicate, resultId } = sent;
  return { ...frame, verdict, reason, probability, duplicate, latency_ms, result_id: resultId };
}

async function filesOf(paths: readonly string[], prefix: string): Promise<readonly ImageFile[]> {
  let files: readonly ImageFile[];
  try {
    files = await listImages(paths, prefix);
  } catch (error) {
    const why = messageOf(error);
    throw new CommandError(EXIT.usage, `cannot read the images: ${why}`, { cause: error });
  }
  if (files.length === 0) throw new CommandError(EXIT.usage, `no images in ${paths.join(', ')}`);
  return files;
}

async function connect(options: SendOptions): Promise<FrameSender> {
  const { grpc, mqtt, token, recipe, stream, username, password } = options;
  const tls = await tlsFrom(options);
  try {
    // Loaded when asked for: either library takes a quarter of a second.
    if (grpc !== undefined) {
      const { connectGrpcSender } = await import('../client/grpc-sender.ts');
      // grpc-js gives TLS an IP address as name of the server, and Node warns of it: nothing that whoever sends could mend.
      process.noDeprecation = true;
      return await connectGrpcSender({
        address: grpc,
        token: token ?? null,
        tls,
        recipeId: recipe ?? null,
        streams: stream === true,
      });
    }
    const { connectMqttSender } = await import('../client/mqtt-sender.ts');
    return await connectMqttSender({
      url: mqtt ?? '',
      root: options.root,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      tls,
      protocolVersion: options.protocol === '4' ? 4 : 5,
    });
  } catch (error) {
    const why = messageOf(error);
    throw new CommandError(EXIT.unavailable, `${why}${SAYS_ENOUGH.test(why) ? '' : tlsHint(options)}`, {
      cause: error,
    });
  }
}

/** Nobody is there, or somebody who speaks as we do: TLS is not what is missing. */
const SAYS_ENOUGH = /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|there is no such host|lets nobody in/;

function tlsHint({ grpc, mqtt, tlsCa, tlsCert }: SendOptions): string {
  if (grpc !== undefined) return (tlsCa ?? tlsCert) === undefined ? ' (where it speaks TLS: --tls-ca FILE)' : '';
  return mqtt?.startsWith('mqtt:') === true ? ' (where it speaks TLS: mqtts://)' : '';
}
