// The fault finder: reads the whole store and says, in sentences, wherever rows that must agree do not. It changes
// nothing, throws at no row, and shares no code with what writes index rows but the terms of an entry.
//
// One damaged row is one sentence, and what merely follows from it is not told again. So an entry whose row is damaged
// or gone is doubtful: others may name it or not. What may hang on a doubtful entry or on a row that was told already
// makes a count not wrong but uncertain: it is a fault only outside of what it may be.
import { keys } from "../keys.js";
import type { LevelStore } from "../level-store.js";
import { entryFaults, passwordFaults } from "./entry-faults.js";
import { attributeNumberFaults, changeFaults, entryCountFaults, lastIdFaults } from "./fact-faults.js";
import { indexFaults } from "./index-faults.js";
import { runFaults } from "./list-faults.js";
import { membershipFaults } from "./membership-faults.js";
import { missingMemberFaults } from "./missing-member-faults.js";
import { strayFaults } from "./stray-faults.js";
import { Survey } from "./survey.js";
import { treeFaults } from "./tree-faults.js";

/** Every fault in the store as it is now. Returns how many entries there are, damaged ones counted. */
export async function* faultsIn(store: LevelStore): AsyncGenerator<string, number, void> {
  const snapshot = store.rows.snapshot();
  try {
    const survey = new Survey(snapshot, store);
    yield* faultsOf(survey);
    return survey.entryRows;
  } finally {
    snapshot.release();
  }
}

/** In this order: what is told of an entry makes doubtful what others say of it. */
async function* faultsOf(survey: Survey): AsyncGenerator<string, void, void> {
  if (survey.rows.get(keys.meta("loading"))) yield "a bulk load was begun and not finished";
  yield* treeFaults(survey, yield* entryFaults(survey));
  yield* passwordFaults(survey);
  yield* membershipFaults(survey);
  yield* missingMemberFaults(survey);
  yield* indexFaults(survey);
  yield* runFaults(survey);
  yield* changeFaults(survey);
  yield* entryCountFaults(survey);
  yield* lastIdFaults(survey);
  yield* attributeNumberFaults(survey);
  yield* strayFaults(survey);
}
