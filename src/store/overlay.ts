// Changes that are not written yet, laid over rows that are.
import type { Key } from "./keys.js";
import type { RowEditor } from "./postings.js";
import type { RangeOptions, Row, RowReader } from "./rows.js";

export class Overlay implements RowEditor {
  readonly #base: RowReader;
  /** What changed: undefined is a deletion. */
  readonly changes = new Map<Key, Buffer | undefined>();

  constructor(base: RowReader) {
    this.#base = base;
  }

  get(key: Key): Buffer | undefined {
    const changed = this.changes.get(key);
    return changed !== undefined || this.changes.has(key) ? changed : this.#base.get(key);
  }

  put(key: Key, value: Buffer): void {
    this.changes.set(key, value);
  }

  delete(key: Key): void {
    this.changes.set(key, undefined);
  }

  /** Takes over the changes of an overlay that lay over this one. */
  absorb(changes: ReadonlyMap<Key, Buffer | undefined>): void {
    for (const [key, value] of changes) this.changes.set(key, value);
  }

  async *range(from: Key, to: Key, options: RangeOptions = {}): AsyncGenerator<Row[], void, void> {
    const { reverse = false, limit = Number.POSITIVE_INFINITY, batch = 500 } = options;
    const changed = [...this.changes.keys()].filter((key) => key >= from && key < to);
    if (changed.length === 0) {
      yield* this.#base.range(from, to, options);
      return;
    }
    changed.sort();
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
    for await (const rows of this.#base.range(from, to, { reverse, batch })) {
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
