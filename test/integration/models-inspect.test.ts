import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder, loupe, TEST_MODELS } from '../support/service-process.ts';

const folder = path.join(TEST_MODELS, 'float-nchw-logit', '1');
const model = path.join(folder, 'model.onnx');
const answers = Object.entries({
  name: 'foreign',
  version: '1',
  'input.resize.fit': 'fill',
  'input.resize.kernel': 'linear',
  'input.colour': 'RGB',
  'input.scale': String(1 / 255),
  'input.mean': '0.5,0.5,0.5',
  'input.std': '0.25,0.25,0.25',
  'output.kind': 'logit',
  'cuts.pass_below': '0.4',
  'cuts.fail_above': '0.6',
  golden_tolerance: '0.005',
  'training_data.source': 'elsewhere',
  'training_data.licence': 'own',
  'training_data.parts': '0',
}).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
const dark = path.join(folder, 'golden', 'grey-51.png');
const bright = path.join(folder, 'golden', 'grey-204.png');

describe('loupe models inspect', { timeout: 60_000 }, () => {
  it('says what a file says and asks for the rest', async () => {
    const { code, stdout } = await loupe(['models', 'inspect', model]);
    expect(code).toBe(0);
    expect(stdout).toContain('input.layout = NCHW');
    expect(stdout).toContain('input.colour: RGB or BGR');
  });

  it('makes a package that can be taken in, once everything is answered', async () => {
    const out = emptyFolder();
    const golden = ['--golden', `${dark}=0.083173`, '--golden', `${bright}=measured`];
    const { code, stdout, stderr } = await loupe(['models', 'inspect', model, ...answers, ...golden, '--out', out]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('measured here');
    const manifest = JSON.parse(readFileSync(path.join(out, 'foreign', '1', 'manifest.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({
      golden: [{ file: 'golden/grey-51.png', probability: 0.083173 }, { file: 'golden/grey-204.png' }],
    });
    const root = emptyFolder();
    const added = await loupe([
      'models',
      'add',
      path.join(out, 'foreign', '1'),
      '--models',
      root,
      '--json',
      '--set',
      'engine.provider=cpu',
    ]);
    expect(JSON.parse(added.stdout)).toMatchObject({ name: 'foreign', fault: null });
    expect(existsSync(path.join(root, 'foreign', '1', 'model.onnx'))).toBe(true);
    const again = await loupe(['models', 'inspect', model, ...answers, ...golden, '--out', out]);
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining('is there already: a version never changes'),
    ]);
    expect(readdirSync(path.join(out, 'foreign'))).toEqual(['1']);
  });

  it('keeps golden images apart that have one name in two folders', async () => {
    const [other, out] = [path.join(emptyFolder(), path.basename(dark)), emptyFolder()];
    copyFileSync(bright, other);
    const golden = ['--golden', `${dark}=measured`, '--golden', `${other}=measured`];
    const { code } = await loupe(['models', 'inspect', model, ...answers, ...golden, '--out', out]);
    expect(code).toBe(0);
    const copied = ['grey-51.png', 'grey-51-2.png'].map((name) =>
      readFileSync(path.join(out, 'foreign/1/golden', name)),
    );
    expect(copied).toEqual([readFileSync(dark), readFileSync(bright)]);
  });

  it('writes nothing while something is open, or where an image scores otherwise than it was said to', async () => {
    const out = emptyFolder();
    const open = await loupe(['models', 'inspect', model, '--out', out]);
    expect(open.code).toBe(1);
    const wrong = await loupe(['models', 'inspect', model, ...answers, '--golden', `${dark}=0.9`, '--out', out]);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain('is every answer as in its training?');
    expect(existsSync(path.join(out, 'foreign'))).toBe(false);
  });

  it('refuses what is no model, and bad usage', async () => {
    const text = path.join(emptyFolder(), 'x.onnx');
    writeFileSync(text, 'no model');
    const refused = await loupe(['models', 'inspect', text]);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('FAULT expected an ONNX file');
    expect((await loupe(['models', 'inspect', '/nowhere.onnx'])).code).toBe(1);
    expect((await loupe(['models', 'inspect', model, '--golden', 'x=2'])).code).toBe(2);
    expect((await loupe(['models', 'describe', 'a/b/c'])).code).toBe(2);
    expect((await loupe(['models', 'list', '--http', 'http://127.0.0.1:1', '--models', 'x'])).code).toBe(2);
    expect((await loupe(['models', 'list', '--http', 'http://127.0.0.1:1'])).code).toBe(69);
  });
});
