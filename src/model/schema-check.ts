// Whether an entry obeys the schema (RFC 4512 2.4 and 2.5): asked of the outcome of every write (RFC 4511 4.6, 4.7), and
// of every entry of an import, so it remembers what a combination of object classes requires and allows.
import type { Attribute } from "./attribute.js";
import { fail } from "./failure.js";
import type { AttributeDescription, AttributeType, ObjectClass, Schema } from "./schema.js";

/** Where it comes from, nsAccountLock belongs to no class either, and whoever manages users writes it. */
function isAllowedEverywhere({ name, isOperational, noUserModification }: AttributeType): boolean {
  return isOperational || noUserModification || name === "nsAccountLock";
}

/**
 * Auxiliary classes that may take the place of the structural class that RFC 4512 2.4.2 asks of every entry, the first
 * of them that the entry has. The schema has them as AUXILIARY, so that one group can be `groupOfNames`,
 * `groupOfUniqueNames` and `posixGroup` together; but RFC 4519 and RFC 2307 define them as STRUCTURAL, and clients made
 * for that (Crowd, the tools for POSIX accounts) add groups that have one of these and nothing else.
 */
export const standAloneClasses: readonly string[] = ["groupOfUniqueNames", "posixGroup"];

/** The object classes of an entry. */
export interface EntryClasses {
  /** The most specific structural class (RFC 4512 2.4.2), or one of `standAloneClasses`: what structuralObjectClass says. */
  readonly structural: ObjectClass;
  /** Every class of the entry, superiors included, each after those above it. */
  readonly classes: readonly ObjectClass[];
}

/** What a combination of object classes asks for. */
interface Combination extends EntryClasses {
  readonly must: readonly AttributeType[];
  readonly allowed: ReadonlySet<AttributeType>;
  /** extensibleObject (RFC 4512 4.3). */
  readonly allowsAll: boolean;
}

/**
 * Checks the outcome of a write. Throws LdapError: objectClassViolation, invalidAttributeSyntax, constraintViolation for
 * several values where one is allowed, attributeOrValueExists for a value that is there twice. The message names the
 * attribute and what would be right, and shows no value that could be a secret.
 *
 * `changed` holds the texts of the descriptions that the write has touched: of other attributes the single values, known
 * to be good, are not looked at again, which matters to a group of thousands. Left out, every value is checked. `shows`:
 * whether whoever writes may hear of an attribute; left out, of every one.
 *
 * Operational attributes and those without user modification are allowed in every entry; that clients do not write
 * them is for the operations to see to.
 */
export function checkEntry(
  attributes: readonly Attribute[],
  schema: Schema,
  changed?: ReadonlySet<string>,
  shows?: (type: AttributeType) => boolean,
): EntryClasses {
  const combination = combinationOf(attributes, schema);
  const { must, allowed, allowsAll } = combination;
  const isNamed = (type: AttributeType) => shows === undefined || shows(type);
  const seen = new Set<string>();
  for (const { description, values } of attributes) {
    const { type, text } = description;
    if (seen.has(text)) fail("attributeOrValueExists", `${text}: the attribute is there twice`);
    seen.add(text);
    if (!allowsAll && !allowed.has(type) && !isAllowedEverywhere(type)) {
      fail("objectClassViolation", isNamed(type) ? notAllowed(type, combination, schema) : notForSome(combination));
    }
    if (text === objectClass) continue; // checked with the combination
    if (type.singleValue && values.length > 1) {
      fail("constraintViolation", `${text}: ${values.length} values; at most one is allowed`);
    }
    if (changed === undefined || changed.has(text)) checkValues(description, values, schema);
  }
  for (const type of must) {
    if (hasValue(attributes, type)) continue;
    fail("objectClassViolation", isNamed(type) ? missing(type, combination) : notForSome(combination));
  }
  return combination;
}

/**
 * The objectClass values with every superior class added, in the schema's spelling and each once. A class stands after
 * those above it: `top` first, otherwise in the order given.
 */
export function expandObjectClasses(values: readonly Buffer[], schema: Schema): Buffer[] {
  return withSuperiors(classesOf(values, schema)).map(({ name }) => Buffer.from(name));
}

/** The classes that the values name. Throws objectClassViolation for a class that the schema does not know. */
export function classesOf(values: readonly Buffer[], schema: Schema): ObjectClass[] {
  return values.map((value) => {
    const name = value.toString("utf8");
    return (
      schema.objectClass(name) ?? fail("objectClassViolation", `objectClass: ${quote(name)} is not an object class`)
    );
  });
}

/** The description as the schema knows it. Throws undefinedAttributeType. */
export function knownDescription(text: string, schema: Schema): AttributeDescription {
  return schema.describe(text) ?? fail("undefinedAttributeType", `${quote(text)} is not an attribute of the schema`);
}

const objectClass = "objectClass";

/** Combinations remembered for each schema. There are few in a directory, but their spelling comes from outside. */
const combinationsAtMost = 1024;
const combinations = new WeakMap<Schema, Map<string, Combination>>();

function combinationOf(attributes: readonly Attribute[], schema: Schema): Combination {
  const values = attributes.find(({ description }) => description.text === objectClass)?.values ?? [];
  let key = "";
  for (const value of values) key += `${value.toString("latin1")}\n`;
  const known = combinations.get(schema) ?? new Map<string, Combination>();
  if (known.size === 0) combinations.set(schema, known);
  let combination = known.get(key);
  if (combination === undefined) {
    combination = combine(classesOf(values, schema));
    if (known.size >= combinationsAtMost) known.clear();
    known.set(key, combination);
  }
  return combination;
}

function combine(named: readonly ObjectClass[]): Combination {
  if (named.length === 0) fail("objectClassViolation", "objectClass: it is missing; every entry has an object class");
  const twice = named.find((one, n) => named.indexOf(one) !== n);
  if (twice !== undefined) fail("attributeOrValueExists", `objectClass: ${twice.name} is there twice`);
  const classes = withSuperiors(named);
  const must = new Set(classes.flatMap((one) => one.must));
  return {
    structural: structuralOf(classes),
    classes,
    must: [...must],
    allowed: new Set([...must, ...classes.flatMap((one) => one.may)]),
    allowsAll: classes.some((one) => one.name === "extensibleObject"),
  };
}

function withSuperiors(classes: readonly ObjectClass[]): ObjectClass[] {
  return [...new Set(classes.flatMap((one) => [...one.lineage].reverse()))];
}

/** RFC 4512 2.4.2: of the structural classes one is below all others. */
function structuralOf(classes: readonly ObjectClass[]): ObjectClass {
  const structural = classes.filter((one) => one.kind === "STRUCTURAL");
  const lowest = structural.find((one) => structural.every((other) => one.lineage.includes(other)));
  if (lowest !== undefined) return lowest;
  if (structural.length > 0) {
    const ends = structural.filter((one) => !structural.some((other) => other !== one && other.lineage.includes(one)));
    fail(
      "objectClassViolation",
      `objectClass: ${namesOf(ends)} are structural and not of one line; one of them must go`,
    );
  }
  const standAlone = standAloneClasses.find((name) => classes.some((one) => one.name === name));
  return (
    classes.find((one) => one.name === standAlone) ??
    fail("objectClassViolation", `objectClass: none of ${namesOf(classes)} is structural; an entry needs one that is`)
  );
}

function checkValues({ type, text }: AttributeDescription, values: readonly Buffer[], schema: Schema): void {
  for (const value of values) {
    if (!type.syntax.accepts(value)) {
      fail("invalidAttributeSyntax", `${text}: ${shown(value, type)} is not of the syntax ${type.syntax.description}`);
    }
  }
  if (values.length < 2) return;
  // RFC 4512 2.2: no two values are equal by the equality rule. Without a rule, or one that takes the value, by octets.
  const seen = new Set<string>();
  for (const value of values) {
    const normal = type.equality?.normalize(value, schema);
    const key = normal === undefined ? `#${value.toString("latin1")}` : `=${normal}`;
    if (seen.has(key)) fail("attributeOrValueExists", `${text}: ${shown(value, type)} is there twice`);
    seen.add(key);
  }
}

function hasValue(attributes: readonly Attribute[], type: AttributeType): boolean {
  for (const { description, values } of attributes) if (description.type === type && values.length > 0) return true;
  return false;
}

function missing(type: AttributeType, { classes }: Combination): string {
  return `${type.name}: ${namesOf(classes.filter((one) => one.must.includes(type)).slice(-1))} requires a value`;
}

/** The same whichever attribute it is, and whether it is missing or must not be. */
function notForSome({ classes }: Combination): string {
  return `objectClass: attributes that are not shown here do not allow ${namesOf(classes)}`;
}

function notAllowed(type: AttributeType, { classes }: Combination, schema: Schema): string {
  const allowing = schema.objectClasses.filter((one) => one.must.includes(type) || one.may.includes(type));
  const advice = allowing.length === 0 ? "no object class allows it" : `allowed by ${namesOf(allowing.slice(0, 5))}`;
  return `${type.name}: not allowed by ${namesOf(classes)}; ${advice}`;
}

const namesOf = (classes: readonly ObjectClass[]): string => classes.map(({ name }) => name).join(", ");
const quote = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

const octetString = "1.3.6.1.4.1.1466.115.121.1.40";

/** A value for a message. Of octets, among which passwords are, only their number. */
function shown(value: Buffer, { syntax }: AttributeType): string {
  const hidden = !syntax.humanReadable || syntax.oid === octetString;
  return hidden ? `a value of ${value.length} octets` : quote(value.toString("utf8", 0, 200));
}
