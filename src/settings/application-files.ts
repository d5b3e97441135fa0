// The files that hold applications: applications.yaml, which the gatehouse command edits, and beside it whatever ends in
// .yaml in the folder applications.d, for those who keep one file for each application or let a program write them. They
// are read as one: a name stands in them once, and one fault keeps them all from being taken in.
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dn } from "../model/dn.js";
import { type ApplicationSettings, type NamePlace, readApplications } from "./application-settings.js";
import { isMissing, unreadable } from "./file-failure.js";
import { deepFreeze } from "./freeze.js";
import type { Problem } from "./problem.js";
import { readText, wholeFile } from "./text-file.js";

export const applicationsFileName = "applications.yaml";
export const applicationsFolderName = "applications.d";

export interface ApplicationFile {
  /** As a person would name it. */
  readonly file: string;
  readonly applications: readonly ApplicationSettings[];
}

/** `digest`: equal for two readings exactly when they found the same texts in the same files. */
export type LoadedApplications = { readonly digest: string } & (
  | { readonly applications: readonly ApplicationSettings[]; readonly files: readonly ApplicationFile[] }
  | { readonly problems: readonly Problem[] }
);

export interface LoadingApplications {
  /** Of server.yaml, where that is known: subtrees stand at or below it. */
  readonly suffix?: Dn | undefined;
  /** Stands in for the text of applications.yaml: to see whether it would be right. */
  readonly text?: string;
}

/** Reads all applications of a configuration: frozen, or every fault of every file. */
export async function loadApplications(
  folder: string,
  { suffix, text }: LoadingApplications = {},
): Promise<LoadedApplications> {
  const digest = createHash("sha256");
  const problems: Problem[] = [];
  const files: ApplicationFile[] = [];
  const names = new Map<string, NamePlace>();
  const found = await applicationFiles(folder).catch((error: unknown) => {
    problems.push(wholeFile(join(folder, applicationsFolderName), unreadable(error)));
    return [join(folder, applicationsFileName)];
  });
  for (const [n, file] of found.entries()) {
    const source = n === 0 && text !== undefined ? text : await readText(file);
    digest.update(JSON.stringify([file, source]));
    const read =
      typeof source === "string" ? readApplications(source, file, { suffix, names }) : { problems: [source] };
    if ("problems" in read) for (const problem of read.problems) problems.push(problem);
    else files.push({ file, applications: read.applications });
  }
  const outcome =
    problems.length > 0 ? { problems } : { applications: files.flatMap((one) => one.applications), files };
  return deepFreeze({ digest: digest.digest("hex"), ...outcome });
}

/** The paths of the files that hold applications: applications.yaml first, the others in the order of their names. */
export async function applicationFiles(folder: string): Promise<readonly string[]> {
  const below = join(folder, applicationsFolderName);
  const names = await readdir(below).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  // What editors put beside a file while it is open has a name that begins with a dot.
  const others = names.filter((name) => name.endsWith(".yaml") && !name.startsWith(".")).sort();
  return [join(folder, applicationsFileName), ...others.map((name) => join(below, name))];
}
