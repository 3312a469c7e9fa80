import type { ImageLook } from './image-look.ts';

/** What is learned about a frame on its way for the observer alone. */
export interface FrameNotes {
  batchSize: number | null;
  /** Null where nothing was recorded. */
  recordMs: number | null;
  /** Null where nothing was scored. */
  look: ImageLook | null;
}
