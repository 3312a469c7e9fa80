import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LoupeError } from '../../../src/errors.ts';
import type { Activated, ModelControl } from '../../../src/frame/models.ts';
import { inspectionPackage, serviceOf } from '../../../src/ingest/wire/contract.ts';
import type { Authorize } from '../../../src/ingest/ports.ts';
import { type Message, startSource } from './loopback.ts';

const sha256 = 'a'.repeat(64);
const listing = {
  name: 'plate',
  version: '2',
  sha256,
  createdAt: '2026-11-24T00:00:00Z',
  recipes: ['default'],
  fault: null,
  hasReport: false,
};

/** A desk that notes what it was asked. */
function deskOf(over: Partial<ModelControl> = {}) {
  const asked: unknown[] = [];
  const activated: Activated = {
    activation: {
      seq: 7,
      at: 1_790_000_000_500,
      by: 'ann',
      kind: 'activate',
      recipe: 'default',
      from: null,
      to: { name: 'plate', version: '2', sha256 },
    },
    cuts: { passBelow: 0.2, failAbove: 0.8 },
  };
  const desk: ModelControl = {
    list: async () => [
      listing,
      { ...listing, version: '1', sha256: null, createdAt: null, recipes: [], hasReport: false, fault: 'empty' },
    ],
    describe: async (name, version) => ({ ...listing, name, version: version ?? 'highest', manifest: { cuts: 1 } }),
    activations: async () => [],
    activate: async (request, by) => {
      asked.push([request, by]);
      return [activated];
    },
    rollback: async (recipe, by) => {
      asked.push([recipe, by]);
      return [activated];
    },
    goldenReport: async (name, version) => ({
      name,
      version: version ?? 'highest',
      provider: 'cpu',
      checkedAt: 1_790_000_000_000,
      isOk: false,
      tolerance: 0.01,
      maxError: null,
      detail: 'off by 0.3',
      scores: [{ file: 'golden/a.png', expected: 0.1, scored: 0.4 }],
    }),
    add: async () => listing,
    remove: async () => undefined,
    ...over,
  };
  return { desk, asked };
}

function clientOf(port: number) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  const service = serviceOf(inspectionPackage, 'inspection.v1.ModelService');
  return (method: string, request: object): Promise<Message> =>
    new Promise((resolve, reject) => {
      const definition = service[method];
      if (definition === undefined) throw new Error(`no method ${method}`);
      const { path, requestSerialize, responseDeserialize } = definition;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), (error, answer) =>
        error === null ? resolve(answer as Message) : reject(error),
      );
    });
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => error as ServiceError,
  );

describe('the model service', () => {
  it('lists and describes', async () => {
    const { port } = await startSource({}, () => null, deskOf().desk);
    const ask = clientOf(port);
    const { models } = await ask('List', {});
    expect(models).toMatchObject([
      { name: 'plate', version: '2', sha256, recipes: ['default'], fault: '' },
      { version: '1', sha256: '', created_at: '', fault: 'empty' },
    ]);
    const described = await ask('Describe', { name: 'plate' });
    expect(described).toMatchObject({ package: { version: 'highest' }, manifest_json: '{"cuts":1}' });
  });

  it('activates and rolls back in the name of the bearer', async () => {
    const { desk, asked } = deskOf();
    const { port } = await startSource({}, () => null, desk);
    const ask = clientOf(port);
    const { activations } = await ask('Activate', { name: 'plate', version: '2' });
    expect(activations).toMatchObject([
      {
        seq: '7',
        at: { seconds: '1790000000', nanos: 500_000_000 },
        by: 'ann',
        recipe_id: 'default',
        from: null,
        to: { name: 'plate', version: '2' },
        pass_below: 0.2,
        fail_above: 0.8,
      },
    ]);
    await ask('Rollback', { recipe_id: 'default' });
    expect(asked).toEqual([
      [{ name: 'plate', version: '2', recipe: null }, 'ann'],
      ['default', 'ann'],
    ]);
  });

  it('sets a shadow beside a recipe and takes it away', async () => {
    const asked: unknown[] = [];
    const state = {
      recipe: 'default',
      model: { name: 'plate', version: '3', sha256 },
      cuts: { passBelow: 0.2, failAbove: 0.8 },
      by: 'ann',
      since: 1_790_000_000_500,
      counts: { agreed: 9, disagreed: 1, skipped: 2, failed: 3, unkept: 0 },
      down: null,
    };
    const note = async (...what: unknown[]) => {
      asked.push(what);
      return state;
    };
    const { port } = await startSource({}, () => null, deskOf().desk, { start: note, stop: note });
    const ask = clientOf(port);
    expect(await ask('Shadow', { name: 'plate', recipe_id: 'default' })).toMatchObject({
      recipe_id: 'default',
      model: { name: 'plate', version: '3' },
      agreed: '9',
      disagreed: '1',
      skipped: '2',
      failed: '3',
    });
    await ask('Shadow', { stop: true });
    expect(asked).toEqual([
      [{ name: 'plate', version: null, recipe: 'default' }, 'ann'],
      [null, 'ann'],
    ]);
  });

  it('tells how the golden images did', async () => {
    const { port } = await startSource({}, () => null, deskOf().desk);
    const report = await clientOf(port)('GetGoldenReport', { name: 'plate', version: '2' });
    expect(report).toMatchObject({ ok: false, detail: 'off by 0.3', scores: [{ file: 'golden/a.png', scored: 0.4 }] });
    expect(report['max_error'] ?? null).toBeNull();
  });

  it('ends with the status of the code, and the code in the trailer', async () => {
    const refuse = async () => {
      throw new LoupeError('model_refused', 'plate/2 failed at golden: off');
    };
    const { port, events } = await startSource({}, () => null, deskOf({ activate: refuse }).desk);
    const failed = await failureOf(clientOf(port)('Activate', { name: 'plate' }));
    expect(failed).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'plate/2 failed at golden: off' });
    expect(failed?.metadata.get('loupe-error-code')).toEqual(['model_refused']);
    expect(events.filter(({ kind }) => kind === 'grpc_call_failed')).toEqual([]);
  });

  it('reports a bug, and answers it', async () => {
    const broken = async () => {
      throw new TypeError('a bug');
    };
    const { port, events } = await startSource({}, () => null, deskOf({ list: broken }).desk);
    expect(await failureOf(clientOf(port)('List', {}))).toMatchObject({ code: status.INTERNAL });
    await expect.poll(() => events.filter(({ kind }) => kind === 'grpc_call_failed').length).toBe(1);
  });

  it('changes nothing for who may only read', async () => {
    const { desk, asked } = deskOf();
    const authorize: Authorize = (_token, right) => (right === 'read' ? null : 'permission_denied');
    const { port } = await startSource({}, authorize, desk);
    const ask = clientOf(port);
    for (const method of ['Activate', 'Rollback', 'Shadow']) {
      expect(await failureOf(ask(method, { name: 'plate' }))).toMatchObject({ code: status.PERMISSION_DENIED });
    }
    expect(asked).toEqual([]);
    expect((await ask('List', {}))['models']).toHaveLength(2);
  });
});
