// The index narrows, the filter decides: whatever the data and the filter, nothing that matches is lost on the way.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VisibleEntry } from "../../src/access/visible-entry.js";
import { compileFilter, matchFilter } from "../../src/model/filter-match.js";
import { filterToString, type parseFilter } from "../../src/model/filter-text.js";
import { type Scope, scopes } from "../../src/model/message.js";
import { BulkLoad } from "../../src/store/bulk-load.js";
import { candidates } from "../../src/store/candidates.js";
import { StoredEntry } from "../../src/store/entry-row.js";
import { idAt, keys } from "../../src/store/keys.js";
import type { LevelStore } from "../../src/store/level-store.js";
import { noParent, type Reading } from "../../src/store/reading.js";
import { rangeOf } from "../../src/store/rows.js";
import { directories, filtersAbout, type MadeEntry } from "../support/directory-data.js";
import {
  add,
  addMember,
  adminScope,
  adminSight,
  closeStore,
  contentOf,
  draftOf,
  faultsOf,
  move,
  openStore,
  person,
  reading,
  remove,
  removeMember,
  replace,
  seen,
} from "../support/store.js";

async function loadedStore(entries: readonly MadeEntry[]): Promise<LevelStore> {
  const store = await openStore();
  const load = await BulkLoad.begin(store, "test");
  for (const { dn, literal, uuid, now } of entries) {
    const content = contentOf(literal);
    await load.add({ ...draftOf(content, now), dn, uuid, passwords: content.passwords, members: content.members });
  }
  await load.finish();
  return store;
}

async function addedStore(entries: readonly MadeEntry[]): Promise<LevelStore> {
  const store = await openStore();
  await Promise.all(entries.map(({ dn, literal, uuid, now }) => add(store, dn.toString(), literal, { uuid, now })));
  return store;
}

async function allEntries(moment: Reading): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const rows of rangeOf(moment.rows, "e")) {
    for (const { key, value } of rows) entries.push(new StoredEntry(idAt(key, 1), value));
  }
  return entries;
}

/** The plainest reading of RFC 4511 4.5.1.2. */
function isInScope(entry: StoredEntry, base: StoredEntry, scope: Scope, parents: ReadonlyMap<number, number>): boolean {
  if (entry.id === base.id) return scope === "base" || scope === "sub";
  if (scope === "base") return false;
  if (scope === "one") return entry.parent === base.id;
  for (let at = entry.parent; at !== noParent; at = parents.get(at)!) if (at === base.id) return true;
  return false;
}

/** One moment, prepared for many filters. */
class Comparison {
  readonly #moment: Reading;
  readonly #entries: readonly VisibleEntry[];
  readonly #parents: ReadonlyMap<number, number>;

  private constructor(moment: Reading, entries: readonly VisibleEntry[]) {
    this.#moment = moment;
    this.#entries = entries;
    this.#parents = new Map(entries.map(({ stored }) => [stored.id, stored.parent]));
  }

  static async of(moment: Reading): Promise<Comparison> {
    const sight = adminSight(moment);
    const entries: VisibleEntry[] = [];
    for (const entry of await allEntries(moment)) entries.push(await seen(entry, sight));
    return new Comparison(moment, entries);
  }

  base(n: number): StoredEntry {
    return this.#entries[n % this.#entries.length]!.stored;
  }

  /** Finds by index and by looking at everything, and holds them against each other; returns the ids found. */
  async check(
    filter: ReturnType<typeof parseFilter>,
    scope: Scope,
    base: StoredEntry,
    after: number,
  ): Promise<number[]> {
    const { schema } = this.#moment;
    const compiled = compileFilter(filter, adminScope());
    const wanted = this.#entries
      .filter(({ stored }) => isInScope(stored, base, scope, this.#parents))
      .filter((entry) => matchFilter(compiled, entry, schema) === true)
      .map(({ id }) => id);
    const asked = `${filterToString(filter)} ${scope} of ${this.#moment.dnOf(base)}`;
    expect(await this.#found(compiled, scope, base, 0), asked).toEqual(wanted);
    expect(await this.#found(compiled, scope, base, after), `${asked} after ${after}`).toEqual(
      wanted.filter((id) => id > after),
    );
    return wanted;
  }

  async #found(
    filter: ReturnType<typeof compileFilter>,
    scope: Scope,
    base: StoredEntry,
    after: number,
  ): Promise<number[]> {
    const byId = new Map(this.#entries.map((entry) => [entry.id, entry]));
    const found = candidates(this.#moment, base, scope, filter, { after, withGroups: after % 2 === 1 });
    const ids: number[] = [];
    for await (const batch of found.quick ? [found.quick] : found.batches()) {
      for (const { id, groupsRow } of batch) {
        // Where a scan has brought the groups along, they are the entry's own.
        if (groupsRow !== undefined) expect(groupsRow).toEqual(this.#moment.rows.get(keys.groups(id)) ?? null);
        // In the order of the walk, none twice, and none outside the scope.
        expect(id).toBeGreaterThan(Math.max(after, ids.at(-1) ?? 0));
        expect(isInScope(byId.get(id)!.stored, base, scope, this.#parents)).toBe(true);
        ids.push(id);
      }
    }
    return ids.filter((id) => matchFilter(filter, byId.get(id)!, this.#moment.schema) === true);
  }
}

/** Changes that both stores get, drawn from a list of numbers. */
async function change(store: LevelStore, entries: readonly MadeEntry[], choices: readonly number[]): Promise<void> {
  for (const [n, choice] of choices.entries()) {
    const at = (salt: number) => entries[(choice + salt) % entries.length]!;
    const target = at(0);
    const work: Promise<unknown>[] = [
      [
        () => replace(store, target.dn.toString(), at(7).literal, 3000),
        () => remove(store, target.dn.toString()),
        () => move(store, target.dn.toString(), `${target.dn.rdn!.toString()},${at(3).dn.toString()}`),
        () => addMember(store, target.dn.toString(), at(11).dn.toString()),
        () => removeMember(store, target.dn.toString(), at(11).dn.toString()),
        () =>
          add(store, `cn=late ${n},${target.dn}`, person(`late${n}`), { uuid: Buffer.alloc(16, n + 1), now: n * 1000 }),
      ][choice % 6]!(),
    ];
    // Most are possible, some are not: what matters is that both stores agree.
    await Promise.allSettled(work);
  }
}

const scope = fc.constantFrom(...scopes);

describe("for any data and any filter", () => {
  test("a search by index finds what a look at every entry finds, loaded in bulk or added one by one, before and after changes", async () => {
    let pairs = 0;
    let nonempty = 0;
    const cases = directories({ minLength: 5, maxLength: 120 }).chain((entries) =>
      fc.record({
        entries: fc.constant(entries),
        filters: fc.array(fc.record({ filter: filtersAbout(entries), base: fc.nat(), scope, after: fc.nat(130) }), {
          minLength: 60,
          maxLength: 120,
        }),
        choices: fc.array(fc.nat(), { minLength: 10, maxLength: 40 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ entries, filters, choices }) => {
        const stores = [await loadedStore(entries), await addedStore(entries)];
        for (const changes of [[], choices]) {
          const answers: number[][][] = [];
          for (const store of stores) {
            await change(store, entries, changes);
            expect(await faultsOf(store)).toEqual([]);
            await reading(store, async (moment) => {
              const comparison = await Comparison.of(moment);
              const found: number[][] = [];
              for (const { filter, base, scope, after } of filters) {
                found.push(await comparison.check(filter, scope, comparison.base(base), after));
                found.push(await comparison.check(filter, "sub", comparison.base(0), after));
              }
              answers.push(found);
            });
          }
          expect(answers[0]).toEqual(answers[1]);
          pairs += 4 * filters.length;
          nonempty += answers[0]!.filter((ids) => ids.length > 0).length;
        }
        for (const store of stores) await closeStore(store);
      }),
      { numRuns: 12, endOnFailure: true },
    );
    expect(pairs).toBeGreaterThan(2000);
    expect(nonempty).toBeGreaterThan(pairs / 20);
  });

  test("the same holds where lists are so long that they stand in many rows, or are not worth reading", async () => {
    const cases = directories({ minLength: 50, maxLength: 60 }, 90).chain((entries) =>
      fc.record({
        entries: fc.constant(entries),
        filters: fc.array(fc.record({ filter: filtersAbout(entries), base: fc.nat(200), scope, after: fc.nat(6000) }), {
          minLength: 20,
          maxLength: 25,
        }),
        choices: fc.array(fc.nat(), { minLength: 60, maxLength: 80 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ entries, filters, choices }) => {
        const store = await loadedStore(entries);
        expect(await faultsOf(store)).toEqual([]);
        for (const changes of [[], choices]) {
          await change(store, entries, changes);
          await reading(store, async (moment) => {
            const comparison = await Comparison.of(moment);
            for (const { filter, base, scope, after } of filters) {
              await comparison.check(filter, scope, comparison.base(base), after);
              await comparison.check(filter, "sub", comparison.base(0), after);
            }
          });
        }
        expect(await faultsOf(store)).toEqual([]);
        await closeStore(store);
      }),
      { numRuns: 1, endOnFailure: true },
    );
  });
});
