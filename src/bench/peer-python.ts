/** A Python that has what the FastAPI peer needs: a virtual environment made for this run, from PyPI. */

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest of each: a peer is measured as one would install it today. */
const PACKAGES = ['fastapi', 'uvicorn', 'pillow', 'numpy', 'onnxruntime'];

/** @returns path of its interpreter. @throws where python3, venv or PyPI is missing, with what pip said */
export async function peerPython(folder: string): Promise<string> {
  const environment = path.join(folder, 'peer');
  await run('python3', ['-m', 'venv', environment]);
  const python = path.join(environment, 'bin', 'python');
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
  return python;
}
