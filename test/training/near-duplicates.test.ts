import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  alikeAcross,
  alikeAcrossGroups,
  differenceHash,
  type Fingerprint,
  HASH_HEIGHT,
  HASH_WIDTH,
  labelledTwice,
  levelsOf,
} from '../../src/training/near-duplicates.ts';
import { randomFrom } from '../../src/training/random.ts';

async function print(file: string, picture: Buffer, group = file): Promise<Fingerprint> {
  const small = sharp(picture).greyscale().resize(HASH_WIDTH, HASH_HEIGHT, { fit: 'fill', kernel: 'linear' });
  const grey = Uint8Array.from(await small.raw().toBuffer());
  return {
    file,
    group,
    isDefective: false,
    sha256: `${file}-${picture.length}`,
    differences: differenceHash(grey),
    levels: levelsOf(grey),
  };
}

/** A smooth picture: a slope with a bulge, as a thermal image is. */
function smooth(seed: number): Promise<Buffer> {
  const random = randomFrom(seed);
  const [dx, dy, x0, y0, bulge] = [random() * 60, random() * 60, random(), random(), 50 * random()];
  const pixels = Uint8Array.from({ length: 48 * 80 }, (_, i) => {
    const [x, y] = [(i % 48) / 48, Math.floor(i / 48) / 80];
    return 60 + dx * x + dy * y + bulge * Math.exp(-8 * ((x - x0) ** 2 + (y - y0) ** 2));
  });
  return sharp(pixels, { raw: { width: 48, height: 80, channels: 1 } })
    .png()
    .toBuffer();
}

describe('pictures that are nearly the same', () => {
  it('knows a copy that was compressed again, made smaller, or made brighter', async () => {
    const picture = await smooth(1);
    const copies = [
      await sharp(picture).jpeg({ quality: 50 }).toBuffer(),
      await sharp(picture).resize(38, 64).png().toBuffer(),
      await sharp(picture).linear(1, 12).png().toBuffer(),
    ];
    const original = await print('original', picture);
    for (const [i, copy] of copies.entries()) {
      expect(alikeAcross([await print(`copy ${i}`, copy)], [original]), `copy ${i}`).toMatchObject([
        { b: { file: 'original' }, isIdentical: false },
      ]);
    }
  });

  it('does not take smooth pictures for each other', async () => {
    const prints = await Promise.all(Array.from({ length: 40 }, async (_, i) => print(`p${i}`, await smooth(i + 1))));
    expect(alikeAcrossGroups(prints)).toEqual([]);
  });

  it('says nothing of two pictures of one part', async () => {
    const picture = await smooth(2);
    const again = await sharp(picture).jpeg({ quality: 60 }).toBuffer();
    expect(alikeAcrossGroups([await print('a', picture, 'part'), await print('b', again, 'part')])).toEqual([]);
    expect(alikeAcrossGroups([await print('a', picture, 'part'), await print('b', again, 'other')])).toHaveLength(1);
  });

  it('finds a file under both labels, of one part too', async () => {
    const bytes = await smooth(3);
    const twice = [
      { ...(await print('ok/7', bytes, 'part')), sha256: 'same' },
      { ...(await print('ng/7', bytes, 'part')), sha256: 'same', isDefective: true },
      { ...(await print('ng/8', bytes, 'part')), isDefective: true },
    ];
    expect(labelledTwice(twice)).toMatchObject([{ a: { file: 'ok/7' }, b: { file: 'ng/7' } }]);
  });
});
