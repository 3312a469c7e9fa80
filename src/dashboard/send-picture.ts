/** A stored picture as the body of an answer. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyReply } from 'fastify';
import { LoupeError } from '../errors.ts';

/**
 * @param file null where none is kept
 * @param missing what to say where it is not there
 * @throws LoupeError result_not_found
 */
export async function sendPicture(
  reply: FastifyReply,
  file: string | null,
  mediaType: string,
  missing: string,
): Promise<FastifyReply> {
  const size =
    file === null
      ? null
      : await stat(file).then(
          (found) => found.size,
          () => null,
        );
  if (file === null || size === null) throw new LoupeError('result_not_found', missing);
  const isPicture = mediaType.startsWith('image/');
  return (
    reply
      // A result's picture never changes: the next ones can be fetched ahead.
      .header('cache-control', 'private, max-age=86400, immutable')
      .type(isPicture ? mediaType : 'application/octet-stream')
      .header('content-length', size)
      .header('content-disposition', `${isPicture ? 'inline' : 'attachment'}; filename="${path.basename(file)}"`)
      .send(createReadStream(file))
  );
}
