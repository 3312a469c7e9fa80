/**
 * A turned metal flange as a line camera sees it from above, drawn from a seed.
 *
 *        ____
 *      / o  o \      outer rim, chamfer, six bolt holes on a circle, a raised hub around the bore;
 *     | o (()) o |    rings left by the lathe, one fan of light that turns with the lamp,
 *      \ o  o /      pose, exposure and noise different on every part
 *        ‾‾‾‾
 */

import { Canvas } from './canvas.ts';
import { type Defect, drawDefect } from './defect.ts';
import { BOLT, BOLTS, BORE, boltAt, HUB, type Pose } from './flange.ts';
import { between, type Random, randomFrom } from './random.ts';

export const PART_SIZE = 320;

const RINGS_PER_PIXEL = 2;

/** Unit noise, one table for all parts: drawing it anew would cost more than the part. Length is a power of two. */
const NOISE = (() => {
  const random = randomFrom(20_26);
  return Float32Array.from({ length: 1 << 16 }, () => random() + random() + random() - 1.5);
})();

/**
 * @param seed the same seed and defect give the same pixels everywhere
 * @param size edge length in pixels
 * @returns uint8 HWC, RGB, size*size*3 bytes
 */
export function drawPart(seed: number, defect: Defect, size: number = PART_SIZE): Uint8Array {
  const random = randomFrom(seed);
  const canvas = new Canvas(size);
  const pose: Pose = {
    cx: size * between(random, 0.47, 0.53),
    cy: size * between(random, 0.47, 0.53),
    radius: size * between(random, 0.41, 0.445),
    angle: between(random, 0, Math.PI),
  };
  drawBody(canvas, pose, random);
  drawBolts(canvas, pose);
  drawHarmless(canvas, pose, random);
  const gain = between(random, 0.86, 1.14);
  const noiseOffset = Math.floor(random() * NOISE.length);
  const noiseAmount = between(random, 4, 9);
  // Last of all, so that the same seed without its defect is the same part, pixel for pixel.
  if (defect !== 'none') drawDefect(canvas, pose, defect, random);
  return canvas.develop(gain, NOISE, noiseOffset, noiseAmount);
}

function drawBody(canvas: Canvas, pose: Pose, random: Random): void {
  const { size, light } = canvas;
  const { cx, cy, radius } = pose;
  const metal = between(random, 128, 152);
  const floor = between(random, 24, 40);
  const lamp = between(random, 0, 2 * Math.PI);
  const [lampX, lampY] = [Math.cos(lamp), Math.sin(lamp)];
  const slope = between(random, 6, 18) / radius;
  const fan = between(random, 10, 24);
  const fanAngle = between(random, 0, 2 * Math.PI);
  const [fanX, fanY] = [Math.cos(fanAngle), Math.sin(fanAngle)];
  const profile = ringProfile(Math.ceil(radius) + 2, radius, random);
  for (let y = 0; y < size; y++) {
    const dy = y - cy;
    for (let x = 0; x < size; x++) {
      const dx = x - cx;
      const r = Math.sqrt(dx * dx + dy * dy);
      const i = y * size + x;
      if (r > radius + 0.5) {
        // The belt, with the part's soft shadow on it.
        light[i] = floor * (1 - 0.5 * Math.max(0, 1 - (r - radius) / 12));
        continue;
      }
      const gloss = r > 1 ? ((dx * dx - dy * dy) * fanX + 2 * dx * dy * fanY) / (r * r) : 0;
      const ring = profile[Math.floor(r * RINGS_PER_PIXEL)] ?? 0;
      let value = metal + ring + gloss * fan + (dx * lampX + dy * lampY) * slope;
      const intoBore = BORE * radius + 0.5 - r;
      if (intoBore > 0) value += (18 - value) * Math.min(1, intoBore);
      const atRim = r - (radius - 0.5);
      if (atRim > 0) value += (floor * 0.5 - value) * Math.min(1, atRim);
      light[i] = value;
    }
  }
}

/** Brightness by radius: the lathe's rings, and the chamfers at rim, hub and bore. */
function ringProfile(pixels: number, radius: number, random: Random): Float32Array {
  const profile = new Float32Array(pixels * RINGS_PER_PIXEL);
  const depth = between(random, 3, 8);
  let drift = 0;
  for (let k = 0; k < profile.length; k++) {
    const r = k / RINGS_PER_PIXEL / radius;
    drift = drift * 0.8 + (random() - 0.5) * depth;
    const chamfer = bump(r, 0.97, 0.02) * 45 - bump(r, HUB, 0.012) * 60 + bump(r, HUB - 0.03, 0.015) * 30;
    profile[k] = drift + chamfer + bump(r, BORE + 0.02, 0.015) * 40 + (r < HUB ? 10 : 0);
  }
  return profile;
}

function bump(r: number, at: number, width: number): number {
  const d = (r - at) / width;
  return Math.exp(-d * d);
}

function drawBolts(canvas: Canvas, pose: Pose): void {
  const hole = BOLT * pose.radius;
  for (let n = 0; n < BOLTS; n++) {
    const [x, y] = boltAt(pose, n);
    canvas.around(x, y, hole + 3, (i, distance, dx) => {
      const value = canvas.light[i] ?? 0;
      const into = Math.min(1, Math.max(0, hole + 0.5 - distance));
      const edge = Math.max(0, 1 - Math.abs(distance - hole - 1) / 2) * (dx > 0 ? 22 : -14);
      canvas.light[i] = (value + edge) * (1 - into) + 16 * into;
    });
  }
}

/** What a good part may have: dust, and a faint mark of the tool. A model has to tell these from defects. */
function drawHarmless(canvas: Canvas, pose: Pose, random: Random): void {
  const specks = Math.floor(between(random, 0, 5));
  for (let n = 0; n < specks; n++) {
    const x = pose.cx + between(random, -1, 1) * pose.radius;
    const y = pose.cy + between(random, -1, 1) * pose.radius;
    const change = between(random, -22, 26);
    canvas.around(x, y, 1.6, (i, distance) => {
      canvas.light[i] = (canvas.light[i] ?? 0) + change * Math.max(0, 1 - distance / 1.6);
    });
  }
  if (random() < 0.3) {
    const r = pose.radius * between(random, 0.5, 0.92);
    const start = between(random, 0, 2 * Math.PI);
    const arc = Array.from({ length: 12 }, (_, k): [number, number] => {
      const angle = start + k * 0.05;
      return [pose.cx + Math.cos(angle) * r, pose.cy + Math.sin(angle) * r];
    });
    canvas.line(arc, 1.2, between(random, -9, 9));
  }
}
