// gatehouse import: LDIF into a server that runs, or into its store.
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { standardSchema } from "../model/standard-schema.js";
import { PasswordHasher } from "../passwords/hasher.js";
import type { Settings } from "../settings/load-settings.js";
import type { LevelStore } from "../store/level-store.js";
import { addCommand, type ConfigOption } from "./command.js";
import { hasStore, settingsOf, withStore } from "./configuration.js";
import { EntryReader } from "./entry-reader.js";
import { Failure } from "./failure.js";
import { importOnline } from "./import-online.js";
import type { ImportProblems } from "./import-problems.js";
import { checkFile, type ImportOutcome, importFile } from "./import-run.js";
import { type ImportSource, openSource } from "./import-source.js";
import { counted, note, pace, print } from "./output.js";
import { Progress } from "./progress.js";
import { throughRunningServer } from "./running-server.js";

interface ImportCommandOptions extends ConfigOption {
  readonly continue?: true;
  readonly dryRun?: true;
  readonly allowFiles?: true;
}

export function importEntries(program: Command): void {
  addCommand(
    program,
    "import <file>",
    "Load an LDIF file, or standard input (-). A file with errors loads nothing. Into a store that holds entries, " +
      "change records (changetype: modify and so on) are applied in order, and the first that is refused ends the " +
      "import. A server that runs must have a Unix socket (ldapi:// in server.yaml), and gives entries its own entryUUIDs.",
    "gatehouse import people.ldif",
    "slapcat -b dc=example,dc=com | gatehouse import - --dry-run",
  )
    .option("--continue", "load what is right of a file with errors")
    .option("--dry-run", "say what is wrong with the file, and load nothing")
    .option("--allow-files", "read the files that the file names (attribute:< file:///path)")
    .action(async (file: string, options: ImportCommandOptions) => {
      const settings = await settingsOf(options.config, { withTls: false });
      const source = await openSource(file, settings.server.limits.entryBytes, options.allowFiles);
      const progress = new Progress(source.bytes);
      try {
        if (options.dryRun) await dryRun(source, settings, progress);
        else await load(source, settings, progress, options.continue ?? false);
      } finally {
        progress.end();
        await source.close();
      }
    });
}

/** Bytes of a file from which on a second thread has more to do than to begin. */
const worthAThread = 4 * 1024 * 1024;

async function dryRun(source: ImportSource, settings: Settings, progress: Progress): Promise<void> {
  const { suffix, limits } = settings.server;
  const reader = new EntryReader(standardSchema, suffix, limits);
  const run = (store?: LevelStore) => checkFile(source, reader, store, { progress: (...at) => progress.show(...at) });
  const { check, problems } = hasStore(settings) ? await withStore(settings, { make: false }, run) : await run();
  progress.end();
  refuseProblems(problems, "");
  refuseNothing(source, check);
  print(`${source.name} is right: ${described(check)} could be imported`);
}

async function load(source: ImportSource, settings: Settings, progress: Progress, continues: boolean): Promise<void> {
  const began = performance.now();
  const { suffix, limits } = settings.server;
  const outcome =
    (await throughRunningServer(settings, (client) =>
      importOnline(source, client, new EntryReader(standardSchema, suffix, limits), {
        continues,
        messageBytes: limits.messageBytes,
        progress: (...at) => progress.show(...at),
      }),
    )) ??
    (await withStore(settings, { make: true, isShared: true }, (store) =>
      intoStore(source, store, settings, progress, continues),
    ));
  progress.end();
  const { entries, changes, problems, unknownPasswords, replacedUuids = 0 } = outcome;
  if (problems.count === 0) refuseNothing(source, outcome);
  if (unknownPasswords > 0) {
    note(
      `${counted(unknownPasswords, "password")} of a scheme that is not known here: kept, but nobody can log in with one`,
    );
  }
  if (replacedUuids > 0 && entries > 0) {
    note("entryUUIDs, times and authors that the file gives are not kept: a running server gives its own");
  }
  const loaded = entries + changes;
  const isPartial = problems.count > 0 && loaded > 0;
  if (problems.count === 0 || continues) {
    print(
      `imported ${described(outcome)} in ${pace(loaded, changes > 0 ? "records" : "entries", performance.now() - began)}`,
    );
  }
  refuseProblems(problems, isPartial ? `: ${described(outcome)} imported` : ": nothing was imported");
}

async function intoStore(
  source: ImportSource,
  store: LevelStore,
  { server: { limits, passwords } }: Settings,
  progress: Progress,
  continues: boolean,
): Promise<ImportOutcome> {
  const hasher = new PasswordHasher({
    queue: limits.passwordQueue,
    cost: passwords.cost,
    threads: availableParallelism(),
  });
  try {
    return await importFile(source, store, hasher, {
      limits,
      continues,
      inThread: (source.bytes ?? Number.POSITIVE_INFINITY) >= worthAThread,
      progress: (...at) => progress.show(...at),
    });
  } finally {
    await hasher.close();
  }
}

/** A file that was cut off, or the output of a command that failed. */
function refuseNothing({ name }: ImportSource, { entries, changes }: Pick<ImportOutcome, "entries" | "changes">): void {
  if (entries + changes === 0) throw new Failure(`gatehouse: ${name}: the file holds no entries`);
}

function described({ entries, changes }: { readonly entries: number; readonly changes: number }): string {
  const done = [];
  if (entries > 0 || changes === 0) done.push(counted(entries, "entry", "entries"));
  if (changes > 0) done.push(counted(changes, "change"));
  return done.join(" and ");
}

function refuseProblems(problems: ImportProblems, consequence: string): void {
  if (problems.count === 0) return;
  throw new Failure([...problems.lines(), `${problems.file} has ${counted(problems.count, "error")}${consequence}`]);
}
