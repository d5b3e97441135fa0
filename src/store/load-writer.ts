// What a bulk load writes of its entries: the rows of each as they come, and index rows when there are many of them and
// at the end. Memberships are not its business, for they need every name; bulk-load.ts writes them.
import type { NormalForm } from "../model/schema.js";
import { StoredEntry } from "./entry-row.js";
import { type Gram, gramPrefix, type Indexes, type TermSink } from "./indexes.js";
import { idBytes, type Key, keys } from "./keys.js";
import { type PackedEntries, unpack } from "./load-pack.js";
import { loadPostings, postingRows, readPostings, runRows, sortedUnique } from "./postings.js";
import type { RowBatch, Rows } from "./rows.js";
import { TermLists } from "./term-lists.js";
import { noBytes } from "./transaction.js";

/** Whoever takes the entries of a load: here, or in a thread of its own. */
export interface LoadTaker {
  /** Takes entries, in the order of their ids. Resolves when the next ones may come. */
  take(entries: PackedEntries): Promise<void>;
  /** Resolves when every row is written, though perhaps not on disk yet. */
  finish(): Promise<void>;
  /** Ends without that. Resolves when nothing more is written. */
  abandon(): Promise<void>;
}

/** Rows in one batch of LevelDB. */
const batchRows = 10_000;
/** Index terms gathered in memory before they are written: ids in all lists, and different values. */
const gatheredIds = 12_000_000;
const gatheredLists = 2_000_000;

export class LoadWriter implements LoadTaker {
  readonly #rows: Rows;
  readonly #indexes: Indexes;
  #gathered: GatheredTerms | undefined;
  #flushed = false;
  #batch: RowBatch;
  /** The batch that is being written while the next one is filled. */
  #writing: Promise<void> = Promise.resolve();

  constructor(rows: Rows, indexes: Indexes) {
    this.#rows = rows;
    this.#indexes = indexes;
    this.#batch = rows.batch();
  }

  async take(entries: PackedEntries): Promise<void> {
    this.#gathered ??= new GatheredTerms(entries.firstId, (key) => this.#put(key, noBytes));
    const gathered = this.#gathered;
    unpack(entries, (id, row, child, secrets) => {
      this.#put(keys.entry(id), row);
      this.#batch.putBytes(child, idBytesOf(id));
      if (secrets) this.#put(keys.secrets(id), secrets);
      gathered.begin(id);
      this.#indexes.terms(new StoredEntry(id, row), gathered);
    });
    if (this.#batch.length >= batchRows) await this.#write();
    if (gathered.isFull) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#write();
    await this.#writing;
  }

  async abandon(): Promise<void> {
    this.#gathered = undefined;
    await this.#writing.catch(() => {});
  }

  #put(key: Key, value: Buffer): void {
    this.#batch.put(key, value);
  }

  /** Begins to write what is gathered, when what was before is written. */
  async #write(): Promise<void> {
    await this.#writing;
    this.#writing = this.#batch.write();
    // Whoever waits for it hears of a failure; until then it is nobody's.
    this.#writing.catch(() => {});
    this.#batch = this.#rows.batch();
  }

  async #flush(): Promise<void> {
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (!gathered) return;
    if (this.#flushed) {
      await this.#write();
      await this.#writing;
      this.#rows.reread();
    }
    for (const [head, ids] of gathered.postings()) {
      const all = this.#flushed ? await this.#merged(head, ids) : ids;
      for (const [key, value] of postingRows(head, all)) this.#put(key, value);
      if (this.#batch.length >= batchRows) await this.#write();
    }
    for (const [prefix, ids] of gathered.runs()) {
      for (const [key, value] of runRows(prefix, ids)) this.#put(key, value);
      if (this.#batch.length >= batchRows) await this.#write();
    }
    this.#flushed = true;
  }

  /** Terms of earlier flushes stand in the store already. */
  async #merged(head: Key, ids: readonly number[]): Promise<readonly number[]> {
    const snapshot = this.#rows.snapshot();
    try {
      if (readPostings(snapshot, head).count === 0) return ids;
      return sortedUnique([...(await loadPostings(snapshot, head))!, ...ids]);
    } finally {
      snapshot.release();
    }
  }
}

const idValue = Buffer.alloc(6);

/** An id as a row's value, in memory that is used again: a batch copies what it is given. */
function idBytesOf(id: number): Buffer {
  idValue.writeUIntBE(id, 0, 6);
  return idValue;
}

/**
 * The index terms of entries since the last flush. None is written before: in the order of attributes LevelDB has to
 * merge less of them than in the order of entries, which costs more than there is to win by writing them early.
 */
class GatheredTerms implements TermSink {
  readonly #lists: TermLists;
  readonly #heads = new Map<Key, number>();
  readonly #prefixes = new Map<Key, number>();
  /** By attribute, then by value or gram: keys are made when the lists are complete. */
  readonly #values = new Map<number, Map<NormalForm, number>>();
  readonly #grams = new Map<number, Map<Gram, number>>();
  /** By attribute: the values that come again and again, and the lists that an entry with one belongs to. */
  readonly #repeated = new Map<number, RepeatedValues>();
  #recording: number[] | undefined;
  #recordingOf = 0;
  readonly #putInstant: (key: Key) => void;
  #id = 0;
  #sorted: ReturnType<TermLists["sorted"]> | undefined;

  /** `putInstant` takes what is a row of its own. */
  constructor(firstId: number, putInstant: (key: Key) => void) {
    this.#lists = new TermLists(firstId);
    this.#putInstant = putInstant;
  }

  get isFull(): boolean {
    return this.#lists.pairs >= gatheredIds || this.#lists.lists >= gatheredLists;
  }

  /** What comes next is of this entry. */
  begin(id: number): void {
    this.#id = id;
    this.#recording = undefined;
  }

  remembers(attribute: number): boolean {
    this.#recording = undefined;
    let repeated = this.#repeated.get(attribute);
    if (!repeated) {
      repeated = new RepeatedValues();
      this.#repeated.set(attribute, repeated);
    }
    return !repeated.isGivenUp;
  }

  /** Adds the entry wherever an earlier one with the same value was added. False: this value is new, or rarely repeated. */
  knows(attribute: number, value: string): boolean {
    this.#recording = undefined;
    const repeated = this.#repeated.get(attribute)!;
    const lists = repeated.find(value);
    if (lists) {
      for (const list of lists) this.#lists.add(list, this.#id);
      return true;
    }
    this.#recording = repeated.record(value);
    this.#recordingOf = attribute;
    return false;
  }

  value(attribute: number, normal: NormalForm): void {
    this.#note(attribute, this.#add(innerMap(this.#values, attribute), normal));
  }

  presence(attribute: number): void {
    this.#add(this.#heads, keys.presence(attribute));
  }

  gram(attribute: number, gram: Gram): void {
    this.#note(attribute, this.#add(innerMap(this.#grams, attribute), gram));
  }

  run(prefix: Key): void {
    this.#add(this.#prefixes, prefix);
  }

  instant(prefix: Key): void {
    this.#putInstant(prefix + idBytes(this.#id));
  }

  #add<K>(lists: Map<K, number>, term: K): number {
    let list = lists.get(term);
    if (list === undefined) {
      list = this.#lists.begin();
      lists.set(term, list);
    }
    this.#lists.add(list, this.#id);
    return list;
  }

  /** What a value brings is noted beside, where the value may come again. */
  #note(attribute: number, list: number): void {
    if (this.#recordingOf === attribute) this.#recording?.push(list);
  }

  /** The lists that have a head row, by its key. */
  *postings(): Generator<[head: Key, ids: readonly number[]]> {
    for (const [head, list] of this.#heads) yield [head, this.#idsOf(list)];
    for (const [attribute, values] of this.#values) {
      for (const [value, list] of values) yield [keys.equality(attribute, value), this.#idsOf(list)];
    }
  }

  /** The lists that are runs alone, by their prefix. */
  *runs(): Generator<[prefix: Key, ids: readonly number[]]> {
    for (const [prefix, list] of this.#prefixes) yield [prefix, this.#idsOf(list)];
    for (const [attribute, grams] of this.#grams) {
      for (const [gram, list] of grams) yield [gramPrefix(attribute, gram), this.#idsOf(list)];
    }
  }

  #idsOf(list: number): number[] {
    this.#sorted ??= this.#lists.sorted();
    const { distances, starts } = this.#sorted;
    const { base } = this.#lists;
    const start = starts[list]!;
    const end = starts[list + 1]!;
    if (end === start + 1) return [base + distances[start]!];
    const ids: number[] = [];
    for (let at = start; at < end; at++) ids.push(base + distances[at]!);
    return ids;
  }
}

function innerMap<K>(maps: Map<number, Map<K, number>>, attribute: number): Map<K, number> {
  let found = maps.get(attribute);
  if (!found) {
    found = new Map();
    maps.set(attribute, found);
  }
  return found;
}

/** What one attribute's repeated values are known to bring. An attribute whose values are its own gives up early. */
class RepeatedValues {
  static readonly #triedOn = 2000;
  static readonly #most = 50_000;
  #lists: Map<string, number[]> | undefined = new Map();
  #asked = 0;
  #found = 0;

  get isGivenUp(): boolean {
    return this.#lists === undefined;
  }

  find(value: string): readonly number[] | undefined {
    if (!this.#lists) return undefined;
    this.#asked++;
    const lists = this.#lists.get(value);
    if (lists) this.#found++;
    else if (this.#asked > RepeatedValues.#triedOn && this.#found * 2 < this.#asked) this.#lists = undefined;
    return lists;
  }

  /** Where to note the lists that the value belongs to; undefined where that is not worth it. */
  record(value: string): number[] | undefined {
    if (!this.#lists || this.#lists.size >= RepeatedValues.#most) return undefined;
    const lists: number[] = [];
    this.#lists.set(value, lists);
    return lists;
  }
}
