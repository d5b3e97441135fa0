// The only place where an error becomes an LDAPResult.
import { LdapError } from "../model/failure.js";
import type { Result } from "../model/message.js";
import type { Log } from "../telemetry/log.js";

/** The result that tells a client of an error: our own words for our own errors, nothing of our insides for others. */
export function resultOf(error: unknown, log: Log): Result {
  if (error instanceof LdapError) {
    if (error.cause !== undefined) log.warn({ err: error }, "an operation was refused because of a failure below");
    return { code: error.code, message: error.message, matchedDn: error.matchedDn };
  }
  log.error({ err: error }, "an operation failed");
  return { code: "other", message: "internal error" };
}
