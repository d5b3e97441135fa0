// Changes that are not written yet, laid over rows that are.
import { idBytes, type Key } from "./keys.js";
import type { RowEditor } from "./postings.js";
import type { RangeOptions, Row, RowReader, RowSpace } from "./rows.js";

/** So many keys are put in their places one by one. */
const fewKeys = 16;

export class Overlay implements RowEditor {
  readonly #base: RowReader;
  /** What changed: undefined is a deletion. */
  readonly changes = new Map<Key, Buffer | undefined>();
  /** The changed keys in order, but for the newest, which are put in their places when a range is asked for. */
  #ordered: Key[] = [];
  #unordered: Key[] = [];

  constructor(base: RowReader) {
    this.#base = base;
  }

  get(key: Key): Buffer | undefined {
    const changed = this.changes.get(key);
    return changed !== undefined || this.changes.has(key) ? changed : this.#base.get(key);
  }

  byId<T>(space: RowSpace<T>, id: number): T | undefined {
    const key = space.prefix + idBytes(id);
    const changed = this.changes.get(key);
    if (changed !== undefined) return space.decode(id, changed);
    return this.changes.has(key) ? undefined : this.#base.byId(space, id);
  }

  put(key: Key, value: Buffer): void {
    this.#set(key, value);
  }

  delete(key: Key): void {
    this.#set(key, undefined);
  }

  /** Takes over the changes of an overlay that lay over this one. */
  absorb(changes: ReadonlyMap<Key, Buffer | undefined>): void {
    for (const [key, value] of changes) this.#set(key, value);
  }

  #set(key: Key, value: Buffer | undefined): void {
    const { size } = this.changes;
    this.changes.set(key, value);
    if (this.changes.size > size) this.#unordered.push(key);
  }

  /** The changed keys from `from` (inclusive) to `to` (exclusive), in order. */
  #changed(from: Key, to: Key): Key[] {
    this.#order();
    return this.#ordered.slice(firstNotBelow(this.#ordered, from), firstNotBelow(this.#ordered, to));
  }

  #order(): void {
    const fresh = this.#unordered;
    if (fresh.length === 0) return;
    this.#unordered = [];
    if (fresh.length <= fewKeys) {
      for (const key of fresh) this.#ordered.splice(firstNotBelow(this.#ordered, key), 0, key);
      return;
    }
    fresh.sort(byKey);
    const ordered = this.#ordered;
    const merged: Key[] = [];
    let at = 0;
    for (const key of fresh) {
      while (at < ordered.length && ordered[at]! < key) merged.push(ordered[at++]!);
      merged.push(key);
    }
    while (at < ordered.length) merged.push(ordered[at++]!);
    this.#ordered = merged;
  }

  async *range(from: Key, to: Key, options: RangeOptions = {}): AsyncGenerator<Row[], void, void> {
    const { reverse = false, limit = Number.POSITIVE_INFINITY, batch = 500 } = options;
    const changed = this.#changed(from, to);
    if (changed.length === 0) {
      yield* this.#base.range(from, to, options);
      return;
    }
    if (reverse) changed.reverse();
    const isBefore = (a: Key, b: Key) => (reverse ? a > b : a < b);
    let at = 0;
    let left = limit;
    const take = (rows: Row[]): Row[] => {
      const taken = rows.slice(0, left);
      left -= taken.length;
      return taken;
    };
    const changesUpTo = (bound: Key | undefined, into: Row[]) => {
      for (; at < changed.length && (bound === undefined || !isBefore(bound, changed[at]!)); at++) {
        const value = this.changes.get(changed[at]!);
        if (value !== undefined) into.push({ key: changed[at]!, value });
      }
    };
    // Each change hides one row at most, so no more rows than these can be needed.
    const needed = limit + changed.length;
    const below = needed < batch ? { reverse, batch: needed, limit: needed } : { reverse, batch };
    for await (const rows of this.#base.range(from, to, below)) {
      const merged: Row[] = [];
      for (const row of rows) {
        changesUpTo(row.key, merged);
        if (!this.changes.has(row.key)) merged.push(row);
      }
      if (merged.length > 0) yield take(merged);
      if (left <= 0) return;
    }
    const rest: Row[] = [];
    changesUpTo(undefined, rest);
    if (rest.length > 0) yield take(rest);
  }
}

const byKey = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0);

/** Where the first key stands that is not below this one. */
function firstNotBelow(ordered: readonly Key[], key: Key): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ordered[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
