// Extended operations (RFC 4511 4.12), one row each.
import { BerError, BerReader } from "../ber/reader.js";
import { fail } from "../model/failure.js";
import type { Answering, ExtendedRequest, Result } from "../model/message.js";
import {
  explain,
  explainOid,
  exportEntries,
  exportOid,
  reload,
  reloadOid,
  status,
  statusOid,
} from "./administration.js";
import type { Context } from "./context.js";

interface ExtendedOperation {
  /** Whether it is there for who is connected in this way; the root DSE lists what is. */
  isOffered?(context: Pick<Context, "services" | "caller">): boolean;
  perform(request: ExtendedRequest, context: Context): Answering;
}

export const startTlsOid = "1.3.6.1.4.1.1466.20037";
export const cancelOid = "1.3.6.1.1.8";

/** By request name. */
const extendedOperations: ReadonlyMap<string, ExtendedOperation> = new Map<string, ExtendedOperation>([
  [
    startTlsOid,
    {
      isOffered: ({ services, caller }) => services.tls !== undefined && caller.channel.kind === "plain",
      perform: startTls,
    },
  ],
  ["1.3.6.1.4.1.4203.1.11.3", { perform: whoAmI }],
  [cancelOid, { perform: cancel }],
  [reloadOid, { isOffered: isAdministrator, perform: reload }],
  [exportOid, { isOffered: isAdministrator, perform: exportEntries }],
  [explainOid, { isOffered: isAdministrator, perform: explain }],
  [statusOid, { isOffered: isAdministrator, perform: status }],
]);

function isAdministrator({ caller }: Pick<Context, "caller">): boolean {
  return caller.subject.kind === "administrator";
}

/** The request names that the root DSE lists (RFC 4512 5.1, supportedExtension). */
export function offeredExtensions(context: Pick<Context, "services" | "caller">): readonly string[] {
  return [...extendedOperations].filter(([, row]) => row.isOffered?.(context) ?? true).map(([oid]) => oid);
}

/** RFC 4532: the authorization identity, empty for anonymous. The response has no name. */
function whoAmI(request: ExtendedRequest, { view }: Context): Result {
  if (request.value !== undefined) fail("protocolError", "Who am I? takes no value");
  const { shownDn } = view.permissions;
  return { code: "success", responseValue: Buffer.from(shownDn === "" ? "" : `dn:${shownDn}`) };
}

/** RFC 4511 4.14: what the client sends after the answer is TLS. */
function startTls(request: ExtendedRequest, { services, caller }: Context): Result {
  if (request.value !== undefined) fail("protocolError", "StartTLS takes no value");
  if (caller.channel.kind === "tls") fail("operationsError", "TLS is in use already");
  if (caller.channel.kind === "local") fail("operationsError", "a Unix socket needs no TLS");
  if (!services.tls) fail("protocolError", "there is no TLS here: server.yaml has no `tls`");
  if (caller.inFlight > 0) fail("operationsError", "StartTLS cannot begin while operations are under way");
  caller.beginTls();
  return { code: "success", responseName: startTlsOid };
}

/** RFC 3909: ends another operation, which is answered with `canceled`, and says whether that was still possible. */
function cancel({ value }: ExtendedRequest, { caller }: Context): Answering {
  return caller.cancel(canceledId(value));
}

/** CancelRequestValue: SEQUENCE { cancelID MessageID }. */
function canceledId(value: Buffer | undefined): number {
  try {
    if (value === undefined) throw new BerError("the value is missing");
    const reader = new BerReader(value);
    const outer = reader.open(0x30);
    const id = reader.integer();
    reader.close(outer);
    if (!reader.done) throw new BerError("the value holds more than it should");
    return id;
  } catch (error) {
    if (error instanceof BerError) return fail("protocolError", `Cancel: ${error.message}`);
    throw error;
  }
}

export function extended(request: ExtendedRequest, context: Context): Answering {
  const operation = extendedOperations.get(request.oid);
  if (!operation) return fail("protocolError", `the extended operation ${request.oid.slice(0, 100)} is not known here`);
  return operation.perform(request, context);
}
