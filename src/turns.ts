/** Work that is done one after the other, in the order in which it was asked for. What fails holds nothing up. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when all that was asked for by now is done. */
  async done(): Promise<void> {
    await this.last;
  }
}
