import { describe, expect, it } from 'vitest';
import type { Proof } from '../../src/proving/proof.ts';
import { proofSheet } from '../../src/proving/proof-sheet.ts';
import { recordedOf } from '../support/frames.ts';

const EVIL = `<img src=x onerror="alert('1')">`;
const link = { previousHash: '0'.repeat(64), recordedHash: 'c'.repeat(64), computedHash: 'c'.repeat(64) };

function proofWith(over: Partial<Proof> = {}, row: Parameters<typeof recordedOf>[0] = {}): Proof {
  return {
    result: recordedOf(row),
    chain: { ...link, hashedText: 'text', next: null },
    picture: null,
    pictureSha256: null,
    pictureFault: 'its image was not kept',
    heatMap: null,
    heatMapFault: 'none',
    replayed: { kind: 'not_replayable', why: 'image_not_kept', detail: 'its image was not kept' },
    reviews: [],
    ...over,
  };
}

const sheetOf = (...proofs: Proof[]) => proofSheet({ proofs, version: '1', madeAt: 0, verified: null });

describe('the sheet', () => {
  it('says that the model has learned nothing like the picture', () => {
    expect(sheetOf(proofWith({}, { unfamiliarity: 0.75 }))).toContain('the model has learned nothing like it (0.75');
    expect(sheetOf(proofWith({}, { unfamiliarity: 0.25 }))).toContain('no (0.25');
  });

  it('lets no text from outside become markup', () => {
    const html = sheetOf(
      proofWith(
        {
          chain: { ...link, hashedText: EVIL, next: { ...link, ledgerSeq: 2 } },
          pictureFault: EVIL,
          heatMapFault: EVIL,
          replayed: { kind: 'failed', detail: EVIL },
          reviews: [{ resultId: 'r', label: 'ng', defectClass: EVIL, comment: EVIL, reviewer: EVIL, reviewedAt: 1 }],
        },
        {
          partId: EVIL,
          jobId: EVIL,
          recipeId: EVIL,
          reason: 'bad_image',
          reasonDetail: EVIL,
          verdict: 'UNINSPECTED',
          imageMediaType: EVIL,
          imagePath: EVIL,
          model: { name: EVIL, version: EVIL, sha256: EVIL },
        },
      ),
    );
    expect(html).not.toContain('<img');
    expect(html).not.toContain('onerror="');
    expect(html.match(/&#60;img/g)?.length).toBeGreaterThan(10);
  });

  it('shows characters that turn text or are not seen, and keeps ids apart that stand in a row', () => {
    const turned = 'P-1\u202E7-4';
    const review = { resultId: 'r', label: 'ng', defectClass: null, comment: 'a\u2066b', reviewedAt: 1 } as const;
    const html = sheetOf(
      proofWith({ reviews: [{ ...review, reviewer: 'An\u200Bn' }] }, { partId: turned, jobId: turned, productId: 'B' }),
    );
    expect(html).toContain('<title>Proof of inspection P-1[U+202E]7-4</title>');
    expect(html).toContain('<td><bdi>P-1[U+202E]7-4</bdi>, <bdi>B</bdi>');
    expect(html).toContain('<td>An[U+200B]n</td><td>ng</td><td></td><td>a[U+2066]b</td>');
    expect(html).not.toMatch(/\p{Cf}/u);
  });

  it('fetches nothing and runs nothing', () => {
    const html = sheetOf(proofWith());
    expect(html).not.toMatch(/<script|<link|<iframe|https?:/);
  });

  it('says what does not hold', () => {
    const broken = { ...link, computedHash: 'd'.repeat(64) };
    const html = sheetOf(
      proofWith({
        chain: { ...broken, hashedText: 'text', next: { ...broken, ledgerSeq: 2 } },
        pictureSha256: 'e'.repeat(64),
        replayed: { kind: 'damaged', why: 'image_altered', detail: 'another picture' },
      }),
    );
    expect(html.match(/✕/g)).toHaveLength(4);
    expect(html).toContain(`the row hashes to ${'d'.repeat(64)}`);
    expect(html).not.toContain('✓');
  });

  it('lays the heat map over the region it is of', () => {
    const heatMap = {
      method: 'occlusion',
      columns: 2,
      rows: 1,
      values: [0, 1],
      area: { x: 0.5, y: 0, width: 0.5, height: 1 },
      probability: 1,
    } as const;
    const picture = { url: 'data:image/png;base64,AA', width: 100, height: 60, isOriginal: false };
    const html = sheetOf(proofWith({ heatMap, picture }));
    expect(html).toContain('<rect x="75.0" y="0.0" width="25.0" height="60.0" fill="#f00" fill-opacity="0.55"/>');
    expect(html.match(/<rect/g)).toHaveLength(1);
    expect(html).toContain('A preview');
  });

  it('says whether the whole ledger was checked', () => {
    expect(sheetOf(proofWith())).toContain('The whole ledger was not');
    const verified = { ok: false, rows: 5, lastLedgerSeq: 5, chainHash: 'f'.repeat(64), problems: 2 };
    const html = proofSheet({ proofs: [proofWith()], version: '1', madeAt: 0, verified });
    expect(html).toContain('✕ 2 problems found');
  });
});
