// gatehouse export: the store of a server that does not run, as LDIF.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { Command } from "commander";
import { LdifWriter } from "../ldif/writer.js";
import type { Reading } from "../store/reading.js";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf, withStore } from "./configuration.js";
import { EntryWriter, type EntryWriterOptions } from "./entry-writer.js";
import { Failure } from "./failure.js";
import { counted, note, pace } from "./output.js";
import { Progress } from "./progress.js";

interface ExportOptions extends ConfigOption {
  readonly operational?: true;
  readonly force?: true;
}

export function exportEntries(program: Command): void {
  addCommand(
    program,
    "export [file]",
    "Write every entry as LDIF, into a file or to standard output (-), with the hashes of passwords: keep it safe. " +
      "Imported into an empty store it makes the same directory again. The server must not run.",
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
      const settings = await settingsOf(options.config);
      const began = performance.now();
      await withStore(settings, { make: false }, async (store) => {
        const reading = store.read();
        try {
          const run = { operational: options.operational ?? false };
          const entries = file === undefined ? await toStdout(reading, run) : await toFile(file, reading, run);
          const time = pace(entries, "entries", performance.now() - began);
          note(`exported ${counted(entries, "entry", "entries")} in ${time}`);
        } finally {
          reading.release();
        }
      });
    });
}

function toStdout(reading: Reading, options: EntryWriterOptions): Promise<number> {
  return writeEntries(reading, options, async (piece) => {
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  });
}

/** Whole or not at all, and for nobody else to read: an older file of that name stays until the new one is on disk. */
async function toFile(path: string, reading: Reading, options: EntryWriterOptions): Promise<number> {
  const temporary = `${path}.${process.pid}.part`;
  // Errors are told of the name that a person gave, not of ours for the time being.
  const file = await open(temporary, "wx", 0o600).catch((error) => {
    throw Object.assign(error, { path });
  });
  try {
    const entries = await writeWhole(file, reading, options);
    await rename(temporary, path);
    return entries;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeWhole(file: FileHandle, reading: Reading, options: EntryWriterOptions): Promise<number> {
  try {
    const entries = await writeEntries(reading, options, async (piece) => {
      await file.writeFile(piece);
    });
    await file.sync();
    return entries;
  } finally {
    await file.close();
  }
}

async function writeEntries(
  reading: Reading,
  options: EntryWriterOptions,
  write: (piece: Buffer) => Promise<void>,
): Promise<number> {
  const writer = new LdifWriter();
  const progress = new Progress(undefined);
  let entries = 0;
  for await (entries of new EntryWriter(reading, writer, options).writeAll()) {
    await write(writer.take());
    progress.show(0, entries);
  }
  progress.end();
  return entries;
}
