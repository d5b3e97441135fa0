// From results to bytes (RFC 4511 section 4), with the shortest lengths.
import { type BerWriter, elementSize } from "../ber/writer.js";
import type { Control, EntryBatch, OperationName, Result } from "../model/message.js";
import { resultCodes } from "../model/result-code.js";

/** The tag of each operation's response; unbind and abandon have none (RFC 4511 4.3 and 4.11). */
const responseTags: Readonly<Record<OperationName, number | undefined>> = {
  bind: 0x61,
  search: 0x65,
  modify: 0x67,
  add: 0x69,
  delete: 0x6b,
  modifyDn: 0x6d,
  compare: 0x6f,
  extended: 0x78,
  unbind: undefined,
  abandon: undefined,
};

const searchResultEntryTag = 0x64;
const intermediateResponseTag = 0x79;

/** Whether the operation is answered at all. */
export function isAnswered(operation: OperationName): boolean {
  return responseTags[operation] !== undefined;
}

/** Writes the one result of an operation as a whole message. */
export function writeResult(writer: BerWriter, id: number, operation: OperationName, result: Result): void {
  const tag = responseTags[operation];
  if (tag === undefined) return;
  if (isPlainSuccess(result)) {
    writer.header(0x30, idSize(id) + elementSize(plainSuccess.length));
    writer.integer(id);
    writer.octets(plainSuccess, tag);
    return;
  }
  writer.open(0x30);
  writer.integer(id);
  writer.open(tag);
  writer.enumerated(resultCodes[result.code]);
  writer.text(result.matchedDn ?? "");
  writer.text(result.message ?? "");
  if (operation === "extended") {
    if (result.responseName !== undefined) writer.text(result.responseName, 0x8a);
    if (result.responseValue !== undefined) writer.octets(result.responseValue, 0x8b);
  }
  writer.close();
  if (result.controls && result.controls.length > 0) writeControls(writer, result.controls);
  writer.close();
}

/** What almost every operation ends with: resultCode success, no matchedDN, no diagnosticMessage (RFC 4511 4.1.9). */
const plainSuccess = Buffer.from([0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]);

function isPlainSuccess({ code, message, matchedDn, controls, responseName, responseValue }: Result): boolean {
  const isPlain = code === "success" && !message && !matchedDn && !controls;
  return isPlain && responseName === undefined && responseValue === undefined;
}

/** The whole size of a message ID. */
function idSize(id: number): number {
  return id < 0x80 ? 3 : id < 0x8000 ? 4 : id < 0x800000 ? 5 : 6;
}

function writeControls(writer: BerWriter, controls: readonly Control[]): void {
  writer.open(0xa0);
  for (const { oid, critical, value } of controls) {
    writer.open(0x30);
    writer.text(oid);
    if (critical) writer.boolean(true);
    if (value !== undefined) writer.octets(value);
    writer.close();
  }
  writer.close();
}

/** Writes found entries, each as a message of its own: only envelopes are new, the rest is copied. */
export function writeEntries(writer: BerWriter, id: number, { bytes, ends, as }: EntryBatch): void {
  const size = idSize(id);
  const tag = as === undefined ? searchResultEntryTag : intermediateResponseTag;
  let start = 0;
  for (const end of ends) {
    writer.header(0x30, size + elementSize(end - start));
    writer.integer(id);
    writer.header(tag, end - start);
    writer.rawSlice(bytes, start, end);
    start = end;
  }
}

/** Notice of Disconnection (RFC 4511 4.4.1): an unsolicited extended response with message ID 0. */
export function writeNotice(writer: BerWriter, result: Result): void {
  writeResult(writer, 0, "extended", { ...result, responseName: "1.3.6.1.4.1.1466.20036" });
}
