import { describe, expect, test } from "vitest";
import { RowCache } from "../../src/store/row-cache.js";

const KiB = 1024;
/** A budget for about ten rows of one KiB. */
const budget = 13 * KiB;

function filled(rows: number): RowCache {
  const cache = new RowCache(budget, 2);
  for (let id = 1; id <= rows; id++) cache.keepById(0, id, `row ${id}`, KiB, 1);
  return cache;
}

const known = (cache: RowCache, most: number): number[] =>
  Array.from({ length: most }, (_, n) => n + 1).filter((id) => cache.byId(0, id) !== undefined);

describe("the cache of rows", () => {
  test("keeps rows by key and by id apart, and one for each", () => {
    const cache = new RowCache(budget, 2);
    cache.keepAt("key", "at the key", 1, 1);
    cache.keepById(0, 7, "in one space", 1, 1);
    cache.keepById(1, 7, "in another", 1, 1);
    cache.keepById(1, 7, "in another, anew", 1, 2);
    expect(cache.at("key")?.value).toBe("at the key");
    expect(cache.byId(0, 7)?.value).toBe("in one space");
    expect(cache.byId(1, 7)).toMatchObject({ value: "in another, anew", since: 2 });
    expect(cache.byId(0, 8)).toBeUndefined();
  });

  test("never takes more than its budget, however many rows are kept", () => {
    const cache = filled(0);
    for (let id = 1; id <= 10_000; id++) {
      cache.keepById(id % 2, id, "row", (id * 37) % KiB, 1);
      cache.keepAt(`key ${id % 300}`, "row", (id * 53) % KiB, 1);
      expect(cache.fullness).toBeLessThanOrEqual(1);
    }
    expect(cache.fullness).toBeGreaterThan(0.8);
  });

  test("lets go of what was not asked for, and keeps what was", () => {
    const cache = filled(10);
    expect(known(cache, 10)).toHaveLength(10);
    for (const id of [2, 5, 9]) cache.byId(0, id)!.isUsed = true;
    for (let id = 11; id <= 17; id++) cache.keepById(0, id, `row ${id}`, KiB, 1);
    expect(known(cache, 10)).toEqual(expect.arrayContaining([2, 5, 9]));
    expect(known(cache, 17)).toHaveLength(10);
  });

  test("lets go of what was asked for once when all else was too", () => {
    const cache = filled(10);
    for (let id = 1; id <= 10; id++) cache.byId(0, id)!.isUsed = true;
    cache.keepById(0, 11, "row 11", KiB, 1);
    expect(known(cache, 11)).toHaveLength(10);
    expect(cache.byId(0, 11)).toBeDefined();
  });

  test("takes no row that would drive out most others, and forgets what it was before", () => {
    const cache = filled(5);
    cache.keepById(0, 3, "grown large", budget / 4, 2);
    expect(known(cache, 5)).toEqual([1, 2, 4, 5]);
  });

  test("is empty when it was cleared, and can be filled again", () => {
    const cache = filled(10);
    cache.keepAt("key", "row", 1, 1);
    cache.clear();
    expect(cache.fullness).toBe(0);
    expect(known(cache, 10)).toEqual([]);
    expect(cache.at("key")).toBeUndefined();
    cache.keepById(0, 4, "again", 1, 3);
    expect(cache.byId(0, 4)?.value).toBe("again");
  });

  test("finds ids far apart", () => {
    const cache = new RowCache(budget, 1);
    for (const id of [1, 1023, 1024, 5_000_000, 2 ** 40]) cache.keepById(0, id, id, 1, 1);
    for (const id of [1, 1023, 1024, 5_000_000, 2 ** 40]) expect(cache.byId(0, id)?.value).toBe(id);
  });
});
