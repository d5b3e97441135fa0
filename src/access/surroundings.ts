// What stands around an entry: the groups it is in, and what holds it and them.
import type { StoredEntry } from "../store/entry-row.js";
import { noParent, type Reading } from "../store/reading.js";

/** What a user sees beside its own entry. */
export interface Surroundings {
  /** Its groups, nested ones included. */
  readonly groups: ReadonlySet<number>;
  /** The entries above its own and above its groups. */
  readonly containers: ReadonlySet<number>;
}

export const nothingAround: Surroundings = { groups: new Set(), containers: new Set() };

export async function surroundingsOf(reading: Reading, id: number): Promise<Surroundings> {
  const own = reading.entry(id);
  if (!own) return nothingAround;
  const groups = await groupsAround(reading, id);
  const containers = new Set<number>();
  for (const one of [id, ...groups]) addContainers(reading, reading.entry(one), containers);
  return { groups, containers };
}

function addContainers(reading: Reading, entry: StoredEntry | undefined, containers: Set<number>): void {
  for (let above = entry?.parent ?? noParent; above !== noParent && !containers.has(above); ) {
    const container = reading.entry(above);
    // A user or a group that holds others is seen for what it is, not for where it stands.
    if (container?.kind === "other") containers.add(above);
    above = container?.parent ?? noParent;
  }
}

/** Every group that an entry is in, directly or through other groups. Cycles end where they meet themselves. */
export async function groupsAround(reading: Reading, id: number): Promise<Set<number>> {
  const found = new Set<number>();
  const open = [id];
  for (let member = open.pop(); member !== undefined; member = open.pop()) {
    const { tail, large } = reading.groups(member);
    for (const group of large ? await reading.allGroups(member) : tail) {
      if (found.has(group)) continue;
      found.add(group);
      open.push(group);
    }
  }
  return found;
}
