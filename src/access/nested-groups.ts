// Groups in groups, taken apart: whom a group holds through the groups in it, and which groups hold an entry through its
// groups. Only what exists for the session leads anywhere, so nothing tells of a hidden group in between; and no group is
// a member or has groups of its own, because it stands for its members. Cycles end where they meet themselves.
import type { StoredEntry } from "../store/entry-row.js";
import type { Nesting } from "../store/planner.js";
import type { Reading } from "../store/reading.js";
import { groupsAround } from "./surroundings.js";

/** Members looked at before others get their turn. */
const membersAtATime = 1024;

export class NestedGroups implements Nesting {
  readonly #reading: Reading;
  readonly #sees: (entry: StoredEntry) => boolean;
  /** Each group with those around it: entries are many, and what is around their groups is asked for once. */
  readonly #around = new Map<number, readonly number[]>();

  constructor(reading: Reading, sees: (entry: StoredEntry) => boolean) {
    this.#reading = reading;
    this.#sees = sees;
  }

  /** The groups around an entry that is no group, ascending. */
  async groupsOf(id: number): Promise<readonly number[]> {
    const { tail, large } = this.#reading.groups(id);
    const direct = (large ? await this.#reading.allGroups(id) : tail).filter((group) => this.#seesId(group));
    if (direct.length === 0) return [];
    const found = new Set<number>();
    for (const group of direct) for (const one of await this.#from(group)) found.add(one);
    return [...found].sort((a, b) => a - b);
  }

  async #from(group: number): Promise<readonly number[]> {
    let known = this.#around.get(group);
    if (known === undefined) {
      const around = await groupsAround(this.#reading, group, (one) => this.#seesId(one));
      known = [group, ...around];
      this.#around.set(group, known);
    }
    return known;
  }

  /** Whom a group holds, itself or through others: what is no group, ascending. */
  async membersOf(group: number): Promise<readonly number[]> {
    const found = new Set<number>();
    const groups = new Set([group]);
    let looked = 0;
    for (const one of groups) {
      const { tail, large } = this.#reading.members(one);
      for (const member of large ? await this.#reading.allMembers(one) : tail) {
        if (++looked % membersAtATime === 0) await new Promise(setImmediate);
        const entry = found.has(member) ? undefined : this.#reading.entry(member);
        if (entry && this.#sees(entry)) (entry.kind === "group" ? groups : found).add(member);
      }
    }
    return [...found].sort((a, b) => a - b);
  }

  #seesId(id: number): boolean {
    const entry = this.#reading.entry(id);
    return entry !== undefined && this.#sees(entry);
  }
}
