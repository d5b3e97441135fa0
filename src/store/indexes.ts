// What is indexed, as tables, and the index terms of an entry. The index narrows; the filter decides: a term may cover
// more than it should, never less.
import { AttributeCursor } from "../model/attribute-list.js";
import type { AttributeType, NormalForm, Schema } from "../model/schema.js";
import { type StoredEntry, uuidNormal } from "./entry-row.js";
import { idBytes, type Key, keys } from "./keys.js";

/** Attributes searched by parts of their values: people type the beginnings and middles of these. */
export const substringIndexed: readonly string[] = ["cn", "sn", "givenName", "displayName", "mail", "uid"];

/** The instants by which clients ask what is new. */
export const instantAttributes = ["createTimestamp", "modifyTimestamp"] as const;

/** Operational attributes that clients search by. */
const operationalIndexed: readonly string[] = ["entryUUID", ...instantAttributes];

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

/** Three bytes as one number: a great many of them are handled when a directory is loaded. */
export type Gram = number;

/** Tells of the grams of a piece of normal form; of one that it has several times perhaps as often. */
export function eachGram(text: string, tell: (gram: Gram) => void): void {
  if (text.length < gramLength) return;
  let gram = (text.charCodeAt(0) << 8) | text.charCodeAt(1);
  for (let at = 2; at < text.length; at++) {
    gram = ((gram << 8) | text.charCodeAt(at)) & 0xffffff;
    tell(gram);
  }
}

/** The prefix of the runs of a gram. */
export function gramPrefix(attribute: number, gram: Gram): Key {
  return keys.grams(attribute, String.fromCharCode(gram >>> 16, (gram >>> 8) & 0xff, gram & 0xff));
}

/** What one attribute type asks of the index. */
interface IndexedType {
  readonly type: AttributeType;
  readonly number: number;
  readonly grams: boolean;
}

/** Receives the terms of an entry. A term may come more than once. */
export interface TermSink {
  /** Whether to ask of values of this attribute whether they are known; default: no. */
  remembers?(attribute: number): boolean;
  /** Whether the terms of this value are known already, so that they need not be worked out. */
  knows?(attribute: number, value: string): boolean;
  /** A value by which an attribute is looked up, in normal form; empty where it has none. */
  value(attribute: number, normal: NormalForm): void;
  /** An attribute that is there, where its values cannot be looked up. */
  presence(attribute: number): void;
  gram(attribute: number, gram: Gram): void;
  /** What is kept in runs without a head, by their prefix. */
  run(prefix: Key): void;
  /** An instant that changes with every write, by the prefix of its runs: to be a row of its own, never part of a list. */
  instant(prefix: Key): void;
}

const mostPlaces = 64;
/** Bytes of a value that a sink is asked whether it knows it. */
const longestRemembered = 256;

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
    return isInstant(type) ? undefined : this.numbers.get(type);
  }

  /** The number under which instants of this type are indexed; undefined where it has none. */
  instantNumberOf(type: AttributeType): number | undefined {
    return isInstant(type) ? this.numbers.get(type) : undefined;
  }

  /** The number under which grams of this type's values are indexed; undefined where they are not. */
  gramNumberOf(type: AttributeType): number | undefined {
    const indexed = this.#byName.get(type.name);
    return indexed?.grams ? indexed.number : undefined;
  }

  /** Names the terms of an entry, memberships apart: all, or those of some attribute types. */
  terms(entry: StoredEntry, sink: TermSink, only?: ReadonlySet<string>): void {
    const cursor = this.#cursor.reset(entry.bytes, entry.attributesStart, entry.attributesEnd);
    for (let place = 0; cursor.next(); place++) {
      const indexed = this.#indexedAt(cursor, place);
      if (!indexed || (only && !only.has(indexed.type.name))) continue;
      if (!indexed.type.equality) sink.presence(indexed.number);
      const asks = (indexed.type.equality !== undefined && sink.remembers?.(indexed.number)) ?? false;
      while (cursor.nextValue()) {
        // What is long is rarely repeated, and dear to remember.
        const isAsked = asks && cursor.valueEnd - cursor.valueStart <= longestRemembered;
        if (!isAsked || !sink.knows?.(indexed.number, cursor.valueText)) this.#valueTerms(indexed, cursor.value, sink);
      }
    }
    const uuid = this.#byName.get("entryUUID");
    if (uuid && !only) sink.value(uuid.number, uuidNormal(entry.uuid));
    const created = this.#byName.get("createTimestamp");
    if (created && (!only || only.has("createTimestamp"))) sink.run(keys.grams(created.number, idBytes(entry.created)));
    const modified = this.#byName.get("modifyTimestamp");
    if (modified) sink.instant(keys.grams(modified.number, idBytes(entry.modified)));
  }

  /** Entries of one kind have their attributes in the same places: mostly what stood there last stands there again. */
  readonly #places: { readonly name: Buffer; readonly indexed: IndexedType | undefined }[] = [];

  #indexedAt(cursor: AttributeCursor, place: number): IndexedType | undefined {
    const last = this.#places[place];
    if (last && cursor.hasDescription(last.name)) return last.indexed;
    const description = cursor.type;
    const indexed = this.#indexed(description);
    if (place < mostPlaces) this.#places[place] = { name: Buffer.from(description, "latin1"), indexed };
    return indexed;
  }

  /** The attribute types of which two rows of one entry do not hold the same: only their terms can differ. */
  changedTypes(before: StoredEntry, after: StoredEntry): Set<string> {
    const kept = new Map<string, Buffer>();
    const cursor = this.#cursor.reset(before.bytes, before.attributesStart, before.attributesEnd);
    while (cursor.next()) kept.set(cursor.type, before.bytes.subarray(cursor.start, cursor.stop));
    const changed = new Set<string>();
    cursor.reset(after.bytes, after.attributesStart, after.attributesEnd);
    while (cursor.next()) {
      const same = kept.get(cursor.type);
      const size = cursor.stop - cursor.start;
      const isSame = same?.length === size && same.compare(after.bytes, cursor.start, cursor.stop) === 0;
      if (isSame) kept.delete(cursor.type);
      else changed.add(typeOf(cursor.type));
    }
    for (const description of kept.keys()) changed.add(typeOf(description));
    if (before.created !== after.created) changed.add("createTimestamp");
    return changed;
  }

  #indexed(description: string): IndexedType | undefined {
    return this.#byName.get(description) ?? this.#byName.get(typeOf(description));
  }

  #valueTerms({ type, number, grams }: IndexedType, value: Buffer, sink: TermSink): void {
    if (!type.equality) return;
    const normal = type.equality.normalize(value, this.schema);
    // Kept under no value, though no equality assertion can find it: presence is answered by ranging over the values.
    sink.value(number, normal ?? "");
    // The rules of one type share their normal form (model/matching-rules.ts).
    if (!grams || normal === undefined) return;
    eachGram(valueStart + normal + valueEnd, (gram) => sink.gram(number, gram));
  }
}

/** A description without its options. */
function typeOf(description: string): string {
  return description.split(";", 1)[0]!;
}

function isInstant(type: AttributeType): boolean {
  return instantAttributes.some((name) => name === type.name);
}
