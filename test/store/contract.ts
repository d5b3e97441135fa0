// What every store must do, whatever it is made of.
import { describe, expect, test } from "vitest";
import { Dn } from "../../src/model/dn.js";
import type { ChangeRecord } from "../../src/store/change.js";
import { uuidText } from "../../src/store/entry-row.js";
import type { Reading } from "../../src/store/reading.js";
import type { Store } from "../../src/store/store.js";
import {
  actor,
  add,
  addIn,
  addMember,
  contentOf,
  draftOf,
  group,
  groupDn,
  move,
  organization,
  person,
  plant,
  reading,
  remove,
  removeMember,
  replace,
  SettableClock,
  type StoreSetting,
  suffix,
  unit,
  userDn,
} from "../support/store.js";

export interface StoreHarness {
  /** Opens a store, new or kept; whatever is open after a test is checked for faults, closed and removed. */
  open(setting?: StoreSetting): Promise<Store>;
  /** Closes it before the end of the test. */
  close(store: Store): Promise<void>;
  folder(): Promise<string>;
}

const uuid = (n: number): Buffer => Buffer.from(n.toString(16).padStart(32, "0"), "hex");

async function changesFrom(store: Store, from: number): Promise<ChangeRecord[]> {
  const records: ChangeRecord[] = [];
  for await (const record of store.changes(from)) records.push(record);
  return records;
}

async function childrenOf(moment: Reading, name: string): Promise<string[]> {
  const names: string[] = [];
  for await (const ids of moment.children(moment.resolve(Dn.parse(name))!)) {
    for (const id of ids) names.push(moment.dn(id));
  }
  return names;
}

const idOf = (moment: Reading, name: string): number => {
  const id = moment.resolve(Dn.parse(name));
  if (id === undefined) throw new Error(`there is no entry ${name}`);
  return id;
};

/** The names of the members that exist, and those of the others as written. */
function membersOf(store: Store, name: string): Promise<{ members: string[]; missing: string[] }> {
  return reading(store, async (moment) => {
    const id = idOf(moment, name);
    const members = (await moment.allMembers(id)).map((member) => moment.dn(member));
    const missing = (await moment.danglings(id)).map(({ kind, written }) =>
      kind === "uid" ? `uid:${written}` : written,
    );
    expect(missing).toHaveLength(moment.danglingCount(id));
    for (const member of await moment.allMembers(id)) expect(await moment.allGroups(member)).toContain(id);
    return { members: members.sort(), missing: missing.sort() };
  });
}

function groupsOf(store: Store, name: string): Promise<string[]> {
  return reading(store, async (moment) =>
    (await moment.allGroups(idOf(moment, name))).map((id) => moment.dn(id)).sort(),
  );
}

/** Entries that have this value, by name. */
function withValue(store: Store, attribute: string, value: string): Promise<string[]> {
  return reading(store, (moment) => {
    const type = store.schema.attributeType(attribute)!;
    const normal = type.equality!.normalize(Buffer.from(value), store.schema)!;
    return moment.withValue(type, normal).tail.map((id) => moment.dn(id));
  });
}

export function describeStore(kind: string, harness: StoreHarness): void {
  async function planted(setting: StoreSetting = {}): Promise<Store> {
    const store = await harness.open(setting);
    await plant(store);
    return store;
  }

  describe(`${kind}: entries and the tree`, () => {
    test("a new store holds nothing and is at revision 0", async () => {
      const store = await harness.open();
      await reading(store, (moment) => {
        expect(moment.revision).toBe(0);
        expect(moment.entryCount).toBe(0);
        expect(moment.find(suffix)).toBeUndefined();
        expect(moment.nearest(Dn.parse(userDn("ann")))).toBeUndefined();
      });
      expect(await changesFrom(store, 1)).toEqual([]);
    });

    test("an added entry is found by its name in any spelling, below its parent, and counted", async () => {
      const store = await planted();
      await add(store, "UID=Ann , ou=People,dc=example,dc=com", person("ann"));
      await reading(store, async (moment) => {
        const entry = moment.find(Dn.parse("uid=ANN,OU=people,DC=Example,dc=com"))!;
        expect(moment.dnOf(entry)).toBe("UID=Ann,ou=people,dc=example,dc=com");
        expect(moment.entryCount).toBe(4);
        expect(entry.kind).toBe("user");
        expect(entry.structural).toBe("inetOrgPerson");
        expect(entry.creator).toBe(actor);
        expect(moment.childCount(entry.parent)).toBe(1);
        expect(moment.childCount(entry.id)).toBe(0);
        expect(moment.childCount(idOf(moment, `${suffix}`))).toBe(2);
        expect(await childrenOf(moment, `ou=people,${suffix}`)).toEqual(["UID=Ann,ou=people,dc=example,dc=com"]);
        expect(moment.isBelow(entry, idOf(moment, `${suffix}`))).toBe(true);
        expect(moment.isBelow(entry, idOf(moment, `ou=groups,${suffix}`))).toBe(false);
        expect(moment.isBelow(entry, entry.id)).toBe(false);
      });
    });

    test("the nearest entry on the way to a name is found, with the number of names missing below it", async () => {
      const store = await planted();
      await reading(store, (moment) => {
        const people = idOf(moment, `ou=people,${suffix}`);
        expect(moment.nearest(Dn.parse(`cn=a,cn=b,ou=people,${suffix}`))).toEqual({ id: people, missing: 2 });
        expect(moment.nearest(Dn.parse("cn=a,dc=elsewhere,dc=com"))).toBeUndefined();
        expect(moment.nearest(Dn.root)).toBeUndefined();
        expect(moment.resolve(Dn.parse(`ou=nobody,${suffix}`))).toBeUndefined();
      });
    });

    test("names that differ only behind their beginning are two names, however long", async () => {
      const store = await planted();
      const long = (end: string) => `ou=${"x".repeat(300)}${end},${suffix}`;
      await add(store, long("a"), unit(`${"x".repeat(300)}a`));
      await add(store, long("b"), unit(`${"x".repeat(300)}b`));
      await expect(add(store, long("B"), unit(`${"x".repeat(300)}b`))).rejects.toMatchObject({
        code: "entryAlreadyExists",
      });
      await reading(store, (moment) => {
        expect(moment.dn(idOf(moment, long("a")))).toBe(long("a"));
        expect(moment.dn(idOf(moment, long("b")))).toBe(long("b"));
      });
    });

    test("a name that is taken is refused with entryAlreadyExists and nothing changes", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann"));
      await expect(add(store, userDn("Ann"), person("ann"))).rejects.toMatchObject({ code: "entryAlreadyExists" });
      await reading(store, (moment) => {
        expect(moment.entryCount).toBe(4);
        expect(moment.revision).toBe(4);
      });
    });

    test("an entryUUID that is taken is refused with constraintViolation", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann"), { uuid: uuid(7) });
      await expect(add(store, userDn("bob"), person("bob"), { uuid: uuid(7) })).rejects.toMatchObject({
        code: "constraintViolation",
      });
      expect(await withValue(store, "entryUUID", uuidText(uuid(7)))).toEqual([userDn("ann")]);
      await remove(store, userDn("ann"));
      await add(store, userDn("bob"), person("bob"), { uuid: uuid(7) });
      expect(await withValue(store, "entryUUID", uuidText(uuid(7)))).toEqual([userDn("bob")]);
    });

    test("an entry written anew keeps its id, UUID and name, and is found by its new values only", async () => {
      const store = await planted();
      const before = await add(store, userDn("ann"), person("ann", { mail: "old@example.com", title: "Cook" }));
      const after = await replace(store, userDn("ann"), person("ann", { mail: ["new@example.com"] }), 5000);
      expect(after.id).toBe(before.id);
      expect(after.uuid).toEqual(before.uuid);
      expect(after.modified).toBe(5000);
      expect(after.revision).toBe(before.revision + 1);
      expect(await withValue(store, "mail", "OLD@example.com")).toEqual([]);
      expect(await withValue(store, "mail", "NEW@example.com")).toEqual([userDn("ann")]);
      expect(await withValue(store, "title", "cook")).toEqual([]);
    });

    test("one transaction may write an entry several times", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann"));
      await store.update(async (transaction) => {
        const first = transaction.find(Dn.parse(userDn("ann")))!;
        const draft = (cn: string) => draftOf(contentOf(person("ann", { cn })), 1, first);
        const second = await transaction.replace(first, draft("second"));
        await transaction.replace(second, draft("third"));
        await transaction.replace(first, draft("fourth"));
        transaction.record({ kind: "modify", actor, id: first.id, uuid: "", dn: userDn("ann") });
      });
      expect(await withValue(store, "cn", "Person ann")).toEqual([]);
      expect(await withValue(store, "cn", "second")).toEqual([]);
      expect(await withValue(store, "cn", "third")).toEqual([]);
      expect(await withValue(store, "cn", "fourth")).toEqual([userDn("ann")]);
    });

    test("a renamed entry keeps its children, and their names follow", async () => {
      const store = await planted();
      await add(store, `ou=berlin,ou=people,${suffix}`, unit("berlin"));
      await add(store, `uid=ann,ou=berlin,ou=people,${suffix}`, person("ann"));
      await reading(store, (moment) => {
        // Known names must not outlive the rename.
        expect(moment.dn(idOf(moment, `uid=ann,ou=berlin,ou=people,${suffix}`))).toContain("berlin");
      });
      await move(store, `ou=people,${suffix}`, `ou=staff,${suffix}`, unit("staff"));
      await reading(store, (moment) => {
        expect(moment.resolve(Dn.parse(`ou=people,${suffix}`))).toBeUndefined();
        const ann = idOf(moment, `uid=ann,ou=berlin,ou=staff,${suffix}`);
        expect(moment.dn(ann)).toBe(`uid=ann,ou=berlin,ou=staff,${suffix}`);
        expect(moment.entryCount).toBe(5);
      });
    });

    test("an entry moved below another is counted there, and its old name is free", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann"));
      await add(store, userDn("bob"), person("bob"));
      await move(store, userDn("ann"), `uid=ann,ou=groups,${suffix}`);
      await reading(store, (moment) => {
        expect(moment.childCount(idOf(moment, `ou=people,${suffix}`))).toBe(1);
        expect(moment.childCount(idOf(moment, `ou=groups,${suffix}`))).toBe(1);
        expect(moment.resolve(Dn.parse(userDn("ann")))).toBeUndefined();
      });
      await expect(move(store, userDn("bob"), `uid=Ann,ou=groups,${suffix}`)).rejects.toMatchObject({
        code: "entryAlreadyExists",
      });
      await add(store, userDn("ann"), person("ann"));
    });

    test("a name may change its spelling alone", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann"));
      await move(store, userDn("ann"), userDn("ANN"));
      await reading(store, (moment) => {
        expect(moment.dn(idOf(moment, userDn("ann")))).toBe(userDn("ANN"));
        expect(moment.childCount(idOf(moment, `ou=people,${suffix}`))).toBe(1);
      });
    });

    test("a removed entry is gone with its values, and its id is never given out again", async () => {
      const store = await planted();
      const { id } = await add(store, userDn("ann"), person("ann"));
      await remove(store, userDn("ann"));
      expect(await withValue(store, "uid", "ann")).toEqual([]);
      await reading(store, (moment) => {
        expect(moment.entry(id)).toBeUndefined();
        expect(moment.entryCount).toBe(3);
        expect(moment.childCount(idOf(moment, `ou=people,${suffix}`))).toBe(0);
      });
      expect((await add(store, userDn("ann"), person("ann"))).id).toBe(id + 1);
    });

    test("an entry with children is not removed", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann"));
      await expect(remove(store, `ou=people,${suffix}`)).rejects.toMatchObject({ code: "busy" });
      await reading(store, (moment) => expect(moment.entryCount).toBe(4));
    });

    test("everything may be removed, the suffix last", async () => {
      const store = await planted();
      await remove(store, `ou=people,${suffix}`);
      await remove(store, `ou=groups,${suffix}`);
      await remove(store, `${suffix}`);
      await reading(store, (moment) => {
        expect(moment.entryCount).toBe(0);
        expect(moment.find(suffix)).toBeUndefined();
      });
      await plant(store);
    });

    test("values with options are indexed as values of their type", async () => {
      const store = await planted();
      await add(store, userDn("ann"), person("ann", { "cn;lang-de": "Änne" }));
      expect(await withValue(store, "cn", "ÄNNE")).toEqual([userDn("ann")]);
    });

    test("passwords stand beside the entry and never in it", async () => {
      const store = await planted();
      const hash = Buffer.from("{SSHA}0123456789abcdef0123456789abcdef");
      const { id } = await add(store, userDn("ann"), person("ann", { userPassword: [hash, Buffer.from([0, 255])] }));
      await reading(store, (moment) => {
        expect(moment.passwords(id)).toEqual([hash, Buffer.from([0, 255])]);
        expect(moment.entry(id)!.bytes.includes(hash)).toBe(false);
      });
      await store.update((transaction) => {
        transaction.setPasswords(transaction.entry(id)!, []);
        transaction.record({ kind: "modify", actor, id, uuid: "", dn: userDn("ann") });
      });
      await reading(store, (moment) => expect(moment.passwords(id)).toEqual([]));
    });
  });

  describe(`${kind}: memberships`, () => {
    async function withPeople(...uids: string[]): Promise<Store> {
      const store = await planted();
      for (const uid of uids) await add(store, userDn(uid), person(uid));
      return store;
    }

    test("a membership is known from both sides, by DN and by uid", async () => {
      const store = await withPeople("ann", "bob");
      await add(store, groupDn("a"), group("a", [userDn("ANN")]));
      await add(
        store,
        groupDn("b"),
        group("b", [], { objectClass: ["top", "posixGroup"], gidNumber: "1", memberUid: ["Ann", "bob"] }),
      );
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [userDn("ann")], missing: [] });
      expect(await membersOf(store, groupDn("b"))).toEqual({ members: [userDn("ann"), userDn("bob")], missing: [] });
      expect(await groupsOf(store, userDn("ann"))).toEqual([groupDn("a"), groupDn("b")]);
      await reading(store, (moment) => {
        expect(moment.isMember(idOf(moment, groupDn("a")), idOf(moment, userDn("ann")))).toBe(true);
        expect(moment.isMember(idOf(moment, groupDn("a")), idOf(moment, userDn("bob")))).toBe(false);
      });
    });

    test("adding a member that is one, or removing one that is none, changes nothing", async () => {
      const store = await withPeople("ann");
      await add(store, groupDn("a"), group("a"));
      expect(await addMember(store, groupDn("a"), userDn("ann"))).toBe(true);
      expect(await addMember(store, groupDn("a"), userDn("Ann"))).toBe(false);
      expect(await addMember(store, groupDn("a"), "uid:ann")).toBe(false);
      expect(await removeMember(store, groupDn("a"), "uid:ANN")).toBe(true);
      expect(await removeMember(store, groupDn("a"), userDn("ann"))).toBe(false);
      expect(await addMember(store, groupDn("a"), userDn("gone"))).toBe(true);
      expect(await addMember(store, groupDn("a"), userDn("GONE"))).toBe(false);
      expect(await removeMember(store, groupDn("a"), userDn("Gone"))).toBe(true);
      expect(await removeMember(store, groupDn("a"), userDn("gone"))).toBe(false);
    });

    test("a member value that names nothing is kept as written, and becomes a membership when the entry appears", async () => {
      const store = await withPeople();
      await add(store, groupDn("a"), group("a", [userDn("Ann"), userDn("bob")]));
      await add(store, groupDn("b"), group("b", [], { memberUid: ["ANN", "carl"] }));
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [], missing: [userDn("Ann"), userDn("bob")] });
      expect(await membersOf(store, groupDn("b"))).toEqual({ members: [], missing: ["uid:ANN", "uid:carl"] });
      await reading(store, (moment) => expect(moment.danglingTotal).toBe(4));
      await add(store, userDn("ann"), person("ann"));
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [userDn("ann")], missing: [userDn("bob")] });
      expect(await membersOf(store, groupDn("b"))).toEqual({ members: [userDn("ann")], missing: ["uid:carl"] });
      expect(await groupsOf(store, userDn("ann"))).toEqual([groupDn("a"), groupDn("b")]);
    });

    test("a group that names an entry twice, by DN and by uid, holds it once when it appears", async () => {
      const store = await withPeople();
      await add(store, groupDn("a"), group("a", [userDn("ann")], { memberUid: "ann" }));
      const groups = await store.update(async (transaction) => {
        const people = transaction.find(Dn.parse(`ou=people,${suffix}`))!;
        const entry = transaction.add(people, Dn.parse("uid=ann").rdn!, draftOf(contentOf(person("ann")), 0));
        transaction.record({ kind: "add", actor, id: entry.id, uuid: "", dn: userDn("ann") });
        return transaction.adoptDanglings(entry);
      });
      expect(groups).toHaveLength(1);
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [userDn("ann")], missing: [] });
    });

    test("a member value is adopted when a leaf is given its name", async () => {
      const store = await withPeople("bob");
      await add(store, groupDn("a"), group("a", [userDn("ann")]));
      await move(store, userDn("bob"), userDn("ann"), person("ann"));
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [userDn("ann")], missing: [] });
    });

    test("a member value is adopted when an entry is given its uid", async () => {
      const store = await withPeople("bob");
      await add(store, groupDn("a"), group("a", [], { memberUid: "robert" }));
      await replace(store, userDn("bob"), person("bob", { uid: ["bob", "Robert"] }));
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [userDn("bob")], missing: [] });
    });

    test("member values are adopted when a subtree moves to where they point", async () => {
      const store = await withPeople("ann", "bob");
      const there = (uid: string) => `uid=${uid},ou=staff,${suffix}`;
      await add(store, groupDn("a"), group("a", [there("ann"), there("bob"), there("carl"), userDn("ann")]));
      await move(store, `ou=people,${suffix}`, `ou=staff,${suffix}`, unit("staff"));
      expect(await membersOf(store, groupDn("a"))).toEqual({
        members: [there("ann"), there("bob")],
        missing: [there("carl")],
      });
    });

    test("memberships follow renames of the member, of the group, and of what is above them", async () => {
      const store = await withPeople("ann");
      await add(store, groupDn("a"), group("a", [userDn("ann")]));
      await move(store, userDn("ann"), userDn("anna"), person("anna"));
      await move(store, groupDn("a"), groupDn("b"), group("b"));
      await move(store, `ou=people,${suffix}`, `ou=staff,${suffix}`, unit("staff"));
      expect(await membersOf(store, groupDn("b"))).toEqual({ members: [`uid=anna,ou=staff,${suffix}`], missing: [] });
      expect(await groupsOf(store, `uid=anna,ou=staff,${suffix}`)).toEqual([groupDn("b")]);
    });

    test("a removed entry leaves its groups, and a removed group its members", async () => {
      const store = await withPeople("ann", "bob");
      await add(store, groupDn("a"), group("a", [userDn("ann"), userDn("bob"), userDn("gone")]));
      await add(store, groupDn("b"), group("b", [userDn("ann")]));
      expect(await remove(store, userDn("ann"))).toHaveLength(2);
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [userDn("bob")], missing: [userDn("gone")] });
      expect(await membersOf(store, groupDn("b"))).toEqual({ members: [], missing: [] });
      await remove(store, groupDn("a"));
      expect(await groupsOf(store, userDn("bob"))).toEqual([]);
      await reading(store, (moment) => expect(moment.danglingTotal).toBe(0));
      // Nothing of the old memberships comes back with the name.
      await add(store, userDn("ann"), person("ann"));
      expect(await groupsOf(store, userDn("ann"))).toEqual([]);
    });

    test("a group may be a member of itself, and of a group that it holds", async () => {
      const store = await withPeople();
      await add(store, groupDn("a"), group("a", [groupDn("a"), groupDn("b")]));
      await add(store, groupDn("b"), group("b", [groupDn("a")]));
      expect(await groupsOf(store, groupDn("a"))).toEqual([groupDn("a"), groupDn("b")]);
      await remove(store, groupDn("a"));
      expect(await membersOf(store, groupDn("b"))).toEqual({ members: [], missing: [] });
    });

    test("groups of hundreds gain and lose members one by one and all at once", async () => {
      const store = await planted();
      const uids = Array.from({ length: 400 }, (_, n) => `user${n}`);
      await Promise.all(uids.map((uid) => add(store, userDn(uid), person(uid))));
      await add(store, groupDn("all"), group("all", uids.map(userDn)));
      await Promise.all(
        uids.filter((_, n) => n % 3 === 0).map((uid) => removeMember(store, groupDn("all"), userDn(uid))),
      );
      const left = uids.filter((_, n) => n % 3 !== 0).map(userDn);
      expect((await membersOf(store, groupDn("all"))).members).toEqual([...left].sort());
      await reading(store, (moment) => {
        expect(moment.members(idOf(moment, groupDn("all"))).count).toBe(left.length);
      });
      await Promise.all(uids.slice(0, 200).map((uid) => remove(store, userDn(uid))));
      expect((await membersOf(store, groupDn("all"))).members).toEqual(
        left.filter((name) => !uids.slice(0, 200).map(userDn).includes(name)).sort(),
      );
      await remove(store, groupDn("all"));
      expect(await groupsOf(store, userDn("user301"))).toEqual([]);
    });

    test("all member values of a group that name nothing can be dropped", async () => {
      const store = await planted();
      const { id } = await add(store, groupDn("a"), group("a", [userDn("x"), userDn("y")], { memberUid: "z" }));
      await store.update(async (transaction) => {
        await transaction.removeDanglings(id);
        transaction.record({ kind: "modify", actor, id, uuid: "", dn: groupDn("a") });
      });
      expect(await membersOf(store, groupDn("a"))).toEqual({ members: [], missing: [] });
    });
  });

  describe(`${kind}: transactions`, () => {
    test("a transaction that throws leaves nothing, and the next one is not disturbed", async () => {
      const store = await planted();
      const broken = store.update(async (transaction) => {
        await addIn(transaction, userDn("ann"), person("ann"));
        throw new Error("changed my mind");
      });
      const whole = add(store, userDn("bob"), person("bob"));
      await expect(broken).rejects.toThrow("changed my mind");
      const { id } = await whole;
      await reading(store, (moment) => {
        expect(moment.resolve(Dn.parse(userDn("ann")))).toBeUndefined();
        expect(moment.revision).toBe(4);
        expect(id).toBe(4);
      });
      expect(await withValue(store, "uid", "ann")).toEqual([]);
    });

    test("a transaction that changes something and does not record what is refused", async () => {
      const store = await planted();
      const silent = store.update((transaction) =>
        transaction.add(transaction.find(suffix)!, Dn.parse("ou=x").rdn!, draftOf(contentOf(unit("x")), 0)),
      );
      await expect(silent).rejects.toThrow("without recording");
      await reading(store, (moment) => expect(moment.resolve(Dn.parse(`ou=x,${suffix}`))).toBeUndefined());
    });

    test("a transaction that changes nothing answers and takes no revision", async () => {
      const store = await planted();
      expect(await store.update((transaction) => transaction.entryCount)).toBe(3);
      await reading(store, (moment) => expect(moment.revision).toBe(3));
    });

    test("a transaction sees its own changes and those of the ones before it", async () => {
      const store = await planted();
      const seen = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store.update(async (transaction) => {
            const before = transaction.entryCount;
            await addIn(transaction, userDn(`u${n}`), person(`u${n}`));
            expect(transaction.find(Dn.parse(userDn(`u${n}`)))).toBeDefined();
            return [before, transaction.entryCount];
          }),
        ),
      );
      expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => [n + 3, n + 4]));
    });

    test("revisions have no gaps, and the change log tells in their order what was done", async () => {
      const clock = new SettableClock();
      const store = await planted({ clock });
      clock.now += 1000;
      await Promise.allSettled([
        add(store, userDn("ann"), person("ann")),
        add(store, userDn("ann"), person("ann")),
        add(store, userDn("bob"), person("bob")),
        store.update(() => "nothing"),
        move(store, userDn("bob"), userDn("carl"), person("carl")),
        remove(store, userDn("ann")),
      ]);
      const records = await changesFrom(store, 1);
      expect(records.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(records.slice(3)).toMatchObject([
        { kind: "add", dn: userDn("ann"), time: clock.now },
        { kind: "add", dn: userDn("bob") },
        { kind: "modifyDn", dn: userDn("bob") },
        { kind: "delete", dn: userDn("ann") },
      ]);
      expect((await changesFrom(store, 6)).map(({ revision }) => revision)).toEqual([6, 7]);
      expect(await changesFrom(store, 8)).toEqual([]);
    });

    test("the change log is readable from any revision still kept, and refused before it", async () => {
      const store = await planted({ limits: { changesKept: 5 } });
      for (let n = 0; n < 10; n++) await add(store, userDn(`u${n}`), person(`u${n}`));
      await expect(changesFrom(store, 8)).rejects.toMatchObject({ code: "noSuchObject" });
      expect((await changesFrom(store, 9)).map(({ revision }) => revision)).toEqual([9, 10, 11, 12, 13]);
    });

    test("changes that were forgotten are refused though more would be kept now", async () => {
      const path = await harness.folder();
      const before = await planted({ path, limits: { changesKept: 2 } });
      await harness.close(before);
      const after = await harness.open({ path, limits: { changesKept: 100 } });
      await expect(changesFrom(after, 1)).rejects.toMatchObject({ code: "noSuchObject" });
      expect((await changesFrom(after, 2)).map(({ revision }) => revision)).toEqual([2, 3]);
      await harness.close(after);
      const fewer = await harness.open({ path, limits: { changesKept: 1 } });
      await expect(changesFrom(fewer, 2)).rejects.toMatchObject({ code: "noSuchObject" });
      expect((await changesFrom(fewer, 3)).map(({ revision }) => revision)).toEqual([3]);
    });

    test("listeners hear of each commit in order, after it can be read and before the writer is answered", async () => {
      const store = await planted();
      const heard: string[] = [];
      const stop = store.onCommit(({ revision, kind }) => {
        const moment = store.read();
        heard.push(`${kind} ${revision} ${moment.revision >= revision}`);
        moment.release();
      });
      await Promise.all([
        add(store, userDn("ann"), person("ann")).then(() => heard.push("ann answered")),
        add(store, userDn("bob"), person("bob")).then(() => heard.push("bob answered")),
      ]);
      stop();
      await add(store, userDn("carl"), person("carl"));
      expect(heard.filter((line) => line.startsWith("add"))).toEqual(["add 4 true", "add 5 true"]);
      expect(heard.indexOf("ann answered")).toBeGreaterThan(heard.indexOf("add 4 true"));
      expect(heard.indexOf("bob answered")).toBeGreaterThan(heard.indexOf("add 5 true"));
    });

    test("of many concurrent writes each is answered, in order, with what it did", async () => {
      const store = await planted();
      const answered: number[] = [];
      const entries = await Promise.all(
        Array.from({ length: 1000 }, async (_, n) => {
          const entry = await add(store, userDn(`u${n}`), person(`u${n}`));
          answered.push(n);
          return entry;
        }),
      );
      expect(entries.map(({ id }) => id)).toEqual(Array.from({ length: 1000 }, (_, n) => n + 4));
      expect(entries.map(({ revision }) => revision)).toEqual(Array.from({ length: 1000 }, (_, n) => n + 4));
      expect(answered).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    });

    test("a write that comes at any moment after the last one was answered is not forgotten", async () => {
      const store = await planted();
      for (let hops = 0; hops < 12; hops++) {
        await store.update(() => undefined);
        for (let n = 0; n < hops; n++) await undefined;
        expect(await store.update(() => hops)).toBe(hops);
      }
    });

    test("writes beyond those that may wait are answered busy", async () => {
      const store = await planted({ limits: { writesWaiting: 8 } });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) => add(store, userDn(`u${n}`), person(`u${n}`))),
      );
      const done = outcomes.filter(({ status }) => status === "fulfilled").length;
      expect(done).toBeGreaterThanOrEqual(8);
      expect(done).toBeLessThan(20);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "busy" });
      }
      await reading(store, (moment) => expect(moment.entryCount).toBe(3 + done));
      await add(store, userDn("later"), person("later"));
    });

    test("a closed store takes no writes, and finishes those it took", async () => {
      const path = await harness.folder();
      const store = await planted({ path });
      const last = Promise.all(Array.from({ length: 300 }, (_, n) => add(store, userDn(`u${n}`), person(`u${n}`))));
      await harness.close(store);
      await last;
      await expect(add(store, userDn("late"), person("late"))).rejects.toMatchObject({ code: "unavailable" });
      const again = await harness.open({ path });
      await reading(again, (moment) => expect(moment.entryCount).toBe(303));
    });

    test("of two writes prepared against the same entry the second knows of the first", async () => {
      const store = await planted();
      const stale = await add(store, userDn("ann"), person("ann"));
      await replace(store, userDn("ann"), person("ann", { cn: "New" }));
      const late = store.update(async (transaction) => {
        await transaction.replace(stale, draftOf(contentOf(person("ann", { cn: "Late" })), 0, stale));
        transaction.record({ kind: "modify", actor, id: stale.id, uuid: "", dn: userDn("ann") });
      });
      await expect(late).rejects.toMatchObject({ code: "busy" });
      expect(await withValue(store, "cn", "new")).toEqual([userDn("ann")]);
      await remove(store, userDn("ann"));
      const tooLate = store.update((transaction) => transaction.remove(stale));
      await expect(tooLate).rejects.toMatchObject({ code: "busy" });
    });
  });

  describe(`${kind}: moments`, () => {
    // A tiny cache evicts all the time; a large one keeps what was read.
    for (const cacheBytes of [4096, 1024 * 1024]) {
      test(`a reading sees one moment whatever is written later, with ${cacheBytes} bytes of cache`, async () => {
        const store = await planted({ limits: { cacheBytes } });
        for (let n = 0; n < 30; n++) await add(store, userDn(`u${n}`), person(`u${n}`, { title: "Old" }));
        await add(store, groupDn("g"), group("g", [userDn("u1")]));
        const moments: { moment: Reading; round: number }[] = [];
        const type = store.schema.attributeType("title")!;
        const check = async (moment: Reading, round: number) => {
          expect(moment.entryCount).toBe(34 + round);
          expect(moment.withValue(type, "old").count).toBe(30 - round);
          expect(moment.withValue(type, `new ${round}`).count).toBe(round === 0 ? 0 : 1);
          expect(moment.withValue(type, `new ${round + 1}`).count).toBe(0);
          expect(moment.resolve(Dn.parse(userDn(`late${round}`)))).toBeUndefined();
          const people = `ou=${round === 0 ? "people" : `people${round}`},${suffix}`;
          expect(moment.dn(idOf(moment, `uid=u3,${people}`))).toBe(`uid=u3,${people}`);
          expect((await childrenOf(moment, people)).length).toBe(30 + round);
          expect(await moment.allMembers(idOf(moment, groupDn("g")))).toHaveLength(1 + round);
        };
        for (let round = 0; round < 8; round++) {
          moments.push({ moment: store.read(), round });
          for (const each of moments) await check(each.moment, each.round);
          const people = round === 0 ? "people" : `people${round}`;
          const own = `uid=u${round},ou=${people},${suffix}`;
          await Promise.all([
            add(store, `uid=late${round},ou=${people},${suffix}`, person(`late${round}`)),
            replace(store, own, person(`u${round}`, { title: `New ${round + 1}` })),
            addMember(store, groupDn("g"), `uid=u${round + 10},ou=${people},${suffix}`),
            move(store, `ou=${people},${suffix}`, `ou=people${round + 1},${suffix}`, unit(`people${round + 1}`)),
          ]);
          for (const each of moments) await check(each.moment, each.round);
          if (round === 4) for (const each of moments.splice(0, 3)) each.moment.release();
        }
        for (const each of moments) {
          each.moment.release();
          each.moment.release();
        }
      });
    }

    test("a reading opened while a write is under way sees it not at all or whole", async () => {
      const store = await planted();
      let writing = true;
      const writes = (async () => {
        for (let n = 0; n < 100; n++) {
          await store.update(async (transaction) => {
            const people = transaction.find(Dn.parse(`ou=people,${suffix}`))!;
            for (const half of ["a", "b"]) {
              const uid = `${half}${n}`;
              transaction.add(people, Dn.parse(`uid=${uid}`).rdn!, draftOf(contentOf(person(uid)), 0));
              await undefined;
            }
            transaction.record({ kind: "add", actor, id: 0, uuid: "", dn: "" });
          });
        }
        writing = false;
      })();
      let looks = 0;
      while (writing) {
        await reading(store, async (moment) => {
          const count = moment.entryCount;
          expect(count % 2).toBe(1);
          expect(moment.revision).toBe(3 + (count - 3) / 2);
          await new Promise(setImmediate);
          expect(moment.childCount(idOf(moment, `ou=people,${suffix}`))).toBe(count - 3);
          const last = (count - 3) / 2;
          expect(moment.resolve(Dn.parse(userDn(`b${last}`)))).toBeUndefined();
          expect(last === 0 || moment.resolve(Dn.parse(userDn(`b${last - 1}`)))).not.toBe(undefined);
        });
        looks++;
      }
      await writes;
      expect(looks).toBeGreaterThan(0);
    });
  });

  describe(`${kind}: on disk`, () => {
    test("a store opened again holds everything it held", async () => {
      const path = await harness.folder();
      const store = await planted({ path });
      const ann = await add(store, userDn("ann"), person("ann", { userPassword: "{SSHA}x", mail: "ann@example.com" }));
      await add(store, groupDn("a"), group("a", [userDn("ann"), userDn("gone")]));
      await add(store, userDn("bob"), person("bob"));
      await remove(store, userDn("bob"));
      await harness.close(store);
      const again = await harness.open({ path });
      await reading(again, (moment) => {
        expect(moment.revision).toBe(7);
        expect(moment.entryCount).toBe(5);
        expect(moment.find(Dn.parse(userDn("ann")))?.bytes).toEqual(ann.bytes);
        expect(moment.passwords(ann.id)).toEqual([Buffer.from("{SSHA}x")]);
      });
      expect(await membersOf(again, groupDn("a"))).toEqual({ members: [userDn("ann")], missing: [userDn("gone")] });
      expect(await withValue(again, "mail", "ann@example.com")).toEqual([userDn("ann")]);
      const carl = await add(again, userDn("carl"), person("carl"));
      expect(carl.id).toBe(7);
      expect(carl.revision).toBe(8);
    });

    test("a store of another suffix is refused with a sentence", async () => {
      const path = await harness.folder();
      await harness.close(await planted({ path }));
      const other = harness.open({ path, suffix: Dn.parse("dc=other") });
      await expect(other).rejects.toMatchObject({
        code: "unavailable",
        message: `the store at ${path} holds the suffix dc=example,dc=com, not dc=other; give it a store.path of its own`,
      });
      await harness.open({ path, suffix: Dn.parse("DC=Example,DC=com") });
    });

    test("the same path cannot be opened twice", async () => {
      const path = await harness.folder();
      await harness.open({ path });
      await expect(harness.open({ path })).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringContaining("in use by another process"),
      });
    });
  });

  test(`${kind}: names are told however deep the tree has become by moving`, { timeout: 60_000 }, async () => {
    const [chains, depth] = [40, 400];
    const store = await harness.open({ limits: { dnBytes: 1024 * 1024 } });
    await add(store, suffix.toString(), organization);
    let lowest = "";
    for (let chain = 0; chain < chains; chain++) {
      const top = `ou=c${chain},${suffix}`;
      const below = Array.from({ length: depth }, (_, n) => `${"ou=n,".repeat(n)}${top}`);
      await Promise.all(below.map((name, n) => add(store, name, unit(n === 0 ? `c${chain}` : "n"))));
      const moved = lowest === "" ? top : `ou=c${chain},${lowest}`;
      if (moved !== top) await move(store, top, moved);
      lowest = `${"ou=n,".repeat(depth - 1)}${moved}`;
    }
    await reading(store, (moment) => {
      expect(moment.dn(idOf(moment, lowest))).toBe(lowest);
      expect(Dn.parse(lowest).depth).toBe(chains * depth + suffix.depth);
    });
  });

  test(`${kind}: the suffix entry is the organization it was added as`, async () => {
    const store = await harness.open();
    const entry = await add(store, "DC=example,dc=COM", organization);
    await reading(store, (moment) => {
      expect(moment.dnOf(entry)).toBe("dc=example,dc=com");
      expect(moment.find(Dn.parse("dc=Example,dc=com"))?.id).toBe(entry.id);
    });
  });
}
