// Delete (RFC 4511 4.8).
import { type Answers, type DeleteRequest, success } from "../model/message.js";
import type { Context } from "./context.js";

// biome-ignore lint/correctness/useYield: every operation answers in the same way, this one with a result alone
export async function* deleteEntry(request: DeleteRequest, { view, trail }: Context): Answers {
  trail.target = request.dn.toString();
  await view.update((transaction) => transaction.remove(transaction.require(request.dn)));
  return success;
}
