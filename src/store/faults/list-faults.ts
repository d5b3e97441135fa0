// Lists that have a head row, and the runs of those that are long (postings.ts).
import { type Key, keys } from "../keys.js";
import { sortedUnique } from "../postings.js";
import { type Row, rangeOf } from "../rows.js";
import { type Difference, difference } from "./difference.js";
import { measuredPart, spaces } from "./key-spaces.js";
import { addRun, headOf } from "./strict-rows.js";
import type { Survey } from "./survey.js";

/**
 * Tells what is wrong with the rows of a list. Where they can be read and the list is not the one that is wanted,
 * returns how it differs; whether it holds those to be ignored says nothing.
 */
export async function* listFaults(
  { rows, lists }: Survey,
  { key, value }: Row,
  wanted: readonly number[],
  ignored: ReadonlySet<number>,
): AsyncGenerator<string, Difference | undefined, void> {
  const head = headOf(value);
  if (head === undefined) {
    yield `the ${lists.listOf(key)} is damaged`;
    return undefined;
  }
  const { count, ids } = head;
  let isWhole = true;
  if (head.large) {
    for await (const runs of rangeOf(rows, keys.runs(key))) {
      for (const run of runs) {
        if (!spaces.R.fits(run.key) || addRun(ids, run)) continue;
        isWhole = false;
        yield lists.damagedRun(key, run.key);
      }
    }
  }
  if (!isWhole) return undefined;
  const listed = sortedUnique(ids);
  const differs = difference(listed, wanted, ignored);
  if (differs) return differs;
  if (listed.length !== count) yield `the ${lists.listOf(key)} holds ${listed.length}, but its count says ${count}`;
  return undefined;
}

/** Runs whose head does not know of them. */
export async function* runFaults(survey: Survey): AsyncGenerator<string> {
  let before: Key | undefined;
  for await (const found of survey.rowsOf("R")) {
    for (const { key } of found) {
      const head = measuredPart(key);
      if (head === before) continue;
      before = head;
      const row = survey.rows.get(head);
      const isKnown = row === undefined ? survey.headless.has(head) : (headOf(row)?.large ?? true);
      if (!isKnown) yield survey.lists.strayRun(head, key);
    }
  }
}
