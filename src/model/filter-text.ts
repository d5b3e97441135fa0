// Search filters as text (RFC 4515; `(&)` and `(|)` are RFC 4526). Every text is either a filter or a `protocolError`
// that names the character. Neither direction recurses.
//
// Taken beyond RFC 4515, as it is written by hand: one assertion without its parentheses, white space around
// parentheses and operators (never inside an assertion, where it is part of the value), and `**` for `*`.
import { isUtf8 } from "node:buffer";
import { isAttributeDescription, isAttributeType } from "./attribute-description.js";
import { fail } from "./failure.js";
import type { Filter } from "./filter.js";
import { defaultLimits } from "./limits.js";

export interface FilterLimits {
  /** Levels: a lone assertion is one. */
  readonly depth: number;
  /** Assertions, and, or, not: all of them. */
  readonly nodes: number;
}

const usualLimits: FilterLimits = { depth: defaultLimits.filterDepth, nodes: defaultLimits.filterNodes };

/** Reads a filter. Bytes must be UTF-8; a value that is not is written with `\` and two hex digits for each byte. */
export function parseFilter(text: string | Buffer, limits: FilterLimits = usualLimits): Filter {
  return readFilter({ text: written(text), at: 0, nodes: 0, limits });
}

/**
 * Writes a filter so that `parseFilter` reads the same. Only a likeness, for a log, can be written of
 * empty parts of a substring, a rule named `dn`, and a description or rule that is malformed (which comes escaped).
 */
export function filterToString(filter: Filter): string {
  let text = "";
  const waiting: (Filter | ")")[] = [filter];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next === ")") {
      text += next;
    } else if (next.kind === "and" || next.kind === "or") {
      text += `(${operators[next.kind]}`;
      waiting.push(")");
      for (let n = next.filters.length - 1; n >= 0; n--) waiting.push(next.filters[n]!);
    } else if (next.kind === "not") {
      text += `(${operators.not}`;
      waiting.push(")", next.filter);
    } else {
      text += `(${assertionToString(next)})`;
    }
  }
  return text;
}

type Connective = "and" | "or" | "not";
type Assertion = Exclude<Filter, { kind: Connective }>;

const operators = { and: "&", or: "|", not: "!" } as const satisfies Record<Connective, string>;
const connectives = new Map<string, Connective>(
  Object.entries(operators).map(([kind, sign]) => [sign, kind as Connective]),
);
const comparisons = { equality: "=", greaterOrEqual: ">=", lessOrEqual: "<=", approx: "~=" } as const;

// Writing

function assertionToString(filter: Assertion): string {
  switch (filter.kind) {
    case "present":
      return `${safe(filter.attribute)}=*`;
    case "substrings": {
      const parts = [filter.initial, ...filter.any, filter.final];
      return `${safe(filter.attribute)}=${parts.map((part) => (part === undefined ? "" : escapeAssertion(part))).join("*")}`;
    }
    case "extensible": {
      const attribute = safe(filter.attribute ?? "");
      const rule = filter.rule === undefined ? "" : `:${safe(filter.rule)}`;
      return `${attribute}${filter.dnAttributes ? ":dn" : ""}${rule}:=${escapeAssertion(filter.value)}`;
    }
    default:
      return `${safe(filter.attribute)}${comparisons[filter.kind]}${escapeAssertion(filter.value)}`;
  }
}

/** RFC 4515 section 3, `valueencoding`: readable where it is UTF-8. */
function escapeAssertion(value: Buffer): string {
  if (!isUtf8(value))
    return value.toString("latin1").replace(/[\\*()\x00-\x1f\x7f-\xff]/g, (byte) => hex(byte, "latin1"));
  return value.toString("utf8").replace(/[\\*()\p{Cc}]/gu, (character) => hex(character, "utf8"));
}

function safe(name: string): string {
  return name.replace(/[^A-Za-z0-9._;-]/gu, (character) => hex(character, "utf8"));
}

function hex(character: string, encoding: "latin1" | "utf8"): string {
  return Buffer.from(character, encoding).toString("hex").replace(/../g, "\\$&");
}

// Reading

interface Source {
  readonly text: string;
  readonly limits: FilterLimits;
  at: number;
  nodes: number;
}

/** A connective whose closing parenthesis has not been seen. */
interface Open {
  readonly kind: Connective;
  readonly at: number;
  readonly filters: Filter[];
}

function written(text: string | Buffer): string {
  if (typeof text !== "string") {
    if (isUtf8(text)) return text.toString("utf8");
    return fail("protocolError", "invalid filter: it is not UTF-8; write such bytes as \\ and two hex digits each");
  }
  const alone = text.search(/\p{Surrogate}/u);
  if (alone >= 0) fail("protocolError", `invalid filter: half of a surrogate pair alone at character ${alone + 1}`);
  return text;
}

function readFilter(source: Source): Filter {
  const open: Open[] = [];
  for (;;) {
    let filter = readNext(source, open);
    while (filter !== undefined) {
      const around = open.at(-1);
      if (around === undefined) {
        skipSpaces(source);
        if (source.at < source.text.length) wrong(source, "the filter has ended, but more follows");
        return filter;
      }
      around.filters.push(filter);
      filter = closed(source, open);
    }
  }
}

/** Reads up to the end of the next assertion or empty connective; undefined where a connective opens. */
function readNext(source: Source, open: Open[]): Filter | undefined {
  const { text, limits } = source;
  skipSpaces(source);
  const at = source.at;
  if (++source.nodes > limits.nodes) wrong(source, `more than ${limits.nodes} parts`);
  if (open.length >= limits.depth) wrong(source, `more than ${limits.depth} levels of nesting`);
  if (text[at] !== "(") {
    if (open.length === 0 && at < text.length && text[at] !== ")") return readAssertion(source);
    wrong(source, 'a "(" is missing');
  }
  source.at++;
  skipSpaces(source);
  const kind = connectives.get(text[source.at] ?? "");
  if (kind === undefined) {
    const filter = readAssertion(source);
    if (text[source.at] !== ")") wrong(source, 'a ")" is missing for the "("', at);
    source.at++;
    return filter;
  }
  source.at++;
  open.push({ kind, at, filters: [] });
  return closed(source, open);
}

/** Takes the closing parenthesis of the innermost connective, where it stands here. */
function closed(source: Source, open: Open[]): Filter | undefined {
  const { kind, at, filters } = open.at(-1)!;
  skipSpaces(source);
  if (source.at === source.text.length) wrong(source, 'a ")" is missing for the "("', at);
  const [first] = filters;
  const isClosed = source.text[source.at] === ")";
  if (kind === "not" && isClosed !== (first !== undefined)) wrong(source, 'a "!" takes one filter');
  if (!isClosed) return undefined;
  source.at++;
  open.pop();
  return kind === "not" ? { kind, filter: first! } : { kind, filters };
}

/** Reads an assertion up to the parenthesis that ends it, or the end. */
function readAssertion(source: Source): Assertion {
  const { text } = source;
  const start = source.at;
  const end = endOfAssertion(source);
  const sign = text.indexOf("=", start);
  if (sign < 0 || sign >= end) wrong(source, 'an assertion needs a "="');
  source.at = sign + 1;
  const operator = text[sign - 1];
  const nameEnd = operator === ">" || operator === "<" || operator === "~" || operator === ":" ? sign - 1 : sign;
  const name = text.slice(start, Math.max(start, nameEnd));
  const filter = operator === ":" ? readExtensible(source, name, start, end) : readSimple(source, name, start, end);
  source.at = end;
  return filter;
}

function endOfAssertion(source: Source): number {
  for (let at = source.at; at < source.text.length; at++) {
    const character = source.text[at];
    if (character === ")") return at;
    if (character === "(") wrong(source, 'a "(" in a value is written \\28', at);
    if (character === "\0") wrong(source, "a NUL in a value is written \\00", at);
  }
  return source.text.length;
}

function readSimple(source: Source, attribute: string, start: number, end: number): Assertion {
  const { text } = source;
  if (!isAttributeDescription(attribute)) {
    wrong(source, `${excerpt(attribute)} is not an attribute description`, start);
  }
  switch (text[source.at - 2]) {
    case ">":
      return { kind: "greaterOrEqual", attribute, value: readValue(source, end) };
    case "<":
      return { kind: "lessOrEqual", attribute, value: readValue(source, end) };
    case "~":
      return { kind: "approx", attribute, value: readValue(source, end) };
  }
  if (!text.slice(source.at, end).includes("*")) {
    return { kind: "equality", attribute, value: readValue(source, end) };
  }
  const parts = readParts(source, end);
  const initial = filled(parts[0]!);
  const final = filled(parts.at(-1)!);
  const any = parts.slice(1, -1).filter((part) => part.length > 0);
  if (initial === undefined && final === undefined && any.length === 0) return { kind: "present", attribute };
  return { kind: "substrings", attribute, initial, any, final };
}

/** The parts between the stars, from here to the end of the assertion. */
function readParts(source: Source, end: number): Buffer[] {
  let at = source.at;
  return source.text
    .slice(at, end)
    .split("*")
    .map((part) => {
      const bytes = unescaped(source, at, at + part.length);
      at += part.length + 1;
      return bytes;
    });
}

function readExtensible(source: Source, name: string, start: number, end: number): Assertion {
  const [attribute = "", ...suffixes] = name.split(":");
  const dnAttributes = suffixes[0]?.toLowerCase() === "dn";
  const [rule, ...more] = dnAttributes ? suffixes.slice(1) : suffixes;
  if (attribute !== "" && !isAttributeDescription(attribute)) {
    wrong(source, `${excerpt(attribute)} is not an attribute description`, start);
  }
  if (more.length > 0 || (rule !== undefined && !isAttributeType(rule))) {
    wrong(source, `${excerpt([rule, ...more].join(":"))} is not a matching rule`, start);
  }
  if (attribute === "" && rule === undefined) {
    wrong(source, "an extensible match names an attribute, a matching rule or both", start);
  }
  const value = readValue(source, end);
  return { kind: "extensible", attribute: attribute === "" ? undefined : attribute, rule, dnAttributes, value };
}

/** Reads a value in which a `*` has no meaning, from here to the end of the assertion. */
function readValue(source: Source, end: number): Buffer {
  const star = source.text.slice(source.at, end).indexOf("*");
  if (star >= 0) wrong(source, 'a "*" in this value is written \\2a', source.at + star);
  return unescaped(source, source.at, end);
}

/** The bytes of a value or of a part of one: `\` and two hex digits is a byte. */
function unescaped(source: Source, start: number, end: number): Buffer {
  const part = source.text.slice(start, end);
  const bytes = Buffer.from(part, "utf8");
  if (!part.includes("\\")) return bytes;
  const bad = part.search(/\\(?![0-9A-Fa-f]{2})/);
  if (bad >= 0) wrong(source, "a \\ needs two hex digits after it", start + bad);
  let length = 0;
  for (let at = 0; at < bytes.length; length++) {
    const isEscape = bytes[at] === 0x5c;
    bytes[length] = isEscape ? Number.parseInt(bytes.toString("latin1", at + 1, at + 3), 16) : bytes[at]!;
    at += isEscape ? 3 : 1;
  }
  return bytes.subarray(0, length);
}

function filled(part: Buffer): Buffer | undefined {
  return part.length > 0 ? part : undefined;
}

function skipSpaces(source: Source): void {
  while (/[ \t\r\n]/.test(source.text[source.at] ?? "")) source.at++;
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

function wrong(source: Source, what: string, at = source.at): never {
  fail("protocolError", `invalid filter: ${what} at character ${at + 1}`);
}
