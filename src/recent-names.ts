/** The last names that were added, at most so many. */
export class RecentNames {
  private readonly names = new Set<string>();
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  add(name: string): void {
    this.names.delete(name);
    this.names.add(name);
    for (const oldest of this.names) {
      if (this.names.size <= this.most) return;
      this.names.delete(oldest);
    }
  }
}
