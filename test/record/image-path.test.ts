import { describe, expect, it } from 'vitest';
import { imagePathOf, keepsImage, resultIdOf } from '../../src/record/image-path.ts';

const receivedAt = Date.UTC(2026, 0, 2, 3, 59, 59, 999);

describe('image paths', () => {
  it('name the hour of receipt in UTC, the result and the kind of file', () => {
    const named = (imageMediaType: string) => imagePathOf({ resultId: 'r', receivedAt, imageMediaType });
    expect(named('image/jpeg')).toBe('2026/01/02/03/r.jpg');
    expect(named('image/png')).toBe('2026/01/02/03/r.png');
    expect(named('image/webp')).toBe('2026/01/02/03/r.webp');
    expect(named('image/tiff')).toBe('2026/01/02/03/r.tif');
    expect(named('application/x-raw; format=MONO8; width=4; height=2; stride=4')).toBe('2026/01/02/03/r.raw');
    expect(named('text/html')).toBe('2026/01/02/03/r.bin');
  });

  it('give the result id back', () => {
    expect(resultIdOf('0198-ab.jpg.tmp')).toBe('0198-ab');
    expect(resultIdOf('0198')).toBe('0198');
  });
});

describe('the image policy', () => {
  const share = (keepPassRatio: number) => {
    const ids = Array.from(
      { length: 1000 },
      (_, index) => `x-${((index * 2654435761) >>> 0).toString(16).padStart(8, '0')}`,
    );
    return ids.filter((resultId) => keepsImage({ keep: 'not_pass', keepPassRatio }, { verdict: 'PASS', resultId }))
      .length;
  };

  it('samples PASS images at the ratio asked for', () => {
    expect(share(0)).toBe(0);
    expect(share(1)).toBe(1000);
    expect(share(0.25)).toBeGreaterThan(200);
    expect(share(0.25)).toBeLessThan(300);
  });

  it('keeps everything, nothing, or everything that is no PASS', () => {
    const fail = { verdict: 'FAIL', resultId: 'x-ffffffff' } as const;
    expect(keepsImage({ keep: 'all', keepPassRatio: 0 }, fail)).toBe(true);
    expect(keepsImage({ keep: 'none', keepPassRatio: 1 }, fail)).toBe(false);
    expect(keepsImage({ keep: 'not_pass', keepPassRatio: 0 }, fail)).toBe(true);
  });
});
