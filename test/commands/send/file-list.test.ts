import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { labelOf, listImages, nameFrames } from '../../../src/commands/send/file-list.ts';
import { frameIdFrom } from '../../../src/frame/identifiers.ts';

function folderWith(...files: string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'loupe-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const file of files) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), 'x');
  }
  return folder;
}

describe('the files to send', () => {
  it('are the images below a folder, in the order of their names, and no others', async () => {
    const folder = folderWith('b.PNG', 'a.jpg', 'notes.txt', 'deep/er/c.tiff');
    const files = await listImages([folder], '');
    expect(files.map((file) => path.relative(folder, file.path))).toEqual(['a.jpg', 'b.PNG', 'deep/er/c.tiff']);
    expect(files.map((file) => file.frameId)).toEqual(['a.jpg', 'b.PNG', 'c.tiff']);
  });

  it('include a file named outright whatever its ending, each file once', async () => {
    const folder = folderWith('frame.raw', 'a.jpg');
    const files = await listImages([path.join(folder, 'frame.raw'), folder, path.join(folder, 'a.jpg')], '');
    expect(files.map((file) => file.frameId)).toEqual(['frame.raw', 'a.jpg']);
  });

  it('are found behind links, but not what is hidden, and no link leads in circles', async () => {
    const [elsewhere, folder] = [folderWith('b.png', 'c.png'), folderWith('a.jpg', '._a.jpg')];
    symlinkSync(path.join(elsewhere, 'b.png'), path.join(folder, 'b.png'));
    symlinkSync(elsewhere, path.join(folder, 'more'));
    const files = await listImages([folder], '');
    expect(files.map((file) => path.relative(folder, file.path))).toEqual([
      'a.jpg',
      'b.png',
      'more/b.png',
      'more/c.png',
    ]);
    symlinkSync(folder, path.join(folder, 'again'));
    await expect(listImages([folder], '')).rejects.toThrow(/again: this link leads back/);
  });

  it('cannot be listed where a path does not exist', async () => {
    await expect(listImages(['/nowhere/at/all'], '')).rejects.toThrow('ENOENT');
  });
});

describe('frame ids', () => {
  it('are file names', () => {
    expect(nameFrames(['/data/part 1 (copy).jpg', '/data/ß_2.jpg'], '')).toEqual(['part-1-copy-.jpg', '2.jpg']);
  });

  it('carry the folder where two files have one name, and its parent where that does not help', () => {
    expect(nameFrames(['/d/ok/1.jpg', '/d/ng/1.jpg', '/d/ok/2.jpg'], '')).toEqual(['ok-1.jpg', 'ng-1.jpg', '2.jpg']);
    expect(nameFrames(['/a/ok/1.jpg', '/b/ok/1.jpg'], '')).toEqual(['a-ok-1.jpg', 'b-ok-1.jpg']);
  });

  it('are numbered where nothing else tells them apart', () => {
    expect(nameFrames(['/d/ä.jpg', '/d/ö.jpg'], '')).toEqual(['d--.jpg', 'd--.jpg-2']);
  });

  it('carry the prefix', () => {
    expect(nameFrames(['/d/1.jpg'], 'run7-')).toEqual(['run7-1.jpg']);
  });

  it('keep the rule for ids, however strange the name', () => {
    for (const name of ['..jpg', '-', '日本.png', `${'x'.repeat(300)}.jpg`, '__proto__', ' a']) {
      const [id = ''] = nameFrames([`/d/${name}`], '');
      expect(frameIdFrom(id), name).toBe(id);
    }
  });
});

describe('labels', () => {
  it.each([
    ['/data/casting/ok/1.jpg', 'ok'],
    ['/data/casting/ng/1.jpg', 'ng'],
    ['/data/test/ok_front/1.jpg', 'ok'],
    ['/data/test/def_front/1.jpg', 'ng'],
    ['/data/good/batch/left/1.jpg', 'ok'],
    ['/data/good/1/2/3/1.jpg', null],
    ['/data/okra/1.jpg', null],
    ['/data/constructor/1.jpg', null],
  ])('%s is %s', (file, label) => {
    expect(labelOf(file)).toBe(label);
  });
});
