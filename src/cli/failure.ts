// How a command fails: in sentences for a person, never with a stack trace.
import { LdapError } from "../model/failure.js";
import { formatProblem, type Problem, SettingError } from "../settings/problem.js";
import { DamagedStore } from "../store/store-files.js";

/** Ends a command. Each sentence is a line on stderr; there may be none where all has been said. */
export class Failure extends Error {
  readonly sentences: readonly string[];
  readonly exitCode: number;

  constructor(sentences: string | readonly string[], { exitCode = 1 }: { exitCode?: number } = {}) {
    super([sentences].flat().join("\n"));
    this.sentences = [sentences].flat();
    this.exitCode = exitCode;
  }
}

/** The configuration is wrong: every fault, each at its place. */
export function wrongSettings(problems: readonly Problem[]): Failure {
  return new Failure(problems.map(formatProblem));
}

/** What a person is told of an error. */
export function sentencesOf(error: unknown): readonly string[] {
  if (error instanceof Failure) return error.sentences;
  if (error instanceof LdapError || error instanceof SettingError || error instanceof DamagedStore)
    return [`gatehouse: ${error.message}`];
  return [`gatehouse: ${systemSentence(error) ?? `this should not have happened: ${String(error)}`}`];
}

const systemSentences: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder",
  ENOTDIR: "what should be a folder on the way there is a file",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  EEXIST: "it exists already",
  EADDRINUSE: "the address is in use by another process",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "the host name is not known",
};

/** Below it, a port is for the administrator. */
const firstFreePort = 1024;
const lowPortSentence = `permission denied: an ordinary user cannot listen on a port below ${firstFreePort}; take a higher one, or give the process CAP_NET_BIND_SERVICE`;

function systemSentence(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  if (!("syscall" in error)) return undefined;
  const { path, address, port } = error as { path?: string; address?: string; port?: number };
  const isLowPort = error.code === "EACCES" && port !== undefined && port >= 0 && port < firstFreePort;
  const reason = isLowPort ? lowPortSentence : systemSentences[error.code];
  const subject =
    path ?? (address === undefined ? undefined : `${address}${port === undefined || port < 0 ? "" : `:${port}`}`);
  return subject === undefined ? (reason ?? error.message) : `${subject}: ${reason ?? error.message}`;
}
