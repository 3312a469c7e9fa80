/** A grey picture in floats with a warmth beside it, and soft shapes stamped onto it. */

export class Canvas {
  readonly size: number;
  /** Brightness 0..255 before clamping, row by row. */
  readonly light: Float32Array;
  /** Added to red and taken from blue. */
  readonly warmth: Float32Array;

  constructor(size: number) {
    this.size = size;
    this.light = new Float32Array(size * size);
    this.warmth = new Float32Array(size * size);
  }

  /**
   * Calls `paint` for each pixel within `radius` of (cx, cy), with its distance and its index.
   * @param radius pixels; what lies outside the picture is left out
   */
  around(cx: number, cy: number, radius: number, paint: (i: number, distance: number, dx: number, dy: number) => void) {
    const { size } = this;
    const bottom = Math.min(size - 1, Math.floor(cy + radius));
    const right = Math.min(size - 1, Math.floor(cx + radius));
    for (let y = Math.max(0, Math.ceil(cy - radius)); y <= bottom; y++) {
      for (let x = Math.max(0, Math.ceil(cx - radius)); x <= right; x++) {
        const dx = x - cx;
        const dy = y - cy;
        const distance = Math.sqrt(dx * dx + dy * dy);
        if (distance <= radius) paint(y * size + x, distance, dx, dy);
      }
    }
  }

  /** Adds a soft line of `change` in brightness; `width` in pixels. Overlapping pieces do not add up. */
  line(points: readonly (readonly [x: number, y: number])[], width: number, change: number): void {
    const strength = new Map<number, number>();
    for (let p = 1; p < points.length; p++) {
      const [x0, y0] = points[p - 1] ?? [0, 0];
      const [x1, y1] = points[p] ?? [0, 0];
      const steps = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) * 2));
      for (let s = 0; s <= steps; s++) {
        const cx = x0 + ((x1 - x0) * s) / steps;
        const cy = y0 + ((y1 - y0) * s) / steps;
        this.around(cx, cy, width / 2 + 1, (i, distance) => {
          const cover = Math.min(1, Math.max(0, width / 2 + 0.5 - distance));
          if (cover > (strength.get(i) ?? 0)) strength.set(i, cover);
        });
      }
    }
    for (const [i, cover] of strength) this.light[i] = (this.light[i] ?? 0) + cover * change;
  }

  /** @returns uint8 HWC, RGB, after `gain` and with `noise` (a table of unit noise, read from `offset`) of `amount` */
  develop(gain: number, noise: Float32Array, offset: number, amount: number): Uint8Array {
    const { light, warmth } = this;
    const out = new Uint8Array(light.length * 3);
    const mask = noise.length - 1;
    for (let i = 0; i < light.length; i++) {
      const value = (light[i] ?? 0) * gain + (noise[(i + offset) & mask] ?? 0) * amount;
      const warm = warmth[i] ?? 0;
      out[i * 3] = clamp(value + warm);
      out[i * 3 + 1] = clamp(value);
      out[i * 3 + 2] = clamp(value * 1.03 - warm);
    }
    return out;
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
