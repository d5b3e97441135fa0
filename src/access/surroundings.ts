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

/**
 * `isInView`: what exists for whom the user came through. What does not exist leads nowhere: a group that is only reached
 * through a hidden one would tell of it.
 */
export async function surroundingsOf(
  reading: Reading,
  id: number,
  isInView: (entry: StoredEntry) => boolean,
): Promise<Surroundings> {
  const own = reading.entry(id);
  if (!own || !isInView(own)) return nothingAround;
  const through = (group: number) => {
    const entry = reading.entry(group);
    return entry !== undefined && isInView(entry);
  };
  const groups = await groupsAround(reading, id, through);
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

/**
 * Every group that an entry is in, directly or through other groups. Cycles end where they meet themselves. `through`:
 * which groups count.
 */
export async function groupsAround(
  reading: Reading,
  id: number,
  through?: (group: number) => boolean,
): Promise<Set<number>> {
  const found = new Set<number>();
  const open = [id];
  for (let member = open.pop(); member !== undefined; member = open.pop()) {
    const { tail, large } = reading.groups(member);
    for (const group of large ? await reading.allGroups(member) : tail) {
      if (found.has(group) || (through && !through(group))) continue;
      found.add(group);
      open.push(group);
    }
  }
  return found;
}
