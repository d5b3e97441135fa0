// The folder that a store lies in, and what LevelDB says of its files, in sentences.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { LdapError } from "../model/failure.js";

/** A file of the store cannot be read: not for a client to know, but for whoever runs the server. */
export class DamagedStore extends Error {
  constructor(path: string, cause: unknown) {
    super(`the store at ${path} is damaged, or its disk is (${reasonOf(cause)}); restore it from a backup`, { cause });
    this.name = "DamagedStore";
  }
}

const levelFault = /^(Corruption|IO error): /;

/** What a failed read throws: of a damaged file a DamagedStore, any other error as it is. */
export function readFailure(path: string, error: unknown): unknown {
  // Not every way into LevelDB gives these errors a code.
  return levelFault.test(reasonOf(error)) ? new DamagedStore(path, error) : error;
}

/** LevelDB takes a folder without this file for a new store, and removes the tables in it. */
const currentFile = "CURRENT";
const levelFile = /^(MANIFEST-\d+|\d+\.(ldb|sst|log))$/;

/** Whether a folder holds a store, or what is left of one. */
export function isStore(path: string): boolean {
  return existsSync(join(path, currentFile)) || partOf(path) !== undefined;
}

function partOf(path: string): string | undefined {
  return existsSync(path) ? readdirSync(path).find((name) => levelFile.test(name)) : undefined;
}

/** Throws `unavailable` for a folder that a part of a store was copied to. */
export function requireWhole(path: string): void {
  if (existsSync(join(path, currentFile))) return;
  const left = partOf(path);
  if (left === undefined) return;
  throw new LdapError(
    "unavailable",
    `the store at ${path} is not whole: ${left} is there and ${currentFile} is missing; restore all of its files, or remove them all to begin anew`,
  );
}

/** Why the store cannot be opened, in a sentence. */
export function openFailure(path: string, error: unknown): string {
  const codes = errorCodes(error);
  if (codes.includes("LEVEL_LOCKED")) {
    return `the store at ${path} is in use by another process (a running server?): stop it, or let it be reached by an ldapi:// address`;
  }
  return `the store at ${path} cannot be opened: ${reasonOf(error)}`;
}

/** What LevelDB itself said. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function errorCodes(error: unknown): string[] {
  const found: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") found.push(at.code);
  }
  return found;
}
