// The configuration as a whole: read once, frozen, or refused with every fault. Start-up, reload and `check` all
// come here. What it reads besides server.yaml and the files of applications: those of `tls`, whole, and that the seed is a file that can be read.
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Dn } from "../model/dn.js";
import { loadApplications } from "./application-files.js";
import type { ApplicationSettings } from "./application-settings.js";
import { isMissing, unreadable } from "./file-failure.js";
import { deepFreeze } from "./freeze.js";
import { byPlace, type Problem } from "./problem.js";
import { readServerSettings, type ServerSettings } from "./server-settings.js";
import { nowhere, readText, wholeFile } from "./text-file.js";
import { readTlsFiles, type TlsFiles } from "./tls-files.js";

export interface Settings {
  readonly server: ServerSettings;
  /** Where the server has `tls`. */
  readonly tlsFiles?: TlsFiles;
  readonly applications: readonly ApplicationSettings[];
  /** Of the texts that the applications were read from: see `loadApplications`. */
  readonly applicationsDigest: string;
}

export const serverFileName = "server.yaml";

/**
 * Reads the configuration. `withTls`: also the files that `tls` names, which matter to the server alone: a certificate
 * that is being renewed keeps nobody from making a backup. `wrongApplications`: their digest, where they have faults.
 */
export async function loadSettings(
  folder: string,
  { withTls = true }: { withTls?: boolean } = {},
): Promise<{ settings: Settings } | { problems: readonly Problem[]; wrongApplications?: string }> {
  const missing = await folderProblem(folder);
  if (missing !== undefined) return { problems: [missing] };
  const server = await readServerFile(folder, withTls);
  const found = await loadApplications(folder, { suffix: "problems" in server ? server.suffix : server.server.suffix });
  if ("problems" in server || "problems" in found) {
    return {
      problems: [server, found].flatMap((read) => ("problems" in read ? read.problems : [])),
      ...("problems" in found ? { wrongApplications: found.digest } : {}),
    };
  }
  const { applications, digest } = found;
  return { settings: deepFreeze({ ...server, applications, applicationsDigest: digest }) };
}

async function readServerFile(
  folder: string,
  withTls: boolean,
): Promise<{ server: ServerSettings; tlsFiles?: TlsFiles } | { problems: readonly Problem[]; suffix?: Dn }> {
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
    return { problems: problems.toSorted(byPlace), suffix: server.suffix };
  }
  return { server, ...(tls && "files" in tls ? { tlsFiles: tls.files } : {}) };
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

async function seedFault(seed: string | undefined): Promise<string | undefined> {
  if (seed === undefined) return undefined;
  try {
    await access(seed, constants.R_OK);
    return (await stat(seed)).isFile() ? undefined : `${seed} is not a file: an LDIF file is expected`;
  } catch (error) {
    return `${seed}: ${isMissing(error) ? "there is no such file" : unreadable(error)}`;
  }
}
