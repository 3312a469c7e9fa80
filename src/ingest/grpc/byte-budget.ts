/** Bytes of frames under way on all streams together: while it is overdrawn no stream is read. */
export class ByteBudget {
  private readonly maxBytes: number;
  private readonly onRoom = new Set<() => void>();
  private usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.usedBytes >= this.maxBytes;
  }

  take(bytes: number): void {
    this.usedBytes += bytes;
  }

  give(bytes: number): void {
    const wasFull = this.isFull;
    this.usedBytes -= bytes;
    if (wasFull && !this.isFull) for (const listener of this.onRoom) listener();
  }

  /** Calls `listener` whenever there is room again; returns how to stop. */
  whenRoom(listener: () => void): () => void {
    this.onRoom.add(listener);
    return () => this.onRoom.delete(listener);
  }
}
