// The server: every room put together, started and stopped in order.
import { ApplicationRegistry } from "./access/application.js";
import { ApplicationMirror } from "./access/application-mirror.js";
import { ComputedAttributes } from "./access/computed-attributes.js";
import { Authenticator } from "./auth/authenticator.js";
import type { Clock } from "./model/clock.js";
import { standardSchema } from "./model/standard-schema.js";
import type { Services } from "./operations/context.js";
import { PasswordHasher } from "./passwords/hasher.js";
import { loadSettings, type Settings } from "./settings/load-settings.js";
import { makeFolder } from "./settings/make-folder.js";
import type { Problem } from "./settings/problem.js";
import type { ServerSettings } from "./settings/server-settings.js";
import { LevelStore } from "./store/level-store.js";
import { AuditTrail } from "./telemetry/audit.js";
import type { Log } from "./telemetry/log.js";
import { Metrics } from "./telemetry/metrics.js";
import { Listener } from "./wire/listener.js";

/** How long operations under way may take to finish when the server stops, in milliseconds. */
const grace = 5000;

export interface ServerOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** The folder that the settings were read from, to read them again. */
  readonly folder: string;
  /** Fills a store that was never written to, before anybody can connect. */
  readonly seed?: (store: LevelStore, hasher: PasswordHasher) => Promise<void>;
}

export interface RunningServer {
  /** The URLs that are bound. */
  readonly listen: readonly string[];
  readonly metrics: Metrics;
  /** Rereads the configuration. Where it is wrong, the old one stays and the problems are returned. */
  reload(): Promise<readonly Problem[]>;
  /** Lets operations finish, says goodbye, closes the store. */
  stop(): Promise<void>;
}

/** Opens the store and listens. Where it throws, nothing is left open. */
export async function startServer(settings: Settings, options: ServerOptions): Promise<RunningServer> {
  const { log, clock, folder } = options;
  const { server } = settings;
  const schema = standardSchema;
  const closers: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const audit = new AuditTrail(server.log.audit, log);
    closers.push(() => audit.close());
    const { suffix, limits } = server;
    makeFolder(server.storePath);
    const store = await LevelStore.open({ path: server.storePath, suffix, schema, limits, clock });
    closers.push(() => store.close());
    const hasher = new PasswordHasher({ queue: limits.passwordQueue, cost: server.passwords.cost });
    closers.push(() => hasher.close());
    // Once only: whoever has emptied the directory does not want the seed back.
    if (store.revision === 0) await options.seed?.(store, hasher);
    await hasher.warm();

    const applications = new ApplicationRegistry(suffix, schema, settings.applications);
    const mirror = new ApplicationMirror(applications, schema, clock());
    const directory = { store, applications, mirror, computed: new ComputedAttributes(schema), clock };
    const services: Services = { directory, applications, authenticator: new Authenticator(hasher), limits, clock };
    const metrics = new Metrics();
    store.onCommit(() => metrics.committed(1));
    const listener = new Listener(services, { log, audit, metrics });
    closers.push(() => listener.close(grace));
    const listen: string[] = [];
    for (const address of server.listen) listen.push(await listener.listen(address));
    // Beside the first requests, not before them.
    store.warm().catch((error: unknown) => log.warn({ err: error }, "the cache could not be warmed"));
    // One after the other: the list that was read last is the one that stays.
    let reloaded: Promise<unknown> = Promise.resolve();
    const reloadNext = () => {
      const next = reloaded.then(() => reload(folder, server, applications, audit, log));
      reloaded = next.catch(() => {});
      return next;
    };
    return { listen, metrics, reload: reloadNext, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What can change while the server runs is the list of applications; the audit file is opened anew for rotation. */
async function reload(
  folder: string,
  started: ServerSettings,
  applications: ApplicationRegistry,
  audit: AuditTrail,
  log: Log,
): Promise<readonly Problem[]> {
  await audit.reopen();
  const read = await loadSettings(folder);
  if ("problems" in read) return read.problems;
  applications.replace(read.settings.applications);
  const keys = changedKeys(started, read.settings.server);
  if (keys.length > 0) log.warn({ keys }, `changed in server.yaml, takes a restart: ${keys.join(", ")}`);
  return [];
}

/** The keys of server.yaml that would mean something else after a restart. The seed of a store that is there would not. */
function changedKeys(before: ServerSettings, now: ServerSettings): string[] {
  const was = keyTexts(before);
  return [...keyTexts(now)].filter(([key, text]) => was.get(key) !== text).map(([key]) => key);
}

function keyTexts({ suffix, listen, storePath, passwords, log, limits }: ServerSettings): Map<string, string> {
  const grouped = Object.entries({ passwords, log: { audit: undefined, ...log }, limits });
  return new Map([
    ["suffix", suffix.toString()],
    ["listen", listen.map(({ text }) => text).join(" ")],
    ["store.path", storePath],
    ...grouped.flatMap(([name, group]) =>
      Object.entries(group).map(([key, value]): [string, string] => [`${name}.${key}`, String(value)]),
    ),
  ]);
}
