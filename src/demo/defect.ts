/** What goes wrong with a flange: from plain to see down to hardly there. */

import type { Canvas } from './canvas.ts';
import { isOnMetal, type Pose } from './flange.ts';
import { between, type Random } from './random.ts';

export const DEFECTS = ['scratch', 'crack', 'dent', 'stain'] as const;
export type Defect = (typeof DEFECTS)[number] | 'none';

export function drawDefect(canvas: Canvas, pose: Pose, defect: (typeof DEFECTS)[number], random: Random): void {
  // Leaning to the small side, as on a line; below a quarter nobody would see it at the model's resolution.
  const severity = 0.25 + 0.75 * random() ** 1.3;
  const [x, y] = placeOnMetal(pose, random);
  switch (defect) {
    case 'scratch':
      return drawScratch(canvas, pose, x, y, severity, random);
    case 'crack':
      return drawCrack(canvas, pose, x, y, severity, random);
    case 'dent':
      return drawDent(canvas, pose, x, y, severity, random);
    case 'stain':
      return drawStain(canvas, pose, x, y, severity, random);
  }
}

function placeOnMetal(pose: Pose, random: Random): readonly [x: number, y: number] {
  for (let attempt = 0; attempt < 50; attempt++) {
    const r = pose.radius * between(random, 0.3, 0.94);
    const angle = between(random, 0, 2 * Math.PI);
    const x = pose.cx + Math.cos(angle) * r;
    const y = pose.cy + Math.sin(angle) * r;
    if (isOnMetal(pose, x, y, 0.04)) return [x, y];
  }
  return [pose.cx + pose.radius * 0.5, pose.cy];
}

/** A straight or slightly bent bright line with a dark lip. */
function drawScratch(canvas: Canvas, pose: Pose, x: number, y: number, severity: number, random: Random): void {
  const length = pose.radius * (0.18 + 0.75 * severity * random());
  const angle = between(random, 0, 2 * Math.PI);
  const bend = between(random, -0.5, 0.5);
  const points: [number, number][] = [];
  for (let k = 0; k <= 10; k++) {
    const t = k / 10 - 0.5;
    const a = angle + bend * t;
    const point: [number, number] = [x + Math.cos(a) * length * t, y + Math.sin(a) * length * t];
    if (isOnMetal(pose, point[0], point[1], 0)) points.push(point);
  }
  const width = 1.2 + 1.6 * severity;
  const contrast = 22 + 60 * severity;
  canvas.line(points, width, contrast);
  canvas.line(
    points.map(([px, py]) => [px + 1.4, py + 1.4] as const),
    width * 0.8,
    -contrast * 0.5,
  );
}

/** A dark jagged walk that starts where it will and may fork once. */
function drawCrack(canvas: Canvas, pose: Pose, x: number, y: number, severity: number, random: Random): void {
  const steps = Math.round(6 + 16 * severity);
  const width = 1.3 + 1.3 * severity;
  const change = -(40 + 60 * severity);
  const walk = (fromX: number, fromY: number, heading: number, count: number): [number, number][] => {
    const points: [number, number][] = [[fromX, fromY]];
    let [px, py, angle] = [fromX, fromY, heading];
    for (let k = 0; k < count; k++) {
      angle += between(random, -0.7, 0.7);
      const nextX = px + Math.cos(angle) * pose.radius * 0.035;
      const nextY = py + Math.sin(angle) * pose.radius * 0.035;
      if (!isOnMetal(pose, nextX, nextY, 0)) {
        angle += Math.PI / 2;
        continue;
      }
      [px, py] = [nextX, nextY];
      points.push([px, py]);
    }
    return points;
  };
  const heading = between(random, 0, 2 * Math.PI);
  const trunk = walk(x, y, heading, steps);
  canvas.line(trunk, width, change);
  const fork = trunk[Math.floor(trunk.length / 2)];
  if (fork !== undefined && random() < 0.5)
    canvas.line(walk(...fork, heading + 0.9, steps / 2), width * 0.8, change * 0.8);
}

/** A hollow: one side in shadow, the other in the light. */
function drawDent(canvas: Canvas, pose: Pose, x: number, y: number, severity: number, random: Random): void {
  const radius = pose.radius * (0.035 + 0.085 * severity);
  const lamp = between(random, 0, 2 * Math.PI);
  const [lx, ly] = [Math.cos(lamp), Math.sin(lamp)];
  const depth = 45 + 65 * severity;
  canvas.around(x, y, radius, (i, distance, dx, dy) => {
    const fall = 1 - (distance / radius) ** 2;
    const side = (dx * lx + dy * ly) / radius;
    canvas.light[i] = (canvas.light[i] ?? 0) + fall * depth * (side * 1.6 - 0.25);
  });
}

/** Overlapping brownish drops. */
function drawStain(canvas: Canvas, pose: Pose, x: number, y: number, severity: number, random: Random): void {
  const drops = Math.round(between(random, 2, 6));
  const reach = pose.radius * (0.05 + 0.13 * severity);
  const depth = 10 + 34 * severity;
  for (let n = 0; n < drops; n++) {
    const radius = reach * between(random, 0.5, 1.1);
    const dropX = x + between(random, -0.8, 0.8) * reach;
    const dropY = y + between(random, -0.8, 0.8) * reach;
    canvas.around(dropX, dropY, radius, (i, distance) => {
      const soft = Math.min(1, (1 - distance / radius) * 2);
      canvas.light[i] = (canvas.light[i] ?? 0) - depth * soft * 0.7;
      canvas.warmth[i] = Math.min(30, (canvas.warmth[i] ?? 0) + depth * soft * 0.35);
    });
  }
}
