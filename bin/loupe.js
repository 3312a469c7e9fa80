#!/usr/bin/env node
import { existsSync } from 'node:fs';

if (existsSync(new URL('../dist/main.js', import.meta.url))) {
  const { main } = await import('../dist/main.js');
  await main(process.argv);
} else {
  process.stderr.write(
    'loupe: not built yet: expected dist/main.js; `npm run build` in the folder of Loupe makes it\n',
  );
  process.exitCode = 69;
}
