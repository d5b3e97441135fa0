// A file that grows and the older ones beside it: audit.log, then audit.log.1, audit.log.2 …, the higher the older.
import { access, readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Moves the file to number 1 and each older one a number up; of more than `kept` the oldest is lost. Each step is one
 * rename, and a gap in the numbers ends the moving: killed or refused at any step, it has lost nothing, and what it
 * left undone the next one does.
 */
export async function moveAway(path: string, kept: number): Promise<void> {
  let free = 1;
  while (free < kept && (await exists(`${path}.${free}`))) free += 1;
  for (let number = free; number > 1; number -= 1) await rename(`${path}.${number - 1}`, `${path}.${number}`);
  await rename(path, `${path}.1`);
}

/** The numbers of the older files that are there, the youngest first. */
export async function olderNumbers(path: string): Promise<number[]> {
  const before = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name.startsWith(before) && /^[1-9]\d{0,5}$/.test(name.slice(before.length)))
    .map((name) => Number(name.slice(before.length)))
    .sort((a, b) => a - b);
}

export function olderFile(path: string, number: number): string {
  return join(dirname(path), `${basename(path)}.${number}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
