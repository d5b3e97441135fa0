// Memberships, and the two lists that follow from them: the members of each group, and the groups of each member.
import { idAt, idBytes } from "../keys.js";
import { type IdLists, idsAt, takeIds } from "./gathered.js";
import { idLength } from "./key-spaces.js";
import { listFaults } from "./list-faults.js";
import type { Survey } from "./survey.js";

const nobody: ReadonlySet<number> = new Set();

export async function* membershipFaults(survey: Survey): AsyncGenerator<string> {
  const members: IdLists<number> = new Map();
  const groups: IdLists<number> = new Map();
  for await (const found of survey.rowsOf("g")) {
    for (const { key } of found) {
      const group = idAt(key, 1);
      const member = idAt(key, 1 + idLength);
      if (survey.isNews(group)) yield `entry ${member} is a member of entry ${group}, which does not exist`;
      if (survey.isNews(member)) yield `entry ${group} has the member ${member}, which does not exist`;
      idsAt(members, group).push(member);
      idsAt(groups, member).push(group);
    }
  }
  yield* membershipListFaults(survey, "M", members);
  yield* membershipListFaults(survey, "W", groups);
}

async function* membershipListFaults(
  survey: Survey,
  space: "M" | "W",
  expected: IdLists<number>,
): AsyncGenerator<string> {
  const { lists } = survey;
  for await (const found of survey.rowsOf(space)) {
    for (const row of found) {
      const id = idAt(row.key, 1);
      if (!expected.has(id) && !survey.entries.has(id)) {
        if (survey.isNews(id)) yield `there is a ${lists.listOf(row.key)}, which does not exist`;
        continue;
      }
      const differs = yield* listFaults(survey, row, takeIds(expected, id), nobody);
      if (differs) yield lists.wrong(row.key, differs);
    }
  }
  for (const id of expected.keys()) {
    const key = space + idBytes(id);
    survey.headless.add(key);
    yield lists.none(key);
  }
}
