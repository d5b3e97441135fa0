// The index: every list holds the entries that have its term, and no others.
import { StoredEntry } from "../entry-row.js";
import { gramPrefix, type TermSink } from "../indexes.js";
import { idAt, type Key, keys } from "../keys.js";
import { sortedUnique } from "../postings.js";
import { difference } from "./difference.js";
import { type IdLists, idsAt, takeIds } from "./gathered.js";
import { idLength } from "./key-spaces.js";
import { listFaults } from "./list-faults.js";
import { addRun } from "./strict-rows.js";
import type { Survey } from "./survey.js";
import { WrongLists } from "./wrong-lists.js";

/** Index terms are compared in so many passes that one pass holds those of about this many entries. */
const entriesPerPass = 200_000;

export async function* indexFaults(survey: Survey): AsyncGenerator<string> {
  const wrong = new WrongLists(survey.lists);
  const passes = Math.max(1, Math.ceil(survey.entries.size / entriesPerPass));
  for (let n = 0; n < passes; n++) {
    const pass = new Pass(survey, wrong, (key) => passes === 1 || sumOf(key) % passes === n);
    yield* pass.faults();
  }
  yield* wrong.faults();
}

/** Compares those lists that are due. */
class Pass {
  readonly #survey: Survey;
  readonly #wrong: WrongLists;
  readonly #isDue: (key: Key) => boolean;
  /** Which entries each list with a head should hold. */
  readonly #headed: IdLists<Key> = new Map();
  /** The same of those of runs alone, by the prefix of the runs. */
  readonly #ofRuns: IdLists<Key> = new Map();

  constructor(survey: Survey, wrong: WrongLists, isDue: (key: Key) => boolean) {
    this.#survey = survey;
    this.#wrong = wrong;
    this.#isDue = isDue;
  }

  async *faults(): AsyncGenerator<string, void, void> {
    await this.#gatherTerms();
    yield* this.#headedFaults();
    yield* this.#runListFaults();
  }

  async #gatherTerms(): Promise<void> {
    const { store, doubtful } = this.#survey;
    let id = 0;
    const gather = (lists: IdLists<Key>, key: Key) => {
      if (this.#isDue(key)) idsAt(lists, key).push(id);
    };
    const sink: TermSink = {
      value: (attribute, normal) => gather(this.#headed, keys.equality(attribute, normal)),
      presence: (attribute) => gather(this.#headed, keys.presence(attribute)),
      gram: (attribute, gram) => gather(this.#ofRuns, gramPrefix(attribute, gram)),
      run: (prefix) => gather(this.#ofRuns, prefix),
      instant: (prefix) => gather(this.#ofRuns, prefix),
    };
    for await (const found of this.#survey.rowsOf("e")) {
      for (const { key, value } of found) {
        id = idAt(key, 1);
        if (!doubtful.has(id)) store.frame.indexes.terms(new StoredEntry(id, value), sink);
      }
    }
  }

  async *#headedFaults(): AsyncGenerator<string> {
    for (const space of ["i", "p"] as const) {
      for await (const found of this.#survey.rowsOf(space)) {
        for (const row of found) {
          if (!this.#isDue(row.key)) continue;
          const wanted = takeIds(this.#headed, row.key);
          const differs = yield* listFaults(this.#survey, row, wanted, this.#survey.doubtful);
          if (differs) yield* this.#wrong.add(row.key, differs);
        }
      }
    }
    for (const [key, ids] of this.#headed) {
      this.#survey.headless.add(key);
      yield* this.#wrong.addGone(key, sortedUnique(ids));
    }
  }

  async *#runListFaults(): AsyncGenerator<string> {
    const { lists, doubtful } = this.#survey;
    const listed: IdLists<Key> = new Map();
    const damaged = new Set<Key>();
    for await (const found of this.#survey.rowsOf("x")) {
      for (const row of found) {
        const prefix = row.key.slice(0, -idLength);
        if (!this.#isDue(prefix) || addRun(idsAt(listed, prefix), row)) continue;
        damaged.add(prefix);
        yield lists.damagedRun(prefix, row.key);
      }
    }
    for (const [key, ids] of listed) {
      const wanted = takeIds(this.#ofRuns, key);
      if (damaged.has(key)) continue;
      const { length } = ids;
      const present = sortedUnique(ids);
      const differs = difference(present, wanted, doubtful);
      if (differs) yield* this.#wrong.add(key, differs);
      else if (present.length !== length) yield `the ${lists.listOf(key)} holds an entry twice`;
    }
    for (const [key, ids] of this.#ofRuns) yield* this.#wrong.addGone(key, sortedUnique(ids));
  }
}

function sumOf(key: Key): number {
  let sum = 0;
  for (let n = 0; n < key.length; n++) sum = (sum * 31 + key.charCodeAt(n)) >>> 0;
  return sum;
}
