// The tree: every entry is in it once, under its name, below an entry that there is, and a way leads up from it.
import { idAt } from "../keys.js";
import { noParent } from "../reading.js";
import { childCountFaults, type Tallies, tallyOf } from "./count-faults.js";
import type { Misplaced } from "./entry-faults.js";
import { idLength } from "./key-spaces.js";
import { below, shown, someEntries } from "./sentences.js";
import { readId } from "./strict-rows.js";
import type { Survey } from "./survey.js";

export async function* treeFaults(survey: Survey, misplaced: Misplaced): AsyncGenerator<string> {
  const children: Tallies = new Map();
  yield* nameFaults(survey, misplaced, children);
  const circular = yield* circleFaults(survey);
  for (const [id, fault] of misplaced.entries) if (!circular.has(id)) yield fault;
  yield* parentFaults(survey, misplaced, children);
  yield* childCountFaults(survey, children);
}

/** Tells what is wrong with the rows of the tree. Children that a row names and nobody else are possible ones. */
async function* nameFaults(survey: Survey, misplaced: Misplaced, children: Tallies): AsyncGenerator<string> {
  const named = new Set<number>();
  for await (const found of survey.rowsOf("t")) {
    for (const { key, value } of found) {
      if (misplaced.keys.has(key)) continue;
      const parent = idAt(key, 1);
      const name = () => shown(key.slice(1 + idLength));
      const id = readId(value);
      if (typeof id === "string") {
        yield `the tree row of ${name()} ${below(parent)} is damaged: ${id}`;
        continue;
      }
      const known = survey.entries.get(id);
      if (misplaced.entries.has(id) || known === undefined) {
        tallyOf(children, parent).possible++;
        if (known === undefined && survey.isNews(id))
          yield `the tree has entry ${id} as ${name()} ${below(parent)}, but it has no row`;
      } else if (known !== parent) {
        yield `the tree has entry ${id} as ${name()} ${below(parent)}, where it is not`;
      } else if (named.has(id)) {
        yield `the tree has entry ${id} twice ${below(parent)}, also as ${name()}`;
      }
      named.add(id);
    }
  }
}

/** Entries that no way leads to from the suffix: they stand below each other. Returns them. */
function* circleFaults({ entries }: Survey): Generator<string, ReadonlySet<number>, void> {
  const reached = new Set<number>();
  const circular = new Set<number>();
  for (const id of entries.keys()) {
    const path: number[] = [];
    const onPath = new Set<number>();
    let at: number | undefined = id;
    while (at !== undefined && at !== noParent && !reached.has(at) && !onPath.has(at)) {
      path.push(at);
      onPath.add(at);
      at = entries.get(at);
    }
    if (at !== undefined && onPath.has(at)) {
      const circle = path.slice(path.indexOf(at));
      const way = circle.length > 1 ? `, by way of ${someEntries(circle.slice(1))}` : "";
      yield `entry ${at} stands below itself, cut off from the suffix${way}`;
      for (const one of circle) circular.add(one);
    }
    for (const passed of path) reached.add(passed);
  }
  return circular;
}

function* parentFaults(survey: Survey, misplaced: Misplaced, children: Tallies): Generator<string> {
  for (const [id, parent] of survey.entries) {
    if (parent === noParent) continue;
    if (misplaced.entries.has(id)) {
      tallyOf(children, parent).possible++;
      continue;
    }
    tallyOf(children, parent).certain++;
    if (survey.isNews(parent)) yield `entry ${id} stands below entry ${parent}, which does not exist`;
  }
}
