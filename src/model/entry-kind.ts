// What an entry is to the gate: rights are given for users, for groups, and for everything else.
import type { ObjectClass } from "./schema.js";

/** Position is the number kept in an entry's row. */
export const entryKinds = ["other", "user", "group"] as const;
export type EntryKind = (typeof entryKinds)[number];

const userClasses: readonly string[] = ["person", "account", "posixAccount"];
const groupClasses: readonly string[] = ["groupOfNames", "groupOfUniqueNames", "posixGroup"];

/** The kind of an entry with these object classes, superclasses counted. An entry that could be both is a group. */
export function entryKind(classes: readonly ObjectClass[]): EntryKind {
  // The schema check gives the same list for the same classes, and an import asks for every entry.
  const known = kinds.get(classes);
  if (known) return known;
  const kind = kindOf(classes);
  kinds.set(classes, kind);
  return kind;
}

const kinds = new WeakMap<readonly ObjectClass[], EntryKind>();

function kindOf(classes: readonly ObjectClass[]): EntryKind {
  const names = new Set(classes.flatMap(({ lineage }) => lineage.map(({ name }) => name)));
  if (groupClasses.some((name) => names.has(name))) return "group";
  return userClasses.some((name) => names.has(name)) ? "user" : "other";
}
