// Index lists that are not as they should be, gathered to tell whether lists are damaged or entries: where an entry and
// a list do not agree, whichever of the two disagrees with more others is told. A damaged entry is wrong in many lists,
// a damaged list is wrong about many entries.
import type { Key } from "../keys.js";
import type { Difference } from "./difference.js";
import { gathered } from "./gathered.js";
import type { ListSentences } from "./list-sentences.js";

/** So many entries that are wrong in lists, and lists, are gathered before they are told. */
const gatheredAtMost = 1_000_000;

interface WrongList extends Difference {
  readonly key: Key;
  readonly isThere: boolean;
}

/** The lists that lack an entry, and those that have it though they should not. */
interface WrongEntry {
  readonly missing: Key[];
  readonly surplus: Key[];
}

export class WrongLists {
  readonly #sentences: ListSentences;
  #lists: WrongList[] = [];
  /** In how many of them an entry is wrong. */
  #timesWrong = new Map<number, number>();

  constructor(sentences: ListSentences) {
    this.#sentences = sentences;
  }

  /** Takes a list that is there. Tells of all that were taken where there are too many to be kept. */
  add(key: Key, differs: Difference): Generator<string> {
    return this.#add({ key, isThere: true, ...differs });
  }

  /** The same of a list that is gone. */
  addGone(key: Key, missing: readonly number[]): Generator<string> {
    return this.#add({ key, isThere: false, missing, surplus: [] });
  }

  *#add(list: WrongList): Generator<string> {
    this.#lists.push(list);
    for (const ids of [list.missing, list.surplus]) {
      for (const id of ids) this.#timesWrong.set(id, (this.#timesWrong.get(id) ?? 0) + 1);
    }
    if (this.#timesWrong.size + this.#lists.length > gatheredAtMost) yield* this.faults();
  }

  /** Tells of all that were taken, and forgets them. */
  *faults(): Generator<string, void, void> {
    const entries = new Map<number, WrongEntry>();
    for (const list of this.#lists) {
      const left = this.#withoutWrongEntries(list, entries);
      if (left.missing.length + left.surplus.length === 0) continue;
      yield list.isThere ? this.#sentences.wrong(list.key, left) : this.#sentences.none(list.key);
    }
    for (const [id, { missing, surplus }] of entries) {
      const [lacking, having] = [missing, surplus].map((lists) => this.#sentences.conditions(lists));
      yield `entry ${id} is not indexed as it is: missing from ${lacking}, too many in ${having}`;
    }
    this.#lists = [];
    this.#timesWrong = new Map();
  }

  /** What is the list's own fault; the rest is noted with the entries whose fault it is. */
  #withoutWrongEntries({ key, missing, surplus }: WrongList, entries: Map<number, WrongEntry>): Difference {
    const wrong = missing.length + surplus.length;
    const left = (ids: readonly number[], side: keyof WrongEntry) =>
      ids.filter((id) => {
        if (this.#timesWrong.get(id)! <= wrong) return true;
        gathered(entries, id, () => ({ missing: [], surplus: [] }))[side].push(key);
        return false;
      });
    return { missing: left(missing, "missing"), surplus: left(surplus, "surplus") };
  }
}
