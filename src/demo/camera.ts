/** A simulated camera: takes a picture of the next part at its rate and sends it, whatever became of the one before. */

import type { FrameSender, SendOutcome } from '../client/sender.ts';
import type { Defect } from './defect.ts';
import type { Drawing } from './drawing.ts';

export interface CameraOptions {
  readonly id: string;
  readonly sender: FrameSender;
  readonly drawing: Drawing;
  readonly framesPerSecond: number;
  /** Share of defective parts, 0..1. */
  readonly defectRatio: number;
  readonly line: number;
  /** Starts every frame id, so that no two runs share one. */
  readonly run: string;
  readonly onAnswer: (cameraId: string, defect: Defect, outcome: SendOutcome) => void;
}

/** More unanswered frames than this, and the camera skips a trigger, as a real one does with its buffer full. */
const MAX_UNANSWERED = 16;

export class DemoCamera {
  private readonly options: CameraOptions;
  private readonly unanswered = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private index = 0;
  private sequence = 0n;

  constructor(options: CameraOptions) {
    this.options = options;
  }

  start(): void {
    this.timer = setInterval(() => this.trigger(), 1000 / this.options.framesPerSecond);
  }

  /** Resolves when every frame sent has its answer. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.unanswered);
  }

  private trigger(): void {
    if (this.unanswered.size >= MAX_UNANSWERED) return;
    const shot = this.shoot(this.index++).finally(() => this.unanswered.delete(shot));
    this.unanswered.add(shot);
  }

  private async shoot(index: number): Promise<void> {
    const { id, sender, drawing, defectRatio, line, run, onAnswer } = this.options;
    const capturedAt = Date.now();
    const { defect, jpeg } = await drawing.draw(index, defectRatio, line);
    this.sequence += 1n;
    const outcome = await sender.send({
      cameraId: id,
      frameId: `${run}-${String(index).padStart(6, '0')}`,
      bytes: jpeg,
      contentType: 'image/jpeg',
      capturedAt,
      sequence: this.sequence,
      isSimulated: true,
    });
    onAnswer(id, defect, outcome);
  }
}
