// What may be said in the clear where the server wants TLS (`tls.required`).
import { isConfidential } from "../access/channel.js";
import { fail } from "../model/failure.js";
import type { AnsweredRequest } from "../model/message.js";
import type { Context } from "./context.js";
import { startTlsOid } from "./extended.js";

/**
 * Fails with confidentialityRequired (RFC 4511 appendix A) for whatever a client asks before it has TLS, but for what it
 * needs to get there: the root DSE, and StartTLS.
 */
export function requireConfidentiality(request: AnsweredRequest, { services, caller, trail }: Context): void {
  if (!services.tls?.required || isConfidential(caller.channel)) return;
  if (request.operation === "search" && request.scope === "base" && request.base.isRoot) return;
  if (request.operation === "extended" && request.oid === startTlsOid) return;
  trail.target = targetOf(request).slice(0, services.limits.dnBytes);
  trail.rule = "TLS required";
  fail("confidentialityRequired", "this server wants TLS: use StartTLS or ldaps first");
}

/** What the audit line names: whose password was sent in the clear has to be known. */
function targetOf(request: AnsweredRequest): string {
  if (request.operation === "extended") return request.oid;
  return (request.operation === "search" ? request.base : request.dn).toString();
}
