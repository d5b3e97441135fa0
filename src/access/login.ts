// Who may log in, and through which application (rule 3 of the gate).
import { listedValues } from "../model/attribute-list.js";
import type { Dn } from "../model/dn.js";
import { matchFilter } from "../model/filter-match.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { Application } from "./application.js";
import type { Directory } from "./directory.js";
import { Permissions } from "./permissions.js";
import { Sight } from "./sight.js";
import { groupsAround } from "./surroundings.js";
import { VisibleEntry } from "./visible-entry.js";

export interface Login {
  readonly id: number;
  readonly dn: string;
  /** Stored hashes; the password has to match one of them. */
  readonly passwords: readonly Buffer[];
  /** The applications among those asked that let this user log in; none where all refuse. */
  readonly applications: readonly Application[];
}

/** Looks up a user that wants to log in through some of these applications; undefined where nothing has the name. */
export async function findLogin(
  directory: Directory,
  dn: Dn,
  applications: readonly Application[],
): Promise<Login | undefined> {
  const reading = directory.store.read();
  try {
    const entry = reading.find(dn);
    if (!entry) return undefined;
    const admitting: Application[] = [];
    for (const application of applications) {
      if (await admits(directory, reading, application, entry)) admitting.push(application);
    }
    return { id: entry.id, dn: reading.dnOf(entry), passwords: reading.passwords(entry.id), applications: admitting };
  } finally {
    reading.release();
  }
}

async function admits(
  directory: Directory,
  reading: Reading,
  application: Application,
  entry: StoredEntry,
): Promise<boolean> {
  if (!isInView(directory, reading, application, entry)) return false;
  const { login } = application.settings;
  if (login === undefined) return true;
  const wanted = new Set(login.flatMap((name) => groupsNamed(reading, name)));
  if (wanted.size === 0) return false;
  const around = await groupsAround(reading, entry.id, wanted);
  return [...wanted].some((group) => around.has(group));
}

/** Whoever stands outside the view does not exist for the application, so cannot log in through it. */
function isInView(directory: Directory, reading: Reading, application: Application, entry: StoredEntry): boolean {
  const permissions = new Permissions({ kind: "application", application }, reading.schema, directory.computed);
  const seen = permissions.seen(entry.kind);
  if (!seen) return true;
  const sight = new Sight(reading, permissions, directory.computed).whole();
  return matchFilter(seen, new VisibleEntry(entry, sight), reading.schema) === true;
}

/** Groups by their cn, as `login:` names them. */
function groupsNamed(reading: Reading, name: string): number[] {
  const type = reading.schema.attributeType("cn");
  const normal = type?.equality?.normalize(Buffer.from(name), reading.schema);
  if (!type || normal === undefined) return [];
  return reading.withValue(type, normal).tail.filter((id) => {
    const entry = reading.entry(id);
    return entry?.kind === "group" && hasName(entry, reading, name);
  });
}

function hasName({ bytes, attributesStart, attributesEnd }: StoredEntry, reading: Reading, name: string): boolean {
  const rule = reading.schema.attributeType("cn")?.equality;
  const wanted = rule?.normalize(Buffer.from(name), reading.schema);
  return listedValues(bytes, attributesStart, attributesEnd, "cn").some(
    (value) => rule?.normalize(value, reading.schema) === wanted,
  );
}
