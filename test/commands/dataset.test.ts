import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerDataset } from '../../src/commands/dataset.ts';
import type { Dimensions } from '../../src/frame/image-header/header-reader.ts';
import { readLabelledFolder } from '../../src/training/labelled-folder.ts';
import { greyImage } from '../support/pool.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loupe-dataset-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function flatPng(level: number): Promise<Uint8Array> {
  return (await greyImage(level)).bytes;
}

async function run(...args: string[]): Promise<void> {
  const program = new Command('loupe').exitOverride().configureOutput({ writeErr: () => undefined });
  registerDataset(program);
  await program.parseAsync(args, { from: 'user' });
}

describe('loupe dataset draw', () => {
  it('writes a labelled folder of drawn parts, again the same, that packs with a mask for each defect and no other', async () => {
    for (const out of ['a', 'b'])
      await run('dataset', 'draw', '--out', path.join(folder, out), '--count', '6', '--seed', '3');
    const { images } = await readLabelledFolder(path.join(folder, 'a'));
    expect(images).toHaveLength(6);
    expect(new Set(images.map(({ group }) => group)).size).toBe(6);
    for (const { file, isDefective, mask } of images) {
      const read = (out: string, name: string) => readFile(path.join(folder, out, name));
      expect((await read('a', file)).equals(await read('b', file))).toBe(true);
      expect(mask !== null).toBe(isDefective);
      if (mask !== null) expect((await read('a', mask)).equals(await read('b', mask))).toBe(true);
    }
    const out = path.join(folder, 'packed');
    await run('dataset', 'pack', '--data', path.join(folder, 'a'), '--out', out, '--width', '128', '--height', '128');
    const masks = await readFile(path.join(out, 'masks.bin'));
    const cells = masks.length / images.length;
    for (const [i, { isDefective }] of images.entries()) {
      expect(masks.subarray(i * cells, (i + 1) * cells).some((level) => level >= 128)).toBe(isDefective);
    }
  });

  it('refuses a count that is none', async () => {
    await expect(run('dataset', 'draw', '--out', folder, '--count', 'many')).rejects.toThrow(/whole number/);
  });
});

describe('loupe dataset pack', () => {
  it('packs a labelled folder through the decode of serving, masks and groups with it', async () => {
    const data = path.join(folder, 'data');
    for (const name of ['ok', 'ng', 'mask']) await mkdir(path.join(data, name), { recursive: true });
    for (const [name, level] of Object.entries({ 'ok/a.png': 51, 'ng/b.png': 204 })) {
      await writeFile(path.join(data, name), await flatPng(level));
    }
    await writeFile(path.join(data, 'mask/b.png'), await flatPng(255));
    await writeFile(
      path.join(data, 'manifest.csv'),
      'image,label,class,group,mask\nok/a.png,OK,plain,p1,\nng/b.png,NG,dent,p2,mask/b.png\n',
    );
    const out = path.join(folder, 'out');
    await run('dataset', 'pack', '--data', data, '--out', out, '--width', '32', '--height', '16', '--colour', 'GREY');
    const pixels = await readFile(path.join(out, 'pixels.bin'));
    expect(pixels).toHaveLength(2 * 32 * 16);
    expect([pixels[0], pixels[32 * 16]]).toEqual([51, 204]);
    const masks = await readFile(path.join(out, 'masks.bin'));
    expect([masks[0], masks[256]]).toEqual([0, 255]);
    expect(await readFile(path.join(out, 'labels.csv'), 'utf8')).toContain('1,ng/b.png,NG,dent,p2,1');
    expect(JSON.parse(await readFile(path.join(out, 'dataset.json'), 'utf8'))).toMatchObject({
      schema: 'loupe.dataset/1',
      count: 2,
      width: 32,
      height: 16,
      colour: 'GREY',
      ng: 1,
      groups: 2,
    });
  });

  it('refuses a mask that does not lie over its image, as where a tool turned the one and not the other', async () => {
    const data = path.join(folder, 'turned');
    await mkdir(data);
    const write = async (name: string, width: number, height: number) =>
      writeFile(
        path.join(data, name),
        await sharp({ create: { width, height, channels: 3, background: '#fff' } })
          .png()
          .toBuffer(),
      );
    await write('a.png', 64, 40);
    await writeFile(path.join(data, 'manifest.csv'), 'image,label,mask\na.png,NG,mask.png\n');
    const pack = ['dataset', 'pack', '--data', data, '--out', path.join(folder, 'out')];
    await write('mask.png', 40, 64);
    await expect(run(...pack)).rejects.toThrow(/a\.png: expected a mask of the shape of its image, 64x40 .*got 40x64/);
    // A smaller one lies over it, rounded to whole pixels.
    await write('mask.png', 21, 13);
    await run(...pack);
  });

  it('takes the size of the images where nobody says one, in steps of 8 and 320 at most', async () => {
    const sized = async (name: string, ...sizes: [number, number][]) => {
      const data = path.join(folder, name);
      for (const label of ['ok', 'ng']) await mkdir(path.join(data, label), { recursive: true });
      for (const [i, [width, height]] of sizes.entries()) {
        const image = sharp({ create: { width, height, channels: 3, background: '#888' } });
        await writeFile(path.join(data, i % 2 === 0 ? 'ok' : 'ng', `${i}.png`), await image.png().toBuffer());
      }
      const out = path.join(folder, `${name}-packed`);
      await run('dataset', 'pack', '--data', data, '--out', out);
      const { width, height } = JSON.parse(await readFile(path.join(out, 'dataset.json'), 'utf8')) as Dimensions;
      return [width, height];
    };
    expect(await sized('small', [24, 40], [25, 41])).toEqual([24, 40]);
    expect(await sized('large', [600, 300], [640, 310], [1200, 300])).toEqual([320, 152]);
    expect(await sized('thin', [2000, 10], [2000, 11])).toEqual([320, 8]);
  });

  it('names the image that cannot be decoded', async () => {
    for (const name of ['ok', 'ng']) await mkdir(path.join(folder, name));
    await writeFile(path.join(folder, 'ok/broken.jpg'), 'no image');
    await expect(run('dataset', 'pack', '--data', folder, '--out', path.join(folder, 'out'))).rejects.toThrow(
      /ok\/broken.jpg: unsupported_format/,
    );
  });

  it('leaves no description of an earlier pack beside the pixels of one that was cut short', async () => {
    const data = path.join(folder, 'data');
    const out = path.join(folder, 'out');
    for (const name of ['ok', 'ng']) await mkdir(path.join(data, name), { recursive: true });
    for (const name of ['ok/a.png', 'ng/c.png']) await writeFile(path.join(data, name), await flatPng(99));
    await run('dataset', 'pack', '--data', data, '--out', out);
    // As many pixels as before, by labels that were theirs no more.
    await writeFile(path.join(data, 'ok/b.png'), await flatPng(99));
    await writeFile(path.join(data, 'ng/c.png'), 'no image');
    await expect(run('dataset', 'pack', '--data', data, '--out', out)).rejects.toThrow(/ng\/c\.png/);
    expect(await readdir(out)).not.toContain('dataset.json');
  });

  it('refuses a folder without labels', async () => {
    await expect(run('dataset', 'pack', '--data', folder, '--out', path.join(folder, 'out'))).rejects.toThrow(
      /expected manifest.csv, or folders ok\/ and ng\//,
    );
  });
});
