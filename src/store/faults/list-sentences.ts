// What is said of lists: of members, of groups, and of the entries that an index term has.
import { gramLength, valueEnd, valueStart } from "../indexes.js";
import { idAt, type Key } from "../keys.js";
import type { LevelStore } from "../level-store.js";
import type { Difference } from "./difference.js";
import { isOfId, lastIdIn } from "./key-spaces.js";
import { shown, some } from "./sentences.js";

export class ListSentences {
  readonly #store: LevelStore;

  constructor(store: LevelStore) {
    this.#store = store;
  }

  /** A list by its key: what it holds. */
  listOf(key: Key): string {
    return `list of ${this.#content(key)}`;
  }

  none(key: Key): string {
    return `there is no ${this.listOf(key)}`;
  }

  wrong(key: Key, { missing, surplus }: Difference): string {
    return `the ${this.listOf(key)} is wrong: missing ${some(missing)}, too many ${some(surplus)}`;
  }

  damagedRun(head: Key, run: Key): string {
    return `${this.#runOf(head, run)} is damaged`;
  }

  strayRun(head: Key, run: Key): string {
    return `${this.#runOf(head, run)} belongs to nothing`;
  }

  /** Some index lists, by what they are asked for. */
  conditions(found: readonly Key[]): string {
    return some(found.map((key) => this.#condition(key)));
  }

  #runOf(head: Key, run: Key): string {
    return `a run of the ${this.listOf(head)}, from entry ${lastIdIn(run)} on,`;
  }

  #content(key: Key): string {
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
}

/** Three bytes as a filter asks for them, at an end of a value or anywhere in it. */
function shownGram(gram: string): string {
  const isFirst = gram.startsWith(valueStart);
  const isLast = gram.endsWith(valueEnd);
  const bytes = gram.slice(isFirst ? 1 : 0, isLast ? -1 : undefined);
  return `${isFirst ? "" : "*"}${shown(bytes)}${isLast ? "" : "*"}`;
}
