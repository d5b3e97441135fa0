// The configuration and the store that it names, as commands need them.
import { standardSchema } from "../model/standard-schema.js";
import { loadSettings, type Settings } from "../settings/load-settings.js";
import { makeFolder } from "../settings/make-folder.js";
import { LevelStore } from "../store/level-store.js";
import { isStore } from "../store/store-files.js";
import { Failure, wrongSettings } from "./failure.js";

/** The settings; where they are wrong, a failure with every fault. `withTls`: see `loadSettings`. */
export async function settingsOf(folder: string, options: { withTls?: boolean } = {}): Promise<Settings> {
  const loaded = await loadSettings(folder, options);
  if ("problems" in loaded) throw wrongSettings(loaded.problems);
  return loaded.settings;
}

/** Commands write as much at once as they like: the limit is for clients. */
const writesWaiting = 4096;

/** Whether there is a store where the settings say, whole or not. */
export function hasStore({ server }: Settings): boolean {
  return isStore(server.storePath);
}

/**
 * Runs `work` on the store of the settings, which no server may have open meanwhile. `make`: where there is none, too;
 * `isShared`: other threads of this process may open it.
 */
export async function withStore<T>(
  settings: Settings,
  { make, isShared = false }: { make: boolean; isShared?: boolean },
  work: (store: LevelStore) => Promise<T>,
): Promise<T> {
  const { storePath, suffix, limits } = settings.server;
  if (!make && !hasStore(settings)) {
    throw new Failure(`gatehouse: there is no store at ${storePath}: a server makes it, or \`gatehouse import\``);
  }
  if (make) makeFolder(storePath);
  const store = await LevelStore.open({
    path: storePath,
    suffix,
    schema: standardSchema,
    limits: { ...limits, writesWaiting },
    clock: Date.now,
    isShared,
  });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
