// The configuration as a whole: read once, frozen, or refused with every fault. Start-up, reload and `check` all
// come here. What it reads besides the two files: those of `tls`, whole, and that the seed is a file that can be read.
import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ApplicationSettings, readApplications } from "./application-settings.js";
import { isMissing, unreadable } from "./file-failure.js";
import { deepFreeze } from "./freeze.js";
import { byPlace, type Problem } from "./problem.js";
import { readServerSettings, type ServerSettings } from "./server-settings.js";
import { readTlsFiles, type TlsFiles } from "./tls-files.js";

export interface Settings {
  readonly server: ServerSettings;
  /** Where the server has `tls`. */
  readonly tlsFiles?: TlsFiles;
  readonly applications: readonly ApplicationSettings[];
}

export const serverFileName = "server.yaml";
export const applicationsFileName = "applications.yaml";

/** Far above any configuration; what is larger is some other file. */
const longestFile = 16 * 1024 * 1024;

/**
 * Reads the configuration. `withTls`: also the files that `tls` names, which matter to the server alone: a certificate
 * that is being renewed keeps nobody from making a backup.
 */
export async function loadSettings(
  folder: string,
  { withTls = true }: { withTls?: boolean } = {},
): Promise<{ settings: Settings } | { problems: readonly Problem[] }> {
  const missing = await folderProblem(folder);
  if (missing !== undefined) return { problems: [missing] };
  const [server, applications] = await Promise.all([readServerFile(folder, withTls), readApplicationsFile(folder)]);
  if ("problems" in server || "problems" in applications) {
    return { problems: [server, applications].flatMap((read) => ("problems" in read ? read.problems : [])) };
  }
  return { settings: deepFreeze({ ...server, ...applications }) };
}

async function readServerFile(
  folder: string,
  withTls: boolean,
): Promise<{ server: ServerSettings; tlsFiles?: TlsFiles } | { problems: readonly Problem[] }> {
  const file = join(folder, serverFileName);
  const source = await readText(file);
  if (typeof source !== "string") return { problems: [source] };
  const read = readServerSettings(source, { file, folder: resolve(folder) });
  if ("problems" in read) return read;
  const { server, placeOf } = read;
  const tls = withTls && server.tls && (await readTlsFiles(server.tls));
  const faults = tls && "faults" in tls ? tls.faults.map(({ key, message }) => ({ path: `tls.${key}`, message })) : [];
  const seed = await seedFault(server.seed);
  if (seed !== undefined) faults.push({ path: "seed", message: seed });
  if (faults.length > 0) {
    const problems = faults.map((fault): Problem => ({ file, ...(placeOf(fault.path) ?? nowhere), ...fault }));
    return { problems: problems.toSorted(byPlace) };
  }
  return { server, ...(tls && "files" in tls ? { tlsFiles: tls.files } : {}) };
}

async function readApplicationsFile(folder: string) {
  const file = join(folder, applicationsFileName);
  const source = await readText(file);
  return typeof source === "string" ? readApplications(source, file) : { problems: [source] };
}

async function folderProblem(folder: string): Promise<Problem | undefined> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    return wholeFile(
      folder,
      isMissing(found) ? "there is no such folder: `gatehouse init` makes a configuration" : unreadable(found),
    );
  }
  return found.isDirectory()
    ? undefined
    : wholeFile(folder, "is not a folder: the folder that holds server.yaml is expected");
}

async function readText(file: string): Promise<string | Problem> {
  try {
    const { size } = await stat(file);
    if (size > longestFile) return wholeFile(file, `is ${size} bytes long; at most ${longestFile} are read`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (error) {
    if (error instanceof TypeError) return wholeFile(file, "is not UTF-8 text");
    return wholeFile(
      file,
      isMissing(error) ? "there is no such file: `gatehouse init` makes a configuration" : unreadable(error),
    );
  }
}

async function seedFault(seed: string | undefined): Promise<string | undefined> {
  if (seed === undefined) return undefined;
  try {
    await access(seed, constants.R_OK);
    return (await stat(seed)).isFile() ? undefined : `${seed} is not a file: an LDIF file is expected`;
  } catch (error) {
    return `${seed}: ${isMissing(error) ? "there is no such file" : unreadable(error)}`;
  }
}

/** Where the fault is the file itself. */
const nowhere = { line: 0, column: 0 };

function wholeFile(file: string, message: string): Problem {
  return { file, ...nowhere, path: "", message };
}
