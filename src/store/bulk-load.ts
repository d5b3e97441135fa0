// Loading many entries into an empty store: rows are written as they come, index rows when there are many of them and
// at the end, in the order of their keys. The store is not read meanwhile, and a load that is cut off leaves nothing.
import type { Dn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import type { NormalForm } from "../model/schema.js";
import { uuidText } from "./entry-row.js";
import { type Gram, gramPrefix, type TermSink } from "./indexes.js";
import { idBytes, type Key, keys } from "./keys.js";
import { clearLoad, type LevelStore } from "./level-store.js";
import { loadPostings, postingRows, readPostings, runRows, sortedUnique } from "./postings.js";
import { type MemberName, noParent, type Reading } from "./reading.js";
import {
  countValue,
  type EntryDraft,
  encodeSecrets,
  entryOf,
  idValue,
  newUuid,
  requireFitting,
} from "./transaction.js";

export interface LoadedEntry extends EntryDraft {
  readonly dn: Dn;
  readonly uuid: Buffer | undefined;
  readonly passwords: readonly Buffer[];
  readonly members: readonly MemberName[];
}

const noBytes = Buffer.alloc(0);

const plainName = /^[a-z0-9=,.@_-]+$/;

/** Rows in one batch of LevelDB. */
const batchRows = 20_000;
/** The ids of each term, ascending. Most terms have one id, and a list of its own for each would be most of the memory. */
type TermLists<K> = Map<K, number | number[]>;

/** Index terms gathered in memory before they are written. */
const gatheredTerms = 12_000_000;

export class BulkLoad {
  readonly #store: LevelStore;
  readonly #actor: string;
  readonly #firstId: number;
  readonly #ids = new Map<string, number>();
  readonly #childCounts = new Map<number, number>();
  readonly #members: { group: number; names: readonly MemberName[] }[] = [];
  readonly #uuids = new Set<string>();
  #postings: TermLists<Key> = new Map();
  #runs: TermLists<Key> = new Map();
  /** By attribute, then by value or gram: keys are made when the lists are complete. */
  #values = new Map<number, TermLists<NormalForm>>();
  #grams = new Map<number, TermLists<Gram>>();
  /** By attribute: the values that come again and again, and the lists that an entry with one belongs to. */
  #repeated = new Map<number, RepeatedValues>();
  #recording: { readonly attribute: number; readonly lists: number[][] } | undefined;
  #gathered = 0;
  #flushed = false;
  #lastId: number;
  #rows: [Key, Buffer][] = [];

  private constructor(store: LevelStore, actor: string, lastId: number) {
    this.#store = store;
    this.#actor = actor;
    this.#lastId = lastId;
    this.#firstId = lastId + 1;
  }

  /** Begins a load. The store must be empty, and nothing else may write to it until the load ends. */
  static async begin(store: LevelStore, actor: string): Promise<BulkLoad> {
    const reading = store.read();
    const { entryCount, lastId } = reading;
    reading.release();
    if (entryCount > 0) fail("unwillingToPerform", "only an empty store can be loaded in bulk");
    await store.rows.write(new Map([[keys.meta("loading"), Buffer.from("1")]]), store.revision);
    return new BulkLoad(store, actor, lastId);
  }

  get entries(): number {
    return this.#lastId - this.#firstId + 1;
  }

  /** Whether an entry of this name was loaded. */
  has(dn: Dn): boolean {
    return this.#ids.has(dn.normal(this.#store.schema));
  }

  /** Takes an entry whose parent was taken before. */
  async add(entry: LoadedEntry): Promise<void> {
    const { schema, suffix } = this.#store;
    const normal = entry.dn.normal(schema);
    if (this.#ids.has(normal)) fail("entryAlreadyExists", `${entry.dn} stands in the file twice`);
    const isSuffix = normal === suffix.normal(schema);
    const parent = isSuffix ? noParent : this.#ids.get(entry.dn.parent?.normal(schema) ?? "");
    if (parent === undefined)
      fail("noSuchObject", `the entry above ${entry.dn} does not exist; it must stand before it`);
    const uuid = entry.uuid ?? newUuid();
    if (this.#uuids.has(uuidText(uuid)))
      fail("constraintViolation", `entryUUID ${uuidText(uuid)} stands in the file twice`);
    const id = this.#lastId + 1;
    const rdn = isSuffix ? suffix.toString() : entry.dn.rdn!.toString();
    const revision = this.#store.revision + 1;
    const stored = entryOf(id, entry, { parent, rdn, uuid, revision });
    requireFitting(stored, this.#store.frame);
    this.#lastId = id;
    this.#ids.set(normal, id);
    if (entry.uuid) this.#uuids.add(uuidText(uuid));
    this.#put(keys.entry(id), stored.bytes);
    this.#put(keys.child(parent, isSuffix ? normal : entry.dn.rdn!.normal(schema)), idValue(id));
    if (entry.passwords.length > 0) this.#put(keys.secrets(id), encodeSecrets(entry.passwords));
    if (!isSuffix) this.#childCounts.set(parent, (this.#childCounts.get(parent) ?? 0) + 1);
    if (entry.members.length > 0) this.#members.push({ group: id, names: entry.members });
    this.#store.frame.indexes.terms(stored, this.#sinkFor(id));
    this.#recording = undefined;
    if (this.#isFull) await this.#writeRows();
    if (this.#gathered >= gatheredTerms) await this.#flushTerms();
  }

  #sinkFor(id: number): TermSink {
    return {
      knows: (attribute, value) => this.#repeats(attribute, value, id),
      value: (attribute, normal) => this.#gatherOf(attribute, listsOf(this.#values, attribute), normal, id),
      presence: (attribute) => this.#gather(this.#postings, keys.presence(attribute), id),
      gram: (attribute, gram) => this.#gatherOf(attribute, listsOf(this.#grams, attribute), gram, id),
      run: (prefix) => this.#gather(this.#runs, prefix, id),
      instant: (prefix) => this.#put(prefix + idBytes(id), noBytes),
    };
  }

  /** Adds the entry wherever an earlier one with the same value was added. False: this value is new, or rarely repeated. */
  #repeats(attribute: number, value: string, id: number): boolean {
    this.#recording = undefined;
    const known = this.#repeated.get(attribute) ?? new RepeatedValues();
    this.#repeated.set(attribute, known);
    const lists = known.find(value);
    if (lists) {
      for (const ids of lists) this.#append(ids, id);
      return true;
    }
    const noted = known.record(value);
    if (noted) this.#recording = { attribute, lists: noted };
    return false;
  }

  #append(ids: number[], id: number): void {
    if (ids[ids.length - 1] === id) return;
    ids.push(id);
    this.#gathered++;
  }

  /** What a value brings is noted beside, where the value may come again. */
  #gatherOf<K>(attribute: number, lists: TermLists<K>, key: K, id: number): void {
    if (this.#recording?.attribute !== attribute) {
      this.#gather(lists, key, id);
      return;
    }
    const list = arrayOf(lists, key);
    this.#recording.lists.push(list);
    this.#append(list, id);
  }

  #gather<K>(lists: TermLists<K>, key: K, id: number): void {
    const ids = lists.get(key);
    if (ids === undefined) lists.set(key, id);
    else if (typeof ids === "number") {
      if (ids === id) return;
      lists.set(key, [ids, id]);
    } else if (ids[ids.length - 1] !== id) ids.push(id);
    else return;
    this.#gathered++;
  }

  /** Makes everything durable and visible at once. Returns how many entries were loaded. */
  async finish(): Promise<number> {
    await this.#flushTerms();
    await this.#writeMemberships();
    for (const [parent, count] of this.#childCounts) this.#put(keys.childCount(parent), countValue(count));
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
    await this.#writeRows();
    await this.#store.rows.settle();
    const last = new Map<Key, Buffer | undefined>([
      [keys.meta("loading"), undefined],
      [keys.meta("lastId"), idValue(this.#lastId)],
      [keys.change(revision), Buffer.from(JSON.stringify(record))],
    ]);
    if (this.entries > 0) last.set(keys.meta("entries"), countValue(this.entries));
    await this.#store.rows.write(last, revision);
    return this.entries;
  }

  /** Ends the load without a trace. */
  async abort(): Promise<void> {
    this.#rows = [];
    await clearLoad(this.#store.rows);
  }

  #put(key: Key, value: Buffer): void {
    this.#rows.push([key, value]);
  }

  #putAll(rows: Iterable<[Key, Buffer]>): void {
    for (const row of rows) this.#rows.push(row);
  }

  get #isFull(): boolean {
    return this.#rows.length >= batchRows;
  }

  async #writeRows(): Promise<void> {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    this.#rows = [];
    await this.#store.rows.write(rows, this.#store.revision, false);
  }

  async #flushTerms(): Promise<void> {
    const postings = this.#postings;
    const runs = this.#runs;
    for (const [attribute, values] of this.#values) {
      for (const [value, ids] of values) join(postings, keys.equality(attribute, value), ids);
    }
    for (const [attribute, grams] of this.#grams) {
      for (const [gram, ids] of grams) runs.set(gramPrefix(attribute, gram), ids);
    }
    this.#postings = new Map();
    this.#runs = new Map();
    this.#values = new Map();
    this.#grams = new Map();
    this.#repeated = new Map();
    this.#gathered = 0;
    for (const key of [...postings.keys()].sort()) await this.#putPostings(key, listOf(postings.get(key)!));
    for (const key of [...runs.keys()].sort()) {
      this.#putAll(runRows(key, listOf(runs.get(key)!)));
      if (this.#isFull) await this.#writeRows();
    }
    await this.#writeRows();
    this.#flushed = true;
  }

  async #putPostings(head: Key, ids: number[]): Promise<void> {
    const all = this.#flushed ? await this.#merged(head, ids) : ids;
    this.#putAll(postingRows(head, all));
    if (this.#isFull) await this.#writeRows();
  }

  /** Terms of earlier flushes stand in the store already. */
  async #merged(head: Key, ids: number[]): Promise<number[]> {
    const snapshot = this.#store.rows.snapshot();
    try {
      if (readPostings(snapshot, head).count === 0) return ids;
      return sortedUnique([...(await loadPostings(snapshot, head))!, ...ids]);
    } finally {
      snapshot.release();
    }
  }

  async #writeMemberships(): Promise<void> {
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
    for (const { group, names } of this.#members) {
      if (this.#isFull) await this.#writeRows();
      const members = new Set<number>();
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
    if (name.kind === "uid") return reading.withUid(name.uid);
    // Most files write names as their normal form has them, and a text in normal form is its own.
    const known = plainName.test(name.written) ? this.#ids.get(name.written) : undefined;
    return known ?? this.#ids.get(name.dn.normal(this.#store.schema));
  }
}

function listOf(ids: number | number[]): number[] {
  return typeof ids === "number" ? [ids] : ids;
}

function listsOf<K>(lists: Map<number, TermLists<K>>, attribute: number): TermLists<K> {
  let found = lists.get(attribute);
  if (!found) {
    found = new Map();
    lists.set(attribute, found);
  }
  return found;
}

/** Long values can share a key; then they share a list. */
function join(lists: TermLists<Key>, key: Key, ids: number | number[]): void {
  const others = lists.get(key);
  lists.set(key, others === undefined ? ids : sortedUnique([...listOf(others), ...listOf(ids)]));
}

function arrayOf<K>(lists: TermLists<K>, key: K): number[] {
  const ids = lists.get(key);
  if (typeof ids === "object") return ids;
  const list = ids === undefined ? [] : [ids];
  lists.set(key, list);
  return list;
}

/** What one attribute's repeated values are known to bring. An attribute whose values are its own gives up early. */
class RepeatedValues {
  static readonly #triedOn = 2000;
  #lists: Map<string, number[][]> | undefined = new Map();
  #asked = 0;
  #found = 0;

  find(value: string): readonly number[][] | undefined {
    if (!this.#lists) return undefined;
    this.#asked++;
    const lists = this.#lists.get(value);
    if (lists) this.#found++;
    else if (this.#asked > RepeatedValues.#triedOn && this.#found * 2 < this.#asked) this.#lists = undefined;
    return lists;
  }

  /** Where to note the lists that the value belongs to; undefined where that is not worth it. */
  record(value: string): number[][] | undefined {
    if (!this.#lists) return undefined;
    const lists: number[][] = [];
    this.#lists.set(value, lists);
    return lists;
  }
}
