// The encoded form of an entry's attributes: the content of a PartialAttributeList (RFC 4511 4.1.7 and 4.5.2), that is
// SEQUENCE { type, SET OF value } after SEQUENCE. It is what the store keeps and what a search sends; a filter reads it
// in place. Written only by `encodeAttributeList`, so it is trusted: lengths are not checked again.
import { BerWriter, elementSize } from "../ber/writer.js";
import type { Attribute } from "./attribute.js";

/** A cursor over an encoded attribute list that makes no object per attribute. */
export class AttributeCursor {
  #bytes: Buffer;
  #next: number;
  #end: number;
  /** The whole SEQUENCE of the present attribute. */
  start = 0;
  stop = 0;
  /** Its description. */
  typeStart = 0;
  typeEnd = 0;
  /** The content of its SET. */
  valuesStart = 0;
  /** The present value. */
  valueStart = 0;
  valueEnd = 0;
  #valueNext = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
  }

  /** Begins again on another list. */
  reset(bytes: Buffer, start: number, end: number): this {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
    return this;
  }

  /** Moves to the next attribute; false at the end. */
  next(): boolean {
    if (this.#next >= this.#end) return false;
    const bytes = this.#bytes;
    this.start = this.#next;
    const content = contentStart(bytes, this.start);
    this.stop = this.#next = content + contentLength(bytes, this.start);
    this.typeStart = content + 2; // a description is shorter than 128 octets: `encodeAttributeList` sees to it
    this.typeEnd = this.typeStart + bytes[content + 1]!;
    this.valuesStart = this.#valueNext = contentStart(bytes, this.typeEnd);
    return true;
  }

  /** Moves to the next value of the present attribute; false after the last. */
  nextValue(): boolean {
    if (this.#valueNext >= this.stop) return false;
    const bytes = this.#bytes;
    this.valueStart = contentStart(bytes, this.#valueNext);
    this.valueEnd = this.#valueNext = this.valueStart + contentLength(bytes, this.#valueNext);
    return true;
  }

  get type(): string {
    return this.#bytes.toString("latin1", this.typeStart, this.typeEnd);
  }

  /** The present value, as a view. */
  get value(): Buffer {
    return this.#bytes.subarray(this.valueStart, this.valueEnd);
  }

  /** The present value, every byte as one character. */
  get valueText(): string {
    return this.#bytes.toString("latin1", this.valueStart, this.valueEnd);
  }

  /** Every value of the present attribute, as views. */
  values(): Buffer[] {
    const found: Buffer[] = [];
    while (this.nextValue()) found.push(this.value);
    return found;
  }

  /** Whether the present attribute has this description, options and all, in the spelling of the list. */
  hasDescription(description: Buffer): boolean {
    const { length } = description;
    if (this.typeEnd - this.typeStart !== length) return false;
    for (let n = 0; n < length; n++) if (this.#bytes[this.typeStart + n] !== description[n]) return false;
    return true;
  }

  /** Whether the present attribute is this type, with any options: `name` is the schema's spelling in latin1. */
  isOf(name: Buffer): boolean {
    const bytes = this.#bytes;
    const { length } = name;
    const at = this.typeStart;
    const present = this.typeEnd - at;
    if (present < length || (present > length && bytes[at + length] !== 0x3b)) return false;
    for (let n = 0; n < length; n++) if (bytes[at + n] !== name[n]) return false;
    return true;
  }

  /** The options of the present attribute, lower case and sorted as they are kept. */
  options(): readonly string[] {
    const [, ...options] = this.type.split(";");
    return options;
  }
}

function contentStart(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]!;
  return at + 2 + (length < 0x80 ? 0 : length & 0x7f);
}

function contentLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]!;
  return length < 0x80 ? length : bytes.readUIntBE(at + 2, length & 0x7f);
}

/** The longest attribute description kept, in octets: it stands behind a one-octet length. */
export const longestDescription = 127;

const scratch = new BerWriter(4096);

/** Encodes attributes in the order given. Attributes without values are left out. */
export function encodeAttributeList(attributes: readonly Attribute[]): Buffer {
  scratch.reset();
  for (const { description, values } of attributes) {
    if (values.length > 0) writePartialAttribute(scratch, description.text, values);
  }
  return scratch.copy();
}

/** Writes one PartialAttribute (RFC 4511 4.1.7). */
export function writePartialAttribute(writer: BerWriter, type: string, values: readonly (Uint8Array | string)[]): void {
  if (type.length > longestDescription) throw new Error(`an attribute description of ${type.length} octets`);
  writer.open(0x30);
  writer.text(type);
  writer.open(0x31);
  for (const value of values) {
    if (typeof value === "string") writer.text(value);
    else writer.octets(value);
  }
  writer.close();
  writer.close();
}

/** The same where the values are encoded already, one behind the other. */
export function writeEncodedAttribute(writer: BerWriter, type: string, values: Buffer): void {
  if (type.length > longestDescription) throw new Error(`an attribute description of ${type.length} octets`);
  writer.header(0x30, elementSize(type.length) + elementSize(values.length));
  writer.text(type);
  writer.header(0x31, values.length);
  writer.raw(values);
}

/** The values of an attribute in an encoded list, whatever its options; `name` is the schema's spelling. */
export function listedValues(bytes: Buffer, start: number, end: number, name: string): Buffer[] {
  const wanted = Buffer.from(name, "latin1");
  const cursor = new AttributeCursor(bytes, start, end);
  const values: Buffer[] = [];
  while (cursor.next()) if (cursor.isOf(wanted)) values.push(...cursor.values());
  return values;
}
