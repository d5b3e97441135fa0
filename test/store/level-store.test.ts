import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Dn } from "../../src/model/dn.js";
import { defaultLimits } from "../../src/model/limits.js";
import { BulkLoad, type LoadedEntry } from "../../src/store/bulk-load.js";
import type { Guard } from "../../src/store/change.js";
import { checkGuards } from "../../src/store/guards.js";
import { keys } from "../../src/store/keys.js";
import type { LevelStore } from "../../src/store/level-store.js";
import { Rows } from "../../src/store/rows.js";
import {
  add,
  closeStore,
  contentOf,
  draftOf,
  faultsOf,
  group,
  groupDn,
  type Literal,
  openStore,
  organization,
  person,
  plant,
  reading,
  remove,
  replace,
  suffix,
  temporaryFolder,
  unit,
  userDn,
} from "../support/store.js";
import { describeStore } from "./contract.js";

describeStore("LevelStore", {
  open: openStore,
  close: (store) => closeStore(store as LevelStore),
  folder: temporaryFolder,
});

function loaded(name: string, literal: Literal, uuid?: Buffer): LoadedEntry {
  const content = contentOf(literal);
  return { ...draftOf(content, 0), dn: Dn.parse(name), uuid, passwords: content.passwords, members: content.members };
}

/** What is refused is thrown at once, what fails later rejects. */
async function adding(load: BulkLoad, entry: LoadedEntry): Promise<void> {
  await load.add(entry);
}

async function loadPlant(load: BulkLoad): Promise<void> {
  await load.add(loaded(`${suffix}`, organization));
  await load.add(loaded(`ou=people,${suffix}`, unit("people")));
  await load.add(loaded(`ou=groups,${suffix}`, unit("groups")));
}

describe("limits", () => {
  test("an entry larger than the limit is refused, when it is added and when it grows", async () => {
    const store = await openStore({ limits: { entryBytes: 64 * 1024 } });
    await plant(store);
    const big = "x".repeat(64 * 1024);
    const refusal = { code: "adminLimitExceeded", message: expect.stringMatching(/at most 65536 are kept/) };
    await expect(add(store, userDn("ann"), person("ann", { description: big }))).rejects.toMatchObject(refusal);
    await add(store, userDn("ann"), person("ann"));
    await expect(replace(store, userDn("ann"), person("ann", { description: big }))).rejects.toMatchObject(refusal);
  });

  test("an entry too large for the limit leaves no trace in a bulk load, and nothing can stand below it", async () => {
    const store = await openStore({ limits: { entryBytes: 64 * 1024 } });
    const load = await BulkLoad.begin(store, "test");
    await loadPlant(load);
    const big = loaded(`ou=big,${suffix}`, { ...unit("big"), description: "x".repeat(64 * 1024) });
    await expect(adding(load, big)).rejects.toMatchObject({ code: "adminLimitExceeded" });
    await expect(adding(load, loaded(`ou=below,ou=big,${suffix}`, unit("below")))).rejects.toMatchObject({
      code: "noSuchObject",
    });
    expect(await load.finish()).toBe(3);
  });

  test("a name longer than a client may send is refused", async () => {
    const store = await openStore({ limits: { dnBytes: 256 } });
    await plant(store);
    await expect(add(store, userDn("u".repeat(300)), person("u".repeat(300)))).rejects.toMatchObject({
      code: "unwillingToPerform",
      message: expect.stringMatching(/at most 256 are taken/),
    });
  });
});

describe("on disk", () => {
  test("a store of another format is refused with a sentence", async () => {
    const path = await temporaryFolder();
    await closeStore(await openStore({ path }));
    const rows = await Rows.open(path, { cacheBytes: defaultLimits.cacheBytes });
    await rows.write(new Map([[keys.meta("format"), Buffer.from("2")]]), 0);
    await rows.close();
    await expect(openStore({ path })).rejects.toMatchObject({
      code: "unavailable",
      message: `the store at ${path} has format 2; this version reads format 1`,
    });
  });

  test("a folder that cannot be made is refused with a sentence", async () => {
    const path = join(await temporaryFolder(), "file");
    writeFileSync(path, "");
    await expect(openStore({ path: join(path, "store") })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^the store at .* cannot be opened: /),
    });
  });

  test("a damaged store is refused with a sentence", async () => {
    const path = await temporaryFolder();
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "CURRENT"), "MANIFEST-000404\n");
    await expect(openStore({ path })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^the store at .* cannot be opened: /),
    });
  });

  test("a store may be closed twice", async () => {
    const store = await openStore();
    await store.close();
    await closeStore(store);
  });
});

describe("guards", () => {
  const stale: [string, (ids: { ann: number; people: number }) => Guard][] = [
    ["an entry that is gone", () => ({ kind: "exists", id: 99 })],
    ["an entry that was changed", ({ ann }) => ({ kind: "entryAt", id: ann, revision: 3 })],
    ["a name that is taken", ({ people }) => ({ kind: "vacant", parent: people, rdn: "uid=ann" })],
    ["a parent of something", ({ people }) => ({ kind: "childless", id: people })],
  ];
  const holding: [string, (ids: { ann: number; people: number }) => Guard][] = [
    ["an entry that is there", ({ ann }) => ({ kind: "exists", id: ann })],
    ["an entry as it was", ({ ann }) => ({ kind: "entryAt", id: ann, revision: 4 })],
    ["a name that is free", ({ people }) => ({ kind: "vacant", parent: people, rdn: "uid=bob" })],
    ["an entry without children", ({ ann }) => ({ kind: "childless", id: ann })],
  ];

  async function ids(store: LevelStore) {
    await plant(store);
    const ann = await add(store, userDn("ann"), person("ann"));
    return { ann: ann.id, people: ann.parent };
  }

  test.each(stale)("a commit that rests on %s is refused as busy", async (_, guard) => {
    const store = await openStore();
    const known = await ids(store);
    await reading(store, ({ rows }) => {
      expect(() => checkGuards([guard(known)], rows)).toThrow(expect.objectContaining({ code: "busy" }));
    });
  });

  test.each(holding)("a commit that rests on %s passes", async (_, guard) => {
    const store = await openStore();
    const known = await ids(store);
    await reading(store, ({ rows }) => checkGuards([guard(known)], rows));
  });
});

describe("loading in bulk", () => {
  test("what was loaded is there as if it had been added, in one revision", async () => {
    const store = await openStore();
    const load = await BulkLoad.begin(store, "import");
    await loadPlant(load);
    // A member may stand before the entry it names.
    await load.add(loaded(groupDn("a"), group("a", [userDn("Ann"), userDn("gone")], { memberUid: ["bob", "nobody"] })));
    await load.add(loaded(userDn("ann"), person("ann", { userPassword: "{SSHA}x" })));
    await load.add(loaded(userDn("bob"), person("bob"), Buffer.alloc(16, 7)));
    expect(load.entries).toBe(6);
    expect(load.has(Dn.parse(userDn("ANN")))).toBe(true);
    expect(await load.finish()).toBe(6);
    expect(store.revision).toBe(1);
    await reading(store, async (moment) => {
      expect(moment.entryCount).toBe(6);
      const ann = moment.find(Dn.parse(userDn("ann")))!;
      expect(moment.passwords(ann.id)).toEqual([Buffer.from("{SSHA}x")]);
      const a = moment.resolve(Dn.parse(groupDn("a")))!;
      expect((await moment.allMembers(a)).map((id) => moment.dn(id))).toEqual([userDn("ann"), userDn("bob")]);
      expect((await moment.danglings(a)).map(({ written }) => written).sort()).toEqual(["nobody", userDn("gone")]);
    });
    const records = [];
    for await (const record of store.changes(1)) records.push(record);
    expect(records).toMatchObject([{ revision: 1, kind: "load", entries: 6, actor: "import" }]);
    expect(await add(store, userDn("carl"), person("carl"))).toMatchObject({ id: 7, revision: 2 });
  });

  test("an entry without its parent, a name or a UUID that stands there twice is refused, and the load may go on", async () => {
    const store = await openStore();
    const load = await BulkLoad.begin(store, "import");
    await loadPlant(load);
    await expect(adding(load, loaded("uid=a,ou=nowhere,dc=example,dc=com", person("a")))).rejects.toMatchObject({
      code: "noSuchObject",
    });
    await expect(adding(load, loaded("dc=elsewhere", organization))).rejects.toMatchObject({ code: "noSuchObject" });
    await load.add(loaded(userDn("ann"), person("ann"), Buffer.alloc(16, 1)));
    await expect(adding(load, loaded(userDn("Ann"), person("ann")))).rejects.toMatchObject({
      code: "entryAlreadyExists",
    });
    await expect(adding(load, loaded(userDn("bob"), person("bob"), Buffer.alloc(16, 1)))).rejects.toMatchObject({
      code: "constraintViolation",
    });
    await load.add(loaded(userDn("bob"), person("bob")));
    expect(await load.finish()).toBe(5);
  });

  test("a store that holds something is not loaded in bulk", async () => {
    const store = await openStore();
    await plant(store);
    await expect(BulkLoad.begin(store, "import")).rejects.toMatchObject({ code: "unwillingToPerform" });
  });

  test("an aborted load leaves nothing", async () => {
    const store = await openStore();
    const load = await BulkLoad.begin(store, "import");
    await loadPlant(load);
    await load.add(loaded(groupDn("a"), group("a", [userDn("gone")])));
    await load.abort();
    expect(store.revision).toBe(0);
    await reading(store, (moment) => {
      expect(moment.entryCount).toBe(0);
      expect(moment.find(suffix)).toBeUndefined();
    });
    await plant(store);
  });

  test("a load that was cut off is gone when the store is opened again; ids and changes from before go on", async () => {
    const path = await temporaryFolder();
    const before = await openStore({ path });
    await add(before, `${suffix}`, organization);
    await remove(before, `${suffix}`);
    await closeStore(before);

    const store = await openStore({ path });
    const load = await BulkLoad.begin(store, "import");
    await loadPlant(load);
    for (let n = 0; n < 8000; n++) await load.add(loaded(userDn(`u${n}`), person(`u${n}`)));
    expect(await faultsOf(store)).toContain("a bulk load was begun and not finished");
    await closeStore(store);

    const again = await openStore({ path });
    await reading(again, (moment) => {
      expect(moment.entryCount).toBe(0);
      expect(moment.revision).toBe(2);
      expect(moment.find(suffix)).toBeUndefined();
    });
    const next = await BulkLoad.begin(again, "import");
    await loadPlant(next);
    expect(await next.finish()).toBe(3);
    await reading(again, (moment) => {
      expect(moment.revision).toBe(3);
      expect(moment.resolve(suffix)).toBe(2);
    });
  });

  test("an empty load is a load", async () => {
    const store = await openStore();
    expect(await (await BulkLoad.begin(store, "import")).finish()).toBe(0);
    await plant(store);
  });
});
