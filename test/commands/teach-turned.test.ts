/** Parts that lie any way and parts that lie one way, drawn, through the real backbone. */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Progress } from '../../src/commands/progress.ts';
import { runMeasuring } from '../../src/commands/teach/run-teaching.ts';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { type Random, randomFrom } from '../../src/training/random.ts';
import { emptyFolder } from '../support/service-process.ts';

const EDGE = 96;

/** A bolt from above: head with a slot, shank, thread. Where it is defective, a turn of the thread is gone. */
function bolt(random: Random, isDefective: boolean, angle: number): Promise<Uint8Array> {
  const pixels = Buffer.alloc(EDGE * EDGE * 3);
  const [light, gone] = [0.94 + 0.12 * random(), 2 + Math.floor(5 * random())];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [offX, offY] = [4 * (random() - 0.5), 4 * (random() - 0.5)];
  for (let i = 0; i < EDGE * EDGE; i++) {
    const [x, y] = [(i % EDGE) - EDGE / 2 - offX, Math.floor(i / EDGE) - EDGE / 2 - offY];
    const [along, across] = [cos * x + sin * y, cos * y - sin * x];
    const level = light * levelAt(along, Math.abs(across), isDefective ? gone : null) + 8 * (random() - 0.5);
    pixels.fill(Math.min(255, Math.max(0, Math.round(level))), 3 * i, 3 * i + 3);
  }
  return encodeJpeg(pixels, EDGE);
}

function levelAt(along: number, across: number, gone: number | null): number {
  if (along > -34 && along < -24 && across < 14) return across < 2 ? 150 : 70;
  if (along < -24 || along > 34) return 205;
  const turn = Math.floor((along + 16) / 5);
  const hasThread = along > -16 && (along + 16) % 5 < 2.5 && turn !== gone;
  if (hasThread && across < 8) return 130;
  return across < 6 ? 95 : 205;
}

async function drawn(angleOf: (random: Random) => number): Promise<string> {
  const folder = emptyFolder();
  const random = randomFrom(11);
  for (const label of ['ok', 'ng']) {
    await mkdir(path.join(folder, label));
    for (let i = 0; i < 48; i++) {
      await writeFile(path.join(folder, label, `${i}.jpg`), await bolt(random, label === 'ng', angleOf(random)));
    }
  }
  return folder;
}

const UNSEEN: Progress = { start: () => undefined, update: () => undefined, stop: () => undefined };

function measured(data: string, turns: boolean) {
  const options = {
    data,
    maxEscapes: 0.02,
    maxFalseRejects: 0.02,
    images: 16,
    draws: 2,
    measure: true,
    turns,
  } as const;
  return runMeasuring(options, UNSEEN);
}

describe('teach', () => {
  it('learns parts turned that lie any way, and sees more of their defects', { timeout: 300_000 }, async () => {
    const bolts = await drawn((random) => 2 * Math.PI * random());
    const [turned, plain] = [await measured(bolts, true), await measured(bolts, false)];
    process.stdout.write(
      `bolts that lie any way: AUROC ${turned.auroc_mean}, learned as they lie ${plain.auroc_mean}\n`,
    );
    expect(turned.turns).toEqual([180, 90, 270]);
    expect(plain.turns).toEqual([]);
    expect(turned.auroc_mean).toBeGreaterThan(plain.auroc_mean + 0.05);
  });

  it('learns no part turned where all lie one way', { timeout: 300_000 }, async () => {
    expect((await measured(await drawn((random) => 0.1 * random()), true)).turns).toEqual([]);
  });
});
