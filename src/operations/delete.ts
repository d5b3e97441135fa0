// Delete (RFC 4511 4.8).
import { type DeleteRequest, type Result, success } from "../model/message.js";
import type { Context } from "./context.js";
import { write } from "./write.js";

export async function deleteEntry(request: DeleteRequest, context: Context): Promise<Result> {
  context.trail.target = request.dn.toString();
  context.view.permissions.requireSome("remove");
  await write(context, (transaction) => transaction.remove(transaction.require(request.dn)));
  return success;
}
