// Attributes that no row holds: they follow from where an entry stands, when it was written, and whom it holds. One
// table; each entry says what the values are for somebody who sees what `sight` lets through.
import { printGeneralizedTime } from "../model/generalized-time.js";
import type { AttributeType, Schema } from "../model/schema.js";
import { type StoredEntry, uuidText } from "../store/entry-row.js";

export const subschemaDn = "cn=Subschema";

/** What the computations ask of an entry. */
export interface ComputedSource {
  readonly stored: StoredEntry;
  readonly dnText: string;
  /** Undefined where the number would tell of entries that do not exist for this session. */
  readonly childCount: number | undefined;
  /** DNs of the groups it is in, and of its members, as far as they are visible. */
  groupNames(): readonly string[];
  memberNames(): readonly string[];
  memberUids(): readonly Buffer[];
  /** The name of who wrote the entry as a list: empty where nobody is named, or who does not exist for this session. */
  writerNames(written: string): readonly string[];
  /** The same names encoded, each as a value, one behind the other; undefined where they have to be made one by one. */
  encodedGroupNames(): Buffer | undefined;
  encodedMemberNames(): Buffer | undefined;
}

type Compute = (entry: ComputedSource) => readonly (string | Buffer)[];

const computations: Readonly<Record<string, Compute>> = {
  entryUUID: ({ stored }) => [uuidText(stored.uuid)],
  entryDN: (entry) => [entry.dnText],
  distinguishedName: (entry) => [entry.dnText],
  createTimestamp: ({ stored }) => [printGeneralizedTime(stored.created)],
  modifyTimestamp: ({ stored }) => [printGeneralizedTime(stored.modified)],
  creatorsName: (entry) => entry.writerNames(entry.stored.creator),
  modifiersName: (entry) => entry.writerNames(entry.stored.modifier),
  structuralObjectClass: ({ stored }) => [stored.structural],
  subschemaSubentry: () => [subschemaDn],
  hasSubordinates: (entry) => (entry.childCount === undefined ? [] : [entry.childCount > 0 ? "TRUE" : "FALSE"]),
  numSubordinates: (entry) => (entry.childCount === undefined ? [] : [String(entry.childCount)]),
  memberOf: (entry) => entry.groupNames(),
  member: (entry) => entry.memberNames(),
  uniqueMember: (entry) => entry.memberNames(),
  memberUid: (entry) => entry.memberUids(),
};

/** Those whose values may be at hand as they are sent. */
const encodings: Readonly<Record<string, (entry: ComputedSource) => Buffer | undefined>> = {
  memberOf: (entry) => entry.encodedGroupNames(),
  member: (entry) => entry.encodedMemberNames(),
  uniqueMember: (entry) => entry.encodedMemberNames(),
};

/** The spellings of a membership, each with the class of group that shows it among all user attributes. */
export const memberSpellings: Readonly<Record<string, string>> = {
  member: "groupOfNames",
  uniqueMember: "groupOfUniqueNames",
  memberUid: "posixGroup",
};

/** Whether the values are a list of memberships, which may be long. */
export function listsMemberships(type: AttributeType): boolean {
  return type.name === "memberOf" || memberSpellings[type.name] !== undefined;
}

/** Whether the server alone says what the values are, and nobody can write them. */
export function isDerived(type: AttributeType): boolean {
  return computations[type.name] !== undefined && memberSpellings[type.name] === undefined;
}

/** The operational attributes that `+` brings (RFC 3673). */
export const computedOperational = [
  "entryUUID",
  "entryDN",
  "createTimestamp",
  "modifyTimestamp",
  "creatorsName",
  "modifiersName",
  "structuralObjectClass",
  "subschemaSubentry",
  "hasSubordinates",
  "numSubordinates",
  "distinguishedName",
] as const;

const noValues: readonly string[] = [];

/** The attribute types that are computed, under one schema. */
export class ComputedAttributes {
  readonly #table = new Map<AttributeType, Compute>();

  constructor(schema: Schema) {
    for (const [name, compute] of Object.entries(computations)) {
      const type = schema.attributeType(name);
      if (type) this.#table.set(type, compute);
    }
  }

  has(type: AttributeType): boolean {
    return this.#table.has(type);
  }

  /** The values, those that are text as text; none for a type that is not computed. */
  values(type: AttributeType, entry: ComputedSource): readonly (string | Buffer)[] {
    return this.#table.get(type)?.(entry) ?? noValues;
  }

  /** The values as they are sent, one behind the other, where they are at hand so. */
  encoded(type: AttributeType, entry: ComputedSource): Buffer | undefined {
    return encodings[type.name]?.(entry);
  }
}
