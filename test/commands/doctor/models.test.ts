import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { checkModels } from '../../../src/commands/doctor/models.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { emptyFolder } from '../../support/service-process.ts';

it.each(['activations.jsonl', 'cuts.jsonl'])(
  'says of a damaged %s what to do about that file, not about a package',
  async (journal) => {
    const store = emptyFolder();
    await appendFile(path.join(store, journal), '{"seq":1}\n');
    const [check, ...others] = await checkModels(configSchema.parse({ store: { path: store } }));
    expect(others).toEqual([]);
    expect(check).toMatchObject({ name: journal, status: 'fail', found: expect.stringContaining('line 1 is damaged') });
    expect(check?.advice).toContain(`tar -xf BACKUP ${journal}`);
    expect(check?.advice).not.toContain('package');
  },
);
