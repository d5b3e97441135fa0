// From requests to bytes (RFC 4511 section 4), for the `gatehouse` command, which asks a server that runs.
import type { BerWriter } from "../ber/writer.js";
import {
  type AddRequest,
  type Change,
  type DeleteRequest,
  type ExtendedRequest,
  type ModifyDnRequest,
  type ModifyRequest,
  modifications,
  type RequestedAttribute,
} from "../model/message.js";

export type WritableRequest = AddRequest | ModifyRequest | ModifyDnRequest | DeleteRequest | ExtendedRequest;

/** Writes a whole message. Controls are not sent: nothing here needs any. */
export function writeRequest(writer: BerWriter, request: WritableRequest): void {
  writer.open(0x30);
  writer.integer(request.id);
  switch (request.operation) {
    case "add":
      writer.open(0x68);
      writer.text(request.dn.toString());
      writer.open(0x30);
      for (const attribute of request.attributes) writeAttribute(writer, attribute);
      writer.close();
      writer.close();
      break;
    case "modify":
      writer.open(0x66);
      writer.text(request.dn.toString());
      writer.open(0x30);
      for (const change of request.changes) writeChange(writer, change);
      writer.close();
      writer.close();
      break;
    case "modifyDn":
      writer.open(0x6c);
      writer.text(request.dn.toString());
      writer.text(request.newRdn.toString());
      writer.boolean(request.deleteOldRdn);
      if (request.newSuperior) writer.text(request.newSuperior.toString(), 0x80);
      writer.close();
      break;
    case "delete":
      writer.text(request.dn.toString(), 0x4a);
      break;
    case "extended":
      writer.open(0x77);
      writer.text(request.oid, 0x80);
      if (request.value !== undefined) writer.octets(request.value, 0x81);
      writer.close();
      break;
  }
  writer.close();
}

function writeChange(writer: BerWriter, change: Change): void {
  writer.open(0x30);
  writer.enumerated(modifications.indexOf(change.modification));
  writeAttribute(writer, change);
  writer.close();
}

function writeAttribute(writer: BerWriter, { type, values }: RequestedAttribute): void {
  writer.open(0x30);
  writer.text(type);
  writer.open(0x31);
  for (const value of values) writer.octets(value);
  writer.close();
  writer.close();
}
