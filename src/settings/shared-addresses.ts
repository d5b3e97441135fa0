// Which applications may call from one address. That is allowed, and often meant; but a user who logs in there is let in
// by any of them, which whoever has narrowed one of them should know.
import type { ApplicationSettings } from "./application-settings.js";

export interface SharedAddress {
  /** An address or host name that all of them have; there may be more. */
  readonly origin: string;
  /** In the order of the files; two at least. */
  readonly names: readonly string[];
}

/** The groups of enabled applications with logins that may call from one address; none that is a part of another. */
export function sharedAddresses(applications: readonly ApplicationSettings[]): readonly SharedAddress[] {
  // Who lets nobody in is no other way in for anybody's users.
  const enabled = applications.filter((one) => one.enabled && one.login?.groups?.length !== 0);
  const found = new Map<string, SharedAddress>();
  const add = (origin: string, has: (one: ApplicationSettings) => boolean) => {
    const names = enabled.filter(has).map(({ name }) => name);
    const key = JSON.stringify(names);
    if (names.length > 1 && !found.has(key)) found.set(key, { origin, names });
  };
  // Ranges that have an address in common have in common the address that one of them begins with.
  for (const origin of new Set(enabled.flatMap((one) => one.addresses.flatMap(({ firsts }) => firsts)))) {
    add(origin, (one) => one.addresses.some((range) => range.contains(origin)));
  }
  for (const origin of new Set(enabled.flatMap((one) => one.hosts.map(String)))) {
    add(origin, (one) => one.hosts.some(({ name }) => name === origin));
  }
  const all = [...found.values()];
  return all.filter((one) => !all.some((other) => isWithin(one.names, other.names)));
}

/** Whether it is a part of the other, and not all of it. */
function isWithin(names: readonly string[], others: readonly string[]): boolean {
  return names.length < others.length && names.every((name) => others.includes(name));
}
