// How operations enter the one writer.
import type { ViewTransaction } from "../access/view-transaction.js";
import { fail } from "../model/failure.js";
import type { Context } from "./context.js";

/**
 * Changes the directory: all of what `work` does, or nothing; resolves when it is durable. What was given up while it
 * waited for its turn changes nothing.
 */
export function write(
  { view, cancellation }: Context,
  work: (transaction: ViewTransaction) => Promise<unknown> | unknown,
): Promise<unknown> {
  return view.update((transaction) => {
    if (cancellation.canceled) fail("canceled", "the operation was given up");
    return work(transaction);
  });
}
