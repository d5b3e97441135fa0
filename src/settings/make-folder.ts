import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SettingError } from "./problem.js";

/** What a folder of ours holds is for nobody else to read. */
const newFolderMode = 0o700;

/**
 * Makes a folder and what is missing above it, one level at a time: where a file system takes no folders, as /proc,
 * Node's own recursive mkdir never comes back.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: newFolderMode });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") continue; // somebody else was faster
      if (code === "ENOENT") throw new SettingError(`${folder}: no folder can be made there`);
      throw error;
    }
  }
}
