/** Cameras that send one picture for part after part. Bounded: ids come from outside. */

import type { CameraId, Frame } from '../frame/frame.ts';
import { SamePicture } from '../frame/same-picture.ts';
import type { CameraSettings } from './cameras.ts';

const MAX_CAMERAS = 10_000;

export class FrozenCameras {
  private readonly pictures = new Map<CameraId, SamePicture>();

  /**
   * Takes note of a frame, in the order in which a camera's frames come. What no camera took, simulated, freezes nothing.
   * @returns how many frames in a row show this picture, where that are too many for the camera to be believed; else null
   */
  note(frame: Frame, { frozenAfter }: CameraSettings): number | null {
    if (frozenAfter === null || frame.isSimulated) return null;
    const { cameraId, frameId } = frame;
    if (this.pictures.size >= MAX_CAMERAS && !this.pictures.has(cameraId)) this.pictures.clear();
    const picture = this.pictures.get(cameraId) ?? new SamePicture();
    this.pictures.set(cameraId, picture);
    const frames = picture.note(frame, frameId);
    return frames >= frozenAfter ? frames : null;
  }
}
