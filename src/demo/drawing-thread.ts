/** Draws and encodes parts on a thread of its own, so that the demo's cameras take no time from the service's. */

import { parentPort } from 'node:worker_threads';
import type { DrawRequest, DrawnPart } from './drawing.ts';
import { encodeJpeg } from './jpeg.ts';
import { nextPart } from './part-stream.ts';

const port = parentPort;
if (port === null) throw new Error('drawing-thread runs as a worker only');

port.on('message', ({ id, index, defectRatio, line }: DrawRequest) => {
  const { defect, pixels, size } = nextPart(index, defectRatio, line);
  void encodeJpeg(pixels, size).then((jpeg) => {
    const drawn: DrawnPart & { id: number } = { id, defect, jpeg: new Uint8Array(jpeg) };
    port.postMessage(drawn, [drawn.jpeg.buffer as ArrayBuffer]);
  });
});
