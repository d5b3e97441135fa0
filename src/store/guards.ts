// Whether what a transaction was prepared on still holds when it is committed.
import { fail } from "../model/failure.js";
import type { Guard } from "./change.js";
import { entryRows } from "./entry-row.js";
import { keys } from "./keys.js";
import type { RowReader } from "./rows.js";

/** A guard that does not hold means that what was prepared rests on something that has changed since. */
export function checkGuards(guards: readonly Guard[], rows: RowReader): void {
  for (const guard of guards) {
    if (!holds(guard, rows)) fail("busy", "the entry was changed by someone else at the same moment; try again");
  }
}

function holds(guard: Guard, rows: RowReader): boolean {
  switch (guard.kind) {
    case "exists":
      return rows.byId(entryRows, guard.id) !== undefined;
    case "entryAt":
      return rows.byId(entryRows, guard.id)?.revision === guard.revision;
    case "vacant":
      return rows.get(keys.child(guard.parent, guard.rdn)) === undefined;
    case "childless":
      return rows.get(keys.childCount(guard.id)) === undefined;
  }
}
