// Found entries in batches, of which a part can be given back: a page ends where it ends, not where a batch does.
import type { VisibleEntry } from "../access/visible-entry.js";

export class EntryStream {
  readonly #batches: AsyncGenerator<readonly VisibleEntry[], void, void>;
  #returned: readonly VisibleEntry[] | undefined;

  constructor(batches: AsyncGenerator<readonly VisibleEntry[], void, void>) {
    this.#batches = batches;
  }

  /** The next entries; undefined at the end. */
  async next(): Promise<readonly VisibleEntry[] | undefined> {
    const returned = this.#returned;
    this.#returned = undefined;
    if (returned) return returned;
    const next = await this.#batches.next();
    return next.done ? undefined : next.value;
  }

  /** Gives back entries that were not used; they come first the next time. */
  giveBack(entries: readonly VisibleEntry[]): void {
    this.#returned = entries;
  }

  /** Ends the search behind it. */
  close(): void {
    this.#returned = undefined;
    this.#batches.return().catch(() => {}); // whatever fails now, nobody waits for it any more
  }
}
