// What the fault finder says of a store that somebody has damaged: sentences, whatever the damage.
import { expect, test } from "vitest";
import { Dn } from "../../src/model/dn.js";
import { defaultLimits } from "../../src/model/limits.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { keys } from "../../src/store/keys.js";
import { LevelStore } from "../../src/store/level-store.js";
import { add, faultsOf, person, plant, suffix, temporaryFolder, userDn } from "../support/store.js";

/** A planted store with one person, some of whose rows are replaced. */
async function damaged(changes: (ids: { ann: number; people: number }, store: LevelStore) => [string, Buffer][]) {
  const path = await temporaryFolder();
  const store = await LevelStore.open({ path, suffix, schema: standardSchema, limits: defaultLimits, clock: () => 0 });
  await plant(store);
  const ann = (await add(store, userDn("ann"), person("ann", { userPassword: "{SSHA}x" }))).id;
  const reading = store.read();
  const people = reading.resolve(Dn.parse(`ou=people,${suffix}`))!;
  reading.release();
  expect(await faultsOf(store)).toEqual([]);
  await store.rows.write(new Map(changes({ ann, people }, store)), store.revision);
  const faults = await faultsOf(store);
  await store.close();
  return faults.join("\n");
}

function rowOf(store: LevelStore, id: number): Buffer {
  const reading = store.read();
  try {
    return Buffer.from(reading.entry(id)!.bytes);
  } finally {
    reading.release();
  }
}

test("an entry in another row format is told, and the rest is still looked at", async () => {
  const faults = await damaged(({ ann }, store) => {
    const row = rowOf(store, ann);
    row[0] = 9;
    return [[keys.entry(ann), row]];
  });
  expect(faults).toMatch(/row of entry \d+ is damaged: .*format 9/);
});

test("an entry whose attributes are cut off is told", async () => {
  const faults = await damaged(({ ann }, store) => {
    const row = rowOf(store, ann);
    return [[keys.entry(ann), row.subarray(0, row.length - 3)]];
  });
  expect(faults).toMatch(/row of entry \d+ is damaged/);
});

test("an entry kept as another kind than its classes make it is told", async () => {
  const faults = await damaged(({ ann }, store) => {
    const row = rowOf(store, ann);
    row[41] = 2;
    return [[keys.entry(ann), row]];
  });
  expect(faults).toMatch(/is kept as group/);
});

test("entries that stand below each other are told", async () => {
  const faults = await damaged(({ ann, people }, store) => {
    const row = rowOf(store, people);
    row.writeUIntBE(ann, 1, 6);
    return [[keys.entry(people), row]];
  });
  expect(faults).toMatch(/stands below itself/);
});

test("passwords and change records that cannot be read are told", async () => {
  const faults = await damaged(({ ann }) => [
    [keys.secrets(ann), Buffer.from([0, 200, 1])],
    [keys.change(1), Buffer.from("{")],
  ]);
  expect(faults).toMatch(/passwords of entry \d+ are damaged/);
  expect(faults).toMatch(/change record of revision 1 is damaged/);
});
