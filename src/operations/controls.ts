// The controls that are known, one row each. What is not here is refused where it is critical and ignored where not
// (RFC 4511 4.1.11).
import { fail } from "../model/failure.js";
import type { OperationName, Request, SearchRequest } from "../model/message.js";

interface ControlRow {
  readonly oid: string;
  readonly name: string;
  /** The operations that it means something to; undefined: all but abandon and unbind. */
  readonly operations?: readonly OperationName[];
}

export const pagedResultsOid = "1.2.840.113556.1.4.319";

const subentriesOid = "1.3.6.1.4.1.4203.1.10.1";

export const controls: readonly ControlRow[] = [
  { oid: pagedResultsOid, name: "paged results (RFC 2696)", operations: ["search"] },
  // Java sends it with everything. There are no referral entries here, so there is nothing to treat differently.
  { oid: "2.16.840.1.113730.3.4.2", name: "ManageDsaIT (RFC 3296)" },
  // There are no subentries below the suffix, so every search already leaves them out.
  { oid: subentriesOid, name: "subentries (RFC 3672)", operations: ["search"] },
];

const known = new Map(controls.map((row) => [row.oid, row]));

/** Fails with unavailableCriticalExtension for a critical control that is not known or means nothing to the operation. */
export function requireKnownControls(request: Request): void {
  if (request.controls.length === 0 || request.operation === "abandon" || request.operation === "unbind") return;
  for (const { oid, critical } of request.controls) {
    if (!critical) continue;
    const row = known.get(oid);
    if (!row) fail("unavailableCriticalExtension", `the critical control ${oid} is not known here`);
    if (row.operations && !row.operations.includes(request.operation)) {
      fail("unavailableCriticalExtension", `the critical control ${row.name} does not apply to ${request.operation}`);
    }
  }
}

/** Whether a search wants subentries and nothing else (RFC 3672 3): here that is to want nothing. */
export function asksForSubentries({ controls }: SearchRequest): boolean {
  if (controls.length === 0) return false;
  const control = controls.find(({ oid }) => oid === subentriesOid);
  if (!control) return false;
  const [tag, length, value, ...more] = control.value ?? [];
  if (tag !== 0x01 || length !== 1 || value === undefined || more.length > 0) {
    fail("protocolError", "subentries: the value of the control is not a boolean");
  }
  return value !== 0;
}
