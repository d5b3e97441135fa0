// Member values that name nothing that exists: each is kept with its group and again by its name, and both are counted.
import { idAt, keys, keyValue } from "../keys.js";
import { type MemberName, memberName, type Reading } from "../reading.js";
import { aMissingMember, noTally, ownCountFaults, type Tally, totalFaults } from "./count-faults.js";
import { gathered } from "./gathered.js";
import { idLength, isOfId, lastIdIn, measuredPart } from "./key-spaces.js";
import { shown } from "./sentences.js";
import { countOf } from "./strict-rows.js";
import type { Survey } from "./survey.js";

/** The missing members of one group, and their count; undefined where the count is damaged. */
interface MissingMembers extends Tally {
  said: number | undefined;
}

/** By group, and in all. */
interface Tallied {
  readonly groups: Map<number, MissingMembers>;
  readonly total: Tally;
}

export async function* missingMemberFaults(survey: Survey): AsyncGenerator<string> {
  const tallied: Tallied = { groups: new Map(), total: noTally() };
  yield* groupFaults(survey, tallied);
  yield* nameFaults(survey, tallied);
  for (const [group, missing] of tallied.groups) {
    if (missing.said !== undefined) yield* ownCountFaults(group, missing, missing.said, aMissingMember);
  }
  yield* totalFaults(survey, "danglings", tallied.total, aMissingMember);
}

/** What stands with the groups. */
async function* groupFaults(survey: Survey, { groups, total }: Tallied): AsyncGenerator<string> {
  const reading = survey.store.read();
  try {
    for await (const found of survey.rowsOf("u")) {
      for (const { key, value } of found) {
        const group = idAt(key, 1);
        if (survey.isNews(group)) yield `there are missing members of entry ${group}, which does not exist`;
        const missing = missingOf(groups, group);
        if (isOfId(key)) {
          missing.said = countOf(value);
          if (missing.said === undefined) yield `the count of missing members of entry ${group} is damaged`;
          continue;
        }
        const name = key.slice(1 + idLength);
        const isListed = survey.rows.get(keys.danglingNameKept(name, group)) !== undefined;
        for (const tally of [missing, total]) tally[isListed ? "certain" : "possible"]++;
        const wrong = valueFault(name, value.toString("utf8"), reading);
        const what = `entry ${group} has the missing member ${shown(value.toString("latin1"))}`;
        if (wrong !== undefined) yield `${what}, ${wrong}`;
        if (!isListed) yield `${what}, which is not listed by its name`;
      }
    }
  } finally {
    reading.release();
  }
}

/** What stands by name. */
async function* nameFaults(survey: Survey, { groups, total }: Tallied): AsyncGenerator<string> {
  for await (const found of survey.rowsOf("U")) {
    for (const { key } of found) {
      const group = lastIdIn(key);
      const name = measuredPart(key);
      if (survey.rows.get(keys.danglingKept(group, name))) continue;
      for (const tally of [missingOf(groups, group), total]) tally.possible++;
      yield `the missing member ${shown(name.slice(1))} is listed for entry ${group}, which does not have it`;
    }
  }
}

function missingOf(groups: Map<number, MissingMembers>, group: number): MissingMembers {
  return gathered(groups, group, () => ({ ...noTally(), said: 0 }));
}

/** What is wrong with a member value that is kept under this name, because nothing has it. */
function valueFault(name: string, written: string, reading: Reading): string | undefined {
  let member: MemberName;
  try {
    member = memberName(name[0] === "U" ? "uid" : "dn", written);
  } catch {
    return "which is no name";
  }
  if (keyValue(reading.danglingName(member)) !== name) return `which stands under the name ${shown(name.slice(1))}`;
  const id = resolved(member, reading);
  return id === undefined ? undefined : `but it is entry ${id}`;
}

/** A damaged row on the way to the entry is told at its own place. */
function resolved(member: MemberName, reading: Reading): number | undefined {
  try {
    return reading.resolveMember(member);
  } catch {
    return undefined;
  }
}
