// Distinguished names (RFC 4514). A name keeps the spelling in which it was written, and is compared by its normal form,
// which takes a schema. Every text is either a name or an `invalidDNSyntax`; time is linear in its length.
//
// Taken beyond RFC 4514, as RFC 2253 section 4 and RFC 1779 wrote it: spaces around `,` `+` `=`, `;` for `,`, a value in
// quotation marks, `OID.` before a numeric OID. What was written in that way is rewritten; nothing of it is sent.
import { isUtf8 } from "node:buffer";
import { isAttributeType } from "./attribute-description.js";
import { fail, LdapError } from "./failure.js";
import type { NormalForm, Schema } from "./schema.js";

export interface AttributeValueAssertion {
  /** A short name as written, or a numeric OID (without `OID.`). */
  readonly type: string;
  readonly value: Buffer;
}

/** A relative distinguished name: one assertion or more, no two of which are written with the same type. */
export class Rdn {
  readonly assertions: readonly AttributeValueAssertion[];
  readonly #text: string;
  #schema: Schema | undefined;
  #normal: NormalForm = "";

  /** Trusts that the text means the assertions: use `Rdn.parse` or `makeRdn`. */
  constructor(assertions: readonly AttributeValueAssertion[], text: string) {
    this.assertions = assertions;
    this.#text = text;
  }

  /** Reads exactly one RDN. */
  static parse(text: string | Buffer): Rdn {
    const [rdn, ...more] = readRdns(written(text));
    return rdn !== undefined && more.length === 0 ? rdn : fail("invalidDNSyntax", "invalid RDN: one RDN is expected");
  }

  /** The RDN as it was written, without the spaces around it. */
  toString(): string {
    return this.#text;
  }

  /**
   * Equal exactly for equal RDNs (RFC 4517 4.2.15): per assertion the name of the type in lower case, then `=` and the
   * normal form of the value, or `#` and the value as it is where the schema has no rule for it or the rule refuses it;
   * sorted, joined by `+`. A `,` or `+` inside a value is escaped, so each found in the whole is a separator.
   */
  normal(schema: Schema): NormalForm {
    if (this.#schema !== schema) {
      this.#normal = normalRdn(this.assertions, schema);
      this.#schema = schema;
    }
    return this.#normal;
  }
}

/** A distinguished name: any number of RDNs, the leaf first. Immutable. */
export class Dn {
  /** The empty name: the root of the directory, the name of the root DSE, and in a bind nobody. */
  static readonly root: Dn = new Dn([]);

  #rdns: readonly Rdn[] | undefined;
  #text: string | undefined;
  #parent: Dn | undefined;
  #schema: Schema | undefined;
  #normal: NormalForm = "";

  /** `text`: of a name that is written so; of one that is plain the RDNs are read when somebody asks for them. */
  constructor(rdns: readonly Rdn[] | undefined, text?: string) {
    this.#rdns = rdns;
    this.#text = text;
  }

  /** Reads a name. Bytes must be UTF-8; a value that is not UTF-8 is written with `\` and two hex digits for each byte. */
  static parse(text: string | Buffer): Dn {
    const source = written(text);
    if (source === "") return Dn.root;
    return plainName.test(source) ? new Dn(undefined, source) : new Dn(readRdns(source));
  }

  /** The name that a text is, as `parse` reads it; undefined where it is none. */
  static parsed(text: string | Buffer): Dn | undefined {
    try {
      return Dn.parse(text);
    } catch (error) {
      if (error instanceof LdapError) return undefined;
      throw error;
    }
  }

  get rdns(): readonly Rdn[] {
    this.#rdns ??= readRdns(this.#text!);
    return this.#rdns;
  }

  get isRoot(): boolean {
    return this.rdns.length === 0;
  }

  /** The leaf; undefined at the root. */
  get rdn(): Rdn | undefined {
    return this.rdns[0];
  }

  /** The name without its leaf; undefined at the root. */
  get parent(): Dn | undefined {
    if (this.rdns.length === 0) return undefined;
    this.#parent ??= this.rdns.length === 1 ? Dn.root : new Dn(this.rdns.slice(1));
    return this.#parent;
  }

  /** How many RDNs it has. */
  get depth(): number {
    return this.rdns.length;
  }

  child(rdn: Rdn): Dn {
    const child = new Dn([rdn, ...this.rdns]);
    child.#parent = this;
    return child;
  }

  /** Each RDN as it was written, joined by `,`. */
  toString(): string {
    this.#text ??= this.rdns.map(String).join(",");
    return this.#text;
  }

  /** The normal forms of the RDNs, joined by `,`; "" for the root. Equal exactly for equal names. */
  normal(schema: Schema): NormalForm {
    if (this.#schema !== schema) {
      const above = this.#parent;
      // The name above is often that of many, and known.
      this.#normal =
        above === undefined || above.isRoot
          ? this.rdns.map((rdn) => rdn.normal(schema)).join(",")
          : `${this.rdns[0]!.normal(schema)},${above.normal(schema)}`;
      this.#schema = schema;
    }
    return this.#normal;
  }

  equals(other: Dn, schema: Schema): boolean {
    return this === other || (this.depth === other.depth && this.normal(schema) === other.normal(schema));
  }

  /** Whether it is strictly below the other name: at any depth, never itself. */
  isBelow(other: Dn, schema: Schema): boolean {
    if (this.depth <= other.depth) return false;
    return other.isRoot || this.normal(schema).endsWith(`,${other.normal(schema)}`);
  }

  get [Symbol.toStringTag](): string {
    return "LdapDn";
  }
}

/** Makes an RDN from values. Its text is written with `escapeValue`. */
export function makeRdn(assertions: readonly AttributeValueAssertion[]): Rdn {
  if (assertions.length === 0) fail("invalidDNSyntax", "invalid RDN: it has no attribute value");
  for (const { type } of assertions) {
    if (!isAttributeType(type)) fail("invalidDNSyntax", `invalid RDN: ${excerpt(type)} is not an attribute type`);
  }
  refuseRepeatedTypes(assertions);
  return new Rdn(assertions, rewritten(assertions));
}

/**
 * Writes a value for the string form of a name (RFC 4514 2.4). UTF-8 stays readable; what has a meaning in a name and
 * control characters are escaped; where the whole is not UTF-8, every byte outside ASCII becomes `\` and two hex digits.
 */
export function escapeValue(value: Buffer): string {
  if (!isUtf8(value)) return value.toString("latin1").replace(unsafeBytes, (byte) => escaped(byte, "latin1"));
  const text = value.toString("utf8");
  return unsafe.test(text) ? text.replace(unsafeCharacters, (character) => escaped(character, "utf8")) : text;
}

const unsafe = /[\\"+,;<>\p{Cc}]|^[ #]| $/u;
const unsafeCharacters = new RegExp(unsafe, "gu");
const unsafeBytes = /[\\"+,;<>\x00-\x1f\x7f-\xff]|^[ #]| $/g;

function escaped(character: string, encoding: "latin1" | "utf8"): string {
  if (/[ -~]/.test(character)) return `\\${character}`;
  return Buffer.from(character, encoding).toString("hex").toUpperCase().replace(/../g, "\\$&");
}

function rewritten(assertions: readonly AttributeValueAssertion[]): string {
  return assertions.map(({ type, value }) => `${type}=${escapeValue(value)}`).join("+");
}

// Comparing

/** A value may itself be a name, holding names: below this many levels of them, values are compared as bytes. */
const deepestNesting = 8;
let nesting = 0;

function normalRdn(assertions: readonly AttributeValueAssertion[], schema: Schema): NormalForm {
  const normals = assertions.map((assertion) => normalAssertion(assertion, schema));
  return normals.length === 1 ? normals[0]! : normals.sort().join("+");
}

function normalAssertion(assertion: AttributeValueAssertion, schema: Schema): NormalForm {
  const { value } = assertion;
  const type = schema.attributeType(assertion.type);
  const name = (type?.name ?? assertion.type).toLowerCase();
  let normal: NormalForm | undefined;
  if (type?.equality !== undefined && nesting < deepestNesting) {
    nesting++;
    try {
      normal = type.equality.normalize(value, schema);
    } finally {
      nesting--;
    }
  }
  return normal === undefined ? `${name}#${sealed(value.toString("latin1"))}` : `${name}=${sealed(normal)}`;
}

/** Keeps the separators of the normal form, and what escapes them, out of a value. */
function sealed(value: NormalForm): NormalForm {
  if (!/[\\,+]/.test(value)) return value;
  return value.replace(/[\\,+]/g, (byte) => (byte === "\\" ? "\\5c" : byte === "," ? "\\2c" : "\\2b"));
}

// Reading

interface Source {
  readonly text: string;
  at: number;
  /** Whether the present RDN is written as RFC 4514 has it, so that its text can be kept. */
  kept: boolean;
}

const nul = 0x00;
const space = 0x20;
const quote = 0x22;
const octothorpe = 0x23;
const plus = 0x2b;
const comma = 0x2c;
const semicolon = 0x3b;
const lessThan = 0x3c;
const equals = 0x3d;
const greaterThan = 0x3e;
const backslash = 0x5c;

/** What may follow a `\` as itself (RFC 4514 section 3: special, ESC, SP, SHARP, EQUALS). */
const escapable = new Set(Array.from('\\"+,;<> #=', (character) => character.charCodeAt(0)));

function written(text: string | Buffer): string {
  if (typeof text === "string") return text;
  if (isUtf8(text)) return text.toString("utf8");
  return fail("invalidDNSyntax", "invalid DN: it is not UTF-8; write such bytes as \\ and two hex digits each");
}

function readRdns(text: string): Rdn[] {
  const plain = readPlainRdns(text);
  if (plain !== undefined) return plain;
  const source = { text, at: 0, kept: true };
  const alone = text.search(/\p{Surrogate}/u);
  if (alone >= 0) wrong(source, "half of a surrogate pair stands alone", alone);
  const rdns: Rdn[] = [];
  for (;;) {
    rdns.push(readRdn(source));
    if (source.at === text.length) return rdns;
    source.at++; // the value ended at a separator
  }
}

/** A name that nothing can be wrong with: members of large groups are known by such names, and few are asked for parts. */
const plainName = /^[a-z][a-z0-9-]*=[a-z0-9.@_-]+(?:,[a-z][a-z0-9-]*=[a-z0-9.@_-]+)*$/i;

/** No escape, no quotation, no `+`: only printable ASCII that stands for itself. */
const plainText = /^[ -!$-*,-:=?-[\]-~]+$/;

/** The short way for almost every name there is; undefined for anything unusual, and for anything wrong. */
function readPlainRdns(text: string): Rdn[] | undefined {
  if (!plainText.test(text)) return undefined;
  const rdns: Rdn[] = [];
  for (let start = 0; start <= text.length; ) {
    const separator = text.indexOf(",", start);
    const end = separator < 0 ? text.length : separator;
    const rdn = text.slice(start, end).trim();
    const sign = rdn.indexOf("=");
    const type = rdn.slice(0, sign);
    if (sign < 0 || rdn[sign + 1] === " " || !isAttributeType(type)) return undefined;
    rdns.push(new Rdn([{ type, value: Buffer.from(rdn.slice(sign + 1), "latin1") }], rdn));
    start = end + 1;
  }
  return rdns;
}

/** Reads one RDN, and the spaces around it, up to a separator or the end. */
function readRdn(source: Source): Rdn {
  const assertions: AttributeValueAssertion[] = [];
  skipSpaces(source);
  const start = source.at;
  source.kept = true;
  for (;;) {
    const type = readType(source);
    const value = readValue(source);
    assertions.push({ type, value });
    const end = source.at;
    const spaced = skipSpaces(source);
    if (source.text.charCodeAt(source.at) !== plus) {
      if (assertions.length > 1) refuseRepeatedTypes(assertions);
      return new Rdn(assertions, source.kept ? source.text.slice(start, end) : rewritten(assertions));
    }
    source.at++;
    if (skipSpaces(source) || spaced) source.kept = false;
  }
}

/** Reads the type, the `=` and the spaces around it. */
function readType(source: Source): string {
  const { text } = source;
  const start = source.at;
  const sign = endOfType(text, start);
  const found = text.charCodeAt(sign);
  if (sign === start) wrong(source, found === equals ? "an attribute type is missing" : "an RDN is missing");
  if (found !== equals) wrong(source, 'a "=" is missing', sign);
  const name = text.slice(start, sign).trimEnd();
  const type = name.replace(/^oid\.(?=[0-9])/i, "");
  if (!isAttributeType(type)) wrong(source, `${excerpt(name)} is not an attribute type`);
  source.at = sign + 1;
  if (skipSpaces(source) || type.length < sign - start) source.kept = false;
  return type;
}

function endOfType(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === equals || character === comma || character === semicolon || character === plus) return at;
  }
  return text.length;
}

/** Reads a value; what follows it, after spaces, is the end, a `+` or a separator. */
function readValue(source: Source): Buffer {
  const first = source.text.charCodeAt(source.at);
  if (first === quote) return readQuoted(source);
  if (first === octothorpe) return readHex(source);
  return readString(source);
}

function readString(source: Source): Buffer {
  const { text } = source;
  const start = source.at;
  let end = start; // spaces at the end are not part of the value, unless escaped
  let isEscaped = false;
  let at = start;
  for (; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === comma || character === plus || character === semicolon) break;
    if (character === backslash) {
      isEscaped = true;
      at += escapeLength(source, at) - 1;
    } else if (character === quote || character === lessThan || character === greaterThan || character === nul) {
      wrong(source, `${excerpt(text[at]!)} must be escaped in a value`, at);
    }
    if (character !== space) end = at + 1;
  }
  source.at = end;
  return unescaped(text.slice(start, end), isEscaped);
}

/** RFC 1779: between quotation marks everything but `\` and the mark stands for itself. */
function readQuoted(source: Source): Buffer {
  const { text } = source;
  const start = source.at + 1;
  let isEscaped = false;
  source.kept = false;
  for (let at = start; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === quote) {
      source.at = at + 1;
      refuseMore(source);
      return unescaped(text.slice(start, at), isEscaped);
    }
    if (character === nul) wrong(source, `${excerpt(text[at]!)} must be escaped in a value`, at);
    if (character === backslash) {
      isEscaped = true;
      at += escapeLength(source, at) - 1;
    }
  }
  return wrong(source, "the closing quotation mark is missing for the one");
}

/** RFC 4514 2.4: `#` and the hex digits of the value's BER encoding. What counts is the string that it holds. */
function readHex(source: Source): Buffer {
  const { text } = source;
  const start = source.at;
  let end = start + 1;
  while (isHexDigit(text.charCodeAt(end))) end++;
  const bytes = Buffer.from(text.slice(start + 1, end), "hex");
  if (end === start + 1 || end % 2 === start % 2) wrong(source, "a # needs pairs of hex digits after it");
  const value = berString(bytes) ?? wrong(source, "what follows # is not the BER encoding of a string");
  source.at = end;
  refuseMore(source);
  return value;
}

/** The string types of ASN.1 whose content is the LDAP form of the value: the octets are UTF-8, ASCII or anything. */
const stringTags = new Set([0x04, 0x0c, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b]);

/** The content of one primitive string that fills the bytes; undefined for everything else. */
function berString(bytes: Buffer): Buffer | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || !stringTags.has(tag)) return undefined;
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthOctets > 4 || bytes.length < 2 + lengthOctets) return undefined;
  const length = lengthOctets === 0 ? first : bytes.readUIntBE(2, lengthOctets);
  return bytes.length === 2 + lengthOctets + length ? bytes.subarray(2 + lengthOctets) : undefined;
}

/** After a quoted or hex value nothing of a value may come. */
function refuseMore(source: Source): void {
  let at = source.at;
  while (source.text.charCodeAt(at) === space) at++;
  const next = source.text.charCodeAt(at);
  if (at < source.text.length && next !== comma && next !== semicolon && next !== plus) {
    wrong(source, "a separator is missing", at);
  }
}

/** The length of the escape that begins here: `\` and a special character, or `\` and two hex digits. */
function escapeLength(source: Source, at: number): 2 | 3 {
  const { text } = source;
  if (escapable.has(text.charCodeAt(at + 1))) return 2;
  if (isHexDigit(text.charCodeAt(at + 1)) && isHexDigit(text.charCodeAt(at + 2))) return 3;
  return wrong(source, "a \\ needs a special character or two hex digits after it", at);
}

/** The bytes of a value whose escapes have been checked. */
function unescaped(text: string, isEscaped: boolean): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (!isEscaped) return bytes;
  let length = 0;
  for (let at = 0; at < bytes.length; length++) {
    const isPair = bytes[at] === backslash && !escapable.has(bytes[at + 1]!);
    if (isPair) {
      bytes[length] = Number.parseInt(bytes.toString("latin1", at + 1, at + 3), 16);
      at += 3;
    } else {
      if (bytes[at] === backslash) at++;
      bytes[length] = bytes[at]!;
      at++;
    }
  }
  return bytes.subarray(0, length);
}

function skipSpaces(source: Source): boolean {
  const start = source.at;
  while (source.text.charCodeAt(source.at) === space) source.at++;
  return source.at > start;
}

function isHexDigit(character: number): boolean {
  const letter = character | 0x20;
  return (character >= 0x30 && character <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}

/** RFC 4512 2.3: an RDN has at most one value of each attribute type. Aliases of one type are the schema's to find. */
function refuseRepeatedTypes(assertions: readonly AttributeValueAssertion[]): void {
  const types = new Set<string>();
  for (const { type } of assertions) {
    const name = type.toLowerCase();
    if (types.has(name)) fail("invalidDNSyntax", `invalid RDN: it has two values of ${excerpt(type)}`);
    types.add(name);
  }
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

function wrong(source: Source, what: string, at = source.at): never {
  fail("invalidDNSyntax", `invalid DN: ${what} at character ${at + 1}`);
}
