// Which attributes of an entry a search sends, and under which names (RFC 4511 4.5.1.8, RFC 3673, RFC 4529). Compiled
// once for a search; where everything is wanted, the encoded list is copied as it is.
import { computedOperational, listsMemberships, memberSpellings } from "../access/computed-attributes.js";
import type { Naming } from "../access/naming.js";
import type { BerWriter } from "../ber/writer.js";
import {
  AttributeCursor,
  longestDescription,
  writeEncodedAttribute,
  writePartialAttribute,
} from "../model/attribute-list.js";
import type { EntryKind } from "../model/entry-kind.js";
import type { FilterSubject } from "../model/filter-match.js";
import type { AttributeType, Schema } from "../model/schema.js";

/** What a selection is applied to. */
export interface Selectable extends FilterSubject {
  readonly dnText: string;
  readonly kind: EntryKind;
  /** The values of a computed attribute, those that are text as text. */
  computedValues(type: AttributeType): readonly (string | Buffer)[];
  /** The same as they are sent, one behind the other, where they are at hand so. */
  computedEncoded(type: AttributeType): Buffer | undefined;
  /** Whether a spelling of a membership belongs to all user attributes of this entry. */
  spells(type: AttributeType): boolean;
}

/** One requested attribute, or a subtype of it. */
interface Wanted {
  readonly type: AttributeType;
  /** The type's name as it stands in an encoded list. */
  readonly name: Buffer;
  readonly options: readonly string[];
  /** The name to send: as the client wrote it, for the type itself; the schema's for a subtype. */
  readonly spelling: string;
  /** Asked for by a name of its own. */
  readonly named: boolean;
  readonly computed: boolean;
}

export interface SelectionScope {
  readonly schema: Schema;
  isComputed(type: AttributeType): boolean;
  isReadable(type: AttributeType): boolean;
}

const noAttributes = "1.1";

export class Selection {
  readonly #scope: SelectionScope;
  readonly #typesOnly: boolean;
  readonly #allUser: boolean;
  readonly #wanted: readonly Wanted[];
  /** Computed attributes to send when they have values, in order. */
  readonly #computed: readonly Wanted[];
  readonly #spellings: readonly Wanted[];
  readonly #copiesList: boolean;
  /** How names are written otherwise than they are kept. */
  readonly #naming: Naming | undefined;
  readonly #cursor = new AttributeCursor(Buffer.alloc(0), 0, 0);
  /** Whether long lists of memberships may be sent, so that they have to be brought to hand first. */
  readonly listsMemberships: boolean;

  constructor(
    requested: readonly string[],
    typesOnly: boolean,
    scope: SelectionScope,
    options: { hidesStored: boolean; naming?: Naming | undefined },
  ) {
    this.#scope = scope;
    this.#typesOnly = typesOnly;
    this.#naming = options.naming;
    const names = requested.filter((name) => name !== noAttributes);
    this.#allUser = requested.length === 0 || names.includes("*");
    // What is asked for by its own name is sent under that name, though it also came as a subtype or by its class.
    const wanted = names.flatMap((name) => this.#resolve(name)).sort((a, b) => Number(b.named) - Number(a.named));
    this.#wanted = wanted.filter(({ computed }) => !computed);
    const computed: Wanted[] = [];
    for (const one of wanted) if (one.computed && !computed.some(({ type }) => type === one.type)) computed.push(one);
    if (names.includes("+")) this.#addComputed(computedOperational, computed);
    if (this.#allUser) this.#addComputed(["memberOf"], computed);
    this.#computed = computed;
    const spellings: Wanted[] = [];
    if (this.#allUser) this.#addComputed(Object.keys(memberSpellings), spellings);
    this.#spellings = spellings.filter(({ type }) => !computed.some((one) => one.type === type));
    this.#copiesList =
      this.#allUser && this.#wanted.length === 0 && !typesOnly && !options.hidesStored && !options.naming;
    this.listsMemberships = [...computed, ...this.#spellings].some(({ type }) => listsMemberships(type));
  }

  /** What a requested description means; nothing for what the schema does not know (RFC 4511 4.5.1.8: ignored). */
  #resolve(name: string): Wanted[] {
    if (name.startsWith("@")) return this.#resolveClass(name.slice(1));
    const description = this.#scope.schema.describe(name);
    if (!description) return [];
    const { type: asked, options } = description;
    const spelling = name.split(";", 1)[0]!;
    const types = this.#scope.isComputed(asked) ? [asked] : asked.family;
    return types.flatMap((type) => this.#want(type, options, type === asked ? spelling : undefined));
  }

  /** RFC 4529: all attributes that an object class requires or allows. */
  #resolveClass(name: string): Wanted[] {
    const objectClass = this.#scope.schema.objectClass(name);
    if (!objectClass) return [];
    return [...objectClass.must, ...objectClass.may].flatMap((type) => this.#want(type, []));
  }

  #want(type: AttributeType, options: readonly string[], spelling?: string): Wanted[] {
    if (!this.#scope.isReadable(type)) return [];
    const computed = this.#scope.isComputed(type);
    if (computed && options.length > 0) return [];
    const name = Buffer.from(type.name, "latin1");
    return [{ type, name, options, spelling: spelling ?? type.name, named: spelling !== undefined, computed }];
  }

  #addComputed(names: readonly string[], into: Wanted[]): void {
    for (const name of names) {
      const type = this.#scope.schema.attributeType(name);
      if (type && !into.some((one) => one.type === type)) into.push(...this.#want(type, []));
    }
  }

  /** Writes the content of a SearchResultEntry: objectName and attributes. */
  write(entry: Selectable, writer: BerWriter): void {
    writer.text(this.#naming ? this.#naming.dn(entry.dnText) : entry.dnText);
    writer.open(0x30);
    if (this.#copiesList) writer.rawSlice(entry.bytes, entry.attributesStart, entry.attributesEnd);
    else if (this.#allUser || this.#wanted.length > 0) this.#writeStored(entry, writer);
    for (const wanted of this.#computed) this.#writeComputed(entry, wanted, writer);
    for (const wanted of this.#spellings) if (entry.spells(wanted.type)) this.#writeComputed(entry, wanted, writer);
    writer.close();
  }

  #writeStored(entry: Selectable, writer: BerWriter): void {
    const cursor = this.#cursor.reset(entry.bytes, entry.attributesStart, entry.attributesEnd);
    while (cursor.next()) {
      const wanted = this.#wantedAt(cursor);
      if (!wanted && !(this.#allUser && this.#isReadableAt(cursor))) continue;
      const spelling = wanted ? this.#spellingAt(cursor, wanted) : undefined;
      if (this.#typesOnly) writePartialAttribute(writer, spelling ?? cursor.type, []);
      else if (this.#isRenamedAt(cursor, entry)) {
        const type = this.#scope.schema.describe(cursor.type)!.type;
        const values = cursor.values().map((value) => this.#naming!.value(type, value));
        writePartialAttribute(writer, spelling ?? cursor.type, values);
      } else if (spelling === undefined) writer.rawSlice(entry.bytes, cursor.start, cursor.stop);
      else writePartialAttribute(writer, spelling, cursor.values());
    }
  }

  #isRenamedAt(cursor: AttributeCursor, entry: Selectable): boolean {
    const type = this.#naming && this.#scope.schema.describe(cursor.type)?.type;
    return type !== undefined && this.#naming!.rewrites(type, entry.kind, entry.dnText);
  }

  #wantedAt(cursor: AttributeCursor): Wanted | undefined {
    for (const wanted of this.#wanted) {
      if (!cursor.isOf(wanted.name)) continue;
      if (wanted.options.length === 0) return wanted;
      const present = cursor.options();
      if (wanted.options.every((option) => present.includes(option))) return wanted;
    }
    return undefined;
  }

  /** The name to send with the options that the value has; undefined where it is the one in the list already. */
  #spellingAt(cursor: AttributeCursor, wanted: Wanted): string | undefined {
    if (wanted.spelling === wanted.type.name) return undefined;
    const spelling = [wanted.spelling, ...cursor.options()].join(";");
    return spelling.length > longestDescription ? undefined : spelling;
  }

  #isReadableAt(cursor: AttributeCursor): boolean {
    const type = this.#scope.schema.describe(cursor.type)?.type;
    return type !== undefined && this.#scope.isReadable(type);
  }

  #writeComputed(entry: Selectable, { type, spelling }: Wanted, writer: BerWriter): void {
    const isRenamed = this.#naming?.rewrites(type, entry.kind, entry.dnText) ?? false;
    const encoded = this.#typesOnly || isRenamed ? undefined : entry.computedEncoded(type);
    if (encoded) {
      if (encoded.length > 0) writeEncodedAttribute(writer, spelling, encoded);
      return;
    }
    const kept = entry.computedValues(type);
    const values = isRenamed ? kept.map((value) => this.#naming!.value(type, value)) : kept;
    if (values.length > 0) writePartialAttribute(writer, spelling, this.#typesOnly ? [] : values);
  }
}
