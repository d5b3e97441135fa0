// The schema (RFC 4512 section 4): what attribute types, object classes, matching rules and syntaxes exist.
// This file is the contract and the lookups; definitions are read by schema-definition.ts, and the standard ones
// stand in standard-schema.ts as the RFCs write them.
import type { MatchingRule } from "./matching-rules.js";
import type { Syntax } from "./syntaxes.js";

export type AttributeUsage = "userApplications" | "directoryOperation" | "distributedOperation" | "dSAOperation";
export type ObjectClassKind = "ABSTRACT" | "STRUCTURAL" | "AUXILIARY";

export interface AttributeType {
  readonly oid: string;
  /** Every short name, spelled as defined. */
  readonly names: readonly string[];
  /** The spelling used in answers: the first short name, or the OID where there is none. */
  readonly name: string;
  readonly superior: AttributeType | undefined;
  /** Inherited from the superior where the definition names none (RFC 4512 2.5.1). */
  readonly equality: MatchingRule | undefined;
  readonly ordering: MatchingRule | undefined;
  readonly substrings: MatchingRule | undefined;
  readonly syntax: Syntax;
  readonly singleValue: boolean;
  readonly collective: boolean;
  readonly noUserModification: boolean;
  readonly usage: AttributeUsage;
  readonly obsolete: boolean;
  /** True for every usage but userApplications: returned only when asked for by name or `+` (RFC 4512 3.4). */
  readonly isOperational: boolean;
  /** This type and all types derived from it: what a filter on this type looks at (RFC 4511 4.5.1.7). */
  readonly family: readonly AttributeType[];
}

export interface ObjectClass {
  readonly oid: string;
  readonly names: readonly string[];
  readonly name: string;
  readonly kind: ObjectClassKind;
  readonly superiors: readonly ObjectClass[];
  /** This class and every class above it, itself first. */
  readonly lineage: readonly ObjectClass[];
  /** Required and allowed types, those of all superiors included. */
  readonly must: readonly AttributeType[];
  readonly may: readonly AttributeType[];
  readonly obsolete: boolean;
}

/** An attribute description resolved against the schema (RFC 4512 2.5). */
export interface AttributeDescription {
  readonly type: AttributeType;
  /** Tagging options, lower case, sorted, without duplicates. */
  readonly options: readonly string[];
  /** The one spelling used inside and in answers: the type's name, then `;option` each. */
  readonly text: string;
}

/** Definitions in the text form of RFC 4512 section 4.1, as a subschema subentry publishes them. */
export interface SchemaDefinitions {
  readonly attributeTypes: readonly string[];
  readonly objectClasses: readonly string[];
}

/** One immutable schema. Every lookup ignores case and takes a short name or a numeric OID. */
export declare class SchemaContract {
  attributeType(nameOrOid: string): AttributeType | undefined;
  objectClass(nameOrOid: string): ObjectClass | undefined;
  matchingRule(nameOrOid: string): MatchingRule | undefined;
  /** Resolves an attribute description such as `cn;lang-en`; undefined where the type is unknown or the text malformed. */
  describe(text: string): AttributeDescription | undefined;
}
