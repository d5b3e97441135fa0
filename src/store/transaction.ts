// One writer's view of the directory with its own changes, and the only place where rows that must agree are written:
// entry, tree, counts, index terms, memberships both ways, change record. Nothing here is visible before the commit.
import { randomFillSync } from "node:crypto";
import { listedValues } from "../model/attribute-list.js";
import { Dn, type Rdn } from "../model/dn.js";
import type { EntryKind } from "../model/entry-kind.js";
import { fail } from "../model/failure.js";
import type { Change, Guard } from "./change.js";
import { type EntryFacts, encodeEntryRow, StoredEntry, uuidNormal, uuidText } from "./entry-row.js";
import { gramPrefix, type TermSink } from "./indexes.js";
import { idBytes, type Key, keys } from "./keys.js";
import type { Overlay } from "./overlay.js";
import { addPosting, readVarint, removeFromRuns, removePosting } from "./postings.js";
import { type MemberName, memberName, noParent, Reading, type StoreFrame } from "./reading.js";
import { rangeOf } from "./rows.js";

/** What the caller decides about an entry; the rest follows from where it stands and when it is written. */
export interface EntryDraft {
  /** Encoded attribute list, without passwords and memberships. */
  readonly attributes: Buffer;
  readonly structural: string;
  readonly kind: EntryKind;
  readonly created: number;
  readonly modified: number;
  readonly creator: string;
  readonly modifier: string;
}

type EntryPlace = Pick<EntryFacts, "parent" | "rdn" | "uuid" | "revision">;

/** The value of rows that say all in their key. */
export const noBytes: Buffer = Buffer.alloc(0);

interface Terms {
  readonly heads: Set<Key>;
  readonly grams: Set<Key>;
  /** Rows of their own, that nothing else can have written: they are put and deleted unread. */
  readonly instants: Set<Key>;
}

const noTerms: Terms = { heads: new Set(), grams: new Set(), instants: new Set() };

export class Transaction extends Reading {
  /** The revision that this transaction will be. */
  readonly nextRevision: number;
  readonly guards: Guard[] = [];
  readonly #overlay: Overlay;
  #change: Change | undefined;
  #renamed = false;

  constructor(overlay: Overlay, frame: StoreFrame, nextRevision: number) {
    super(overlay, frame, nextRevision - 1, { shareNames: false });
    this.#overlay = overlay;
    this.nextRevision = nextRevision;
  }

  get changes(): ReadonlyMap<Key, Buffer | undefined> {
    return this.#overlay.changes;
  }

  /** What was recorded; a transaction that changes rows must record why. */
  get change(): Change | undefined {
    return this.#change;
  }

  /** Whether names of other entries may have changed with this transaction. */
  get renamed(): boolean {
    return this.#renamed;
  }

  /** Says what this transaction does, for the change log. Once per transaction. */
  record(change: Change): void {
    if (this.#change) throw new Error("a transaction records one change");
    this.#change = change;
  }

  // --- entries

  /** Adds the entry of the suffix itself. */
  addSuffix(draft: EntryDraft, uuid?: Buffer): StoredEntry {
    return this.#insert(noParent, this.frame.suffix.toString(), this.frame.suffix.normal(this.schema), draft, uuid);
  }

  /** Adds an entry below another. Fails with `entryAlreadyExists` where the name is taken. */
  add(parent: StoredEntry, rdn: Rdn, draft: EntryDraft, uuid?: Buffer): StoredEntry {
    this.guards.push({ kind: "exists", id: parent.id });
    const entry = this.#insert(parent.id, rdn.toString(), rdn.normal(this.schema), draft, uuid);
    this.#addToCount(keys.childCount(parent.id), 1);
    return entry;
  }

  #insert(parent: number, rdn: string, normal: string, draft: EntryDraft, uuid = newUuid()): StoredEntry {
    const key = keys.child(parent, normal);
    if (this.rows.get(key)) fail("entryAlreadyExists", `an entry named ${rdn} exists already`);
    const uuidType = this.schema.attributeType("entryUUID");
    if (uuidType && this.withValue(uuidType, uuidNormal(uuid)).count > 0) {
      fail("constraintViolation", `an entry with entryUUID ${uuidText(uuid)} exists already`);
    }
    this.guards.push({ kind: "vacant", parent, rdn: normal });
    const id = this.#nextId();
    const entry = entryOf(id, draft, { parent, rdn, uuid, revision: this.nextRevision });
    requireFitting(entry.bytes, this.frame);
    this.#requireNameable(entry);
    this.#overlay.put(keys.entry(id), entry.bytes);
    this.#overlay.put(key, idValue(id));
    this.#addToCount(keys.meta("entries"), 1);
    const terms = this.#terms(entry);
    for (const head of terms.heads) addPosting(this.#overlay, head, id);
    for (const row of [...terms.grams, ...terms.instants]) this.#overlay.put(row, noBytes);
    return entry;
  }

  /** Writes an entry anew in its place. */
  async replace(before: StoredEntry, draft: EntryDraft): Promise<StoredEntry> {
    return this.#rewrite(before, before.parent, before.rdn, draft);
  }

  /**
   * Gives an entry another name, another place, or both; what is below it comes along by itself. Whoever asks has seen
   * to it that it is not the suffix and does not move below itself.
   */
  async move(before: StoredEntry, parent: StoredEntry, rdn: Rdn, draft: EntryDraft): Promise<StoredEntry> {
    const normal = rdn.normal(this.schema);
    const from = keys.child(before.parent, Dn.parse(before.rdn).rdn!.normal(this.schema));
    const to = keys.child(parent.id, normal);
    if (from !== to) {
      if (this.rows.get(to)) fail("entryAlreadyExists", `an entry named ${rdn} exists there already`);
      this.guards.push({ kind: "vacant", parent: parent.id, rdn: normal }, { kind: "exists", id: parent.id });
      this.#overlay.delete(from);
      this.#overlay.put(to, idValue(before.id));
    }
    if (before.parent !== parent.id) {
      this.#addToCount(keys.childCount(before.parent), -1);
      this.#addToCount(keys.childCount(parent.id), 1);
    }
    this.#renamed = true;
    return this.#rewrite(before, parent.id, rdn.toString(), draft);
  }

  async #rewrite(before: StoredEntry, parent: number, rdn: string, draft: EntryDraft): Promise<StoredEntry> {
    const present = this.#present(before);
    const after = entryOf(before.id, draft, { parent, rdn, uuid: before.uuid, revision: this.nextRevision });
    // One that is too large since the limit was lowered may still shrink.
    if (after.bytes.length > before.bytes.length) requireFitting(after.bytes, this.frame);
    if (parent !== before.parent || rdn !== before.rdn) this.#requireNameable(after);
    this.#overlay.put(keys.entry(after.id), after.bytes);
    const changed = this.frame.indexes.changedTypes(present, after);
    await this.#reindex(this.#terms(present, changed), this.#terms(after, changed), after.id);
    return after;
  }

  /** A name longer than a client may send could not be asked for, changed or deleted. */
  #requireNameable(entry: StoredEntry): void {
    const { dnBytes } = this.frame.limits;
    const length = Buffer.byteLength(this.dnOf(entry));
    if (length > dnBytes) fail("unwillingToPerform", `a name of ${length} bytes; at most ${dnBytes} are taken`);
  }

  /** The entry as this transaction has left it so far, guarded by what it was before the transaction. */
  #present(entry: StoredEntry): StoredEntry {
    const present = this.entry(entry.id);
    if (!present) return fail("busy", "the entry was removed at the same moment; try again");
    // What this very transaction wrote needs no guard: nobody else has seen it.
    if (entry.revision !== this.nextRevision) {
      this.guards.push({ kind: "entryAt", id: entry.id, revision: entry.revision });
    }
    return present;
  }

  /** Removes an entry that has no children, with its memberships on both sides. Returns the groups it was in. */
  async remove(entry: StoredEntry): Promise<number[]> {
    const present = this.#present(entry);
    this.guards.push({ kind: "childless", id: entry.id });
    const groups = await this.allGroups(entry.id);
    for (const group of groups) await this.#unlink(group, entry.id);
    for (const member of await this.allMembers(entry.id)) await this.#unlink(entry.id, member);
    await this.removeDanglings(entry.id);
    await this.#reindex(this.#terms(present), noTerms, entry.id);
    const rdn =
      entry.parent === noParent ? this.frame.suffix.normal(this.schema) : Dn.parse(entry.rdn).rdn!.normal(this.schema);
    this.#overlay.delete(keys.child(entry.parent, rdn));
    this.#overlay.delete(keys.entry(entry.id));
    this.#overlay.delete(keys.secrets(entry.id));
    if (entry.parent !== noParent) this.#addToCount(keys.childCount(entry.parent), -1);
    this.#addToCount(keys.meta("entries"), -1);
    return groups;
  }

  // --- passwords

  /** Sets the stored userPassword values: hashes only, at most 64 KiB each. */
  setPasswords(entry: StoredEntry, hashes: readonly Buffer[]): void {
    if (hashes.length === 0) this.#overlay.delete(keys.secrets(entry.id));
    else this.#overlay.put(keys.secrets(entry.id), encodeSecrets(hashes));
  }

  // --- memberships

  /** Makes the name a member of the group; false where it is one already. */
  addMember(group: number, name: MemberName): boolean {
    const member = this.resolveMember(name);
    if (member === undefined) return this.#addDangling(group, this.danglingName(name), writtenName(name));
    return this.addMemberId(group, member);
  }

  /** The same of an entry known by id. */
  addMemberId(group: number, member: number): boolean {
    if (this.isMember(group, member)) return false;
    this.#link(group, member);
    return true;
  }

  /** Ends a membership; false where there was none. */
  async removeMember(group: number, name: MemberName): Promise<boolean> {
    const member = this.resolveMember(name);
    if (member !== undefined && this.isMember(group, member)) {
      await this.#unlink(group, member);
      return true;
    }
    return this.#forgetDangling(group, this.danglingName(name));
  }

  /** Ends the membership of an entry known by id; false where there was none. */
  async removeMemberId(group: number, member: number): Promise<boolean> {
    if (!this.isMember(group, member)) return false;
    await this.#unlink(group, member);
    return true;
  }

  /** Drops the member values that name nothing. */
  async removeDanglings(group: number): Promise<void> {
    if (this.danglingCount(group) === 0) return;
    for (const { kind, written } of await this.danglings(group)) {
      this.#forgetDangling(group, this.danglingName(memberName(kind, written)));
    }
  }

  /** Member values that named nothing become memberships where this entry now has that name. Returns the groups. */
  async adoptDanglings(entry: StoredEntry): Promise<number[]> {
    if (this.danglingTotal === 0) return [];
    const names: MemberName[] = [memberName("dn", this.dnOf(entry))];
    for (const uid of this.#uidsOf(entry)) names.push({ kind: "uid", uid });
    const adopted = new Set<number>();
    for (const name of names) for (const group of await this.#adopt(name, entry.id)) adopted.add(group);
    return [...adopted];
  }

  /** The same for every entry: after a subtree got other names. */
  async adoptAllDanglings(): Promise<void> {
    if (this.danglingTotal === 0) return;
    const found: { group: number; name: MemberName }[] = [];
    for await (const rows of rangeOf(this.rows, "u")) {
      for (const { key, value } of rows) {
        if (key.length > 7)
          found.push({ group: groupOf(key), name: memberName(key[7] === "U" ? "uid" : "dn", value.toString()) });
      }
    }
    for (const { name } of found) {
      const member = this.resolveMember(name);
      if (member !== undefined) await this.#adopt(name, member);
    }
  }

  async #adopt(name: MemberName, member: number): Promise<number[]> {
    const groups = await this.danglingIn(this.danglingName(name));
    for (const group of groups) {
      this.#forgetDangling(group, this.danglingName(name));
      if (!this.isMember(group, member)) this.#link(group, member);
    }
    return groups;
  }

  #uidsOf({ bytes, attributesStart, attributesEnd }: StoredEntry): string[] {
    return listedValues(bytes, attributesStart, attributesEnd, "uid").map((value) => value.toString("utf8"));
  }

  #link(group: number, member: number): void {
    this.#overlay.put(keys.membership(group, member), noBytes);
    addPosting(this.#overlay, keys.members(group), member);
    addPosting(this.#overlay, keys.groups(member), group);
  }

  async #unlink(group: number, member: number): Promise<void> {
    this.#overlay.delete(keys.membership(group, member));
    await removePosting(this.#overlay, keys.members(group), member);
    await removePosting(this.#overlay, keys.groups(member), group);
  }

  #addDangling(group: number, name: string, written: string): boolean {
    const key = keys.dangling(group, name);
    if (this.rows.get(key)) return false;
    this.#overlay.put(key, Buffer.from(written));
    this.#overlay.put(keys.danglingName(name, group), noBytes);
    this.#addToCount(keys.danglingsOf(group), 1);
    this.#addToCount(keys.meta("danglings"), 1);
    return true;
  }

  #forgetDangling(group: number, name: string): boolean {
    const key = keys.dangling(group, name);
    if (!this.rows.get(key)) return false;
    this.#overlay.delete(key);
    this.#overlay.delete(keys.danglingName(name, group));
    this.#addToCount(keys.danglingsOf(group), -1);
    this.#addToCount(keys.meta("danglings"), -1);
    return true;
  }

  // --- index rows and counts

  #terms(entry: StoredEntry, only?: ReadonlySet<string>): Terms {
    const terms = { heads: new Set<Key>(), grams: new Set<Key>(), instants: new Set<Key>() };
    const suffix = idBytes(entry.id);
    const sink: TermSink = {
      value: (attribute, normal) => terms.heads.add(keys.equality(attribute, normal)),
      presence: (attribute) => terms.heads.add(keys.presence(attribute)),
      gram: (attribute, gram) => terms.grams.add(gramPrefix(attribute, gram) + suffix),
      run: (prefix) => terms.grams.add(prefix + suffix),
      instant: (prefix) => terms.instants.add(prefix + suffix),
    };
    this.frame.indexes.terms(entry, sink, only);
    return terms;
  }

  /** Writes only what differs. */
  async #reindex(before: Terms, after: Terms, id: number): Promise<void> {
    // Removals look for their runs all at once: they are of different lists.
    const removals: Promise<unknown>[] = [];
    for (const head of before.heads) {
      if (!after.heads.has(head)) removals.push(removePosting(this.#overlay, head, id));
    }
    for (const gram of before.grams) {
      if (!after.grams.has(gram)) removals.push(removeFromRuns(this.#overlay, gram.slice(0, -6), id));
    }
    await Promise.all(removals);
    for (const head of after.heads) if (!before.heads.has(head)) addPosting(this.#overlay, head, id);
    for (const gram of after.grams) if (!before.grams.has(gram)) this.#addGram(gram);
    for (const instant of before.instants) if (!after.instants.has(instant)) this.#overlay.delete(instant);
    for (const instant of after.instants) if (!before.instants.has(instant)) this.#overlay.put(instant, noBytes);
  }

  #addGram(key: Key): void {
    if (this.rows.get(key) === undefined) this.#overlay.put(key, noBytes);
  }

  #nextId(): number {
    const id = this.lastId + 1;
    this.#overlay.put(keys.meta("lastId"), idValue(id));
    return id;
  }

  #addToCount(key: Key, difference: number): void {
    const count = readCount(this.rows.get(key)) + difference;
    if (count < 0) throw new Error(`a count of ${key} below zero`);
    if (count === 0) this.#overlay.delete(key);
    else this.#overlay.put(key, countValue(count));
  }
}

function groupOf(danglingKey: Key): number {
  return Buffer.from(danglingKey.slice(1, 7), "latin1").readUIntBE(0, 6);
}

function writtenName(name: MemberName): string {
  return name.kind === "dn" ? name.written : name.uid;
}

/** Fails with adminLimitExceeded for a row that is larger than the limit for entries. */
export function requireFitting({ length }: Buffer, { limits }: StoreFrame): void {
  if (length > limits.entryBytes) {
    fail("adminLimitExceeded", `an entry of ${length} bytes; at most ${limits.entryBytes} are kept`);
  }
}

/** The entry that a draft becomes in its place. */
function entryOf(id: number, draft: EntryDraft, place: EntryPlace): StoredEntry {
  return new StoredEntry(id, rowOf(draft, place));
}

/** The row of a draft in its place. A draft may be an entry itself, whose facts are no own properties. */
export function rowOf(draft: EntryDraft, place: EntryPlace): Buffer {
  const { attributes, structural, kind, created, modified, creator, modifier } = draft;
  const { parent, rdn, uuid, revision } = place;
  const facts = { parent, rdn, uuid, revision, structural, kind, created, modified, creator, modifier };
  return encodeEntryRow(facts, attributes);
}

/** An id as a row's value. */
export function idValue(id: number): Buffer {
  const value = Buffer.allocUnsafe(6);
  value.writeUIntBE(id, 0, 6);
  return value;
}

/** Passwords as a row's value: each behind its length. */
export function encodeSecrets(hashes: readonly Buffer[]): Buffer {
  return Buffer.concat(
    hashes.map((hash) => {
      const length = Buffer.allocUnsafe(2);
      length.writeUInt16BE(hash.length);
      return Buffer.concat([length, hash]);
    }),
  );
}

/** A count as a row's value: a varint. */
export function countValue(count: number): Buffer {
  const bytes: number[] = [];
  let left = count;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}

function readCount(row: Buffer | undefined): number {
  return row === undefined ? 0 : readVarint(row, 0)[0];
}

const uuidsAtATime = 256;
let random = Buffer.alloc(0);

/** A version 4 UUID (RFC 9562 5.4). Randomness is drawn for many at a time: a draw costs more than its bytes. */
export function newUuid(): Buffer {
  if (random.length === 0) random = randomFillSync(Buffer.allocUnsafeSlow(16 * uuidsAtATime));
  const uuid = Buffer.from(random.subarray(0, 16));
  random = random.subarray(16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x40;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}
