// Certificates are renewed by programs that know nothing of this one: their files are looked at now and then.
import { type StatsListener, unwatchFile, watchFile } from "node:fs";
import type { TlsSettings } from "./server-settings.js";
import { readTlsFiles } from "./tls-files.js";

/** How often the files are looked at, in milliseconds. By name, so that links and files put in their place are followed. */
const lookEvery = 2000;

/**
 * Reads the files of `tls` anew whenever one of them has changed, and tells what was found: faults too, for a new key
 * that stands beside the old certificate for a moment is read again when the other file has changed as well. They are
 * also read once at the beginning: what changed since the caller read them would be seen by nobody. Returns what ends it.
 */
export function watchTlsFiles(
  tls: TlsSettings,
  changed: (read: Awaited<ReturnType<typeof readTlsFiles>>) => void,
): () => void {
  const paths = [tls.certificate, tls.key, tls.clientCA].filter((path) => path !== undefined);
  let isWatching = true;
  let isReading = false;
  let isStale = false;
  const read = async () => {
    isReading = true;
    do {
      isStale = false;
      const found = await readTlsFiles(tls).catch((error: unknown) => ({
        faults: [{ key: "certificate" as const, message: `${tls.certificate} cannot be read: ${String(error)}` }],
      }));
      if (isWatching && !isStale) changed(found);
    } while (isStale && isWatching);
    isReading = false;
  };
  const look: StatsListener = (now, before) => {
    if (now.mtimeMs === before.mtimeMs && now.ino === before.ino && now.size === before.size) return;
    isStale = true;
    if (!isReading) void read();
  };
  for (const path of paths) watchFile(path, { interval: lookEvery, persistent: false }, look);
  const first = setTimeout(() => {
    if (!isReading) void read();
  }, lookEvery);
  first.unref();
  return () => {
    isWatching = false;
    clearTimeout(first);
    for (const path of paths) unwatchFile(path, look);
  };
}
