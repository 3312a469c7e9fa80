/** Brightness, contrast and focus of pixels that are decoded already. Pure. */

import type { ImageLook } from '../frame/image-look.ts';

/** Places that are looked at: more would cost a frame more than it tells. */
const MAX_PLACES = 4096;

/**
 * Of the middle channel (green, or the only one), at no more than about 4096 places evenly spread; the Laplacian at each takes its four
 * neighbours (Pech-Pacheco et al. 2000).
 * @param pixels uint8 HWC, at least 3x3
 */
export function lookOf(pixels: Uint8Array, width: number, height: number, channels: number): ImageLook {
  const step = Math.max(1, Math.ceil(Math.sqrt(((width - 2) * (height - 2)) / MAX_PLACES)));
  const row = width * channels;
  const channel = channels >> 1;
  let count = 0;
  let sum = 0;
  let squares = 0;
  let edges = 0;
  let edgeSquares = 0;
  for (let y = 1; y < height - 1; y += step) {
    for (let x = 1; x < width - 1; x += step) {
      const at = y * row + x * channels + channel;
      const value = pixels[at] ?? 0;
      const around =
        (pixels[at - channels] ?? 0) + (pixels[at + channels] ?? 0) + (pixels[at - row] ?? 0) + (pixels[at + row] ?? 0);
      const edge = around - 4 * value;
      count++;
      sum += value;
      squares += value * value;
      edges += edge;
      edgeSquares += edge * edge;
    }
  }
  if (count === 0) return { brightness: 0, contrast: 0, focus: 0 };
  const brightness = sum / count;
  return {
    brightness,
    contrast: Math.sqrt(Math.max(0, squares / count - brightness * brightness)),
    focus: Math.max(0, edgeSquares / count - (edges / count) ** 2),
  };
}
