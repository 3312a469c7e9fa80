/** SQLite, where npm could not install it for this Node. */

import { cpSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { SQLITE_PACKAGE, sqliteVersion } from '../../src/record/database.ts';
import { emptyFolder, ROOT } from '../support/service-process.ts';

it('says which package is not installed, as a store that no waiting will open', async () => {
  expect(sqliteVersion()).toMatch(/^3\.\d+\.\d+$/);
  const bare = emptyFolder();
  cpSync(path.join(ROOT, 'package.json'), path.join(bare, 'package.json'));
  cpSync(path.join(ROOT, 'src', 'record'), path.join(bare, 'record'), { recursive: true });
  const module: unknown = await import(pathToFileURL(path.join(bare, 'record', 'database.ts')).href);
  const { openForWriting } = module as { openForWriting: (store: string, durability: string) => unknown };
  expect(() => openForWriting(bare, 'full')).toThrow(
    expect.objectContaining({
      name: 'StoreRefusedError',
      message: expect.stringContaining(`${SQLITE_PACKAGE} is not installed`),
    }),
  );
});
