// What stands in each key space, and whether a key is one that keys.ts makes.
import { gramLength } from "../indexes.js";
import { idAt, type Key } from "../keys.js";

export const idLength = 6;

const facts: readonly string[] = ["format", "suffix", "loading", "entries", "lastId", "danglings"];

export const isOfId = (key: Key): boolean => key.length === 1 + idLength;
const isMeasured = (key: Key) => key.length > 2 + idLength && key.length === 2 + key.charCodeAt(1) + idLength;

export const spaces = {
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

export type Space = keyof typeof spaces;

/** The id at the end of a key, where runs have their first and missing members their group. */
export function lastIdIn(key: Key): number {
  return idAt(key, key.length - idLength);
}

/** What stands between the length and the id in a measured key. */
export function measuredPart(key: Key): string {
  return key.slice(2, -idLength);
}
