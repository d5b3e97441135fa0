// @ts-nocheck: what it imports exists only when the server is built.
// Writes to a store until it is killed or the disk is full, and says on standard output what was acknowledged, one JSON
// line for each. Run by tests as a process of its own, on the built server:
//   node store-writer.mjs PATH [concurrent writers] [bytes of padding in each entry]
import { writeSync } from "node:fs";

const built = (file) => import(new URL(`../../dist/${file}`, import.meta.url).href);
const { entryContent } = await built("access/entry-content.js");
const { Dn } = await built("model/dn.js");
const { defaultLimits } = await built("model/limits.js");
const { standardSchema } = await built("model/standard-schema.js");
const { LevelStore } = await built("store/level-store.js");

const [path, writers = "8", padding = "0"] = process.argv.slice(2);
const suffix = Dn.parse("dc=example,dc=com");
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

const attributes = (literal) =>
  Object.entries(literal).map(([name, values]) => ({
    description: standardSchema.describe(name),
    values: [values].flat().map((value) => Buffer.from(value)),
  }));

function draft(literal) {
  const content = entryContent(attributes(literal), standardSchema);
  const now = Date.now();
  return { ...content, created: now, modified: now, creator: "", modifier: "" };
}

function record(transaction, kind, entry) {
  transaction.record({ kind, actor: "", id: entry.id, uuid: "", dn: transaction.dnOf(entry) });
  return transaction.nextRevision;
}

const person = (uid, cn) =>
  draft({ objectClass: ["inetOrgPerson"], uid, cn, sn: "x", description: "x".repeat(Number(padding)) || "-" });

const store = await LevelStore.open({ path, suffix, schema: standardSchema, limits: defaultLimits, clock: Date.now });
let taken = store.revision;
if (taken === 0) {
  await store.update((transaction) =>
    record(
      transaction,
      "add",
      transaction.addSuffix(draft({ objectClass: ["dcObject", "organization"], dc: "example", o: "x" })),
    ),
  );
}
say({ ready: store.revision });

/** Adds, changes, renames and removes entries of its own, and joins each to a group that all share. */
async function write(writer) {
  for (let n = 0; ; n++) {
    const uid = `w${writer}-${taken++}-${process.pid}`;
    const add = await store.update(async (transaction) => {
      const top = transaction.find(suffix);
      const entry = transaction.add(top, Dn.parse(`uid=${uid}`).rdn, person(uid, "first"));
      transaction.addMember(top.id, { kind: "dn", dn: suffix.child(Dn.parse(`uid=${uid}`).rdn), written: "" });
      return record(transaction, "add", entry);
    });
    say({ revision: add, uid, cn: "first" });
    const name = Dn.parse(`uid=${uid},${suffix}`);
    if (n % 3 === 0) continue;
    const change = await store.update(async (transaction) => {
      const entry = await transaction.replace(transaction.find(name), person(uid, "second"));
      return record(transaction, "modify", entry);
    });
    say({ revision: change, uid, cn: "second" });
    if (n % 3 === 1) continue;
    const removal = await store.update(async (transaction) => {
      const entry = transaction.find(name);
      await transaction.remove(entry);
      return record(transaction, "delete", entry);
    });
    say({ revision: removal, uid, cn: null });
  }
}

try {
  await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)));
} catch (error) {
  // The disk takes no more: what is there must still be readable, and every later write be refused.
  const moment = store.read();
  const again = await store
    .update((transaction) => record(transaction, "modify", transaction.find(suffix)))
    .then(
      () => "taken",
      (refusal) => refusal.code,
    );
  say({ refused: error.code, message: error.message, again, entries: moment.entryCount, revision: moment.revision });
  moment.release();
  process.exit(0);
}
