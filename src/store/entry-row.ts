// The row of one entry, format 1: a fixed head, then names, then the attributes as they go on the wire. What a search
// sends is the tail of the row, unchanged. Passwords are never in it.
//
//   0  format (1)            1  parent id (6)         7  revision of the last change (6)
//  13  entryUUID (16)       29  created, ms (6)      35  modified, ms (6)
//  41  kind (1, model/entry-kind.ts)   42  lengths of RDN, creator, modifier, structural class (2 each)
//  50  those four as UTF-8, one behind the other, then the attribute list (model/attribute-list.ts)

import { type EntryKind, entryKinds } from "../model/entry-kind.js";
import type { NormalForm } from "../model/schema.js";
import type { RowSpace } from "./rows.js";

export const entryRowFormat = 1;
const lengthsAt = 42;
const headLength = 50;

/** What an entry is made of, apart from its attributes. */
export interface EntryFacts {
  readonly parent: number;
  readonly revision: number;
  /** 16 bytes. */
  readonly uuid: Buffer;
  /** Milliseconds since 1970 UTC. */
  readonly created: number;
  readonly modified: number;
  /** DNs as text. */
  readonly creator: string;
  readonly modifier: string;
  /** The written form; for the suffix entry its whole DN. */
  readonly rdn: string;
  /** Name of the structural object class. */
  readonly structural: string;
  readonly kind: EntryKind;
}

/** Encodes an entry row. `attributes` is a whole encoded attribute list. */
export function encodeEntryRow(facts: EntryFacts, attributes: Buffer): Buffer {
  const { rdn, creator, modifier, structural } = facts;
  const mostBytes = 3 * (rdn.length + creator.length + modifier.length + structural.length);
  const bytes = scratchFor(headLength + mostBytes + attributes.length);
  bytes[0] = entryRowFormat;
  bytes.writeUIntBE(facts.parent, 1, 6);
  bytes.writeUIntBE(facts.revision, 7, 6);
  facts.uuid.copy(bytes, 13, 0, 16);
  bytes.writeUIntBE(facts.created, 29, 6);
  bytes.writeUIntBE(facts.modified, 35, 6);
  bytes[41] = entryKinds.indexOf(facts.kind);
  let at = writeName(bytes, 0, rdn, headLength);
  at = writeName(bytes, 1, creator, at);
  at = writeName(bytes, 2, modifier, at);
  at = writeName(bytes, 3, structural, at);
  at += attributes.copy(bytes, at);
  return Buffer.from(bytes.subarray(0, at));
}

/** Writes the name of this number, and its length where lengths stand; returns where it ends. */
function writeName(bytes: Buffer, number: number, name: string, at: number): number {
  const length = name === "" ? 0 : bytes.write(name, at, "utf8");
  bytes.writeUInt16BE(length, lengthsAt + 2 * number);
  return at + length;
}

let scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** Memory to make a row in before its length is known. One that is very large does not keep it. */
function scratchFor(length: number): Buffer {
  if (length <= scratch.length) return scratch;
  const larger = Buffer.allocUnsafeSlow(length);
  if (length <= mostScratch) scratch = larger;
  return larger;
}

const mostScratch = 256 * 1024;

/** An entry as it is kept, read in place. Immutable. */
export class StoredEntry implements EntryFacts {
  readonly id: number;
  /** The row: `attributesStart` to its end is the encoded attribute list. */
  readonly bytes: Buffer;
  readonly attributesStart: number;
  /** The head row of the postings of its groups, where a scan has read it along; null where it is in none. */
  groupsRow: Buffer | null | undefined;
  #rdn: string | undefined;

  constructor(id: number, bytes: Buffer) {
    if (bytes[0] !== entryRowFormat) {
      throw new Error(`entry ${id} is in row format ${bytes[0]}; this version reads format ${entryRowFormat}`);
    }
    this.id = id;
    this.bytes = bytes;
    this.attributesStart =
      headLength +
      bytes.readUInt16BE(lengthsAt) +
      bytes.readUInt16BE(lengthsAt + 2) +
      bytes.readUInt16BE(lengthsAt + 4) +
      bytes.readUInt16BE(lengthsAt + 6);
  }

  get attributesEnd(): number {
    return this.bytes.length;
  }

  /** The encoded attribute list, as a view. */
  get attributes(): Buffer {
    return this.bytes.subarray(this.attributesStart);
  }

  get parent(): number {
    return this.bytes.readUIntBE(1, 6);
  }

  get revision(): number {
    return this.bytes.readUIntBE(7, 6);
  }

  get uuid(): Buffer {
    return this.bytes.subarray(13, 29);
  }

  get created(): number {
    return this.bytes.readUIntBE(29, 6);
  }

  get modified(): number {
    return this.bytes.readUIntBE(35, 6);
  }

  get rdn(): string {
    this.#rdn ??= this.bytes.toString("utf8", headLength, headLength + this.bytes.readUInt16BE(lengthsAt));
    return this.#rdn;
  }

  get kind(): EntryKind {
    return entryKinds[this.bytes[41]!] ?? "other";
  }

  get creator(): string {
    return this.#name(1);
  }

  get modifier(): string {
    return this.#name(2);
  }

  get structural(): string {
    return this.#name(3);
  }

  #name(index: number): string {
    let at = headLength;
    for (let n = 0; n < index; n++) at += this.bytes.readUInt16BE(lengthsAt + 2 * n);
    return this.bytes.toString("utf8", at, at + this.bytes.readUInt16BE(lengthsAt + 2 * index));
  }
}

export const entryRows: RowSpace<StoredEntry> = {
  prefix: "e",
  number: 0,
  decode: (id, row) => new StoredEntry(id, row),
};

/** entryUUID in its text form (RFC 4530 2.1). */
export function uuidText(uuid: Buffer): string {
  const hex = uuid.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The normal form of entryUUID in its text form by the rule UUIDMatch (RFC 4530 2.2). */
export function uuidNormal(uuid: Buffer): NormalForm {
  return uuid.toString("hex");
}
