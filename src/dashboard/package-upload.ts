/**
 * A model package as it comes in by HTTP: multipart/form-data, each file a part named by its place in the package
 * (`manifest.json`, `model.onnx`, `golden/…`, `variants/…`, `report/…`), written to a temporary folder.
 *
 *   curl -F manifest.json=@manifest.json -F model.onnx=@model.onnx -F golden/a.png=@golden/a.png URL/api/v1/models
 */

import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { z } from 'zod';
import { LoupeError } from '../errors.ts';

/** The parts of the form, for its description. */
export const PACKAGE_FORM = {
  form: {
    'manifest.json': { description: 'What the engine needs to know of the model.', isRequired: true },
    'model.onnx': { description: 'The model, in one file.', isRequired: true },
  },
  patterns: {
    '^golden/': 'An image and, in the manifest, the probability it must score: at least one.',
    '^variants/': 'int8.onnx or fp16.onnx: a cheaper form of the model.',
    '^report/': 'How good the model is.',
  },
} as const;

const PLACE = /^(manifest\.json|model\.onnx|(golden|variants|report)\/[A-Za-z0-9][A-Za-z0-9._-]{0,127})$/;
const MAX_FILES = 500;

export interface Upload {
  readonly folder: string;
  /** `NAME/VERSION` as its manifest has it, unchecked; empty where it says neither. */
  readonly claims: string;
  remove(): Promise<void>;
}

/**
 * @param maxBytes of all files together
 * @throws LoupeError invalid_request, message_too_large; nothing is left behind then
 */
export async function receivePackage(request: IncomingMessage, maxBytes: number): Promise<Upload> {
  const folder = await mkdtemp(path.join(tmpdir(), 'loupe-package-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(path.join(folder, 'golden'));
    await mkdir(path.join(folder, 'variants'));
    await mkdir(path.join(folder, 'report'));
    await receive(request, folder, maxBytes);
    return { folder, claims: await claimsOf(folder), remove };
  } catch (error) {
    request.resume();
    await remove();
    throw error;
  }
}

const claimed = z.object({ name: z.string().max(128), version: z.string().max(64) });

async function claimsOf(folder: string): Promise<string> {
  try {
    const { name, version } = claimed.parse(JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')));
    return `${name}/${version}`;
  } catch {
    // No manifest, or none that can be read: it is refused as a package, with the reason.
    return '';
  }
}

async function receive(request: IncomingMessage, folder: string, maxBytes: number): Promise<void> {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/form-data')) {
    throw new LoupeError('invalid_request', `expected multipart/form-data, got "${type.slice(0, 64)}"`);
  }
  const writing: Promise<void>[] = [];
  const givenUp = new AbortController();
  let left = maxBytes;
  let parser: BusboyInstance;
  try {
    // No limit per file: one would cut the file short without a word.
    parser = new Busboy({ headers: { 'content-type': type }, limits: { files: MAX_FILES, fields: 0 } });
  } catch (error) {
    throw new LoupeError('invalid_request', `expected multipart/form-data: ${String(error)}`, { cause: error });
  }
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (code: 'invalid_request' | 'message_too_large', message: string) =>
        reject(new LoupeError(code, message));
      parser.on('file', (name, file) => {
        if (!PLACE.test(name)) {
          file.resume();
          const got = name.slice(0, 64);
          refuse(
            'invalid_request',
            `expected manifest.json, model.onnx, golden/NAME, variants/NAME or report/NAME, got "${got}"`,
          );
          return;
        }
        file.on('data', (chunk: Buffer) => {
          left -= chunk.length;
          if (left >= 0) return;
          refuse('message_too_large', `expected a package of at most ${maxBytes} bytes (models.max_package_bytes)`);
        });
        const written = writeOf(file, path.join(folder, name), givenUp.signal);
        written.catch(reject);
        writing.push(written);
      });
      parser.on('filesLimit', () => refuse('invalid_request', `expected at most ${MAX_FILES} files`));
      parser.on('fieldsLimit', () => refuse('invalid_request', 'expected files only, each sent with a file name'));
      parser.on('error', (error) => refuse('invalid_request', `expected multipart/form-data: ${String(error)}`));
      parser.on('finish', resolve);
      request.once('error', reject);
      request.once('close', () => {
        if (!request.complete) refuse('invalid_request', 'the sender went away in the middle of the package');
      });
      request.pipe(parser);
    });
    await Promise.all(writing);
  } catch (error) {
    request.unpipe(parser);
    givenUp.abort();
    // Nothing may write into the folder any more when it is removed.
    await Promise.allSettled(writing);
    throw error;
  }
}

async function writeOf(file: Readable, target: string, signal: AbortSignal): Promise<void> {
  try {
    await pipeline(file, createWriteStream(target, { flags: 'wx' }), { signal });
  } catch (error) {
    throw new LoupeError('invalid_request', `${path.basename(target)}: ${String(error)}`, { cause: error });
  }
}
