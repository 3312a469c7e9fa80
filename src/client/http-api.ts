/** `/api/v1` of a running service, as the command line asks it. */

import { asLoupeError, ERROR_CODES, LoupeError } from '../errors.ts';

export class HttpApi {
  private readonly url: string;
  private readonly token: string | null;
  /** `name=value` of a person's session. */
  private cookie: string | null = null;

  constructor({ url, token }: { readonly url: string; readonly token: string | null }) {
    this.url = url;
    this.token = token;
  }

  /** What is asked from now on is asked by this person. @throws LoupeError unauthenticated, too_many_attempts */
  async signIn(name: string, password: string): Promise<void> {
    const response = await this.send('POST', '/api/v1/session', { name, password });
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok) throw errorFrom(answer, response.status, this.url);
    this.cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? null;
  }

  async signOut(): Promise<void> {
    if (this.cookie === null) return;
    await this.send('DELETE', '/api/v1/session');
    this.cookie = null;
  }

  /** @throws LoupeError with the code that the service gave, store_unavailable where it does not answer */
  async ask<T>(method: string, pathname: string, body?: FormData | object): Promise<T> {
    const response = await this.send(method, pathname, body);
    if (response.status === 204) return undefined as T;
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer as T;
    throw errorFrom(answer, response.status, this.url);
  }

  private async send(method: string, pathname: string, body?: FormData | object): Promise<Response> {
    const { url, token, cookie } = this;
    const isForm = body instanceof FormData;
    try {
      return await fetch(new URL(pathname, url), {
        method,
        headers: {
          'x-loupe-page': 'command line',
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(cookie === null ? {} : { cookie }),
          ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      });
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new LoupeError('store_unavailable', `no answer from ${url}: ${cause}`, { cause: error });
    }
  }
}

function errorFrom(answer: unknown, status: number, url: string): LoupeError {
  const fields = typeof answer === 'object' && answer !== null ? answer : {};
  const code = ERROR_CODES.find((known) => 'code' in fields && fields.code === known);
  const said =
    'message' in fields ? String(fields.message) : 'detail' in fields ? String(fields.detail) : 'no JSON of Loupe';
  return code === undefined
    ? asLoupeError(new Error(`${url} answered ${status}: ${said}`))
    : new LoupeError(code, said);
}
