// Counts, against what there is to be counted. What is doubtful may have been counted or not.
import { idAt, keys } from "../keys.js";
import { gathered } from "./gathered.js";
import { countOf } from "./strict-rows.js";
import type { Survey } from "./survey.js";

/** How many there are for certain, and how many more there may be. */
export interface Tally {
  certain: number;
  possible: number;
}

/** By id. */
export type Tallies = Map<number, Tally>;

/** One of what is counted, and many. */
export type Counted = readonly [one: string, many: string];

const aChild: Counted = ["child", "children"];
export const anEntry: Counted = ["entry", "entries"];
export const aMissingMember: Counted = ["missing member", "missing members"];

export function noTally(): Tally {
  return { certain: 0, possible: 0 };
}

export function tallyOf(tallies: Tallies, id: number): Tally {
  return gathered(tallies, id, noTally);
}

/** Tells how a count that one entry has differs from what it counts. */
export function* ownCountFaults(id: number, tally: Tally, said: number, what: Counted): Generator<string> {
  if (!isWithin(tally, said)) yield `entry ${id} has ${counted(tally, what)}, but the count says ${said}`;
}

/** Tells what is wrong with a count of the whole store; a store in which there is none has no such row. */
export function* totalFaults({ rows }: Survey, fact: string, tally: Tally, what: Counted): Generator<string> {
  const row = rows.get(keys.meta(fact));
  const said = row === undefined ? 0 : countOf(row);
  if (said === undefined) yield `the count of ${what[1]} is damaged`;
  else if (!isWithin(tally, said)) yield `${counted(tally, what)}, but the count says ${said}`;
}

export async function* childCountFaults(survey: Survey, children: Tallies): AsyncGenerator<string> {
  for await (const found of survey.rowsOf("c")) {
    for (const { key, value } of found) {
      const id = idAt(key, 1);
      const tally = tallyOf(children, id);
      children.delete(id);
      const said = countOf(value);
      if (said === undefined) yield `the count of children of entry ${id} is damaged`;
      else if (survey.isNews(id)) yield `there is a count of children of entry ${id}, which does not exist`;
      else yield* ownCountFaults(id, tally, said, aChild);
    }
  }
  for (const [id, tally] of children) {
    if (tally.certain > 0) yield `entry ${id} has ${counted(tally, aChild)}, but there is no count of them`;
  }
}

function isWithin({ certain, possible }: Tally, count: number): boolean {
  return count >= certain && count <= certain + possible;
}

function counted({ certain }: Tally, [one, many]: Counted): string {
  return `${certain} ${certain === 1 ? one : many}`;
}
