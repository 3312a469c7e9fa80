/** The live line: server-sent events, read with fetch because an EventSource sends no token. */

import { useSyncExternalStore } from 'react';
import type { Judged } from '../live-feed.ts';
import type { CameraView } from '../schemas.ts';
import { ApiError, request } from './api.ts';
import { lookForUpgrade } from './upgrade.ts';

export interface Reason {
  readonly part: string;
  readonly detail: string;
}

export interface Line {
  readonly cameras: ReadonlyMap<string, CameraView>;
  readonly service: { isReady: boolean; notReady: readonly Reason[]; degraded: readonly Reason[] } | null;
  readonly connection: 'connecting' | 'open' | 'lost' | 'full' | 'unauthenticated' | 'forbidden';
}

const RETRY_MS = 2000;
/** The service beats every 2 s; without a sign for longer than this what is shown is old, though the connection seems open. */
const DEAD_MS = 7000;

let line: Line = { cameras: new Map(), service: null, connection: 'connecting' };
const listeners = new Set<() => void>();
const judgedListeners = new Set<(judged: Judged) => void>();
let stop: (() => void) | null = null;

export function useLine(): Line {
  return useSyncExternalStore(subscribe, () => line);
}

/** For what must not be drawn anew with every part. */
export function useConnection(): Line['connection'] {
  return useSyncExternalStore(subscribe, () => line.connection);
}

export function useService(): Line['service'] {
  return useSyncExternalStore(subscribe, () => line.service);
}

/** Somebody judged a part, here or elsewhere. @returns ends it */
export function onJudged(listener: (judged: Judged) => void): () => void {
  judgedListeners.add(listener);
  return () => judgedListeners.delete(listener);
}

/** Connects anew: the token changed. */
export function reconnect(): void {
  stop?.();
  stop = connect();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  stop ??= connect();
  return () => listeners.delete(listener);
}

function change(next: Partial<Line>): void {
  line = { ...line, ...next };
  for (const listener of listeners) listener();
}

function connect(): () => void {
  const ended = new AbortController();
  const run = async () => {
    while (!ended.signal.aborted) {
      try {
        change({ connection: (await follow(ended.signal)) ? 'full' : 'lost' });
      } catch (error) {
        if (ended.signal.aborted) return;
        const status = error instanceof ApiError ? error.status : 0;
        change({ connection: status === 401 ? 'unauthenticated' : status === 403 ? 'forbidden' : 'lost' });
        if (status === 401 || status === 403) return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  };
  void run();
  return () => ended.abort();
}

/** @returns when the stream ends: whether it was refused because too many watch */
async function follow(signal: AbortSignal): Promise<boolean> {
  const dead = new AbortController();
  let timer = setTimeout(() => dead.abort(), DEAD_MS);
  try {
    const response = await request('/api/v1/live', { signal: AbortSignal.any([signal, dead.signal]) });
    if (line.connection === 'lost') void lookForUpgrade();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => dead.abort(), DEAD_MS);
      text += part.value;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      if (events.some((event) => event.startsWith('event: full\n'))) return true;
      take(events);
    }
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function take(events: readonly string[]): void {
  let { service } = line;
  const cameras = new Map(line.cameras);
  for (const event of events) {
    const data = event.slice(event.indexOf('data: ') + 'data: '.length);
    if (event.startsWith('event: cameras\n')) {
      // One that the service knows no more would show its last verdict for ever.
      const there = new Set(JSON.parse(data) as string[]);
      for (const cameraId of cameras.keys()) if (!there.has(cameraId)) cameras.delete(cameraId);
    } else if (event.startsWith('event: camera\n')) {
      const camera = JSON.parse(data) as CameraView;
      cameras.set(camera.cameraId, camera);
    } else if (event.startsWith('event: service\n')) {
      service = JSON.parse(data) as Line['service'];
    } else if (event.startsWith('event: judged\n')) {
      for (const listener of judgedListeners) listener(JSON.parse(data) as Judged);
    }
  }
  change({ cameras, service, connection: 'open' });
}
