// gatehouse export: the directory as LDIF, from the server that runs or from its store.
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import type { Command } from "commander";
import type { Settings } from "../settings/load-settings.js";
import type { Reading } from "../store/reading.js";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf, withStore } from "./configuration.js";
import { type EntryWriterOptions, exportedPieces } from "./entry-writer.js";
import { Failure } from "./failure.js";
import { counted, note, pace } from "./output.js";
import { Progress } from "./progress.js";
import { exported, throughRunningServer } from "./running-server.js";

interface ExportOptions extends ConfigOption {
  readonly operational?: true;
  readonly force?: true;
}

export function exportEntries(program: Command): void {
  addCommand(
    program,
    "export [file]",
    "Write every entry as LDIF, into a file or to standard output (-), with the hashes of passwords: keep it safe. " +
      "Imported into an empty store it makes the same directory again. A server that runs must have a Unix socket " +
      "(ldapi:// in server.yaml); it hands out one moment and goes on working.",
    "gatehouse export backup.ldif --operational",
    "gatehouse export | gzip > backup.ldif.gz",
  )
    .option("--operational", "with entryUUID, and when and by whom each entry was written")
    .option("--force", "replace the file where it exists")
    .action(async (named: string | undefined, options: ExportOptions) => {
      const file = named === "-" ? undefined : named;
      if (file !== undefined && !options.force && existsSync(file)) {
        throw new Failure(`gatehouse: ${file} exists already, and is left as it is; --force replaces it`);
      }
      const settings = await settingsOf(options.config, { withTls: false });
      const began = performance.now();
      const run = { operational: options.operational ?? false };
      const entries = await fromServerOrStore(settings, run, (source) =>
        file === undefined ? toStdout(source) : toFile(file, source),
      );
      const time = pace(entries, "entries", performance.now() - began);
      note(`exported ${counted(entries, "entry", "entries")} in ${time}`);
    });
}

/** Where the entries come from: tells `onPiece` each piece of LDIF in turn, gives the number of entries. */
type Source = (onPiece: (piece: Buffer) => Promise<void>) => Promise<number>;

/** The server that runs, where it can be reached; or else the store, which nobody else has open. */
async function fromServerOrStore(
  settings: Settings,
  options: EntryWriterOptions,
  write: (source: Source) => Promise<number>,
): Promise<number> {
  const fromServer = await throughRunningServer(settings, (client) =>
    write((onPiece) => exported(client, options, onPiece)),
  );
  if (fromServer !== undefined) return fromServer;
  return withStore(settings, { make: false }, async (store) => {
    const reading = store.read();
    try {
      return await write((onPiece) => fromReading(reading, options, onPiece));
    } finally {
      reading.release();
    }
  });
}

async function fromReading(
  reading: Reading,
  options: EntryWriterOptions,
  onPiece: (piece: Buffer) => Promise<void>,
): Promise<number> {
  const pieces = exportedPieces(reading, options);
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) await onPiece(next.value);
  return next.value;
}

function toStdout(source: Source): Promise<number> {
  return shown(source, async (piece) => {
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  });
}

/** Whole or not at all, and for nobody else to read: an older file of that name stays until the new one is on disk. */
async function toFile(named: string, source: Source): Promise<number> {
  // What a symbolic link stands for is replaced, not the link.
  const path = existsSync(named) ? await realpath(named) : named;
  // A pipe or a device is not a place to put a file.
  if (existsSync(path) && !(await stat(path)).isFile()) return writeWhole(await open(path, "w"), source);
  const temporary = `${path}.${process.pid}.part`;
  // Errors are told of the name that a person gave, not of ours for the time being.
  const file = await open(temporary, "wx", 0o600).catch((error) => {
    throw Object.assign(error, { path: named });
  });
  const interrupted = (signal: NodeJS.Signals) => {
    rmSync(temporary, { force: true });
    process.kill(process.pid, signal);
  };
  for (const signal of interruptions) process.once(signal, interrupted);
  try {
    const entries = await writeWhole(file, source);
    await rename(temporary, path);
    return entries;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    for (const signal of interruptions) process.off(signal, interrupted);
  }
}

const interruptions = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function writeWhole(file: FileHandle, source: Source): Promise<number> {
  try {
    const entries = await shown(source, async (piece) => {
      await file.writeFile(piece);
    });
    if ((await file.stat()).isFile()) await file.sync();
    return entries;
  } finally {
    await file.close();
  }
}

/** With a line for whoever waits: how much has been written. */
async function shown(source: Source, write: (piece: Buffer) => Promise<void>): Promise<number> {
  const progress = new Progress(undefined);
  let bytes = 0;
  const entries = await source(async (piece) => {
    await write(piece);
    bytes += piece.length;
    progress.show(bytes, undefined);
  });
  progress.end();
  return entries;
}
