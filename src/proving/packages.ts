/** Model packages by what a result says of its model, each read and hashed once while it is among the last few asked for. */

import type { ModelRef } from '../frame/verdict.ts';
import type { ModelPackage } from '../model-repository/package.ts';

const KEPT = 8;

export class Packages {
  private readonly load: (name: string, version: string) => Promise<ModelPackage>;
  private readonly known = new Map<string, Promise<ModelPackage>>();

  /** @param load throws ModelPackageError */
  constructor(load: (name: string, version: string) => Promise<ModelPackage>) {
    this.load = load;
  }

  /**
   * By SHA-256 too: a version may have been removed, and another added in its place. What is another one, and what fails, is not kept:
   * the next call looks again.
   * @throws ModelPackageError
   */
  get({ name, version, sha256 }: ModelRef): Promise<ModelPackage> {
    const key = `${name}/${version} ${sha256}`;
    const known = this.known.get(key);
    this.known.delete(key);
    const found = known ?? this.load(name, version);
    this.known.set(key, found);
    const forget = () => this.known.get(key) === found && this.known.delete(key);
    void found.then((loaded) => loaded.manifest.sha256 === sha256 || forget(), forget);
    const [oldest] = this.known.keys();
    if (this.known.size > KEPT && oldest !== undefined) this.known.delete(oldest);
    return found;
  }
}
