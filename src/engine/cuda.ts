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

const DRIVER_LIBRARY = 'libcuda.so.1';

/**
 * What to mend, in front of what an engine said when it could not prove itself on CUDA.
 * @param stage the proof that failed
 * @param detail its error, with the last words of the engine
 */
export function whyNoCuda(stage: string, detail: string): string {
  return `${stage}: ${causeOf(stage, detail)}${detail}`;
}

function causeOf(stage: string, detail: string): string {
  if (stage === 'golden') return 'golden scores off: the model computes something else on this GPU: ';
  const missing = /(lib[^\s:]+\.so[^\s:]*): cannot open shared object file/.exec(detail)?.[1];
  if (missing === DRIVER_LIBRARY) return `driver missing: no ${DRIVER_LIBRARY}, which comes with the NVIDIA driver: `;
  if (missing !== undefined) return `CUDA libraries missing: no ${missing}: `;
  if (/cuDNN is required/i.test(detail)) return 'CUDA libraries missing: no cuDNN 9: ';
  if (/CUDA (failure|error) \d+|CUDA driver version|no CUDA-capable device/i.test(detail)) {
    return 'driver or device dead, or the driver too old for CUDA 13: ';
  }
  return '';
}
