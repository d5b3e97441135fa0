// The subtrees that an application is given, at one moment of the directory: what stands in them, and what stands above.
import type { Dn } from "../model/dn.js";
import type { StoredEntry } from "../store/entry-row.js";
import { noParent, type Reading } from "../store/reading.js";

/** above: not in a subtree itself, but on the way to one, so that the tree can be walked down to it. */
export type Place = "inside" | "above" | "outside";

/** One list of subtrees. */
class Subtrees {
  readonly #reading: Reading;
  readonly #tops = new Set<number>();
  readonly #above = new Set<number>();
  /** Siblings are many and parents few, so each parent is asked for once. */
  readonly #parents = new Map<number, boolean>();

  constructor(reading: Reading, names: readonly Dn[]) {
    this.#reading = reading;
    for (const name of names) {
      const found = reading.nearest(name);
      if (!found) continue;
      if (found.missing === 0) this.#tops.add(found.id);
      else this.#above.add(found.id);
      for (let at = reading.entry(found.id); at && at.parent !== noParent; at = reading.entry(at.parent)) {
        this.#above.add(at.parent);
      }
    }
  }

  place({ id, parent }: StoredEntry): Place {
    if (this.#tops.has(id) || this.#holds(parent)) return "inside";
    return this.#above.has(id) ? "above" : "outside";
  }

  #holds(id: number): boolean {
    if (id === noParent) return false;
    let known = this.#parents.get(id);
    if (known === undefined) {
      const entry = this.#reading.entry(id);
      known = entry !== undefined && (this.#tops.has(id) || this.#holds(entry.parent));
      this.#parents.set(id, known);
    }
    return known;
  }
}

/** Several lists: what stands in one of each is inside, and what one of them leaves out is outside. */
export class Places {
  readonly #lists: readonly Subtrees[];

  constructor(reading: Reading, lists: readonly (readonly Dn[])[]) {
    this.#lists = lists.map((names) => new Subtrees(reading, names));
  }

  of(entry: StoredEntry): Place {
    let place: Place = "inside";
    for (const list of this.#lists) {
      const next = list.place(entry);
      if (next === "outside") return next;
      if (next === "above") place = next;
    }
    return place;
  }
}
