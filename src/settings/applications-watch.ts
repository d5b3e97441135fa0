// Whether the files of applications have changed, looked at now and then.
import { stat } from "node:fs/promises";
import { applicationFiles } from "./application-files.js";

/** How often the files are looked at, in milliseconds. By name, so that links and files put in their place are followed. */
const lookEvery = 1000;

/**
 * Tells when the files of applications have changed and then been left alone from one look to the next: an editor that
 * writes a file in pieces is done by then, or else has left a fault to be told. It tells once at the beginning as well:
 * what changed since the caller read them would be seen by nobody. Returns what ends it.
 */
export function watchApplications(folder: string, changed: () => void, every: number = lookEvery): () => void {
  let seen = "";
  let isTold = false;
  let isLooking = false;
  let isWatching = true;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    const found = await fingerprint(folder);
    isLooking = false;
    if (!isWatching) return;
    if (found !== seen) {
      seen = found;
      isTold = false;
    } else if (!isTold) {
      isTold = true;
      changed();
    }
  };
  const timer = setInterval(() => void look(), every);
  timer.unref();
  return () => {
    isWatching = false;
    clearInterval(timer);
  };
}

/** Another one as soon as one of the files is another, or there is one more or less. */
async function fingerprint(folder: string): Promise<string> {
  const files = await applicationFiles(folder).catch((error: unknown) => [String(error)]);
  const marks = await Promise.all(files.map(markOf));
  return JSON.stringify([files, marks]);
}

async function markOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path);
    return [ino, size, mtimeMs, ctimeMs].join(" ");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
