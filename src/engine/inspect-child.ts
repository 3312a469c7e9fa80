/** The process that opens a model file nobody vouches for, says what its inputs and outputs are, and ends. */

import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import { readGraph } from './session.ts';

const [file = ''] = process.argv.slice(2);
const answer = await readFile(file)
  .then(readGraph)
  .then(
    (graph) => ({ kind: 'graph', graph }) as const,
    (error: unknown) => ({ kind: 'failed', detail: messageOf(error) }) as const,
  );
process.send?.(answer, undefined, undefined, () => process.exit(0));
