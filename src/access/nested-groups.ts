import type { Reading } from "../store/reading.js";

/**
 * Every group that an entry is in, directly or through other groups. Cycles end where they meet themselves. `until`:
 * stops early, with what was found so far, once one of these groups is among them.
 */
export async function groupsAround(reading: Reading, id: number, until?: ReadonlySet<number>): Promise<Set<number>> {
  const found = new Set<number>();
  const open = [id];
  for (let member = open.pop(); member !== undefined; member = open.pop()) {
    const { tail, large } = reading.groups(member);
    for (const group of large ? await reading.allGroups(member) : tail) {
      if (found.has(group)) continue;
      found.add(group);
      open.push(group);
      if (until?.has(group)) return found;
    }
  }
  return found;
}
