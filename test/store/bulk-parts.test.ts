import fc from "fast-check";
import { expect, test } from "vitest";
import { standardSchema } from "../../src/model/standard-schema.js";
import { uuidNormal, uuidText } from "../../src/store/entry-row.js";
import { IdTable } from "../../src/store/id-table.js";
import type { TermSink } from "../../src/store/indexes.js";
import { LoadPack, unpack } from "../../src/store/load-pack.js";
import { TermLists } from "../../src/store/term-lists.js";
import { add, openStore, person, plant, userDn } from "../support/store.js";

test("ids gathered in lists come out as each list has them, ascending and once", () => {
  const gathered = fc.array(fc.tuple(fc.nat(40), fc.nat(3)), { maxLength: 2000 });
  fc.assert(
    fc.property(gathered, fc.constantFrom(1, 5_000, 2 ** 40), (steps, base) => {
      const lists = new TermLists(base);
      const expected: Set<number>[] = [];
      let id = base;
      for (const [list, step] of steps) {
        id += step;
        while (lists.lists <= list) {
          lists.begin();
          expected.push(new Set());
        }
        lists.add(list, id);
        expected[list]!.add(id);
      }
      const { distances, starts } = lists.sorted();
      const found = expected.map((_, list) =>
        Array.from(distances.subarray(starts[list]!, starts[list + 1]!), (distance) => base + distance),
      );
      expect(found).toEqual(expected.map((ids) => [...ids]));
      expect(lists.pairs).toBe(expected.reduce((sum, ids) => sum + ids.size, 0));
    }),
  );
});

test("what is packed comes out as it went in", () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const entries = fc.array(fc.record({ row: bytes, child: bytes, secrets: fc.option(bytes, { nil: undefined }) }), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(entries, (given) => {
      const pack = new LoadPack(7);
      for (const { row, child, secrets } of given) pack.add(row, child.toString("latin1"), secrets);
      const found: unknown[] = [];
      unpack(pack.packed(), (id, row, child, secrets) => found.push({ id, row, child, secrets }));
      // Passwords of no bytes are no passwords.
      const expected = given.map(({ row, child, secrets }, n) => ({
        id: 7 + n,
        row,
        child,
        secrets: secrets?.length === 0 ? undefined : secrets,
      }));
      expect(found).toEqual(expected);
    }),
  );
});

test("what was taken out of a table by id leaves no page behind", () => {
  const table = new IdTable<string>();
  for (const id of [1, 2, 5000, 2 ** 41]) table.set(id, `item ${id}`);
  for (const id of [2, 5000]) table.set(id, undefined);
  table.set(9_000_000, undefined);
  expect([1, 2, 3, 1023, 5000, 9_000_000, 2 ** 41].map((id) => table.get(id))).toEqual([
    "item 1",
    ...Array(5).fill(undefined),
    `item ${2 ** 41}`,
  ]);
  table.set(1, "anew");
  table.set(1, undefined);
  expect(table.get(1)).toBeUndefined();
  expect(table.pages).toBe(1);
});

test("only short values with an equality rule are asked for whether they are known", async () => {
  const store = await openStore();
  await plant(store);
  const long = "long ".repeat(100);
  const ann = await add(
    store,
    userDn("ann"),
    person("ann", { jpegPhoto: Buffer.alloc(50, 1), description: ["a", long] }),
  );
  const asked: string[] = [];
  const sink: TermSink = {
    remembers: () => true,
    knows: (_, value) => asked.push(value) < 0,
    value: () => {},
    presence: () => {},
    gram: () => {},
    run: () => {},
    instant: () => {},
  };
  store.frame.indexes.terms(ann, sink);
  expect(asked).toEqual(expect.arrayContaining(["ann", "a"]));
  expect(asked.every((value) => value.length < 100 && !value.includes("\x01"))).toBe(true);
});

test("a row larger than a pack makes it grow", () => {
  const row = Buffer.alloc(3_000_000, "row");
  const pack = new LoadPack(1);
  pack.add(Buffer.from("small"), "key", undefined);
  pack.add(row, "key", undefined);
  const found: Buffer[] = [];
  unpack(pack.packed(), (_, packed) => found.push(packed));
  expect(found.map((one) => one.length)).toEqual([5, row.length]);
  expect(found[1]!.equals(row)).toBe(true);
});

test("entryUUID is looked up by what its matching rule makes of its text", () => {
  const rule = standardSchema.attributeType("entryUUID")!.equality!;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (array) => {
      const uuid = Buffer.from(array);
      expect(uuidNormal(uuid)).toBe(rule.normalize(Buffer.from(uuidText(uuid)), standardSchema));
    }),
  );
});
