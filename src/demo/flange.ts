/** The shape of the flange: where metal is. All lengths are in outer radii. */

/** Where the part lies in the picture; pixels and radians. */
export interface Pose {
  readonly cx: number;
  readonly cy: number;
  /** Outer radius. */
  readonly radius: number;
  readonly angle: number;
}

export const BORE = 0.24;
export const HUB = 0.42;
const BOLT_CIRCLE = 0.7;
export const BOLT = 0.085;
export const BOLTS = 6;
/** Centre of a bolt hole in pixels. */
export function boltAt(pose: Pose, n: number): readonly [x: number, y: number] {
  const angle = pose.angle + (n * 2 * Math.PI) / BOLTS;
  const reach = pose.radius * BOLT_CIRCLE;
  return [pose.cx + Math.cos(angle) * reach, pose.cy + Math.sin(angle) * reach];
}

/** Whether a point lies on metal, `margin` (in outer radii) away from every edge. */
export function isOnMetal(pose: Pose, x: number, y: number, margin: number): boolean {
  const r = Math.hypot(x - pose.cx, y - pose.cy) / pose.radius;
  if (r < BORE + margin || r > 1 - margin) return false;
  for (let n = 0; n < BOLTS; n++) {
    const [bx, by] = boltAt(pose, n);
    if (Math.hypot(x - bx, y - by) / pose.radius < BOLT + margin) return false;
  }
  return true;
}
