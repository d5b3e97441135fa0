// LDAP syntaxes (RFC 4517 section 3.3, and a few from elsewhere) as one table.
import { isUtf8 } from "node:buffer";
import { isAttributeType } from "./attribute-description.js";
import { Dn } from "./dn.js";
import { LdapError } from "./failure.js";
import { normalGeneralizedTime } from "./generalized-time.js";
import type { Syntax } from "./schema.js";
import {
  attributeTypeDefinition,
  matchingRuleDefinition,
  matchingRuleUseDefinition,
  objectClassDefinition,
  syntaxDefinition,
} from "./schema-definition.js";

type Accepts = Syntax["accepts"];

/** RFC 4517 3.2: the characters of a PrintableString. */
const printable = characters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+,-./:?= ");
const printableOrDollar = characters("$", printable);
const digitsAndSpace = characters("0123456789 ");
const ascii = characters(String.fromCharCode(...Array(0x80).keys()));
/** What a telephone number may be written with: wider than PrintableString, for people dial `*` and `#` too. */
const visible = characters(String.fromCharCode(...Array(0x7f).keys()).slice(0x20));

function characters(text: string, base?: Uint8Array): Uint8Array {
  const table = new Uint8Array(256);
  if (base !== undefined) table.set(base);
  for (const byte of Buffer.from(text, "latin1")) table[byte] = 1;
  return table;
}

function allIn(value: Buffer, table: Uint8Array): boolean {
  for (let n = 0; n < value.length; n++) if (table[value[n]!] === 0) return false;
  return true;
}

const anyBytes: Accepts = () => true;
const someOf =
  (table: Uint8Array): Accepts =>
  (value) =>
    value.length > 0 && allIn(value, table);
const ia5String: Accepts = (value) => allIn(value, ascii);
const utf8: Accepts = (value) => allIn(value, ascii) || isUtf8(value);
/** RFC 4517 3.3.6: at least one character. */
const directoryString: Accepts = (value) => value.length > 0 && utf8(value);
const written =
  (form: RegExp, atMost: number): Accepts =>
  (value) =>
    value.length <= atMost && form.test(value.toString("latin1"));
const text =
  (accepts: (text: string) => boolean): Accepts =>
  (value) =>
    accepts(value.toString("latin1"));

const boolean: Accepts = (value) => {
  const text = value.length <= 5 ? value.toString("latin1") : "";
  return text === "TRUE" || text === "FALSE";
};

/** RFC 4517 3.3.16: no leading zeros, no `+`, no `-0`. */
const integer: Accepts = (value) => {
  const start = value[0] === 0x2d ? 1 : 0;
  const first = value[start];
  if (first === undefined || first < 0x30 || first > 0x39) return false;
  if (first === 0x30) return value.length === 1;
  for (let n = start + 1; n < value.length; n++) if (value[n]! < 0x30 || value[n]! > 0x39) return false;
  return true;
};

const distinguishedName: Accepts = (value) => succeeds(() => Dn.parse(value));
const bitString = written(/^'[01]*'B$/, Number.POSITIVE_INFINITY);

/** RFC 4517 3.3.21: a DN, or a DN, `#` and a bit string. */
const nameAndOptionalUid: Accepts = (value) => distinguishedName(splitOptionalUid(value).dn);

/** The two parts of a Name and Optional UID; `uid` keeps the form `'0101'B`. */
export function splitOptionalUid(value: Buffer): { dn: Buffer; uid: Buffer | undefined } {
  const hash = value[value.length - 1] === 0x42 ? value.lastIndexOf("#") : -1;
  const uid = hash < 0 ? undefined : value.subarray(hash + 1);
  return uid !== undefined && bitString(uid) ? { dn: value.subarray(0, hash), uid } : { dn: value, uid: undefined };
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof LdapError) return false;
    throw error;
  }
}

const definition =
  (read: (text: string) => unknown): Accepts =>
  (value) => {
    try {
      read(value.toString("utf8"));
      return true;
    } catch {
      return false;
    }
  };
const bracketed = written(/^\(.*\)$/s, Number.POSITIVE_INFINITY);

const deliveryMethod = "(?:any|mhs|physical|telex|teletex|g3fax|g4fax|ia5|videotex|telephone)";

function syntax(oid: string, description: string, accepts: Accepts, humanReadable = true): Syntax {
  return { oid, description, humanReadable, accepts };
}

const unreadable = false;
const ldap = "1.3.6.1.4.1.1466.115.121.1";

export const standardSyntaxes: readonly Syntax[] = [
  syntax(`${ldap}.3`, "Attribute Type Description", definition(attributeTypeDefinition.read)),
  syntax(`${ldap}.4`, "Audio", anyBytes, unreadable),
  syntax(`${ldap}.5`, "Binary", anyBytes, unreadable),
  syntax(`${ldap}.6`, "Bit String", bitString),
  syntax(`${ldap}.7`, "Boolean", boolean),
  syntax(`${ldap}.8`, "Certificate", anyBytes, unreadable),
  syntax(`${ldap}.9`, "Certificate List", anyBytes, unreadable),
  syntax(`${ldap}.10`, "Certificate Pair", anyBytes, unreadable),
  syntax(`${ldap}.11`, "Country String", written(/^[A-Za-z]{2}$/, 2)),
  syntax(`${ldap}.12`, "DN", distinguishedName),
  syntax(`${ldap}.14`, "Delivery Method", written(new RegExp(`^${deliveryMethod}(?: *\\$ *${deliveryMethod})*$`), 256)),
  syntax(`${ldap}.15`, "Directory String", directoryString),
  syntax(`${ldap}.16`, "DIT Content Rule Description", bracketed),
  syntax(`${ldap}.17`, "DIT Structure Rule Description", bracketed),
  syntax(`${ldap}.21`, "Enhanced Guide", directoryString),
  syntax(`${ldap}.22`, "Facsimile Telephone Number", someOf(visible)),
  syntax(`${ldap}.23`, "Fax", anyBytes, unreadable),
  syntax(`${ldap}.24`, "Generalized Time", (value) => normalGeneralizedTime(value) !== undefined),
  syntax(`${ldap}.25`, "Guide", directoryString),
  syntax(`${ldap}.26`, "IA5 String", ia5String),
  syntax(`${ldap}.27`, "INTEGER", integer),
  syntax(`${ldap}.28`, "JPEG", anyBytes, unreadable),
  syntax(`${ldap}.30`, "Matching Rule Description", definition(matchingRuleDefinition.read)),
  syntax(`${ldap}.31`, "Matching Rule Use Description", definition(matchingRuleUseDefinition.read)),
  syntax(`${ldap}.34`, "Name And Optional UID", nameAndOptionalUid),
  syntax(`${ldap}.35`, "Name Form Description", bracketed),
  syntax(`${ldap}.36`, "Numeric String", someOf(digitsAndSpace)),
  syntax(`${ldap}.37`, "Object Class Description", definition(objectClassDefinition.read)),
  syntax(`${ldap}.38`, "OID", text(isAttributeType)),
  syntax(`${ldap}.39`, "Other Mailbox", written(/^[^$]+\$[\0-\x7f]*$/, Number.POSITIVE_INFINITY)),
  syntax(`${ldap}.40`, "Octet String", anyBytes),
  syntax(`${ldap}.41`, "Postal Address", directoryString),
  syntax(`${ldap}.44`, "Printable String", someOf(printable)),
  syntax(`${ldap}.45`, "Subtree Specification", written(/^\{.*\}$/s, Number.POSITIVE_INFINITY)),
  syntax(`${ldap}.49`, "Supported Algorithm", anyBytes, unreadable),
  syntax(`${ldap}.50`, "Telephone Number", someOf(visible)),
  syntax(`${ldap}.51`, "Teletex Terminal Identifier", (value) => value.length > 0),
  syntax(`${ldap}.52`, "Telex Number", someOf(printableOrDollar)),
  syntax(`${ldap}.53`, "UTC Time", written(/^\d{10}(?:\d\d)?(?:Z|[+-]\d{4})$/, 17)),
  syntax(`${ldap}.54`, "LDAP Syntax Description", definition(syntaxDefinition.read)),
  syntax(`${ldap}.58`, "Substring Assertion", utf8),
  syntax(
    "1.3.6.1.1.16.1",
    "UUID",
    written(/^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i, 36),
  ),
  // RFC 2307 section 2.3.
  syntax("1.3.6.1.1.1.0.0", "NIS Netgroup Triple", written(/^\([^,()]*,[^,()]*,[^,()]*\)$/, 1024)),
  syntax("1.3.6.1.1.1.0.1", "Boot Parameter", written(/^[^=]+=[^:]*:.*$/s, 1024)),
  // RFC 4523 appendix A. Only ever published: an assertion of these is compared byte by byte.
  syntax("1.3.6.1.1.15.1", "Certificate Exact Assertion", anyBytes),
  syntax("1.3.6.1.1.15.3", "Certificate Pair Exact Assertion", anyBytes),
  syntax("1.3.6.1.1.15.5", "Certificate List Exact Assertion", anyBytes),
  syntax("1.3.6.1.1.15.7", "Algorithm Identifier", anyBytes),
];
