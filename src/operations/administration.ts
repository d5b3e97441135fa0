// What the `gatehouse` command asks of a server that runs: extended operations of our own, for the local administrator.
// Their names stand below one UUID (Rec. ITU-T X.667: 2.25 and the UUID as a number).
import { BerWriter } from "../ber/writer.js";
import { fail } from "../model/failure.js";
import type { Answers, ExtendedRequest, Result } from "../model/message.js";
import type { Administration, Context, WayInQuestion } from "./context.js";

const arc = "2.25.147696107625103850810817202640625394168";
/** Reads the configuration anew. The response value is the faults found, a line each; empty where there are none. */
export const reloadOid = `${arc}.1`;
/**
 * Every entry as LDIF, with the hashes of passwords. A request value that is not empty asks for operational attributes
 * too. The text comes in intermediate responses (RFC 4511 4.13); the response value is the number of entries, as text.
 */
export const exportOid = `${arc}.2`;
/** Whether somebody would get in, and why: the request value is a question and the response value its explanation, as JSON. */
export const explainOid = `${arc}.3`;
/** How the server is and what its applications did: the response value is a ServerStatus, as JSON. */
export const statusOid = `${arc}.4`;

/** Bytes of LDIF in one response. */
const longestPiece = 1024 * 1024;

export async function reload(_: ExtendedRequest, context: Context): Promise<Result> {
  const faults = await administrationFor(context, "reload").reload();
  return { code: "success", responseValue: Buffer.from(faults.join("\n")) };
}

export function exportEntries(request: ExtendedRequest, context: Context): Answers {
  return streamed(request, administrationFor(context, "export"), context);
}

export async function explain({ value }: ExtendedRequest, context: Context): Promise<Result> {
  const administration = administrationFor(context, "app test");
  const question = questionOf(value);
  if (!question) return fail("protocolError", "the value is not a question about an application and an address");
  context.trail.target = question.user ?? question.application;
  const explanation = await administration.explain(question);
  return { code: "success", responseValue: Buffer.from(JSON.stringify(explanation)) };
}

export function status(_: ExtendedRequest, context: Context): Result {
  const status = administrationFor(context, "status").status();
  return { code: "success", responseValue: Buffer.from(JSON.stringify(status)) };
}

function questionOf(value: Buffer | undefined): WayInQuestion | undefined {
  let asked: unknown;
  try {
    asked = JSON.parse(value?.toString() ?? "");
  } catch {
    return undefined;
  }
  if (typeof asked !== "object" || asked === null) return undefined;
  const { application, address, user, at } = asked as Readonly<Record<string, unknown>>;
  if (typeof application !== "string" || typeof address !== "string") return undefined;
  if (user !== undefined && typeof user !== "string") return undefined;
  if (at !== undefined && !(typeof at === "number" && Math.abs(at) <= latestTime)) return undefined;
  return { application, address, ...(user === undefined ? {} : { user }), ...(at === undefined ? {} : { at }) };
}

/** The greatest time that a date can have, in milliseconds. */
const latestTime = 8.64e15;

function administrationFor({ view, services, trail }: Context, rule: string): Administration {
  if (view.permissions.subject.kind !== "administrator") {
    fail("insufficientAccessRights", "only the local administrator, who comes by the Unix socket, may ask for this");
  }
  trail.rule = rule;
  return services.administration ?? fail("unwillingToPerform", "this server cannot be administered");
}

async function* streamed({ value }: ExtendedRequest, administration: Administration, context: Context): Answers {
  const pieces = administration.export({ operational: value !== undefined && value.length > 0 });
  const writer = new BerWriter();
  try {
    let next = await pieces.next();
    while (!next.done) {
      if (context.cancellation.canceled) fail("canceled", "the export was given up");
      // A group of many members is one large piece, and a message has to end somewhere.
      for (let at = 0; at < next.value.length; at += longestPiece) {
        writer.reset();
        writer.octets(next.value.subarray(at, at + longestPiece), 0x81);
        const bytes = writer.finish();
        yield { bytes, ends: [bytes.length], as: "intermediate" };
      }
      next = await pieces.next();
    }
    return { code: "success", responseValue: Buffer.from(String(next.value)) };
  } finally {
    await pieces.return(0);
  }
}
