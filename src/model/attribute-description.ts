// The written form of attribute types and descriptions (RFC 4512 1.4 and 2.5). Syntax only: whether a schema knows
// the name is the schema's business. An underscore is taken where RFC 4512 has none, because directories in use have it.

const descriptor = "[A-Za-z][A-Za-z0-9_-]*";
const numericOid = "(?:0|[1-9][0-9]*)(?:\\.(?:0|[1-9][0-9]*))+";
const typePattern = new RegExp(`^(?:${descriptor}|${numericOid})$`);
const descriptionPattern = new RegExp(`^(?:${descriptor}|${numericOid})(?:;[A-Za-z0-9_-]+)*$`);

/** Whether the text is an `oid` (RFC 4512 1.4): a short name or a numeric OID, of an attribute type or a matching rule. */
export function isAttributeType(text: string): boolean {
  return typePattern.test(text);
}

/** Whether the text is an attribute type with any number of options, such as `cn;lang-en`. */
export function isAttributeDescription(text: string): boolean {
  return descriptionPattern.test(text);
}
