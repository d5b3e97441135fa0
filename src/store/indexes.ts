// What is indexed, as tables, and the index terms of an entry. The index narrows; the filter decides: a term may cover
// more than it should, never less.
import { AttributeCursor } from "../model/attribute-list.js";
import type { AttributeType, Schema } from "../model/schema.js";
import { type StoredEntry, uuidText } from "./entry-row.js";
import { type Key, keys } from "./keys.js";

/** Attributes searched by parts of their values: people type the beginnings and middles of these. */
export const substringIndexed: readonly string[] = ["cn", "sn", "givenName", "displayName", "mail", "uid"];

/** Operational attributes that clients search by: entryUUID to find again, the times to see what changed. */
const operationalIndexed: readonly string[] = ["entryUUID", "createTimestamp", "modifyTimestamp"];

/** Numbers of attribute types in index keys: short, and the same for the life of the store. */
export type AttributeNumbers = ReadonlyMap<AttributeType, number>;

/** Every type that gets a number: all that may carry an index. */
export function numberedTypes(schema: Schema): AttributeType[] {
  return schema.attributeTypes.filter((type) => !type.isOperational || operationalIndexed.includes(type.name));
}

/** Marks the ends of a value among its grams, so that initial and final parts of two bytes are found too. */
export const valueStart = "\x01";
export const valueEnd = "\x02";
export const gramLength = 3;

/** The distinct grams of a piece of normal form. */
export function gramsOf(text: string): Set<string> {
  const grams = new Set<string>();
  for (let at = 0; at + gramLength <= text.length; at++) grams.add(text.slice(at, at + gramLength));
  return grams;
}

/** What one attribute type asks of the index. */
interface IndexedType {
  readonly type: AttributeType;
  readonly number: number;
  readonly grams: boolean;
}

/** Receives the terms of an entry: postings by head key, gram runs by prefix. A term may come more than once. */
export interface TermSink {
  posting(head: Key): void;
  gram(prefix: Key): void;
}

/** Knows the index terms of entries under one schema. */
export class Indexes {
  readonly schema: Schema;
  readonly numbers: AttributeNumbers;
  readonly #byName = new Map<string, IndexedType>();
  readonly #cursor = new AttributeCursor(Buffer.alloc(0), 0, 0);

  constructor(schema: Schema, numbers: AttributeNumbers) {
    this.schema = schema;
    this.numbers = numbers;
    for (const [type, number] of numbers) {
      this.#byName.set(type.name, { type, number, grams: substringIndexed.includes(type.name) && !!type.substrings });
    }
  }

  /** The number under which values of this type are indexed; undefined where they are not. */
  numberOf(type: AttributeType): number | undefined {
    return this.numbers.get(type);
  }

  /** The number under which grams of this type's values are indexed; undefined where they are not. */
  gramNumberOf(type: AttributeType): number | undefined {
    const indexed = this.#byName.get(type.name);
    return indexed?.grams ? indexed.number : undefined;
  }

  /** Names every term of an entry, memberships apart. */
  terms(entry: StoredEntry, sink: TermSink): void {
    const cursor = this.#cursor.reset(entry.bytes, entry.attributesStart, entry.attributesEnd);
    while (cursor.next()) {
      const indexed = this.#indexed(cursor.type);
      if (!indexed) continue;
      if (!indexed.type.equality) sink.posting(keys.presence(indexed.number));
      while (cursor.nextValue()) this.#valueTerms(indexed, cursor.value, sink);
    }
    this.#operationalTerm("entryUUID", uuidText(entry.uuid), sink);
    this.#operationalTerm("createTimestamp", timestampText(entry.created), sink);
    this.#operationalTerm("modifyTimestamp", timestampText(entry.modified), sink);
  }

  #indexed(description: string): IndexedType | undefined {
    return this.#byName.get(description) ?? this.#byName.get(description.split(";", 1)[0]!);
  }

  #valueTerms({ type, number, grams }: IndexedType, value: Buffer, sink: TermSink): void {
    const normal = type.equality?.normalize(value, this.schema);
    if (normal !== undefined) sink.posting(keys.equality(number, normal));
    // Kept, though no equality assertion can find it: presence is answered by ranging over the values.
    else if (type.equality) sink.posting(keys.equality(number, ""));
    if (!grams) return;
    const text = type.substrings?.normalize(value, this.schema);
    if (text === undefined) return;
    for (const gram of gramsOf(valueStart + text + valueEnd)) sink.gram(keys.grams(number, gram));
  }

  #operationalTerm(name: string, text: string, sink: TermSink): void {
    const indexed = this.#byName.get(name);
    if (indexed) this.#valueTerms(indexed, Buffer.from(text), sink);
  }
}

/** GeneralizedTime in whole seconds, as createTimestamp and modifyTimestamp show it (RFC 4517 3.3.13). */
export function timestampText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace(/[-T:]/g, "")}Z`;
}
