// The entries of a search's scope that may match its filter, in the order of their ids, some at a time. Whoever asks
// matches each of them again. The order is fixed, so a position in it (the last id seen) is enough to go on from.
import type { CompiledFilter } from "../model/filter-match.js";
import type { Scope } from "../model/message.js";
import { StoredEntry } from "./entry-row.js";
import { idAt, keys } from "./keys.js";
import { type Nesting, type Plan, plan } from "./planner.js";
import { noParent, type Reading } from "./reading.js";
import type { Row } from "./rows.js";

/** Ids read in one go before others get their turn. */
const idsAtATime = 256;
/** Rows read in one go by a scan over all entries. */
const rowsAtATime = 100;
/** A list of at most so many ids is answered without waiting. */
const quickIds = 64;

export interface Candidates {
  /** All of them, where that needs no waiting. */
  readonly quick: readonly StoredEntry[] | undefined;
  /** All of them, batch by batch, where `quick` is undefined. */
  batches(): AsyncGenerator<readonly StoredEntry[], void, void>;
  /** How they are found, in words. */
  readonly reason: string;
}

export interface CandidateOptions {
  /** Only entries with a higher id, to continue a walk; default: all. */
  readonly after?: number;
  /** Whether the groups of every entry will be asked for: a scan then reads them along. */
  readonly withGroups?: boolean;
  /** How memberships are looked up where they do not count as they are kept. */
  readonly nesting?: Nesting | undefined;
}

export function candidates(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  filter: CompiledFilter,
  { after = 0, withGroups = false, nesting }: CandidateOptions = {},
): Candidates {
  if (scope === "base") return quick(base.id > after ? [base] : [], "the base entry");
  const planned = plan(filter, reading, nesting);
  if (planned?.ids && planned.ids.length <= quickIds) {
    return quick(present(reading, base, scope, planned.ids, after), planned.reason);
  }
  return {
    quick: undefined,
    reason: planned?.reason ?? "every entry in scope",
    batches: () => batches(reading, base, scope, planned, after, withGroups),
  };
}

function quick(entries: readonly StoredEntry[], reason: string): Candidates {
  return {
    quick: entries,
    reason,
    async *batches() {
      yield entries;
    },
  };
}

async function* batches(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  planned: Plan | undefined,
  after: number,
  withGroups: boolean,
): AsyncGenerator<readonly StoredEntry[], void, void> {
  // Beyond this share of the directory, reading it in order is cheaper than fetching entries one by one.
  const most = Math.max(1024, Math.floor(reading.entryCount / 8));
  const ids = (await planned?.load(most)) ?? (await idsInScope(reading, base, scope, most));
  if (ids) yield* byId(reading, base, scope, ids, after);
  else yield* byScan(reading, base, scope, after, withGroups);
}

async function* byId(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  ids: readonly number[],
  after: number,
): AsyncGenerator<readonly StoredEntry[], void, void> {
  let at = firstAbove(ids, after);
  while (at < ids.length) {
    yield present(reading, base, scope, ids.slice(at, at + idsAtATime), after);
    at += idsAtATime;
    await new Promise(setImmediate);
  }
}

async function* byScan(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  after: number,
  withGroups: boolean,
): AsyncGenerator<readonly StoredEntry[], void, void> {
  const below: ParentsAsked = { known: undefined };
  const groups = withGroups ? new GroupRows(reading, after) : undefined;
  try {
    for await (const rows of reading.rows.range(keys.entry(after + 1), "f", { batch: rowsAtATime })) {
      const entries: StoredEntry[] = [];
      for (const { key, value } of rows) {
        const entry = new StoredEntry(idAt(key, 1), value);
        if (isInScope(reading, base, scope, entry, below)) entries.push(entry);
      }
      await groups?.handTo(entries);
      if (entries.length > 0) yield entries;
    }
  } finally {
    await groups?.close();
  }
}

/** The groups of entries, read in the order of ids beside the entries: one pass instead of a lookup each. */
class GroupRows {
  readonly #batches: AsyncGenerator<Row[], void, void>;
  #rows: readonly Row[] = [];
  #at = 0;

  constructor(reading: Reading, after: number) {
    this.#batches = reading.rows.range(keys.groups(after + 1), "X", { batch: rowsAtATime });
  }

  /** Gives each entry the row of its groups; ids must not descend from call to call. */
  async handTo(entries: readonly StoredEntry[]): Promise<void> {
    for (const entry of entries) {
      while (this.#at < this.#rows.length && idAt(this.#rows[this.#at]!.key, 1) < entry.id) this.#at++;
      while (this.#at >= this.#rows.length) {
        const next = await this.#batches.next();
        if (next.done) break;
        this.#rows = next.value;
        this.#at = 0;
        while (this.#at < this.#rows.length && idAt(this.#rows[this.#at]!.key, 1) < entry.id) this.#at++;
      }
      const row = this.#rows[this.#at];
      entry.groupsRow = row && idAt(row.key, 1) === entry.id ? row.value : null;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return();
  }
}

/** The ids of a small scope, from the tree; undefined where there are more than `most`. */
async function idsInScope(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  most: number,
): Promise<number[] | undefined> {
  if (base.parent === noParent && scope !== "one") return undefined;
  const ids = scope === "sub" ? [base.id] : [];
  const parents = [base.id];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    if (ids.length + reading.childCount(parent) > most) return undefined;
    for await (const children of reading.children(parent)) {
      for (const child of children) {
        ids.push(child);
        if (scope !== "one" && reading.childCount(child) > 0) parents.push(child);
      }
    }
  }
  return ids.sort((a, b) => a - b);
}

function present(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  ids: readonly number[],
  after: number,
): StoredEntry[] {
  const entries: StoredEntry[] = [];
  const below: ParentsAsked = { known: undefined };
  for (const id of ids) {
    if (id <= after) continue;
    const entry = reading.entry(id);
    if (entry && isInScope(reading, base, scope, entry, below)) entries.push(entry);
  }
  return entries;
}

/** Which parents stand below the base of a search: siblings are many and parents few, so each is asked for once. */
interface ParentsAsked {
  known: Map<number, boolean> | undefined;
}

function isInScope(
  reading: Reading,
  base: StoredEntry,
  scope: Scope,
  entry: StoredEntry,
  below: ParentsAsked,
): boolean {
  if (entry.id === base.id) return scope === "sub";
  const { parent } = entry;
  if (scope === "one") return parent === base.id;
  if (base.parent === noParent || parent === base.id) return true;
  below.known ??= new Map();
  let known = below.known.get(parent);
  if (known === undefined) {
    known = reading.isBelow(entry, base.id);
    below.known.set(parent, known);
  }
  return known;
}

function firstAbove(ids: readonly number[], after: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
