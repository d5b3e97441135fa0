// gatehouse init: a configuration to begin with.
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { LdifWriter } from "../ldif/writer.js";
import { Dn } from "../model/dn.js";
import { standardSchema } from "../model/standard-schema.js";
import { generatePassword } from "../passwords/password-text.js";
import { applicationsFileName } from "../settings/application-files.js";
import { readApplications } from "../settings/application-settings.js";
import { schemaFileName, schemaNames, schemaText } from "../settings/file-schemas.js";
import { parseListenAddress } from "../settings/listen-address.js";
import { serverFileName } from "../settings/load-settings.js";
import { makeFolder } from "../settings/make-folder.js";
import { SettingError } from "../settings/problem.js";
import { defaultPasswords, readServerSettings } from "../settings/server-settings.js";
import { addCommand, argument, type ConfigOption } from "./command.js";
import { Failure, wrongSettings } from "./failure.js";
import { hashPassword } from "./hash.js";
import { print } from "./output.js";

interface InitOptions extends ConfigOption {
  readonly suffix: Dn;
}

/** The shipped server.yaml shows every key at its default; a new one is this text with another suffix and seed. */
const template = fileURLToPath(new URL("../../config/server.yaml", import.meta.url));

const seedFileName = "directory.ldif";
const administrator = "admin";
const defaultSuffix = "dc=example,dc=com";

export function init(program: Command): void {
  addCommand(
    program,
    "init [dir]",
    "Write a configuration to begin with: server.yaml, applications.yaml with one administrator, and the first entries.",
    "gatehouse init /etc/gatehouse --suffix dc=acme,dc=com",
  )
    .addOption(
      new Option("--suffix <dn>", "the name at the top of the directory")
        .argParser(argument(parseSuffix))
        .default(parseSuffix(defaultSuffix), defaultSuffix),
    )
    .action(async (dir: string | undefined, { config, suffix }: InitOptions) => {
      const folder = dir ?? config;
      const password = generatePassword();
      const texts = {
        [seedFileName]: firstEntries(suffix),
        [applicationsFileName]: applicationsText(suffix, await hashPassword(password, defaultPasswords.cost)),
        [serverFileName]: await serverText(suffix, folder),
        ...Object.fromEntries(schemaNames.map((name) => [schemaFileName(name), schemaText(name)])),
      };
      await writeAll(folder, texts);
      print(`${folder} holds a configuration for ${suffix}. Start the server with: gatehouse serve --config ${folder}`);
      print("An administrator's application may connect from this machine. This password is shown only now:");
      print(`  cn=${administrator},ou=applications,${suffix}`);
      print(`  ${password}`);
    });
}

/** The classes of an entry that is named in this way. */
const classesByType: Readonly<Record<string, readonly string[]>> = {
  dc: ["dcObject", "organization"],
  o: ["organization"],
  ou: ["organizationalUnit"],
  c: ["country"],
  l: ["locality"],
  st: ["locality"],
};

function parseSuffix(text: string): Dn {
  const suffix = Dn.parse(text);
  const [assertion, ...more] = suffix.rdn?.assertions ?? [];
  if (!assertion || more.length > 0 || classesByType[typeOf(assertion.type)] === undefined) {
    throw new SettingError(
      `a suffix begins with one of ${Object.keys(classesByType).join(", ")}, as in ${defaultSuffix}`,
    );
  }
  return suffix;
}

function typeOf(name: string): string {
  return standardSchema.attributeType(name)?.name.toLowerCase() ?? "";
}

/** The suffix, and the two units that people and groups stand in. */
function firstEntries(suffix: Dn): string {
  const writer = new LdifWriter();
  const add = (dn: string, attributes: Readonly<Record<string, readonly (string | Buffer)[]>>) =>
    writer.add(
      dn,
      Object.entries(attributes).map(([type, values]) => ({ type, values: values.map((value) => Buffer.from(value)) })),
    );
  const { type, value } = suffix.rdn!.assertions[0]!;
  const classes = classesByType[typeOf(type)]!;
  const named = { objectClass: ["top", ...classes], [type]: [value] };
  const isOrganization = classes.includes("organization") && typeOf(type) !== "o";
  add(suffix.toString(), isOrganization ? { ...named, o: [value] } : named);
  for (const ou of ["people", "groups"]) {
    add(`ou=${ou},${suffix}`, { objectClass: ["top", "organizationalUnit"], ou: [ou] });
  }
  return writer.take().toString();
}

function applicationsText(suffix: Dn, hash: string): string {
  const text = `# yaml-language-server: $schema=${schemaFileName("applications")}
# The applications: who may come in, from where, and what for. An application binds as
# cn=NAME,ou=applications,${suffix}. Add one with: gatehouse app add NAME --address ADDRESS
# Check after a change: gatehouse check
applications:
  - name: ${administrator}
    description: Administration from this machine
    password: ${JSON.stringify(hash)}
    addresses: ["127.0.0.1", "::1"]
    access: admin
    login: [] # nobody logs in through it; without this line everybody could, from these addresses
`;
  const read = readApplications(text, applicationsFileName);
  if ("problems" in read) throw wrongSettings(read.problems);
  return text;
}

async function serverText(suffix: Dn, folder: string): Promise<string> {
  const shipped = await readFile(template, "utf8");
  const text = shipped
    .replace(/^suffix:.*$/m, () => `suffix: ${yamlText(suffix.toString())}`)
    .replace(/^seed:.*$/m, () => `seed: ${seedFileName}`)
    .replace(/^ {2}# (- ldapi:.*)$/m, (line, item: string) => (canListenAt(item, folder) ? `  ${item}` : line))
    // The sample keeps its data beside its folder; a configuration of one's own may stand anywhere, and keeps to itself.
    .replace(/^( +path:) \.\.\/data\b/m, "$1 data");
  const read = readServerSettings(text, { file: serverFileName, folder });
  if ("problems" in read) throw wrongSettings(read.problems);
  return text;
}

/** Whether a Unix socket can be in the folder: its whole path must not be too long. */
function canListenAt(item: string, folder: string): boolean {
  try {
    parseListenAddress(item.replace(/^- /, ""), resolve(folder));
    return true;
  } catch (error) {
    if (error instanceof SettingError) return false;
    throw error;
  }
}

/** Plain where YAML reads it as it stands. */
function yamlText(text: string): string {
  return /^[a-z][\w=,.-]*$/i.test(text) ? text : JSON.stringify(text);
}

/** All files or none; what is there is never written over, and nobody else reads what is made. */
async function writeAll(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  makeFolder(folder);
  const present = Object.keys(texts).find((name) => existsSync(join(folder, name)));
  if (present !== undefined) {
    throw new Failure(`gatehouse: ${join(folder, present)} exists already, and is left as it is; nothing was written`);
  }
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(folder, name), text, { flag: "wx", mode: 0o600 });
  }
}
