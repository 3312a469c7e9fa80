/** `inspection.v1.ModelService`: the life of models over gRPC. */

import type { Metadata, sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { asLoupeError } from '../../errors.ts';
import type { Activated, GoldenReport, ModelControl, ModelListing, ModelVersion } from '../../frame/models.ts';
import { type Actor, type Asker, nameOf, type Right } from '../../frame/people.ts';
import type { ShadowControl, ShadowState } from '../../frame/shadows.ts';
import type { Authorize } from '../ports.ts';
import { timestampFrom } from '../wire/timestamp.ts';
import { tokenOf } from './definition.ts';
import { explainDenial, statusOf } from './status.ts';

export const MODEL_SERVICE_NAME = 'inspection.v1.ModelService';

export interface ModelServicePorts {
  readonly models: ModelControl;
  readonly shadows: ShadowControl;
  readonly authorize: Authorize;
  /** Who bears a token. */
  actorOf(token: string | null): Actor;
  readonly audit: AuditPort;
}

export interface AuditPort {
  /** Does `work` and notes what came of it in the audit log. @throws LoupeError store_unavailable; what `work` throws */
  during<T>(by: Asker, act: string, about: (done: T | null) => string, work: () => Promise<T>): Promise<T>;
}

interface WireName {
  readonly name: string;
  readonly version: string;
}

interface WireRecipe {
  readonly recipe_id: string;
}

interface WireShadow extends WireName, WireRecipe {
  readonly stop: boolean;
}

type Work<Request> = (request: Request, by: string) => Promise<object>;

interface Method<Request> {
  readonly right: Right;
  /** Of one that changes something: what it leaves in the audit log. */
  readonly act?: string;
  readonly about?: (request: Request) => string;
  readonly work: Work<Request>;
}

/** @param track is told of every call, until it is answered */
export function modelHandlers(
  ports: ModelServicePorts,
  track: (method: string, work: Promise<void>) => void,
): UntypedServiceImplementation {
  const { models, shadows } = ports;
  const method =
    <Request>(name: string, spec: Method<Request>) =>
    (call: ServerUnaryCall<Request, object>, callback: sendUnaryData<object>): void =>
      track(name, answer(ports, spec, call, callback));
  return {
    List: method('List', { right: 'read', work: async () => ({ models: (await models.list()).map(packageOf) }) }),
    Describe: method('Describe', {
      right: 'read',
      work: async ({ name, version }: WireName) => {
        const described = await models.describe(name, orNull(version));
        return { package: packageOf(described), manifest_json: JSON.stringify(described.manifest) };
      },
    }),
    Activate: method('Activate', {
      right: 'tune',
      act: 'model_activate',
      about: ({ name, version, recipe_id }: WireName & WireRecipe) =>
        `${name}/${orNull(version) ?? 'highest'} for ${orNull(recipe_id) ?? 'its recipes'}`,
      work: async ({ name, version, recipe_id }: WireName & WireRecipe, by) => {
        const request = { name, version: orNull(version), recipe: orNull(recipe_id) };
        return { activations: (await models.activate(request, by)).map(activationOf) };
      },
    }),
    Rollback: method('Rollback', {
      right: 'tune',
      act: 'model_rollback',
      about: ({ recipe_id }: WireRecipe) => orNull(recipe_id) ?? 'the only recipe',
      work: async ({ recipe_id }: WireRecipe, by) => ({
        activations: (await models.rollback(orNull(recipe_id), by)).map(activationOf),
      }),
    }),
    GetGoldenReport: method('GetGoldenReport', {
      right: 'read',
      work: async ({ name, version }: WireName) => reportOf(await models.goldenReport(name, orNull(version))),
    }),
    Shadow: method('Shadow', {
      right: 'tune',
      act: 'model_shadow',
      about: ({ name, version, recipe_id, stop }: WireShadow) =>
        `${stop ? 'stop' : `${name}/${orNull(version) ?? 'highest'}`} beside ${orNull(recipe_id) ?? 'the only recipe'}`,
      work: async ({ name, version, recipe_id, stop }: WireShadow, by) => {
        const recipe = orNull(recipe_id);
        if (stop) return shadowOf(await shadows.stop(recipe, by));
        return shadowOf(await shadows.start({ name, version: orNull(version), recipe }, by));
      },
    }),
  };
}

async function answer<Request>(
  ports: ModelServicePorts,
  { right, act, about, work }: Method<Request>,
  call: { readonly metadata: Metadata; readonly request: Request; getPeer(): string },
  callback: sendUnaryData<object>,
): Promise<void> {
  const token = tokenOf(call.metadata);
  const denied = ports.authorize(token, right);
  if (denied !== null) {
    callback(statusOf(denied, explainDenial(denied, right)));
    return;
  }
  const actor = ports.actorOf(token);
  const perform = () => work(call.request, nameOf(actor));
  let response: object;
  try {
    response =
      act === undefined
        ? await perform()
        : await ports.audit.during({ actor, from: call.getPeer() }, act, () => about?.(call.request) ?? '', perform);
  } catch (error) {
    const { code, message } = asLoupeError(error);
    callback(statusOf(code, message));
    // A bug: the source reports it.
    if (code === 'internal') throw error;
    return;
  }
  callback(null, response);
}

const orNull = (text: string) => (text === '' ? null : text);

function packageOf({ name, version, sha256, createdAt, recipes, fault }: ModelListing): object {
  return { name, version, sha256: sha256 ?? '', created_at: createdAt ?? '', recipes, fault: fault ?? '' };
}

function activationOf({ activation, cuts }: Activated): object {
  const { seq, at, by, kind, recipe, from, to } = activation;
  return {
    seq: String(seq),
    at: timestampFrom(at),
    by,
    kind,
    recipe_id: recipe,
    from: from === null ? null : refOf(from),
    to: refOf(to),
    pass_below: cuts.passBelow,
    fail_above: cuts.failAbove,
  };
}

const refOf = ({ name, version, sha256 }: ModelVersion) => ({ name, version, sha256, provider: '' });

function reportOf(report: GoldenReport): object {
  const { name, version, provider, checkedAt, isOk, tolerance, maxError, detail, scores } = report;
  return {
    name,
    version,
    provider,
    checked_at: timestampFrom(checkedAt),
    ok: isOk,
    tolerance,
    ...(maxError === null ? {} : { max_error: maxError }),
    detail: detail ?? '',
    scores,
  };
}

function shadowOf({ recipe, model, since, by, counts }: ShadowState): object {
  const { agreed, disagreed, skipped, failed } = counts;
  return {
    recipe_id: recipe,
    model: refOf(model),
    since: timestampFrom(since),
    by,
    agreed,
    disagreed,
    skipped,
    failed,
  };
}
