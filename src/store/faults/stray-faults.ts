// Rows that belong nowhere: their keys do not fit their space, or their space is none of ours.
import { afterPrefix, type Key } from "../keys.js";
import { type Space, spaces } from "./key-spaces.js";
import { shown } from "./sentences.js";
import type { Survey } from "./survey.js";

/** Above every key but those of nothing else than 0xff. */
const lastKey = "\xff".repeat(1024);

export async function* strayFaults(survey: Survey): AsyncGenerator<string> {
  // Read only to look at the keys: every other space was read before.
  for await (const _ of survey.rowsOf("m"));
  for (const key of survey.misfits) {
    yield `the row ${shown(key)} among the ${spaces[key[0] as Space].what} has a key that says nothing`;
  }
  let from: Key = "";
  for (const space of [...Object.keys(spaces).sort(), undefined]) {
    for await (const found of survey.rows.range(from, space ?? lastKey)) {
      for (const { key } of found) yield `the row ${shown(key)} is in a key space that this version does not know`;
    }
    if (space !== undefined) from = afterPrefix(space);
  }
}
