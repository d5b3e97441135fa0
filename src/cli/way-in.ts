// How the gate decides about an application, an address and a user, explained step by step (rules 1 to 3 of the gate).
// It asks what decides for real, and only puts it into words.
import type { ApplicationRegistry } from "../access/application.js";
import type { Channel } from "../access/channel.js";
import type { Directory } from "../access/directory.js";
import { type ExplainedLogin, type ExplainedUser, explainLogin } from "../access/login.js";
import { loginTimeText } from "../access/login-time.js";
import { Dn } from "../model/dn.js";
import { filterToString } from "../model/filter-text.js";
import type { Explanation, WayInQuestion } from "../operations/context.js";
import { normalizeAddress } from "../settings/address-range.js";
import {
  type AccessPreset,
  type ApplicationSettings,
  accessPresets,
  type Rights,
} from "../settings/application-settings.js";

/** Whether the application may come in, and the user through it where one is asked about. */
export async function explainWayIn(directory: Directory, question: WayInQuestion): Promise<Explanation> {
  const { application: name, address, user, at } = question;
  const entry = explainEntry(directory.applications, name, address);
  const application = directory.applications.withName(name);
  if (user === undefined || !entry.isAllowed || !application) return entry;
  const occasion = { channel: safelyFrom(address), now: at ?? directory.clock() };
  const login = await explainLogin(directory, userNamed(user), application, occasion);
  const lines = [...entry.lines.slice(0, -1), ...loginLines(user, login)];
  return {
    lines: [...lines, login.isAllowed ? "allowed, with the user's password" : "refused"],
    isAllowed: login.isAllowed,
  };
}

/** A DN holds a `=`; whatever else is a uid. Throws LdapError. */
export function userNamed(user: string): Dn | { readonly uid: string } {
  return user.includes("=") ? Dn.parse(user) : { uid: user };
}

/** As it is best connected: what TLS is needed for is told apart. */
function safelyFrom(address: string): Channel {
  return { kind: "tls", address: normalizeAddress(address) };
}

export function explainEntry(registry: ApplicationRegistry, name: string, address: string): Explanation {
  const lines: string[] = [];
  const refused = (line: string): Explanation => ({ lines: [...lines, `no   ${line}`, "refused"], isAllowed: false });
  const application = registry.withName(name);
  if (!application) {
    const known = registry.all.map((one) => one.name).join(", ") || "none";
    return refused(`there is no application ${JSON.stringify(name)}; registered: ${known}`);
  }
  const { settings } = application;
  lines.push(`yes  ${application.name} is registered`);
  const channel = safelyFrom(address);
  const barrier = registry.barrier(application, channel);
  if (barrier === "application disabled") return refused("it is disabled (enabled: false)");
  lines.push("yes  it is enabled");
  const peer = channel.address;
  if (barrier) return refused(`${peer} is in none of its addresses: ${originsText(settings, registry)}`);
  const range = settings.addresses.find((one) => one.contains(peer));
  lines.push(range ? `yes  ${peer} is in ${range}` : `yes  ${peer} is ${registry.hostAt(application, peer)}`);
  if (settings.requireTls) lines.push("     only under TLS: in the clear it is refused (requireTls: true)");
  for (const line of rightsTexts(settings.rights)) lines.push(`     it may: ${line}`);
  for (const line of viewTexts(settings)) lines.push(`     it sees: ${line}`);
  for (const line of limitTexts(settings)) lines.push(`     its limit: ${line}`);
  lines.push(`     log in through it: ${loginText(settings)}`);
  return { lines: [...lines, "allowed, with its password"], isAllowed: true };
}

function loginLines(user: string, { users, isAllowed }: ExplainedLogin): string[] {
  if (users.length === 0) return [`no   there is no user ${user}`];
  const lines = users.flatMap(userLines);
  const admitted = users.filter(({ steps }) => steps.every(({ holds }) => holds));
  if (!isAllowed && admitted.length > 1)
    lines.push(`no   ${admitted.length} users are called ${user}, and each could be meant`);
  return lines;
}

function userLines({ dn, hasPassword, steps }: ExplainedUser): string[] {
  const lines = [`yes  ${dn} is there`];
  for (const { holds, sentences } of steps) {
    // Where it holds, the first sentence is why; where it does not, none of them is true enough.
    for (const [n, sentence] of sentences.entries())
      lines.push(`${holds ? (n === 0 ? "yes" : "   ") : "no "}  ${sentence}`);
  }
  if (!hasPassword) lines.push("no   it has no password");
  return lines;
}

/** A name with what it stands for at this moment. */
function originsText({ addresses, hosts }: ApplicationSettings, registry: ApplicationRegistry): string {
  const named = hosts.map((host) => `${host} (${registry.addressesOf(host).join(" ") || "not found"})`);
  return [...addresses, ...named].join(", ");
}

/** The preset's name, or each kind of entry with its rights. */
export function rightsText(rights: Rights): string {
  for (const preset of Object.keys(accessPresets) as AccessPreset[]) {
    if (accessPresets[preset] === rights) return preset;
  }
  const { users, groups, other } = rights;
  return Object.entries({ users, groups, other })
    .filter(([, may]) => may.size > 0)
    .map(([kind, may]) => `${kind}: ${[...may].join("+")}`)
    .join(", ");
}

export function loginText({ login }: ApplicationSettings): string {
  if (!login) return "everyone";
  const { groups, addresses, timeZone } = login;
  const time = loginTimeText(login);
  const texts = [
    groups === undefined ? "everyone" : groups.length === 0 ? "nobody" : `members of ${groups.join(", ")}`,
  ];
  if (time !== "") texts.push(`${time} ${timeZone}`);
  if (addresses) texts.push(`from ${addresses.join(", ")}`);
  return texts.join("; ");
}

function rightsTexts(rights: Rights): string[] {
  const { readable, writable, subtrees } = rights;
  const texts = [rightsText(rights) || "nothing"];
  if (readable) texts.push(`read only the attributes ${[...readable].join(", ")}`);
  if (writable) texts.push(`write only the attributes ${[...writable].join(", ")}`);
  if (subtrees) texts.push(`all that only in ${subtrees.join("; ")}`);
  return texts;
}

function viewTexts({ view }: ApplicationSettings): string[] {
  const texts: string[] = [];
  if (view?.users) texts.push(`only users that match ${filterToString(view.users)}`);
  if (view?.groups) texts.push(`only groups that match ${filterToString(view.groups)}`);
  if (view?.hideAttributes) texts.push(`no ${view.hideAttributes.join(", ")}`);
  if (view?.disabledUsers === "hide") texts.push("no users who are disabled");
  if (view?.nestedGroups === "flatten") texts.push("groups in groups as if their members were in all of them");
  if (view?.nestedGroups === "hide") texts.push("no groups in groups");
  if (view?.lowercase) texts.push("names in lower case");
  return texts;
}

function limitTexts({ limits }: ApplicationSettings): string[] {
  const { operationsPerSecond, connections, sizeLimit, timeLimit, pageSize } = limits;
  const texts: string[] = [];
  if (operationsPerSecond !== undefined) texts.push(`${operationsPerSecond} operations a second`);
  if (connections !== undefined) texts.push(`${connections} connections`);
  if (sizeLimit !== undefined) texts.push(`${sizeLimit} entries a search`);
  if (timeLimit !== undefined) texts.push(`${timeLimit / 1000} seconds a search`);
  if (pageSize !== undefined) texts.push(`${pageSize} entries a page`);
  return texts;
}
