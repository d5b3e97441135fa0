// The real command, in a process of its own, on a configuration in a temporary folder.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Run {
  readonly folder?: string;
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
}

export function start(args: readonly string[], { folder, env }: Run = {}): ChildProcess {
  const { GATEHOUSE_CONFIG: _, ...outer } = process.env;
  return spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...outer, ...env } });
}

/** Runs the command to its end. */
export async function gatehouse(args: readonly string[], options: Run = {}): Promise<Outcome> {
  const child = start(args, options);
  const outcome = ending(child);
  child.stdin!.on("error", () => {}); // it may end before it has read everything
  child.stdin!.end(options.input ?? "");
  return outcome;
}

/** Runs the command for a reader that is content with one line. */
export async function readInPart(args: readonly string[], folder: string): Promise<Omit<Outcome, "stdout">> {
  const child = start(args, { folder });
  let stderr = "";
  child.stderr!.on("data", (piece) => {
    stderr += piece;
  });
  const head = spawn("head", ["-1"], { stdio: ["pipe", "ignore", "ignore"] });
  // The reader may go with an error on the way to it or without one: either way nobody reads any more.
  head.stdin.on("error", () => {});
  head.on("exit", () => child.stdout!.destroy());
  child.stdout!.pipe(head.stdin);
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  return { code, stderr };
}

export function ending(child: ChildProcess): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  child.stdout!.setEncoding("utf8").on("data", (piece) => {
    stdout += piece;
  });
  child.stderr!.setEncoding("utf8").on("data", (piece) => {
    stderr += piece;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const applicationsYaml = `# Who may come in.
applications:
  - name: wiki # the team's
    password: "{SSHA}JT1yM4EPx/qU3x+BqwmzUmNKlea42Km2cphbHQ=="
    addresses: ["127.0.0.1", "192.0.2.0/24"]
    access: read-write

  # Users log in, nothing else.
  - name: tracker
    password: "{SSHA}JT1yM4EPx/qU3x+BqwmzUmNKlea42Km2cphbHQ=="
    addresses: ["2001:db8::/32"]
    access: login
    login: [tracker-users]
    enabled: false
`;

export const serverYaml = `suffix: dc=example,dc=com
listen: [ldap://127.0.0.1:0]
store: { path: data }
passwords: { cost: 4 }
`;

/** A folder to run in, with its configuration in `config` and its store in `config/data`. */
export async function installation(more = ""): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config/server.yaml"), serverYaml + more);
  await writeFile(join(folder, "config/applications.yaml"), applicationsYaml);
  return folder;
}

export async function write(folder: string, name: string, text: string | Buffer): Promise<void> {
  await writeFile(join(folder, name), text);
}

export function read(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), "utf8");
}

/** The suffix and its units. */
export const units = `dn: dc=example,dc=com
objectClass: top
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: top
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: top
objectClass: organizationalUnit
ou: groups
`;

export function person(uid: string, ...more: readonly string[]): string {
  return `
dn: uid=${uid},ou=people,dc=example,dc=com
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
${more.map((line) => `${line}\n`).join("")}`;
}

export function group(cn: string, ...members: readonly string[]): string {
  return `
dn: cn=${cn},ou=groups,dc=example,dc=com
objectClass: top
objectClass: groupOfNames
cn: ${cn}
${members.map((member) => `member: ${member}\n`).join("")}`;
}
