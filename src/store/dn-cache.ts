// Names that were put together once, for all who read.
import { IdTable } from "./id-table.js";

/** Computed DNs that many readers share; `DnCache.get` answers only readers for whom the name still holds. */
export interface DnCache {
  get(id: number, revision: number): string | undefined;
  set(id: number, revision: number, dn: string): void;
  /** Since which revision no name has changed; undefined for readers of an earlier one. */
  unchangedSince(revision: number): number | undefined;
}

/** What a remembered name costs beside its characters. */
const nameOverhead = 100;

/**
 * DNs computed once and read often. A rename makes all of them doubtful, so all are dropped; and so are all when they
 * are too many, which is rarer than keeping an order among them would be dear.
 */
export class SharedDns implements DnCache {
  readonly #names = new IdTable<string>();
  readonly #mostBytes: number;
  #bytes = 0;
  #since = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get(id: number, revision: number): string | undefined {
    return revision >= this.#since ? this.#names.get(id) : undefined;
  }

  set(id: number, revision: number, dn: string): void {
    if (revision < this.#since) return;
    this.#bytes += nameOverhead + dn.length;
    if (this.#bytes > this.#mostBytes) this.reset(this.#since);
    this.#names.set(id, dn);
  }

  unchangedSince(revision: number): number | undefined {
    return revision >= this.#since ? this.#since : undefined;
  }

  reset(since: number): void {
    this.#names.clear();
    this.#bytes = 0;
    this.#since = since;
  }
}
