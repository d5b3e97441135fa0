// The key space of the store. A key is a string of which every character is one byte (latin1), so that keys are built by
// concatenation, compared with `<`, and used in maps; only the edge to LevelDB turns them into bytes.
//
//   m NAME                       counters and facts of the store (meta)
//   a OID                        number of an attribute type, for index keys
//   e ID                         entry row (entry-row.ts)
//   s ID                         its userPassword values, apart from everything a search reads
//   t PARENT RDN                 the tree: id of the child with this normal RDN
//   c ID                         how many children
//   g GROUP MEMBER               a membership; the rows below follow from it
//   M GROUP …                    postings: members of a group
//   W MEMBER …                   postings: groups of a member ("where")
//   u GROUP KIND NAME            a member value that names nothing that exists: as written
//   U LENGTH KIND NAME GROUP     the same from the name's side
//   i ATTRIBUTE VALUE            postings: entries with this value; byte order is the rule's order
//   p ATTRIBUTE                  postings: entries with this attribute, where it has no equality rule
//   x ATTRIBUTE GRAM ID          a run of entries whose value holds these three bytes
//   l REVISION                   change record
//
// Postings are a head row at the key itself and runs at `R` LENGTH KEY FIRSTID (postings.ts).
import { createHash } from "node:crypto";

export type Key = string;

/** Six bytes, big endian: ids and revisions sort as numbers do. */
export function idBytes(id: number): string {
  const high = Math.floor(id / 0x1000000);
  return String.fromCharCode(
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    (id >>> 16) & 0xff,
    (id >>> 8) & 0xff,
    id & 0xff,
  );
}

/** Reads the six bytes at `at`. */
export function idAt(key: Key, at: number): number {
  let id = 0;
  for (let n = at; n < at + 6; n++) id = id * 256 + key.charCodeAt(n);
  return id;
}

/**
 * Longer values are cut and marked with a digest: order then holds for the part kept, equality for the whole. What was
 * cut is longer than anything that was not, so nobody can write a value that stands at the key of another.
 */
const longestValue = 64;
const keptOfLongValue = 48;
const digestBytes = longestValue + 1 - keptOfLongValue;

/** A value in the form in which it stands in a key: at most 65 bytes. */
export function keyValue(normal: string): string {
  if (normal.length <= longestValue) return normal;
  const digest = createHash("sha256").update(normal, "latin1").digest().toString("latin1");
  return normal.slice(0, keptOfLongValue) + digest.slice(0, digestBytes);
}

/** The part of a value by which keys may be ranged over: a bound longer than what keys keep is cut. */
export function keyBound(normal: string): string {
  return normal.slice(0, keptOfLongValue);
}

function attributeBytes(attribute: number): string {
  return String.fromCharCode(attribute >>> 8, attribute & 0xff);
}

/** By attribute: what every search by a value begins its key with. */
const equalityPrefixes: string[] = [];

function equalityPrefix(attribute: number): string {
  const known = equalityPrefixes[attribute];
  if (known !== undefined) return known;
  const prefix = `i${attributeBytes(attribute)}`;
  equalityPrefixes[attribute] = prefix;
  return prefix;
}

/** A part that varies in length stands behind its length where more follows it, so that no key begins like another. */
function measured(space: string, part: string): Key {
  return space + String.fromCharCode(part.length) + part;
}

export const keys = {
  meta: (name: string): Key => `m${name}`,
  attribute: (oid: string): Key => `a${oid}`,
  entry: (id: number): Key => `e${idBytes(id)}`,
  secrets: (id: number): Key => `s${idBytes(id)}`,
  child: (parent: number, rdn: string): Key => `t${idBytes(parent)}${keyValue(rdn)}`,
  children: (parent: number): Key => `t${idBytes(parent)}`,
  childCount: (id: number): Key => `c${idBytes(id)}`,
  membership: (group: number, member: number): Key => `g${idBytes(group)}${idBytes(member)}`,
  members: (group: number): Key => `M${idBytes(group)}`,
  groups: (member: number): Key => `W${idBytes(member)}`,
  dangling: (group: number, name: string): Key => `u${idBytes(group)}${keyValue(name)}`,
  danglingsOf: (group: number): Key => `u${idBytes(group)}`,
  danglingName: (name: string, group: number): Key => `${measured("U", keyValue(name))}${idBytes(group)}`,
  /** The same two where the name is at hand as such a key has it, cut already where it is long. */
  danglingKept: (group: number, kept: string): Key => `u${idBytes(group)}${kept}`,
  danglingNameKept: (kept: string, group: number): Key => `${measured("U", kept)}${idBytes(group)}`,
  danglingsNamed: (name: string): Key => measured("U", keyValue(name)),
  equality: (attribute: number, value: string): Key => equalityPrefix(attribute) + keyValue(value),
  equalities: (attribute: number): Key => equalityPrefix(attribute),
  presence: (attribute: number): Key => `p${attributeBytes(attribute)}`,
  gram: (attribute: number, gram: string, id: number): Key => `x${attributeBytes(attribute)}${gram}${idBytes(id)}`,
  grams: (attribute: number, gram: string): Key => `x${attributeBytes(attribute)}${gram}`,
  run: (head: Key, first: number): Key => `${measured("R", head)}${idBytes(first)}`,
  runs: (head: Key): Key => measured("R", head),
  change: (revision: number): Key => `l${idBytes(revision)}`,
} as const;

/** The first key behind every key that begins with this prefix. */
export function afterPrefix(prefix: Key): Key {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix.charCodeAt(at);
    if (byte < 0xff) return prefix.slice(0, at) + String.fromCharCode(byte + 1);
  }
  throw new Error("a prefix of nothing but 0xff has no end");
}
