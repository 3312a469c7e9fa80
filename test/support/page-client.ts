/** What the page sends: a cookie that it cannot read, and the header that pages of other sites cannot send. */

import type { ServiceProcess } from './service-process.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

export class PageClient {
  /** `name=value` of the session; empty while nobody is signed in. */
  cookie = '';
  /** The whole header that set it. */
  setCookie = '';
  private readonly base: string;

  constructor(service: ServiceProcess) {
    this.base = service.addresses.http;
  }

  /** @param headers go over what the page sends */
  async ask(method: string, where: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${this.base}${where}`, {
      method,
      headers: { ...this.headers(), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) {
      this.setCookie = set;
      const [pair = ''] = set.split(';');
      this.cookie = pair.endsWith('=') ? '' : pair;
    }
    const json = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, json };
  }

  headers(): Record<string, string> {
    return { 'x-loupe-page': '1', ...(this.cookie === '' ? {} : { cookie: this.cookie }) };
  }

  signIn(name: string, password: string): Promise<Answer> {
    return this.ask('POST', '/api/v1/session', { name, password });
  }
}

export const PASSWORD = 'correct horse battery';

/** The code that the service printed. */
export function setupCodeOf(service: ServiceProcess): string {
  const code = service.log.find(({ event }) => event === 'first_run')?.['setupCode'];
  return typeof code === 'string' ? code : '';
}

/** Ann, the first admin, signed in. */
export async function firstAdmin(service: ServiceProcess): Promise<PageClient> {
  const ann = new PageClient(service);
  const body = { code: setupCodeOf(service), name: 'Ann', password: PASSWORD };
  const { status, json } = await ann.ask('POST', '/api/v1/setup', body);
  if (status !== 200) throw new Error(`the setup was answered ${status}: ${JSON.stringify(json)}`);
  return ann;
}

/** Somebody of this role, added by `admin` and signed in. */
export async function someone(service: ServiceProcess, admin: PageClient, name: string, role: string) {
  await admin.ask('POST', '/api/v1/users', { name, role, password: PASSWORD });
  const person = new PageClient(service);
  const { status, json } = await person.signIn(name, PASSWORD);
  if (status !== 200) throw new Error(`${name} was answered ${status}: ${JSON.stringify(json)}`);
  return person;
}
