import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { cam, openLedger, recordFrame } from '../record/support.ts';
import { emptyFolder, loupe } from '../support/service-process.ts';

it('loupe proof --camera shows every result of the part on that camera, however many others it has', async () => {
  const { ledger, path: store } = await openLedger({ images: { keep: 'none', keepPassRatio: 0 } });
  const partId = 'p1';
  for (let i = 0; i < 3; i++) await recordFrame(ledger, `early-${i}`, { partId, cameraId: cam('cam-1') });
  for (let i = 0; i < 51; i++) await recordFrame(ledger, `late-${i}`, { partId, cameraId: cam('cam-2') });
  const last = await recordFrame(ledger, 'last', { partId, cameraId: cam('cam-1') });
  await ledger.stop();
  const out = path.join(emptyFolder(), 'proof.html');
  const asked = ['proof', partId, '--store', store, '--out', out, '--no-verify', '--camera'];
  const { code, stdout } = await loupe([...asked, 'cam-1']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('4 results')]);
  expect(readFileSync(out, 'utf8').match(/<h2>Row \d+/g)).toEqual(
    [1, 2, 3, last.ledgerSeq].map((row) => `<h2>Row ${row}`),
  );
  const { code: tooMany, stderr } = await loupe([...asked, 'cam-2']);
  expect([tooMany, stderr]).toEqual([1, expect.stringContaining('51 or more results')]);
}, 30_000);
