// The operations, one row each: what RFC 4511 names, and what answers it. Abandon and unbind are the session's own.
import type { AnsweredOperation, AnsweredRequest, Answering, Request } from "../model/message.js";
import { add } from "./add.js";
import { bind } from "./bind.js";
import { compare } from "./compare.js";
import type { Context } from "./context.js";
import { deleteEntry } from "./delete.js";
import { extended } from "./extended.js";
import { modify } from "./modify.js";
import { modifyDn } from "./modify-dn.js";
import { branchOf, performInBranch } from "./own-branch.js";
import { search } from "./search.js";

type Table = {
  readonly [Name in AnsweredOperation]: (request: Extract<Request, { operation: Name }>, context: Context) => Answering;
};

const table: Table = { bind, search, compare, add, modify, modifyDn, delete: deleteEntry, extended };

/** Carries out a request: gives its entries and its one result, throws LdapError where it is refused. */
export function perform(request: AnsweredRequest, context: Context): Answering {
  // The table's type ties each name to its own request; TypeScript cannot follow that through a variable.
  const operation = table[request.operation] as (request: AnsweredRequest, context: Context) => Answering;
  const branch = branchOf(request, context.view.permissions.branch);
  if (!branch) return operation(request, context);
  return performInBranch(request, branch, context.view.schema, (inward) => operation(inward, { ...context, branch }));
}
