// The server: every room put together, started and stopped in order.
import { ApplicationRegistry } from "./access/application.js";
import { ApplicationMirror } from "./access/application-mirror.js";
import { ApplicationUpdates } from "./access/application-updates.js";
import { ComputedAttributes } from "./access/computed-attributes.js";
import { HostAddresses, hostsOf } from "./access/host-addresses.js";
import { Authenticator } from "./auth/authenticator.js";
import { type EntryWriterOptions, exportedPieces } from "./cli/entry-writer.js";
import { serverStatus } from "./cli/server-status.js";
import { explainWayIn } from "./cli/way-in.js";
import type { Clock } from "./model/clock.js";
import { standardSchema } from "./model/standard-schema.js";
import type { Services } from "./operations/context.js";
import { PasswordHasher } from "./passwords/hasher.js";
import { loadSettings, type Settings } from "./settings/load-settings.js";
import { makeFolder } from "./settings/make-folder.js";
import { formatProblem, type Problem } from "./settings/problem.js";
import type { ServerSettings } from "./settings/server-settings.js";
import { LevelStore } from "./store/level-store.js";
import { AuditTrail } from "./telemetry/audit.js";
import type { Log } from "./telemetry/log.js";
import { Metrics } from "./telemetry/metrics.js";
import { Certificates } from "./wire/certificates.js";
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
    const audit = new AuditTrail(server.log.audit, log, {
      rotation: { bytes: server.log.auditBytes, files: server.log.auditFiles },
      syslog: server.log.syslog,
    });
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

    const hosts = new HostAddresses({ log });
    closers.push(async () => hosts.close());
    await hosts.keep(hostsOf(settings.applications));
    const applications = new ApplicationRegistry(suffix, schema, settings.applications, hosts);
    const mirror = new ApplicationMirror(applications, schema, clock());
    const directory = { store, applications, mirror, computed: new ComputedAttributes(schema), clock };
    const metrics = new Metrics();
    const started = clock();
    // One after the other: what was read last is what stays.
    let turn: Promise<unknown> = Promise.resolve();
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
      const next = turn.then(work);
      turn = next.catch(() => {});
      return next;
    };
    const reloadNext = () => inTurn(() => reload(parts));
    const services: Services = {
      directory,
      applications,
      authenticator: new Authenticator(hasher),
      limits,
      clock,
      administration: {
        reload: async () => {
          const problems = await reloadNext();
          logReload(problems, log);
          return problems.map(formatProblem);
        },
        export: (options) => exportFrom(store, options),
        explain: (question) => explainWayIn(directory, question),
        status: () => serverStatus({ directory, metrics, started }),
      },
      ...(server.tls ? { tls: { required: server.tls.required } } : {}),
    };
    store.onCommit(() => metrics.committed(1));
    const telemetry = { log, audit, metrics };
    const listener = new Listener({ services, telemetry }, { tls: settings.tlsFiles, proxies: server.proxyProtocol });
    closers.push(async () => {
      // Whoever still waits for a password to be looked at by then is told that the server stops.
      const late = setTimeout(() => void hasher.close(), grace);
      await listener.close(grace);
      clearTimeout(late);
    });
    const certificates = new Certificates(listener, settings, log, clock);
    closers.push(async () => certificates.close());
    const updated = { folder, suffix, registry: applications, hosts, log, inTurn };
    const updates = new ApplicationUpdates(updated, settings.applicationsDigest);
    closers.push(async () => updates.close());
    const parts: Reloaded = { folder, started: server, updates, audit, certificates, log };
    const listen: string[] = [];
    for (const address of server.listen) listen.push(await listener.listen(address));
    // Beside the first requests, not before them.
    store.warm().catch((error: unknown) => log.warn({ err: error }, "the cache could not be warmed"));
    return { listen, metrics, reload: reloadNext, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The directory of this moment, for as long as it takes to hand it out. */
async function* exportFrom(store: LevelStore, options: EntryWriterOptions): AsyncGenerator<Buffer, number, void> {
  const reading = store.read();
  try {
    return yield* exportedPieces(reading, options);
  } finally {
    reading.release();
  }
}

interface Reloaded {
  readonly folder: string;
  readonly started: ServerSettings;
  readonly updates: ApplicationUpdates;
  readonly audit: AuditTrail;
  readonly certificates: Certificates;
  readonly log: Log;
}

/** What can change while the server runs are the applications and the certificates; the audit file is opened anew for rotation. */
async function reload(parts: Reloaded): Promise<readonly Problem[]> {
  const { folder, started, updates, audit, certificates, log } = parts;
  await audit.reopen();
  const read = await loadSettings(folder);
  if ("problems" in read) {
    if (read.wrongApplications !== undefined) updates.refuse(read.wrongApplications);
    return read.problems;
  }
  await updates.put(read.settings.applications, read.settings.applicationsDigest);
  certificates.renew(read.settings);
  const keys = changedKeys(started, read.settings.server);
  if (keys.length > 0) log.warn({ keys }, `changed in server.yaml, takes a restart: ${keys.join(", ")}`);
  return [];
}

/** Says in the log what came of a reload. */
export function logReload(problems: readonly Problem[], log: Log): void {
  for (const problem of problems) log.error({ problem: formatProblem(problem) }, "the configuration is wrong");
  log.info(problems.length > 0 ? "the old configuration stays" : "the configuration is read anew");
}

/** The keys of server.yaml that would mean something else after a restart. The seed of a store that is there would not. */
function changedKeys(before: ServerSettings, now: ServerSettings): string[] {
  const was = keyTexts(before);
  return [...keyTexts(now)].filter(([key, text]) => was.get(key) !== text).map(([key]) => key);
}

function keyTexts(settings: ServerSettings): Map<string, string> {
  const { suffix, listen, storePath, passwords, log, limits, tls, proxyProtocol } = settings;
  const grouped = Object.entries({ passwords, log: { audit: undefined, ...log, syslog: log.syslog?.text }, limits });
  return new Map([
    ["suffix", suffix.toString()],
    ["listen", listen.map(({ text }) => text).join(" ")],
    ["store.path", storePath],
    // The files may be others from one moment to the next; whether there are any may not.
    ["tls", String(tls !== undefined)],
    ["tls.required", String(tls?.required)],
    ["tls.clientCA", String(tls?.clientCA !== undefined)],
    ["proxyProtocol.trusted", String(proxyProtocol?.trusted)],
    ...grouped.flatMap(([name, group]) =>
      Object.entries(group).map(([key, value]): [string, string] => [`${name}.${key}`, String(value)]),
    ),
  ]);
}
