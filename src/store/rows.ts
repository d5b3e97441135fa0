// Rows by key: what the store's other files read from and write to. The one home of `level`.
//
// Reads go through a snapshot. The newest snapshot is shared by everyone who reads between two commits, and hot rows
// are kept in a cache with a byte budget: a cached row says since which revision it holds, so that a reader of an older
// snapshot never sees it too early. Rows found by an id are kept as what they mean: they are most of what a search asks
// for, and none is read twice.
import { mkdirSync } from "node:fs";
import { Level } from "level";
import { LdapError } from "../model/failure.js";
import { afterPrefix, idAt, idBytes, type Key } from "./keys.js";
import { RowCache } from "./row-cache.js";
import { openFailure, readFailure, reasonOf, requireWhole } from "./store-files.js";

export interface Row {
  readonly key: Key;
  readonly value: Buffer;
}

/** A space of rows of which each is found by one id, and what such a row means. */
export interface RowSpace<T> {
  /** One character; behind it the six bytes of the id. */
  readonly prefix: Key;
  /** Its own among all spaces, from 0 on. */
  readonly number: number;
  decode(id: number, row: Buffer): T;
  /** Bytes that what it means may come to take beside the row; default: none. */
  more?(meaning: T): number;
}

/** Rows as of one moment. */
export interface RowReader {
  get(key: Key): Buffer | undefined;
  /** What the row of an id means. Shared by all who ask, so it must not be changed. */
  byId<T>(space: RowSpace<T>, id: number): T | undefined;
  /** Rows from `from` (inclusive) to `to` (exclusive) in key order, some at a time. */
  range(from: Key, to: Key, options?: RangeOptions): AsyncGenerator<Row[], void, void>;
}

export interface RangeOptions {
  readonly reverse?: boolean;
  /** Rows in all; default: no limit. */
  readonly limit?: number;
  /** Rows at a time. */
  readonly batch?: number;
}

/** Changes of rows: a value puts, undefined deletes. */
export type RowChanges = Iterable<readonly [Key, Buffer | undefined]>;

type Database = Level<Buffer, Buffer> & {
  /** What LevelDB has on disk and its types, made for browsers too, leave out. */
  compactRange(from: Buffer, to: Buffer): Promise<void>;
};
type DatabaseSnapshot = ReturnType<Database["snapshot"]>;
type DatabaseBatch = ReturnType<Database["batch"]>;

/** Bytes of memory that small rows share, and what small is. */
const slabBytes = 2048;
const pooledBelow = 1024;

/** A space's prefix and an id. */
const idKeyLength = 7;

/** Rows read at a time to warm the cache, and how much of it is filled so. */
const rowsWarmed = 500;
const warmShare = 0.9;

export interface RowsOptions {
  readonly cacheBytes: number;
  /** Every space that is asked for by id; default: none is. */
  readonly spaces?: readonly RowSpace<unknown>[];
  /** LevelDB's own block cache and write buffer; small stores do well with the defaults. */
  readonly blockCacheBytes?: number;
  readonly writeBufferBytes?: number;
  /** Whether other threads of this process may open the database too; all of them have to say so. */
  readonly isShared?: boolean;
}

/** One moment of the rows. Whoever holds it releases it. */
export class RowSnapshot implements RowReader {
  readonly revision: number;
  readonly #rows: Rows;
  readonly #snapshot: DatabaseSnapshot;
  #holders = 0;
  #superseded = false;

  constructor(rows: Rows, snapshot: DatabaseSnapshot, revision: number) {
    this.#rows = rows;
    this.#snapshot = snapshot;
    this.revision = revision;
  }

  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    this.#holders--;
    this.#closeIfUnused();
  }

  /** Called when a newer snapshot takes its place. */
  supersede(): void {
    this.#superseded = true;
    this.#closeIfUnused();
  }

  get isNewest(): boolean {
    return !this.#superseded;
  }

  #closeIfUnused(): void {
    if (this.#superseded && this.#holders === 0) this.#rows.closing(this.#snapshot.close());
  }

  get(key: Key): Buffer | undefined {
    return this.#rows.get(key, this, this.#snapshot);
  }

  byId<T>(space: RowSpace<T>, id: number): T | undefined {
    return this.#rows.byId(space, id, this, this.#snapshot);
  }

  range(from: Key, to: Key, options?: RangeOptions): AsyncGenerator<Row[], void, void> {
    return this.#rows.range(from, to, this.#snapshot, options);
  }
}

/** Rows that are written together, though not durably, and that nobody reads before they are: those of a load. */
export class RowBatch {
  readonly #rows: Rows;
  readonly #batch: DatabaseBatch;

  constructor(rows: Rows, batch: DatabaseBatch) {
    this.#rows = rows;
    this.#batch = batch;
  }

  /** How many rows were put. */
  get length(): number {
    return this.#batch.length;
  }

  /** What is put is copied. */
  put(key: Key, value: Buffer): void {
    this.#batch.put(Buffer.from(key, "latin1"), value);
  }

  /** The same where the key is at hand as bytes. */
  putBytes(key: Buffer, value: Buffer): void {
    this.#batch.put(key, value);
  }

  /** Writes what was put; the batch must not be used further. Readers see it after `Rows.reread`. */
  async write(): Promise<void> {
    if (this.length === 0) await this.#batch.close();
    else await this.#rows.writeBatch(this.#batch, false);
  }
}

export class Rows {
  readonly path: string;
  readonly #database: Database;
  readonly #cache: RowCache;
  /** By their prefix. */
  readonly #spaces: ReadonlyMap<string, RowSpace<unknown>>;
  readonly #closings = new Set<Promise<void>>();
  #newest: RowSnapshot;

  private constructor(path: string, database: Database, options: RowsOptions) {
    this.path = path;
    this.#database = database;
    const { spaces = [] } = options;
    this.#cache = new RowCache(options.cacheBytes, spaces.length);
    this.#spaces = new Map(spaces.map((space) => [space.prefix, space]));
    this.#newest = new RowSnapshot(this, database.snapshot(), 0);
  }

  /** Opens the database at a path, creating it if need be. Throws `unavailable` with a sentence where it cannot. */
  static async open(path: string, options: RowsOptions): Promise<Rows> {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      requireWhole(path);
      const database = new Level<Buffer, Buffer>(path, {
        keyEncoding: "buffer",
        valueEncoding: "buffer",
        // Uncompressed tables are read where the system has mapped them: a row costs 5.6 µs instead of 9, a scan a
        // third less, for twice the disk. LevelDB's own cache then has little left to do.
        compression: false,
        cacheSize: options.blockCacheBytes ?? 8 * 1024 * 1024,
        writeBufferSize: options.writeBufferBytes ?? 16 * 1024 * 1024,
        multithreading: options.isShared ?? false,
      });
      await database.open();
      return new Rows(path, database as Database, options);
    } catch (error) {
      if (error instanceof LdapError) throw error;
      throw new LdapError("unavailable", openFailure(path, error), { cause: error });
    }
  }

  /** The present moment, already committed. Release it when done. */
  snapshot(): RowSnapshot {
    return this.#newest.hold();
  }

  /** The revision of the newest snapshot. */
  get revision(): number {
    return this.#newest.revision;
  }

  /** Says what revision the rows are at when the store is opened. */
  startAt(revision: number): void {
    this.#advance(revision);
  }

  get(key: Key, reader: RowSnapshot, snapshot: DatabaseSnapshot): Buffer | undefined {
    const cached = this.#cache.at(key);
    if (cached !== undefined && cached.since <= reader.revision) {
      cached.isUsed = true;
      return cached.value as Buffer | undefined;
    }
    const row = this.#read(key, snapshot);
    // Only the newest reader knows that what it read still holds.
    if (reader.isNewest) this.#cache.keepAt(key, row, sizeOf(row), reader.revision);
    return row;
  }

  byId<T>(space: RowSpace<T>, id: number, reader: RowSnapshot, snapshot: DatabaseSnapshot): T | undefined {
    const cached = this.#cache.byId(space.number, id);
    if (cached !== undefined && cached.since <= reader.revision) {
      cached.isUsed = true;
      return cached.value as T | undefined;
    }
    const row = this.#read(space.prefix + idBytes(id), snapshot);
    const value = row && space.decode(id, row);
    if (reader.isNewest) this.#keepById(space, id, row, value, reader.revision);
    return value;
  }

  #read(key: Key, snapshot: DatabaseSnapshot): Buffer | undefined {
    try {
      return pooled(this.#database.getSync(Buffer.from(key, "latin1"), { snapshot }));
    } catch (error) {
      throw readFailure(this.path, error);
    }
  }

  async *range(
    from: Key,
    to: Key,
    snapshot: DatabaseSnapshot,
    options: RangeOptions = {},
  ): AsyncGenerator<Row[], void, void> {
    const { reverse = false, limit = -1, batch = 500 } = options;
    const iterator = this.#database.iterator({
      gte: Buffer.from(from, "latin1"),
      lt: Buffer.from(to, "latin1"),
      reverse,
      limit,
      snapshot,
      highWaterMarkBytes: 1024 * 1024,
    });
    // The next rows are read while these are worked on. Whoever leaves early does not want to know how that went.
    const next = () => {
      const rows = iterator.nextv(batch);
      rows.catch(() => {});
      return rows;
    };
    let ahead: Promise<[Buffer, Buffer][]> | undefined = next();
    try {
      while (ahead) {
        const pairs: [Buffer, Buffer][] = await ahead.catch((error: unknown) => {
          throw readFailure(this.path, error);
        });
        if (pairs.length === 0) return;
        ahead = pairs.length === limit ? undefined : next();
        yield pairs.map(([key, value]) => ({ key: key.toString("latin1"), value }));
      }
    } finally {
      await ahead?.catch(() => {});
      await iterator.close();
    }
  }

  /**
   * Writes all changes as one batch and, where `durable`, waits until it is on disk; then they are visible as `revision`.
   * Where it throws, nothing is visible, and the database takes no further writes until it is opened again.
   */
  async write(changes: RowChanges, revision: number, durable = true): Promise<void> {
    // Chained, for half of what an array of operations costs.
    const batch = this.#database.batch();
    for (const [key, value] of changes) {
      const bytes = Buffer.from(key, "latin1");
      if (value === undefined) batch.del(bytes);
      else batch.put(bytes, value);
    }
    await this.writeBatch(batch, durable);
    if (this.#cache.fullness > 0) this.#refresh(changes, revision);
    this.#advance(revision);
  }

  async writeBatch(batch: DatabaseBatch, durable: boolean): Promise<void> {
    try {
      await batch.write({ sync: durable });
    } catch (error) {
      throw new LdapError("unavailable", `the store at ${this.path} cannot be written: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Begins a batch of a load. */
  batch(): RowBatch {
    return new RowBatch(this, this.#database.batch());
  }

  /** Takes what was written by batches, or by another thread, as the present of the same revision. */
  reread(): void {
    this.#cache.clear();
    this.#advance(this.revision);
  }

  /** Rows that nobody asked for lately are not worth a place; those in the cache must not grow stale. */
  #refresh(changes: RowChanges, revision: number): void {
    for (const [key, row] of changes) {
      if (this.#cache.at(key)) this.#cache.keepAt(key, row, sizeOf(row), revision);
      const space = this.#spaceOf(key);
      if (space === undefined) continue;
      const id = idAt(key, 1);
      if (this.#cache.byId(space.number, id)) this.#keepById(space, id, row, row && space.decode(id, row), revision);
    }
  }

  #keepById<T>(space: RowSpace<T>, id: number, row: Buffer | undefined, value: T | undefined, since: number): void {
    const more = value === undefined ? 0 : (space.more?.(value) ?? 0);
    this.#cache.keepById(space.number, id, value, sizeOf(row) + more, since);
  }

  #spaceOf(key: Key): RowSpace<unknown> | undefined {
    return key.length === idKeyLength ? this.#spaces.get(key[0]!) : undefined;
  }

  #advance(revision: number): void {
    const previous = this.#newest;
    this.#newest = new RowSnapshot(this, this.#database.snapshot(), revision);
    previous.supersede();
  }

  /**
   * Reads rows into the cache before anybody asks for them, in the order given, until it is full. Gives up without a
   * word where the database is closed meanwhile.
   */
  async warm(prefixes: readonly Key[]): Promise<void> {
    for (const prefix of prefixes) {
      const end = afterPrefix(prefix);
      for (let from: Key | undefined = prefix; from !== undefined; ) {
        if (this.#cache.fullness > warmShare) return;
        from = await this.#warmFrom(from, end);
      }
    }
  }

  /** Some rows from a key on; returns where to go on, undefined at the end. */
  async #warmFrom(from: Key, to: Key): Promise<Key | undefined> {
    const snapshot = this.snapshot();
    try {
      for await (const rows of snapshot.range(from, to, { limit: rowsWarmed, batch: rowsWarmed })) {
        // What was committed meanwhile may have changed these rows; then they are read again when they are asked for.
        if (snapshot.isNewest) for (const row of rows) this.#warmWith(row, snapshot.revision);
        return rows.length < rowsWarmed ? undefined : `${rows[rows.length - 1]!.key}\0`;
      }
      return undefined;
    } catch (error) {
      if (this.#database.status !== "open") return undefined;
      throw error;
    } finally {
      snapshot.release();
    }
  }

  #warmWith({ key, value }: Row, since: number): void {
    const space = this.#spaceOf(key);
    if (space) {
      const id = idAt(key, 1);
      const row = pooled(value);
      if (!this.#cache.byId(space.number, id)) this.#keepById(space, id, row, space.decode(id, row), since);
    } else if (!this.#cache.at(key)) this.#cache.keepAt(key, pooled(value), value.length, since);
  }

  /** Removes every row of these spaces, by and by: whoever clears leaves a mark elsewhere until it is done. */
  async clear(spaces: Iterable<Key>): Promise<void> {
    for (const space of spaces) {
      const [gte, lt] = [space, afterPrefix(space)].map((key) => Buffer.from(key, "latin1"));
      await this.#database.clear({ gte: gte!, lt: lt! });
    }
    this.reread();
  }

  /**
   * Brings to disk what was written without waiting for that. A durable write does not: LevelDB changes its log file as
   * it grows, and the files before the newest one are only safe once their rows stand in tables.
   */
  async settle(): Promise<void> {
    await this.#database.compactRange(afterEverything, afterEverything);
  }

  closing(promise: Promise<void>): void {
    this.#closings.add(promise);
    void promise.finally(() => this.#closings.delete(promise));
  }

  async close(): Promise<void> {
    this.#newest.supersede();
    await Promise.all(this.#closings);
    await this.#database.close();
  }
}

/** No key is as high. Compacting nothing but this writes out what is in memory, and touches no table. */
const afterEverything = Buffer.alloc(8, 0xff);

function sizeOf(row: Buffer | undefined): number {
  return row === undefined ? 0 : row.length;
}

let slab = Buffer.allocUnsafeSlow(slabBytes);
let slabUsed = 0;

/**
 * Small rows are moved into memory that a few of them share: a buffer of its own costs each of them more than its bytes.
 * Only a few, because one that stays in the cache keeps the memory of all.
 */
function pooled<Row extends Buffer | undefined>(row: Row): Row {
  if (row === undefined || row.length >= pooledBelow) return row;
  if (slabUsed + row.length > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    slabUsed = 0;
  }
  const moved = slab.subarray(slabUsed, slabUsed + row.length);
  moved.set(row);
  slabUsed += row.length;
  return moved as Row;
}

/** Every row whose key begins with the prefix. */
export function rangeOf(rows: RowReader, prefix: Key, options?: RangeOptions): AsyncGenerator<Row[], void, void> {
  return rows.range(prefix, afterPrefix(prefix), options);
}
