// What is equal, what differs, and what is no value, under the rules of RFC 4517 section 4.2 with the string preparation
// of RFC 4518. Each row of `equal` is one class: its values are equal to each other and to no value of another row.

export interface EqualityExamples {
  readonly rule: string;
  readonly equal: readonly (readonly (string | Buffer)[])[];
  readonly malformed?: readonly (string | Buffer)[];
}

const notUtf8 = Buffer.from([0x61, 0xff]);

export const equalityExamples: readonly EqualityExamples[] = [
  {
    rule: "caseIgnoreMatch",
    equal: [
      ["fred", "FRED", "Fred", " fred", "fred  ", "\u00adfred", "fr\u200bed", "f\u0000red"],
      ["foo bar", "Foo  Bar", " foo \t bar ", "foo\u00a0bar", "foo\u3000bar", "foo\r\nbar", "foo\u2028bar"],
      ["foobar"],
      ["", " ", "   ", "\u200b", "\t"],
      ["straße", "STRASSE", "strasse", "Straſse", "STRAẞE"],
      ["müller", "MÜLLER", "mu\u0308ller", "MU\u0308LLER"],
      ["muller"],
      ["ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ"],
      ["İ", "i\u0307"],
      ["I", "i", "Ｉ", "ｉ", "ℐ"],
      ["ı"],
      ["kelvin", "\u212aelvin", "ＫＥＬＶＩＮ"],
      ["ﬁx", "FIX", "fix"],
      ["日本", "⽇本"],
      // RFC 4518 2.6.1: a space with a combining mark is not a space.
      ["a \u0308b", "A \u0308b"],
      ["a  \u0308b"],
      ["\u{10400}", "\u{10428}"],
    ],
    malformed: [notUtf8, "\ufffd", "\ue000", "\u{f0000}", "\uffff", "\ufdd0"],
  },
  {
    rule: "caseExactMatch",
    equal: [
      ["Fred", " Fred ", "Fre\u00add"],
      ["fred"],
      ["a b", "a   b"],
      ["", " "],
      ["ﬁ", "fi"],
      ["ß"],
      ["ss"],
      ["\u212b", "Å"],
    ],
    malformed: [notUtf8],
  },
  {
    rule: "caseIgnoreIA5Match",
    equal: [["Ann@Example.COM", "ann@example.com ", "ann@EXAMPLE.com"], ["bob@example.com"], [""]],
    malformed: ["ännchen@example.com", notUtf8],
  },
  { rule: "caseExactIA5Match", equal: [["/bin/Sh", " /bin/Sh"], ["/bin/sh"]], malformed: ["/bin/ß"] },
  {
    rule: "numericStringMatch",
    equal: [["15 079 672 281", "15079672281", " 15079672281 "], ["15079672282"], ["", " "]],
    malformed: ["12a", "-1"],
  },
  {
    rule: "telephoneNumberMatch",
    equal: [
      ["+1 512-315-0280", "+15123150280", "+1 512 315 0280", "+1 512\u2010315\u20110280", "+1\u2212512 315 0280"],
      ["+1 512 315 0281"],
      ["1-800-FLOWERS", "1 800 flowers"],
    ],
  },
  {
    rule: "caseIgnoreListMatch",
    equal: [
      ["1234 Main St.$Anytown, CA 12345$USA", "1234  MAIN St.$ anytown, CA 12345$usa"],
      ["1234 Main St. Anytown, CA 12345 USA"],
      ["1234 Main St.\\24Anytown, CA 12345$USA"],
      ["\\241,000$a", "\\241,000 $A"],
      ["a$b"],
      ["a$$b", "a$ $b"],
      ["a\\5cb", "a\\5Cb"],
    ],
    malformed: [notUtf8],
  },
  { rule: "booleanMatch", equal: [["TRUE", "true"], ["FALSE"]], malformed: ["", "yes", "TRUEST"] },
  {
    rule: "integerMatch",
    equal: [["0", "-0", "000"], ["7", "007"], ["-7", "-07"], ["1".repeat(300)], [`-${"1".repeat(300)}`]],
    malformed: ["", "-", "1.5", "+1", " 1", "a", "1a"],
  },
  { rule: "bitStringMatch", equal: [["'0101'B"], ["'01010'B"], ["''B"]], malformed: ["", "0101", "'2'B"] },
  { rule: "octetStringMatch", equal: [[""], ["a"], ["A"], [notUtf8], [" a"]] },
  {
    rule: "generalizedTimeMatch",
    equal: [
      // RFC 4517 3.3.13: both describe the same instant.
      ["199412161032Z", "199412160532-0500", "19941216103200Z", "19941216103200.000Z", "199412161032,0Z"],
      ["2024022912Z", "20240229120000Z", "20240229140000+02", "20240229173000+0530", "20240229090000-0300"],
      ["2024022912.5Z", "20240229123000Z", "202402291230Z"],
      ["202402291230.25Z", "20240229123015Z"],
      ["20240229123015.5Z", "20240229123015,50Z"],
      ["20240101000000.1Z", "20231231230000.1-01"],
      ["20161231235960Z", "20170101000000Z"],
      ["2024010100.00001Z", "20240101000000.036Z"],
    ],
    malformed: ["", "20230229000000Z", "20240101000000", "Z", "99991231235959-0001"],
  },
  {
    rule: "UUIDMatch",
    equal: [
      [
        "597ae2f6-16a6-1027-98f4-d28b5365dc14",
        "597AE2F6-16A6-1027-98F4-D28B5365DC14",
        "597ae2f616a6102798f4d28b5365dc14",
      ],
      ["597ae2f6-16a6-1027-98f4-d28b5365dc15"],
    ],
    malformed: ["", "597ae2f6", "{597ae2f6-16a6-1027-98f4-d28b5365dc14}"],
  },
  {
    rule: "distinguishedNameMatch",
    equal: [
      [
        "cn=Ann Lee,dc=example,dc=com",
        "CN=ann lee, DC=Example, DC=COM",
        "2.5.4.3=ann lee,dc=example,dc=com",
        "commonName=Ann  Lee,dc=example,dc=com",
      ],
      ["cn=Ann Lee+uid=1,dc=com", "uid=1+CN=ANN LEE,DC=com"],
      ["cn=Ann\\2c Lee,dc=com", "cn=ann\\, lee,dc=com"],
      [""],
    ],
    malformed: ["Ann Lee", "cn", ","],
  },
  {
    rule: "uniqueMemberMatch",
    equal: [["cn=a,dc=com", "CN=A, dc=COM"], ["cn=a,dc=com#'01'B", "CN=A,dc=com#'01'B"], ["cn=a,dc=com#'0'B"]],
    malformed: ["a", "a#'01'B"],
  },
  {
    rule: "objectIdentifierMatch",
    equal: [
      ["inetOrgPerson", "INETORGPERSON", "2.16.840.1.113730.3.2.2"],
      ["cn", "commonName", "2.5.4.3", " cn "],
      ["caseIgnoreMatch", "2.5.13.2"],
      ["unheardOf", "unheardof"],
      ["1.2.3.4"],
    ],
    malformed: ["", "a b", "1..2", "ü"],
  },
  {
    rule: "objectIdentifierFirstComponentMatch",
    equal: [
      ["( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )", "2.5.4.3", "cn", "(2.5.4.3 NAME 'cn')"],
      ["( 2.5.6.6 NAME 'person' SUP top )", "person"],
    ],
    malformed: ["", "()", "( )"],
  },
  {
    rule: "integerFirstComponentMatch",
    equal: [
      ["( 1 FORM x )", "1"],
      ["( 2 FORM x )", "2"],
    ],
    malformed: ["( a )"],
  },
  {
    rule: "directoryStringFirstComponentMatch",
    equal: [
      ["( 'Foo  Bar' 1 )", "foo bar"],
      ["( baz )", "BAZ"],
    ],
  },
];

/** Whether a value matches a substring assertion, written as in a filter. */
export interface SubstringsExample {
  readonly rule: string;
  readonly assertion: string;
  readonly matching: readonly string[];
  readonly other: readonly string[];
}

export const substringsExamples: readonly SubstringsExample[] = [
  { rule: "caseIgnoreSubstringsMatch", assertion: "jo*", matching: ["John", "jo", " JO"], other: ["Major", "j o"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "*HN", matching: ["John", "hn", "john "], other: ["Johnny"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "*oh*", matching: ["John", "OH"], other: ["Joan"] },
  {
    rule: "caseIgnoreSubstringsMatch",
    assertion: "a*b*c*d",
    matching: ["abcd", "AxxBxxCxxD", "abcabcd"],
    other: ["acbd", "abcdx", "xabcd"],
  },
  { rule: "caseIgnoreSubstringsMatch", assertion: "ab*bc", matching: ["abbc", "abxbc"], other: ["abc"] },
  // RFC 4518 appendix B: runs of spaces count as one, also at the edges of fragments inside a value.
  { rule: "caseIgnoreSubstringsMatch", assertion: "foo *", matching: ["foo bar", "foo  bar"], other: ["foobar"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "* bar", matching: ["foo bar", "foo  bar "], other: ["foobar"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "*o b*", matching: ["foo bar", "foo   bar"], other: ["foobar"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "*o  b*", matching: ["foo bar"], other: ["foobar"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "  foo*", matching: ["foo", " foobar"], other: ["barfoo"] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "* *", matching: ["foo", "foo bar", ""], other: [] },
  { rule: "caseIgnoreSubstringsMatch", assertion: " * ", matching: ["foo", " "], other: [] },
  { rule: "caseIgnoreSubstringsMatch", assertion: "*STRASSE*", matching: ["Hauptstraße 1"], other: ["Hauptstrase"] },
  { rule: "caseExactSubstringsMatch", assertion: "Jo*", matching: ["John"], other: ["john"] },
  { rule: "caseIgnoreIA5SubstringsMatch", assertion: "*@EXAMPLE.*", matching: ["a@example.com"], other: ["example."] },
  { rule: "telephoneNumberSubstringsMatch", assertion: "*315-02*", matching: ["+1 512 31502 80"], other: ["3150 3"] },
  { rule: "numericStringSubstringsMatch", assertion: "1 2*", matching: ["123", "1 2 3"], other: ["21"] },
  {
    rule: "caseIgnoreListSubstringsMatch",
    assertion: "*any town*",
    matching: ["1 Main St$Any  Town$USA"],
    other: ["1 Main St Any$Town"],
  },
  { rule: "octetStringSubstringsMatch", assertion: "a*", matching: ["ab"], other: ["Ab", " a"] },
];
