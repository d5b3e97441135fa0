// What an entry holds, sorted by where it is kept: attributes in the row, memberships in a relation of their own,
// passwords apart. The schema is checked on the whole of it.
import type { Attribute } from "../model/attribute.js";
import { AttributeCursor, encodeAttributeList } from "../model/attribute-list.js";
import { Dn } from "../model/dn.js";
import { type EntryKind, entryKind } from "../model/entry-kind.js";
import { fail, LdapError } from "../model/failure.js";
import type { AttributeType, Schema } from "../model/schema.js";
import { checkEntry } from "../model/schema-check.js";
import type { MemberName } from "../store/reading.js";
import { memberSpellings } from "./computed-attributes.js";

export interface EntryContent {
  /** Encoded attribute list, in the order in which the attributes were given. */
  readonly attributes: Buffer;
  readonly structural: string;
  readonly kind: EntryKind;
  readonly members: readonly MemberName[];
  /** As given: hashing is up to whoever stores them. */
  readonly passwords: readonly Buffer[];
}

/** Whether the type is one of the spellings of a membership. */
export function isMembership(type: AttributeType): boolean {
  return memberSpellings[type.name] !== undefined;
}

export function isPassword(type: AttributeType): boolean {
  return type.name === "userPassword";
}

/** Checks the outcome of a write and sorts it. `changed`, `shows` and what is thrown: see `checkEntry`. */
export function entryContent(
  attributes: readonly Attribute[],
  schema: Schema,
  changed?: ReadonlySet<string>,
  shows?: (type: AttributeType) => boolean,
): EntryContent {
  const all = attributes.map(withoutNobody);
  const { structural, classes } = checkEntry(all, schema, changed, shows);
  const kept: Attribute[] = [];
  const members: MemberName[] = [];
  const passwords: Buffer[] = [];
  for (const attribute of all) {
    const { type } = attribute.description;
    if (isMembership(type)) {
      for (const value of attribute.values) members.push(memberOf(type, value));
    } else if (isPassword(type)) passwords.push(...attribute.values);
    else kept.push(attribute);
  }
  return {
    attributes: encodeAttributeList(kept),
    structural: structural.name,
    kind: entryKind(classes),
    members,
    passwords,
  };
}

/** Crowd makes an empty group with one member that has no name. */
export function isNobody(value: Buffer): boolean {
  return value.length === 0;
}

function withoutNobody(attribute: Attribute): Attribute {
  if (!isMembership(attribute.description.type) || !attribute.values.some(isNobody)) return attribute;
  return { ...attribute, values: attribute.values.filter((value) => !isNobody(value)) };
}

/** A value of member, uniqueMember or memberUid as the name of an entry. Fails with invalidAttributeSyntax. */
export function memberOf(type: AttributeType, value: Buffer): MemberName {
  if (type.name === "memberUid") return { kind: "uid", uid: value.toString("utf8") };
  try {
    const dn = Dn.parse(value);
    return { kind: "dn", dn, written: dn.toString() };
  } catch (error) {
    if (!(error instanceof LdapError)) throw error;
    return fail("invalidAttributeSyntax", `a value of ${type.name} is not a DN: ${error.message}`);
  }
}

/** The attributes of an encoded list, decoded for a change. Values are views of the list. */
export function decodeAttributes(list: Buffer, schema: Schema): Attribute[] {
  const cursor = new AttributeCursor(list, 0, list.length);
  const attributes: Attribute[] = [];
  while (cursor.next()) {
    const description = schema.describe(cursor.type);
    if (!description) throw new Error(`an entry holds ${cursor.type}, which the schema does not know`);
    attributes.push({ description, values: cursor.values() });
  }
  return attributes;
}
