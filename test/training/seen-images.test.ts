import { describe, expect, it } from 'vitest';
import { markOf, readHeldOut, readSeen, seenAmong, seenCsv } from '../../src/training/seen-images.ts';

const image = (file: string, group: string, level: number) => ({
  file,
  group,
  pixels: markOf(Uint8Array.of(level, 1)),
});
const known = readSeen(seenCsv([image('ok/a, b.png', 'p1', 1), image('ok/c.png', 'p2', 2)]));

describe('what a package has seen', () => {
  it('is known again by its pixels under another name, by its part, and by its name with other pixels', () => {
    const measured = [
      image('x.png', 'q', 1),
      image('y.png', 'p2', 8),
      image('ok/c.png', 'r', 9),
      image('z.png', 's', 7),
    ];
    const { trainedOn, warnings } = seenAmong(measured, true, known);
    expect(trainedOn).toBe(1);
    expect(warnings).toEqual([
      'LEAK: 1 of these images were trained on, pixel for pixel: x.png',
      'LEAK: 1 images show a part (group) that was trained on: y.png',
      expect.stringMatching(/^1 images have the name of one that was trained on and other pixels.*: ok\/c\.png$/),
    ]);
  });

  it('warns of nothing where nothing was seen, and of no group where none are given', () => {
    expect(seenAmong([image('z.png', 's', 7)], true, known)).toEqual({ trainedOn: 0, warnings: [] });
    expect(seenAmong([image('z.png', 'p1', 7)], false, known)).toEqual({ trainedOn: 0, warnings: [] });
  });

  it('says no more than a list of what was held out tells', () => {
    const heldOut = readHeldOut('image,label,class,group\nok/a.png,OK,ok,p1\n');
    const { trainedOn, warnings } = seenAmong([image('ok/a.png', 'p1', 1), image('ok/b.png', 'p2', 2)], true, heldOut);
    expect(trainedOn).toBeNull();
    expect(warnings.join()).toMatch(
      /1 of these images have such a name; whether the other 1 were trained on is not known/,
    );
  });

  it('refuses a list that is none, with its line', () => {
    expect(() => readSeen('image,group,pixels\nok/a.png,p1,zz\n')).toThrow(/line 2: pixels/);
    expect(() => readHeldOut('file\nok/a.png\n')).toThrow(/line 2: image/);
  });
});
