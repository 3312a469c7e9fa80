import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLabelledFolder } from '../../src/training/labelled-folder.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'loupe-labelled-'));
});
afterEach(() => rm(root, { recursive: true }));

const put = async (name: string, text = '') => {
  await mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await writeFile(path.join(root, name), text);
};

describe('a labelled folder', () => {
  it('is read from its manifest: label, class, group and mask', async () => {
    for (const name of ['ok/a.png', 'ng/b.png', 'mask/b.png']) await put(name);
    await put('manifest.csv', 'image,label,class,group,mask\nok/a.png,OK,plain,p1,\nng/b.png,NG,dent,p2,mask/b.png\n');
    const { images, hasGroups } = await readLabelledFolder(root);
    expect(hasGroups).toBe(true);
    expect(images).toEqual([
      { file: 'ok/a.png', isDefective: false, kind: 'plain', group: 'p1', mask: null },
      { file: 'ng/b.png', isDefective: true, kind: 'dent', group: 'p2', mask: 'mask/b.png' },
    ]);
  });

  it('needs no manifest: every image is then a part of its own, and a folder in ng/ names the defect', async () => {
    for (const name of ['ok/a.jpg', 'ng/crack/b.png', 'ng/c.tiff', 'ok/notes.txt']) await put(name);
    const { images, hasGroups } = await readLabelledFolder(root);
    expect(hasGroups).toBe(false);
    expect(images.map(({ file, kind, group }) => [file, kind, group])).toEqual([
      ['ok/a.jpg', 'ok', 'ok/a.jpg'],
      ['ng/c.tiff', 'ng', 'ng/c.tiff'],
      ['ng/crack/b.png', 'crack', 'ng/crack/b.png'],
    ]);
  });

  it.each([
    ['of a spreadsheet in German', '\uFEFFimage;label;group\r\nok\\a.png;OK;p,1\r\nng\\b.png;NG;p2\r\n'],
    ['with tabs', 'image\tlabel\tgroup\nok/a.png\tok\tp,1\nng/b.png\tNg\tp2\n'],
    ['with commas', 'image,label,group\nok/a.png,OK,"p,1"\nng/b.png,NG,p2\n'],
  ])('is read from a manifest %s', async (_, text) => {
    for (const name of ['ok/a.png', 'ng/b.png']) await put(name);
    await put('manifest.csv', text);
    const { images } = await readLabelledFolder(root);
    expect(images.map(({ file, isDefective, group }) => [file, isDefective, group])).toEqual([
      ['ok/a.png', false, 'p,1'],
      ['ng/b.png', true, 'p2'],
    ]);
  });

  it('has its folders in capitals where it likes, but not in both', async () => {
    for (const name of ['OK/a.png', 'Ng/Dent/b.png']) await put(name);
    const { images } = await readLabelledFolder(root);
    expect(images.map(({ file, isDefective, kind }) => [file, isDefective, kind])).toEqual([
      ['OK/a.png', false, 'ok'],
      ['Ng/Dent/b.png', true, 'Dent'],
    ]);
    await put('ok/c.png');
    await expect(readLabelledFolder(root)).rejects.toThrow(/expected one folder ok\/, found (OK, ok|ok, OK)/);
  });

  it('leaves out what is hidden: half a file of macOS, what lies in the bin of a file manager', async () => {
    for (const name of ['ok/a.jpg', 'ok/._a.jpg', 'ok/.trash/b.jpg', 'ok/.trash/c.bmp', 'ng/crack/d.png'])
      await put(name);
    const { images } = await readLabelledFolder(root);
    expect(images.map(({ file }) => file)).toEqual(['ok/a.jpg', 'ng/crack/d.png']);
  });

  it('follows links to folders, and refuses one that leads back to where it lies', async () => {
    for (const name of ['elsewhere/b.png', 'ok/a.png', 'ng/c.png']) await put(name);
    await symlink(path.join(root, 'elsewhere'), path.join(root, 'ng', 'dent'));
    const { images } = await readLabelledFolder(root);
    expect(images.map(({ file, kind }) => [file, kind])).toEqual([
      ['ok/a.png', 'ok'],
      ['ng/c.png', 'ng'],
      ['ng/dent/b.png', 'dent'],
    ]);
    await symlink(path.join(root, 'ok'), path.join(root, 'ok', 'again'));
    await expect(readLabelledFolder(root)).rejects.toThrow(/again: this link leads back/);
  });

  it('takes ./a and a for one image, and refuses a heading that has a column twice', async () => {
    for (const name of ['ok/a.png', 'ng/b.png']) await put(name);
    await put('manifest.csv', 'image,label\nok/a.png,OK\n./ok/a.png,NG\nng/b.png,NG\n');
    await expect(readLabelledFolder(root)).rejects.toThrow(/line 3: "ok\/a.png" is named twice/);
    await put('manifest.csv', 'image,label,label\nok/a.png,OK,NG\n');
    await expect(readLabelledFolder(root)).rejects.toThrow(/"label" stands twice/);
  });

  it('refuses images that it cannot take: left out, they would be missed in every figure', async () => {
    for (const name of ['ok/a.jpg', 'ng/b.png', 'ng/c.BMP']) await put(name);
    await expect(readLabelledFolder(root)).rejects.toThrow(/got 1 other images, the first is ng\/c\.BMP/);
  });

  it('tells every fault of a manifest with its line', async () => {
    await put('ok/c.png');
    await put(
      'manifest.csv',
      'image,label,mask\nok/a.png,GOOD,\n../b.png,NG,\nok/c.png,OK,\nok/c.png,OK,\nng/d.png,NG,mask/d.png\n',
    );
    const reading = readLabelledFolder(root);
    await expect(reading).rejects.toThrow(/line 2: label/);
    await expect(reading).rejects.toThrow(/line 3: expected paths below the folder/);
    await expect(reading).rejects.toThrow(/line 5: "ok\/c.png" is named twice/);
    await expect(reading).rejects.toThrow(/line 6: there is no "ng\/d\.png"\n.*line 6: there is no "mask\/d\.png"/);
  });

  it('refuses a manifest that is no table, and a folder without images', async () => {
    await put('manifest.csv', 'image,label\n"ok/a.png,OK\n');
    await expect(readLabelledFolder(root)).rejects.toThrow(/manifest.csv/);
    await put('manifest.csv', 'image,label\n');
    await expect(readLabelledFolder(root)).rejects.toThrow(
      'expected lines of image,label,class,group[,mask], got no line below its heading',
    );
  });

  it('says what is there instead: no folder, a file, other folders, other columns, other pictures', async () => {
    const refused = (folder: string) => expect(readLabelledFolder(folder)).rejects;
    await refused(path.join(root, 'nowhere')).toThrow(/expected a folder with labelled images: ENOENT/);
    await put('good/a.png');
    await refused(path.join(root, 'good', 'a.png')).toThrow(/expected a folder with labelled images: ENOTDIR/);
    await refused(root).toThrow('no folder ok/, found good');
    await put('ok/notes.txt');
    await put('ng/notes.txt');
    await refused(root).toThrow('expected images in ok/ and ng/, found none');
    await put('ok/a.png');
    await put('ok/b.bmp');
    await refused(root).toThrow('expected JPEG, PNG, WebP or TIFF, got 1 other images, the first is ok/b.bmp');
    await put('manifest.csv', 'file,verdict\nok/a.png,OK\n');
    await refused(root).toThrow('expected lines of image,label,class,group[,mask], got file,verdict');
  });
});
