// What a filter means (RFC 4511 4.5.1.7): a filter is compiled once against the schema and then asked of entries, on
// their encoded form. Three values: true, false, and undefined for what cannot be decided (unknown attribute, value
// that has not the syntax, no matching rule), which negation keeps.
import { AttributeCursor } from "./attribute-list.js";
import type { Dn } from "./dn.js";
import type { ExtensibleFilter, Filter, SubstringsFilter } from "./filter.js";
import type { AttributeType, Fragments, MatchingRule, NormalForm, Schema } from "./schema.js";

export type Match = boolean | undefined;

/** What a filter may ask of an entry. */
export interface FilterSubject {
  /** Where the encoded attribute list stands (attribute-list.ts). */
  readonly bytes: Buffer;
  readonly attributesStart: number;
  readonly attributesEnd: number;
  /** The values of an attribute that is computed and not kept in the list. */
  computed(type: AttributeType): readonly Buffer[];
  /** Whether a computed attribute has this value, where that is known without listing all values; else undefined. */
  computedHas(type: AttributeType, asserted: EqualityNode): boolean | undefined;
  /** Whether a computed attribute has any value, where that is known without listing them; else undefined. */
  computedPresent(type: AttributeType): boolean | undefined;
  readonly dn: Dn;
}

/** What the one who asks may know of the attributes. */
export interface FilterScope {
  readonly schema: Schema;
  /** Whether the values come from `FilterSubject.computed` rather than from the encoded list. */
  isComputed(type: AttributeType): boolean;
  /** False: to this asker the attribute does not exist, and an assertion on it is undefined. */
  isReadable(type: AttributeType): boolean;
}

/** One attribute type that an assertion looks at. */
export interface FilterTarget {
  readonly type: AttributeType;
  /** The type's name as it stands in an encoded list. */
  readonly name: Buffer;
  readonly computed: boolean;
}

interface Assertion {
  /** The asserted type and its readable subtypes. */
  readonly targets: readonly FilterTarget[];
  /** Options that a value's description must have (RFC 4512 2.5.2). */
  readonly options: readonly string[];
}

export interface EqualityNode extends Assertion {
  readonly kind: "equality";
  readonly rule: MatchingRule;
  /** The asserted value as sent: values equal byte by byte need no normal form. */
  readonly raw: Buffer;
  /** Any of these matches: one normal form, or for objectClass those of the class and of all its subclasses. */
  readonly values: readonly NormalForm[];
}

export interface OrderingNode extends Assertion {
  readonly kind: "greaterOrEqual" | "lessOrEqual";
  readonly rule: MatchingRule;
  readonly value: NormalForm;
}

export interface PresentNode extends Assertion {
  readonly kind: "present";
}

export interface SubstringsNode extends Assertion {
  readonly kind: "substrings";
  readonly rule: MatchingRule;
  readonly fragments: Fragments;
}

/** A matching rule assertion that no simpler node expresses (RFC 4511 4.5.1.7.7). */
export interface ExtensibleNode {
  readonly kind: "extensible";
  readonly rule: MatchingRule;
  /** Undefined: every attribute the rule is made for. */
  readonly assertion: Assertion | undefined;
  readonly raw: Buffer;
  readonly value: NormalForm;
  readonly dnAttributes: boolean;
  readonly scope: FilterScope;
}

export type CompiledFilter =
  | { readonly kind: "and" | "or"; readonly filters: readonly CompiledFilter[] }
  | { readonly kind: "not"; readonly filter: CompiledFilter }
  | { readonly kind: "constant"; readonly value: Match }
  | EqualityNode
  | OrderingNode
  | PresentNode
  | SubstringsNode
  | ExtensibleNode;

const undecided: CompiledFilter = { kind: "constant", value: undefined };

/** Resolves names and brings asserted values into normal form. Never fails: what it cannot resolve is undefined. */
export function compileFilter(filter: Filter, scope: FilterScope): CompiledFilter {
  switch (filter.kind) {
    case "and":
    case "or":
      return { kind: filter.kind, filters: filter.filters.map((part) => compileFilter(part, scope)) };
    case "not":
      return { kind: "not", filter: compileFilter(filter.filter, scope) };
    case "present":
      return compilePresent(filter.attribute, scope);
    case "substrings":
      return compileSubstrings(filter, scope);
    case "extensible":
      return compileExtensible(filter, scope);
    case "approx": // RFC 4511 4.5.1.7.6: a server without approximate matching treats it as equality
    case "equality": {
      const found = assertionOn(filter.attribute, scope);
      return found?.type.equality ? compileEquality(found, found.type.equality, filter.value, scope) : undecided;
    }
    default: {
      const found = assertionOn(filter.attribute, scope);
      const rule = found?.type.ordering;
      const value = rule?.normalize(filter.value, scope.schema);
      return found && rule && value !== undefined
        ? { kind: filter.kind, targets: found.targets, options: found.options, rule, value }
        : undecided;
    }
  }
}

interface FoundAssertion extends Assertion {
  readonly type: AttributeType;
}

function assertionOn(attribute: string, scope: FilterScope): FoundAssertion | undefined {
  const description = scope.schema.describe(attribute);
  if (!description || !scope.isReadable(description.type)) return undefined;
  const { type, options } = description;
  return { type, options, targets: targetsOf(type, scope) };
}

/** Filters ask about the same few types again and again, and a scope lasts as long as a session. */
const targetsKnown = new WeakMap<FilterScope, Map<AttributeType, readonly FilterTarget[]>>();

function targetsOf(asked: AttributeType, scope: FilterScope): readonly FilterTarget[] {
  let known = targetsKnown.get(scope);
  if (known === undefined) {
    known = new Map();
    targetsKnown.set(scope, known);
  }
  let targets = known.get(asked);
  if (targets === undefined) {
    // A computed attribute is what it is computed to be, whatever the schema derives from its type: `distinguishedName`
    // is the name of the entry, not every DN in it.
    targets = (scope.isComputed(asked) ? [asked] : asked.family)
      .filter((type) => scope.isReadable(type))
      .map((type) => ({ type, name: Buffer.from(type.name, "latin1"), computed: scope.isComputed(type) }));
    known.set(asked, targets);
  }
  return targets;
}

function compilePresent(attribute: string, scope: FilterScope): CompiledFilter {
  const found = assertionOn(attribute, scope);
  if (!found) return undecided;
  // RFC 4512 2.4: every entry has an object class, so the commonest of all filters needs no look at the entry.
  if (found.type.name === "objectClass" && found.options.length === 0) return { kind: "constant", value: true };
  return { kind: "present", targets: found.targets, options: found.options };
}

function compileEquality(found: FoundAssertion, rule: MatchingRule, raw: Buffer, scope: FilterScope): CompiledFilter {
  const value = rule.normalize(raw, scope.schema);
  if (value === undefined) return undecided;
  const values = found.type.name === "objectClass" ? withSubclasses(value, rule, scope.schema) : [value];
  return { kind: "equality", targets: found.targets, options: found.options, rule, raw, values };
}

/** A class is asserted of every entry that has a class below it (X.501 via RFC 4512 2.4.2), written out or not. */
function withSubclasses(value: NormalForm, rule: MatchingRule, schema: Schema): NormalForm[] {
  const asserted = schema.objectClass(value);
  if (!asserted) return [value];
  return schema.objectClasses
    .filter((candidate) => candidate.lineage.includes(asserted))
    .map((candidate) => rule.normalize(Buffer.from(candidate.name), schema) ?? value);
}

function compileSubstrings(filter: SubstringsFilter, scope: FilterScope): CompiledFilter {
  const found = assertionOn(filter.attribute, scope);
  const rule = found?.type.substrings;
  const fragments = rule?.fragments?.(filter, scope.schema);
  if (!found || !rule || !fragments) return undecided;
  return { kind: "substrings", targets: found.targets, options: found.options, rule, fragments };
}

function compileExtensible(filter: ExtensibleFilter, scope: FilterScope): CompiledFilter {
  const found = filter.attribute === undefined ? undefined : assertionOn(filter.attribute, scope);
  if (filter.attribute !== undefined && !found) return undecided;
  const rule = filter.rule === undefined ? found?.type.equality : scope.schema.matchingRule(filter.rule);
  if (rule?.kind !== "equality") return undecided;
  if (found && !filter.dnAttributes && rule === found.type.equality) {
    return compileEquality(found, rule, filter.value, scope);
  }
  const value = rule.normalize(filter.value, scope.schema);
  if (value === undefined) return undecided;
  const { dnAttributes } = filter;
  return { kind: "extensible", rule, assertion: found, raw: filter.value, value, dnAttributes, scope };
}

// One cursor for all: evaluation never waits, and never evaluates a filter inside another's loop over values.
const cursor = new AttributeCursor(Buffer.alloc(0), 0, 0);

/** Asks the filter of an entry. Depth is bounded by whoever decoded the filter. */
export function matchFilter(filter: CompiledFilter, subject: FilterSubject, schema: Schema): Match {
  switch (filter.kind) {
    case "constant":
      return filter.value;
    case "and": {
      let outcome: Match = true;
      for (const part of filter.filters) {
        const match = matchFilter(part, subject, schema);
        if (match === false) return false;
        if (match === undefined) outcome = undefined;
      }
      return outcome;
    }
    case "or": {
      let outcome: Match = false;
      for (const part of filter.filters) {
        const match = matchFilter(part, subject, schema);
        if (match === true) return true;
        if (match === undefined) outcome = undefined;
      }
      return outcome;
    }
    case "not": {
      const match = matchFilter(filter.filter, subject, schema);
      return match === undefined ? undefined : !match;
    }
    case "equality":
      return matchEquality(filter, subject, schema);
    case "present":
      return matchPresent(filter, subject);
    case "greaterOrEqual":
      return someNormal(filter, subject, schema, filter.rule, (value) => value >= filter.value);
    case "lessOrEqual":
      return someNormal(filter, subject, schema, filter.rule, (value) => value <= filter.value);
    case "substrings":
      return someNormal(filter, subject, schema, filter.rule, (value) => holdsFragments(value, filter.fragments));
    case "extensible":
      return matchExtensible(filter, subject, schema);
  }
}

function matchPresent(node: PresentNode, subject: FilterSubject): boolean {
  const known = (type: AttributeType) => (node.options.length > 0 ? undefined : subject.computedPresent(type));
  if (node.targets.some(({ type, computed }) => computed && known(type) === true)) return true;
  return someValue(
    node,
    subject,
    () => true,
    (type) => known(type) !== undefined,
  );
}

function matchEquality(node: EqualityNode, subject: FilterSubject, schema: Schema): boolean {
  const { values, raw, rule } = node;
  const only = values.length === 1 ? values[0]! : undefined;
  for (const target of node.targets) {
    if (!target.computed || only === undefined || node.options.length > 0) continue;
    if (subject.computedHas(target.type, node) === true) return true;
  }
  return someValue(
    node,
    subject,
    (bytes, start, end) => {
      if (isSame(bytes, start, end, raw)) return true;
      const normal = rule.normalize(bytes.subarray(start, end), schema);
      return normal !== undefined && (only === undefined ? values.includes(normal) : normal === only);
    },
    (type) => only !== undefined && subject.computedHas(type, node) !== undefined,
  );
}

/** Byte by byte: values are short, and a call out of JavaScript costs more than most of them. */
function isSame(bytes: Buffer, start: number, end: number, other: Buffer): boolean {
  const { length } = other;
  if (end - start !== length) return false;
  for (let n = 0; n < length; n++) if (bytes[start + n] !== other[n]) return false;
  return true;
}

function someNormal(
  assertion: Assertion,
  subject: FilterSubject,
  schema: Schema,
  rule: MatchingRule,
  test: (value: NormalForm) => boolean,
): boolean {
  return someValue(assertion, subject, (bytes, start, end) => {
    const normal = rule.normalize(bytes.subarray(start, end), schema);
    return normal !== undefined && test(normal);
  });
}

type ValueTest = (bytes: Buffer, start: number, end: number) => boolean;

/** Whether some value of the asserted types passes the test; `settled` names computed types that need no listing. */
function someValue(
  assertion: Assertion,
  subject: FilterSubject,
  test: ValueTest,
  settled?: (type: AttributeType) => boolean,
): boolean {
  const { targets, options } = assertion;
  let stored = false;
  for (const target of targets) {
    if (!target.computed) {
      stored = true;
      continue;
    }
    // Computed attributes carry no options, so an assertion that asks for one cannot mean them.
    if (options.length > 0 || settled?.(target.type)) continue;
    for (const value of subject.computed(target.type)) if (test(value, 0, value.length)) return true;
  }
  if (!stored) return false;
  const { bytes } = subject;
  cursor.reset(bytes, subject.attributesStart, subject.attributesEnd);
  while (cursor.next()) {
    if (!isTarget(targets) || !hasOptions(options)) continue;
    while (cursor.nextValue()) if (test(bytes, cursor.valueStart, cursor.valueEnd)) return true;
  }
  return false;
}

function isTarget(targets: readonly FilterTarget[]): boolean {
  for (const target of targets) if (!target.computed && cursor.isOf(target.name)) return true;
  return false;
}

function hasOptions(wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const present = cursor.options();
  return wanted.every((option) => present.includes(option));
}

/** RFC 4511 4.5.1.7.2: initial at the start, each any after what came before, final at the end without overlap. */
function holdsFragments(value: NormalForm, { initial, any, final }: Fragments): boolean {
  let at = 0;
  if (initial !== undefined) {
    if (!value.startsWith(initial)) return false;
    at = initial.length;
  }
  for (const part of any) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return final === undefined || (value.length - final.length >= at && value.endsWith(final));
}

function matchExtensible(node: ExtensibleNode, subject: FilterSubject, schema: Schema): boolean {
  const { rule, value, assertion, scope } = node;
  const holds = (candidate: Buffer) => rule.normalize(candidate, schema) === value;
  if (assertion) {
    if (someValue(assertion, subject, (bytes, start, end) => holds(bytes.subarray(start, end)))) return true;
  } else {
    cursor.reset(subject.bytes, subject.attributesStart, subject.attributesEnd);
    while (cursor.next()) {
      const type = schema.describe(cursor.type)?.type;
      if (!type || type.equality !== rule || !scope.isReadable(type)) continue;
      while (cursor.nextValue()) if (holds(cursor.value)) return true;
    }
  }
  if (!node.dnAttributes) return false;
  return subject.dn.rdns.some((rdn) =>
    rdn.assertions.some((ava) => {
      const type = schema.attributeType(ava.type);
      if (!type || !scope.isReadable(type)) return false;
      const asserted = assertion ? assertion.targets.some((target) => target.type === type) : type.equality === rule;
      return asserted && holds(ava.value);
    }),
  );
}
