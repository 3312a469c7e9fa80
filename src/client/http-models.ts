/** The models of a running service, over HTTP. */

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { LoupeError, messageOf } from '../errors.ts';
import type {
  ActivateRequest,
  Activated,
  Activation,
  GoldenReport,
  ModelControl,
  ModelDescription,
  ModelListing,
} from '../frame/models.ts';
import type { HttpApi } from './http-api.ts';

/** Times travel as text. */
type OnWire<T> = Omit<T, 'at' | 'checkedAt'> & { readonly at: string; readonly checkedAt: string };

export class HttpModels implements ModelControl {
  private readonly api: HttpApi;

  constructor(api: HttpApi) {
    this.api = api;
  }

  async list(): Promise<readonly ModelListing[]> {
    const { models } = await this.api.ask<{ models: ModelListing[] }>('GET', '/api/v1/models');
    return models;
  }

  async describe(name: string, version: string | null): Promise<ModelDescription> {
    return this.api.ask('GET', await this.pathOf(name, version));
  }

  async activations(): Promise<readonly Activation[]> {
    const { activations } = await this.api.ask<{ activations: OnWire<Activation>[] }>(
      'GET',
      '/api/v1/models/activations',
    );
    return activations.map(activationFrom);
  }

  activate(request: ActivateRequest, by?: string): Promise<readonly Activated[]> {
    return this.change('/api/v1/models/activate', { ...request, by });
  }

  rollback(recipe: string | null, by?: string): Promise<readonly Activated[]> {
    return this.change('/api/v1/models/rollback', { recipe, by });
  }

  async goldenReport(name: string, version: string | null): Promise<GoldenReport> {
    const report = await this.api.ask<OnWire<GoldenReport>>('GET', `${await this.pathOf(name, version)}/golden`);
    return { ...report, checkedAt: Date.parse(report.checkedAt) };
  }

  async add(folder: string, by?: string): Promise<ModelListing> {
    const form = new FormData();
    for (const place of await placesIn(folder)) {
      const bytes = await readFile(path.join(folder, place)).catch((error: unknown) => {
        const why = messageOf(error);
        throw new LoupeError('invalid_request', `${folder} is no model package: ${why}`, { cause: error });
      });
      form.append(place, new Blob([new Uint8Array(bytes)]), path.basename(place));
    }
    return this.api.ask('POST', `/api/v1/models?${signedWith(by)}`, form);
  }

  async remove(name: string, version: string, by?: string): Promise<void> {
    const pathname = `/api/v1/models/${encodeURIComponent(name)}/${encodeURIComponent(version)}`;
    await this.api.ask('DELETE', `${pathname}?${signedWith(by)}`);
  }

  private async change(pathname: string, body: object): Promise<readonly Activated[]> {
    type Wire = OnWire<Activation> & Pick<Activated, 'cuts'>;
    const { activated } = await this.api.ask<{ activated: Wire[] }>('POST', pathname, body);
    return activated.map(({ cuts, ...activation }) => ({ activation: activationFrom(activation), cuts }));
  }

  /** The highest version where none is named. */
  private async pathOf(name: string, version: string | null): Promise<string> {
    const highest = version ?? (await this.list()).find((model) => model.name === name)?.version;
    if (highest === undefined) throw new LoupeError('model_not_found', `no model ${name}`);
    return `/api/v1/models/${encodeURIComponent(name)}/${encodeURIComponent(highest)}`;
  }
}

/** As a query; empty where nobody signs. */
export const signedWith = (by?: string): string => new URLSearchParams(by === undefined ? {} : { by }).toString();

async function placesIn(folder: string): Promise<string[]> {
  const inner = await Promise.all(
    ['golden', 'report'].map(async (name) => {
      const entries = await readdir(path.join(folder, name), { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map((entry) => `${name}/${entry.name}`);
    }),
  );
  return ['manifest.json', 'model.onnx', ...inner.flat()];
}

function activationFrom(wire: OnWire<Activation>): Activation {
  const { seq, by, kind, recipe, from, to } = wire;
  return { seq, at: Date.parse(wire.at), by, kind, recipe, from, to };
}
