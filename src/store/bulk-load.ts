// Loading many entries into an empty store: rows are written as they come, index rows when there are many of them and
// at the end, in the order of their keys. The store is not read meanwhile, and a load that is cut off leaves nothing.
import type { Dn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import { uuidText } from "./entry-row.js";
import type { TermSink } from "./indexes.js";
import { idBytes, type Key, keys } from "./keys.js";
import { clearLoad, type LevelStore } from "./level-store.js";
import { loadPostings, postingRows, readPostings, runRows, sortedUnique } from "./postings.js";
import { type MemberName, noParent } from "./reading.js";
import { countValue, type EntryDraft, encodeSecrets, entryOf, idValue, newUuid } from "./transaction.js";

export interface LoadedEntry extends EntryDraft {
  readonly dn: Dn;
  readonly uuid: Buffer | undefined;
  readonly passwords: readonly Buffer[];
  readonly members: readonly MemberName[];
}

/** Rows in one batch of LevelDB. */
const batchRows = 20_000;
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
  #postings = new Map<Key, number[]>();
  #grams = new Map<Key, number[]>();
  #gathered = 0;
  #flushed = false;
  #lastId: number;
  #rows = new Map<Key, Buffer | undefined>();

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
    const id = ++this.#lastId;
    this.#ids.set(normal, id);
    if (entry.uuid) this.#uuids.add(uuidText(uuid));
    const rdn = isSuffix ? suffix.toString() : entry.dn.rdn!.toString();
    const revision = this.#store.revision + 1;
    const stored = entryOf(id, entry, { parent, rdn, uuid, revision });
    this.#rows.set(keys.entry(id), stored.bytes);
    this.#rows.set(keys.child(parent, isSuffix ? normal : entry.dn.rdn!.normal(schema)), idValue(id));
    if (entry.passwords.length > 0) this.#rows.set(keys.secrets(id), encodeSecrets(entry.passwords));
    if (!isSuffix) this.#childCounts.set(parent, (this.#childCounts.get(parent) ?? 0) + 1);
    if (entry.members.length > 0) this.#members.push({ group: id, names: entry.members });
    this.#store.frame.indexes.terms(stored, this.#sinkFor(id));
    if (this.#rows.size >= batchRows) await this.#writeRows();
    if (this.#gathered >= gatheredTerms) await this.#flushTerms();
  }

  #sinkFor(id: number): TermSink {
    return {
      posting: (head) => this.#gather(this.#postings, head, id),
      gram: (prefix) => this.#gather(this.#grams, prefix, id),
      instant: (prefix) => this.#rows.set(prefix + idBytes(id), Buffer.alloc(0)),
    };
  }

  #gather(lists: Map<Key, number[]>, key: Key, id: number): void {
    const ids = lists.get(key);
    if (!ids) lists.set(key, [id]);
    else if (ids[ids.length - 1] !== id) ids.push(id);
    else return;
    this.#gathered++;
  }

  /** Makes everything durable and visible at once. Returns how many entries were loaded. */
  async finish(): Promise<number> {
    await this.#flushTerms();
    await this.#writeMemberships();
    for (const [parent, count] of this.#childCounts) await this.#put(keys.childCount(parent), countValue(count));
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
    this.#rows.clear();
    await clearLoad(this.#store.rows);
  }

  async #put(key: Key, value: Buffer): Promise<void> {
    this.#rows.set(key, value);
    if (this.#rows.size >= batchRows) await this.#writeRows();
  }

  async #writeRows(): Promise<void> {
    if (this.#rows.size === 0) return;
    const rows = this.#rows;
    this.#rows = new Map();
    await this.#store.rows.write(rows, this.#store.revision, false);
  }

  async #flushTerms(): Promise<void> {
    const postings = this.#postings;
    const grams = this.#grams;
    this.#postings = new Map();
    this.#grams = new Map();
    this.#gathered = 0;
    for (const key of [...postings.keys()].sort()) await this.#putPostings(key, postings.get(key)!);
    for (const key of [...grams.keys()].sort()) {
      for (const [run, value] of runRows(key, grams.get(key)!)) await this.#put(run, value);
    }
    await this.#writeRows();
    this.#flushed = true;
  }

  async #putPostings(head: Key, ids: number[]): Promise<void> {
    const all = this.#flushed ? await this.#merged(head, ids) : ids;
    for (const [key, value] of postingRows(head, all)) await this.#put(key, value);
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
    const groupsOf = new Map<number, number[]>();
    let danglings = 0;
    for (const { group, names } of this.#members) {
      const members = new Set<number>();
      const missing = new Map<string, string>();
      for (const name of names) {
        const member = this.#resolve(name);
        if (member !== undefined) members.add(member);
        else missing.set(this.#danglingName(name), name.kind === "dn" ? name.written : name.uid);
      }
      for (const member of members) {
        await this.#put(keys.membership(group, member), Buffer.alloc(0));
        const groups = groupsOf.get(member);
        if (groups) groups.push(group);
        else groupsOf.set(member, [group]);
      }
      if (members.size > 0) await this.#putAll(postingRows(keys.members(group), sortedUnique([...members])));
      for (const [name, written] of missing) {
        await this.#put(keys.dangling(group, name), Buffer.from(written));
        await this.#put(keys.danglingName(name, group), Buffer.alloc(0));
      }
      if (missing.size > 0) await this.#put(keys.danglingsOf(group), countValue(missing.size));
      danglings += missing.size;
    }
    for (const [member, groups] of groupsOf) await this.#putAll(postingRows(keys.groups(member), sortedUnique(groups)));
    if (danglings > 0) await this.#put(keys.meta("danglings"), countValue(danglings));
  }

  async #putAll(rows: Iterable<[Key, Buffer]>): Promise<void> {
    for (const [key, value] of rows) await this.#put(key, value);
  }

  #resolve(name: MemberName): number | undefined {
    if (name.kind === "dn") return this.#ids.get(name.dn.normal(this.#store.schema));
    const reading = this.#store.read();
    try {
      return reading.withUid(name.uid);
    } finally {
      reading.release();
    }
  }

  #danglingName(name: MemberName): string {
    const reading = this.#store.read();
    try {
      return reading.danglingName(name);
    } finally {
      reading.release();
    }
  }
}
