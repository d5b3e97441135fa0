import { randomUUID } from "node:crypto";
import { chmod, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A new file holds hashes: nobody else reads it. */
const newFileMode = 0o600;

/**
 * Writes the whole file or leaves the old one: into a temporary file beside it, to disk, then in its place. An old
 * file's mode is kept, and a symbolic link is followed. Whoever reads meanwhile gets the old or the new text, whole.
 */
export async function writeFileDurably(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(orMissing(path));
  const mode = await stat(target).then((found) => found.mode & 0o777, orMissing(newFileMode));
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", newFileMode);
    try {
      await file.writeFile(text, "utf8");
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, mode);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

/** The new name is on disk only when the folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function orMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code !== "ENOENT") throw error;
    return value;
  };
}
