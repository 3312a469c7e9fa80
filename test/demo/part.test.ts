import { describe, expect, it } from 'vitest';
import { DEFECTS } from '../../src/demo/defect.ts';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { drawPart, PART_SIZE } from '../../src/demo/part.ts';
import { nextPart } from '../../src/demo/part-stream.ts';
import { checkImage } from '../../src/ingest/image-check.ts';

const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('a drawn part', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(isSame(drawPart(7, 'none'), drawPart(7, 'none'))).toBe(true);
    expect(isSame(drawPart(7, 'none'), drawPart(8, 'none'))).toBe(false);
    expect(drawPart(7, 'none')).toHaveLength(PART_SIZE * PART_SIZE * 3);
  });

  it('differs from itself without a defect only where the defect is', () => {
    for (const defect of DEFECTS) {
      for (let seed = 0; seed < 8; seed++) {
        const clean = drawPart(seed, 'none');
        const changed = drawPart(seed, defect).filter((value, i) => value !== clean[i]).length;
        expect([defect, seed, changed > 10, changed < clean.length / 5]).toEqual([defect, seed, true, true]);
      }
    }
  });

  it('can be drawn in another size', () => {
    expect(drawPart(1, 'dent', 64)).toHaveLength(64 * 64 * 3);
  });

  it('becomes a JPEG that Loupe takes', async () => {
    const bytes = await encodeJpeg(drawPart(3, 'crack'), PART_SIZE);
    const check = checkImage({ kind: 'encoded', bytes }, { maxBytes: 200_000, maxPixels: 200_000 });
    expect(check).toEqual({ ok: true, mediaType: 'image/jpeg', width: PART_SIZE, height: PART_SIZE });
  });
});

describe('the stream of parts', () => {
  it('is repeatable, and keeps to its share of defects', () => {
    expect(isSame(nextPart(5, 0.5).pixels, nextPart(5, 0.5).pixels)).toBe(true);
    const defective = Array.from({ length: 60 }, (_, i) => nextPart(i, 0.3).defect).filter((kind) => kind !== 'none');
    expect(defective.length).toBeGreaterThan(8);
    expect(defective.length).toBeLessThan(30);
    expect(Array.from({ length: 10 }, (_, i) => nextPart(i, 0).defect)).toEqual(
      Array.from({ length: 10 }, () => 'none'),
    );
  });

  it('shows each line its own parts', () => {
    expect(isSame(nextPart(1, 0, 1).pixels, nextPart(1, 0, 2).pixels)).toBe(false);
  });
});
