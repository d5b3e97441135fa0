// Who may log in, through which application, when and from where (rule 3 of the gate).
import type { Dn } from "../model/dn.js";
import type { LoginRules } from "../settings/application-settings.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { Application } from "./application.js";
import type { Channel } from "./channel.js";
import type { ComputedAttributes } from "./computed-attributes.js";
import type { Directory } from "./directory.js";
import { isDisabled } from "./disabled.js";
import { groupsNamed, hasValue, wayToGroup } from "./login-groups.js";
import { isLoginTime, loginTimeText, wallTime, wallTimeText } from "./login-time.js";
import { Permissions } from "./permissions.js";
import { Sight } from "./sight.js";

/** When, and from where. */
export interface Occasion {
  readonly channel: Channel;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
}

export interface Login {
  readonly id: number;
  readonly dn: string;
  /** Stored hashes; the password has to match one of them. */
  readonly passwords: readonly Buffer[];
  /** The applications among those asked that let this user log in; none where all refuse. */
  readonly applications: readonly Application[];
  /** Why the others do not. */
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  readonly application: Application;
  /** What the audit line says. */
  readonly rule: string;
}

/** Something that is asked before a user may log in. */
interface LoginStep {
  readonly holds: boolean;
  /** What the audit line says where it does not hold. */
  readonly rule: string;
  /** For a person who wants to know why: what decided first. */
  sentences(): Promise<readonly string[]>;
}

/** Why users are let in, or not. */
export interface ExplainedLogin {
  readonly users: readonly ExplainedUser[];
  /** Whether the right password would be enough. */
  readonly isAllowed: boolean;
}

export interface ExplainedUser {
  readonly dn: string;
  readonly hasPassword: boolean;
  readonly steps: readonly { readonly holds: boolean; readonly sentences: readonly string[] }[];
}

/**
 * Looks up a user that wants to log in through some of these applications, by DN or by uid; undefined where nothing has
 * the name. Where several users of that uid could be meant, no application lets any of them in.
 */
export async function findLogin(
  directory: Directory,
  name: Dn | { readonly uid: string },
  applications: readonly Application[],
  occasion: Occasion,
): Promise<Login | undefined> {
  const reading = directory.store.read();
  try {
    const entries = await usersNamed(reading, name);
    const admitting = new Map<StoredEntry, Application[]>();
    const refusals: Refusal[] = [];
    for (const application of applications) {
      const admitted: StoredEntry[] = [];
      for (const entry of entries) {
        const rule = await refusingRule(loginSteps(directory, reading, application, entry, occasion));
        if (rule === undefined) admitted.push(entry);
        else refusals.push({ application, rule });
      }
      // What one application does not see must not keep out whom it sees; who is meant must be one for each.
      const [entry, ...others] = admitted;
      if (others.length > 0) refusals.push({ application, rule: severalMeant });
      else if (entry) admitting.set(entry, [...(admitting.get(entry) ?? []), application]);
    }
    const [entry] = admitting.size === 1 ? admitting.keys() : entries;
    if (!entry) return undefined;
    const admitters = admitting.size === 1 ? admitting.get(entry)! : [];
    // Each of several applications knows whom it means, but not the same.
    if (admitting.size > 1)
      for (const application of [...admitting.values()].flat()) refusals.push({ application, rule: severalMeant });
    return {
      id: entry.id,
      dn: reading.dnOf(entry),
      passwords: reading.passwords(entry.id),
      applications: admitters,
      refusals,
    };
  } finally {
    reading.release();
  }
}

const severalMeant = "several users have this uid";

async function refusingRule(steps: AsyncGenerator<LoginStep, void, void>): Promise<string | undefined> {
  for await (const { holds, rule } of steps) if (!holds) return rule;
  return undefined;
}

/** Explains for each user of that name what the application would ask, and what would come of it. */
export async function explainLogin(
  directory: Directory,
  name: Dn | { readonly uid: string },
  application: Application,
  occasion: Occasion,
): Promise<ExplainedLogin> {
  const login = await findLogin(directory, name, [application], occasion);
  const reading = directory.store.read();
  try {
    const users: ExplainedUser[] = [];
    for (const entry of await usersNamed(reading, name)) {
      const steps: ExplainedUser["steps"][number][] = [];
      for await (const one of loginSteps(directory, reading, application, entry, occasion)) {
        steps.push({ holds: one.holds, sentences: await one.sentences() });
      }
      users.push({ dn: reading.dnOf(entry), hasPassword: reading.passwords(entry.id).length > 0, steps });
    }
    const isAllowed = login !== undefined && login.applications.length > 0 && login.passwords.length > 0;
    return { users, isAllowed };
  } finally {
    reading.release();
  }
}

async function usersNamed(reading: Reading, name: Dn | { readonly uid: string }): Promise<StoredEntry[]> {
  if ("uid" in name) return usersWithUid(reading, name.uid);
  return [reading.find(name)].flatMap((one) => one ?? []);
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

/**
 * What has to be so before this application lets this user in, one after the other. Who decides stops at the first step
 * that does not hold; who explains asks each of them for its sentences.
 */
async function* loginSteps(
  directory: Directory,
  reading: Reading,
  application: Application,
  user: StoredEntry,
  { channel, now }: Occasion,
): AsyncGenerator<LoginStep, void, void> {
  const { login } = application.settings;
  yield step(!isDisabled(user, now), "user disabled", (holds) => [holds ? "it is not disabled" : "it is disabled"]);
  const isSeen = isInView(directory, reading, application, user, now);
  yield step(isSeen, "outside of the application's view", (holds) => [
    `it is ${holds ? "in" : "outside of"} the view of ${application.name}`,
  ]);
  if (login?.addresses) yield addressStep(login.addresses, channel);
  if (login?.days || login?.hours) yield timeStep(login, now);
  if (login?.groups) yield await groupStep(login.groups, reading, directory.computed, user);
}

function step(holds: boolean, rule: string, sentences: (holds: boolean) => readonly string[]): LoginStep {
  return { holds, rule, sentences: async () => sentences(holds) };
}

function addressStep(addresses: NonNullable<LoginRules["addresses"]>, { kind, address }: Channel): LoginStep {
  // Whoever comes by the Unix socket has no address, to the rules of logins as to those of applications.
  const range = addresses.find((one) => one.contains(address));
  return step(kind === "local" || range !== undefined, "address not among the login addresses", () => [
    range
      ? `${address} is in ${range}, from where users may log in`
      : `${address} is in none of the login addresses: ${addresses.join(", ")}`,
  ]);
}

function timeStep(login: LoginRules, now: number): LoginStep {
  const at = wallTime(now, login.timeZone);
  const rule = login.hours ? "outside of the login hours" : "not on a login day";
  return step(isLoginTime(login, at), rule, (holds) => [
    `it is ${wallTimeText(at)} in ${login.timeZone}, ${holds ? "within" : "outside of"} ${loginTimeText(login)}`,
  ]);
}

async function groupStep(
  names: readonly string[],
  reading: Reading,
  computed: ComputedAttributes,
  user: StoredEntry,
): Promise<LoginStep> {
  const groups: { readonly name: string; readonly ids: readonly number[] }[] = [];
  for (const name of names) groups.push({ name, ids: await groupsNamed(reading, name) });
  const wayTo = (ids: readonly number[]) => wayToGroup(reading, computed, user, new Set(ids));
  return {
    holds: (await wayTo(groups.flatMap(({ ids }) => ids))) !== undefined,
    rule: "not in a login group",
    sentences: async () => {
      if (names.length === 0) return ["nobody may log in (login: [])"];
      const [inside, outside]: [string[], string[]] = [[], []];
      for (const { name, ids } of groups) {
        const way = await wayTo(ids);
        const sentence = ids.length === 0 ? `there is no group ${name}` : groupSentence(name, way, reading);
        (way ? inside : outside).push(sentence);
      }
      return [...inside, ...outside];
    },
  };
}

function groupSentence(name: string, way: readonly number[] | undefined, reading: Reading): string {
  if (!way) return `it is not a member of ${name}`;
  const through = way.slice(0, -1).map((id) => reading.dn(id));
  return `it is a member of ${name}${through.map((dn) => `, by way of ${dn}`).join("")}`;
}

/** Whoever stands outside the view does not exist for the application, so cannot log in through it. */
function isInView(
  directory: Directory,
  reading: Reading,
  application: Application,
  entry: StoredEntry,
  now: number,
): boolean {
  const permissions = new Permissions({ kind: "application", application }, reading.schema, directory.computed);
  // Whoever says which users there are means these and nobody else: not what holds a password and is no user.
  if (permissions.usersSeen && entry.kind !== "user") return false;
  return new Sight(reading, permissions, directory.computed, now).isInView(entry);
}
