// Hot rows in memory, within a budget of bytes. Rows that are found by an id stand in arrays, where asking for one takes
// a step or two; all others stand in a map by their keys. What nobody asked for since the hand came by last has to go
// first (the clock algorithm): asking sets a mark, where an exact order of use would have to be rewritten.
import { IdTable } from "./id-table.js";
import type { Key } from "./keys.js";

/** A row, or that there is none. */
export class CachedRow {
  /** The row itself, or what it means; undefined: there is none. */
  readonly value: unknown;
  /** It holds for every revision from this one up to the present. */
  readonly since: number;
  /** What it costs. */
  readonly bytes: number;
  /** Its key, or its id in the space of this number. */
  readonly key: Key | number;
  readonly space: number;
  isUsed = false;
  /** Where it stands under the hand. */
  position = 0;

  constructor(key: Key | number, space: number, value: unknown, bytes: number, since: number) {
    this.key = key;
    this.space = space;
    this.value = value;
    this.bytes = bytes;
    this.since = since;
  }
}

/** What a cached row costs beside its bytes: the objects that stand for it, and its places in arrays. */
const rowOverhead = 230;
/** What a key costs beside its characters. */
const keyOverhead = 60;
/** The number of no space. */
const byKey = -1;
/** Larger rows would drive too many others out: this share of the budget is the most. */
const largestShare = 1 / 8;
/** Rows looked at for one that can go: where all are asked for, whoever needs the room must not wait for all of them. */
const mostLooked = 128;

export class RowCache {
  readonly #budget: number;
  readonly #keys = new Map<Key, CachedRow>();
  readonly #spaces: readonly IdTable<CachedRow>[];
  /** Every row, in the order in which the hand comes by. */
  readonly #rows: CachedRow[] = [];
  #hand = 0;
  #bytes = 0;

  /** `budget` in bytes; `spaces`: how many spaces of rows are found by id, numbered from 0. */
  constructor(budget: number, spaces: number) {
    this.#budget = budget;
    this.#spaces = Array.from({ length: spaces }, () => new IdTable());
  }

  /** How much of the budget is taken, from 0 to 1. */
  get fullness(): number {
    return this.#bytes / this.#budget;
  }

  /** The row at a key; undefined where nothing is known of it. */
  at(key: Key): CachedRow | undefined {
    return this.#keys.get(key);
  }

  /** The row of an id; undefined where nothing is known of it. */
  byId(space: number, id: number): CachedRow | undefined {
    return this.#spaces[space]!.get(id);
  }

  /** Keeps a row of `size` bytes at its key, in the place of an older one. */
  keepAt(key: Key, value: unknown, size: number, since: number): void {
    this.#put(new CachedRow(key, byKey, value, rowOverhead + keyOverhead + key.length + size, since), this.at(key));
  }

  /** The same by its id. */
  keepById(space: number, id: number, value: unknown, size: number, since: number): void {
    this.#put(new CachedRow(id, space, value, rowOverhead + size, since), this.byId(space, id));
  }

  clear(): void {
    for (const row of this.#rows) this.#forget(row);
    this.#rows.length = 0;
    this.#bytes = 0;
    this.#hand = 0;
  }

  #put(row: CachedRow, before: CachedRow | undefined): void {
    if (row.bytes > this.#budget * largestShare) {
      if (before) this.#remove(before);
      return;
    }
    if (before) {
      this.#bytes -= before.bytes;
      row.isUsed = true;
      row.position = before.position;
      this.#rows[row.position] = row;
    } else {
      // Before the new one stands there, which nobody can have asked for yet.
      this.#makeRoom(row.bytes);
      row.position = this.#rows.length;
      this.#rows.push(row);
    }
    this.#bytes += row.bytes;
    if (row.space === byKey) this.#keys.set(row.key as Key, row);
    else this.#spaces[row.space]!.set(row.key as number, row);
    this.#makeRoom(0);
  }

  #makeRoom(bytes: number): void {
    while (this.#bytes + bytes > this.#budget) this.#remove(this.#due());
  }

  /** The next row that was not asked for since the hand came by; after a while of looking, the one that it is at. */
  #due(): CachedRow {
    for (let looked = 1; ; looked++) {
      if (this.#hand >= this.#rows.length) this.#hand = 0;
      const row = this.#rows[this.#hand++]!;
      if (!row.isUsed || looked >= mostLooked) return row;
      row.isUsed = false;
    }
  }

  #remove(row: CachedRow): void {
    this.#forget(row);
    this.#bytes -= row.bytes;
    const last = this.#rows.pop()!;
    if (last === row) return;
    last.position = row.position;
    this.#rows[row.position] = last;
  }

  #forget(row: CachedRow): void {
    if (row.space === byKey) this.#keys.delete(row.key as Key);
    else this.#spaces[row.space]!.set(row.key as number, undefined);
  }
}
