// Matching rules (RFC 4517 section 4) as one table.
import type { SubstringsFilter } from "./filter.js";
import type { Schema } from "./schema.js";

/**
 * The normal form of a value: a string in which every character is one byte (latin1), so that it can be compared with
 * `===`, ordered with `<`, and used as part of a store key. For an ordering rule the byte order is the rule's order.
 */
export type NormalForm = string;

export interface MatchingRule {
  readonly oid: string;
  readonly names: readonly string[];
  readonly name: string;
  readonly kind: "equality" | "ordering" | "substrings";
  /** OID of the assertion syntax, for publication (RFC 4512 4.1.3). */
  readonly syntax: string;
  /** Normal form of an attribute value; undefined where the bytes have not the syntax that the rule needs. */
  normalize(value: Buffer, schema: Schema): NormalForm | undefined;
  /** Normal forms of the parts of a substring assertion; only on rules of kind "substrings". */
  fragments?(filter: SubstringsFilter, schema: Schema): Fragments | undefined;
}

export interface Fragments {
  readonly initial: NormalForm | undefined;
  readonly any: readonly NormalForm[];
  readonly final: NormalForm | undefined;
}
