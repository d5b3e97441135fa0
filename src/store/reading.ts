// The directory as of one moment: entries, the tree, names, memberships. Used for reading at a snapshot and, with a
// transaction's uncommitted changes laid over it, for writing.
import { BerWriter } from "../ber/writer.js";
import { Dn, type Rdn } from "../model/dn.js";
import type { Limits } from "../model/limits.js";
import type { AttributeType, Schema } from "../model/schema.js";
import type { DnCache } from "./dn-cache.js";
import { entryRows, type StoredEntry } from "./entry-row.js";
import type { Indexes } from "./indexes.js";
import { idAt, type Key, keys } from "./keys.js";
import {
  decodePostings,
  groupRows,
  KeptPostings,
  loadIds,
  loadPostings,
  memberRows,
  noPostings,
  type Postings,
  readPostings,
  readVarint,
} from "./postings.js";
import { type RowReader, rangeOf } from "./rows.js";

/** What every reading of one store shares. */
export interface StoreFrame {
  readonly schema: Schema;
  readonly suffix: Dn;
  /** Where the tree says which entry the suffix is: looked up by every operation. */
  readonly suffixKey: Key;
  readonly indexes: Indexes;
  readonly dns: DnCache;
  readonly limits: Pick<Limits, "entryBytes" | "dnBytes">;
}

/** Who is a member: an entry by its DN, or a user by its uid as memberUid has it. */
export type MemberName =
  | { readonly kind: "dn"; readonly dn: Dn; readonly written: string }
  | { readonly kind: "uid"; readonly uid: string };

export const noParent = 0;

const encodedNames = new BerWriter(1024);

export class Reading {
  readonly rows: RowReader;
  readonly frame: StoreFrame;
  /** Everything committed up to this revision is seen, and nothing later. */
  readonly revision: number;
  #release: (() => void) | undefined;
  readonly #shareNames: boolean;

  constructor(
    rows: RowReader,
    frame: StoreFrame,
    revision: number,
    options: { release?: () => void; shareNames: boolean },
  ) {
    this.rows = rows;
    this.frame = frame;
    this.revision = revision;
    this.#release = options.release;
    this.#shareNames = options.shareNames;
  }

  /** Gives the moment back; a second time does nothing. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  get schema(): Schema {
    return this.frame.schema;
  }

  // --- entries and the tree

  entry(id: number): StoredEntry | undefined {
    return this.rows.byId(entryRows, id);
  }

  /** The id of the entry of this name. */
  resolve(dn: Dn): number | undefined {
    const found = this.nearest(dn);
    return found !== undefined && found.missing === 0 ? found.id : undefined;
  }

  find(dn: Dn): StoredEntry | undefined {
    const id = this.resolve(dn);
    return id === undefined ? undefined : this.entry(id);
  }

  /** The deepest existing entry on the way to a name, and how many RDNs are missing below it. */
  nearest(dn: Dn): { id: number; missing: number } | undefined {
    const { schema, suffix } = this.frame;
    let missing = dn.depth - suffix.depth;
    if (missing < 0) return undefined;
    for (let n = 0; n < suffix.depth; n++) {
      if (dn.rdns[missing + n]!.normal(schema) !== suffix.rdns[n]!.normal(schema)) return undefined;
    }
    const top = this.rows.get(this.frame.suffixKey);
    if (top === undefined) return undefined;
    let id = top.readUIntBE(0, 6);
    while (missing > 0) {
      const child = this.#childId(id, dn.rdns[missing - 1]!.normal(schema));
      if (child === undefined) break;
      id = child;
      missing--;
    }
    return { id, missing };
  }

  child(parent: number, rdn: Rdn): number | undefined {
    return this.#childId(parent, rdn.normal(this.schema));
  }

  #childId(parent: number, rdn: string): number | undefined {
    const row = this.rows.get(keys.child(parent, rdn));
    return row?.readUIntBE(0, 6);
  }

  childCount(id: number): number {
    return this.#count(keys.childCount(id));
  }

  /** Ids of the children, in the order of their names. */
  async *children(id: number): AsyncGenerator<number[], void, void> {
    for await (const rows of rangeOf(this.rows, keys.children(id)))
      yield rows.map(({ value }) => value.readUIntBE(0, 6));
  }

  /** How many entries there are in all. */
  get entryCount(): number {
    return this.#count(keys.meta("entries"));
  }

  /** The highest id ever given to an entry. */
  get lastId(): number {
    return this.rows.get(keys.meta("lastId"))?.readUIntBE(0, 6) ?? 0;
  }

  /** The DN of an entry as text: each RDN as it was written. */
  dn(id: number): string {
    const known = this.#knownDn(id);
    if (known !== undefined) return known;
    const rdns: string[] = [];
    for (let at = id; at !== noParent; ) {
      const above = this.#knownDn(at);
      if (above !== undefined) {
        rdns.push(above);
        break;
      }
      const entry = this.entry(at);
      if (!entry) throw new Error(`entry ${at} has no row`);
      rdns.push(entry.rdn);
      at = entry.parent;
    }
    const dn = rdns.join(",");
    if (this.#shareNames) this.frame.dns.set(id, this.revision, dn);
    return dn;
  }

  #knownDn(id: number): string | undefined {
    return this.#shareNames ? this.frame.dns.get(id, this.revision) : undefined;
  }

  /** The same where the entry is at hand. */
  dnOf(entry: StoredEntry): string {
    return entry.parent === noParent ? entry.rdn : `${entry.rdn},${this.dn(entry.parent)}`;
  }

  /** Whether an entry stands strictly below another. */
  isBelow(entry: StoredEntry, ancestor: number): boolean {
    for (let at = entry.parent; at !== noParent; ) {
      if (at === ancestor) return true;
      const above = this.entry(at);
      if (!above) return false;
      at = above.parent;
    }
    return false;
  }

  // --- passwords

  /** The stored userPassword values. Never part of an entry's attributes. */
  passwords(id: number): Buffer[] {
    const row = this.rows.get(keys.secrets(id));
    const values: Buffer[] = [];
    for (let at = 0; row !== undefined && at < row.length; ) {
      const length = row.readUInt16BE(at);
      values.push(row.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    return values;
  }

  // --- memberships

  isMember(group: number, member: number): boolean {
    return this.rows.get(keys.membership(group, member)) !== undefined;
  }

  /** Members of a group that exist; all of them at once where they are few. */
  members(group: number): Postings {
    return this.rows.byId(memberRows, group) ?? noPostings;
  }

  async allMembers(group: number): Promise<number[]> {
    return (await loadIds(this.rows, keys.members(group), this.members(group)))!;
  }

  /** The groups that an entry is a direct member of. */
  groups(member: number): Postings {
    return this.rows.byId(groupRows, member) ?? noPostings;
  }

  /** The same of an entry at hand, whose row of groups may have been read along with it. */
  groupsOf({ id, groupsRow }: StoredEntry): Postings {
    if (groupsRow === undefined) return this.groups(id);
    return groupsRow === null ? noPostings : decodePostings(groupsRow);
  }

  async allGroups(member: number): Promise<number[]> {
    return (await loadIds(this.rows, keys.groups(member), this.groups(member)))!;
  }

  /** The names of the entries in a list that is at hand, each encoded as a value (OCTET STRING), one behind the other. */
  encodedNames(postings: Postings): Buffer {
    const since = this.#shareNames ? this.frame.dns.unchangedSince(this.revision) : undefined;
    const kept = since !== undefined && postings instanceof KeptPostings ? postings : undefined;
    if (kept?.names && kept.names.since === since) return kept.names.encoded;
    encodedNames.reset();
    for (const id of postings.tail) encodedNames.text(this.dn(id));
    const encoded = encodedNames.copy();
    kept?.keepNames({ encoded, since: since! });
    return encoded;
  }

  /** How many member values of a group name nothing that exists. */
  danglingCount(group: number): number {
    return this.#count(keys.danglingsOf(group));
  }

  /** Those values, as written, with the kind of name they are. */
  async danglings(group: number): Promise<{ kind: "dn" | "uid"; written: string }[]> {
    const found: { kind: "dn" | "uid"; written: string }[] = [];
    const count = keys.danglingsOf(group);
    for await (const rows of rangeOf(this.rows, count)) {
      for (const { key, value } of rows) {
        if (key !== count)
          found.push({ kind: key[count.length] === "U" ? "uid" : "dn", written: value.toString("utf8") });
      }
    }
    return found;
  }

  /** Whether a group holds this name though nothing has it. */
  hasDangling(group: number, name: string): boolean {
    return this.rows.get(keys.dangling(group, name)) !== undefined;
  }

  /** The groups in which this name stands though nothing has it. */
  async danglingIn(name: string): Promise<number[]> {
    if (this.#count(keys.meta("danglings")) === 0) return [];
    const groups: number[] = [];
    for await (const rows of rangeOf(this.rows, keys.danglingsNamed(name))) {
      for (const { key } of rows) groups.push(idAt(key, key.length - 6));
    }
    return groups;
  }

  get danglingTotal(): number {
    return this.#count(keys.meta("danglings"));
  }

  /** Under what name a member value that names nothing is kept. */
  danglingName(name: MemberName): string {
    return name.kind === "dn" ? `D${name.dn.normal(this.schema)}` : `U${this.#uidNormal(name.uid)}`;
  }

  /** The entry that a member value names. */
  resolveMember(name: MemberName): number | undefined {
    return name.kind === "dn" ? this.resolve(name.dn) : this.withUid(name.uid);
  }

  /** The entry with this uid; the oldest where several have it. */
  withUid(uid: string): number | undefined {
    return this.allWithUid(uid).tail[0];
  }

  /** All entries with this uid, the oldest first. */
  allWithUid(uid: string): Postings {
    const type = this.schema.attributeType("uid");
    return type ? this.withValue(type, this.#uidNormal(uid)) : noPostings;
  }

  #uidNormal(uid: string): string {
    const rule = this.schema.attributeType("uid")?.equality;
    return rule?.normalize(Buffer.from(uid), this.schema) ?? Buffer.from(uid).toString("latin1");
  }

  /** All entries that have this value of an indexed attribute (or whose value shares its key), however many. */
  async allWithValue(type: AttributeType, normal: string): Promise<number[]> {
    return (await loadPostings(this.rows, keys.equality(this.#indexNumber(type), normal)))!;
  }

  /** Entries that have this value of an indexed attribute (or whose value shares its key). */
  withValue(type: AttributeType, normal: string): Postings {
    return readPostings(this.rows, keys.equality(this.#indexNumber(type), normal));
  }

  #indexNumber(type: AttributeType): number {
    const number = this.frame.indexes.numberOf(type);
    if (number === undefined) throw new Error(`${type.name} is not indexed`);
    return number;
  }

  #count(key: string): number {
    const row = this.rows.get(key);
    return row === undefined ? 0 : readVarint(row, 0)[0];
  }
}

/** Reads a member value as a name. */
export function memberName(kind: "dn" | "uid", written: string): MemberName {
  return kind === "uid" ? { kind, uid: written } : { kind, dn: Dn.parse(written), written };
}
