/**
 * Loupe's topics. `root` may have several levels.
 *
 *   in    {root}/{camera}/frame                 the image as it is
 *         {root}/{camera}/frame/{frameId}       the same, for MQTT 3.1.1, which has no user properties
 *         {root}/{camera}/request               an InspectRequest in protobuf
 *   out   {root}/{camera}/result | error        one message per frame
 *         {root}/{camera}/state                 retained
 *         {root}/status                         retained, with a Last Will
 *         {root}/reply/{anything}               where a sender may ask its answers to go, or any other free topic
 */

import { type CameraId, type FrameId } from '../../frame/frame.ts';
import { cameraIdFrom, frameIdFrom } from '../../frame/identifiers.ts';
import type { Refusal } from '../../frame/verdict.ts';
import { invalidRequest, quote } from '../intake.ts';

export type InTopic =
  | { readonly kind: 'frame'; readonly cameraId: CameraId; readonly frameId: FrameId | null }
  | { readonly kind: 'request'; readonly cameraId: CameraId };

export type RefusedTopic = Refusal & { readonly cameraId: CameraId | null };

export const REPLY_LEVEL = 'reply';
export const MAX_RESPONSE_TOPIC_LENGTH = 256;
export const MAX_TOPIC_LEVELS = 32;

/** What only Loupe publishes, as the level below a camera. */
const OUT_LEVELS = ['result', 'error', 'state'];
const IN_LEVELS = ['frame', 'request'];
/** Control characters, NUL among them, are no part of a topic that anything can be done with. */
const UNUSABLE = /[+#\p{Cc}\p{Cs}]/u;

export class Topics {
  readonly root: string;

  /** @param root without `+`, `#` and empty levels */
  constructor(root: string) {
    this.root = root;
  }

  /** The filters that catch every frame and request. */
  get inFilters(): readonly string[] {
    return [`${this.root}/+/frame`, `${this.root}/+/frame/+`, `${this.root}/+/request`];
  }

  get status(): string {
    return `${this.root}/status`;
  }

  error(cameraId: CameraId): string {
    return `${this.root}/${cameraId}/error`;
  }

  /** True for every topic of the shape of a frame or request, with good ids or not. */
  isIn(topic: string): boolean {
    const levels = this.levelsBelowRoot(topic);
    if (levels === null) return false;
    return (
      (levels.length === 2 || (levels.length === 3 && levels[1] === 'frame')) && IN_LEVELS.includes(levels[1] ?? '')
    );
  }

  /**
   * `topic` read as a frame or request, a refusal where an id in it breaks the rule, null where it is none. A refusal for the
   * frame id knows the camera, which can be told.
   */
  parse(topic: string): InTopic | RefusedTopic | null {
    const levels = this.isIn(topic) ? this.levelsBelowRoot(topic) : null;
    if (levels === null) return null;
    const [camera = '', kind, frame] = levels;
    const cameraId = cameraIdFrom(camera);
    if (cameraId === null) {
      return { ...invalidRequest(`expected a camera id as topic level, got ${quote(camera)}`), cameraId };
    }
    if (kind === 'request') return { kind: 'request', cameraId };
    if (frame === undefined) return { kind: 'frame', cameraId, frameId: null };
    const frameId = frameIdFrom(frame);
    if (frameId === null) {
      return { ...invalidRequest(`expected a frame id as last topic level, got ${quote(frame)}`), cameraId };
    }
    return { kind: 'frame', cameraId, frameId };
  }

  /** Whether the answer to a frame of `cameraId` may go to `topic`: never round in a circle, never in another's name. */
  isResponseTopic(topic: string, cameraId: CameraId): boolean {
    if (topic === '' || topic.length > MAX_RESPONSE_TOPIC_LENGTH || topic.startsWith('$') || UNUSABLE.test(topic))
      return false;
    if (topic.split('/').length > MAX_TOPIC_LEVELS) return false;
    if (this.isIn(topic) || topic === this.status) return false;
    const levels = this.levelsBelowRoot(topic);
    const isOut = levels?.length === 2 && OUT_LEVELS.includes(levels[1] ?? '');
    return !isOut || topic === `${this.root}/${cameraId}/result`;
  }

  /** True for a filter that catches replies only. */
  isReplyFilter(filter: string): boolean {
    const levels = this.levelsBelowRoot(filter);
    return (
      levels?.length === 2 && levels[0] === REPLY_LEVEL && !/[+#]/.test(filter) && !OUT_LEVELS.includes(levels[1] ?? '')
    );
  }

  private levelsBelowRoot(topic: string): readonly string[] | null {
    const { root } = this;
    return topic.startsWith(`${root}/`) ? topic.slice(root.length + 1).split('/') : null;
  }
}
