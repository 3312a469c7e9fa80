/** The service's API, as the page uses it. */

import type { ResultJson } from '../../frame/result-json.ts';
import type { HeatMapJson, ReplayedJson } from '../proving-routes.ts';
import type { ProofJson, ReviewJson } from '../schemas.ts';
import { REFUSALS } from './refusal-words.ts';
import { settings } from './settings.ts';

export type { HeatMapJson, ProofJson, ReplayedJson, ResultJson, ReviewJson };

export interface ResultsPage {
  readonly results: readonly ResultJson[];
  readonly next: number | null;
}

/** What the service said when it refused: in the words of the page first, its own, in English, beside them. */
export class ApiError extends Error {
  readonly status: number;
  /** After how many seconds it may be tried again; null where the service does not say. */
  readonly retryAfterS: number | null;

  constructor(status: number, message: string, retryAfterS: number | null = null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** What browsers say of it is in English, and no help. */
const UNREACHED = {
  en: 'The service does not answer. Is it running, is the network there?',
  zh: '服务没有应答。请检查服务是否运行、网络是否连通。',
};

const isTimeout = (error: unknown) => error instanceof DOMException && error.name === 'TimeoutError';

/** What went wrong, for a person. */
export const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** On `window`: the service does not know any more who sits here. */
export const STRANGER = 'loupe-stranger';

export async function request(where: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  // What the page of another site cannot send.
  headers.set('x-loupe-page', '1');
  const { token } = settings();
  if (token !== '') headers.set('authorization', `Bearer ${token}`);
  const response = await fetch(where, { ...init, headers }).catch((error: unknown) => {
    // Of whoever asked, who waits for it no more.
    if (init.signal?.aborted === true && !isTimeout(error)) throw error;
    throw new Error(UNREACHED[settings().language], { cause: error });
  });
  if (response.ok) return response;
  const problem = (await response.json().catch(() => null)) as { code?: string; detail?: string } | null;
  if (response.status === 401) window.dispatchEvent(new Event(STRANGER));
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  // Of a proxy it may say nothing but its status.
  const detail = problem?.detail ?? `HTTP ${response.status} ${response.statusText}`.trim();
  const refusal = REFUSALS[settings().language][problem?.code ?? ''];
  // What the service says of a missing session is for programs.
  const message = refusal === undefined ? detail : response.status === 401 ? refusal : `${refusal} (${detail})`;
  throw new ApiError(response.status, message, Number.isNaN(retryAfter) ? null : retryAfter);
}

export async function getJson<T>(where: string, signal?: AbortSignal): Promise<T> {
  const response = await request(where, signal === undefined ? {} : { signal });
  return (await response.json()) as T;
}

export const postJson = (where: string, body: object) => sendJson('POST', where, body);
export const patchJson = (where: string, body: object) => sendJson('PATCH', where, body);

async function sendJson(method: string, where: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await request(where, { method, headers, body: JSON.stringify(body) });
}

/** The name that was typed on this panel, to sign with where nobody is signed in. */
export function typedName(): { readonly by?: string } {
  const reviewer = settings().reviewer.trim();
  return reviewer === '' ? {} : { by: reviewer };
}

/** A judgement that takes longer has met a network that is gone: whoever waits before dead buttons is told, and judges again. */
const REVIEW_MS = 10_000;

export async function sendReview(
  resultId: string,
  review: { label: string; defectClass: string | null; comment: string | null },
): Promise<ReviewJson> {
  const { reviewer } = settings();
  const response = await request(`/api/v1/results/${resultId}/reviews`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...review, ...(reviewer === '' ? {} : { reviewer }) }),
    signal: AbortSignal.timeout(REVIEW_MS),
  });
  return (await response.json()) as ReviewJson;
}

/** More than are ever shown at once: an address that is taken back shows nothing. */
const MAX_PICTURES = 200;
const pictures = new Map<string, Promise<string>>();

/** URL of a result's picture. */
export function pictureUrl(resultId: string): Promise<string> {
  return pictureAt(`/api/v1/results/${resultId}/image`);
}

/** Fetches a result's picture ahead. */
export function preloadPicture(resultId: string): void {
  pictureUrl(resultId).then(
    (url) => {
      new Image().src = url;
    },
    () => undefined,
  );
}

/** URL of the picture that the service answers at `where`: as it is, or of a copy where it takes a token, which an `img` cannot send. */
export function pictureAt(where: string): Promise<string> {
  if (settings().token === '') return Promise.resolve(where);
  const known = pictures.get(where);
  if (known !== undefined) return known;
  const url = request(where)
    .then((response) => response.blob())
    .then((blob) => URL.createObjectURL(blob));
  url.catch(() => pictures.delete(where));
  pictures.set(where, url);
  const [oldest] = pictures;
  if (pictures.size > MAX_PICTURES && oldest !== undefined) {
    pictures.delete(oldest[0]);
    void oldest[1].then((old) => URL.revokeObjectURL(old)).catch(() => undefined);
  }
  return url;
}

/** Saves a file of the service, once it has come. */
export async function download(where: string, name: string): Promise<void> {
  const url = URL.createObjectURL(await (await request(where)).blob());
  saveLink(url, name);
  URL.revokeObjectURL(url);
}

/**
 * Saves a file of the service that may be larger than the memory of the browser, which writes it to the disk while it comes. A token
 * goes in a header, which a link cannot send; then the page fetches the file itself.
 */
export function downloadLarge(where: string, name: string): Promise<void> {
  if (settings().token !== '') return download(where, name);
  saveLink(where, name);
  return Promise.resolve();
}

function saveLink(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
