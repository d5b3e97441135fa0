import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterPrefix, idBytes, type Key, keys } from "../../src/store/keys.js";
import { Overlay } from "../../src/store/overlay.js";
import {
  addPosting,
  loadPostings,
  postingRows,
  pushRun,
  type RowEditor,
  readPostings,
  readVarint,
  removeFromRuns,
  removePosting,
  runRows,
  sortedUnique,
} from "../../src/store/postings.js";
import { type RangeOptions, type Row, type RowReader, type RowSpace, rangeOf } from "../../src/store/rows.js";
import { countValue } from "../../src/store/transaction.js";

/** Rows in memory, in the plainest way. */
class PlainRows implements RowEditor {
  readonly rows: Map<Key, Buffer>;

  constructor(rows: Iterable<[Key, Buffer]> = []) {
    this.rows = new Map(rows);
  }

  get(key: Key): Buffer | undefined {
    return this.rows.get(key);
  }

  byId<T>(space: RowSpace<T>, id: number): T | undefined {
    const row = this.rows.get(space.prefix + idBytes(id));
    return row && space.decode(id, row);
  }

  put(key: Key, value: Buffer): void {
    this.rows.set(key, value);
  }

  delete(key: Key): void {
    this.rows.delete(key);
  }

  async *range(from: Key, to: Key, options: RangeOptions = {}): AsyncGenerator<Row[], void, void> {
    const { reverse = false, limit = this.rows.size, batch = 500 } = options;
    let found = [...this.rows]
      .filter(([key]) => key >= from && key < to)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, value }));
    if (reverse) found.reverse();
    found = found.slice(0, limit);
    for (let at = 0; at < found.length; at += batch) yield found.slice(at, at + batch);
  }
}

const head = keys.equality(7, "value");
/** A neighbour whose rows must never be touched. */
const neighbours: [Key, Buffer][] = [
  keys.equality(7, "valud"),
  keys.equality(7, "valuf"),
  keys.equality(7, ""),
].flatMap((key) => [
  ...postingRows(
    key,
    Array.from({ length: 300 }, (_, n) => n + 1),
  ),
]);

async function idsIn(rows: RowReader): Promise<number[]> {
  const ids = (await loadPostings(rows, head))!;
  expect(readPostings(rows, head).count).toBe(ids.length);
  return ids;
}

const ascending = (ids: Iterable<number>): number[] => [...ids].sort((a, b) => a - b);

/** Small ids meet often; large ones take more bytes. */
const ids = fc.oneof(
  fc.integer({ min: 1, max: 400 }),
  fc.integer({ min: 1, max: 400 }),
  fc.integer({ min: 1, max: 2 ** 48 - 1 }),
);

describe("a set of ids behind one key", () => {
  test("that holds nothing has no row", async () => {
    const rows = new PlainRows();
    expect(readPostings(rows, head)).toEqual({ count: 0, tail: [], large: false });
    addPosting(rows, head, 5);
    expect(rows.rows.size).toBe(1);
    await removePosting(rows, head, 5);
    expect(rows.rows.size).toBe(0);
  });

  test("stays in one row up to 128 ids, and an id added twice is there once", () => {
    const rows = new PlainRows();
    for (let id = 128; id >= 1; id--) addPosting(rows, head, id);
    addPosting(rows, head, 77);
    expect(rows.rows.size).toBe(1);
    expect(readPostings(rows, head)).toMatchObject({ count: 128, large: false });
    addPosting(rows, head, 129);
    expect(readPostings(rows, head)).toMatchObject({ count: 129, large: true });
    expect(rows.rows.size).toBe(2);
  });

  test("is not loaded where it holds more than asked for", async () => {
    const rows = new PlainRows(postingRows(head, ascending(Array.from({ length: 500 }, (_, n) => n + 1))));
    expect(await loadPostings(rows, head, 499)).toBeUndefined();
    expect(await loadPostings(rows, head, 500)).toHaveLength(500);
  });

  test("an id that is not there can be removed without effect", async () => {
    const rows = new PlainRows(postingRows(head, ascending(Array.from({ length: 500 }, (_, n) => 2 * n + 1))));
    await removePosting(rows, head, 2);
    await removePosting(rows, head, 2000);
    expect(await idsIn(rows)).toHaveLength(500);
  });

  test("is what a plain set is, whatever is added and removed in whatever order", async () => {
    const commands = fc.array(fc.record({ add: fc.boolean(), id: ids, many: fc.integer({ min: 0, max: 60 }) }), {
      maxLength: 60,
    });
    const start = fc.oneof(
      fc.constant<number[]>([]),
      fc.uniqueArray(ids, { maxLength: 200 }),
      fc.integer({ min: 1, max: 10_000 }).map((length) => Array.from({ length }, (_, n) => 2 * n + 3)),
    );
    await fc.assert(
      fc.asyncProperty(start, commands, async (loaded, steps) => {
        const model = new Set(loaded);
        const rows = new PlainRows([...neighbours, ...(loaded.length > 0 ? postingRows(head, ascending(loaded)) : [])]);
        for (const { add, id, many } of steps) {
          for (let n = 0; n <= many; n++) {
            // A step of 7 makes runs overlap; going down makes them come out of order.
            const one = id > 400 ? id : 1 + ((id + 7 * n) % 400);
            if (add && !model.has(one)) addPosting(rows, head, one);
            if (!add) await removePosting(rows, head, one);
            if (add) model.add(one);
            else model.delete(one);
          }
          expect(readPostings(rows, head).count).toBe(model.size);
        }
        expect(await idsIn(rows)).toEqual(ascending(model));
        for (const one of ascending(model)) await removePosting(rows, head, one);
        expect([...rows.rows.keys()].sort()).toEqual(neighbours.map(([key]) => key).sort());
      }),
      { numRuns: 50 },
    );
  });
});

describe("runs of grams", () => {
  const prefix = keys.grams(3, "abc");

  test("are what a plain set is, where runs from a load and runs of one id stand mixed", async () => {
    const commands = fc.array(fc.record({ add: fc.boolean(), id: fc.integer({ min: 1, max: 300 }) }), {
      maxLength: 300,
    });
    const loads = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 120 }), {
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(loads, commands, async (loaded, steps) => {
        const model = new Set<number>();
        const rows = new PlainRows([
          ...runRows(keys.grams(3, "abb"), [1, 2, 3]),
          ...runRows(keys.grams(3, "abd"), [1, 2, 3]),
        ]);
        for (const some of loaded) {
          const fresh = ascending(some.filter((id) => !model.has(id)));
          for (const [key, value] of runRows(prefix, fresh)) rows.put(key, value);
          for (const id of fresh) model.add(id);
        }
        for (const { add, id } of steps) {
          if (add && !model.has(id)) rows.put(keys.gram(3, "abc", id), Buffer.alloc(0));
          if (!add) expect(await removeFromRuns(rows, prefix, id)).toBe(model.has(id));
          if (add) model.add(id);
          else model.delete(id);
        }
        const found: number[] = [];
        for await (const runs of rangeOf(rows, prefix)) for (const run of runs) pushRun(found, run.key, run.value);
        expect(ascending(found)).toEqual(ascending(model));
        expect(await removeFromRuns(rows, keys.grams(3, "abb"), 2)).toBe(true);
        expect(await removeFromRuns(rows, keys.grams(3, "abb"), 2)).toBe(false);
      }),
    );
  });
});

test("a sorted list is left as it is, any other is sorted and rid of what stands twice", () => {
  fc.assert(
    fc.property(fc.array(ids), (list) => {
      expect(sortedUnique([...list])).toEqual(ascending(new Set(list)));
    }),
  );
});

test("a count is read as it was written", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (count) => {
      const value = countValue(count);
      expect(readVarint(value, 0)).toEqual([count, value.length]);
    }),
  );
});

describe("keys", () => {
  test("of short values are the values, and no long value shares a key with another", () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
      maxLength: 100,
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(keys.equality(1, a) === keys.equality(1, b)).toBe(a === b);
      }),
    );
    const long = "x".repeat(200);
    const cut = keys.equality(1, long).slice(3);
    expect(keys.equality(1, cut)).not.toBe(keys.equality(1, long));
  });

  test("begin after a prefix where no key has it any more", () => {
    expect(afterPrefix("ab")).toBe("ac");
    expect(afterPrefix("a\xff\xff")).toBe("b");
    expect(() => afterPrefix("\xff")).toThrow();
  });
});

describe("changes laid over rows", () => {
  const key = fc.string({ unit: fc.constantFrom("a", "b", "c", "\xff"), minLength: 1, maxLength: 3 });
  const change = fc.record({ key, value: fc.option(fc.nat(255), { nil: undefined }) });

  test("read as if they had been written: one by one and in ranges, forward and backward, with and without limit", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 30 }),
        fc.array(
          fc.record({
            changes: fc.array(change, { maxLength: 30 }),
            from: key,
            to: key,
            reverse: fc.boolean(),
            limit: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
            batch: fc.integer({ min: 1, max: 5 }),
          }),
          { maxLength: 4 },
        ),
        async (written, steps) => {
          const base = new PlainRows();
          for (const { key, value } of written) if (value !== undefined) base.put(key, Buffer.from([value]));
          const model = new PlainRows(base.rows);
          const outer = new Overlay(base);
          let inner = new Overlay(outer);
          for (const { changes, from, to, reverse, limit, batch } of steps) {
            for (const { key, value } of changes) {
              if (value === undefined) {
                inner.delete(key);
                model.delete(key);
              } else {
                inner.put(key, Buffer.from([value]));
                model.put(key, Buffer.from([value]));
              }
            }
            const options = limit === undefined ? { reverse, batch } : { reverse, batch, limit };
            expect(await rowsIn(inner, from, to, options)).toEqual(await rowsIn(model, from, to, options));
            for (const { key } of changes) expect(inner.get(key)).toEqual(model.get(key));
            outer.absorb(inner.changes);
            inner = new Overlay(outer);
            expect(await rowsIn(inner, from, to, options)).toEqual(await rowsIn(model, from, to, options));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  async function rowsIn(rows: RowReader, from: Key, to: Key, options: RangeOptions): Promise<Row[]> {
    const found: Row[] = [];
    for await (const some of rows.range(from, to, options)) found.push(...some);
    return found;
  }

  test("are not counted as changes where they are only read", () => {
    const overlay = new Overlay(new PlainRows([["a", Buffer.from("1")]]));
    expect(overlay.get("a")).toEqual(Buffer.from("1"));
    overlay.delete("a");
    expect(overlay.get("a")).toBeUndefined();
    expect([...overlay.changes]).toEqual([["a", undefined]]);
  });
});
