// The groups that `login` names, and how a user comes to be in one of them.
import { listedValues } from "../model/attribute-list.js";
import { Dn, makeRdn } from "../model/dn.js";
import type { NormalForm } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { ComputedAttributes } from "./computed-attributes.js";
import { dynamicGroups, findsUser, isDynamicGroup } from "./dynamic-groups.js";

/**
 * The groups on the way from a user to one of those that are wanted, which is the last of them; undefined: the user is in
 * none. A group may be in others; one that is dynamic has the users that its URLs find, and may be in others too.
 */
export async function wayToGroup(
  reading: Reading,
  computed: ComputedAttributes,
  user: StoredEntry,
  wanted: ReadonlySet<number>,
): Promise<readonly number[] | undefined> {
  if (wanted.size === 0) return undefined;
  const direct = await wayUp(reading, user.id, wanted);
  if (direct) return direct;
  // Those first that lead to where is wanted: they are few, and a filter is dearer than a look at memberships.
  for (const group of await dynamicGroups(reading)) {
    const further = wanted.has(group.id) ? [] : await wayUp(reading, group.id, wanted);
    if (further && (await findsUser(group, user, reading, computed))) return [group.id, ...further];
  }
  return undefined;
}

/** The same by memberships that are written. Cycles end where they meet themselves. */
async function wayUp(reading: Reading, id: number, wanted: ReadonlySet<number>): Promise<number[] | undefined> {
  const cameFrom = new Map<number, number>([[id, id]]);
  const open = [id];
  for (let member = open.pop(); member !== undefined; member = open.pop()) {
    const { tail, large } = reading.groups(member);
    for (const group of large ? await reading.allGroups(member) : tail) {
      if (cameFrom.has(group)) continue;
      cameFrom.set(group, member);
      if (wanted.has(group)) return wayBack(cameFrom, group, id);
      open.push(group);
    }
  }
  return undefined;
}

function wayBack(cameFrom: ReadonlyMap<number, number>, to: number, from: number): number[] {
  const way: number[] = [];
  for (let at = to; at !== from; at = cameFrom.get(at)!) way.unshift(at);
  return way;
}

/**
 * The groups that an entry of `login:` means. A DN (it holds a `=`) means the group that has it. A name means
 * cn=NAME,ou=groups,SUFFIX; where there is none, the one group of that cn directly below ou=groups,SUFFIX; where there is
 * none there either, the one of that cn in the whole tree. Where several could be meant none is, so that who may add
 * groups somewhere cannot let anybody in by giving one of them a name that is in use.
 */
export async function groupsNamed(reading: Reading, name: string): Promise<number[]> {
  if (name.includes("=")) return groupAt(reading, Dn.parsed(name));
  const value = Buffer.from(name);
  const groups = reading.frame.suffix.child(makeRdn([{ type: "ou", value: Buffer.from("groups") }]));
  const usual = groupAt(reading, groups.child(makeRdn([{ type: "cn", value }])));
  if (usual.length > 0) return usual;
  const type = reading.schema.attributeType("cn");
  const normal = type?.equality?.normalize(value, reading.schema);
  if (!type || normal === undefined) return [];
  const named = (await reading.allWithValue(type, normal)).flatMap((id) => {
    const entry = reading.entry(id);
    return entry && isGroup(entry, reading) && hasValue(entry, reading, "cn", normal) ? [entry] : [];
  });
  const parent = reading.resolve(groups);
  const below = named.filter((entry) => entry.parent === parent);
  const meant = below.length > 0 ? below : named;
  return meant.length === 1 ? [meant[0]!.id] : [];
}

function groupAt(reading: Reading, dn: Dn | undefined): number[] {
  const entry = dn && reading.find(dn);
  return entry && isGroup(entry, reading) ? [entry.id] : [];
}

function isGroup(entry: StoredEntry, reading: Reading): boolean {
  return entry.kind === "group" || isDynamicGroup(entry, reading.schema);
}

/** An index may name an entry for longer than its value: what the entry holds decides. */
export function hasValue(
  { bytes, attributesStart, attributesEnd }: StoredEntry,
  reading: Reading,
  attribute: string,
  normal: NormalForm,
): boolean {
  const rule = reading.schema.attributeType(attribute)?.equality;
  return listedValues(bytes, attributesStart, attributesEnd, attribute).some(
    (value) => rule?.normalize(value, reading.schema) === normal,
  );
}
