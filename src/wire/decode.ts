// From the bytes of one message to a request (RFC 4511 section 4). Strict and bounded: what is not exactly the encoding
// that the RFC defines is a fault, and every count is checked before memory is spent on it. DNs are parsed here.
import { BerError, BerReader } from "../ber/reader.js";
import { Dn, Rdn } from "../model/dn.js";
import { LdapError } from "../model/failure.js";
import type { Filter } from "../model/filter.js";
import type { Limits } from "../model/limits.js";
import {
  type Change,
  type Control,
  type Credentials,
  modifications,
  type OperationName,
  type Request,
  type RequestedAttribute,
  scopes,
} from "../model/message.js";
import type { ResultCode } from "../model/result-code.js";
import { Secret } from "../model/secret.js";

/** A request whose kind and message ID are known, but that cannot be carried out: it gets this result. */
export interface Rejected {
  readonly id: number;
  readonly operation: OperationName;
  readonly code: ResultCode;
  readonly message: string;
}

export type Decoded =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "rejected"; readonly rejected: Rejected };

/** The message cannot be answered: RFC 4511 4.1.1 asks for a Notice of Disconnection. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DecodeError";
  }
}

type Body = { [Name in OperationName]: Omit<Extract<Request, { operation: Name }>, "id" | "controls"> }[OperationName];

/** What every request has, and its body is given. */
interface Envelope {
  id: number;
  controls: readonly Control[];
}

interface OperationRow {
  readonly name: OperationName;
  decode(reader: BerReader, limits: Limits): Body;
}

/** The request of each operation by its tag (RFC 4511 4.2 to 4.12). */
const operations: Readonly<Record<number, OperationRow>> = {
  96: { name: "bind", decode: decodeBind },
  66: { name: "unbind", decode: decodeUnbind },
  99: { name: "search", decode: decodeSearch },
  102: { name: "modify", decode: decodeModify },
  104: { name: "add", decode: decodeAdd },
  74: { name: "delete", decode: decodeDelete },
  108: { name: "modifyDn", decode: decodeModifyDn },
  110: { name: "compare", decode: decodeCompare },
  80: { name: "abandon", decode: decodeAbandon },
  119: { name: "extended", decode: decodeExtended },
};

const greatestId = 0x7fffffff;

/** Decodes one whole message. Throws DecodeError where no result can be sent for it. */
export function decodeMessage(bytes: Buffer, limits: Limits): Decoded {
  let id: number;
  let row: OperationRow;
  const reader = new BerReader(bytes);
  try {
    reader.open(0x30);
    if (reader.end !== bytes.length) throw new DecodeError("bytes follow the message");
    id = reader.integer();
    const found = operations[reader.peek()];
    if (!found) throw new DecodeError(`no LDAP request has the tag ${reader.peek()}`);
    row = found;
  } catch (error) {
    throw error instanceof BerError ? new DecodeError(error.message) : error;
  }
  if (id < 1 || id > greatestId) throw new DecodeError(`message ID ${id}; it must be 1 to ${greatestId}`);
  try {
    const body: Body & Partial<Envelope> = row.decode(reader, limits);
    body.id = id;
    body.controls = reader.done ? noControls : decodeControls(reader, limits);
    if (!reader.done) throw new BerError("the message holds more than it should");
    return { kind: "request", request: body as Request };
  } catch (error) {
    return { kind: "rejected", rejected: { id, operation: row.name, ...refusal(error) } };
  }
}

const noControls: readonly Control[] = Object.freeze([]);

function refusal(error: unknown): { code: ResultCode; message: string } {
  if (error instanceof LdapError) return { code: error.code, message: error.message };
  if (error instanceof BerError) return { code: "protocolError", message: error.message };
  throw error;
}

function decodeControls(reader: BerReader, limits: Limits): Control[] {
  const controls: Control[] = [];
  const outer = reader.open(0xa0);
  while (!reader.done) {
    if (controls.length >= limits.requestControls) {
      throw new LdapError("protocolError", `more than ${limits.requestControls} controls`);
    }
    const control = reader.open(0x30);
    const oid = reader.text();
    const critical = reader.peek() === 0x01 ? reader.boolean() : false;
    const value = reader.done ? undefined : reader.octets();
    reader.close(control);
    controls.push({ oid, critical, value });
  }
  reader.close(outer);
  return controls;
}

function decodeBind(reader: BerReader, limits: Limits): Body {
  const outer = reader.open(96);
  const version = reader.integer();
  const dn = decodeDn(reader, limits);
  let credentials: Credentials;
  if (reader.peek() === 0x80) {
    credentials = { method: "simple", password: new Secret(Buffer.from(reader.octets(0x80))) };
  } else if (reader.peek() === 0xa3) {
    const sasl = reader.open(0xa3);
    const mechanism = reader.text();
    const secret = reader.done ? undefined : new Secret(Buffer.from(reader.octets()));
    reader.close(sasl);
    credentials = { method: "sasl", mechanism, credentials: secret };
  } else {
    throw new LdapError("authMethodNotSupported", "only simple and SASL authentication are known");
  }
  reader.close(outer);
  return { operation: "bind", version, dn, credentials };
}

function decodeUnbind(reader: BerReader): Body {
  reader.octets(66);
  return { operation: "unbind" };
}

function decodeSearch(reader: BerReader, limits: Limits): Body {
  const outer = reader.open(99);
  const base = decodeDn(reader, limits);
  const scopeNumber = reader.enumerated();
  const scope = scopes[scopeNumber];
  if (!scope) throw new LdapError("protocolError", `no search scope ${scopeNumber}`);
  const aliases = reader.enumerated();
  if (aliases < 0 || aliases > 3) throw new LdapError("protocolError", `no way of dereferencing aliases ${aliases}`);
  const sizeLimit = reader.integer();
  const timeLimit = reader.integer();
  if (sizeLimit < 0 || timeLimit < 0) throw new LdapError("protocolError", "a size or time limit below 0");
  const typesOnly = reader.boolean();
  const filter = new FilterDecoder(reader, limits).decode(1);
  const attributes: string[] = [];
  const list = reader.open(0x30);
  while (!reader.done) {
    if (attributes.length >= limits.requestAttributes) {
      throw new LdapError("protocolError", `more than ${limits.requestAttributes} attributes asked for`);
    }
    attributes.push(reader.text());
  }
  reader.close(list);
  reader.close(outer);
  return { operation: "search", base, scope, sizeLimit, timeLimit, typesOnly, filter, attributes };
}

/** RFC 4511 4.5.1.7. Depth and number of parts are bounded, so recursion is. */
class FilterDecoder {
  readonly #reader: BerReader;
  readonly #limits: Limits;
  #nodes = 0;

  constructor(reader: BerReader, limits: Limits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  decode(depth: number): Filter {
    const reader = this.#reader;
    if (depth > this.#limits.filterDepth) {
      throw new LdapError("protocolError", `a filter nested deeper than ${this.#limits.filterDepth} levels`);
    }
    this.#countNode();
    const tag = reader.peek();
    switch (tag) {
      case 0xa0:
      case 0xa1: {
        const filters: Filter[] = [];
        const outer = reader.open(tag);
        while (!reader.done) filters.push(this.decode(depth + 1));
        reader.close(outer);
        return { kind: tag === 0xa0 ? "and" : "or", filters };
      }
      case 0xa2: {
        const outer = reader.open(tag);
        const filter = this.decode(depth + 1);
        reader.close(outer);
        return { kind: "not", filter };
      }
      case 0xa3:
        return this.#assertion(tag, "equality");
      case 0xa5:
        return this.#assertion(tag, "greaterOrEqual");
      case 0xa6:
        return this.#assertion(tag, "lessOrEqual");
      case 0xa8:
        return this.#assertion(tag, "approx");
      case 0x87:
        return { kind: "present", attribute: reader.text(0x87) };
      case 0xa4:
        return this.#substrings();
      case 0xa9:
        return this.#extensible();
      default:
        throw new BerError(`no filter has the tag ${tag}`);
    }
  }

  #countNode(): void {
    if (++this.#nodes > this.#limits.filterNodes) {
      throw new LdapError("protocolError", `a filter of more than ${this.#limits.filterNodes} parts`);
    }
  }

  #assertion(tag: number, kind: "equality" | "greaterOrEqual" | "lessOrEqual" | "approx"): Filter {
    const reader = this.#reader;
    const outer = reader.open(tag);
    const attribute = reader.text();
    const value = reader.octets();
    reader.close(outer);
    return { kind, attribute, value };
  }

  #substrings(): Filter {
    const reader = this.#reader;
    const outer = reader.open(0xa4);
    const attribute = reader.text();
    const list = reader.open(0x30);
    let initial: Buffer | undefined;
    let final: Buffer | undefined;
    const any: Buffer[] = [];
    if (reader.done) throw new LdapError("protocolError", "a substring filter without a substring");
    while (!reader.done) {
      if (final) throw new LdapError("protocolError", "a substring filter goes on behind its final part");
      this.#countNode();
      if (reader.peek() === 0x80) {
        if (initial || any.length > 0) throw new LdapError("protocolError", "an initial substring must be the first");
        initial = reader.octets(0x80);
      } else if (reader.peek() === 0x81) any.push(reader.octets(0x81));
      else final = reader.octets(0x82);
    }
    reader.close(list);
    reader.close(outer);
    return { kind: "substrings", attribute, initial, any, final };
  }

  #extensible(): Filter {
    const reader = this.#reader;
    const outer = reader.open(0xa9);
    const rule = reader.peek() === 0x81 ? reader.text(0x81) : undefined;
    const attribute = reader.peek() === 0x82 ? reader.text(0x82) : undefined;
    const value = reader.octets(0x83);
    const dnAttributes = reader.done ? false : reader.boolean(0x84);
    reader.close(outer);
    if (rule === undefined && attribute === undefined) {
      throw new LdapError("protocolError", "an extensible filter names neither a matching rule nor an attribute");
    }
    return { kind: "extensible", rule, attribute, value, dnAttributes };
  }
}

function decodeModify(reader: BerReader, limits: Limits): Body {
  const outer = reader.open(102);
  const dn = decodeDn(reader, limits);
  const changes: Change[] = [];
  let values = 0;
  const list = reader.open(0x30);
  while (!reader.done) {
    if (changes.length >= limits.requestAttributes) {
      throw new LdapError("protocolError", `more than ${limits.requestAttributes} changes`);
    }
    const change = reader.open(0x30);
    const number = reader.enumerated();
    const modification = modifications[number];
    if (!modification) throw new LdapError("protocolError", `no modification ${number}`);
    const attribute = decodeAttribute(reader, limits, values);
    values += attribute.values.length;
    changes.push({ modification, type: attribute.type, values: attribute.values });
    reader.close(change);
  }
  reader.close(list);
  reader.close(outer);
  return { operation: "modify", dn, changes };
}

function decodeAdd(reader: BerReader, limits: Limits): Body {
  const outer = reader.open(104);
  const dn = decodeDn(reader, limits);
  const attributes: RequestedAttribute[] = [];
  let values = 0;
  const list = reader.open(0x30);
  while (!reader.done) {
    if (attributes.length >= limits.requestAttributes) {
      throw new LdapError("protocolError", `more than ${limits.requestAttributes} attributes`);
    }
    const attribute = decodeAttribute(reader, limits, values);
    values += attribute.values.length;
    attributes.push(attribute);
  }
  reader.close(list);
  reader.close(outer);
  return { operation: "add", dn, attributes };
}

/** `before`: the values of the request so far. */
function decodeAttribute(reader: BerReader, limits: Limits, before: number): RequestedAttribute {
  const outer = reader.open(0x30);
  const type = reader.text();
  const values: Buffer[] = [];
  const set = reader.open(0x31);
  while (!reader.done) {
    if (before + values.length >= limits.requestValues) {
      throw new LdapError("protocolError", `more than ${limits.requestValues} values`);
    }
    values.push(reader.octets());
  }
  reader.close(set);
  reader.close(outer);
  return { type, values };
}

function decodeDelete(reader: BerReader, limits: Limits): Body {
  return { operation: "delete", dn: parseDn(reader.octets(74), limits) };
}

function decodeModifyDn(reader: BerReader, limits: Limits): Body {
  const outer = reader.open(108);
  const dn = decodeDn(reader, limits);
  const newRdn = Rdn.parse(boundedName(reader.octets(), limits));
  const deleteOldRdn = reader.boolean();
  const newSuperior = reader.done ? undefined : parseDn(reader.octets(0x80), limits);
  reader.close(outer);
  return { operation: "modifyDn", dn, newRdn, deleteOldRdn, newSuperior };
}

function decodeCompare(reader: BerReader, limits: Limits): Body {
  const outer = reader.open(110);
  const dn = decodeDn(reader, limits);
  const assertion = reader.open(0x30);
  const type = reader.text();
  const value = reader.octets();
  reader.close(assertion);
  reader.close(outer);
  return { operation: "compare", dn, type, value };
}

function decodeAbandon(reader: BerReader): Body {
  return { operation: "abandon", target: reader.integer(80) };
}

function decodeExtended(reader: BerReader): Body {
  const outer = reader.open(119);
  const oid = reader.text(0x80);
  const value = reader.done ? undefined : reader.octets(0x81);
  reader.close(outer);
  return { operation: "extended", oid, value };
}

function decodeDn(reader: BerReader, limits: Limits): Dn {
  return parseDn(reader.octets(), limits);
}

function boundedName(bytes: Buffer, limits: Limits): Buffer {
  if (bytes.length > limits.dnBytes) {
    throw new LdapError("invalidDNSyntax", `a name of ${bytes.length} bytes; at most ${limits.dnBytes} are taken`);
  }
  return bytes;
}

// Applications ask below the same few names over and over, and DNs are immutable.
const recentDns = new Map<string, Dn>();
const recentDnsKept = 256;
const longestRecentDn = 256;

function parseDn(bytes: Buffer, limits: Limits): Dn {
  if (bytes.length > longestRecentDn) return Dn.parse(Buffer.from(boundedName(bytes, limits)));
  const text = bytes.toString("latin1");
  const known = recentDns.get(text);
  if (known) return known;
  const dn = Dn.parse(Buffer.from(bytes));
  if (recentDns.size >= recentDnsKept) recentDns.clear();
  recentDns.set(text, dn);
  return dn;
}
