// RFC 4515 as data: the examples of section 4 in their order, RFC 4526, and what the grammar of section 3 says besides.
// Each row: the text, what it means, and its own spelling where that differs from the text.
import type { Filter } from "../../src/model/filter.js";

export type Row = readonly [text: string, filter: Filter, rewritten?: string];

const bytes = (value: string) => Buffer.from(value, "utf8");

function equality(attribute: string, value: string | Buffer): Filter {
  return { kind: "equality", attribute, value: typeof value === "string" ? bytes(value) : value };
}

function substrings(attribute: string, initial: string, any: readonly string[], final: string): Filter {
  const part = (value: string) => (value === "" ? undefined : bytes(value));
  return { kind: "substrings", attribute, initial: part(initial), any: any.map(bytes), final: part(final) };
}

function extensible(
  attribute: string | undefined,
  dnAttributes: boolean,
  rule: string | undefined,
  value: string,
): Filter {
  return { kind: "extensible", attribute, dnAttributes, rule, value: bytes(value) };
}

const and = (...filters: Filter[]): Filter => ({ kind: "and", filters });
const or = (...filters: Filter[]): Filter => ({ kind: "or", filters });
const not = (filter: Filter): Filter => ({ kind: "not", filter });
const present = (attribute: string): Filter => ({ kind: "present", attribute });

export const section4: readonly Row[] = [
  ["(cn=Babs Jensen)", equality("cn", "Babs Jensen")],
  ["(!(cn=Tim Howes))", not(equality("cn", "Tim Howes"))],
  [
    "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
    and(equality("objectClass", "Person"), or(equality("sn", "Jensen"), substrings("cn", "Babs J", [], ""))),
  ],
  ["(o=univ*of*mich*)", substrings("o", "univ", ["of", "mich"], "")],
  ["(seeAlso=)", equality("seeAlso", "")],
  ["(cn:caseExactMatch:=Fred Flintstone)", extensible("cn", false, "caseExactMatch", "Fred Flintstone")],
  ["(cn:=Betty Rubble)", extensible("cn", false, undefined, "Betty Rubble")],
  ["(sn:dn:2.4.6.8.10:=Barney Rubble)", extensible("sn", true, "2.4.6.8.10", "Barney Rubble")],
  ["(o:dn:=Ace Industry)", extensible("o", true, undefined, "Ace Industry")],
  ["(:1.2.3:=Wilma Flintstone)", extensible(undefined, false, "1.2.3", "Wilma Flintstone")],
  ["(:DN:2.4.6.8.10:=Dino)", extensible(undefined, true, "2.4.6.8.10", "Dino"), "(:dn:2.4.6.8.10:=Dino)"],
  [
    "(o=Parens R Us \\28for all your parenthetical needs\\29)",
    equality("o", "Parens R Us (for all your parenthetical needs)"),
  ],
  ["(cn=*\\2A*)", substrings("cn", "", ["*"], ""), "(cn=*\\2a*)"],
  ["(filename=C:\\5cMyFile)", equality("filename", "C:\\MyFile")],
  ["(bin=\\00\\00\\00\\04)", equality("bin", Buffer.from([0, 0, 0, 4]))],
  ["(sn=Lu\\c4\\8di\\c4\\87)", equality("sn", "Lučić"), "(sn=Lučić)"],
  [
    "(1.3.6.1.4.1.1466.0=\\04\\02\\48\\69)",
    equality("1.3.6.1.4.1.1466.0", "\x04\x02Hi"),
    "(1.3.6.1.4.1.1466.0=\\04\\02Hi)",
  ],
];

export const grammar: readonly Row[] = [
  ["(&)", and()], // RFC 4526: true
  ["(|)", or()], // RFC 4526: false
  ["(!(&))", not(and())],
  ["(&(|)(&)(cn=a))", and(or(), and(), equality("cn", "a"))],
  ["(cn=*)", present("cn")],
  ["(cn;lang-en;x-a=*)", present("cn;lang-en;x-a")],
  ["(cn;lang-en=a)", equality("cn;lang-en", "a")],
  ["(2.5.4.3;lang-en=a)", equality("2.5.4.3;lang-en", "a")],
  ["(my_type=a)", equality("my_type", "a")],
  ["(cn>=a)", { kind: "greaterOrEqual", attribute: "cn", value: bytes("a") }],
  ["(cn<=a)", { kind: "lessOrEqual", attribute: "cn", value: bytes("a") }],
  ["(cn~=a)", { kind: "approx", attribute: "cn", value: bytes("a") }],
  ["(cn>=)", { kind: "greaterOrEqual", attribute: "cn", value: bytes("") }],
  ["(cn=a=b>=c:=d)", equality("cn", "a=b>=c:=d")],
  ["(cn= a )", equality("cn", " a ")],
  ["(cn=a&b|c!d)", equality("cn", "a&b|c!d")],
  ["(cn=*a)", substrings("cn", "", [], "a")],
  ["(cn=a*b)", substrings("cn", "a", [], "b")],
  ["(cn=*a*b*)", substrings("cn", "", ["a", "b"], "")],
  ["(cn=\\ff\\FE)", equality("cn", Buffer.from([0xff, 0xfe])), "(cn=\\ff\\fe)"],
  [
    "(cn=a\\ff*\\fe)",
    {
      kind: "substrings",
      attribute: "cn",
      initial: Buffer.from([0x61, 0xff]),
      any: [],
      final: Buffer.from([0xfe]),
    },
  ],
  ["(cn;lang-en:dn:caseIgnoreMatch:=a)", extensible("cn;lang-en", true, "caseIgnoreMatch", "a")],
  ["(cn=😀)", equality("cn", "😀")],
  // Tolerated.
  ["cn=a", equality("cn", "a"), "(cn=a)"],
  ["cn:=a", extensible("cn", false, undefined, "a"), "(cn:=a)"],
  ["cn=*", present("cn"), "(cn=*)"],
  [" (\n&\t(cn=a) ( cn=b)\r\n) ", and(equality("cn", "a"), equality("cn", "b")), "(&(cn=a)(cn=b))"],
  ["(cn=**)", present("cn"), "(cn=*)"],
  ["(cn=a**b)", substrings("cn", "a", [], "b"), "(cn=a*b)"],
];

/** No filters, and what the sentence says about each. */
export const refused: readonly (readonly [text: string, sentence: RegExp])[] = [
  ["", /a "\(" is missing at character 1$/],
  [" ", /a "\(" is missing/],
  ["()", /an assertion needs a "=" at character 2$/],
  [")", /a "\(" is missing/],
  ["(", /an assertion needs/],
  ["(cn)", /an assertion needs a "="/],
  ["cn", /an assertion needs a "="/],
  ["(cn=a", /a "\)" is missing for the "\(" at character 1$/],
  ["(&(cn=a)", /a "\)" is missing for the "\(" at character 1$/],
  ["(&(cn=a)(!(sn=b)", /a "\)" is missing for the "\(" at character 9$/],
  ["(cn=a))", /more follows at character 7$/],
  ["(cn=a)(cn=b)", /more follows at character 7$/],
  ["cn=a)", /more follows/],
  ["(&cn=a)", /a "\(" is missing at character 3$/],
  ["(&(cn=a)cn=b)", /a "\(" is missing/],
  ["(!)", /a "!" takes one filter at character 3$/],
  ["(!(cn=a)(cn=b))", /a "!" takes one filter at character 9$/],
  ["((cn=a))", /a "\(" in a value/],
  ["(=a)", /"" is not an attribute description at character 2$/],
  [">=a", /"" is not an attribute description/],
  ["(c n=a)", /"c n" is not an attribute description/],
  ["(cn =a)", /"cn " is not an attribute description/],
  ["(cn;=a)", /is not an attribute description/],
  ["(1=a)", /is not an attribute description/],
  ["(čn=a)", /is not an attribute description/],
  ["(:=a)", /an extensible match names/],
  ["(:dn:=a)", /an extensible match names/],
  ["(::=a)", /"" is not a matching rule/],
  ["(cn:dn::=a)", /"" is not a matching rule/],
  ["(cn:a:b:=c)", /"a:b" is not a matching rule/],
  ["(cn:a;x:=c)", /"a;x" is not a matching rule/],
  ["(c n:=c)", /"c n" is not an attribute description/],
  ["(cn=a(b)", /a "\(" in a value is written \\28 at character 6$/],
  ["(cn=a\0b)", /a NUL/],
  ["(cn>=a*)", /a "\*" in this value is written \\2a at character 7$/],
  ["(cn:=*)", /a "\*" in this value/],
  ["(cn=\\)", /a \\ needs two hex digits after it at character 5$/],
  ["(cn=a\\4)", /a \\ needs two hex digits/],
  ["(cn=a\\zz*)", /a \\ needs two hex digits/],
  ["(cn=a*b\\2*)", /a \\ needs two hex digits after it at character 8$/],
  ["(cn=\\*)", /a \\ needs two hex digits/],
  ["(cn=\udc00)", /surrogate/],
];
