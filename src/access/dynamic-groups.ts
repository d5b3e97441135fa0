// Dynamic groups (class groupOfURLs): their members are the users that one of their memberURL values finds.
import { listedValues } from "../model/attribute-list.js";
import { LdapError } from "../model/failure.js";
import { compileFilter, matchFilter } from "../model/filter-match.js";
import { type LdapUrl, parseLdapUrl } from "../model/ldap-url.js";
import type { Schema } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { ComputedAttributes } from "./computed-attributes.js";
import { localAdministrator, Permissions } from "./permissions.js";
import { Sight } from "./sight.js";
import { VisibleEntry } from "./visible-entry.js";

const dynamicClass = "groupOfURLs";

export function isDynamicGroup(entry: StoredEntry, schema: Schema): boolean {
  const wanted = schema.objectClass(dynamicClass);
  return valuesOf(entry, "objectClass").some((name) => {
    const known = schema.objectClass(name.toString("latin1"));
    return known !== undefined && wanted !== undefined && known.lineage.includes(wanted);
  });
}

/** Every dynamic group there is. */
export async function dynamicGroups(reading: Reading): Promise<StoredEntry[]> {
  const { schema } = reading;
  const type = schema.attributeType("objectClass");
  const normal = type?.equality?.normalize(Buffer.from(dynamicClass), schema);
  if (!type || normal === undefined) return [];
  return (await reading.allWithValue(type, normal)).flatMap((id) => {
    const entry = reading.entry(id);
    return entry && isDynamicGroup(entry, schema) ? [entry] : [];
  });
}

/** Each login through the group looks at all of them, and everybody else waits meanwhile. */
const mostUrls = 100;
/** In bytes. */
const longestUrl = 4096;

/** Whether one of the group's URLs finds the user. What is no URL, or none to follow here, finds nobody. */
export async function findsUser(
  group: StoredEntry,
  user: StoredEntry,
  reading: Reading,
  computed: ComputedAttributes,
): Promise<boolean> {
  if (user.kind !== "user") return false;
  // What a URL means does not depend on who asks: it is asked of all there is, but never of passwords.
  const permissions = new Permissions(localAdministrator, reading.schema, computed);
  const visible = new VisibleEntry(user, new Sight(reading, permissions, computed, 0).whole());
  await visible.loadMemberships();
  return memberUrls(group).some((url) => {
    if (typeof url === "string" || !isInScope(url, user, reading)) return false;
    return matchFilter(compileFilter(url.filter, permissions.scope), visible, reading.schema) === true;
  });
}

/** The URLs of a group; in the place of one that finds nobody, a sentence why. */
export function memberUrls(group: StoredEntry): (LdapUrl | string)[] {
  return valuesOf(group, "memberURL").map((value, n) => {
    if (n >= mostUrls) return `a URL behind the first ${mostUrls}`;
    if (value.length > longestUrl) return `a URL of more than ${longestUrl} bytes`;
    try {
      const url = parseLdapUrl(value.toString("utf8"));
      if (url.host !== "") return `a URL of another server: ${url.host}`;
      const unknown = url.extensions.find(({ isCritical }) => isCritical);
      return unknown ? `a URL with an extension that is not known here: ${unknown.type}` : url;
    } catch (error) {
      if (error instanceof LdapError) return error.message;
      throw error;
    }
  });
}

function isInScope({ base, scope }: LdapUrl, user: StoredEntry, reading: Reading): boolean {
  // Above the suffix stands nothing, but what is asked of all there is means all of it.
  if (base.isRoot) return scope === "sub";
  const above = reading.resolve(base);
  if (above === undefined) return false;
  if (scope === "one") return user.parent === above;
  return user.id === above || (scope === "sub" && reading.isBelow(user, above));
}

function valuesOf({ bytes, attributesStart, attributesEnd }: StoredEntry, name: string): Buffer[] {
  return listedValues(bytes, attributesStart, attributesEnd, name);
}
