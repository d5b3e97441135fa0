// The schema (RFC 4512 section 4): what attribute types, object classes, matching rules and syntaxes exist, and how one
// asks for them. Immutable once made. Definitions are read by schema-definition.ts; the standard ones stand in
// standard-schema.ts as the RFCs write them, the rules in matching-rules.ts and the syntaxes in syntaxes.ts.
import type { SubstringsFilter } from "./filter.js";
import {
  type AttributeTypeDefinition,
  type AttributeUsage,
  attributeTypeDefinition,
  matchingRuleDefinition,
  matchingRuleUseDefinition,
  type ObjectClassDefinition,
  type ObjectClassKind,
  objectClassDefinition,
  syntaxDefinition,
} from "./schema-definition.js";

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
  /**
   * Normal form of an attribute value, and of an assertion of the syntax of a value; undefined where the bytes have not
   * the syntax that the rule needs. The equality, ordering and substrings rules of one attribute type agree in it.
   */
  normalize(value: Buffer, schema: Schema): NormalForm | undefined;
  /**
   * Normal forms of the parts of a substring assertion; only on rules of kind "substrings". A value matches when its
   * normal form starts with `initial`, ends with `final`, and has each of `any` in between, in order, none overlapping.
   */
  fragments?(filter: SubstringsFilter, schema: Schema): Fragments | undefined;
}

export interface Fragments {
  readonly initial: NormalForm | undefined;
  readonly any: readonly NormalForm[];
  readonly final: NormalForm | undefined;
}

/** RFC 4517 section 3. */
export interface Syntax {
  readonly oid: string;
  readonly description: string;
  /** False where values are bytes that no person reads. */
  readonly humanReadable: boolean;
  /** Whether the bytes are a value of the syntax. */
  accepts(value: Buffer): boolean;
}

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
  /** This type and all types derived from it, itself first: what a filter on this type looks at (RFC 4511 4.5.1.7). */
  readonly family: readonly AttributeType[];
  /** As published (RFC 4512 4.1.2). */
  readonly definition: string;
}

export interface ObjectClass {
  readonly oid: string;
  readonly names: readonly string[];
  readonly name: string;
  readonly kind: ObjectClassKind;
  readonly superiors: readonly ObjectClass[];
  /** This class and every class above it: itself first, and each class before those above it. */
  readonly lineage: readonly ObjectClass[];
  /** Required and allowed types, those of all superiors included; none stands in both. */
  readonly must: readonly AttributeType[];
  readonly may: readonly AttributeType[];
  readonly obsolete: boolean;
  /** As published (RFC 4512 4.1.1). */
  readonly definition: string;
}

/** An attribute description resolved against the schema (RFC 4512 2.5). Compare by `text`. */
export interface AttributeDescription {
  readonly type: AttributeType;
  /** Options, `binary` included: lower case, sorted, without duplicates. */
  readonly options: readonly string[];
  /** The one spelling used inside and in answers: the type's name, then `;option` each. */
  readonly text: string;
}

/** What a schema is made of: definitions in the text form of RFC 4512 section 4.1, and the rules and syntaxes they name. */
export interface SchemaDefinitions {
  readonly attributeTypes: readonly string[];
  readonly objectClasses: readonly string[];
  readonly matchingRules: readonly MatchingRule[];
  readonly syntaxes: readonly Syntax[];
}

/** The values of a subschema subentry (RFC 4512 4.2). */
export interface PublishedSchema {
  readonly attributeTypes: readonly string[];
  readonly objectClasses: readonly string[];
  readonly matchingRules: readonly string[];
  readonly matchingRuleUse: readonly string[];
  readonly ldapSyntaxes: readonly string[];
}

/** Descriptions with options are remembered up to this many, and only up to this length: their texts come from outside. */
const describedAtMost = 4096;
const describedLength = 256;

/** One immutable schema. Every lookup ignores case and takes a short name or a numeric OID. */
export class Schema {
  readonly attributeTypes: readonly AttributeType[];
  readonly objectClasses: readonly ObjectClass[];
  readonly matchingRules: readonly MatchingRule[];
  readonly syntaxes: readonly Syntax[];
  readonly published: PublishedSchema;
  readonly #attributeTypes: ReadonlyMap<string, AttributeType>;
  readonly #objectClasses: ReadonlyMap<string, ObjectClass>;
  readonly #matchingRules: ReadonlyMap<string, MatchingRule>;
  readonly #syntaxes: ReadonlyMap<string, Syntax>;
  /** The descriptions without options, by every name of their types. */
  readonly #plain: ReadonlyMap<string, AttributeDescription>;
  readonly #described = new Map<string, AttributeDescription>();

  /** Throws one Error that lists every fault of the definitions. */
  constructor(definitions: SchemaDefinitions) {
    const faults: string[] = [];
    this.#syntaxes = indexed(definitions.syntaxes, "syntax", faults);
    this.#matchingRules = indexed(definitions.matchingRules, "matching rule", faults);
    for (const rule of definitions.matchingRules) {
      if (!this.#syntaxes.has(rule.syntax)) faults.push(`matching rule ${rule.name}: unknown syntax ${rule.syntax}`);
    }
    const typeDefinitions = readAll(definitions.attributeTypes, attributeTypeDefinition.read, faults);
    const types = resolveAttributeTypes(typeDefinitions, this.#matchingRules, this.#syntaxes, faults);
    this.#attributeTypes = types.byName;
    const classDefinitions = readAll(definitions.objectClasses, objectClassDefinition.read, faults);
    const classes = resolveObjectClasses(classDefinitions, types.byName, faults);
    this.#objectClasses = classes.byName;
    if (faults.length > 0) throw new Error(`the schema has ${faults.length} fault(s):\n${faults.join("\n")}`);

    this.attributeTypes = Object.freeze(types.all);
    this.objectClasses = Object.freeze(classes.all);
    this.matchingRules = Object.freeze([...definitions.matchingRules]);
    this.syntaxes = Object.freeze([...definitions.syntaxes]);
    const descriptions = new Map(types.all.map((type) => [type, { type, options: [], text: type.name }]));
    this.#plain = new Map([...types.byName].map(([name, type]) => [name, descriptions.get(type)!]));
    this.published = Object.freeze({
      attributeTypes: this.attributeTypes.map((type) => type.definition),
      objectClasses: this.objectClasses.map((objectClass) => objectClass.definition),
      matchingRules: this.matchingRules.map(printMatchingRule),
      matchingRuleUse: this.matchingRules
        .map((rule) => printMatchingRuleUse(rule, this.attributeTypes))
        .filter((text) => text !== undefined),
      ldapSyntaxes: this.syntaxes.map(printSyntax),
    });
  }

  attributeType(nameOrOid: string): AttributeType | undefined {
    return this.#attributeTypes.get(nameOrOid) ?? this.#attributeTypes.get(nameOrOid.toLowerCase());
  }

  objectClass(nameOrOid: string): ObjectClass | undefined {
    return this.#objectClasses.get(nameOrOid) ?? this.#objectClasses.get(nameOrOid.toLowerCase());
  }

  matchingRule(nameOrOid: string): MatchingRule | undefined {
    return this.#matchingRules.get(nameOrOid) ?? this.#matchingRules.get(nameOrOid.toLowerCase());
  }

  syntax(oid: string): Syntax | undefined {
    return this.#syntaxes.get(oid);
  }

  /** Resolves an attribute description such as `cn;lang-en`; undefined where the type is unknown or the text malformed. */
  describe(text: string): AttributeDescription | undefined {
    const plain = this.#plain.get(text);
    if (plain !== undefined) return plain;
    const semicolon = text.indexOf(";");
    if (semicolon < 0) return this.#plain.get(text.toLowerCase());
    const known = this.#described.get(text);
    if (known !== undefined) return known;
    const type = this.attributeType(text.slice(0, semicolon));
    const description = type && describeWithOptions(type, text.slice(semicolon + 1));
    if (description !== undefined && text.length <= describedLength) {
      if (this.#described.size >= describedAtMost) this.#described.clear();
      this.#described.set(text, description);
    }
    return description;
  }
}

const options = /^[A-Za-z0-9-]+(?:;[A-Za-z0-9-]+)*$/;

/** RFC 4512 2.5: options have no order and no case. */
function describeWithOptions(type: AttributeType, text: string): AttributeDescription | undefined {
  if (!options.test(text)) return undefined;
  const sorted = [...new Set(text.toLowerCase().split(";"))].sort();
  return { type, options: Object.freeze(sorted), text: [type.name, ...sorted].join(";") };
}

interface Named {
  readonly oid: string;
  readonly names?: readonly string[];
}

const nameOf = ({ names, oid }: Named): string => names?.[0] ?? oid;

/** By OID and by every name, both as spelled (found without folding case) and in lower case. */
function indexed<T extends Named>(items: readonly T[], title: string, faults: string[]): Map<string, T> {
  const found = new Map<string, T>();
  for (const item of items) {
    for (const name of [item.oid, ...(item.names ?? [])]) {
      const other = found.get(name.toLowerCase());
      if (other !== undefined) faults.push(`${title} ${nameOf(item)}: "${name}" is taken by ${nameOf(other)}`);
      found.set(name.toLowerCase(), item);
      found.set(name, item);
    }
  }
  return found;
}

function readAll<D>(texts: readonly string[], read: (text: string) => D, faults: string[]): D[] {
  const definitions: D[] = [];
  for (const text of texts) {
    try {
      definitions.push(read(text));
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  return definitions;
}

/**
 * Makes one item of each definition, those it derives from first, wherever they stand. `make` is handed a function that
 * finds another item by name and has it made; for a name that is unknown or leads back to itself that is undefined, and
 * a fault.
 */
function resolveAll<D extends Named, T extends Named>(
  definitions: readonly D[],
  title: string,
  faults: string[],
  make: (definition: D, superior: (name: string) => T | undefined) => T,
): { all: T[]; byName: Map<string, T> } {
  const defined = indexed(definitions, title, faults);
  const made = new Map<D, T>();
  const underWay = new Set<D>();

  function resolve(definition: D): T | undefined {
    const known = made.get(definition);
    if (known !== undefined) return known;
    if (underWay.has(definition)) return undefined;
    underWay.add(definition);
    const item = make(definition, (name) => {
      const superior = defined.get(name.toLowerCase());
      if (superior === undefined) {
        faults.push(`${title} ${nameOf(definition)}: unknown superior ${name}`);
        return undefined;
      }
      const item = resolve(superior);
      if (item === undefined) faults.push(`${title} ${nameOf(definition)}: derives from itself through ${name}`);
      return item;
    });
    underWay.delete(definition);
    made.set(definition, item);
    return item;
  }

  const all = definitions.map((definition) => resolve(definition)!);
  return { all, byName: indexed(all, title, []) };
}

function resolveAttributeTypes(
  definitions: readonly AttributeTypeDefinition[],
  rules: ReadonlyMap<string, MatchingRule>,
  syntaxes: ReadonlyMap<string, Syntax>,
  faults: string[],
) {
  const families = new Map<AttributeType, AttributeType[]>();
  return resolveAll<AttributeTypeDefinition, AttributeType>(
    definitions,
    "attribute type",
    faults,
    (definition, superiorNamed) => {
      const name = nameOf(definition);
      const superior = definition.superior === undefined ? undefined : superiorNamed(definition.superior);
      const rule = (kind: MatchingRule["kind"]): MatchingRule | undefined => {
        const ruleName = definition[kind];
        if (ruleName === undefined) return superior?.[kind];
        const found = rules.get(ruleName.toLowerCase());
        if (found === undefined) faults.push(`attribute type ${name}: unknown matching rule ${ruleName}`);
        else if (found.kind !== kind) faults.push(`attribute type ${name}: ${ruleName} is no ${kind} rule`);
        return found;
      };
      const syntax = definition.syntax === undefined ? superior?.syntax : syntaxes.get(definition.syntax.oid);
      if (definition.syntax !== undefined && syntax === undefined) {
        faults.push(`attribute type ${name}: unknown syntax ${definition.syntax.oid}`);
      } else if (definition.syntax === undefined && definition.superior === undefined) {
        faults.push(`attribute type ${name}: neither SUP nor SYNTAX`);
      }
      if (superior !== undefined && superior.usage !== definition.usage) {
        faults.push(`attribute type ${name}: its usage is not that of ${superior.name} (RFC 4512 2.5.1)`);
      }
      const family: AttributeType[] = [];
      const type: AttributeType = {
        oid: definition.oid,
        names: definition.names,
        name,
        superior,
        equality: rule("equality"),
        ordering: rule("ordering"),
        substrings: rule("substrings"),
        syntax: syntax!, // undefined only where a fault was noted, and then no schema comes of it
        singleValue: definition.singleValue,
        collective: definition.collective,
        noUserModification: definition.noUserModification,
        usage: definition.usage,
        obsolete: definition.obsolete,
        isOperational: definition.usage !== "userApplications",
        family,
        definition: attributeTypeDefinition.print(definition),
      };
      families.set(type, family);
      for (let member: AttributeType | undefined = type; member !== undefined; member = member.superior) {
        families.get(member)!.push(type);
      }
      return type;
    },
  );
}

function resolveObjectClasses(
  definitions: readonly ObjectClassDefinition[],
  types: ReadonlyMap<string, AttributeType>,
  faults: string[],
) {
  const hasTop = definitions.some((definition) => nameOf(definition) === "top");
  return resolveAll<ObjectClassDefinition, ObjectClass>(
    definitions,
    "object class",
    faults,
    (definition, superiorNamed) => {
      const name = nameOf(definition);
      // RFC 4512 2.4.1: every class but the abstract ones is below top, whether or not its definition says so.
      const implied = definition.superiors.length === 0 && definition.kind !== "ABSTRACT" && hasTop ? ["top"] : [];
      const superiors = [...definition.superiors, ...implied].map(superiorNamed).filter((found) => found !== undefined);
      for (const superior of superiors) {
        if (superior.kind !== "ABSTRACT" && superior.kind !== definition.kind) {
          faults.push(
            `object class ${name}: ${definition.kind}, but its superior ${superior.name} is ${superior.kind}`,
          );
        }
      }
      const typesNamed = (names: readonly string[]): AttributeType[] =>
        names.flatMap((typeName) => {
          const type = types.get(typeName.toLowerCase());
          if (type === undefined) faults.push(`object class ${name}: unknown attribute type ${typeName}`);
          return type ?? [];
        });
      const must = new Set([...superiors.flatMap((superior) => superior.must), ...typesNamed(definition.must)]);
      const may = new Set([...superiors.flatMap((superior) => superior.may), ...typesNamed(definition.may)]);
      const lineage: ObjectClass[] = [];
      const objectClass: ObjectClass = {
        oid: definition.oid,
        names: definition.names,
        name,
        kind: definition.kind,
        superiors,
        lineage,
        must: [...must],
        may: [...may].filter((type) => !must.has(type)),
        obsolete: definition.obsolete,
        definition: objectClassDefinition.print(definition),
      };
      // Reversed so that of a class reached twice the occurrence farthest from here is the one that stays.
      const above = superiors.flatMap((superior) => superior.lineage).reverse();
      lineage.push(objectClass, ...[...new Set(above)].reverse());
      return objectClass;
    },
  );
}

const none: ReadonlyMap<string, readonly string[]> = new Map();
const unspecified = { description: undefined, obsolete: false, extensions: none };

function printMatchingRule({ oid, names, syntax }: MatchingRule): string {
  return matchingRuleDefinition.print({ ...unspecified, oid, names, syntax: { oid: syntax, length: undefined } });
}

function printMatchingRuleUse(rule: MatchingRule, types: readonly AttributeType[]): string | undefined {
  const applies = types.filter((type) => type[rule.kind] === rule).map((type) => type.name);
  if (applies.length === 0) return undefined;
  return matchingRuleUseDefinition.print({ ...unspecified, oid: rule.oid, names: rule.names, applies });
}

/** X-NOT-HUMAN-READABLE is how OpenLDAP and the clients made for it mark what to show as bytes. */
function printSyntax({ oid, description, humanReadable }: Syntax): string {
  const extensions = humanReadable ? none : new Map([["X-NOT-HUMAN-READABLE", ["TRUE"]]]);
  return syntaxDefinition.print({ oid, description, extensions });
}
