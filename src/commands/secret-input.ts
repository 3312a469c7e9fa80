/** Secrets that are typed: unseen at a terminal, else a line of standard input each. Never an argument, which others can list. */

import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandError, EXIT } from './exit.ts';

export type AskSecret = (question: string) => Promise<string>;

export async function withSecrets<T>(work: (ask: AskSecret) => Promise<T>): Promise<T> {
  let reader: Interface | undefined;
  let lines: AsyncIterator<string> | undefined;
  const ask: AskSecret = async (question) => {
    const { stdin, stderr } = process;
    const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
    if (stdin.isTTY) {
      reader ??= createInterface({ input: stdin, output: unseen, terminal: true });
      stderr.write(`${question}: `);
      const typed = await reader.question('');
      stderr.write('\n');
      return typed;
    }
    reader ??= createInterface({ input: stdin });
    lines ??= reader[Symbol.asyncIterator]();
    const line = await lines.next();
    if (line.done === true) throw new CommandError(EXIT.usage, `${question}: expected a line on standard input`);
    return line.value;
  };
  try {
    return await work(ask);
  } finally {
    reader?.close();
  }
}
