// Entries as LDIF has them, made ready to be stored: names and attributes resolved, what other servers and our own
// export write of when, by whom and under which entryUUID an entry was made, and the schema checked on the whole.
import { applicationsDn } from "../access/application.js";
import { type EntryContent, entryContent } from "../access/entry-content.js";
import type { LdifAdd, LdifContent } from "../ldif/ldif-record.js";
import type { Attribute } from "../model/attribute.js";
import { longestDescription } from "../model/attribute-list.js";
import { Dn, Rdn } from "../model/dn.js";
import { fail, LdapError } from "../model/failure.js";
import { normalGeneralizedTime } from "../model/generalized-time.js";
import type { Limits } from "../model/limits.js";
import type { RequestedAttribute } from "../model/message.js";
import type { AttributeDescription, NormalForm, Schema } from "../model/schema.js";
import { knownDescription } from "../model/schema-check.js";
import { requireNameable, withRdn } from "../operations/attributes.js";

export interface ReadEntry {
  /** Where its record begins in the file. */
  readonly line: number;
  readonly dn: Dn;
  readonly normal: NormalForm;
  /** With its passwords as written: clear text among them. */
  readonly content: EntryContent;
  readonly facts: EntryOrigin;
}

/** What an entry says of its own origin; undefined where it does not. */
export interface EntryOrigin {
  uuid?: Buffer;
  created?: number;
  modified?: number;
  creator?: string;
  modifier?: string;
}

type FactReader = (origin: EntryOrigin, value: Buffer, limits: Limits) => void;

/** Operational attributes that are kept. All others that the schema has are computed here, or have no meaning here. */
const factReaders: Readonly<Record<string, FactReader>> = {
  entryUUID: (origin, value) => {
    origin.uuid = readUuid(value);
  },
  createTimestamp: (origin, value) => {
    origin.created = readTime(value);
  },
  modifyTimestamp: (origin, value) => {
    origin.modified = readTime(value);
  },
  creatorsName: (origin, value, limits) => {
    origin.creator = readName(value, limits);
  },
  modifiersName: (origin, value, limits) => {
    origin.modifier = readName(value, limits);
  },
};

/** What other servers write into their LDIF about their own affairs, in lower case. */
const othersAffairs = new Set([
  ...["entrycsn", "contextcsn", "nsuniqueid", "entryid", "parentid", "dsentrydn", "numallsubordinates"],
  ...["entryusn", "tombstonenumsubordinates", "pwdchangedtime", "pwdaccountlockedtime", "pwdfailuretime", "pwdhistory"],
  ...["pwdgraceusetime", "pwdreset", "pwdlastsuccess", "pwdpolicysubentry", "authtimestamp", "passwordexpirationtime"],
  ...["passwordgraceusertime", "retrycountresettime", "passwordretrycount", "accountunlocktime", "dsretrystate"],
]);

/** What the name of an attribute means, found once for each spelling. */
type Column =
  | { readonly kind: "kept"; readonly slot: Slot }
  | { readonly kind: "fact"; readonly read: FactReader }
  | { readonly kind: "ignored" };

/** The attribute of the present record, so that two spellings of one attribute come together. */
interface Slot {
  readonly description: AttributeDescription;
  record: number;
  attribute: { readonly description: AttributeDescription; values: readonly Buffer[] } | undefined;
}

/** A file that has more different names than this is hostile. */
const mostColumns = 16_384;
const mostNames = 1024;
const mostPlaces = 16_384;

const comma = 0x2c;
/** What may make the first comma of a name something other than the end of its RDN. */
const isUnusual = new Uint8Array(256);
for (const byte of Buffer.from('\\"+;')) isUnusual[byte] = 1;

export class EntryReader {
  readonly schema: Schema;
  readonly suffix: Dn;
  readonly #limits: Limits;
  readonly #mirror: Dn;
  readonly #columns = new Map<string, Column>();
  readonly #slots = new Map<string, Slot>();
  readonly #places = new Map<string, Dn>();
  #record = 0;

  constructor(schema: Schema, suffix: Dn, limits: Limits) {
    this.schema = schema;
    this.suffix = suffix;
    this.#limits = limits;
    this.#mirror = applicationsDn(suffix);
  }

  /** The name of a record. Fails where it is none, or stands where this directory has nothing to say. */
  name(written: Buffer): Dn {
    const { schema } = this;
    if (written.length > this.#limits.dnBytes) fail("invalidDNSyntax", `a name of ${written.length} bytes is too long`);
    const dn = this.#parse(written);
    const normal = dn.normal(schema);
    if (!isWithin(normal, this.suffix.normal(schema))) {
      fail("noSuchObject", `${dn} is not below ${this.suffix}, which is all that is kept here`);
    }
    if (isWithin(normal, this.#mirror.normal(schema))) {
      fail("unwillingToPerform", `${dn}: applications are registered in applications.yaml, see \`gatehouse app\``);
    }
    return dn;
  }

  /** Entries stand in a few places, each of which is parsed once. */
  #parse(written: Buffer): Dn {
    const separator = written.indexOf(comma);
    if (separator < 0 || separator === written.length - 1 || !isPlain(written, separator)) return Dn.parse(written);
    const place = written.toString("latin1", separator + 1);
    try {
      let above = this.#places.get(place);
      if (above === undefined) {
        above = Dn.parse(written.subarray(separator + 1));
        if (above.isRoot) return Dn.parse(written);
        if (this.#places.size >= mostPlaces) this.#places.clear();
        this.#places.set(place, above);
      }
      return above.child(Rdn.parse(written.subarray(0, separator)));
    } catch {
      return Dn.parse(written); // its error is about the whole name
    }
  }

  /** The entry that a record describes. Throws LdapError where it may not be kept. */
  read(record: LdifContent | LdifAdd): ReadEntry {
    const { schema } = this;
    const dn = this.name(record.dn);
    const facts: EntryOrigin = {};
    const attributes = this.#attributes(record, facts);
    const rdn = dn.rdn!;
    requireNameable(rdn, schema);
    const complete = withRdn(attributes, rdn, schema);
    const content = entryContent(complete, schema, withoutDnMembers(complete));
    for (const password of content.passwords) {
      if (password.length > longestPassword) fail("constraintViolation", `userPassword: ${password.length} bytes`);
    }
    return { line: record.line, dn, normal: dn.normal(schema), content, facts };
  }

  /** The attributes of a record as a client may send them: without those that a server makes itself. */
  written({ attributes }: LdifContent | LdifAdd): RequestedAttribute[] {
    return attributes.filter(({ type }) => (this.#columns.get(type) ?? this.#column(type)).kind === "kept");
  }

  #attributes(record: LdifContent | LdifAdd, facts: EntryOrigin): Attribute[] {
    this.#record++;
    const attributes: Attribute[] = [];
    for (const { type, values } of record.attributes) {
      const column = this.#columns.get(type) ?? this.#column(type);
      if (column.kind === "kept") this.#keep(column.slot, values, attributes);
      else if (column.kind === "fact") column.read(facts, values[0]!, this.#limits);
    }
    return attributes;
  }

  #keep(slot: Slot, values: Buffer[], attributes: Attribute[]): void {
    const { description } = slot;
    if (slot.record === this.#record && slot.attribute) {
      slot.attribute.values = slot.attribute.values.concat(values);
      return;
    }
    slot.record = this.#record;
    slot.attribute = { description, values };
    attributes.push(slot.attribute);
  }

  #column(type: string): Column {
    const column = this.#resolve(type);
    if (this.#columns.size >= mostColumns) {
      this.#columns.clear();
      this.#slots.clear();
    }
    this.#columns.set(type, column);
    return column;
  }

  #resolve(name: string): Column {
    if (othersAffairs.has(name.toLowerCase())) return { kind: "ignored" };
    const description = knownDescription(name, this.schema);
    const { type, text } = description;
    const read = factReaders[type.name];
    if (read) return { kind: "fact", read };
    if (type.isOperational || type.noUserModification) return { kind: "ignored" };
    if (text.length > longestDescription) {
      fail("undefinedAttributeType", `an attribute description has at most ${longestDescription} characters`);
    }
    const slot = this.#slots.get(text) ?? { description, record: 0, attribute: undefined };
    this.#slots.set(text, slot);
    return { kind: "kept", slot };
  }
}

/** Whether the RDN that ends here has nothing in it that means more than itself. */
function isPlain(written: Buffer, end: number): boolean {
  for (let at = 0; at < end; at++) if (isUnusual[written[at]!] === 1) return false;
  return true;
}

/** Whether a name is another, or below it. */
function isWithin(name: NormalForm, other: NormalForm): boolean {
  return name.endsWith(other) && (name.length === other.length || name[name.length - other.length - 1] === ",");
}

const dnMembers = ["member", "uniqueMember"];

/**
 * What is left to check value by value: names of members are not, for they are parsed in any case, and one that stands
 * there twice is a member once. In a group of thousands that is most of the work. Undefined: everything.
 */
function withoutDnMembers(attributes: readonly Attribute[]): ReadonlySet<string> | undefined {
  if (!attributes.some(({ description }) => dnMembers.includes(description.type.name))) return undefined;
  const texts = attributes.map(({ description }) => description.text);
  return new Set(texts.filter((text) => !dnMembers.includes(text)));
}

/** The store keeps the length of a password in two bytes. */
const longestPassword = 65_535;

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function readUuid(value: Buffer): Buffer {
  const text = value.toString("latin1");
  if (!uuidForm.test(text))
    fail("invalidAttributeSyntax", `entryUUID: ${JSON.stringify(text.slice(0, 40))} is no UUID`);
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

function readTime(value: Buffer): number {
  const normal = normalGeneralizedTime(value);
  const [, year, month, day, hour, minute, second, rest = ""] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?$/.exec(normal ?? "") ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!(time >= 0)) {
    fail("invalidAttributeSyntax", `${JSON.stringify(value.toString("utf8", 0, 40))} is no time since 1970`);
  }
  return time + Math.floor(Number(rest) * 1000);
}

const knownNames = new Map<string, string>();

/** Whose name it is, is not asked: it may stand in another directory. */
function readName(value: Buffer, { dnBytes }: Limits): string {
  const text = value.toString("utf8");
  if (knownNames.has(text)) return text;
  if (value.length > dnBytes) fail("invalidDNSyntax", `a name of ${value.length} bytes is too long`);
  Dn.parse(value);
  if (knownNames.size >= mostNames) knownNames.clear();
  knownNames.set(text, text);
  return text;
}

/** The sentence of an error that an entry may be refused for; any other error goes on. */
export function refusalOf(error: unknown): string {
  if (error instanceof LdapError) return error.message;
  throw error;
}
