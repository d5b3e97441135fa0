// Delete (RFC 4511 4.8).
import { type DeleteRequest, type Result, success } from "../model/message.js";
import type { Context } from "./context.js";

export async function deleteEntry(request: DeleteRequest, { view, trail }: Context): Promise<Result> {
  trail.target = request.dn.toString();
  view.permissions.requireSome("remove");
  await view.update((transaction) => transaction.remove(transaction.require(request.dn)));
  return success;
}
