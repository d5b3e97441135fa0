// One import: LDIF into a store that nobody else has open. Into an empty store in one pass, in bulk; into a store that
// holds entries in two, the first of which looks through the whole file. A file with errors loads nothing, unless the
// caller says that it may.
import type { LdifRecord } from "../ldif/ldif-record.js";
import type { Limits } from "../model/limits.js";
import type { NormalForm } from "../model/schema.js";
import type { PasswordHasher } from "../passwords/hasher.js";
import { BulkLoad } from "../store/bulk-load.js";
import { uuidText } from "../store/entry-row.js";
import type { LevelStore } from "../store/level-store.js";
import type { EntryDraft, Transaction } from "../store/transaction.js";
import { type ChangeRecord, ChangeRecords, requestOf } from "./change-records.js";
import { type EntryOrigin, EntryReader, type ReadEntry, refusalOf } from "./entry-reader.js";
import { changesNeedEntries, FileCheck, nameOf } from "./file-check.js";
import { checkPasswords, ImportPasswords } from "./import-passwords.js";
import { ImportProblems } from "./import-problems.js";
import { type ImportSource, repeatable } from "./import-source.js";

/** Who did it, as the change log has it. */
const actor = "gatehouse import";
/** Entries that wait for their passwords, and writes that wait for the disk. */
const mostWaiting = 256;

export interface ImportOptions {
  readonly limits: Limits;
  /** Loads what is right of a file with errors. */
  readonly continues?: boolean;
  /** Loads an empty store in two threads, which the store has to be opened for (`isShared`). */
  readonly inThread?: boolean;
  /** Told of each batch. */
  readonly progress?: (bytes: number, entries: number) => void;
}

export interface ImportOutcome {
  readonly problems: ImportProblems;
  /** Entries added and changes carried out; or, where nothing was to be stored, those that could be. */
  readonly entries: number;
  readonly changes: number;
  /** Hashes kept that no password will match. */
  readonly unknownPasswords: number;
  /** Entries whose entryUUID in the file gave way to one that a running server made. */
  readonly replacedUuids?: number;
}

/** Looks through a file and stores nothing. Without a store: as if into an empty one. */
export async function checkFile(
  source: ImportSource,
  reader: EntryReader,
  store: LevelStore | undefined,
  { progress }: Pick<ImportOptions, "progress">,
): Promise<{ check: FileCheck; problems: ImportProblems }> {
  const problems = new ImportProblems(source.name);
  const reading = store && !isEmpty(store) ? store.read() : undefined;
  const check = new FileCheck(reader, problems, reading);
  try {
    await eachRecord(source, progress, check, (record) => check.take(record));
  } finally {
    reading?.release();
  }
  return { check, problems };
}

/** Reads a file into the store. */
export async function importFile(
  source: ImportSource,
  store: LevelStore,
  hasher: PasswordHasher,
  options: ImportOptions,
): Promise<ImportOutcome> {
  if (isEmpty(store)) return new BulkImport(source, store, hasher, options).run();
  const twice = await repeatable(source);
  try {
    return await new StepwiseImport(twice, store, hasher, options).run();
  } finally {
    await twice.close();
  }
}

export function isEmpty(store: LevelStore): boolean {
  const reading = store.read();
  try {
    return reading.entryCount === 0;
  } finally {
    reading.release();
  }
}

async function eachRecord(
  source: ImportSource,
  progress: ImportOptions["progress"],
  counter: { readonly entries: number; readonly changes: number },
  take: (record: LdifRecord) => Promise<void> | void,
): Promise<void> {
  let bytes = 0;
  const records = source.records((more) => {
    bytes += more;
  });
  for await (const batch of records) {
    for (const record of batch) {
      const taking = take(record);
      if (taking) await taking;
    }
    progress?.(bytes, counter.entries + counter.changes);
  }
}

/** Takes an entry with what is to be stored of its passwords. A promise: to be waited for before the next one comes. */
type Keep = (entry: ReadEntry, passwords: readonly Buffer[]) => Promise<void> | undefined;

/** Entries in their order, each handed on when its passwords are ready. */
class PasswordLine {
  readonly #passwords: ImportPasswords;
  readonly #most: number;
  readonly #next: Keep;
  #waiting: { entry: ReadEntry; passwords: readonly Buffer[] | Promise<readonly Buffer[]> }[] = [];

  constructor(passwords: ImportPasswords, most: number, next: Keep) {
    this.#passwords = passwords;
    this.#most = most;
    this.#next = next;
  }

  push(entry: ReadEntry): Promise<void> | undefined {
    const passwords = this.#passwords.prepare(entry.content.passwords);
    const isReady = !(passwords instanceof Promise);
    if (isReady && this.#waiting.length === 0) return this.#next(entry, passwords);
    // Whoever waits for it hears of a failure; until then it is nobody's.
    if (!isReady) passwords.catch(() => {});
    this.#waiting.push({ entry, passwords });
    return this.#waiting.length >= this.#most ? this.drain(Math.floor(this.#most / 2)) : undefined;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Until no more than `left` wait. */
  async drain(left = 0): Promise<void> {
    const due = this.#waiting.splice(0, Math.max(0, this.#waiting.length - left));
    for (const { entry, passwords } of due) await this.#next(entry, await passwords);
  }
}

abstract class Import {
  readonly source: ImportSource;
  readonly store: LevelStore;
  readonly options: ImportOptions;
  readonly reader: EntryReader;
  readonly passwords: ImportPasswords;
  readonly line: PasswordLine;
  readonly now: number;

  constructor(source: ImportSource, store: LevelStore, hasher: PasswordHasher, options: ImportOptions) {
    const { limits } = options;
    this.source = source;
    this.store = store;
    this.options = options;
    this.reader = new EntryReader(store.schema, store.suffix, limits);
    this.passwords = new ImportPasswords(hasher);
    const most = Math.min(mostWaiting, limits.passwordQueue);
    this.line = new PasswordLine(this.passwords, most, (entry, passwords) => this.keep(entry, passwords));
    this.now = store.clock();
  }

  protected abstract keep(entry: ReadEntry, passwords: readonly Buffer[]): Promise<void> | undefined;

  /** When and by whom an entry was made, where it does not say so itself: now, and by nobody. */
  origin(facts: EntryOrigin): Pick<EntryDraft, "created" | "modified" | "creator" | "modifier"> {
    const created = facts.created ?? facts.modified ?? this.now;
    return {
      created,
      modified: facts.modified ?? created,
      creator: facts.creator ?? "",
      modifier: facts.modifier ?? facts.creator ?? "",
    };
  }
}

class BulkImport extends Import {
  readonly #problems = new ImportProblems(this.source.name);
  readonly #faulty = new Set<NormalForm>();
  #load: BulkLoad | undefined;
  readonly changes = 0;

  get entries(): number {
    return this.#load?.entries ?? 0;
  }

  async run(): Promise<ImportOutcome> {
    const { progress, inThread = false } = this.options;
    const load = await BulkLoad.begin(this.store, actor, { inThread });
    this.#load = load;
    try {
      await eachRecord(this.source, progress, this, (record) => this.#take(record));
      await this.line.drain();
      if (this.#isLoaded) await load.finish();
    } catch (error) {
      // Why it failed is to be said, not that it cannot be cleared away now: that happens when the store is next opened.
      await load.abort().catch(() => {});
      throw error;
    }
    const { entries } = this;
    const isLoaded = this.#isLoaded;
    if (!isLoaded) await load.abort();
    const unknownPasswords = this.passwords.unknown;
    return { problems: this.#problems, entries: isLoaded ? entries : 0, changes: 0, unknownPasswords };
  }

  get #isLoaded(): boolean {
    return this.entries > 0 && this.#goesOn();
  }

  /** With an error in the file, the rest is read for its errors alone. */
  #goesOn(): boolean {
    return this.#problems.count === 0 || this.options.continues === true;
  }

  #take(record: LdifRecord): Promise<void> | undefined {
    if (record.kind === "fault") {
      this.#problems.add(record.line, record.message);
      return undefined;
    }
    if (record.kind !== "content" && record.kind !== "add") {
      this.#problems.add(record.line, changesNeedEntries);
      return undefined;
    }
    let entry: ReadEntry;
    try {
      entry = this.reader.read(record);
      checkPasswords(entry.content.passwords);
    } catch (error) {
      this.#problems.add(record.line, refusalOf(error));
      const name = nameOf(record, this.reader);
      if (name !== undefined) this.#faulty.add(name);
      return undefined;
    }
    return this.#goesOn() ? this.line.push(entry) : this.#keepUnhashed(entry);
  }

  /** Behind those that wait: one of them may be what it stands below. */
  #keepUnhashed(entry: ReadEntry): Promise<void> | undefined {
    return this.line.isEmpty ? this.keep(entry, []) : this.line.drain().then(() => this.keep(entry, []));
  }

  protected keep(entry: ReadEntry, passwords: readonly Buffer[]): Promise<void> | undefined {
    const { dn, content, facts } = entry;
    const { attributes, structural, kind, members } = content;
    const origin = this.origin(facts);
    try {
      return this.#load!.add({ attributes, structural, kind, ...origin, dn, uuid: facts.uuid, passwords, members });
    } catch (error) {
      const sentence = refusalOf(error);
      // That what is below an entry with an error lacks its parent is no error of its own.
      const above = entry.normal.slice(dn.rdn!.normal(this.reader.schema).length + 1);
      if (!this.#faulty.has(above) || this.options.continues) this.#problems.add(entry.line, sentence);
      this.#faulty.add(entry.normal);
      return undefined;
    }
  }
}

class StepwiseImport extends Import {
  readonly #changes: ChangeRecords;
  #problems = new ImportProblems(this.source.name);
  #writes: Promise<void>[] = [];
  entries = 0;
  changes = 0;

  constructor(source: ImportSource, store: LevelStore, hasher: PasswordHasher, options: ImportOptions) {
    super(source, store, hasher, options);
    this.#changes = new ChangeRecords(store, hasher, options.limits);
  }

  async run(): Promise<ImportOutcome> {
    const { source, reader, store, options } = this;
    const { check, problems } = await checkFile(source, reader, store, {});
    this.#problems = problems;
    if (problems.count === 0 || options.continues) {
      await eachRecord(source, options.progress, this, (record) => {
        const isRight = record.kind !== "fault" && !check.faultyLines.has(record.line);
        return isRight && this.#goesOn() ? this.#take(record) : undefined;
      });
      await this.#settle();
    }
    const { entries, changes } = this;
    return { problems, entries, changes, unknownPasswords: this.passwords.unknown };
  }

  /** What can only be seen when it is done ends the import, where it may not go on. */
  #goesOn(): boolean {
    return this.#problems.count === 0 || this.options.continues === true;
  }

  #take(record: Exclude<LdifRecord, { kind: "fault" }>): Promise<void> | undefined {
    return record.kind === "content" || record.kind === "add"
      ? this.line.push(this.reader.read(record))
      : this.#change(record);
  }

  async #change(record: ChangeRecord): Promise<void> {
    await this.#settle();
    if (!this.#goesOn()) return;
    try {
      await this.#changes.apply(requestOf(record, this.reader));
      this.changes++;
    } catch (error) {
      this.#problems.add(record.line, refusalOf(error));
    }
  }

  /** Waits for every write begun before. */
  async #settle(): Promise<void> {
    await this.line.drain();
    await Promise.all(this.#writes.splice(0));
  }

  /** Begins a write; those that wait are made durable together. */
  protected async keep(entry: ReadEntry, passwords: readonly Buffer[]): Promise<void> {
    if (this.#writes.length >= mostWaiting) await Promise.all(this.#writes.splice(0, mostWaiting / 2));
    const write = this.store.update((transaction) => this.#add(transaction, entry, passwords));
    this.#writes.push(
      write.then(
        () => {
          this.entries++;
        },
        (error) => this.#problems.add(entry.line, refusalOf(error)),
      ),
    );
  }

  async #add(transaction: Transaction, entry: ReadEntry, passwords: readonly Buffer[]): Promise<void> {
    const { dn, content, facts } = entry;
    const { attributes, structural, kind } = content;
    const draft = { attributes, structural, kind, ...this.origin(facts) };
    const parent = dn.depth > this.store.suffix.depth ? transaction.find(dn.parent!) : undefined;
    const stored = parent
      ? transaction.add(parent, dn.rdn!, draft, facts.uuid)
      : transaction.addSuffix(draft, facts.uuid);
    if (passwords.length > 0) transaction.setPasswords(stored, passwords);
    for (const member of content.members) transaction.addMember(stored.id, member);
    for (const group of await transaction.adoptDanglings(stored)) {
      const before = transaction.entry(group);
      if (before && group !== stored.id) await transaction.replace(before, touched(before, this.now));
    }
    transaction.record({ kind: "add", actor, id: stored.id, uuid: uuidText(stored.uuid), dn: dn.toString() });
  }
}

/** Its list of members has changed, and that stands outside its row. */
function touched(entry: EntryDraft, now: number): EntryDraft {
  const { attributes, structural, kind, created, creator } = entry;
  return { attributes, structural, kind, created, creator, modified: now, modifier: "" };
}
