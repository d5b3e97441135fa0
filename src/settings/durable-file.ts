import { randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A new file holds hashes: nobody else reads it. */
const newFileMode = 0o600;

/**
 * Writes the whole file or leaves the old one: into a temporary file beside it, to disk, then in its place. An old
 * file's mode is kept, and its owner and group as far as this process may give files away. A symbolic link is followed.
 * Whoever reads meanwhile gets the old or the new text, whole.
 */
export async function writeFileDurably(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(orMissing(path));
  const old = await stat(target).catch(orMissing(undefined));
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", newFileMode);
    try {
      await file.writeFile(text, "utf8");
      if (old) await becomeLike(old, file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Gives a file the owner, the group and the mode of another. */
async function becomeLike({ uid, gid, mode }: Stats, file: FileHandle): Promise<void> {
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) {
    // Only root gives a file to another owner; its group may be any that the process is in.
    await file.chown(uid, gid).catch(() => file.chown(own.uid, gid).catch(unlessRefused));
  }
  const { gid: kept } = await file.stat();
  // What one group might read is not for another.
  await file.chmod(kept === gid ? mode & 0o777 : mode & 0o707);
}

/** Not allowed, no such owner in this container, or a file system that has none. */
const refusals: readonly (string | undefined)[] = ["EPERM", "EINVAL", "ENOTSUP", "ENOSYS"];

function unlessRefused(error: NodeJS.ErrnoException): void {
  if (!refusals.includes(error.code)) throw error;
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
