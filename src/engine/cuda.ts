/** What can be known of CUDA without trying it. */

import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

const PROVIDER_LIBRARY = 'libonnxruntime_providers_cuda.so';

/** Null when onnxruntime's CUDA provider is installed (which proves nothing yet), else what is missing. */
export async function cudaProviderMissing(): Promise<string | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `onnxruntime has a CUDA provider for linux/x64 only, this is ${process.platform}/${process.arch}`;
  }
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const library = path.join(path.dirname(entry), '..', 'bin', 'napi-v6', 'linux', 'x64', PROVIDER_LIBRARY);
  try {
    await access(library);
    return null;
  } catch {
    return `provider library missing: ${PROVIDER_LIBRARY} is not installed (docs/operations.md, "With a GPU")`;
  }
}
