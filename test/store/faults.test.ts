// What the fault finder says of a store that somebody has damaged: sentences, whatever the damage, and one for each row.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Dn } from "../../src/model/dn.js";
import { defaultLimits } from "../../src/model/limits.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { BulkLoad } from "../../src/store/bulk-load.js";
import { idBytes, type Key, keys, keyValue } from "../../src/store/keys.js";
import { LevelStore } from "../../src/store/level-store.js";
import type { Row } from "../../src/store/rows.js";
import {
  add,
  contentOf,
  draftOf,
  faultsOf,
  group,
  groupDn,
  openStore,
  organization,
  person,
  plant,
  suffix,
  temporaryFolder,
  unit,
  userDn,
} from "../support/store.js";

function open(path: string): Promise<LevelStore> {
  return LevelStore.open({ path, suffix, schema: standardSchema, limits: defaultLimits, clock: () => 0 });
}

interface Planted {
  readonly ann: number;
  readonly people: number;
  readonly groups: number;
  readonly staff: number;
  /** Any number that is no entry's. */
  readonly nobody: number;
  /** A copy of a row. */
  row(key: Key): Buffer;
  /** All of them. */
  readonly rows: readonly Row[];
}

const ghost = userDn("ghost");
const ghostName = `D${Dn.parse(ghost).normal(standardSchema)}`;

/** Two persons, one of them in a group that also names nobody. */
async function fill(store: LevelStore): Promise<Pick<Planted, "ann" | "staff">> {
  await plant(store);
  const ann = await add(store, userDn("ann"), person("ann", { userPassword: "{SSHA}x" }));
  await add(store, userDn("bob"), person("bob"));
  const staff = await add(store, groupDn("staff"), group("staff", [userDn("ann"), ghost]));
  return { ann: ann.id, staff: staff.id };
}

/**
 * The faults of a filled store some of whose rows are replaced, or taken away. It is opened anew before and after: what
 * is found is what stands on disk.
 */
async function damaged(changes: (planted: Planted) => [Key, Buffer | undefined][], more = async (_: LevelStore) => {}) {
  const path = await temporaryFolder();
  const whole = await open(path);
  const { ann, staff } = await fill(whole);
  await more(whole);
  const reading = whole.read();
  const people = reading.resolve(Dn.parse(`ou=people,${suffix}`))!;
  const groups = reading.resolve(Dn.parse(`ou=groups,${suffix}`))!;
  reading.release();
  expect(await faultsOf(whole)).toEqual([]);
  await whole.close();

  const store = await open(path);
  const snapshot = store.rows.snapshot();
  const rows: Row[] = [];
  for await (const found of snapshot.range("", "\xff")) rows.push(...found);
  snapshot.release();
  const row = (key: Key) => Buffer.from(rows.find((one) => one.key === key)!.value);
  await store.rows.write(new Map(changes({ ann, people, groups, staff, nobody: 99, row, rows })), store.revision);
  await store.close();

  const again = await open(path);
  try {
    return await faultsOf(again);
  } finally {
    await again.close();
  }
}

function cut(row: Buffer, by = 1): Buffer {
  return row.subarray(0, row.length - by);
}

describe("an entry", () => {
  test("in another row format is told, and nothing that follows from it", async () => {
    const faults = await damaged(({ ann, row }) => {
      const bytes = row(keys.entry(ann));
      bytes[0] = 9;
      return [[keys.entry(ann), bytes]];
    });
    expect(faults).toEqual([expect.stringMatching(/^the row of entry 4 is damaged: .*format 9/)]);
  });

  test.each([0, 1, 7, 30, 49, 50, 60])("cut off after %i bytes is told once", async (length) => {
    const faults = await damaged(({ ann, row }) => [[keys.entry(ann), row(keys.entry(ann)).subarray(0, length)]]);
    expect(faults).toEqual([expect.stringMatching(/^the row of entry 4 is damaged: it is (cut off|empty)$/)]);
  });

  test.each(["people", "staff", "ann"] as const)("whose attributes are cut off is told once: %s", async (which) => {
    const faults = await damaged((planted) => {
      const key = keys.entry(planted[which]);
      return [[key, cut(planted.row(key), 3)]];
    });
    expect(faults).toEqual([expect.stringMatching(/^the row of entry \d is damaged: /)]);
  });

  test("without any attribute is told once", async () => {
    const faults = await damaged(({ people, row }) => {
      const bytes = row(keys.entry(people));
      const start = 50 + [42, 44, 46, 48].reduce((sum, at) => sum + bytes.readUInt16BE(at), 0);
      return [[keys.entry(people), bytes.subarray(0, start)]];
    });
    expect(faults).toEqual(["the row of entry 2 is damaged: it has no objectClass"]);
  });

  test("whose name cannot be read is told once", async () => {
    const faults = await damaged(({ ann, row }) => {
      const bytes = row(keys.entry(ann));
      bytes.write("uid?", 50);
      return [[keys.entry(ann), bytes]];
    });
    expect(faults).toEqual([expect.stringMatching(/^the row of entry 4 is damaged: invalid DN: a "=" is missing/)]);
  });

  test("that is gone from under its name is told once", async () => {
    expect(await damaged(({ ann }) => [[keys.entry(ann), undefined]])).toEqual([
      `the tree has entry 4 as "uid=ann" below entry 2, but it has no row`,
    ]);
    expect(await damaged(({ people }) => [[keys.entry(people), undefined]])).toEqual([
      `the tree has entry 2 as "ou=people" below entry 1, but it has no row`,
    ]);
  });

  test("of which nothing but its parts is left is told once", async () => {
    const faults = await damaged(({ ann, people }) => [
      [keys.entry(ann), undefined],
      [keys.child(people, "uid=ann"), undefined],
    ]);
    expect(faults).toHaveLength(2);
    // Nothing says any more whose child it was.
    expect(faults[0]).toBe("entry 2 has 1 child, but the count says 2");
    expect(faults[1]).toBe("there are passwords of entry 4, which does not exist");
  });

  test("kept as another kind than its classes make it is told once", async () => {
    const faults = await damaged(({ ann, row }) => {
      const bytes = row(keys.entry(ann));
      bytes[41] = 2;
      return [[keys.entry(ann), bytes]];
    });
    expect(faults).toEqual(["entry 4 is kept as group, but its object classes make it user"]);
  });

  test("that stands below itself is told once", async () => {
    const faults = await damaged(({ ann, people, row }) => {
      const bytes = row(keys.entry(people));
      bytes.writeUIntBE(ann, 1, 6);
      return [[keys.entry(people), bytes]];
    });
    expect(faults).toEqual(["entry 2 stands below itself, cut off from the suffix, by way of entry 4"]);
  });

  test.each([
    ["the suffix", 0, 'entry 4 ("uid=ann") is not in the tree under its name: entry 1 is there'],
    ["the groups", 3, 'entry 4 ("uid=ann") is not in the tree under its name below entry 3'],
    ["nothing", 99, 'entry 4 ("uid=ann") is not in the tree under its name below entry 99'],
  ])("that says it stands elsewhere than in the tree is told once: %s", async (_, parent, fault) => {
    const faults = await damaged(({ ann, row }) => {
      const bytes = row(keys.entry(ann));
      bytes.writeUIntBE(parent, 1, 6);
      return [[keys.entry(ann), bytes]];
    });
    expect(faults).toEqual([fault]);
  });

  test("that is not what it is indexed as is told once", async () => {
    const faults = await damaged(({ ann, row }) => {
      const bytes = row(keys.entry(ann));
      bytes[bytes.indexOf("Person ann")] = 0x48; // "Herson ann"
      return [[keys.entry(ann), bytes]];
    });
    expect(faults).toEqual([
      'entry 4 is not indexed as it is: missing from cn="herson ann" cn="he"* cn=*"her"*, too many in cn="person ann" cn="pe"* cn=*"per"*',
    ]);
  });

  test("with the entryUUID of another is told with both", async () => {
    const faults = await damaged(({ ann, people, row }) => {
      const bytes = row(keys.entry(ann));
      row(keys.entry(people)).copy(bytes, 13, 13, 29);
      return [[keys.entry(ann), bytes]];
    });
    expect(faults).toEqual([
      expect.stringMatching(/^entry 4 has the same entryUUID as entry 2: [-0-9a-f]{36}$/),
      // Which of the two is not itself.
      expect.stringMatching(/^entry 4 is not indexed as it is: missing from entryUUID="/),
    ]);
  });

  test("above the last id, and changes that were never committed, are told together", async () => {
    expect(await damaged(() => [[keys.meta("lastId"), Buffer.from(idBytes(3), "latin1")]])).toEqual([
      "entries 4 5 6 are above 3, the last id that was given out",
    ]);
    expect(await damaged(() => [5, 6].map((n) => [keys.change(n), undefined]))).toEqual([
      "entries 5 6 were changed after revision 4, the last that was committed",
    ]);
  });
});

describe("a tree row", () => {
  test.each([0, 2, 7])("of %i bytes is told once", async (length) => {
    const faults = await damaged(({ people }) => [[keys.child(people, "uid=ann"), Buffer.alloc(length, 1)]]);
    expect(faults).toEqual([
      `the tree row of "uid=ann" below entry 2 is damaged: it has ${length} bytes where an id has 6`,
    ]);
  });

  test("that is gone is told once", async () => {
    const faults = await damaged(({ people }) => [[keys.child(people, "uid=ann"), undefined]]);
    expect(faults).toEqual(['entry 4 ("uid=ann") is not in the tree under its name below entry 2']);
  });

  test("of the suffix that is gone is told once", async () => {
    const faults = await damaged(() => [[keys.child(0, suffix.normal(standardSchema)), undefined]]);
    expect(faults).toEqual([`entry 1 ("${suffix}") is not in the tree under its name at the top`]);
  });

  test("that names another entry is told once, whether there is one or not", async () => {
    for (const id of [5, 99]) {
      const faults = await damaged(({ people }) => [
        [keys.child(people, "uid=ann"), Buffer.from(idBytes(id), "latin1")],
      ]);
      expect(faults).toEqual([`entry 4 ("uid=ann") is not in the tree under its name: entry ${id} is there`]);
    }
  });

  test("too many is told with its name", async () => {
    const rows = (parent: number, id: number): [Key, Buffer] => [
      keys.child(parent, "uid=zoe"),
      Buffer.from(idBytes(id), "latin1"),
    ];
    expect(await damaged(({ people, ann }) => [rows(people, ann)])).toEqual([
      'the tree has entry 4 twice below entry 2, also as "uid=zoe"',
    ]);
    expect(await damaged(({ groups, ann }) => [rows(groups, ann)])).toEqual([
      'the tree has entry 4 as "uid=zoe" below entry 3, where it is not',
    ]);
    expect(await damaged(({ people, nobody }) => [rows(people, nobody)])).toEqual([
      'the tree has entry 99 as "uid=zoe" below entry 2, but it has no row',
    ]);
  });
});

describe("a count", () => {
  const countRows: [string, (planted: Planted) => Key][] = [
    ["children of entry 2", ({ people }) => keys.childCount(people)],
    ["missing members of entry 6", ({ staff }) => keys.danglingsOf(staff)],
    ["entries", () => keys.meta("entries")],
    ["missing members", () => keys.meta("danglings")],
  ];

  test.each(countRows)("that is cut off or too long is told once: %s", async (what, key) => {
    for (const bytes of [[], [0x80], [2, 2]]) {
      const faults = await damaged((planted) => [[key(planted), Buffer.from(bytes)]]);
      expect(faults).toEqual([`the count of ${what} is damaged`]);
    }
  });

  test("that is wrong is told with both numbers", async () => {
    const wrong = ({ 1: key }: (typeof countRows)[number]) => damaged((planted) => [[key(planted), Buffer.from([9])]]);
    expect(await Promise.all(countRows.map(wrong))).toEqual([
      ["entry 2 has 2 children, but the count says 9"],
      ["entry 6 has 1 missing member, but the count says 9"],
      ["6 entries, but the count says 9"],
      ["1 missing member, but the count says 9"],
    ]);
  });

  test("that is gone, or of nothing, is told", async () => {
    expect(await damaged(({ people }) => [[keys.childCount(people), undefined]])).toEqual([
      "entry 2 has 2 children, but there is no count of them",
    ]);
    expect(await damaged(({ nobody }) => [[keys.childCount(nobody), Buffer.from([1])]])).toEqual([
      "there is a count of children of entry 99, which does not exist",
    ]);
  });

  test("of ids given out that is cut off is told once", async () => {
    const faults = await damaged(() => [[keys.meta("lastId"), Buffer.alloc(3)]]);
    expect(faults).toEqual(["the last id given out is damaged: it has 3 bytes where an id has 6"]);
  });
});

describe("a list", () => {
  const sn = (planted: Planted) => planted.rows.find(({ key }) => key.startsWith("i") && key.slice(3) === "ann")!.key;
  const lists: [string, (planted: Planted) => Key][] = [
    ["members of entry 6", ({ staff }) => keys.members(staff)],
    ["groups of entry 4", ({ ann }) => keys.groups(ann)],
    ['entries with \\w+="ann"', sn],
  ];

  test.each(lists)("that is cut off, or no list at all, is told once: %s", async (what, key) => {
    for (const bytes of [[], [0], [0, 0x80], [7, 1, 4], [0, 1, 0x84], [0, 1, 0], [0, 2, 4, 0]]) {
      const faults = await damaged((planted) => [[key(planted), Buffer.from(bytes)]]);
      expect(faults).toEqual([expect.stringMatching(`^the list of ${what} is damaged$`)]);
    }
  });

  test.each(lists)("that is gone, or counts wrongly, or holds others, is told: %s", async (what, key) => {
    const missing = await damaged((planted) => [[key(planted), undefined]]);
    expect(missing).toEqual([expect.stringMatching(`^there is no list of ${what}$`)]);
    const miscounted = await damaged((planted) => {
      const row = planted.row(key(planted));
      row[1] = 7;
      return [[key(planted), row]];
    });
    expect(miscounted).toEqual([expect.stringMatching(`^the list of ${what} holds \\d, but its count says 7$`)]);
    const wrong = await damaged((planted) => [[key(planted), Buffer.from([0, 1, 88])]]);
    expect(wrong).toEqual([expect.stringMatching(`^the list of ${what} is wrong: missing \\d( \\d)*, too many 88$`)]);
  });

  test("of many has runs, and each is told that is cut off or belongs to nothing", async () => {
    const many = async (store: LevelStore) => {
      for (let n = 0; n < 140; n++) await add(store, userDn(`n${n}`), person(`n${n}`, { employeeType: "temp" }));
    };
    const run = ({ rows }: Planted) => rows.find(({ key }) => key.startsWith("R") && key.includes("temp"))!;
    const head = (planted: Planted) => {
      const { key } = run(planted);
      return key.slice(2, 2 + key.charCodeAt(1));
    };
    expect(await damaged((planted) => [[run(planted).key, Buffer.from([1, 0x80])]], many)).toEqual([
      'a run of the list of entries with employeeType="temp", from entry 7 on, is damaged',
    ]);
    expect(await damaged((planted) => [[run(planted).key, undefined]], many)).toEqual([
      expect.stringMatching(
        /^the list of entries with employeeType="temp" is wrong: missing 7 8 9 10 11 …, too many none$/,
      ),
    ]);
    expect(await damaged((planted) => [[head(planted), undefined]], many)).toEqual([
      'there is no list of entries with employeeType="temp"',
    ]);
    expect(
      await damaged(({ nobody }) => [
        [keys.run(keys.members(nobody), 7), Buffer.alloc(0)],
        [keys.run(keys.members(nobody), 8), Buffer.alloc(0)],
      ]),
    ).toEqual(["a run of the list of members of entry 99, from entry 7 on, belongs to nothing"]);
  });

  test("of what does not exist is told once", async () => {
    const faults = await damaged(({ nobody, staff, ann }) => [
      [keys.members(nobody), Buffer.from([0, 1, ann])],
      [keys.groups(nobody), Buffer.from([0, 1, staff])],
    ]);
    expect(faults).toEqual(["there is a list of members of entry 99, which does not exist"]);
  });

  test("of substrings is told where it is cut off, gone, or too long", async () => {
    const gram = ({ rows }: Planted) => rows.find(({ key }) => key.startsWith("x") && key.slice(3, 6) === "ann")!.key;
    expect(await damaged((planted) => [[gram(planted), Buffer.from([0x80])]])).toEqual([
      expect.stringMatching(/^a run of the list of entries with \w+=\*"ann"\*, from entry 4 on, is damaged$/),
    ]);
    expect(await damaged((planted) => [[gram(planted), undefined]])).toEqual([
      expect.stringMatching(/^there is no list of entries with \w+=\*"ann"\*$/),
    ]);
    expect(await damaged((planted) => [[gram(planted), Buffer.from([4])]])).toEqual([
      expect.stringMatching(/^the list of entries with \w+=\*"ann"\* is wrong: missing none, too many 8$/),
    ]);
  });
});

describe("a member value that names nothing", () => {
  test("and is not listed by its name is told with both", async () => {
    const faults = await damaged(({ staff }) => [[keys.danglingName(ghostName, staff), undefined]]);
    expect(faults).toEqual([`entry 6 has the missing member "${ghost}", which is not listed by its name`]);
  });

  test("and stands only among the names is told with both", async () => {
    const lost = await damaged(({ staff }) => [[keys.dangling(staff, ghostName), undefined]]);
    const fault = `the missing member "${ghostName.slice(1)}" is listed for entry 6, which does not have it`;
    expect(lost).toEqual([fault]);
    const other = await damaged(({ ann }) => [[keys.danglingName("Uzoe", ann), Buffer.alloc(0)]]);
    expect(other).toEqual(['the missing member "zoe" is listed for entry 4, which does not have it']);
  });

  test("and is cut off is told once", async () => {
    const short = await damaged(({ staff }) => [[keys.dangling(staff, ghostName), Buffer.from(ghost.slice(0, -1))]]);
    expect(short).toEqual([
      `entry 6 has the missing member "${ghost.slice(0, -1)}", which stands under the name "${ghostName.slice(1)}"`,
    ]);
    const none = await damaged(({ staff }) => [[keys.dangling(staff, ghostName), Buffer.from("uid")]]);
    expect(none).toEqual([`entry 6 has the missing member "uid", which is no name`]);
  });

  test("though there is such an entry is told with both", async () => {
    const name = `D${Dn.parse(userDn("bob")).normal(standardSchema)}`;
    const faults = await damaged(({ staff }) => [
      [keys.dangling(staff, name), Buffer.from(userDn("bob"))],
      [keys.danglingName(name, staff), Buffer.alloc(0)],
      [keys.danglingsOf(staff), Buffer.from([2])],
      [keys.meta("danglings"), Buffer.from([2])],
    ]);
    expect(faults).toEqual([`entry 6 has the missing member "${userDn("bob")}", but it is entry 5`]);
  });

  test("of an entry that does not exist is told once", async () => {
    const faults = await damaged(({ nobody }) =>
      ["Uyan", "Uzoe"].flatMap((name): [Key, Buffer][] => [
        [keys.dangling(nobody, name), Buffer.from(name.slice(1))],
        [keys.danglingName(name, nobody), Buffer.alloc(0)],
        [keys.danglingsOf(nobody), Buffer.from([2])],
        [keys.meta("danglings"), Buffer.from([3])],
      ]),
    );
    expect(faults).toEqual(["there are missing members of entry 99, which does not exist"]);
  });

  test("is looked up past damaged rows, which are told once", async () => {
    const faults = await damaged(({ groups }) => [
      [keys.child(1, "ou=people"), Buffer.alloc(1)],
      [keys.childCount(groups), Buffer.alloc(0)],
    ]);
    expect(faults).toEqual([
      'the tree row of "ou=people" below entry 1 is damaged: it has 1 bytes where an id has 6',
      "the count of children of entry 3 is damaged",
    ]);
  });
});

describe("a member value that names nothing, whose name is longer than a key keeps", () => {
  const far = userDn("far".repeat(20));
  const farUid = "far-".repeat(20);
  const names = [
    [far, `D${Dn.parse(far).normal(standardSchema)}`],
    [farUid, `U${farUid}`],
  ] as const;
  const farGroup = group("far", [far], { memberUid: farUid });

  /** In a store that is filled already. */
  const addFarGroup = async (store: LevelStore) => {
    await add(store, groupDn("far"), farGroup);
  };
  const farId = ({ staff }: Planted) => staff + 1;

  test.each(names)("stands in a key that is cut: %s", (_, name) => {
    expect(keyValue(name)).not.toBe(name);
  });

  test("has no faults, whether a transaction adds it or a bulk load", async () => {
    const added = await openStore();
    await plant(added);
    await addFarGroup(added);
    expect(await faultsOf(added)).toEqual([]);

    const loaded = await openStore();
    const load = await BulkLoad.begin(loaded, "test");
    for (const [name, literal] of [
      [`${suffix}`, organization],
      [`ou=groups,${suffix}`, unit("groups")],
      [groupDn("far"), farGroup],
    ] as const) {
      const content = contentOf(literal);
      const { passwords, members } = content;
      await load.add({ ...draftOf(content, 0), dn: Dn.parse(name), uuid: undefined, passwords, members });
    }
    await load.finish();
    expect(await faultsOf(loaded)).toEqual([]);

    for (const store of [added, loaded]) {
      const reading = store.read();
      const { id } = reading.find(Dn.parse(groupDn("far")))!;
      expect(names.map(([, name]) => reading.hasDangling(id, name))).toEqual([true, true]);
      reading.release();
    }
  });

  test.each(names)("and one of whose two rows is gone is told once: %s", async (written, name) => {
    const unlisted = await damaged((planted) => [[keys.danglingName(name, farId(planted)), undefined]], addFarGroup);
    expect(unlisted).toEqual([`entry 7 has the missing member "${written}", which is not listed by its name`]);
    const lost = await damaged((planted) => [[keys.dangling(farId(planted), name), undefined]], addFarGroup);
    expect(lost).toEqual([
      // As much of it as a key keeps.
      expect.stringMatching(
        `^the missing member "${name.slice(1, 48)}.*" is listed for entry 7, which does not have it$`,
      ),
    ]);
  });
});

test("memberships of what does not exist are told once", async () => {
  const faults = await damaged(({ nobody, ann }) => [
    [keys.membership(nobody, ann), Buffer.alloc(0)],
    [keys.members(nobody), Buffer.from([0, 1, ann])],
    [keys.groups(ann), Buffer.from([0, 2, 6, nobody - 6])],
  ]);
  expect(faults).toEqual(["entry 4 is a member of entry 99, which does not exist"]);
});

test("passwords and change records that cannot be read are told", async () => {
  const faults = await damaged(({ ann }) => [
    [keys.secrets(ann), Buffer.from([0, 200, 1])],
    [keys.change(1), Buffer.from("{")],
  ]);
  expect(faults).toEqual(["the passwords of entry 4 are damaged", "the change record of revision 1 is damaged"]);
});

test("rows in a key space that nobody knows are told, each with its key", async () => {
  const strange = ["A", "Sx", "b\x00\x07", "z\x9bm\xff", `\xff\xff`];
  const faults = await damaged(() => strange.map((key) => [key, Buffer.from("?")]));
  expect(faults).toEqual(
    ['"A"', '"Sx"', '"b\\u0000\\u0007"', '"z\\u009bm\\u00ff"', '"\\u00ff\\u00ff"'].map(
      (key) => `the row ${key} is in a key space that this version does not know`,
    ),
  );
});

test("rows whose keys do not fit their space are told, each with its key", async () => {
  const strange = [
    "eab",
    "sabc",
    "t",
    "tabcdef",
    "cabcdefg",
    "gabcdef",
    "M",
    "W1",
    "u1",
    "uabcdefX",
    "U\x05D",
    "i\x00",
  ];
  strange.push("pabc", "xabc", "R\x03M", "mnothing", "a");
  const faults = await damaged(() => strange.map((key) => [key, Buffer.from([0, 1])]));
  expect(faults).toHaveLength(strange.length);
  expect(faults).toContain('the row "eab" among the entries has a key that says nothing');
  expect(faults).toContain('the row "mnothing" among the facts of the store has a key that says nothing');
});

test("two attribute types with one number are told", async () => {
  const faults = await damaged(({ rows }) => {
    const [, { value }] = rows.filter(({ key }) => key.startsWith("a")) as [Row, Row];
    return [["a9.9.9", value]];
  });
  expect(faults).toEqual([expect.stringMatching(/^the attribute types "[\d.]+" and "9\.9\.9" have the same number$/)]);
});

test("whatever happens to a row is told, in few sentences, and never ends the search", async () => {
  const fate = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    cut: fc.nat(60),
    flip: fc.option(fc.record({ at: fc.nat(80), by: fc.integer({ min: 1, max: 255 }) })),
  });
  await fc.assert(
    fc.asyncProperty(fate, async ({ at, cut, flip }) => {
      const faults = await damaged(({ rows }) => {
        // Those without which the store does not open.
        const candidates = rows.filter(({ key }) => !/^(a|mformat|msuffix|l)/.test(key));
        const { key, value } = candidates[Math.floor(at * candidates.length)]!;
        const row = Buffer.from(value.subarray(0, Math.max(0, value.length - cut)));
        if (flip && row.length > 0) row[flip.at % row.length]! ^= flip.by;
        return [[key, row]];
      });
      // A row, and what stands beside it: damage may well look like something else than it is.
      expect(faults.length).toBeLessThanOrEqual(2);
      for (const fault of faults) expect(fault).not.toMatch(/undefined|NaN|outside buffer|out of range/);
    }),
    { numRuns: 60 },
  );
});
