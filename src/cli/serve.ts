// gatehouse serve: the server, from its settings to its last signal.
import type { Command } from "commander";
import type { PasswordHasher } from "../passwords/hasher.js";
import type { Settings } from "../settings/load-settings.js";
import type { LevelStore } from "../store/level-store.js";
import { createLog, type Log } from "../telemetry/log.js";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf } from "./configuration.js";
import { Failure } from "./failure.js";
import { importFile } from "./import-run.js";
import { openSource } from "./import-source.js";
import { counted, note } from "./output.js";
import { sampleSearch } from "./sample-search.js";

export function serve(program: Command): void {
  addCommand(
    program,
    "serve",
    "Run the server. It logs to standard output. SIGTERM and SIGINT stop it, SIGHUP rereads applications.yaml and certificates.",
    "gatehouse serve --config /etc/gatehouse",
  ).action(async ({ config }: ConfigOption) => {
    // One that comes too early changes nothing: what is read now is not older than the signal.
    let reload = (): void => {};
    process.on("SIGHUP", () => reload());
    const settings = await settingsOf(config);
    const log = createLog({ level: settings.server.log.level, failed: hungUp });
    // Whoever closes the terminal that the server runs in expects it to end; a log that is lost in another way ends nothing.
    let hasTerminal = true;
    function hungUp({ code }: NodeJS.ErrnoException): void {
      if (code !== "EIO") return;
      hasTerminal = false;
      process.kill(process.pid, "SIGTERM");
    }
    const stopped = untilStopped(log);
    // Loaded here, because no other command needs it, and each would wait for it.
    const { logReload, startServer } = await import("../server.js");
    const server = await startServer(settings, {
      log,
      clock: Date.now,
      folder: config,
      seed: (store, hasher) => seed(store, hasher, settings, log),
    });
    const { reload: readAnew } = server;
    reload = () => void readAnew().then((problems) => logReload(problems, log));
    log.info({ listen: server.listen }, "ready");
    const search = await sampleSearch(settings, server.listen);
    if (search !== undefined) note(search);
    await stopped.begin();
    await server.stop();
    log.info("stopped");
    // Everything is closed. Node would put the terminal right at its end, and abort because there is none.
    if (!hasTerminal) process.kill(process.pid, "SIGKILL");
  });
}

/** Resolves with the first signal to stop. Before `begin`, and for the second one, the process ends at once: a store can stand that. */
function untilStopped(log: Log): { begin(): Promise<void> } {
  let stop: (() => void) | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (!stop) process.exit(0);
    log.info({ signal }, "stopping");
    stop();
    stop = undefined;
    for (const name of ["SIGTERM", "SIGINT"]) process.removeAllListeners(name).on(name, () => process.exit(1));
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.removeAllListeners(event).on(event, (error: unknown) => {
      log.fatal({ err: error }, "this should not have happened; the server ends");
      process.exit(1);
    });
  }
  return {
    begin: () =>
      new Promise((resolve) => {
        stop = resolve;
      }),
  };
}

/** Loads the seed into an empty store. */
async function seed(store: LevelStore, hasher: PasswordHasher, { server }: Settings, log: Log): Promise<void> {
  const { seed: file, limits } = server;
  if (file === undefined) return;
  const began = performance.now();
  const source = await openSource(file, limits.entryBytes);
  const { entries, problems, unknownPasswords } = await importFile(source, store, hasher, { limits });
  if (problems.count > 0) {
    throw new Failure([
      ...problems.lines(),
      `the seed ${file} has ${counted(problems.count, "error")}: nothing was loaded`,
    ]);
  }
  const milliseconds = Math.round(performance.now() - began);
  log.info({ file, entries, unknownPasswords, milliseconds }, "loaded the seed into the empty store");
}
