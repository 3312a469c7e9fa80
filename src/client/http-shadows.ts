/** The shadows of a running service, over HTTP. */

import type { DisagreementJson, ShadowJson } from '../dashboard/shadow-routes.ts';
import type { Disagreement, ShadowRequest, ShadowState } from '../frame/shadows.ts';
import type { HttpApi } from './http-api.ts';
import { signedWith } from './http-models.ts';

export class HttpShadows {
  private readonly api: HttpApi;

  constructor(api: HttpApi) {
    this.api = api;
  }

  async list(): Promise<readonly ShadowState[]> {
    const { shadows } = await this.api.ask<{ shadows: ShadowJson[] }>('GET', '/api/v1/shadows');
    return shadows.map(shadowFrom);
  }

  async start(request: ShadowRequest, by?: string): Promise<ShadowState> {
    return shadowFrom(await this.api.ask('POST', '/api/v1/shadows', { ...request, by }));
  }

  async stop(recipe: string, by?: string): Promise<ShadowState> {
    return shadowFrom(await this.api.ask('DELETE', `${pathOf(recipe)}?${signedWith(by)}`));
  }

  async disagreements(recipe: string, limit: number): Promise<readonly Disagreement[]> {
    const { disagreements } = await this.api.ask<{ disagreements: DisagreementJson[] }>(
      'GET',
      `${pathOf(recipe)}/disagreements?limit=${limit}`,
    );
    return disagreements.map(({ receivedAt, ...found }) => ({ ...found, receivedAt: Date.parse(receivedAt) }));
  }
}

const pathOf = (recipe: string) => `/api/v1/shadows/${encodeURIComponent(recipe)}`;

function shadowFrom({ since, ...shadow }: ShadowJson): ShadowState {
  return { ...shadow, since: Date.parse(since) };
}
