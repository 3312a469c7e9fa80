/** `inspection.v1.ModelService`: the life of models over gRPC. */

import type { Metadata, sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { asLoupeError } from '../../errors.ts';
import type { Activated, GoldenReport, ModelControl, ModelListing, ModelVersion } from '../../frame/models.ts';
import type { Right } from '../../frame/people.ts';
import type { Authorize } from '../ports.ts';
import { timestampFrom } from '../wire/timestamp.ts';
import { tokenOf } from './definition.ts';
import { explainDenial } from './desk.ts';
import { statusOf } from './status.ts';

export const MODEL_SERVICE_NAME = 'inspection.v1.ModelService';

export interface ModelServicePorts {
  readonly models: ModelControl;
  readonly authorize: Authorize;
  /** Name of the bearer of a token; null where no tokens are configured. */
  nameOf(token: string | null): string | null;
}

interface WireName {
  readonly name: string;
  readonly version: string;
}

interface WireRecipe {
  readonly recipe_id: string;
}

type Work<Request> = (request: Request, by: string) => Promise<object>;

/** @param track is told of every call, until it is answered */
export function modelHandlers(
  ports: ModelServicePorts,
  track: (method: string, work: Promise<void>) => void,
): UntypedServiceImplementation {
  const { models } = ports;
  const method =
    <Request>(name: string, right: Right, work: Work<Request>) =>
    (call: ServerUnaryCall<Request, object>, callback: sendUnaryData<object>): void =>
      track(name, answer(ports, right, call, callback, work));
  return {
    List: method('List', 'read', async () => ({ models: (await models.list()).map(packageOf) })),
    Describe: method('Describe', 'read', async ({ name, version }: WireName) => {
      const described = await models.describe(name, orNull(version));
      return { package: packageOf(described), manifest_json: JSON.stringify(described.manifest) };
    }),
    Activate: method('Activate', 'tune', async ({ name, version, recipe_id }: WireName & WireRecipe, by) => {
      const request = { name, version: orNull(version), recipe: orNull(recipe_id) };
      return { activations: (await models.activate(request, by)).map(activationOf) };
    }),
    Rollback: method('Rollback', 'tune', async ({ recipe_id }: WireRecipe, by) => ({
      activations: (await models.rollback(orNull(recipe_id), by)).map(activationOf),
    })),
    GetGoldenReport: method('GetGoldenReport', 'read', async ({ name, version }: WireName) =>
      reportOf(await models.goldenReport(name, orNull(version))),
    ),
  };
}

async function answer<Request>(
  ports: ModelServicePorts,
  right: Right,
  call: { readonly metadata: Metadata; readonly request: Request },
  callback: sendUnaryData<object>,
  work: Work<Request>,
): Promise<void> {
  const token = tokenOf(call.metadata);
  const denied = ports.authorize(token, right);
  if (denied !== null) {
    callback(statusOf(denied, explainDenial(denied, right)));
    return;
  }
  let response: object;
  try {
    response = await work(call.request, ports.nameOf(token) ?? 'anyone');
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
