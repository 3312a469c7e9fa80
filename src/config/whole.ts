/** What no single key can say: that the parts of a configuration fit each other, and that it is safe to listen so. */

import type { z } from 'zod';
import type { Config } from './schema.ts';
import { isLoopback, listenFrom } from './fields.ts';

type Report = (path: readonly (string | number)[], message: string) => void;

export function checkWhole(config: unknown, context: z.RefinementCtx): void {
  const parsed = config as Config;
  const report: Report = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
  checkCameras(parsed, report);
  checkRecipes(parsed, report);
  checkListening(parsed, report);
  checkLimits(parsed, report);
  checkShifts(parsed, report);
}

function checkCameras(config: Config, report: Report): void {
  const recipes = Object.keys(config.recipes);
  const known = (recipe: string, path: readonly (string | number)[]) => {
    if (!recipes.includes(recipe)) report(path, `no recipe "${recipe}"; there are: ${recipes.join(', ')}`);
  };
  const seen = new Set<string>();
  config.cameras.forEach((camera, i) => {
    if (seen.has(camera.id)) report(['cameras', i, 'id'], `camera "${camera.id}" is listed twice`);
    seen.add(camera.id);
    known(camera.recipe, ['cameras', i, 'recipe']);
  });
  if (config.unlisted_cameras.policy === 'recipe')
    known(config.unlisted_cameras.recipe, ['unlisted_cameras', 'recipe']);
}

function checkRecipes(config: Config, report: Report): void {
  for (const [name, recipe] of Object.entries(config.recipes)) {
    const { pass_below: pass, fail_above: fail } = recipe;
    if ((pass === null) !== (fail === null)) {
      report(['recipes', name], 'expected both pass_below and fail_above, or neither');
    } else if (pass !== null && fail !== null && pass > fail) {
      report(['recipes', name], `expected pass_below <= fail_above, got ${pass} > ${fail}`);
    }
  }
}

function checkShifts({ shifts }: Config, report: Report): void {
  shifts.forEach(({ name, start }, i) => {
    if (i > 0 && start <= (shifts[i - 1]?.start ?? '')) {
      report(['shifts', i, 'start'], `expected later than the shift before, got ${start}`);
    }
    if (shifts.findIndex((other) => other.name === name) < i) {
      report(['shifts', i, 'name'], `"${name}" is listed twice`);
    }
  });
}

interface Door {
  readonly path: readonly string[];
  readonly listen: string;
  readonly tls: Config['grpc']['tls'];
  readonly trusted_network: boolean;
}

function checkListening(config: Config, report: Report): void {
  const doors: Door[] = [
    { path: ['grpc'], ...config.grpc },
    { path: ['http'], ...config.http },
  ];
  if (config.mqtt.url === null && config.mqtt.embedded.enabled) {
    doors.push({ path: ['mqtt', 'embedded'], ...config.mqtt.embedded });
  }
  for (const door of doors) {
    if (door.tls?.camera_from_certificate === true && door.tls.client_ca_file === null) {
      report([...door.path, 'tls', 'camera_from_certificate'], 'expected client_ca_file beside it');
    }
    if (door.tls !== null && door.tls.client_refused_file !== null && door.tls.client_ca_file === null) {
      report([...door.path, 'tls', 'client_refused_file'], 'expected client_ca_file beside it');
    }
    const host = listenFrom(door.listen)?.host;
    if (host === undefined || isLoopback(host)) continue;
    const missing: string[] = [];
    if (config.auth.tokens.length === 0) missing.push('credentials (auth.tokens)');
    if (door.tls === null && !door.trusted_network) {
      missing.push(`TLS (${door.path.join('.')}.tls with cert_file and key_file, or trusted_network: true)`);
    }
    if (missing.length > 0) {
      report(
        [...door.path, 'listen'],
        `${door.listen} can be reached from other machines: needs ${missing.join(' and ')}`,
      );
    }
  }
  const names = new Set<string>();
  config.auth.tokens.forEach((token, i) => {
    if (names.has(token.name)) report(['auth', 'tokens', i, 'name'], `"${token.name}" is listed twice`);
    names.add(token.name);
  });
  if ((config.mqtt.cert_file === null) !== (config.mqtt.key_file === null)) {
    report(['mqtt'], 'expected both cert_file and key_file, or neither');
  }
}

function checkLimits(config: Config, report: Report): void {
  const sizes = config.engine.batch_sizes;
  if (sizes?.some((size, i) => i > 0 && size <= (sizes[i - 1] ?? 0)) === true) {
    report(['engine', 'batch_sizes'], `expected ascending sizes, got ${sizes.join(', ')}`);
  }
  const least = config.limits.message_bytes;
  if (config.limits.queue_bytes < least) {
    report(['limits', 'queue_bytes'], `expected at least limits.message_bytes (${least}), or no large frame can wait`);
  }
  if (config.unlisted_cameras.queue_bytes < least) {
    report(['unlisted_cameras', 'queue_bytes'], `expected at least limits.message_bytes (${least})`);
  }
  config.cameras.forEach((camera, i) => {
    if (camera.queue_bytes < least) {
      report(['cameras', i, 'queue_bytes'], `expected at least limits.message_bytes (${least})`);
    }
  });
}
