/** `/api/v1` of a running service, as the command line asks it. */

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';
import { asLoupeError, ERROR_CODES, LoupeError } from '../errors.ts';
import type { ClientTls } from './tls.ts';

export interface HttpApiOptions {
  /** http:// or https:// */
  readonly url: string;
  readonly token: string | null;
  readonly tls?: ClientTls | null;
}

interface Answer {
  readonly status: number;
  /** Null where it is no JSON. */
  readonly json: unknown;
  readonly cookies: readonly string[];
}

/** A model may be proven meanwhile. */
const PATIENCE_MS = 300_000;

export class HttpApi {
  private readonly options: HttpApiOptions;
  /** `name=value` of a person's session. */
  private cookie: string | null = null;

  constructor(options: HttpApiOptions) {
    this.options = options;
  }

  /** What is asked from now on is asked by this person. @throws LoupeError unauthenticated, too_many_attempts */
  async signIn(name: string, password: string): Promise<void> {
    const { status, json, cookies } = await this.send('POST', '/api/v1/session', { name, password });
    if (!isOk(status)) throw errorFrom(json, status, this.options.url);
    this.cookie = cookies[0]?.split(';')[0] ?? null;
  }

  async signOut(): Promise<void> {
    if (this.cookie === null) return;
    await this.send('DELETE', '/api/v1/session');
    this.cookie = null;
  }

  /** @throws LoupeError with the code that the service gave, store_unavailable where it does not answer */
  async ask<T>(method: string, pathname: string, body?: FormData | object): Promise<T> {
    const { status, json } = await this.send(method, pathname, body);
    if (status === 204) return undefined as T;
    if (isOk(status) && json !== null) return json as T;
    throw errorFrom(json, status, this.options.url);
  }

  private async send(method: string, pathname: string, body?: FormData | object): Promise<Answer> {
    const { url } = this.options;
    try {
      const response = await this.request(method, pathname, body);
      const text = (await buffer(response)).toString();
      return {
        status: response.statusCode ?? 0,
        json: jsonOf(text),
        cookies: response.headers['set-cookie'] ?? [],
      };
    } catch (error) {
      throw new LoupeError('store_unavailable', `no answer from ${url}: ${whyOf(error)}`, { cause: error });
    }
  }

  /** Not with fetch(): Node's own shows no client certificate. */
  private async request(method: string, pathname: string, body?: FormData | object): Promise<IncomingMessage> {
    const { token, tls = null } = this.options;
    const url = new URL(pathname, this.options.url);
    const sent = body === undefined ? null : await encoded(body);
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method,
      timeout: PATIENCE_MS,
      headers: {
        'x-loupe-page': 'command line',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(this.cookie === null ? {} : { cookie: this.cookie }),
        ...(sent === null ? {} : { 'content-type': sent.type }),
      },
      ...(tls === null || tls.ca === null ? {} : { ca: tls.ca }),
      ...tls?.client,
    });
    request.once('timeout', () => request.destroy(new Error(`nothing came within ${PATIENCE_MS / 1000} s`)));
    return new Promise((resolve, reject) => {
      request.once('response', resolve).on('error', reject).end(sent?.bytes);
    });
  }
}

const isOk = (status: number) => status >= 200 && status < 300;

async function encoded(body: FormData | object): Promise<{ readonly type: string; readonly bytes: Buffer }> {
  if (!(body instanceof FormData)) return { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) };
  const form = new Response(body);
  return { type: form.headers.get('content-type') ?? '', bytes: Buffer.from(await form.arrayBuffer()) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** OpenSSL's message has its source line in it; a name with several addresses fails without a message. */
function whyOf(error: unknown): string {
  const { message, code = '', reason } = error as NodeJS.ErrnoException & { readonly reason?: string };
  return reason ?? (message === '' ? code : message);
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
