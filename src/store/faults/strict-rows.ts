// What the row of each key space must look like. What is written only by us is trusted everywhere else; here every byte
// is doubted.
import { BerReader } from "../../ber/reader.js";
import { longestDescription } from "../../model/attribute-list.js";
import { Rdn } from "../../model/dn.js";
import { type EntryKind, entryKind, entryKinds } from "../../model/entry-kind.js";
import type { NormalForm, Schema } from "../../model/schema.js";
import { classesOf } from "../../model/schema-check.js";
import { StoredEntry } from "../entry-row.js";
import type { LevelStore } from "../level-store.js";
import { noParent } from "../reading.js";
import type { Row } from "../rows.js";
import { idLength, lastIdIn } from "./key-spaces.js";
import { shown } from "./sentences.js";

export interface ReadEntry {
  readonly entry: StoredEntry;
  /** The normal form of the name under which it is in the tree. */
  readonly name: NormalForm;
  /** What its object classes make it. */
  readonly kind: EntryKind;
}

/** Where an entry's row has its kind (entry-row.ts). */
const kindAt = 41;

/** The entry of a row; what is wrong where the row is damaged. */
export function readEntry(id: number, row: Buffer, { schema, suffix }: LevelStore): ReadEntry | string {
  if (row.length === 0) return "it is empty";
  try {
    const entry = new StoredEntry(id, row);
    if (entry.attributesStart > row.length) return "it is cut off";
    const classes = decodeAttributes(entry, schema).get("objectClass");
    if (classes === undefined) return "it has no objectClass";
    if (entryKinds[row[kindAt]!] === undefined) return `it is of no kind: ${row[kindAt]}`;
    const name = entry.parent === noParent ? suffix.normal(schema) : Rdn.parse(entry.rdn).normal(schema);
    return { entry, name, kind: entryKind(classesOf(classes, schema)) };
  } catch (error) {
    // Thrown by a buffer that is asked for what lies behind its end.
    if (error instanceof RangeError) return "it is cut off";
    return error instanceof Error ? error.message : String(error);
  }
}

/** The values of each attribute type, by its name; reads every byte of the attribute list. */
function decodeAttributes({ bytes, attributesStart }: StoredEntry, schema: Schema): Map<string, Buffer[]> {
  const reader = new BerReader(bytes, attributesStart);
  const attributes = new Map<string, Buffer[]>();
  while (!reader.done) {
    const attribute = reader.open(0x30);
    if (bytes[reader.at + 1]! > longestDescription) throw new Error("the name of an attribute is too long");
    const type = reader.text();
    if (!schema.describe(type)) throw new Error(`it holds ${shown(type, "utf8")}, which the schema does not know`);
    const values: Buffer[] = [];
    const set = reader.open(0x31);
    while (!reader.done) values.push(reader.octets());
    reader.close(set);
    reader.close(attribute);
    attributes.set(type, values);
  }
  return attributes;
}

/** An id; what is wrong where the row is anything else. */
export function readId(row: Buffer): number | string {
  return row.length === idLength
    ? row.readUIntBE(0, idLength)
    : `it has ${row.length} bytes where an id has ${idLength}`;
}

/** A count; undefined where the row is anything but one number. */
export function countOf(row: Buffer): number | undefined {
  const numbers: number[] = [];
  return addNumbers(numbers, row, 0) && numbers.length === 1 ? numbers[0] : undefined;
}

/** What the head row of a list says; undefined where it cannot be one. */
export function headOf(row: Buffer): { count: number; ids: number[]; large: boolean } | undefined {
  if (row[0] !== 0 && row[0] !== 1) return undefined;
  const numbers: number[] = [];
  if (!addNumbers(numbers, row, 1) || numbers.length === 0) return undefined;
  const [count, ...distances] = numbers as [number, ...number[]];
  const ids: number[] = [];
  return addIds(ids, distances, 0) ? { count, ids, large: row[0] === 1 } : undefined;
}

/** Adds the ids of a run; false where it is damaged. */
export function addRun(ids: number[], { key, value }: Row): boolean {
  const first = lastIdIn(key);
  ids.push(first);
  if (value.length === 0) return true;
  const distances: number[] = [];
  return addNumbers(distances, value, 0) && addIds(ids, distances, first);
}

/** Each stands behind the one before: no distance is 0. */
function addIds(ids: number[], distances: readonly number[], before: number): boolean {
  let id = before;
  for (const distance of distances) {
    if (distance === 0) return false;
    id += distance;
    ids.push(id);
  }
  return true;
}

/** Adds the varints from `start` to the end; false where they are no numbers of ours. */
function addNumbers(numbers: number[], row: Buffer, start: number): boolean {
  for (let at = start; at < row.length; ) {
    let value = 0;
    let scale = 1;
    let byte: number;
    do {
      if (at === row.length) return false;
      byte = row[at++]!;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    if (!Number.isSafeInteger(value)) return false;
    numbers.push(value);
  }
  return true;
}

/** Whether every password stands whole behind its length. */
export function isWholeSecrets(row: Buffer): boolean {
  let at = 0;
  while (at + 2 <= row.length) at += 2 + row.readUInt16BE(at);
  return at === row.length;
}

export function isJson(row: Buffer): boolean {
  try {
    JSON.parse(row.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

/** The number of an attribute type; undefined where the row is anything else. */
export function attributeNumberOf(row: Buffer): number | undefined {
  return row.length === 2 ? row.readUInt16BE(0) : undefined;
}
