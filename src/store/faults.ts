// The fault finder: reads the whole store and says, in sentences, wherever rows that must agree do not. It changes
// nothing, and shares no code with what writes index rows but the terms of an entry.
import { BerReader } from "../ber/reader.js";
import { Dn } from "../model/dn.js";
import { entryKind } from "../model/entry-kind.js";
import { classesOf } from "../model/schema-check.js";
import { StoredEntry, uuidText } from "./entry-row.js";
import { gramPrefix, type TermSink } from "./indexes.js";
import { idAt, type Key, keys } from "./keys.js";
import type { LevelStore } from "./level-store.js";
import { loadPostings, pushRun, readPostings, readVarint, sortedUnique } from "./postings.js";
import { memberName, noParent } from "./reading.js";
import { type RowReader, rangeOf } from "./rows.js";

/** Index terms are compared in so many passes that one pass holds those of about this many entries. */
const entriesPerPass = 200_000;

/** Every fault in the store as it is now. */
export async function* faultsIn(store: LevelStore): AsyncGenerator<string, void, void> {
  const snapshot = store.rows.snapshot();
  try {
    if (snapshot.get(keys.meta("loading"))) yield "a bulk load was begun and not finished";
    const entries = new Map<number, number>();
    yield* entryFaults(snapshot, store, entries);
    yield* treeFaults(snapshot, entries);
    yield* membershipFaults(snapshot, entries);
    yield* danglingFaults(snapshot, store, entries);
    const passes = Math.max(1, Math.ceil(entries.size / entriesPerPass));
    for (let pass = 0; pass < passes; pass++) yield* indexFaults(snapshot, store, pass, passes);
    yield* runFaults(snapshot);
    yield* changeFaults(snapshot, store);
  } finally {
    snapshot.release();
  }
}

/** Fills `entries` with id and parent. */
async function* entryFaults(rows: RowReader, store: LevelStore, entries: Map<number, number>): AsyncGenerator<string> {
  const uuids = new Set<string>();
  for await (const found of rangeOf(rows, "e")) {
    for (const { key, value } of found) {
      const entry = readable(idAt(key, 1), value, store);
      if (typeof entry === "string") {
        yield entry;
        continue;
      }
      entries.set(entry.id, entry.parent);
      const uuid = uuidText(entry.uuid);
      if (uuids.has(uuid)) yield `entry ${entry.id} has the entryUUID ${uuid} of another`;
      uuids.add(uuid);
      if (entry.revision > store.revision)
        yield `entry ${entry.id} was changed at revision ${entry.revision}, which was never committed`;
      const rdn =
        entry.parent === noParent ? store.suffix.normal(store.schema) : Dn.parse(entry.rdn).rdn!.normal(store.schema);
      const child = rows.get(keys.child(entry.parent, rdn))?.readUIntBE(0, 6);
      if (child !== entry.id) yield `entry ${entry.id} (${entry.rdn}) is not in the tree under its name`;
    }
  }
  const count = readCount(rows, keys.meta("entries"));
  if (count !== entries.size) yield `${entries.size} entries, but the count says ${count}`;
  const lastId = rows.get(keys.meta("lastId"))?.readUIntBE(0, 6) ?? 0;
  for (const id of entries.keys()) if (id > lastId) yield `entry ${id} has an id that was never given out`;
  for await (const found of rangeOf(rows, "s")) {
    for (const { key, value } of found) {
      if (!entries.has(idAt(key, 1))) yield `passwords of entry ${idAt(key, 1)}, which does not exist`;
      if (!isWholeSecrets(value)) yield `the passwords of entry ${idAt(key, 1)} are damaged`;
    }
  }
}

/** The entry of a row; a sentence where the row is damaged. */
function readable(id: number, row: Buffer, store: LevelStore): StoredEntry | string {
  try {
    const entry = new StoredEntry(id, row);
    const attributes = decodeAttributes(entry, store);
    const kind = entryKind(classesOf(attributes.get("objectClass") ?? [], store.schema));
    return kind === entry.kind
      ? entry
      : `entry ${id} is kept as ${entry.kind}, which its object classes do not make it`;
  } catch (error) {
    return `the row of entry ${id} is damaged: ${error instanceof Error ? error.message : error}`;
  }
}

/** Reads every byte of the attribute list, strictly: what is written only by us is trusted everywhere else. */
function decodeAttributes({ bytes, attributesStart }: StoredEntry, store: LevelStore): Map<string, Buffer[]> {
  const reader = new BerReader(bytes, attributesStart);
  const attributes = new Map<string, Buffer[]>();
  while (!reader.done) {
    const attribute = reader.open(0x30);
    const type = reader.text();
    if (!store.schema.describe(type)) throw new Error(`it holds ${type}, which the schema does not know`);
    const values: Buffer[] = [];
    const set = reader.open(0x31);
    while (!reader.done) values.push(reader.octets());
    reader.close(set);
    reader.close(attribute);
    attributes.set(type, values);
  }
  return attributes;
}

/** Entries that no way leads to from the suffix: they stand below each other. */
function* unreachable(entries: ReadonlyMap<number, number>): Generator<string> {
  const reached = new Set<number>();
  for (const id of entries.keys()) {
    const path: number[] = [];
    const onPath = new Set<number>();
    let at: number | undefined = id;
    while (at !== undefined && at !== noParent && !reached.has(at) && !onPath.has(at)) {
      path.push(at);
      onPath.add(at);
      at = entries.get(at);
    }
    if (at !== undefined && onPath.has(at)) yield `entry ${id} stands below itself, cut off from the suffix`;
    for (const passed of path) reached.add(passed);
  }
}

async function* treeFaults(rows: RowReader, entries: Map<number, number>): AsyncGenerator<string> {
  yield* unreachable(entries);
  const childCounts = new Map<number, number>();
  for (const [id, parent] of entries) {
    if (parent === noParent) continue;
    childCounts.set(parent, (childCounts.get(parent) ?? 0) + 1);
    if (!entries.has(parent)) yield `entry ${id} stands below entry ${parent}, which does not exist`;
  }
  const named = new Set<number>();
  for await (const found of rangeOf(rows, "t")) {
    for (const { key, value } of found) {
      const id = value.readUIntBE(0, 6);
      if (named.has(id)) yield `the tree names entry ${id} twice`;
      named.add(id);
      if (entries.get(id) !== idAt(key, 1))
        yield `the tree names entry ${id} below entry ${idAt(key, 1)}, where it is not`;
    }
  }
  for await (const found of rangeOf(rows, "c")) {
    for (const { key } of found) {
      const id = idAt(key, 1);
      const counted = childCounts.get(id) ?? 0;
      if (readCount(rows, key) !== counted)
        yield `entry ${id} has ${counted} children, but the count says ${readCount(rows, key)}`;
      childCounts.delete(id);
    }
  }
  for (const [id, count] of childCounts) yield `entry ${id} has ${count} children that are not counted`;
}

async function* membershipFaults(rows: RowReader, entries: Map<number, number>): AsyncGenerator<string> {
  const members = new Map<number, number[]>();
  const groups = new Map<number, number[]>();
  for await (const found of rangeOf(rows, "g")) {
    for (const { key } of found) {
      const group = idAt(key, 1);
      const member = idAt(key, 7);
      if (!entries.has(group)) yield `a membership in entry ${group}, which does not exist`;
      if (!entries.has(member)) yield `entry ${group} has the member ${member}, which does not exist`;
      push(members, group, member);
      push(groups, member, group);
    }
  }
  yield* postingFaults(rows, "M", members, "members");
  yield* postingFaults(rows, "W", groups, "groups");
}

async function* postingFaults(
  rows: RowReader,
  space: string,
  expected: Map<number, number[]>,
  what: string,
): AsyncGenerator<string> {
  for await (const found of rangeOf(rows, space)) {
    for (const { key } of found) {
      const id = idAt(key, 1);
      const wanted = sortedUnique(expected.get(id) ?? []);
      expected.delete(id);
      yield* listFaults(rows, key, wanted, `${what} of entry ${id}`);
    }
  }
  for (const id of expected.keys()) yield `the ${what} of entry ${id} are not listed`;
}

async function* listFaults(
  rows: RowReader,
  head: Key,
  wanted: readonly number[],
  what: string,
): AsyncGenerator<string> {
  const listed = (await loadPostings(rows, head))!;
  const { count } = readPostings(rows, head);
  if (count !== listed.length) yield `the list of ${what} holds ${listed.length}, but its count says ${count}`;
  if (listed.length !== wanted.length || listed.some((id, n) => id !== wanted[n])) {
    const [those, these] = [new Set(listed), new Set(wanted)];
    const missing = wanted.filter((id) => !those.has(id)).slice(0, 5);
    const surplus = listed.filter((id) => !these.has(id)).slice(0, 5);
    yield `the list of ${what} is wrong: missing ${missing.join(" ") || "none"}, too many ${surplus.join(" ") || "none"}`;
  }
}

async function* danglingFaults(
  rows: RowReader,
  store: LevelStore,
  entries: Map<number, number>,
): AsyncGenerator<string> {
  const counts = new Map<number, { found: number; said: number }>();
  let total = 0;
  const reading = store.read();
  try {
    for await (const found of rangeOf(rows, "u")) {
      for (const { key, value } of found) {
        const group = idAt(key, 1);
        if (!entries.has(group)) yield `a member value of entry ${group}, which does not exist`;
        const counted = counts.get(group) ?? { found: 0, said: 0 };
        counts.set(group, counted);
        if (key.length === 7) {
          counted.said = readCount(rows, key);
          continue;
        }
        total++;
        counted.found++;
        const name = key.slice(7);
        const written = value.toString("utf8");
        if (!rows.get(`U${String.fromCharCode(name.length)}${name}${key.slice(1, 7)}`))
          yield `the missing member ${written} of entry ${group} is not listed by its name`;
        const member = reading.resolveMember(memberName(name.startsWith("U") ? "uid" : "dn", written));
        if (member !== undefined) yield `entry ${group} has ${written} as a missing member, but it is entry ${member}`;
      }
    }
    for (const [group, { found, said }] of counts) {
      if (found !== said) yield `entry ${group} names ${found} missing members, but the count says ${said}`;
    }
    let named = 0;
    for await (const found of rangeOf(rows, "U")) named += found.length;
    if (named !== total || readCount(rows, keys.meta("danglings")) !== total) {
      yield `${total} member values name nothing, ${named} are listed by name, ${readCount(rows, keys.meta("danglings"))} are counted`;
    }
  } finally {
    reading.release();
  }
}

async function* indexFaults(rows: RowReader, store: LevelStore, pass: number, passes: number): AsyncGenerator<string> {
  const postings = new Map<Key, number[]>();
  const grams = new Map<Key, number[]>();
  const isDue = (key: Key) => passes === 1 || sumOf(key) % passes === pass;
  let id = 0;
  const gather = (lists: Map<Key, number[]>, key: Key) => {
    if (isDue(key)) push(lists, key, id);
  };
  const sink: TermSink = {
    value: (attribute, normal) => gather(postings, keys.equality(attribute, normal)),
    presence: (attribute) => gather(postings, keys.presence(attribute)),
    gram: (attribute, gram) => gather(grams, gramPrefix(attribute, gram)),
    run: (prefix) => gather(grams, prefix),
    instant: (prefix) => gather(grams, prefix),
  };
  for await (const found of rangeOf(rows, "e")) {
    for (const { key, value } of found) {
      id = idAt(key, 1);
      const entry = readable(id, value, store);
      if (typeof entry !== "string") store.frame.indexes.terms(entry, sink);
    }
  }
  for (const space of ["i", "p"]) {
    for await (const found of rangeOf(rows, space)) {
      for (const { key } of found) {
        if (!isDue(key)) continue;
        yield* listFaults(rows, key, sortedUnique(postings.get(key) ?? []), `index term ${shown(key)}`);
        postings.delete(key);
      }
    }
  }
  for (const key of postings.keys()) yield `the index term ${shown(key)} is missing`;
  const listed = new Map<Key, number[]>();
  for await (const found of rangeOf(rows, "x")) {
    for (const { key, value } of found) {
      const prefix = key.slice(0, -6);
      if (!isDue(prefix)) continue;
      const ids = listed.get(prefix) ?? [];
      if (ids.length === 0) listed.set(prefix, ids);
      pushRun(ids, key, value);
    }
  }
  for (const [prefix, ids] of grams) {
    const wanted = sortedUnique(ids);
    const all = listed.get(prefix) ?? [];
    const { length } = all;
    const present = sortedUnique(all);
    listed.delete(prefix);
    if (present.length !== length) yield `the substring index ${shown(prefix)} lists an entry twice`;
    if (wanted.length !== present.length || wanted.some((entry, n) => entry !== present[n])) {
      yield `the substring index ${shown(prefix)} lists ${present.length} entries where ${wanted.length} have it`;
    }
  }
  for (const prefix of listed.keys()) yield `the substring index ${shown(prefix)} lists entries that do not have it`;
}

/** Runs whose head does not know of them. */
async function* runFaults(rows: RowReader): AsyncGenerator<string> {
  for await (const found of rangeOf(rows, "R")) {
    for (const { key } of found) {
      const head = key.slice(2, 2 + key.charCodeAt(1));
      if (!readPostings(rows, head).large) yield `a run of the list ${shown(head)} belongs to nothing`;
    }
  }
}

async function* changeFaults(rows: RowReader, store: LevelStore): AsyncGenerator<string> {
  let expected: number | undefined;
  for await (const found of rangeOf(rows, "l")) {
    for (const { key, value } of found) {
      const revision = idAt(key, 1);
      if (!isJson(value)) yield `the change record of revision ${revision} is damaged`;
      if (expected !== undefined && revision !== expected) yield `the change log lacks revision ${expected}`;
      expected = revision + 1;
    }
  }
  if (expected !== undefined && expected !== store.revision + 1) {
    yield `the change log ends at revision ${expected - 1}, the store is at ${store.revision}`;
  }
}

function push<K>(lists: Map<K, number[]>, key: K, id: number): void {
  const list = lists.get(key);
  if (list) list.push(id);
  else lists.set(key, [id]);
}

function readCount(rows: RowReader, key: Key): number {
  const row = rows.get(key);
  return row === undefined ? 0 : readVarint(row, 0)[0];
}

function sumOf(key: Key): number {
  let sum = 0;
  for (let n = 0; n < key.length; n++) sum = (sum * 31 + key.charCodeAt(n)) >>> 0;
  return sum;
}

function shown(key: Key): string {
  return JSON.stringify(key);
}

/** Whether every password stands whole behind its length. */
function isWholeSecrets(row: Buffer): boolean {
  let at = 0;
  while (at + 2 <= row.length) at += 2 + row.readUInt16BE(at);
  return at === row.length;
}

function isJson(value: Buffer): boolean {
  try {
    JSON.parse(value.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
