// How the gate decides about an application and an address, explained step by step (rules 1 and 2 of the gate).
import type { HostAddresses } from "../access/host-addresses.js";
import { normalizeAddress } from "../settings/address-range.js";
import {
  type AccessPreset,
  type ApplicationSettings,
  accessPresets,
  applicationKey,
  type Rights,
} from "../settings/application-settings.js";

export interface Explanation {
  readonly lines: readonly string[];
  readonly isAllowed: boolean;
}

export function explainEntry(
  applications: readonly ApplicationSettings[],
  name: string,
  address: string,
  hosts: HostAddresses,
): Explanation {
  const lines: string[] = [];
  const refused = (line: string): Explanation => ({ lines: [...lines, `no   ${line}`, "refused"], isAllowed: false });
  const application = applications.find((one) => applicationKey(one.name) === applicationKey(name));
  if (!application) {
    const known = applications.map((one) => one.name).join(", ") || "none";
    return refused(`there is no application ${JSON.stringify(name)}; registered: ${known}`);
  }
  lines.push(`yes  ${application.name} is registered`);
  if (!application.enabled) return refused("it is disabled (enabled: false)");
  lines.push("yes  it is enabled");
  const peer = normalizeAddress(address);
  const range = application.addresses.find((one) => one.contains(peer));
  const host = application.hosts.find((one) => hosts.contains(one, peer));
  if (range) lines.push(`yes  ${peer} is in ${range}`);
  else if (host) lines.push(`yes  ${peer} is ${host}`);
  else return refused(`${peer} is in none of its addresses: ${originsText(application, hosts)}`);
  lines.push(`     it may: ${rightsText(application.rights)}`);
  for (const line of viewTexts(application)) lines.push(`     it sees: ${line}`);
  lines.push(`     log in through it: ${loginText(application)}`);
  return { lines: [...lines, "allowed, with its password"], isAllowed: true };
}

/** A name with what it stands for at this moment. */
function originsText({ addresses, hosts }: ApplicationSettings, known: HostAddresses): string {
  const named = hosts.map((host) => `${host} (${known.of(host).join(" ") || "not found"})`);
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
  const groups = login?.groups;
  if (groups === undefined) return "everyone";
  return groups.length === 0 ? "nobody" : `members of ${groups.join(", ")}`;
}

function viewTexts({ view }: ApplicationSettings): string[] {
  const texts: string[] = [];
  if (view?.users) texts.push("only users that match its filter");
  if (view?.groups) texts.push("only groups that match its filter");
  if (view?.hideAttributes) texts.push(`no ${view.hideAttributes.join(", ")}`);
  return texts;
}
