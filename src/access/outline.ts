// An entry above the subtrees that an application is given, as it sees it: that it is there, of which class, and its name.
// What else it holds belongs to a part of the directory that does not exist for this application.
import { encodeAttributeList } from "../model/attribute-list.js";
import type { EqualityNode } from "../model/filter-match.js";
import type { AttributeType } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import { decodeAttributes } from "./entry-content.js";
import { type Beholder, VisibleEntry } from "./visible-entry.js";

/** The computed attributes that say no more than the name and the class do. */
const outlined: readonly string[] = [
  "entryUUID",
  "entryDN",
  "distinguishedName",
  "structuralObjectClass",
  "subschemaSubentry",
];

export class Outline extends VisibleEntry {
  readonly #sight: Beholder;
  #list: Buffer | undefined;

  constructor(stored: StoredEntry, sight: Beholder) {
    super(stored, sight);
    this.#sight = sight;
  }

  override get isOutline(): boolean {
    return true;
  }

  override get bytes(): Buffer {
    this.#list ??= this.#outline();
    return this.#list;
  }

  override get attributesStart(): number {
    return 0;
  }

  override get attributesEnd(): number {
    return this.bytes.length;
  }

  #outline(): Buffer {
    const { schema } = this.#sight.reading;
    const naming = new Set(this.dn.rdn?.assertions.map(({ type }) => schema.attributeType(type)));
    const kept = decodeAttributes(this.stored.attributes, schema).filter(
      ({ description: { type, options } }) => options.length === 0 && (type.name === "objectClass" || naming.has(type)),
    );
    return encodeAttributeList(kept);
  }

  override get childCount(): undefined {
    return undefined;
  }

  override computedValues(type: AttributeType): readonly (string | Buffer)[] {
    return outlined.includes(type.name) ? super.computedValues(type) : [];
  }

  override computedEncoded(): undefined {
    return undefined;
  }

  override computedHas(type: AttributeType, node: EqualityNode): boolean | undefined {
    return outlined.includes(type.name) ? super.computedHas(type, node) : false;
  }

  override computedPresent(type: AttributeType): boolean {
    return outlined.includes(type.name);
  }

  override spells(): boolean {
    return false;
  }

  override loadMemberships(): undefined {
    return undefined;
  }

  override groupIds(): readonly number[] {
    return [];
  }

  override memberIds(): readonly number[] {
    return [];
  }
}
