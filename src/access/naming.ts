// How names are written for a session: those of its own branch where it asks below that, in lower case where its view
// says so. Undefined everywhere: as they are kept, which costs nothing.
import type { EntryKind } from "../model/entry-kind.js";
import type { AttributeType } from "../model/schema.js";
import type { Branch } from "./branch.js";

/** Syntaxes whose values are names of entries: DN, and Name And Optional UID (RFC 4517 3.3.9, 3.3.21). */
const nameSyntaxes: ReadonlySet<string> = new Set(["1.3.6.1.4.1.1466.115.121.1.12", "1.3.6.1.4.1.1466.115.121.1.34"]);

export function namesEntries(type: AttributeType): boolean {
  return nameSyntaxes.has(type.syntax.oid);
}

/** What users and groups are called by, in lower case on request. */
const calledBy: Readonly<Record<EntryKind, readonly string[]>> = {
  user: ["uid", "memberUid"],
  group: ["cn", "memberUid"],
  other: [],
};

export class Naming {
  readonly #branch: Branch | undefined;
  readonly #lowercase: boolean;

  private constructor(branch: Branch | undefined, lowercase: boolean) {
    this.#branch = branch;
    this.#lowercase = lowercase;
  }

  /** Undefined: names are written as they are kept. */
  static of(branch: Branch | undefined, lowercase: boolean): Naming | undefined {
    return branch || lowercase ? new Naming(branch, lowercase) : undefined;
  }

  /** The DN of an entry. */
  dn(text: string): string {
    const own = this.#branch ? this.#branch.outward(text) : text;
    return this.#lowercase ? withLowerName(own) : own;
  }

  /** Whether values of the type may be written in another way on an entry of this kind and name. */
  rewrites(type: AttributeType, kind: EntryKind, dnText: string): boolean {
    if (namesEntries(type)) return true;
    if (!this.#lowercase || kind === "other") return false;
    return calledBy[kind].includes(type.name) || (type.name === "cn" && isNamedBy(dnText, type));
  }

  /** A value of a type that `rewrites`. */
  value(type: AttributeType, value: string | Buffer): string {
    const text = value.toString();
    return namesEntries(type) ? this.dn(text) : text.toLowerCase();
  }
}

function isNamedBy(dnText: string, type: AttributeType): boolean {
  const name = dnText.slice(0, dnText.indexOf("=")).toLowerCase();
  return type.names.some((one) => one.toLowerCase() === name);
}

/** The names of uid and cn: users and groups are called by them, and the units that hold them keep their spelling. */
const callingTypes = ["uid", "userid", "0.9.2342.19200300.100.1.1", "cn", "commonName", "2.5.4.3"];
const called = new RegExp(
  `(?<=^|(?<!\\\\)\\+)((?:${callingTypes.join("|").replaceAll(".", "\\.")})=)((?:[^+\\\\]|\\\\.)*)`,
  "gis",
);

/** The first RDN with uid and cn in lower case. Hex digits of escapes mean the same in both cases. */
function withLowerName(text: string): string {
  const end = /[^\\](?:\\\\)*,/.exec(text);
  const length = end ? end.index + end[0].length - 1 : text.length;
  const rdn = text.slice(0, length).replace(called, (_, type: string, value: string) => type + value.toLowerCase());
  return rdn + text.slice(length);
}
