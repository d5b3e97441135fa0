// gatehouse app: the applications of applications.yaml. An edit keeps comments and order, and is written only when the
// whole file is right afterwards.
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { ApplicationRegistry, applicationsDn } from "../access/application.js";
import { ApplicationMirror } from "../access/application-mirror.js";
import { ComputedAttributes } from "../access/computed-attributes.js";
import { HostAddresses, hostsOf } from "../access/host-addresses.js";
import { Dn, makeRdn } from "../model/dn.js";
import type { Secret } from "../model/secret.js";
import { standardSchema } from "../model/standard-schema.js";
import type { Explanation, WayInQuestion } from "../operations/context.js";
import { generatePassword } from "../passwords/password-text.js";
import { addApplication, removeApplication, replacePasswords } from "../settings/application-edits.js";
import { type ApplicationFile, applicationsFileName, loadApplications } from "../settings/application-files.js";
import {
  type AccessPreset,
  type ApplicationSettings,
  accessPresets,
  applicationKey,
  parseApplicationName,
} from "../settings/application-settings.js";
import { writeFileDurably } from "../settings/durable-file.js";
import { parseOrigin } from "../settings/host-name.js";
import { loadSettings } from "../settings/load-settings.js";
import { SettingError } from "../settings/problem.js";
import { addCommand, argument, type ConfigOption, severalArguments } from "./command.js";
import { settingsOf, withStore } from "./configuration.js";
import { Failure, wrongSettings } from "./failure.js";
import { hashCost, hashPassword } from "./hash.js";
import { print } from "./output.js";
import { readPassword } from "./password-prompt.js";
import { explained, takeEffect, throughRunningServer } from "./running-server.js";
import { tableLines } from "./table.js";
import { explainEntry, explainWayIn, loginText, rightsText, userNamed } from "./way-in.js";

interface AddOptions extends ConfigOption {
  readonly address: readonly string[];
  readonly access: AccessPreset;
  readonly login?: readonly string[];
  readonly description?: string;
}

interface PasswordOptions extends ConfigOption {
  readonly stdin?: true;
}

export function app(program: Command): void {
  const group = program.command("app").description("List, add, remove and test the applications of applications.yaml.");
  addCommand(group, "list", "Show every application.", "gatehouse app list").action(list);
  addCommand(
    group,
    "add",
    "Register an application; prints the password it binds with, once.",
    "gatehouse app add wiki --address 192.0.2.10 --access read-write --login wiki-users",
  )
    .argument("<name>", "what it is called", argument(parseApplicationName))
    .requiredOption(
      "--address <address...>",
      "an address, range or host name it may call from",
      severalArguments(parseAddress),
    )
    .addOption(new Option("--access <level>", "what it may do").choices(Object.keys(accessPresets)).default("read"))
    .option("--login <group...>", "a group whose members may log in through it; default: everyone")
    .option("--description <text>", "what it is")
    .action(add);
  addCommand(group, "remove", "Take an application off the list.", "gatehouse app remove wiki")
    .argument("<name>", "the application")
    .action(remove);
  addCommand(
    group,
    "password",
    "Give an application a new password in place of its own; prints it, once.",
    "gatehouse app password wiki",
    "pwgen -s 24 1 | gatehouse app password wiki --stdin",
  )
    .argument("<name>", "the application")
    .option("--stdin", "read the password from standard input instead of making one")
    .action(changePassword);
  addCommand(
    group,
    "test",
    "Explain step by step whether an application may come in from an address, and a user log in through it. About a " +
      "user, the server that runs is asked, which must have a Unix socket (ldapi:// in server.yaml); or else the store.",
    "gatehouse app test wiki 192.0.2.10",
    "gatehouse app test wiki 192.0.2.10 ann --at 2026-01-31T20:00",
  )
    .argument("<name>", "the application")
    .argument("<address>", "an IPv4 or IPv6 address", argument(parsePeer))
    .argument("[user]", "a user, by uid or DN", argument(parseUser))
    .option("--at <time>", "as if it were this time: of this machine's zone, or with Z or +01:00", argument(parseTime))
    .action(test);
}

function parseAddress(text: string): string {
  parseOrigin(text);
  return text;
}

function parsePeer(text: string): string {
  if (isIP(text) === 0) throw new SettingError(`${JSON.stringify(text)} is not an IPv4 or IPv6 address`);
  return text;
}

function parseUser(text: string): string {
  userNamed(text);
  return text;
}

function parseTime(text: string): number {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new SettingError(`${JSON.stringify(text)} is not a time such as 2026-01-31T20:00`);
  return time;
}

async function list({ config }: ConfigOption): Promise<void> {
  const { applications } = await readFilesOf(config);
  if (applications.length === 0) print("no applications");
  const rows = applications.map((one) => [
    one.name + (one.enabled ? "" : " (disabled)"),
    rightsText(one.rights),
    [...one.addresses, ...one.hosts].join(" "),
    `login: ${loginText(one)}`,
  ]);
  for (const line of tableLines(rows)) print(line);
}

async function add(name: string, options: AddOptions): Promise<void> {
  const { config, address, access, login, description } = options;
  const { text, files } = await readFilesOf(config);
  const other = otherFileOf(name, files);
  if (other !== undefined) {
    throw new SettingError(`there is an application ${JSON.stringify(name)} already, in ${other}`);
  }
  const clear = generatePassword();
  const password = await hashPassword(clear, await hashCost(config));
  await write(
    config,
    addApplication(text, {
      name,
      password,
      addresses: address,
      access,
      ...(login === undefined ? {} : { login }),
      ...(description === undefined ? {} : { description }),
    }),
  );
  print(`added ${name}. It binds with this name and password; the password is shown only now:`);
  print(`  ${await bindName(config, name)}`);
  print(`  ${clear}`);
  await takeEffect(config);
}

async function remove(name: string, { config }: ConfigOption): Promise<void> {
  const found = await readFilesOf(config);
  requireEditable(name, found);
  await write(config, removeApplication(found.text, name));
  print(`removed ${name}.`);
  await takeEffect(config);
}

async function changePassword(name: string, { config, stdin }: PasswordOptions): Promise<void> {
  const found = await readFilesOf(config);
  requireEditable(name, found);
  const { text } = found;
  // Asked first, so that nobody thinks of a password for an application that is not there.
  replacePasswords(text, name, [unusedHash]);
  const password: Secret | string = stdin ? await readPassword() : generatePassword();
  await write(config, replacePasswords(text, name, [await hashPassword(password, await hashCost(config))]));
  print(`${name} has a new password${typeof password === "string" ? ", shown only now:" : "."}`);
  if (typeof password === "string") print(`  ${password}`);
  await takeEffect(config);
}

const unusedHash = `{BCRYPT}$2b$10$${"C".repeat(53)}`;

interface TestOptions extends ConfigOption {
  readonly at?: number;
}

async function test(
  application: string,
  address: string,
  user: string | undefined,
  { config, at }: TestOptions,
): Promise<void> {
  const { lines, isAllowed } =
    user === undefined
      ? explainEntry(await registryOf(config), application, address)
      : await explainUser(config, { application, address, user, ...(at === undefined ? {} : { at }) });
  for (const line of lines) print(line);
  if (!isAllowed) throw new Failure([]);
}

/** What the host names among the addresses stand for at this moment. */
async function hostsKnown(applications: readonly ApplicationSettings[]): Promise<HostAddresses> {
  const hosts = new HostAddresses();
  await hosts.keep(hostsOf(applications));
  return hosts;
}

/** Of the file as it is, whatever else the configuration has wrong. */
async function registryOf(folder: string): Promise<ApplicationRegistry> {
  const { applications } = await readFilesOf(folder);
  return new ApplicationRegistry(Dn.parse(""), standardSchema, applications, await hostsKnown(applications));
}

/** By the server that runs, where it can be reached; or else by the files and the store, which nobody else has open. */
async function explainUser(config: string, question: WayInQuestion): Promise<Explanation> {
  const settings = await settingsOf(config, { withTls: false });
  const answer = await throughRunningServer(settings, (client) => explained(client, question));
  return (
    answer ??
    withStore(settings, { make: false }, async (store) => {
      const hosts = await hostsKnown(settings.applications);
      const applications = new ApplicationRegistry(store.suffix, store.schema, settings.applications, hosts);
      const mirror = new ApplicationMirror(applications, store.schema, Date.now());
      const computed = new ComputedAttributes(store.schema);
      return explainWayIn({ store, applications, mirror, computed, clock: Date.now }, question);
    })
  );
}

interface ApplicationFiles {
  /** Of applications.yaml, the file that is edited. */
  readonly text: string;
  readonly files: readonly ApplicationFile[];
  readonly applications: readonly ApplicationSettings[];
}

async function readFilesOf(folder: string): Promise<ApplicationFiles> {
  const text = await readFile(join(folder, applicationsFileName), "utf8");
  return { text, ...(await checked(folder, text)) };
}

/** All applications, with this text in applications.yaml. */
async function checked(folder: string, text: string): Promise<Omit<ApplicationFiles, "text">> {
  const read = await loadApplications(folder, { text });
  if ("problems" in read) throw wrongSettings(read.problems);
  return read;
}

async function write(folder: string, text: string): Promise<void> {
  await checked(folder, text);
  await writeFileDurably(join(folder, applicationsFileName), text);
}

/** The file beside applications.yaml that an application stands in, if it is one of these. */
function otherFileOf(name: string, [, ...others]: readonly ApplicationFile[]): string | undefined {
  const isIt = (one: ApplicationSettings) => applicationKey(one.name) === applicationKey(name);
  return others.find(({ applications }) => applications.some(isIt))?.file;
}

function requireEditable(name: string, { files }: ApplicationFiles): void {
  const other = otherFileOf(name, files);
  if (other !== undefined) {
    throw new SettingError(
      `the application ${JSON.stringify(name)} is in ${other}: change it there; this command edits ${applicationsFileName} alone`,
    );
  }
}

async function bindName(folder: string, name: string): Promise<string> {
  const loaded = await loadSettings(folder, { withTls: false });
  const rdn = makeRdn([{ type: "cn", value: Buffer.from(name) }]);
  return "settings" in loaded
    ? applicationsDn(loaded.settings.server.suffix).child(rdn).toString()
    : `${rdn},ou=applications,SUFFIX`;
}
