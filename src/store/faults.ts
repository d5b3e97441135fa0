// The fault finder: reads the whole store and says, in sentences, wherever rows that must agree do not. It changes
// nothing, throws at no row, and shares no code with what writes index rows but the terms of an entry.
//
// One damaged row is one sentence, and what merely follows from it is not told again. So an entry whose row is damaged
// or gone is doubtful: others may name it or not. What may hang on a doubtful entry or on a row that was told already
// makes a count not wrong but uncertain: it is a fault only outside of what it may be.
import { isUtf8 } from "node:buffer";
import { BerReader } from "../ber/reader.js";
import { longestDescription } from "../model/attribute-list.js";
import { Rdn } from "../model/dn.js";
import { type EntryKind, entryKind, entryKinds } from "../model/entry-kind.js";
import type { NormalForm } from "../model/schema.js";
import { classesOf } from "../model/schema-check.js";
import { StoredEntry, uuidText } from "./entry-row.js";
import { gramLength, gramPrefix, type TermSink, valueEnd, valueStart } from "./indexes.js";
import { afterPrefix, idAt, idBytes, type Key, keys, keyValue } from "./keys.js";
import type { LevelStore } from "./level-store.js";
import { sortedUnique } from "./postings.js";
import { type MemberName, memberName, noParent, type Reading } from "./reading.js";
import { type Row, type RowReader, rangeOf } from "./rows.js";

/** Index terms are compared in so many passes that one pass holds those of about this many entries. */
const entriesPerPass = 200_000;
/** So many entries that are wrong in lists are gathered before they are told. */
const gatheredAtMost = 1_000_000;
/** A sentence names so many of many. */
const namedAtMost = 5;

/** Every fault in the store as it is now. Returns how many entries there are, damaged ones counted. */
export async function* faultsIn(store: LevelStore): AsyncGenerator<string, number, void> {
  const snapshot = store.rows.snapshot();
  try {
    const finder = new FaultFinder(snapshot, store);
    yield* finder.faults();
    return finder.entryRows;
  } finally {
    snapshot.release();
  }
}

// --- the key space

const idLength = 6;
const facts: readonly string[] = ["format", "suffix", "loading", "entries", "lastId", "danglings"];
const isOfId = (key: Key) => key.length === 1 + idLength;
const isMeasured = (key: Key) => key.length > 2 + idLength && key.length === 2 + key.charCodeAt(1) + idLength;

/** What stands in each key space, and whether a key is one that keys.ts makes. */
const spaces = {
  m: { what: "facts of the store", fits: (key: Key) => facts.includes(key.slice(1)) },
  a: { what: "attribute numbers", fits: (key: Key) => key.length > 1 },
  e: { what: "entries", fits: isOfId },
  s: { what: "passwords", fits: isOfId },
  t: { what: "names of the tree", fits: (key: Key) => key.length > 1 + idLength },
  c: { what: "counts of children", fits: isOfId },
  g: { what: "memberships", fits: (key: Key) => key.length === 1 + 2 * idLength },
  M: { what: "lists of members", fits: isOfId },
  W: { what: "lists of groups", fits: isOfId },
  u: { what: "missing members", fits: (key: Key) => isOfId(key) || "DU".includes(key[1 + idLength] ?? "?") },
  U: { what: "names of missing members", fits: isMeasured },
  i: { what: "index lists by value", fits: (key: Key) => key.length >= 3 },
  p: { what: "index lists by presence", fits: (key: Key) => key.length === 3 },
  x: {
    what: "index runs",
    fits: (key: Key) => key.length === 3 + gramLength + idLength || key.length === 3 + 2 * idLength,
  },
  l: { what: "change records", fits: isOfId },
  R: { what: "runs of lists", fits: isMeasured },
} as const;

type Space = keyof typeof spaces;

/** Above every key but those of nothing else than 0xff. */
const lastKey = "\xff".repeat(1024);

// --- what is found

/** Entries that are not in the tree where they say. */
interface Misplaced {
  /** What is to be said of each. */
  readonly entries: Map<number, string>;
  /** Tree rows that have another in the place of one. */
  readonly keys: Set<Key>;
}

/** How many there are for certain, and how many more there may be. */
interface Range {
  certain: number;
  possible: number;
}

/** The missing members of one group, and their count; undefined where the count is damaged. */
interface MissingMembers extends Range {
  said: number | undefined;
}

/** Ids that are missing from a list, and those too many. */
interface Difference {
  readonly missing: readonly number[];
  readonly surplus: readonly number[];
}

/** An index list that is not as it should be. */
interface WrongList extends Difference {
  readonly key: Key;
  readonly isThere: boolean;
}

const nobody: ReadonlySet<number> = new Set();

class FaultFinder {
  /** How many entry rows there are. */
  entryRows = 0;
  readonly #rows: RowReader;
  readonly #store: LevelStore;
  /** The parent of each entry whose row is whole. */
  readonly #entries = new Map<number, number>();
  /** Entries of which it was told that their row is damaged, or that there is none. */
  readonly #doubtful = new Set<number>();
  /** Keys that say nothing. */
  readonly #misfits = new Set<Key>();
  /** Lists whose head row is gone. */
  readonly #headless = new Set<Key>();
  #wrongLists: WrongList[] = [];
  /** In how many of them an entry is wrong. */
  #wrongIn = new Map<number, number>();

  constructor(rows: RowReader, store: LevelStore) {
    this.#rows = rows;
    this.#store = store;
  }

  async *faults(): AsyncGenerator<string, void, void> {
    if (this.#rows.get(keys.meta("loading"))) yield "a bulk load was begun and not finished";
    yield* this.#treeFaults(yield* this.#entryFaults());
    yield* this.#passwordFaults();
    yield* this.#membershipFaults();
    yield* this.#danglingFaults();
    yield* this.#indexFaults();
    yield* this.#runFaults();
    yield* this.#changeFaults();
    yield* this.#factFaults();
    yield* this.#strayFaults();
  }

  /** The rows of a space, some at a time. Those whose keys do not fit are left for the end. */
  async *#rowsOf(space: Space): AsyncGenerator<Row[], void, void> {
    const { fits } = spaces[space];
    for await (const found of rangeOf(this.#rows, space)) {
      yield found.filter(({ key }) => {
        if (fits(key)) return true;
        this.#misfits.add(key);
        return false;
      });
    }
  }

  /** Whether there is no such entry and nobody said so yet. */
  #isNews(id: number): boolean {
    if (this.#entries.has(id) || this.#doubtful.has(id)) return false;
    this.#doubtful.add(id);
    return true;
  }

  // --- entries and the tree

  /** Tells what is wrong with entries by themselves. Returns those that are not in the tree where they say, and why. */
  async *#entryFaults(): AsyncGenerator<string, Misplaced, void> {
    const { revision } = this.#store;
    const uuids = new Map<string, number>();
    const uncommitted: number[] = [];
    const misplaced: Misplaced = { entries: new Map(), keys: new Set() };
    for await (const found of this.#rowsOf("e")) {
      for (const { key, value } of found) {
        const id = idAt(key, 1);
        this.entryRows++;
        const read = readEntry(id, value, this.#store);
        if (typeof read === "string") {
          this.#doubtful.add(id);
          yield `the row of entry ${id} is damaged: ${read}`;
          continue;
        }
        const { entry, name, kind } = read;
        this.#entries.set(id, entry.parent);
        if (kind !== entry.kind) yield `entry ${id} is kept as ${entry.kind}, but its object classes make it ${kind}`;
        const uuid = uuidText(entry.uuid);
        const other = uuids.get(uuid);
        if (other === undefined) uuids.set(uuid, id);
        else yield `entry ${id} has the same entryUUID as entry ${other}: ${uuid}`;
        if (entry.revision > revision) uncommitted.push(id);
        this.#place(entry, name, misplaced);
      }
    }
    if (uncommitted.length > 0)
      yield `${someEntries(uncommitted, "was", "were")} changed after revision ${revision}, the last that was committed`;
    return misplaced;
  }

  #place({ id, parent, rdn }: StoredEntry, name: NormalForm, misplaced: Misplaced): void {
    const key = keys.child(parent, name);
    const child = this.#rows.get(key);
    // A row that holds no id is told where the tree is read.
    if (child !== undefined && child.length !== idLength) return;
    const there = child?.readUIntBE(0, idLength);
    if (there === id) return;
    if (there !== undefined) misplaced.keys.add(key);
    const why = there === undefined ? ` ${below(parent)}` : `: entry ${there} is there`;
    misplaced.entries.set(id, `entry ${id} (${shown(rdn, "utf8")}) is not in the tree under its name${why}`);
  }

  async *#treeFaults(misplaced: Misplaced): AsyncGenerator<string> {
    const children = new Map<number, Range>();
    const named = new Set<number>();
    for await (const found of this.#rowsOf("t")) {
      for (const { key, value } of found) {
        if (misplaced.keys.has(key)) continue;
        const parent = idAt(key, 1);
        const name = () => shown(key.slice(1 + idLength));
        if (value.length !== idLength) {
          yield `the tree row of ${name()} ${below(parent)} is damaged: ${notAnId(value)}`;
          continue;
        }
        const id = value.readUIntBE(0, idLength);
        const known = this.#entries.get(id);
        if (misplaced.entries.has(id) || known === undefined) {
          uncertain(children, parent).possible++;
          if (known === undefined && this.#isNews(id))
            yield `the tree has entry ${id} as ${name()} ${below(parent)}, but it has no row`;
        } else if (known !== parent) {
          yield `the tree has entry ${id} as ${name()} ${below(parent)}, where it is not`;
        } else if (named.has(id)) {
          yield `the tree has entry ${id} twice ${below(parent)}, also as ${name()}`;
        }
        named.add(id);
      }
    }
    const circular = yield* this.#circleFaults();
    for (const [id, fault] of misplaced.entries) if (!circular.has(id)) yield fault;
    for (const [id, parent] of this.#entries) {
      if (parent === noParent) continue;
      if (misplaced.entries.has(id)) {
        uncertain(children, parent).possible++;
        continue;
      }
      uncertain(children, parent).certain++;
      if (this.#isNews(parent)) yield `entry ${id} stands below entry ${parent}, which does not exist`;
    }
    yield* this.#childCountFaults(children);
  }

  /** Entries that no way leads to from the suffix: they stand below each other. Returns them. */
  *#circleFaults(): Generator<string, ReadonlySet<number>, void> {
    const reached = new Set<number>();
    const circular = new Set<number>();
    for (const id of this.#entries.keys()) {
      const path: number[] = [];
      const onPath = new Set<number>();
      let at: number | undefined = id;
      while (at !== undefined && at !== noParent && !reached.has(at) && !onPath.has(at)) {
        path.push(at);
        onPath.add(at);
        at = this.#entries.get(at);
      }
      if (at !== undefined && onPath.has(at)) {
        const circle = path.slice(path.indexOf(at));
        const way = circle.length > 1 ? `, by way of ${someEntries(circle.slice(1))}` : "";
        yield `entry ${at} stands below itself, cut off from the suffix${way}`;
        for (const one of circle) circular.add(one);
      }
      for (const passed of path) reached.add(passed);
    }
    return circular;
  }

  async *#childCountFaults(children: Map<number, Range>): AsyncGenerator<string> {
    for await (const found of this.#rowsOf("c")) {
      for (const { key, value } of found) {
        const id = idAt(key, 1);
        const range = children.get(id) ?? { certain: 0, possible: 0 };
        children.delete(id);
        const said = countOf(value);
        if (said === undefined) yield `the count of children of entry ${id} is damaged`;
        else if (this.#isNews(id)) yield `there is a count of children of entry ${id}, which does not exist`;
        else if (!isWithin(range, said)) yield `entry ${id} has ${childrenOf(range)}, but the count says ${said}`;
      }
    }
    for (const [id, range] of children) {
      if (range.certain > 0) yield `entry ${id} has ${childrenOf(range)}, but there is no count of them`;
    }
  }

  async *#passwordFaults(): AsyncGenerator<string> {
    for await (const found of this.#rowsOf("s")) {
      for (const { key, value } of found) {
        const id = idAt(key, 1);
        if (this.#isNews(id)) yield `there are passwords of entry ${id}, which does not exist`;
        else if (!isWholeSecrets(value)) yield `the passwords of entry ${id} are damaged`;
      }
    }
  }

  // --- memberships

  async *#membershipFaults(): AsyncGenerator<string> {
    const members = new Map<number, number[]>();
    const groups = new Map<number, number[]>();
    for await (const found of this.#rowsOf("g")) {
      for (const { key } of found) {
        const group = idAt(key, 1);
        const member = idAt(key, 1 + idLength);
        if (this.#isNews(group)) yield `entry ${member} is a member of entry ${group}, which does not exist`;
        if (this.#isNews(member)) yield `entry ${group} has the member ${member}, which does not exist`;
        push(members, group, member);
        push(groups, member, group);
      }
    }
    yield* this.#membershipListFaults("M", members);
    yield* this.#membershipListFaults("W", groups);
  }

  async *#membershipListFaults(space: "M" | "W", expected: Map<number, number[]>): AsyncGenerator<string> {
    for await (const found of this.#rowsOf(space)) {
      for (const row of found) {
        const id = idAt(row.key, 1);
        const wanted = expected.get(id);
        expected.delete(id);
        const what = this.#listName(row.key);
        if (wanted === undefined && !this.#entries.has(id)) {
          if (this.#isNews(id)) yield `there is a list of ${what}, which does not exist`;
          continue;
        }
        const differs = yield* this.#listFaults(row, sortedUnique(wanted ?? []), nobody);
        if (differs) yield `the list of ${what} is wrong: ${shownDifference(differs)}`;
      }
    }
    for (const id of expected.keys()) yield this.#noList(space + idBytes(id));
  }

  #noList(key: Key): string {
    this.#headless.add(key);
    return `there is no list of ${this.#listName(key)}`;
  }

  /**
   * Tells what is wrong with the rows of a list. Where they can be read and the list is not the one that is wanted,
   * returns how it differs; whether it holds those to be ignored says nothing.
   */
  async *#listFaults(
    { key, value }: Row,
    wanted: readonly number[],
    ignored: ReadonlySet<number>,
  ): AsyncGenerator<string, Difference | undefined, void> {
    const head = headOf(value);
    if (head === undefined) {
      yield `the list of ${this.#listName(key)} is damaged`;
      return undefined;
    }
    const { count, ids } = head;
    let isWhole = true;
    if (head.large) {
      for await (const runs of rangeOf(this.#rows, keys.runs(key))) {
        for (const run of runs) {
          if (!spaces.R.fits(run.key) || addRun(ids, run)) continue;
          isWhole = false;
          yield this.#damagedRun(key, run.key);
        }
      }
    }
    if (!isWhole) return undefined;
    const listed = sortedUnique(ids);
    const differs = difference(listed, wanted, ignored);
    if (differs) return differs;
    if (listed.length !== count)
      yield `the list of ${this.#listName(key)} holds ${listed.length}, but its count says ${count}`;
    return undefined;
  }

  #damagedRun(head: Key, run: Key): string {
    return `a run of the list of ${this.#listName(head)}, from entry ${idAt(run, run.length - idLength)} on, is damaged`;
  }

  // --- member values that name nothing

  async *#danglingFaults(): AsyncGenerator<string> {
    const groups = new Map<number, MissingMembers>();
    const total: Range = { certain: 0, possible: 0 };
    const reading = this.#store.read();
    try {
      for await (const found of this.#rowsOf("u")) {
        for (const { key, value } of found) {
          const group = idAt(key, 1);
          if (this.#isNews(group)) yield `there are missing members of entry ${group}, which does not exist`;
          const missing = missingMembers(groups, group);
          if (isOfId(key)) {
            missing.said = countOf(value);
            if (missing.said === undefined) yield `the count of missing members of entry ${group} is damaged`;
            continue;
          }
          const name = key.slice(1 + idLength);
          const isListed = this.#rows.get(keys.danglingNameKept(name, group)) !== undefined;
          for (const range of [missing, total]) range[isListed ? "certain" : "possible"]++;
          const wrong = danglingFault(name, value.toString("utf8"), reading);
          const what = `entry ${group} has the missing member ${shown(value.toString("latin1"))}`;
          if (wrong !== undefined) yield `${what}, ${wrong}`;
          if (!isListed) yield `${what}, which is not listed by its name`;
        }
      }
    } finally {
      reading.release();
    }
    for await (const found of this.#rowsOf("U")) {
      for (const { key } of found) {
        const group = idAt(key, key.length - idLength);
        const name = key.slice(2, -idLength);
        if (this.#rows.get(keys.danglingKept(group, name))) continue;
        for (const range of [missingMembers(groups, group), total]) range.possible++;
        yield `the missing member ${shown(name.slice(1))} is listed for entry ${group}, which does not have it`;
      }
    }
    for (const [group, missing] of groups) {
      const { said } = missing;
      if (said !== undefined && !isWithin(missing, said))
        yield `entry ${group} has ${counted(missing, "missing member", "missing members")}, but the count says ${said}`;
    }
    yield* this.#countFaults("danglings", total, "missing member", "missing members");
  }

  *#countFaults(name: string, range: Range, one: string, many: string): Generator<string> {
    const row = this.#rows.get(keys.meta(name));
    const said = row === undefined ? 0 : countOf(row);
    if (said === undefined) yield `the count of ${many} is damaged`;
    else if (!isWithin(range, said)) yield `${counted(range, one, many)}, but the count says ${said}`;
  }

  // --- the index

  async *#indexFaults(): AsyncGenerator<string> {
    const passes = Math.max(1, Math.ceil(this.#entries.size / entriesPerPass));
    for (let pass = 0; pass < passes; pass++) {
      const isDue = (key: Key) => passes === 1 || sumOf(key) % passes === pass;
      const { lists, runs } = await this.#terms(isDue);
      yield* this.#indexListFaults(lists, isDue);
      yield* this.#indexRunFaults(runs, isDue);
    }
    yield* this.#wrongListFaults();
  }

  /** Which entries each due list should hold: lists with a head, and those of runs alone. */
  async #terms(isDue: (key: Key) => boolean): Promise<{ lists: Map<Key, number[]>; runs: Map<Key, number[]> }> {
    const lists = new Map<Key, number[]>();
    const runs = new Map<Key, number[]>();
    let id = 0;
    const gather = (terms: Map<Key, number[]>, key: Key) => {
      if (isDue(key)) push(terms, key, id);
    };
    const sink: TermSink = {
      value: (attribute, normal) => gather(lists, keys.equality(attribute, normal)),
      presence: (attribute) => gather(lists, keys.presence(attribute)),
      gram: (attribute, gram) => gather(runs, gramPrefix(attribute, gram)),
      run: (prefix) => gather(runs, prefix),
      instant: (prefix) => gather(runs, prefix),
    };
    for await (const found of this.#rowsOf("e")) {
      for (const { key, value } of found) {
        id = idAt(key, 1);
        if (!this.#doubtful.has(id)) this.#store.frame.indexes.terms(new StoredEntry(id, value), sink);
      }
    }
    return { lists, runs };
  }

  async *#indexListFaults(expected: Map<Key, number[]>, isDue: (key: Key) => boolean): AsyncGenerator<string> {
    for (const space of ["i", "p"] as const) {
      for await (const found of this.#rowsOf(space)) {
        for (const row of found) {
          const { key } = row;
          if (!isDue(key)) continue;
          const wanted = sortedUnique(expected.get(key) ?? []);
          expected.delete(key);
          const differs = yield* this.#listFaults(row, wanted, this.#doubtful);
          if (differs) yield* this.#gatherWrong({ key, isThere: true, ...differs });
        }
      }
    }
    for (const [key, ids] of expected) {
      this.#headless.add(key);
      yield* this.#gatherWrong({ key, isThere: false, missing: sortedUnique(ids), surplus: [] });
    }
  }

  async *#indexRunFaults(expected: Map<Key, number[]>, isDue: (key: Key) => boolean): AsyncGenerator<string> {
    const listed = new Map<Key, number[]>();
    const damaged = new Set<Key>();
    for await (const found of this.#rowsOf("x")) {
      for (const row of found) {
        const prefix = row.key.slice(0, -idLength);
        if (!isDue(prefix)) continue;
        const ids = listed.get(prefix) ?? [];
        if (ids.length === 0) listed.set(prefix, ids);
        if (addRun(ids, row)) continue;
        damaged.add(prefix);
        yield this.#damagedRun(prefix, row.key);
      }
    }
    for (const [key, ids] of listed) {
      const wanted = sortedUnique(expected.get(key) ?? []);
      expected.delete(key);
      if (damaged.has(key)) continue;
      const { length } = ids;
      const present = sortedUnique(ids);
      const differs = difference(present, wanted, this.#doubtful);
      if (differs) yield* this.#gatherWrong({ key, isThere: true, ...differs });
      else if (present.length !== length) yield `the list of ${this.#listName(key)} holds an entry twice`;
    }
    for (const [key, ids] of expected) {
      yield* this.#gatherWrong({ key, isThere: false, missing: sortedUnique(ids), surplus: [] });
    }
  }

  *#gatherWrong(list: WrongList): Generator<string> {
    this.#wrongLists.push(list);
    for (const ids of [list.missing, list.surplus]) {
      for (const id of ids) this.#wrongIn.set(id, (this.#wrongIn.get(id) ?? 0) + 1);
    }
    if (this.#wrongIn.size + this.#wrongLists.length > gatheredAtMost) yield* this.#wrongListFaults();
  }

  /**
   * Where an entry and a list do not agree, whichever of the two disagrees with more others is told: a damaged entry is
   * wrong in many lists, a damaged list is wrong about many entries.
   */
  *#wrongListFaults(): Generator<string> {
    const entries = new Map<number, { missing: Key[]; surplus: Key[] }>();
    for (const { key, isThere, missing, surplus } of this.#wrongLists) {
      const wrong = missing.length + surplus.length;
      const isToBlame = (id: number) => this.#wrongIn.get(id)! > wrong;
      for (const [ids, side] of [
        [missing, "missing"],
        [surplus, "surplus"],
      ] as const) {
        for (const id of ids) {
          if (!isToBlame(id)) continue;
          const lists = entries.get(id) ?? { missing: [], surplus: [] };
          entries.set(id, lists);
          lists[side].push(key);
        }
      }
      const left = { missing: missing.filter((id) => !isToBlame(id)), surplus: surplus.filter((id) => !isToBlame(id)) };
      if (left.missing.length + left.surplus.length === 0) continue;
      yield isThere
        ? `the list of ${this.#listName(key)} is wrong: ${shownDifference(left)}`
        : `there is no list of ${this.#listName(key)}`;
    }
    for (const [id, { missing, surplus }] of entries) {
      yield `entry ${id} is not indexed as it is: missing from ${this.#someLists(missing)}, too many in ${this.#someLists(surplus)}`;
    }
    this.#wrongLists = [];
    this.#wrongIn = new Map();
  }

  #someLists(found: readonly Key[]): string {
    return some(found.map((key) => this.#condition(key)));
  }

  /** Runs whose head does not know of them. */
  async *#runFaults(): AsyncGenerator<string> {
    let before: Key | undefined;
    for await (const found of this.#rowsOf("R")) {
      for (const { key } of found) {
        const head = key.slice(2, -idLength);
        if (head === before) continue;
        before = head;
        const row = this.#rows.get(head);
        const isKnown = row === undefined ? this.#headless.has(head) : (headOf(row)?.large ?? true);
        if (isKnown) continue;
        yield `a run of the list of ${this.#listName(head)}, from entry ${idAt(key, key.length - idLength)} on, belongs to nothing`;
      }
    }
  }

  /** What a list holds, by its key. */
  #listName(key: Key): string {
    if (isOfId(key) && key[0] === "M") return `members of entry ${idAt(key, 1)}`;
    if (isOfId(key) && key[0] === "W") return `groups of entry ${idAt(key, 1)}`;
    return "ipx".includes(key[0]!) ? `entries with ${this.#condition(key)}` : shown(key);
  }

  /** What an index list is asked for, much as a filter has it. */
  #condition(key: Key): string {
    const number = key.charCodeAt(1) * 256 + key.charCodeAt(2);
    const type = [...this.#store.frame.indexes.numbers].find(([, one]) => one === number)?.[0];
    const attribute = type?.name ?? `attribute number ${number}`;
    const value = key.slice(3);
    if (key[0] === "p") return `${attribute}=*`;
    if (key[0] === "i") return `${attribute}=${shown(value)}`;
    return value.length === gramLength
      ? `${attribute}=${shownGram(value)}`
      : `${attribute} at ${idAt(value, 0)} ms since 1970`;
  }

  // --- the rest

  async *#changeFaults(): AsyncGenerator<string> {
    const { revision } = this.#store;
    let expected: number | undefined;
    for await (const found of this.#rowsOf("l")) {
      for (const { key, value } of found) {
        const at = idAt(key, 1);
        if (!isJson(value)) yield `the change record of revision ${at} is damaged`;
        if (expected !== undefined && at !== expected) yield `the change log lacks revision ${expected}`;
        expected = at + 1;
      }
    }
    if (expected !== undefined && expected !== revision + 1)
      yield `the change log ends at revision ${expected - 1}, the store is at ${revision}`;
  }

  /** Counters, and the numbers of attribute types. */
  async *#factFaults(): AsyncGenerator<string> {
    const possible = this.#entries.size + this.#doubtful.size - this.entryRows;
    yield* this.#countFaults("entries", { certain: this.entryRows, possible }, "entry", "entries");
    const row = this.#rows.get(keys.meta("lastId"));
    if (row !== undefined && row.length !== idLength) {
      yield `the last id given out is damaged: ${notAnId(row)}`;
    } else {
      const last = row?.readUIntBE(0, idLength) ?? 0;
      const above = [...this.#entries.keys()].filter((id) => id > last);
      if (above.length > 0) yield `${someEntries(above, "is", "are")} above ${last}, the last id that was given out`;
    }
    const types = new Map<number, string>();
    for await (const found of this.#rowsOf("a")) {
      for (const { key, value } of found) {
        const type = key.slice(1);
        if (value.length !== 2) {
          yield `the number of the attribute type ${shown(type)} is damaged`;
          continue;
        }
        const number = value.readUInt16BE(0);
        const other = types.get(number);
        if (other !== undefined) yield `the attribute types ${shown(other)} and ${shown(type)} have the same number`;
        types.set(number, type);
      }
    }
  }

  /** Rows that belong nowhere. */
  async *#strayFaults(): AsyncGenerator<string> {
    // Read only to look at the keys: every other space was read before.
    for await (const _ of this.#rowsOf("m"));
    for (const key of this.#misfits) {
      yield `the row ${shown(key)} among the ${spaces[key[0] as Space].what} has a key that says nothing`;
    }
    let from: Key = "";
    for (const space of [...Object.keys(spaces).sort(), undefined]) {
      for await (const found of this.#rows.range(from, space ?? lastKey)) {
        for (const { key } of found) yield `the row ${shown(key)} is in a key space that this version does not know`;
      }
      if (space !== undefined) from = afterPrefix(space);
    }
  }
}

// --- reading rows strictly: what is written only by us is trusted everywhere else

interface ReadEntry {
  readonly entry: StoredEntry;
  /** The normal form of the name under which it is in the tree. */
  readonly name: NormalForm;
  /** What its object classes make it. */
  readonly kind: EntryKind;
}

/** The entry of a row; what is wrong where the row is damaged. */
function readEntry(id: number, row: Buffer, { schema, suffix }: LevelStore): ReadEntry | string {
  if (row.length === 0) return "it is empty";
  try {
    const entry = new StoredEntry(id, row);
    if (entry.attributesStart > row.length) return "it is cut off";
    const classes = decodeAttributes(entry, schema).get("objectClass");
    if (classes === undefined) return "it has no objectClass";
    if (entryKinds[row[kindAt]!] === undefined) return `it is of no kind: ${row[kindAt]}`;
    const name = entry.parent === noParent ? suffix.normal(schema) : Rdn.parse(entry.rdn).normal(schema);
    return { entry, name, kind: entryKind(classesOf(classes, schema)) };
  } catch (error) {
    // Thrown by a buffer that is asked for what lies behind its end.
    if (error instanceof RangeError) return "it is cut off";
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where an entry's row has its kind (entry-row.ts). */
const kindAt = 41;

/** The values of each attribute type, by its name; reads every byte of the attribute list. */
function decodeAttributes(
  { bytes, attributesStart }: StoredEntry,
  schema: LevelStore["schema"],
): Map<string, Buffer[]> {
  const reader = new BerReader(bytes, attributesStart);
  const attributes = new Map<string, Buffer[]>();
  while (!reader.done) {
    const attribute = reader.open(0x30);
    if (bytes[reader.at + 1]! > longestDescription) throw new Error("the name of an attribute is too long");
    const type = reader.text();
    if (!schema.describe(type)) throw new Error(`it holds ${shown(type, "utf8")}, which the schema does not know`);
    const values: Buffer[] = [];
    const set = reader.open(0x31);
    while (!reader.done) values.push(reader.octets());
    reader.close(set);
    reader.close(attribute);
    attributes.set(type, values);
  }
  return attributes;
}

/** A count; undefined where the row is anything but one number. */
function countOf(row: Buffer): number | undefined {
  const numbers: number[] = [];
  return addNumbers(numbers, row, 0) && numbers.length === 1 ? numbers[0] : undefined;
}

/** What the head row of a list says; undefined where it cannot be one. */
function headOf(row: Buffer): { count: number; ids: number[]; large: boolean } | undefined {
  if (row[0] !== 0 && row[0] !== 1) return undefined;
  const numbers: number[] = [];
  if (!addNumbers(numbers, row, 1) || numbers.length === 0) return undefined;
  const [count, ...distances] = numbers as [number, ...number[]];
  const ids: number[] = [];
  return addIds(ids, distances, 0) ? { count, ids, large: row[0] === 1 } : undefined;
}

/** Adds the ids of a run; false where it is damaged. */
function addRun(ids: number[], { key, value }: Row): boolean {
  const first = idAt(key, key.length - idLength);
  ids.push(first);
  if (value.length === 0) return true;
  const distances: number[] = [];
  return addNumbers(distances, value, 0) && addIds(ids, distances, first);
}

/** Each stands behind the one before: no distance is 0. */
function addIds(ids: number[], distances: readonly number[], before: number): boolean {
  let id = before;
  for (const distance of distances) {
    if (distance === 0) return false;
    id += distance;
    ids.push(id);
  }
  return true;
}

/** Adds the varints from `start` to the end; false where they are no numbers of ours. */
function addNumbers(numbers: number[], row: Buffer, start: number): boolean {
  for (let at = start; at < row.length; ) {
    let value = 0;
    let scale = 1;
    let byte: number;
    do {
      if (at === row.length) return false;
      byte = row[at++]!;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    if (!Number.isSafeInteger(value)) return false;
    numbers.push(value);
  }
  return true;
}

/** Whether every password stands whole behind its length. */
function isWholeSecrets(row: Buffer): boolean {
  let at = 0;
  while (at + 2 <= row.length) at += 2 + row.readUInt16BE(at);
  return at === row.length;
}

function isJson(value: Buffer): boolean {
  try {
    JSON.parse(value.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with a member value that is kept under this name, because nothing has it. */
function danglingFault(name: string, written: string, reading: Reading): string | undefined {
  let member: MemberName;
  try {
    member = memberName(name[0] === "U" ? "uid" : "dn", written);
  } catch {
    return "which is no name";
  }
  if (keyValue(reading.danglingName(member)) !== name) return `which stands under the name ${shown(name.slice(1))}`;
  const id = resolved(member, reading);
  return id === undefined ? undefined : `but it is entry ${id}`;
}

/** A damaged row on the way to the entry is told at its own place. */
function resolved(member: MemberName, reading: Reading): number | undefined {
  try {
    return reading.resolveMember(member);
  } catch {
    return undefined;
  }
}

// --- counts and lists

function uncertain(ranges: Map<number, Range>, id: number): Range {
  const range = ranges.get(id) ?? { certain: 0, possible: 0 };
  ranges.set(id, range);
  return range;
}

function missingMembers(groups: Map<number, MissingMembers>, group: number): MissingMembers {
  const missing = groups.get(group) ?? { certain: 0, possible: 0, said: 0 };
  groups.set(group, missing);
  return missing;
}

function isWithin({ certain, possible }: Range, count: number): boolean {
  return count >= certain && count <= certain + possible;
}

function push<K>(lists: Map<K, number[]>, key: K, id: number): void {
  const list = lists.get(key);
  if (list) list.push(id);
  else lists.set(key, [id]);
}

/** How one ascending list differs from another; undefined where it does not but for those ignored. */
function difference(
  listed: readonly number[],
  wanted: readonly number[],
  ignored: ReadonlySet<number>,
): Difference | undefined {
  if (listed.length === wanted.length && listed.every((id, n) => id === wanted[n])) return undefined;
  const [those, these] = [new Set(listed), new Set(wanted)];
  const missing = wanted.filter((id) => !those.has(id));
  const surplus = listed.filter((id) => !these.has(id) && !ignored.has(id));
  return missing.length + surplus.length === 0 ? undefined : { missing, surplus };
}

function sumOf(key: Key): number {
  let sum = 0;
  for (let n = 0; n < key.length; n++) sum = (sum * 31 + key.charCodeAt(n)) >>> 0;
  return sum;
}

// --- words

/** Some bytes, one character each, as text that may be printed anywhere. */
function shown(text: string, encoding: "latin1" | "utf8" = "latin1"): string {
  const bytes = Buffer.from(text, encoding);
  const readable = JSON.stringify(bytes.toString(isUtf8(bytes) ? "utf8" : "latin1"));
  const toEscape = isUtf8(bytes) ? /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g : /[\x7f-\xff]/g;
  return readable.replace(toEscape, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Three bytes as a filter asks for them, at an end of a value or anywhere in it. */
function shownGram(gram: string): string {
  const isFirst = gram.startsWith(valueStart);
  const isLast = gram.endsWith(valueEnd);
  const bytes = gram.slice(isFirst ? 1 : 0, isLast ? -1 : undefined);
  return `${isFirst ? "" : "*"}${shown(bytes)}${isLast ? "" : "*"}`;
}

function some(things: readonly (number | string)[]): string {
  if (things.length === 0) return "none";
  return things.slice(0, namedAtMost).join(" ") + (things.length > namedAtMost ? " …" : "");
}

/** `entry 4 is`, or `entries 4 5 are`. */
function someEntries(ids: readonly number[], one = "", many = ""): string {
  return (ids.length === 1 ? `entry ${ids[0]} ${one}` : `entries ${some(ids)} ${many}`).trimEnd();
}

function shownDifference({ missing, surplus }: Difference): string {
  return `missing ${some(missing)}, too many ${some(surplus)}`;
}

function below(parent: number): string {
  return parent === noParent ? "at the top" : `below entry ${parent}`;
}

function notAnId(row: Buffer): string {
  return `it has ${row.length} bytes where an id has ${idLength}`;
}

function counted({ certain }: Range, one: string, many: string): string {
  return `${certain} ${certain === 1 ? one : many}`;
}

function childrenOf(range: Range): string {
  return counted(range, "child", "children");
}
