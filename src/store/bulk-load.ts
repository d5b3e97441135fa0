// Loading many entries into an empty store. Here names are resolved, ids given and memberships written; the rows of the
// entries and their index are the business of whoever takes them (load-writer.ts), perhaps in a thread of its own. The
// store is not read meanwhile, and a load that is cut off leaves nothing.
import type { Dn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import type { NormalForm } from "../model/schema.js";
import { uuidText } from "./entry-row.js";
import { type Key, keys } from "./keys.js";
import { clearLoad, type LevelStore } from "./level-store.js";
import { LoadPack } from "./load-pack.js";
import { LoadThread } from "./load-thread.js";
import { type LoadTaker, LoadWriter } from "./load-writer.js";
import { postingRows, sortedUnique } from "./postings.js";
import { type MemberName, noParent, type Reading } from "./reading.js";
import type { RowBatch } from "./rows.js";
import {
  countValue,
  type EntryDraft,
  encodeSecrets,
  idValue,
  newUuid,
  noBytes,
  requireFitting,
  rowOf,
} from "./transaction.js";

export interface LoadedEntry extends EntryDraft {
  readonly dn: Dn;
  readonly uuid: Buffer | undefined;
  readonly passwords: readonly Buffer[];
  readonly members: readonly MemberName[];
}

export interface LoadOptions {
  /** Whether rows and index are made in a thread of their own: worth it where there are many thousand entries. */
  readonly inThread?: boolean;
}

const plainName = /^[a-z0-9=,.@_-]+$/;

/** Rows in one batch of LevelDB. */
const batchRows = 20_000;

/** The members of a group: those that stood before it, and the names of all others. */
interface LoadedMembers {
  readonly group: number;
  readonly members: number[];
  readonly names: readonly MemberName[];
}

export class BulkLoad {
  readonly #store: LevelStore;
  readonly #actor: string;
  readonly #firstId: number;
  readonly #taker: LoadTaker;
  readonly #ids = new Map<NormalForm, number>();
  readonly #childCounts = new Map<number, number>();
  readonly #members: LoadedMembers[] = [];
  readonly #uuids = new Set<string>();
  #lastId: number;
  #pack: LoadPack;
  #batch: RowBatch;

  private constructor(store: LevelStore, actor: string, lastId: number, taker: LoadTaker) {
    this.#store = store;
    this.#actor = actor;
    this.#lastId = lastId;
    this.#firstId = lastId + 1;
    this.#taker = taker;
    this.#pack = new LoadPack(this.#firstId);
    this.#batch = store.rows.batch();
  }

  /** Begins a load. The store must be empty, and nothing else may write to it until the load ends. */
  static async begin(store: LevelStore, actor: string, { inThread = false }: LoadOptions = {}): Promise<BulkLoad> {
    const reading = store.read();
    const { entryCount, lastId } = reading;
    reading.release();
    if (entryCount > 0) fail("unwillingToPerform", "only an empty store can be loaded in bulk");
    await store.rows.write(new Map([[keys.meta("loading"), Buffer.from("1")]]), store.revision);
    const taker = inThread ? threadFor(store) : new LoadWriter(store.rows, store.frame.indexes);
    return new BulkLoad(store, actor, lastId, taker);
  }

  get entries(): number {
    return this.#lastId - this.#firstId + 1;
  }

  /** Whether an entry of this name was loaded. */
  has(dn: Dn): boolean {
    return this.#ids.has(dn.normal(this.#store.schema));
  }

  /**
   * Takes an entry whose parent was taken before. Throws LdapError for one that is refused, and the load may go on. A
   * promise: to be waited for before the next one is given; where it rejects, the load has failed.
   */
  add(entry: LoadedEntry): Promise<void> | undefined {
    const { schema, suffix } = this.#store;
    const { dn, passwords, members } = entry;
    const normal = dn.normal(schema);
    if (this.#ids.has(normal)) fail("entryAlreadyExists", `${dn} stands in the file twice`);
    const isSuffix = normal === suffix.normal(schema);
    const parent = isSuffix ? noParent : this.#ids.get(dn.parent?.normal(schema) ?? "");
    if (parent === undefined) fail("noSuchObject", `the entry above ${dn} does not exist; it must stand before it`);
    const uuid = entry.uuid ?? newUuid();
    if (entry.uuid && this.#uuids.has(uuidText(uuid)))
      fail("constraintViolation", `entryUUID ${uuidText(uuid)} stands in the file twice`);
    const id = this.#lastId + 1;
    const rdn = isSuffix ? suffix.toString() : dn.rdn!.toString();
    const row = rowOf(entry, { parent, rdn, uuid, revision: this.#store.revision + 1 });
    requireFitting(row, this.#store.frame);
    this.#lastId = id;
    this.#ids.set(normal, id);
    if (entry.uuid) this.#uuids.add(uuidText(uuid));
    if (!isSuffix) this.#childCounts.set(parent, (this.#childCounts.get(parent) ?? 0) + 1);
    if (members.length > 0) this.#members.push(this.#membersOf(id, members));
    const child = keys.child(parent, isSuffix ? normal : dn.rdn!.normal(schema));
    this.#pack.add(row, child, passwords.length > 0 ? encodeSecrets(passwords) : undefined);
    return this.#pack.isFull ? this.#handOver() : undefined;
  }

  async #handOver(): Promise<void> {
    const pack = this.#pack;
    this.#pack = new LoadPack(this.#lastId + 1);
    if (!pack.isEmpty) await this.#taker.take(pack.packed());
  }

  /** Most members stand before their groups: an id is kept of those, where a name would be many objects. */
  #membersOf(group: number, all: readonly MemberName[]): LoadedMembers {
    const members: number[] = [];
    const names: MemberName[] = [];
    for (const name of all) {
      const member = name.kind === "dn" ? this.#idOf(name) : undefined;
      if (member === undefined) names.push(name);
      else members.push(member);
    }
    return { group, members, names };
  }

  #idOf({ dn, written }: Extract<MemberName, { kind: "dn" }>): number | undefined {
    // Most files write names as their normal form has them, and a text in normal form is its own.
    const known = plainName.test(written) ? this.#ids.get(written) : undefined;
    return known ?? this.#ids.get(dn.normal(this.#store.schema));
  }

  /** Makes everything durable and visible at once. Returns how many entries were loaded. */
  async finish(): Promise<number> {
    await this.#handOver();
    const finished = this.#taker.finish();
    finished.catch(() => {}); // waited for below
    // A uid is found by its index, a name by what is at hand.
    const needsIndex = this.#members.some(({ names }) => names.some(({ kind }) => kind === "uid"));
    if (needsIndex) await finished;
    await this.#writeMemberships();
    for (const [parent, count] of this.#childCounts) this.#batch.put(keys.childCount(parent), countValue(count));
    await this.#writeRows();
    await finished;
    const revision = this.#store.revision + 1;
    const record = {
      revision,
      time: this.#store.clock(),
      kind: "load",
      actor: this.#actor,
      id: this.#firstId,
      uuid: "",
      dn: this.#store.suffix.toString(),
      entries: this.entries,
    };
    await this.#store.rows.settle();
    const last = new Map<Key, Buffer | undefined>([
      [keys.meta("loading"), undefined],
      [keys.meta("lastId"), idValue(this.#lastId)],
      [keys.change(revision), Buffer.from(JSON.stringify(record))],
    ]);
    if (this.entries > 0) last.set(keys.meta("entries"), countValue(this.entries));
    this.#store.rows.reread();
    await this.#store.rows.write(last, revision);
    return this.entries;
  }

  /** Ends the load without a trace. */
  async abort(): Promise<void> {
    await this.#taker.abandon();
    await clearLoad(this.#store.rows);
  }

  #put(key: Key, value: Buffer): void {
    this.#batch.put(key, value);
  }

  #putAll(rows: Iterable<[Key, Buffer]>): void {
    for (const [key, value] of rows) this.#put(key, value);
  }

  get #isFull(): boolean {
    return this.#batch.length >= batchRows;
  }

  async #writeRows(): Promise<void> {
    const batch = this.#batch;
    this.#batch = this.#store.rows.batch();
    await batch.write();
  }

  async #writeMemberships(): Promise<void> {
    this.#store.rows.reread();
    const reading = this.#store.read();
    try {
      await this.#writeMembershipsFrom(reading);
    } finally {
      reading.release();
    }
  }

  async #writeMembershipsFrom(reading: Reading): Promise<void> {
    const groupsOf = new Map<number, number[]>();
    let danglings = 0;
    for (const { group, members: known, names } of this.#members) {
      if (this.#isFull) await this.#writeRows();
      const members = new Set(known);
      const missing = new Map<string, string>();
      for (const name of names) {
        const member = this.#resolve(name, reading);
        if (member !== undefined) members.add(member);
        else missing.set(reading.danglingName(name), name.kind === "dn" ? name.written : name.uid);
      }
      for (const member of members) {
        this.#put(keys.membership(group, member), noBytes);
        const groups = groupsOf.get(member);
        if (groups) groups.push(group);
        else groupsOf.set(member, [group]);
      }
      if (members.size > 0) this.#putAll(postingRows(keys.members(group), sortedUnique([...members])));
      for (const [name, written] of missing) {
        this.#put(keys.dangling(group, name), Buffer.from(written));
        this.#put(keys.danglingName(name, group), noBytes);
      }
      if (missing.size > 0) this.#put(keys.danglingsOf(group), countValue(missing.size));
      danglings += missing.size;
    }
    for (const member of [...groupsOf.keys()].sort((a, b) => a - b)) {
      this.#putAll(postingRows(keys.groups(member), sortedUnique(groupsOf.get(member)!)));
      if (this.#isFull) await this.#writeRows();
    }
    if (danglings > 0) this.#put(keys.meta("danglings"), countValue(danglings));
  }

  #resolve(name: MemberName, reading: Reading): number | undefined {
    return name.kind === "uid" ? reading.withUid(name.uid) : this.#idOf(name);
  }
}

function threadFor({ rows, schema, frame }: LevelStore): LoadThread {
  const { attributeTypes, objectClasses } = schema.published;
  const numbers = [...frame.indexes.numbers].map(([{ oid }, number]) => [oid, number] as const);
  return new LoadThread({ path: rows.path, attributeTypes, objectClasses, numbers });
}
