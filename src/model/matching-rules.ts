// Matching rules (RFC 4517 section 4.2, RFC 4523 section 2, RFC 4530) as one table. A rule is its normal form: values
// match when their normal forms are equal, and stand in the order of their normal forms.
import { isAttributeType } from "./attribute-description.js";
import { Dn } from "./dn.js";
import { LdapError } from "./failure.js";
import type { SubstringsFilter } from "./filter.js";
import { normalGeneralizedTime } from "./generalized-time.js";
import type { Fragments, MatchingRule, NormalForm, Schema } from "./schema.js";
import { type Preparation, preparations, prepareFragments, prepareValue } from "./string-preparation.js";
import { splitOptionalUid } from "./syntaxes.js";

/** What the rules of one family do with values; `fragments` where there is a substrings rule. */
interface Comparison {
  normalize(value: Buffer, schema: Schema): NormalForm | undefined;
  fragments?(filter: SubstringsFilter, schema: Schema): Fragments | undefined;
}

const strings = (preparation: Preparation): Comparison => ({
  normalize: (value) => prepareValue(value, preparation),
  fragments: (filter) => prepareFragments(filter, preparation),
});

const octets: Comparison = {
  normalize: (value) => value.toString("latin1"),
  fragments: ({ initial, any, final }) => ({
    initial: initial?.toString("latin1"),
    any: any.map((fragment) => fragment.toString("latin1")),
    final: final?.toString("latin1"),
  }),
};

/**
 * Lines separated by `$` (RFC 4517 3.3.28), each prepared for itself. They are joined by a line feed, which preparation
 * takes out of every line and every fragment, so that no fragment spans two lines (4.2.10).
 */
const caseIgnoreList: Comparison = {
  normalize: (value) => {
    const lines: NormalForm[] = [];
    for (const line of value.toString("latin1").split("$")) {
      const unescaped = line.replace(/\\(24|5c)/gi, (_, code: string) => (code === "24" ? "$" : "\\"));
      const normal = line === "" ? " " : prepareValue(Buffer.from(unescaped, "latin1"), preparations.caseIgnore);
      if (normal === undefined) return undefined;
      lines.push(normal);
    }
    return lines.join("\n");
  },
  fragments: (filter) => prepareFragments(filter, preparations.caseIgnore),
};

const boolean: Comparison = {
  normalize: (value) => {
    const text = value.length <= 5 ? value.toString("latin1").toUpperCase() : "";
    return text === "TRUE" || text === "FALSE" ? text : undefined;
  },
};

/**
 * Integers of any size, so written that bytes order them: `1` and the number of digits before the digits; for a
 * negative one `0`, and of the rest the complement. Zeros in front are taken and do not count.
 */
const integer: Comparison = {
  normalize: (value) => {
    const [, sign, digits] = /^(-?)0*(0|[1-9]\d*)$/.exec(value.toString("latin1")) ?? [];
    if (digits === undefined) return undefined;
    const { length } = digits;
    const size =
      length < 0xff
        ? String.fromCharCode(length)
        : String.fromCharCode(
            0xff,
            (length >>> 24) & 0xff,
            (length >>> 16) & 0xff,
            (length >>> 8) & 0xff,
            length & 0xff,
          );
    if (sign === "" || digits === "0") return `1${size}${digits}`;
    let complement = "0";
    for (let n = 0; n < size.length; n++) complement += String.fromCharCode(0xff - size.charCodeAt(n));
    for (let n = 0; n < length; n++) complement += String.fromCharCode(0x69 - digits.charCodeAt(n));
    return complement;
  },
};

const bitString: Comparison = {
  normalize: (value) => {
    const text = value.toString("latin1");
    return /^'[01]*'B$/.test(text) ? text : undefined;
  },
};

const generalizedTime: Comparison = { normalize: normalGeneralizedTime };

/** RFC 4530 2.1; taken without dashes too. */
const uuid: Comparison = {
  normalize: (value) => {
    if (value.length !== 36 && value.length !== 32) return undefined;
    const text = value.toString("latin1");
    if (!/^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i.test(text)) return undefined;
    return text.replaceAll("-", "").toLowerCase();
  },
};

const distinguishedName: Comparison = {
  normalize: (value, schema) => {
    try {
      return Dn.parse(value).normal(schema);
    } catch (error) {
      if (error instanceof LdapError) return undefined;
      throw error;
    }
  },
};

/** RFC 4517 4.2.31, without its asymmetry: an assertion without a UID matches a value without one. */
const uniqueMember: Comparison = {
  normalize: (value, schema) => {
    const { dn, uid } = splitOptionalUid(value);
    const normal = distinguishedName.normalize(dn, schema);
    return normal === undefined || uid === undefined ? normal : `${normal}#${uid.toString("latin1")}`;
  },
};

/** RFC 4517 4.2.26: a name and the OID it stands for are one. The normal form is the first name, in lower case. */
const objectIdentifier: Comparison = {
  normalize: (value, schema) => normalOid(value.toString("latin1").trim(), schema),
};

function normalOid(oid: string, schema: Schema): NormalForm | undefined {
  const known = schema.objectClass(oid) ?? schema.attributeType(oid) ?? schema.matchingRule(oid);
  if (known !== undefined) return known.name.toLowerCase();
  return isAttributeType(oid) ? oid.toLowerCase() : undefined;
}

/** The first component of a definition such as `( 2.5.6.0 NAME 'top' … )`, or the assertion itself. */
function firstComponent(value: Buffer): Buffer {
  const [, quoted, bare] = /^\s*\(\s*(?:'([^']*)'|([^\s()]+))/.exec(value.toString("latin1")) ?? [];
  return quoted === undefined && bare === undefined ? value : Buffer.from(quoted ?? bare!, "latin1");
}

const firstComponentOf = ({ normalize }: Comparison): Comparison => ({
  normalize: (value, schema) => normalize(firstComponent(value), schema),
});

const caseIgnore = strings(preparations.caseIgnore);
const caseExact = strings(preparations.caseExact);
const caseIgnoreIA5 = strings(preparations.caseIgnoreIA5);
const caseExactIA5 = strings(preparations.caseExactIA5);
const numericString = strings(preparations.numericString);
const telephoneNumber = strings(preparations.telephoneNumber);

const ldap = "1.3.6.1.4.1.1466.115.121.1";
const substringAssertion = `${ldap}.58`;

function rule(
  oid: string,
  name: string,
  kind: MatchingRule["kind"],
  syntax: string,
  { normalize, fragments }: Comparison,
): MatchingRule {
  const names = [name];
  return kind === "substrings" && fragments !== undefined
    ? { oid, names, name, kind, syntax, normalize, fragments }
    : { oid, names, name, kind, syntax, normalize };
}

export const standardMatchingRules: readonly MatchingRule[] = [
  rule("2.5.13.0", "objectIdentifierMatch", "equality", `${ldap}.38`, objectIdentifier),
  rule("2.5.13.1", "distinguishedNameMatch", "equality", `${ldap}.12`, distinguishedName),
  rule("2.5.13.2", "caseIgnoreMatch", "equality", `${ldap}.15`, caseIgnore),
  rule("2.5.13.3", "caseIgnoreOrderingMatch", "ordering", `${ldap}.15`, caseIgnore),
  rule("2.5.13.4", "caseIgnoreSubstringsMatch", "substrings", substringAssertion, caseIgnore),
  rule("2.5.13.5", "caseExactMatch", "equality", `${ldap}.15`, caseExact),
  rule("2.5.13.6", "caseExactOrderingMatch", "ordering", `${ldap}.15`, caseExact),
  rule("2.5.13.7", "caseExactSubstringsMatch", "substrings", substringAssertion, caseExact),
  rule("2.5.13.8", "numericStringMatch", "equality", `${ldap}.36`, numericString),
  rule("2.5.13.9", "numericStringOrderingMatch", "ordering", `${ldap}.36`, numericString),
  rule("2.5.13.10", "numericStringSubstringsMatch", "substrings", substringAssertion, numericString),
  rule("2.5.13.11", "caseIgnoreListMatch", "equality", `${ldap}.41`, caseIgnoreList),
  rule("2.5.13.12", "caseIgnoreListSubstringsMatch", "substrings", substringAssertion, caseIgnoreList),
  rule("2.5.13.13", "booleanMatch", "equality", `${ldap}.7`, boolean),
  rule("2.5.13.14", "integerMatch", "equality", `${ldap}.27`, integer),
  rule("2.5.13.15", "integerOrderingMatch", "ordering", `${ldap}.27`, integer),
  rule("2.5.13.16", "bitStringMatch", "equality", `${ldap}.6`, bitString),
  rule("2.5.13.17", "octetStringMatch", "equality", `${ldap}.40`, octets),
  rule("2.5.13.18", "octetStringOrderingMatch", "ordering", `${ldap}.40`, octets),
  rule("2.5.13.19", "octetStringSubstringsMatch", "substrings", `${ldap}.40`, octets),
  rule("2.5.13.20", "telephoneNumberMatch", "equality", `${ldap}.50`, telephoneNumber),
  rule("2.5.13.21", "telephoneNumberSubstringsMatch", "substrings", substringAssertion, telephoneNumber),
  rule("2.5.13.23", "uniqueMemberMatch", "equality", `${ldap}.34`, uniqueMember),
  rule("2.5.13.27", "generalizedTimeMatch", "equality", `${ldap}.24`, generalizedTime),
  rule("2.5.13.28", "generalizedTimeOrderingMatch", "ordering", `${ldap}.24`, generalizedTime),
  rule("2.5.13.29", "integerFirstComponentMatch", "equality", `${ldap}.27`, firstComponentOf(integer)),
  rule(
    "2.5.13.30",
    "objectIdentifierFirstComponentMatch",
    "equality",
    `${ldap}.38`,
    firstComponentOf(objectIdentifier),
  ),
  rule("2.5.13.31", "directoryStringFirstComponentMatch", "equality", `${ldap}.15`, firstComponentOf(caseIgnore)),
  // RFC 4523: the assertion syntaxes name a certificate by issuer and serial number; here only the whole value matches.
  rule("2.5.13.34", "certificateExactMatch", "equality", "1.3.6.1.1.15.1", octets),
  rule("2.5.13.36", "certificatePairExactMatch", "equality", "1.3.6.1.1.15.3", octets),
  rule("2.5.13.38", "certificateListExactMatch", "equality", "1.3.6.1.1.15.5", octets),
  rule("2.5.13.40", "algorithmIdentifierMatch", "equality", "1.3.6.1.1.15.7", octets),
  rule("1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", "equality", `${ldap}.26`, caseExactIA5),
  rule("1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", "equality", `${ldap}.26`, caseIgnoreIA5),
  rule("1.3.6.1.4.1.1466.109.114.3", "caseIgnoreIA5SubstringsMatch", "substrings", substringAssertion, caseIgnoreIA5),
  // Not in an RFC, but named by RFC 2307bis and known to every client that reads OpenLDAP's schema.
  rule("1.3.6.1.4.1.4203.1.2.1", "caseExactIA5SubstringsMatch", "substrings", substringAssertion, caseExactIA5),
  rule("1.3.6.1.1.16.2", "UUIDMatch", "equality", "1.3.6.1.1.16.1", uuid),
  rule("1.3.6.1.1.16.3", "UUIDOrderingMatch", "ordering", "1.3.6.1.1.16.1", uuid),
];
