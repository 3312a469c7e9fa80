/** The client's own ledger of a fault run: what it sent, what it was answered, and whether the store agrees afterwards. */

import { connectGrpcSender } from '../../../src/client/grpc-sender.ts';
import type { FrameSender, SendOutcome } from '../../../src/client/sender.ts';
import { StoreReader } from '../../../src/record/store-reader.ts';
import { verifyStore } from '../../../src/record/verify.ts';
import { greyPng } from '../../support/images.ts';

export type Answer = Extract<SendOutcome, { kind: 'answered' }>;

const LEVELS = 200;

export class Books {
  readonly camera: string;
  /** The first answer to each frame. */
  readonly answered = new Map<string, Answer>();
  /** Sent and not answered: a camera sends them again. */
  readonly unanswered = new Set<string>();
  /** Answers that differ from the first one to the same frame. */
  readonly changed: string[] = [];
  /** Frames that the store could not take at that moment. */
  refusals = 0;
  private next = 0;

  constructor(camera = 'cam-1') {
    this.camera = camera;
  }

  /** Sends what was not answered once more, then new frames, `lanes` at once, until `stop` or an error of the connection. */
  async sendUntil(address: string, stop: AbortSignal, lanes = 6): Promise<void> {
    const sender = await connectGrpcSender({ address });
    const again = [...this.unanswered];
    const lane = async () => {
      while (!stop.aborted) {
        const outcome = await this.send(sender, again.shift() ?? `f${this.next++}`);
        if (outcome.kind !== 'error') continue;
        if (outcome.code !== 'store_unavailable') return;
        this.refusals += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    await sender.close();
  }

  /** Sends `count` new frames, six at a time. @throws where one is not answered */
  async sendMore(address: string, count: number): Promise<void> {
    const sender = await connectGrpcSender({ address });
    const ids = Array.from({ length: count }, () => `f${this.next++}`);
    const lane = async () => {
      for (let frameId = ids.shift(); frameId !== undefined; frameId = ids.shift()) {
        const outcome = await this.send(sender, frameId);
        if (outcome.kind === 'error') throw new Error(`${frameId}: ${outcome.code}: ${outcome.message}`);
      }
    };
    await Promise.all(Array.from({ length: 6 }, lane));
    await sender.close();
  }

  async send(sender: FrameSender, frameId: string): Promise<SendOutcome> {
    this.unanswered.add(frameId);
    const frame = { cameraId: this.camera, frameId, contentType: null, capturedAt: null, sequence: null };
    const bytes = await imageOf(frameId);
    const outcome = await sender.send({ ...frame, bytes, isSimulated: false });
    if (outcome.kind === 'error') return outcome;
    const first = this.answered.get(frameId);
    if (first === undefined) this.answered.set(frameId, outcome);
    else if (first.resultId !== outcome.resultId) this.changed.push(`${frameId}: answered twice, differently`);
    this.unanswered.delete(frameId);
    return outcome;
  }

  /**
   * What does not add up between this ledger and the store; empty when all is well.
   * @param others cameras that have books of their own
   */
  async complaints(store: string, others: readonly string[] = []): Promise<string[]> {
    let reader: StoreReader;
    try {
      reader = new StoreReader(store);
    } catch (error) {
      return [`the store cannot be opened: ${String(error)}`];
    }
    const found = [...this.changed];
    try {
      const integrity = String(reader.database.pragma('integrity_check', { simple: true }));
      if (integrity !== 'ok') found.push(`integrity_check: ${integrity}`);
      const rows = reader.database
        .prepare<[], Row>(
          'SELECT camera_id AS camera, frame_id AS frameId, result_id AS resultId, verdict, hex(image_sha256) AS image FROM results',
        )
        .all();
      found.push(...this.compare(rows.filter(({ camera }) => !others.includes(camera))));
      const { findings } = await verifyStore(store);
      found.push(...findings.map((finding) => `verify: ${JSON.stringify(finding)}`));
    } catch (error) {
      found.push(`the store cannot be read: ${String(error)}`);
    } finally {
      reader.close();
    }
    return found;
  }

  private compare(rows: readonly Row[]): string[] {
    const found: string[] = [];
    const byFrame = new Map(rows.map((row) => [row.frameId, row]));
    const images = new Set<string>();
    for (const { image, frameId } of rows) {
      if (images.has(image)) found.push(`${frameId}: twice in the ledger`);
      images.add(image);
    }
    for (const [frameId, { resultId, verdict }] of this.answered) {
      const row = byFrame.get(frameId);
      if (row === undefined) found.push(`${frameId}: answered ${verdict}, missing in the ledger`);
      else if (row.resultId !== resultId || row.verdict !== verdict) found.push(`${frameId}: answered another row`);
    }
    for (const frameId of byFrame.keys()) {
      if (!this.answered.has(frameId) && !this.unanswered.has(frameId)) found.push(`${frameId}: never sent`);
    }
    // The brightness of the frame is its probability: a part that passes without being good passed by accident.
    for (const [frameId, { verdict }] of this.answered) {
      if (verdict === 'PASS' && levelOf(frameId) > 128) found.push(`${frameId}: a defect passed`);
    }
    return found;
  }
}

interface Row {
  readonly camera: string;
  readonly frameId: string;
  readonly resultId: string;
  readonly verdict: string;
  readonly image: string;
}

const indexOf = (frameId: string) => Number(frameId.slice(1));
const levelOf = (frameId: string) => indexOf(frameId) % LEVELS;

/** Other bytes for every frame. */
function imageOf(frameId: string): Promise<Uint8Array> {
  return greyPng(levelOf(frameId), 16 + Math.floor(indexOf(frameId) / LEVELS));
}
