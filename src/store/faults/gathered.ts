// What is gathered by key while rows are read, and taken out again where it is compared: what is left then has no row.
import { sortedUnique } from "../postings.js";

/** What stands at the key; made where there is nothing yet. */
export function gathered<K, V>(all: Map<K, V>, key: K, make: () => V): V {
  const known = all.get(key);
  if (known !== undefined) return known;
  const made = make();
  all.set(key, made);
  return made;
}

export type IdLists<K> = Map<K, number[]>;

/** The ids gathered at a key. */
export function idsAt<K>(lists: IdLists<K>, key: K): number[] {
  return gathered(lists, key, () => []);
}

/** Takes out the ids gathered at a key: ascending, none twice. */
export function takeIds<K>(lists: IdLists<K>, key: K): number[] {
  const ids = lists.get(key) ?? [];
  lists.delete(key);
  return sortedUnique(ids);
}
