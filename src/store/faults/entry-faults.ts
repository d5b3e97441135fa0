// Entries by themselves: their rows, and their passwords.
import type { NormalForm } from "../../model/schema.js";
import { type StoredEntry, uuidText } from "../entry-row.js";
import { idAt, type Key, keys } from "../keys.js";
import { below, shown, someEntries } from "./sentences.js";
import { isWholeSecrets, readEntry, readId } from "./strict-rows.js";
import type { Survey } from "./survey.js";

/** Entries that are not in the tree where they say. */
export interface Misplaced {
  /** What is to be said of each. */
  readonly entries: Map<number, string>;
  /** Tree rows that have another in the place of one. */
  readonly keys: Set<Key>;
}

/** Tells what is wrong with entries by themselves. Returns those that are not in the tree where they say, and why. */
export async function* entryFaults(survey: Survey): AsyncGenerator<string, Misplaced, void> {
  const { revision } = survey.store;
  const uuids = new Map<string, number>();
  const uncommitted: number[] = [];
  const misplaced: Misplaced = { entries: new Map(), keys: new Set() };
  for await (const found of survey.rowsOf("e")) {
    for (const { key, value } of found) {
      const id = idAt(key, 1);
      survey.entryRows++;
      const read = readEntry(id, value, survey.store);
      if (typeof read === "string") {
        survey.doubtful.add(id);
        yield `the row of entry ${id} is damaged: ${read}`;
        continue;
      }
      const { entry, name, kind } = read;
      survey.entries.set(id, entry.parent);
      if (kind !== entry.kind) yield `entry ${id} is kept as ${entry.kind}, but its object classes make it ${kind}`;
      const uuid = uuidText(entry.uuid);
      const other = uuids.get(uuid);
      if (other === undefined) uuids.set(uuid, id);
      else yield `entry ${id} has the same entryUUID as entry ${other}: ${uuid}`;
      if (entry.revision > revision) uncommitted.push(id);
      seek(survey, entry, name, misplaced);
    }
  }
  if (uncommitted.length > 0)
    yield `${someEntries(uncommitted, "was", "were")} changed after revision ${revision}, the last that was committed`;
  return misplaced;
}

/** Looks for an entry in the tree, under its name. */
function seek({ rows }: Survey, { id, parent, rdn }: StoredEntry, name: NormalForm, misplaced: Misplaced): void {
  const key = keys.child(parent, name);
  const child = rows.get(key);
  const there = child && readId(child);
  // A row that holds no id is told where the tree is read.
  if (there === id || typeof there === "string") return;
  if (there !== undefined) misplaced.keys.add(key);
  const why = there === undefined ? ` ${below(parent)}` : `: entry ${there} is there`;
  misplaced.entries.set(id, `entry ${id} (${shown(rdn, "utf8")}) is not in the tree under its name${why}`);
}

export async function* passwordFaults(survey: Survey): AsyncGenerator<string> {
  for await (const found of survey.rowsOf("s")) {
    for (const { key, value } of found) {
      const id = idAt(key, 1);
      if (survey.isNews(id)) yield `there are passwords of entry ${id}, which does not exist`;
      else if (!isWholeSecrets(value)) yield `the passwords of entry ${id} are damaged`;
    }
  }
}
