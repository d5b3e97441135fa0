// What stands once for the whole store: the change log, the count of entries, the last id, the numbers of attribute types.
import { idAt, keys } from "../keys.js";
import { anEntry, totalFaults } from "./count-faults.js";
import { shown, someEntries } from "./sentences.js";
import { attributeNumberOf, isJson, readId } from "./strict-rows.js";
import type { Survey } from "./survey.js";

export async function* changeFaults(survey: Survey): AsyncGenerator<string> {
  const { revision } = survey.store;
  let expected: number | undefined;
  for await (const found of survey.rowsOf("l")) {
    for (const { key, value } of found) {
      const at = idAt(key, 1);
      if (!isJson(value)) yield `the change record of revision ${at} is damaged`;
      if (expected !== undefined && at !== expected) yield `the change log lacks revision ${expected}`;
      expected = at + 1;
    }
  }
  if (expected !== undefined && expected !== revision + 1)
    yield `the change log ends at revision ${expected - 1}, the store is at ${revision}`;
}

/** Entries that others name and that have no row may have been counted. */
export function entryCountFaults(survey: Survey): Generator<string> {
  const { entries, doubtful, entryRows } = survey;
  const possible = entries.size + doubtful.size - entryRows;
  return totalFaults(survey, "entries", { certain: entryRows, possible }, anEntry);
}

export function* lastIdFaults({ rows, entries }: Survey): Generator<string> {
  const row = rows.get(keys.meta("lastId"));
  const last = row === undefined ? 0 : readId(row);
  if (typeof last === "string") {
    yield `the last id given out is damaged: ${last}`;
    return;
  }
  const above = [...entries.keys()].filter((id) => id > last);
  if (above.length > 0) yield `${someEntries(above, "is", "are")} above ${last}, the last id that was given out`;
}

export async function* attributeNumberFaults(survey: Survey): AsyncGenerator<string> {
  const types = new Map<number, string>();
  for await (const found of survey.rowsOf("a")) {
    for (const { key, value } of found) {
      const type = key.slice(1);
      const number = attributeNumberOf(value);
      if (number === undefined) {
        yield `the number of the attribute type ${shown(type)} is damaged`;
        continue;
      }
      const other = types.get(number);
      if (other !== undefined) yield `the attribute types ${shown(other)} and ${shown(type)} have the same number`;
      types.set(number, type);
    }
  }
}
