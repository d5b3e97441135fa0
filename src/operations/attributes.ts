// Attributes as clients send them, resolved against the schema: shared by the operations that write.
import { isDerived } from "../access/computed-attributes.js";
import { isMembership, isPassword } from "../access/entry-content.js";
import type { Permissions } from "../access/permissions.js";
import type { Attribute } from "../model/attribute.js";
import { longestDescription } from "../model/attribute-list.js";
import type { Rdn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import type { AttributeDescription, AttributeType, Schema } from "../model/schema.js";
import { knownDescription } from "../model/schema-check.js";

/** The description of an attribute that a client wants to write. Fails with undefinedAttributeType or constraintViolation. */
export function writableDescription(text: string, schema: Schema): AttributeDescription {
  const description = knownDescription(text, schema);
  if (description.text.length > longestDescription) {
    fail("undefinedAttributeType", `an attribute description has at most ${longestDescription} characters`);
  }
  const { type, options } = description;
  if (isKeptByServer(type)) fail("constraintViolation", `${type.name} is kept by the server and cannot be written`);
  if (options.length > 0 && (isMembership(type) || isPassword(type))) {
    fail("constraintViolation", `${type.name} takes no options`);
  }
  return description;
}

function isKeptByServer(type: AttributeType): boolean {
  return type.noUserModification || type.isOperational || isDerived(type);
}

/** The position of a value among others, compared by the type's equality rule, or byte by byte where it has none. */
export function indexOfValue(values: readonly Buffer[], value: Buffer, type: AttributeType, schema: Schema): number {
  const wanted = type.equality?.normalize(value, schema);
  return values.findIndex(
    (other) => other.equals(value) || (wanted !== undefined && type.equality?.normalize(other, schema) === wanted),
  );
}

/** The attributes with every value of the name among them (RFC 4511 4.7: the RDN's values are part of the content). */
export function withRdn(attributes: readonly Attribute[], rdn: Rdn, schema: Schema): Attribute[] {
  const all = [...attributes];
  for (const { type: name, value } of rdn.assertions) {
    const description = rdnDescription(name, schema);
    const at = all.findIndex((attribute) => attribute.description.text === description.text);
    if (at < 0) all.push({ description, values: [value] });
    else if (indexOfValue(all[at]!.values, value, description.type, schema) < 0) {
      all[at] = { description, values: [...all[at]!.values, value] };
    }
  }
  return all;
}

/** Fails with notAllowedOnRDN where a value of the name is missing. */
export function requireRdn(attributes: readonly Attribute[], rdn: Rdn, schema: Schema): void {
  for (const { type: name, value } of rdn.assertions) {
    const description = rdnDescription(name, schema);
    const attribute = attributes.find((one) => one.description.text === description.text);
    if (!attribute || indexOfValue(attribute.values, value, description.type, schema) < 0) {
      fail(
        "notAllowedOnRDN",
        `${description.text} names the entry: rename it (modifyDN) instead of removing this value`,
      );
    }
  }
}

/** Fails with namingViolation where a name uses a type twice, or one that cannot name. */
export function requireNameable(rdn: Rdn, schema: Schema): void {
  const types = rdn.assertions.map(({ type }) => rdnDescription(type, schema).type);
  if (new Set(types).size < types.length) fail("namingViolation", `${rdn} names the entry twice by one attribute`);
}

/** Fails with insufficientAccessRights where a name would write an attribute that is hidden from this session. */
export function requireShownName(rdn: Rdn, schema: Schema, permissions: Permissions): void {
  for (const { type } of rdn.assertions) permissions.requireShown(knownDescription(type, schema).type);
}

/** The same for a name that is changed: its attributes have to be among those that may be written. */
export function requireWritableName(rdn: Rdn, schema: Schema, permissions: Permissions): void {
  for (const { type } of rdn.assertions) permissions.requireWritable(knownDescription(type, schema).type);
}

/** A name shows its values to everybody and stays as it is written: not every attribute is made for that. */
function rdnDescription(name: string, schema: Schema): AttributeDescription {
  const description = knownDescription(name, schema);
  const { type } = description;
  if (!type.equality) fail("namingViolation", `${name} has no equality rule, so it cannot name an entry`);
  if (isKeptByServer(type) || isMembership(type) || isPassword(type)) {
    fail("namingViolation", `${name} cannot name an entry`);
  }
  return description;
}
