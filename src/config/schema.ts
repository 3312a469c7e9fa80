/**
 * Every key of the configuration: default, bounds, unit and one sentence each. docs/configuration.md is generated from this
 * schema and deploy/loupe.example.yaml parses to exactly its defaults.
 */

import { z } from 'zod';
import { RIGHTS } from '../frame/people.ts';
import { camera, unlisted } from './cameras.ts';
import { bytes, filePath, fraction, isTimeZone, listen, milliseconds, name, tls } from './fields.ts';

const MB = 1024 * 1024;

const roi = z
  .strictObject({
    x: fraction.describe('Left edge, as a fraction of the width.'),
    y: fraction.describe('Upper edge, as a fraction of the height.'),
    width: fraction.gt(0).describe('Fraction of the width.'),
    height: fraction.gt(0).describe('Fraction of the height.'),
  })
  .refine((r) => r.x + r.width <= 1 && r.y + r.height <= 1, { error: 'expected a region inside the image' });

const recipe = z.strictObject({
  model: name.describe('Name of a model package below `models.path`.'),
  version: name
    .nullable()
    .default(null)
    .describe('Its version, pinned; null: as activated (`loupe models`), the highest at the very first start.'),
  roi: roi
    .nullable()
    .default(null)
    .describe(
      'Region of interest; null: the whole image. Smaller than a pixel of a frame: UNINSPECTED, `roi_too_small`.',
    ),
  pass_below: fraction
    .nullable()
    .default(null)
    .describe(
      'Below this probability: PASS; null: as the model suggests. Cuts chosen with `loupe cuts` go over it (docs/models.md).',
    ),
  fail_above: fraction
    .nullable()
    .default(null)
    .describe('From this probability on: FAIL; null: as the model suggests. Between the two: REVIEW.'),
});

const token = z
  .strictObject({
    name: name.describe('Who it is; the user name on MQTT.'),
    token: z.string().min(16).nullable().default(null).describe('The secret itself, at least 16 characters.'),
    token_file: filePath.nullable().default(null).describe('File that holds the secret; better than `token`.'),
    rights: z
      .array(z.enum(RIGHTS))
      .min(1)
      .default(['ingest', 'read'])
      .describe(
        'What it may do: send frames, read results and metrics, judge pictures, change cuts and models, change everything.',
      ),
  })
  .refine((t) => (t.token === null) !== (t.token_file === null), { error: 'expected either token or token_file' });

const trustedNetwork = z
  .boolean()
  .default(false)
  .describe('Listen beyond this machine without TLS: only where something else protects the network.');

const grpc = z
  .strictObject({
    listen: listen('127.0.0.1:50051').describe('Address of the gRPC server.'),
    tls: tls.describe('TLS of the gRPC server; null: plain text.'),
    trusted_network: trustedNetwork,
  })
  .prefault({});

const http = z
  .strictObject({
    listen: listen('127.0.0.1:8080').describe('Address of health, metrics, API and page.'),
    tls: tls.describe('TLS of the HTTP server; null: plain text.'),
    trusted_network: trustedNetwork,
  })
  .prefault({});

const mqtt = z
  .strictObject({
    root: z
      .string()
      .regex(/^[^+#$/\s][^+#\s]{0,127}$/, 'expected a topic of at most 128 characters without +, # and spaces')
      .refine((root) => !root.endsWith('/') && !root.includes('//'), { error: 'expected no empty topic level' })
      .default('loupe')
      .describe('Topics are `{root}/{camera}/frame` and so on; may have several levels.'),
    embedded: z
      .strictObject({
        enabled: z.boolean().default(true).describe('Run a broker inside the service (ignored when `url` is set).'),
        listen: listen('127.0.0.1:1883').describe('Its address.'),
        tls: tls.describe('TLS of the broker; null: plain text.'),
        trusted_network: trustedNetwork,
        max_clients: z.int().min(1).max(10_000).default(200).describe('Connections at once.'),
      })
      .prefault({})
      .describe('The broker for trials; a plant has its own.'),
    url: z
      .string()
      .regex(/^(mqtts?|wss?):\/\/[^\s]+$/, 'expected mqtt://HOST:PORT, mqtts://, ws:// or wss://')
      .nullable()
      .default(null)
      .describe("The plant's own broker; null: the embedded one."),
    client_id: name.default('loupe').describe('Prefix of the client ids at that broker; must be unique there.'),
    username: z.string().min(1).nullable().default(null).describe('User name at that broker.'),
    password_file: filePath.nullable().default(null).describe('File that holds its password.'),
    ca_file: filePath.nullable().default(null).describe('Certificate authority of that broker, PEM.'),
    cert_file: filePath.nullable().default(null).describe('Client certificate, PEM.'),
    key_file: filePath.nullable().default(null).describe('Its private key, PEM.'),
    connections: z
      .int()
      .min(1)
      .max(64)
      .default(4)
      .describe('Connections that take frames from that broker; each handles one frame after the other.'),
    outbox_max_age_hours: z
      .int()
      .min(1)
      .max(8760)
      .default(168)
      .describe('Hours after which a result that no broker took is given up, counted.'),
  })
  .prefault({});

const store = z
  .strictObject({
    path: filePath.default('data').describe('Folder of the ledger and the images; on a local disk.'),
    durability: z
      .enum(['full', 'normal'])
      .default('full')
      .describe('`full`: an answer survives power loss. `normal`: it survives a killed process only.'),
    images: z
      .strictObject({
        keep: z
          .enum(['all', 'not_pass', 'none'])
          .default('not_pass')
          .describe('Which images are kept: all, those of FAIL, REVIEW and UNINSPECTED, or none.'),
        keep_pass_ratio: fraction
          .default(0.01)
          .describe('With `not_pass`, the share of PASS images that is kept as well, 0 to 1.'),
      })
      .prefault({}),
    retention: z
      .strictObject({
        max_age_days: z.int().min(1).nullable().default(90).describe('Days an image is kept; null: no limit.'),
        max_bytes: z
          .int()
          .min(MB)
          .nullable()
          .default(50_000 * MB)
          .describe('Bytes of images kept; null: no limit.'),
        min_free_bytes: bytes(0, 1024 * MB).describe('Images are deleted while the disk has less than this free.'),
      })
      .prefault({})
      .describe('Images go oldest first, PASS before UNINSPECTED before REVIEW before FAIL. Rows stay.'),
  })
  .prefault({});

const engine = z
  .strictObject({
    provider: z
      .enum(['auto', 'cuda', 'cpu'])
      .default('auto')
      .describe('`auto`: CUDA if it proves itself, else the CPU, marked degraded. `cuda`: CUDA or no start.'),
    device_id: z.int().min(0).max(63).default(0).describe('Which GPU.'),
    processes: z
      .int()
      .min(1)
      .max(64)
      .nullable()
      .default(null)
      .describe('Engine processes per model; null: one per core (at most 8) on a CPU, one on a GPU.'),
    threads: z.int().min(1).max(64).default(1).describe('Threads inside one run of the model.'),
    decode_threads: z
      .int()
      .min(1)
      .max(64)
      .nullable()
      .default(null)
      .describe('Images one engine decodes at once; null: 2 on a CPU, one per core but at least 4 on a GPU.'),
    batch_sizes: z
      .array(z.int().min(1).max(256))
      .min(1)
      .max(16)
      .nullable()
      .default(null)
      .describe('Batch sizes, ascending, each warmed at start; null: 1 on a CPU, 1 2 4 8 16 32 on a GPU.'),
    hang_ms: milliseconds(1000, 600_000)
      .default(10_000)
      .describe('Milliseconds of silence after which an engine with work is replaced.'),
    start_timeout_ms: milliseconds(1000, 3_600_000)
      .default(120_000)
      .describe('Milliseconds an engine has to load and prove its model.'),
    golden_check_ms: milliseconds(10_000, 86_400_000)
      .nullable()
      .default(600_000)
      .describe(
        'Every so many milliseconds each engine scores its golden images again; one that is off is replaced. null: at its start only.',
      ),
  })
  .prefault({});

const drift = z
  .strictObject({
    baseline_frames: z
      .int()
      .min(0)
      .max(100_000)
      .default(500)
      .refine((frames) => frames === 0 || frames >= 50, { error: 'expected 0 or at least 50 frames' })
      .describe(
        'First inspected frames of a camera that make its baseline for drift, at least 50; 0: no watch for drift.',
      ),
  })
  .prefault({});

const heatMaps = z
  .strictObject({
    per_minute: z
      .int()
      .min(0)
      .max(600)
      .default(6)
      .describe(
        'Heat maps of FAIL and REVIEW parts made unasked per minute, behind everything else; 0: only those asked for.',
      ),
  })
  .prefault({});

const limits = z
  .strictObject({
    message_bytes: bytes(64 * 1024, 32 * MB).describe('Largest message on every road.'),
    pixels: z.int().min(4096).max(268_402_689).default(50_000_000).describe('Most pixels of one image.'),
    queue_frames: z.int().min(1).max(100_000).default(256).describe('Frames that may wait, over all cameras.'),
    queue_bytes: bytes(MB, 256 * MB).describe('Bytes of frames that may wait, over all cameras.'),
  })
  .prefault({});

const review = z
  .strictObject({
    again: fraction
      .max(0.5)
      .default(0.02)
      .describe(
        'Share of the review queue that was judged before and comes again without saying so, to see how people agree; 0: none.',
      ),
    passed: fraction
      .max(0.5)
      .default(0.05)
      .describe('Share of the review queue that passed: only such parts can show an escape; 0: none.'),
    defect_classes: z
      .array(z.string().trim().min(1).max(64))
      .max(12)
      .refine((names) => new Set(names).size === names.length, 'expected each class once')
      .default(['scratch', 'dent', 'crack', 'stain', 'missing', 'shape'])
      .describe(
        'Kinds of defect offered where a part is judged, at most 12. They are kept as they stand here; the page translates the default ones.',
      ),
  })
  .prefault({});

const shift = z.strictObject({
  name: name.describe('What it is called.'),
  start: z
    .string()
    .regex(/^([01]\d|2[0-3]):(00|15|30|45)$/, 'expected HH:MM on a quarter of an hour, for example 06:00')
    .describe('When it begins, `HH:MM` on a quarter of an hour; it lasts until the next one does.'),
});

export const configSchema = z.strictObject({
  site: name.default('site').describe('Name of this station, in logs, metrics and messages.'),
  time_zone: z
    .string()
    .refine(isTimeZone, { error: 'expected a time zone such as Europe/Berlin or Asia/Shanghai' })
    .nullable()
    .default(null)
    .describe('Time zone of the plant, for shifts, days and every time on the page; null: that of this machine.'),
  shifts: z
    .array(shift)
    .min(1)
    .max(24)
    .default([
      { name: 'early', start: '06:00' },
      { name: 'late', start: '14:00' },
      { name: 'night', start: '22:00' },
    ])
    .describe(
      'Shifts by when they begin, in the order of the day; nothing said: early 06:00, late 14:00, night 22:00.',
    ),
  cameras: z.array(camera).max(1000).default([]).describe('The cameras of the line.'),
  unlisted_cameras: unlisted.describe('What happens to frames of other cameras.'),
  recipes: z
    .record(name, recipe)
    .prefault({ default: { model: 'plate-demo' } })
    .describe('Model, region and cuts of a product, by name; nothing said: `default`, with the model plate-demo.'),
  models: z
    .strictObject({
      path: filePath.default('models').describe('Folder of the model packages.'),
      max_package_bytes: bytes(MB, 512 * MB).describe('Largest model package that is taken in.'),
    })
    .prefault({}),
  engine,
  grpc,
  http,
  mqtt,
  auth: z
    .strictObject({
      tokens: z
        .array(token)
        .max(100)
        .default([])
        .describe(
          'Which program may do what (docs/operations.md). Empty: whoever is at this machine may, until somebody has an account.',
        ),
      viewing: z
        .enum(['open_on_loopback', 'signed_in'])
        .default('open_on_loopback')
        .describe(
          '`open_on_loopback`: while HTTP listens on this machine only and there are no tokens, looking needs no sign-in. `signed_in`: it does, once there are accounts.',
        ),
      session_idle_minutes: z
        .int()
        .min(5)
        .max(1440)
        .default(30)
        .describe('Minutes without a request and without an open page after which a person is signed out.'),
      session_hours: z.int().min(1).max(24).default(10).describe('Hours after which a person signs in anew.'),
    })
    .prefault({}),
  store,
  review,
  heat_maps: heatMaps,
  drift,
  limits,
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least level that is logged.'),
    })
    .prefault({}),
  shutdown_ms: milliseconds(1000, 600_000)
    .default(20_000)
    .describe('Milliseconds to answer what is in flight before the service ends.'),
});

export type Config = z.output<typeof configSchema>;
