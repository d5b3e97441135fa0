// Ids as they are listed, against ids as they should be.

/** Ids that are missing from a list, and those too many. */
export interface Difference {
  readonly missing: readonly number[];
  readonly surplus: readonly number[];
}

/** How one ascending list differs from another; undefined where it does not but for those ignored. */
export function difference(
  listed: readonly number[],
  wanted: readonly number[],
  ignored: ReadonlySet<number>,
): Difference | undefined {
  if (listed.length === wanted.length && listed.every((id, n) => id === wanted[n])) return undefined;
  const [those, these] = [new Set(listed), new Set(wanted)];
  const missing = wanted.filter((id) => !those.has(id));
  const surplus = listed.filter((id) => !these.has(id) && !ignored.has(id));
  return missing.length + surplus.length === 0 ? undefined : { missing, surplus };
}
