// The whole store as LDIF, from one moment, each entry behind the one it stands below: an administrator's backup, with
// the hashes of passwords. Imported into an empty store it makes the same directory again.
import { type computedOperational, memberSpellings } from "../access/computed-attributes.js";
import { LdifWriter, type WritableAttribute } from "../ldif/writer.js";
import { AttributeCursor, listedValues } from "../model/attribute-list.js";
import { printGeneralizedTime } from "../model/generalized-time.js";
import { StoredEntry, uuidText } from "../store/entry-row.js";
import { idAt } from "../store/keys.js";
import { noParent, type Reading } from "../store/reading.js";
import { rangeOf } from "../store/rows.js";

export interface EntryWriterOptions {
  /** With entryUUID, and when and by whom each entry was written. */
  readonly operational: boolean;
}

/** Operational attributes that an import keeps. */
const operational: readonly ((entry: StoredEntry) => readonly [(typeof computedOperational)[number], string])[] = [
  (entry) => ["entryUUID", uuidText(entry.uuid)],
  (entry) => ["createTimestamp", printGeneralizedTime(entry.created)],
  (entry) => ["creatorsName", entry.creator],
  (entry) => ["modifyTimestamp", printGeneralizedTime(entry.modified)],
  (entry) => ["modifiersName", entry.modifier],
];

const dnSpellings = ["member", "uniqueMember"] as const;

class EntryWriter {
  readonly #reading: Reading;
  readonly #writer: LdifWriter;
  readonly #options: EntryWriterOptions;
  readonly #cursor = new AttributeCursor(Buffer.alloc(0), 0, 0);

  constructor(reading: Reading, writer: LdifWriter, options: EntryWriterOptions) {
    this.#reading = reading;
    this.#writer = writer;
    this.#options = options;
  }

  /** Writes every entry; yields after some, with how many it has written so far. */
  async *writeAll(): AsyncGenerator<number, void, void> {
    let count = 0;
    for await (const entry of inTreeOrder(this.#reading)) {
      await this.#write(entry);
      count++;
      if (this.#writer.length >= pieceBytes) yield count;
    }
    yield count;
  }

  async #write(entry: StoredEntry): Promise<void> {
    const attributes = this.#stored(entry);
    if (entry.kind === "group") attributes.push(...(await this.#memberships(entry)));
    const passwords = this.#reading.passwords(entry.id);
    if (passwords.length > 0) attributes.push({ type: "userPassword", values: passwords });
    if (this.#options.operational) {
      for (const read of operational) {
        const [type, value] = read(entry);
        if (value !== "") attributes.push({ type, values: [Buffer.from(value)] });
      }
    }
    this.#writer.add(this.#reading.dnOf(entry), attributes);
  }

  #stored(entry: StoredEntry): WritableAttribute[] {
    const cursor = this.#cursor.reset(entry.bytes, entry.attributesStart, entry.attributesEnd);
    const attributes: WritableAttribute[] = [];
    while (cursor.next()) attributes.push({ type: cursor.type, values: cursor.values() });
    return attributes;
  }

  /** In the spellings that the group's classes have. Each is complete, or what it lacks stands in another. */
  async #memberships(group: StoredEntry): Promise<WritableAttribute[]> {
    const reading = this.#reading;
    const classes = valuesOf(group, "objectClass").map((value) => value.toString().toLowerCase());
    const spells = (name: string) => classes.includes(memberSpellings[name]!.toLowerCase());
    const names: Buffer[] = [];
    const uids: Buffer[] = [];
    const nameless: Buffer[] = [];
    for (const member of await reading.allMembers(group.id)) {
      const name = Buffer.from(reading.dn(member));
      const uid = spells("memberUid") ? this.#uidOf(member) : undefined;
      names.push(name);
      if (uid) uids.push(uid);
      else nameless.push(name);
    }
    for (const { kind, written } of reading.danglingCount(group.id) > 0 ? await reading.danglings(group.id) : []) {
      if (kind === "uid") uids.push(Buffer.from(written));
      else for (const list of [names, nameless]) list.push(Buffer.from(written));
    }
    const written = dnSpellings.filter(spells).map((type) => ({ type, values: names }));
    // A group of uids can hold what has no uid of its own.
    if (written.length === 0) written.push({ type: "member", values: nameless });
    return [...written, { type: "memberUid", values: uids }];
  }

  /** The uid by which an import finds this entry and no other. */
  #uidOf(id: number): Buffer | undefined {
    const entry = this.#reading.entry(id);
    const uid = entry && valuesOf(entry, "uid")[0];
    return uid && this.#reading.withUid(uid.toString()) === id ? uid : undefined;
  }
}

/** Every entry of a reading as LDIF, in pieces; then their number. */
export async function* exportedPieces(
  reading: Reading,
  options: EntryWriterOptions,
): AsyncGenerator<Buffer, number, void> {
  const writer = new LdifWriter();
  let entries = 0;
  for await (entries of new EntryWriter(reading, writer, options).writeAll()) yield writer.take();
  return entries;
}

/** What is handed on at once. */
const pieceBytes = 256 * 1024;

/** Every entry behind the one it stands below: in the order of ids, but for what was moved below a younger entry. */
async function* inTreeOrder(reading: Reading): AsyncGenerator<StoredEntry, void, void> {
  const waiting = new Set<number>();
  const below = new Map<number, number[]>();
  for await (const rows of rangeOf(reading.rows, "e")) {
    for (const { key, value } of rows) {
      const entry = new StoredEntry(idAt(key, 1), value);
      const { id, parent } = entry;
      if (parent !== noParent && (parent > id || waiting.has(parent))) {
        waiting.add(id);
        const siblings = below.get(parent);
        if (siblings) siblings.push(id);
        else below.set(parent, [id]);
        continue;
      }
      yield entry;
      const due = [...(below.get(id) ?? [])].reverse();
      for (let next = due.pop(); next !== undefined; next = due.pop()) {
        waiting.delete(next);
        yield reading.entry(next)!;
        due.push(...[...(below.get(next) ?? [])].reverse());
      }
    }
  }
}

function valuesOf({ bytes, attributesStart, attributesEnd }: StoredEntry, name: string): Buffer[] {
  return listedValues(bytes, attributesStart, attributesEnd, name);
}
