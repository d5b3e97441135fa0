// Extended operations (RFC 4511 4.12), one row each.
import { fail } from "../model/failure.js";
import type { ExtendedRequest, Result } from "../model/message.js";
import type { Context } from "./context.js";

type ExtendedOperation = (request: ExtendedRequest, context: Context) => Promise<Result> | Result;

/** By request name. */
export const extendedOperations: ReadonlyMap<string, ExtendedOperation> = new Map([
  ["1.3.6.1.4.1.4203.1.11.3", whoAmI],
]);

/** RFC 4532: the authorization identity, empty for anonymous. The response has no name. */
function whoAmI(request: ExtendedRequest, { view }: Context): Result {
  if (request.value !== undefined) fail("protocolError", "Who am I? takes no value");
  const { dn } = view.permissions;
  return { code: "success", responseValue: Buffer.from(dn === "" ? "" : `dn:${dn}`) };
}

export function extended(request: ExtendedRequest, context: Context): Promise<Result> | Result {
  const operation = extendedOperations.get(request.oid);
  if (!operation) return fail("protocolError", `the extended operation ${request.oid.slice(0, 100)} is not known here`);
  return operation(request, context);
}
