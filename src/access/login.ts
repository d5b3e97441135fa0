// Who may log in, and through which application (rule 3 of the gate).
import { listedValues } from "../model/attribute-list.js";
import { Dn, makeRdn } from "../model/dn.js";
import { LdapError } from "../model/failure.js";
import type { NormalForm } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { Application } from "./application.js";
import type { Directory } from "./directory.js";
import { Permissions } from "./permissions.js";
import { Sight } from "./sight.js";
import { groupsAround } from "./surroundings.js";

export interface Login {
  readonly id: number;
  readonly dn: string;
  /** Stored hashes; the password has to match one of them. */
  readonly passwords: readonly Buffer[];
  /** The applications among those asked that let this user log in; none where all refuse. */
  readonly applications: readonly Application[];
}

/**
 * Looks up a user that wants to log in through some of these applications, by DN or by uid; undefined where nothing has
 * the name. Where several users of that uid could be meant, no application lets any of them in.
 */
export async function findLogin(
  directory: Directory,
  name: Dn | { readonly uid: string },
  applications: readonly Application[],
): Promise<Login | undefined> {
  const reading = directory.store.read();
  try {
    const entries =
      "uid" in name ? await usersWithUid(reading, name.uid) : [reading.find(name)].flatMap((one) => one ?? []);
    const admitting = new Map<StoredEntry, Application[]>();
    for (const application of applications) {
      const admitted: StoredEntry[] = [];
      for (const entry of entries) if (await admits(directory, reading, application, entry)) admitted.push(entry);
      // What one application does not see must not keep out whom it sees; who is meant must be one for each.
      const [entry, ...others] = admitted;
      if (entry && others.length === 0) admitting.set(entry, [...(admitting.get(entry) ?? []), application]);
    }
    const [entry] = admitting.size === 1 ? admitting.keys() : entries;
    if (!entry) return undefined;
    return {
      id: entry.id,
      dn: reading.dnOf(entry),
      passwords: reading.passwords(entry.id),
      applications: admitting.size === 1 ? admitting.get(entry)! : [],
    };
  } finally {
    reading.release();
  }
}

async function usersWithUid(reading: Reading, uid: string): Promise<StoredEntry[]> {
  const type = reading.schema.attributeType("uid");
  const normal = type?.equality?.normalize(Buffer.from(uid), reading.schema);
  if (!type || normal === undefined) return [];
  return (await reading.allWithValue(type, normal)).flatMap((id) => {
    const entry = reading.entry(id);
    return entry?.kind === "user" && hasValue(entry, reading, type.name, normal) ? [entry] : [];
  });
}

async function admits(
  directory: Directory,
  reading: Reading,
  application: Application,
  entry: StoredEntry,
): Promise<boolean> {
  if (!isInView(directory, reading, application, entry)) return false;
  const login = application.settings.login?.groups;
  if (login === undefined) return true;
  const wanted = new Set<number>();
  for (const name of login) for (const group of await groupsNamed(reading, name)) wanted.add(group);
  if (wanted.size === 0) return false;
  const around = await groupsAround(reading, entry.id, { until: wanted });
  return [...wanted].some((group) => around.has(group));
}

/** Whoever stands outside the view does not exist for the application, so cannot log in through it. */
function isInView(directory: Directory, reading: Reading, application: Application, entry: StoredEntry): boolean {
  const permissions = new Permissions({ kind: "application", application }, reading.schema, directory.computed);
  // Whoever says which users there are means these and nobody else: not what holds a password and is no user.
  if (permissions.usersSeen && entry.kind !== "user") return false;
  return new Sight(reading, permissions, directory.computed, directory.clock()).isInView(entry);
}

/**
 * The groups that an entry of `login:` means. A DN (it holds a `=`) means the group that has it. A name means
 * cn=NAME,ou=groups,SUFFIX; where there is none, the one group of that cn directly below ou=groups,SUFFIX; where there is
 * none there either, the one of that cn in the whole tree. Where several could be meant none is, so that who may add
 * groups somewhere cannot let anybody in by giving one of them a name that is in use.
 */
async function groupsNamed(reading: Reading, name: string): Promise<number[]> {
  if (name.includes("=")) return groupAt(reading, parsed(name));
  const value = Buffer.from(name);
  const groups = reading.frame.suffix.child(makeRdn([{ type: "ou", value: Buffer.from("groups") }]));
  const usual = groupAt(reading, groups.child(makeRdn([{ type: "cn", value }])));
  if (usual.length > 0) return usual;
  const type = reading.schema.attributeType("cn");
  const normal = type?.equality?.normalize(value, reading.schema);
  if (!type || normal === undefined) return [];
  const named = (await reading.allWithValue(type, normal)).flatMap((id) => {
    const entry = reading.entry(id);
    return entry?.kind === "group" && hasValue(entry, reading, "cn", normal) ? [entry] : [];
  });
  const parent = reading.resolve(groups);
  const below = named.filter((entry) => entry.parent === parent);
  const meant = below.length > 0 ? below : named;
  return meant.length === 1 ? [meant[0]!.id] : [];
}

function groupAt(reading: Reading, dn: Dn | undefined): number[] {
  const entry = dn && reading.find(dn);
  return entry?.kind === "group" ? [entry.id] : [];
}

function parsed(name: string): Dn | undefined {
  try {
    return Dn.parse(name);
  } catch (error) {
    if (error instanceof LdapError) return undefined;
    throw error;
  }
}

/** An index may name an entry for longer than its value: what the entry holds decides. */
function hasValue(
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
