// The store on LevelDB: one writer, group commit, one durable batch a commit, snapshots for reads.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../model/clock.js";
import type { Dn } from "../model/dn.js";
import { fail, LdapError } from "../model/failure.js";
import type { Limits } from "../model/limits.js";
import type { Schema } from "../model/schema.js";
import type { ChangeRecord, Commit } from "./change.js";
import { SharedDns } from "./dn-cache.js";
import { entryRows } from "./entry-row.js";
import { checkGuards } from "./guards.js";
import { Indexes } from "./indexes.js";
import { afterPrefix, idAt, keys } from "./keys.js";
import { Overlay } from "./overlay.js";
import { groupRows, memberRows } from "./postings.js";
import { noParent, Reading, type StoreFrame } from "./reading.js";
import { type RowReader, Rows, rangeOf } from "./rows.js";
import type { Store } from "./store.js";
import { Transaction } from "./transaction.js";
import { numberTypes } from "./type-numbers.js";

/** The format of the whole key space; entry rows carry a version of their own. */
const storeFormat = "1";

/** Writes that wait are committed together, at most so many at once. */
const groupSize = 256;

export interface StoreOptions {
  readonly path: string;
  readonly suffix: Dn;
  readonly schema: Schema;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Whether other threads of this process may open the database: for a load in two threads. */
  readonly isShared?: boolean;
}

interface Waiting {
  run(transaction: Transaction): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

interface Prepared {
  readonly outcome: unknown;
  readonly commit: Commit | undefined;
  readonly renamed: boolean;
}

/** What became of one waiting write, before it is on disk. */
type Outcome = { readonly done: Prepared } | { readonly error: unknown };

export class LevelStore implements Store {
  readonly rows: Rows;
  readonly frame: StoreFrame;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #dns: SharedDns;
  readonly #queue: Waiting[] = [];
  readonly #listeners = new Set<(record: ChangeRecord) => void>();
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;

  private constructor(rows: Rows, frame: StoreFrame, dns: SharedDns, options: StoreOptions) {
    this.rows = rows;
    this.frame = frame;
    this.#dns = dns;
    this.#limits = options.limits;
    this.#clock = options.clock;
  }

  /**
   * Opens the store at a path, making it where there is none. Throws `unavailable` with a sentence where another process
   * has it open, where it is damaged, or where it holds another suffix or a format that this version does not read.
   */
  static async open(options: StoreOptions): Promise<LevelStore> {
    const rows = await Rows.open(options.path, {
      cacheBytes: options.limits.cacheBytes,
      spaces: [entryRows, memberRows, groupRows],
      isShared: options.isShared ?? false,
    });
    try {
      return await LevelStore.#prepare(rows, options);
    } catch (error) {
      await rows.close();
      throw error;
    }
  }

  static async #prepare(rows: Rows, options: StoreOptions): Promise<LevelStore> {
    const { schema, suffix, path } = options;
    const snapshot = rows.snapshot();
    const format = snapshot.get(keys.meta("format"))?.toString();
    const kept = snapshot.get(keys.meta("suffix"))?.toString("latin1");
    const loading = snapshot.get(keys.meta("loading")) !== undefined;
    snapshot.release();
    if (format !== undefined && format !== storeFormat) {
      fail("unavailable", `the store at ${path} has format ${format}; this version reads format ${storeFormat}`);
    }
    if (kept !== undefined && kept !== suffix.normal(schema)) {
      fail(
        "unavailable",
        `the store at ${path} holds the suffix ${kept}, not ${suffix}; give it a store.path of its own`,
      );
    }
    // A load that was cut off is visible to nobody: it began with an empty store and ends with one.
    if (loading) await clearLoad(rows);
    const changes = new Map<string, Buffer | undefined>();
    if (format === undefined) changes.set(keys.meta("format"), Buffer.from(storeFormat));
    if (kept === undefined) changes.set(keys.meta("suffix"), Buffer.from(suffix.normal(schema), "latin1"));
    const numbers = await numberTypes(rows, schema, changes);
    if (changes.size > 0) await rows.write(changes, 0);
    const dns = new SharedDns(Math.floor(options.limits.cacheBytes / 4));
    const { entryBytes, dnBytes } = options.limits;
    const suffixKey = keys.child(noParent, suffix.normal(schema));
    const frame = {
      schema,
      suffix,
      suffixKey,
      indexes: new Indexes(schema, numbers),
      dns,
      limits: { entryBytes, dnBytes },
    };
    const store = new LevelStore(rows, frame, dns, options);
    const last = await lastRevision(rows);
    rows.startAt(last);
    dns.reset(last);
    await store.#forgetChanges(last - options.limits.changesKept);
    return store;
  }

  get schema(): Schema {
    return this.frame.schema;
  }

  get suffix(): Dn {
    return this.frame.suffix;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** The newest committed revision; 0 for a store that was never written to. */
  get revision(): number {
    return this.rows.revision;
  }

  /** Brings to memory what logins and searches by name need, as far as it fits: a server that starts is soon as fast as it gets. */
  async warm(): Promise<void> {
    const uid = this.schema.attributeType("uid");
    const number = uid && this.frame.indexes.numberOf(uid);
    await this.rows.warm([
      ...(number === undefined ? [] : [keys.equalities(number)]),
      groupRows.prefix,
      entryRows.prefix,
    ]);
  }

  read(): Reading {
    const snapshot = this.rows.snapshot();
    return new Reading(snapshot, this.frame, snapshot.revision, {
      release: () => snapshot.release(),
      shareNames: true,
    });
  }

  update<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new LdapError("unavailable", "the store is closed"));
    if (this.#failure !== undefined) return Promise.reject(this.#refusal());
    if (this.#queue.length >= this.#limits.writesWaiting) {
      return Promise.reject(new LdapError("busy", "too many writes are waiting; try again"));
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: async (transaction) => work(transaction),
        resolve: (value) => resolve(value as T),
        reject,
      });
      this.#writing ??= this.#drain();
    });
  }

  onCommit(listener: (record: ChangeRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async *changes(from: number): AsyncGenerator<ChangeRecord, void, void> {
    const snapshot = this.rows.snapshot();
    try {
      const oldest = Math.max(
        (await edgeRevision(snapshot, false)) ?? 1,
        snapshot.revision - this.#limits.changesKept + 1,
      );
      if (from < oldest) fail("noSuchObject", `changes before revision ${oldest} are not kept any more`);
      for await (const rows of snapshot.range(keys.change(Math.max(1, from)), afterPrefix("l"))) {
        for (const { value } of rows) yield decodeChange(value);
      }
    } finally {
      snapshot.release();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.rows.close();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        // Whoever else has sent a write by now is taken along: one wait for the disk serves them all.
        await nextTurn();
        await this.#commitGroup(this.#queue.splice(0, groupSize));
      }
    } finally {
      // In the same turn in which the queue was seen empty: a write that comes later must find nobody at work.
      this.#writing = undefined;
    }
  }

  /** Prepares every waiting write on top of the one before, and makes all of them durable with one batch. */
  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#failure !== undefined) {
      for (const waiting of group) waiting.reject(this.#refusal());
      return;
    }
    const snapshot = this.rows.snapshot();
    const overlay = new Overlay(snapshot);
    const outcomes: Outcome[] = [];
    let { revision } = snapshot;
    let renamed = false;
    for (const waiting of group) {
      try {
        const done = await this.#prepareOne(waiting, overlay, revision + 1);
        if (done.commit) {
          revision++;
          overlay.absorb(done.commit.changes);
          renamed ||= done.renamed;
        }
        outcomes.push({ done });
      } catch (error) {
        outcomes.push({ error });
      }
    }
    // Before the new names can be read: whoever still reads the old ones computes them meanwhile.
    if (renamed) this.#dns.reset(revision);
    try {
      if (revision > snapshot.revision) await this.rows.write(overlay.changes, revision);
    } catch (error) {
      this.#failure = error;
      // Also those that failed or changed nothing: what they saw may have been written by one that is refused now.
      for (const waiting of group) waiting.reject(this.#refusal());
      return;
    } finally {
      snapshot.release();
    }
    outcomes.forEach((outcome, n) => {
      this.#answer(group[n]!, outcome);
    });
  }

  #answer(waiting: Waiting, outcome: Outcome): void {
    if ("error" in outcome) {
      waiting.reject(outcome.error);
      return;
    }
    const { commit } = outcome.done;
    if (commit) for (const listener of this.#listeners) tell(listener, commit.record);
    waiting.resolve(outcome.done.outcome);
  }

  async #prepareOne(waiting: Waiting, group: Overlay, revision: number): Promise<Prepared> {
    const own = new Overlay(group);
    const transaction = new Transaction(own, this.frame, revision);
    const outcome = await waiting.run(transaction);
    const { change, guards, renamed } = transaction;
    if (!change) {
      if (own.changes.size > 0) throw new Error("a transaction changed rows without recording a change");
      return { outcome, commit: undefined, renamed: false };
    }
    const record: ChangeRecord = { revision, time: this.#clock(), ...change };
    own.put(keys.change(revision), Buffer.from(JSON.stringify(record)));
    const forgotten = revision - this.#limits.changesKept;
    if (forgotten > 0) own.delete(keys.change(forgotten));
    const commit: Commit = { guards, changes: own.changes, record };
    checkGuards(commit.guards, group);
    return { outcome, commit, renamed };
  }

  #refusal(): LdapError {
    const reason = this.#failure instanceof Error ? rootCause(this.#failure) : String(this.#failure);
    return new LdapError(
      "unavailable",
      `the store takes no writes since one failed (${reason}); nothing acknowledged is lost. Mend that, then restart the server`,
      {
        cause: this.#failure,
      },
    );
  }

  async #forgetChanges(upTo: number): Promise<void> {
    if (upTo <= 0) return;
    const snapshot = this.rows.snapshot();
    try {
      for await (const rows of snapshot.range(keys.change(1), keys.change(upTo + 1), { batch: 5000 })) {
        await this.rows.write(new Map(rows.map(({ key }) => [key, undefined])), snapshot.revision, false);
      }
    } finally {
      snapshot.release();
    }
  }
}

/** A listener that throws keeps nobody else from hearing, and no writer from its answer. */
function tell(listener: (record: ChangeRecord) => void, record: ChangeRecord): void {
  try {
    listener(record);
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

async function lastRevision(rows: Rows): Promise<number> {
  const snapshot = rows.snapshot();
  try {
    return (await edgeRevision(snapshot, true)) ?? 0;
  } finally {
    snapshot.release();
  }
}

/** The last revision in the change log, or the first one; undefined where it is empty. */
async function edgeRevision(rows: RowReader, last: boolean): Promise<number | undefined> {
  for await (const [row] of rangeOf(rows, "l", { reverse: last, limit: 1 })) if (row) return idAt(row.key, 1);
  return undefined;
}

/** Removes what a bulk load wrote, and its mark when nothing else is left. Changes and counters stay as they were. */
export async function clearLoad(rows: Rows): Promise<void> {
  await rows.clear("escgtMWuUipxR");
  const marks = new Map([
    [keys.meta("danglings"), undefined],
    [keys.meta("loading"), undefined],
  ]);
  await rows.write(marks, rows.revision);
}

function decodeChange(value: Buffer): ChangeRecord {
  return JSON.parse(value.toString("utf8")) as ChangeRecord;
}

function rootCause(error: Error): string {
  return error.cause instanceof Error ? rootCause(error.cause) : error.message;
}
