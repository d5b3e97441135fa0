// Shapes: small readers of YAML nodes that are put together into the definition of a file. A shape says what it expects,
// gives back the typed value, and reports every fault it finds instead of stopping at the first.
//
// A definition is data: whatever else must follow from it (a reference page, say) is one more member of `Shape`, as the
// JSON Schema is, by which an editor knows the file.
import { resolve } from "node:path";
import type { Dn } from "../model/dn.js";
import { LdapError } from "../model/failure.js";
import { didYouMean } from "./did-you-mean.js";
import { byPlace, type Problem, SettingError } from "./problem.js";
import {
  formatBytes,
  formatDuration,
  longestTime,
  parseBytes,
  parseDuration,
  sizeExpected,
  sizePattern,
  timeExpected,
  timePattern,
} from "./units.js";
import type { Place, YamlMap, YamlNode } from "./yaml-document.js";

/** One reading of one file. */
export interface Reading {
  readonly file: string;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** The name at the top of the directory, where it is known. */
  readonly suffix?: Dn | undefined;
  /** The faults found so far. */
  readonly problems: Problem[];
}

/** Where a value stands: in the text, and in the settings. */
export interface Spot {
  readonly at: Place;
  readonly path: string;
}

/** A JSON Schema of draft 7, as far as editors go along with one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Shape<T> {
  /** Completes "… is expected". */
  readonly expects: string;
  /** Accepts whatever `read` accepts; more than that too, where only `read` can know. */
  readonly schema: JsonSchema;
  /** The value; or undefined, and then at least one problem has been reported. */
  read(node: YamlNode, path: string, reading: Reading): T | undefined;
}

export function report(reading: Reading, { at, path }: Spot, message: string): undefined {
  reading.problems.push({ file: reading.file, line: at.line, column: at.column, path, message });
}

/** The faults in the order of the text. */
export function problemsOf(reading: Reading): readonly Problem[] {
  return reading.problems.toSorted(byPlace);
}

// Single values.

type Scalar = string | number | boolean;

function scalarShape<T>(
  expects: string,
  schema: JsonSchema,
  accepts: (value: Scalar) => boolean,
  parse: (value: Scalar) => T,
): Shape<T> {
  return {
    expects,
    schema: { description: expects, ...schema },
    read(node, path, reading) {
      if (node.kind !== "scalar" || node.value === null || !accepts(node.value)) {
        return reportWrongKind(reading, node, path, expects);
      }
      try {
        return parse(node.value);
      } catch (error) {
        if (!(error instanceof SettingError || error instanceof LdapError)) throw error;
        return report(reading, { at: node.at, path }, error.message);
      }
    },
  };
}

/** The value itself is not quoted: it may be a password. */
function reportWrongKind(reading: Reading, node: YamlNode, path: string, expects: string): undefined {
  const hint = node.kind === "scalar" && expects.startsWith("a text") ? " (in quotation marks)" : "";
  const message =
    node.kind === "scalar" && node.value === null
      ? `is empty: ${expects} is expected`
      : `is ${kindOf(node)}: ${expects}${hint} is expected`;
  return report(reading, { at: node.at, path }, message);
}

function kindOf(node: YamlNode): string {
  if (node.kind !== "scalar") return `a ${node.kind}`;
  return typeof node.value === "string" ? "a text" : typeof node.value === "number" ? "a number" : "true or false";
}

/**
 * A text that `parse` turns into a value; its LdapError or SettingError becomes the problem's sentence. `pattern`: one
 * that every such text matches, for editors, so without flags and classes of Unicode.
 */
export function parsed<T>(expects: string, parse: (text: string) => T, pattern = "\\S"): Shape<T> {
  return scalarShape(
    expects,
    { type: "string", pattern },
    (value) => typeof value === "string",
    (value) => parse(value as string),
  );
}

/** A text of one line, not empty. */
export function text(most = 1024, expects = "a text"): Shape<string> {
  const shape = parsed(expects, (value) => {
    if (value.trim() === "") throw new SettingError(`is empty: ${expects} is expected`);
    if (/\p{Cc}/u.test(value)) throw new SettingError("holds a control character, such as a line break or a tab");
    if ([...value].length > most) throw new SettingError(`is longer than ${most} characters`);
    return value;
  });
  const pattern = `^[^${controls}]*[^\\s${controls}][^${controls}]*$`;
  return { ...shape, schema: { ...shape.schema, pattern, maxLength: most } };
}

/** The control characters, as a part of a class in a pattern. */
export const controls = "\\u0000-\\u001f\\u007f-\\u009f";

export const flag: Shape<boolean> = scalarShape(
  "true or false",
  { type: "boolean" },
  (value) => typeof value === "boolean",
  (value) => value as boolean,
);

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

export function integer({ least, most }: Bounds): Shape<number> {
  return scalarShape(
    "a whole number",
    { type: "integer", minimum: least, maximum: most },
    (value) => typeof value === "number",
    (value) => {
      if (!Number.isSafeInteger(value)) throw new SettingError(`${value} is not a whole number`);
      return within(value as number, { least, most }, String);
    },
  );
}

export function bytes(least: number): Shape<number> {
  const bounds = { least, most: Number.MAX_SAFE_INTEGER };
  return scalarShape(sizeExpected, unitSchema(sizePattern, bounds), isTextOrNumber, (value) =>
    within(parseBytes(value as string | number), bounds, formatBytes),
  );
}

/** In milliseconds. */
export function duration(least: number): Shape<number> {
  const bounds = { least, most: longestTime };
  return scalarShape(timeExpected, unitSchema(timePattern, bounds), isTextOrNumber, (value) =>
    within(parseDuration(value as string | number), bounds, formatDuration),
  );
}

/** The bounds hold for plain numbers alone: what a text comes to is more than a pattern can say. */
function unitSchema(pattern: string, { least, most }: Bounds): JsonSchema {
  return { type: ["string", "integer"], pattern, minimum: least, maximum: most };
}

function isTextOrNumber(value: Scalar): boolean {
  return typeof value !== "boolean";
}

function within(value: number, { least, most }: Bounds, format: (value: number) => string): number {
  if (value < least) throw new SettingError(`${format(value)} is too small: it is at least ${format(least)}`);
  if (value > most) throw new SettingError(`${format(value)} is too large: it is at most ${format(most)}`);
  return value;
}

export function oneOf<const T extends string>(words: readonly T[]): Shape<T> {
  const list = words.join(", ");
  const shape = parsed(`one of ${list}`, (value) => {
    const found = words.find((word) => word === value);
    if (found === undefined) {
      throw new SettingError(`${JSON.stringify(value)} is not one of ${list}${didYouMean(value, words)}`);
    }
    return found;
  });
  return { ...shape, schema: { enum: words } };
}

const pathText = text(4096, "a text with a path");

/** A path; a relative one is relative to the folder of the configuration. */
export const path: Shape<string> = {
  ...pathText,
  read(node, place, reading) {
    const found = pathText.read(node, place, reading);
    return found === undefined ? undefined : resolve(reading.folder, found);
  },
};

// Put together.

/** A list; with `atLeast` 1 it must not be empty. */
export function listOf<T>(item: Shape<T>, atLeast: 0 | 1 = 0): Shape<T[]> {
  const expects = `a list (each item ${item.expects})`;
  return {
    expects,
    schema: { type: "array", items: item.schema, ...(atLeast > 0 ? { minItems: atLeast } : {}) },
    read(node, path, reading) {
      if (node.kind !== "list") return reportWrongKind(reading, node, path, expects);
      if (node.items.length < atLeast) {
        return report(
          reading,
          { at: node.at, path },
          `is an empty list: at least one item, ${item.expects}, is expected`,
        );
      }
      const values = node.items.map((child, n) => item.read(child, `${path}[${n}]`, reading));
      return values.includes(undefined) ? undefined : (values as T[]);
    },
  };
}

/** One value, or a list of them. */
export function oneOrMore<T>(item: Shape<T>): Shape<T[]> {
  const list = listOf(item, 1);
  const expects = `${item.expects} or a list of them`;
  return {
    expects,
    schema: { anyOf: [item.schema, list.schema] },
    read(node, path, reading) {
      if (node.kind === "list") return list.read(node, path, reading);
      const value = item.read(node, path, reading);
      return value === undefined ? undefined : [value];
    },
  };
}

/** A single value of one shape, or a map of another. */
export function textOrMap<T>(single: Shape<T>, map: Shape<T>): Shape<T> {
  return {
    expects: `${single.expects}, or ${map.expects}`,
    schema: { anyOf: [single.schema, map.schema] },
    read(node, path, reading) {
      if (node.kind === "list") return reportWrongKind(reading, node, path, this.expects);
      return (node.kind === "map" ? map : single).read(node, path, reading);
    },
  };
}

/** A list of one shape, or a map of another. */
export function listOrMap<T>(list: Shape<T>, map: Shape<T>): Shape<T> {
  return {
    expects: `${list.expects}, or ${map.expects}`,
    schema: { anyOf: [list.schema, map.schema] },
    read(node, path, reading) {
      if (node.kind === "scalar") return reportWrongKind(reading, node, path, this.expects);
      return (node.kind === "map" ? map : list).read(node, path, reading);
    },
  };
}

/** The shape, with a sentence for whoever edits the file. */
export function described<T>(shape: Shape<T>, sentence: string): Shape<T> {
  return { ...shape, schema: { ...shape.schema, description: sentence } };
}

/** The shape's value, made into another. */
export function made<T, U>(shape: Shape<T>, make: (value: T) => U): Shape<U> {
  return {
    expects: shape.expects,
    schema: shape.schema,
    read(node, path, reading) {
      const value = shape.read(node, path, reading);
      return value === undefined ? undefined : make(value);
    },
  };
}

// Maps.

interface Required<T> {
  readonly presence: "required";
  readonly shape: Shape<T>;
}

interface Optional<T> {
  readonly presence: "optional";
  readonly shape: Shape<T>;
}

interface Defaulted<T> {
  readonly presence: "defaulted";
  readonly shape: Shape<T>;
  readonly fallback: T;
}

interface Unavailable {
  readonly presence: "unavailable";
  /** Values that ask for nothing, and so may stand. */
  readonly neutral: readonly Scalar[];
}

type Field = Required<unknown> | Optional<unknown> | Defaulted<unknown> | Unavailable;
type Fields = Readonly<Record<string, Field>>;

type ValueOf<F> =
  F extends Required<infer T>
    ? T
    : F extends Defaulted<infer T>
      ? T
      : F extends Optional<infer T>
        ? T | undefined
        : never;

/** What a map of these fields becomes. */
export type ValuesOf<F> = { readonly [K in keyof F as F[K] extends Unavailable ? never : K]: ValueOf<F[K]> };

export const required = <T>(shape: Shape<T>): Required<T> => ({ presence: "required", shape });
export const optional = <T>(shape: Shape<T>): Optional<T> => ({ presence: "optional", shape });
export const defaulted = <T>(shape: Shape<T>, fallback: T): Defaulted<T> => ({
  presence: "defaulted",
  shape,
  fallback,
});

/** A key that is promised for a later version. To pass over it in silence could leave a door open that it should close. */
export const unavailable = (...neutral: readonly Scalar[]): Unavailable => ({ presence: "unavailable", neutral });

/** A map of known keys. `emptyIsDefault`: the key may stand without a value, as when all below it is commented out. */
export function object<const F extends Fields>(
  fields: F,
  { emptyIsDefault = false }: { emptyIsDefault?: boolean } = {},
): Shape<ValuesOf<F>> {
  const names = Object.keys(fields);
  const available = names.filter((name) => fields[name]!.presence !== "unavailable").join(", ");
  const expects = `a map with the keys ${available}`;
  return {
    expects,
    schema: mapSchema(fields, emptyIsDefault),
    read(node, path, reading) {
      if (node.kind !== "map") {
        if (!emptyIsDefault || node.kind !== "scalar" || node.value !== null) {
          return reportWrongKind(reading, node, path, expects);
        }
        return this.read({ kind: "map", at: node.at, entries: [] }, path, reading);
      }
      const before = reading.problems.length;
      reportUnknownKeys(node, names, available, path, reading);
      const values = names.map((name) => [name, readField(node, name, fields[name]!, path, reading)]);
      if (reading.problems.length > before) return undefined;
      return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as ValuesOf<F>;
    },
  };
}

function mapSchema(fields: Fields, mayBeEmpty: boolean): JsonSchema {
  const all = Object.entries(fields).filter(
    ([, field]) => field.presence !== "unavailable" || field.neutral.length > 0,
  );
  return {
    type: mayBeEmpty ? ["object", "null"] : "object",
    properties: Object.fromEntries(all.map(([name, field]) => [name, fieldSchema(field)])),
    required: all.filter(([, field]) => field.presence === "required").map(([name]) => name),
    additionalProperties: false,
  };
}

function fieldSchema(field: Field): JsonSchema {
  if (field.presence === "unavailable") return { enum: field.neutral };
  const { schema } = field.shape;
  const isShown = field.presence === "defaulted" && typeof field.fallback !== "object";
  return isShown ? { ...schema, default: field.fallback } : schema;
}

function reportUnknownKeys(
  map: YamlMap,
  names: readonly string[],
  available: string,
  path: string,
  reading: Reading,
): void {
  for (const { key, at } of map.entries) {
    if (names.includes(key)) continue;
    const hint = didYouMean(key, names) || ` (the keys are ${available})`;
    report(reading, { at, path }, `unknown key ${JSON.stringify(key)}${hint}`);
  }
}

function readField(map: YamlMap, name: string, field: Field, path: string, reading: Reading): unknown {
  const entry = map.entries.find(({ key }) => key === name);
  const below = path === "" ? name : `${path}.${name}`;
  if (field.presence === "unavailable") {
    if (entry === undefined || isNeutral(entry.value, field.neutral)) return undefined;
    return report(reading, { at: entry.at, path: below }, "is not available in this version");
  }
  if (entry !== undefined) return field.shape.read(entry.value, below, reading);
  if (field.presence === "defaulted") return field.fallback;
  if (field.presence === "optional") return undefined;
  return report(reading, { at: map.at, path }, `the key "${name}" is missing: ${field.shape.expects} is expected`);
}

function isNeutral(node: YamlNode, neutral: readonly Scalar[]): boolean {
  return node.kind === "scalar" && node.value !== null && neutral.includes(node.value);
}
