/** One frame over gRPC with everything the contract allows: a region, raw pixels. */

import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import type { FrameDraft } from '../../src/ingest/intake.ts';
import { inspectionPackage, SERVICE_NAME, serviceOf } from '../../src/ingest/wire/contract.ts';
import { requestFrom } from '../../src/ingest/wire/request.ts';
import type { WireResponse } from '../../src/ingest/wire/response.ts';

const method = serviceOf(inspectionPackage, SERVICE_NAME)['Inspect'];

export const draftOf = (over: Partial<FrameDraft> & Pick<FrameDraft, 'frameId' | 'image'>): FrameDraft => ({
  cameraId: 'cam-1',
  sequence: null,
  capturedAt: null,
  recipeId: null,
  partId: null,
  jobId: null,
  productId: null,
  measId: null,
  roi: null,
  maxWaitMs: null,
  tags: {},
  isSimulated: false,
  ...over,
});

/** Rejects with the status where the answer is one. */
export async function inspectOver(address: string, drafts: readonly FrameDraft[]): Promise<WireResponse[]> {
  if (method === undefined) throw new Error('the contract has no method Inspect');
  const client = new Client(address, credentials.createInsecure());
  try {
    const answers: WireResponse[] = [];
    for (const draft of drafts) {
      answers.push(
        await new Promise<WireResponse>((resolve, reject) => {
          client.makeUnaryRequest(
            method.path,
            method.requestSerialize,
            method.responseDeserialize,
            requestFrom(draft),
            (error: ServiceError | null, response: unknown) =>
              error === null ? resolve(response as WireResponse) : reject(error),
          );
        }),
      );
    }
    return answers;
  } finally {
    client.close();
  }
}
