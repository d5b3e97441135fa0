// Servers for tests: the real one, on a free port, with a store of its own and the sample configuration. Afterwards each
// is stopped, its store is looked through for faults, and its log must hold no error.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, expect } from "vitest";
import { importFile } from "../../src/cli/import-run.js";
import { openSource } from "../../src/cli/import-source.js";
import type { Clock } from "../../src/model/clock.js";
import type { Limits } from "../../src/model/limits.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import type { PasswordHasher } from "../../src/passwords/hasher.js";
import { type RunningServer, startServer } from "../../src/server.js";
import { loadSettings, type Settings } from "../../src/settings/load-settings.js";
import { formatProblem } from "../../src/settings/problem.js";
import { faultsIn } from "../../src/store/faults/faults.js";
import { LevelStore } from "../../src/store/level-store.js";
import { createLog } from "../../src/telemetry/log.js";

export interface ServerSetting {
  /** `test`, the default: stopped after the test that started it. `file`: after all tests of the file. */
  readonly lasts?: "test" | "file";
  /** Where it listens; default: one free port of 127.0.0.1. `url` and `port` are of the first. */
  readonly listen?: readonly string[];
  /** More lines of server.yaml, such as `tls: { … }`. */
  readonly server?: string;
  /** The text of applications.yaml; default: the sample one, its passwords at a price for tests. */
  readonly applications?: string;
  /** Any value: what a configuration may not set can be tested all the same. */
  readonly limits?: Partial<Limits>;
  /** LDIF, or what fills the empty store; default: the sample data. */
  readonly seed?: string | ((store: LevelStore, hasher: PasswordHasher) => Promise<void>);
  readonly clock?: Clock;
  /** Of new bcrypt hashes; default: the least. */
  readonly cost?: number;
  /** Whether the log may hold errors. */
  readonly expectsErrors?: boolean;
}

export interface LogLine {
  readonly level: string;
  readonly msg?: string;
  readonly audit?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface StartedServer {
  readonly url: string;
  readonly port: number;
  /** The port of the URL that was bound for the n-th entry of `listen`. */
  portOf(n: number): number;
  /** Of the configuration: to change applications.yaml and `running.reload()` it. */
  readonly folder: string;
  readonly settings: Settings;
  readonly running: RunningServer;
  /** Everything logged so far, audit lines included. */
  readonly log: readonly LogLine[];
  /** Stops the server, and finds faults in its store and errors in its log. It can be stopped twice. */
  stop(): Promise<void>;
}

const sample = fileURLToPath(new URL("../../config/", import.meta.url));

const untilTestEnds = new Set<StartedServer>();
const untilFileEnds = new Set<StartedServer>();

afterEach(() => stopAll(untilTestEnds));
afterAll(() => stopAll(untilFileEnds));

async function stopAll(servers: Set<StartedServer>): Promise<void> {
  const all = [...servers];
  servers.clear();
  for (const outcome of await Promise.allSettled(all.map((server) => server.stop()))) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}

/** The real server, listening. A sample application NAME has the password NAME-secret, a sample user UID UID-secret. */
export async function startedServer(setting: ServerSetting = {}): Promise<StartedServer> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-server-"));
  await writeFile(join(folder, "server.yaml"), serverText(setting));
  await writeFile(join(folder, "applications.yaml"), setting.applications ?? (await sampleApplications()));
  await writeFile(join(folder, "seed.ldif"), typeof setting.seed === "string" ? setting.seed : await sampleSeed());
  const read = await loadSettings(folder);
  if ("problems" in read) throw new Error(read.problems.map(formatProblem).join("\n"));
  const { server } = read.settings;
  const settings: Settings = {
    ...read.settings,
    server: { ...server, limits: { ...server.limits, ...setting.limits } },
  };
  const clock = setting.clock ?? Date.now;
  const log: LogLine[] = [];
  const running = await startServer(settings, {
    log: createLog({ level: "info", destination: { write: (line) => log.push(JSON.parse(line)) } }),
    clock,
    folder,
    seed: typeof setting.seed === "function" ? setting.seed : (store, hasher) => load(store, hasher, settings),
  });
  const url = running.listen[0]!;
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await running.stop();
    const faults = await faultsOf(settings, clock);
    await rm(folder, { recursive: true, force: true });
    expect(faults).toEqual([]);
    if (!setting.expectsErrors) expect(log.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  };
  const started: StartedServer = {
    url,
    port: Number(/:(\d+)$/.exec(url)?.[1]),
    portOf: (n) => Number(/:(\d+)$/.exec(running.listen[n]!)?.[1]),
    folder,
    settings,
    running,
    log,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
  (setting.lasts === "file" ? untilFileEnds : untilTestEnds).add(started);
  return started;
}

const serverText = ({
  cost = 4,
  listen = ["ldap://127.0.0.1:0"],
  server = "",
}: ServerSetting) => `suffix: dc=example,dc=com
listen: ${JSON.stringify(listen)}
store: { path: data }
seed: seed.ldif
passwords: { cost: ${cost} }
${server}
`;

/** The sample applications.yaml, its bcrypt hashes replaced: they take a tenth of a second each. */
export async function sampleApplications(): Promise<string> {
  const text = await readFile(join(sample, "applications.yaml"), "utf8");
  const ofApplication = /^( +- name: (\S+)\n(?: +\S.*\n)*? +password: )"\{BCRYPT\}[^"]+"/gm;
  return text.replace(
    ofApplication,
    (_, before: string, name: string) => before + JSON.stringify(saltedSha(`${name}-secret`)),
  );
}

async function sampleSeed(): Promise<string> {
  const text = await readFile(join(sample, "example.ldif"), "utf8");
  const ofUser = /^(dn: uid=(\w+),[\s\S]*?userPassword: )\S+$/gm;
  return text.replace(ofUser, (_, before: string, uid: string) => before + saltedSha(`${uid}-secret`));
}

/** A password as it is stored, at no cost. */
export function saltedSha(password: string, salt = "salt"): string {
  const digest = createHash("sha1").update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, Buffer.from(salt)]).toString("base64")}`;
}

async function load(store: LevelStore, hasher: PasswordHasher, { server }: Settings): Promise<void> {
  const source = await openSource(server.seed!, server.limits.entryBytes);
  const { problems } = await importFile(source, store, hasher, { limits: server.limits });
  if (problems.count > 0) throw new Error(problems.lines().join("\n"));
}

async function faultsOf({ server }: Settings, clock: Clock): Promise<string[]> {
  const { storePath: path, suffix, limits } = server;
  const store = await LevelStore.open({ path, suffix, schema: standardSchema, limits, clock });
  const faults: string[] = [];
  for await (const fault of faultsIn(store)) faults.push(fault);
  await store.close();
  return faults;
}
