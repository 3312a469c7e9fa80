/** A call to the writer as a job of one group, and the job's end as the answer to the call. Pure. */

import type { Decision } from '../frame/verdict.ts';
import { imagePathOf } from './image-path.ts';
import type { ImageFile } from './image-store.ts';
import type { Job, JobEnd } from './ledger-tables.ts';
import type { Call, Reply, WriterCalls } from './protocol.ts';

type Args<K extends keyof WriterCalls> = WriterCalls[K]['args'];

/**
 * @param ageNow by which the age of what waits is judged
 * @param isNew whether neither the ledger nor this group so far has a row of this frame or under this result id
 */
export function jobOf(call: Call, ageNow: number, isNew: (decision: Decision) => boolean): Job {
  switch (call.name as keyof WriterCalls) {
    case 'record': {
      const request = call.args as Args<'record'>;
      const { decision, image } = request;
      const keeps = image !== null && isNew(decision);
      return { kind: 'record', request, imagePath: keeps ? imagePathOf(decision) : null };
    }
    case 'enqueue':
      return { kind: 'enqueue', ...(call.args as Args<'enqueue'>) };
    case 'review':
      return { kind: 'review', ...(call.args as Args<'review'>) };
    case 'people':
      return { kind: 'people', change: call.args as Args<'people'> };
    case 'outboxDone':
      return { kind: 'outboxDone', ids: call.args as Args<'outboxDone'> };
    case 'outboxDrop':
      return { kind: 'outboxDrop', createdBefore: ageNow - (call.args as Args<'outboxDrop'>).olderThanMs };
  }
}

/** The image file that must be durable before `job` is committed. */
export function fileOf(job: Job): readonly ImageFile[] {
  if (job.kind !== 'record' || job.imagePath === null || job.request.image === null) return [];
  return [{ path: job.imagePath, bytes: job.request.image }];
}

/** Files of jobs that ended without a row. */
export function filesWithoutRow(jobs: readonly Job[], ends: readonly JobEnd[]): readonly string[] {
  return jobs.flatMap((job, index) => {
    const end = ends[index];
    const stands = end?.kind === 'record' && end.outcome.kind === 'recorded';
    return stands ? [] : fileOf(job).map((file) => file.path);
  });
}

export function replyOf({ id }: Call, end: JobEnd | undefined): Reply {
  switch (end?.kind) {
    case 'record':
      return { id, value: end.outcome };
    case 'enqueue':
      return { id, value: end.isKnown };
    case 'review':
      return { id, value: end.isKnown };
    case 'people':
    case 'outboxDone':
      return { id, value: true };
    case 'outboxDrop':
      return { id, value: end.items };
    case 'faulted':
      return { id, error: end.message };
    case undefined:
      return { id, error: 'the writer gave this call no end' };
  }
}

/** The answer to a call while nothing can be written. */
export function unavailable({ id, name }: Call, detail: string): Reply {
  switch (name as keyof WriterCalls) {
    case 'record':
      return { id, value: { kind: 'unavailable', detail } };
    case 'enqueue':
    case 'review':
    case 'people':
    case 'outboxDone':
      return { id, value: false };
    case 'outboxDrop':
      return { id, value: null };
  }
}
