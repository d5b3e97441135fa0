// Values of the syntaxes of RFC 4517 section 3.3 (with its examples), and what only looks like one.

export interface SyntaxExamples {
  readonly oid: string;
  readonly accepted: readonly (string | Buffer)[];
  readonly refused: readonly (string | Buffer)[];
}

const ldap = "1.3.6.1.4.1.1466.115.121.1";
const notUtf8 = Buffer.from([0x61, 0xff, 0x62]);

export const syntaxExamples: readonly SyntaxExamples[] = [
  {
    oid: `${ldap}.3`,
    accepted: ["( 2.5.18.1 NAME 'createTimestamp' SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 USAGE directoryOperation )"],
    refused: ["", "createTimestamp", "( createTimestamp )"],
  },
  { oid: `${ldap}.6`, accepted: ["'0101111101'B", "''B"], refused: ["", "0101", "'012'B", "'01'", "'01'H"] },
  { oid: `${ldap}.7`, accepted: ["TRUE", "FALSE"], refused: ["", "true", "yes", "TRUE ", "1"] },
  { oid: `${ldap}.8`, accepted: [notUtf8, ""], refused: [] },
  { oid: `${ldap}.11`, accepted: ["US", "AU", "de"], refused: ["", "U", "USA", "U1", "ü"] },
  {
    oid: `${ldap}.12`,
    accepted: ["", "UID=jsmith,DC=example,DC=net", "OU=Sales+CN=J. Smith,DC=example,DC=net", "CN=Lu\\C4\\8Di\\C4\\87"],
    refused: ["jsmith", "cn=a,", "cn", "=a", "1.=a"],
  },
  { oid: `${ldap}.14`, accepted: ["any", "mhs $ telephone", "g3fax$g4fax"], refused: ["", "post", "any $", "any mhs"] },
  {
    oid: `${ldap}.15`,
    accepted: ["This is a value of Directory String containing #!%#@.", " ", "Müller", "王", "\0"],
    refused: ["", notUtf8, Buffer.from("Müller", "latin1"), Buffer.from([0xed, 0xa0, 0x80])],
  },
  { oid: `${ldap}.22`, accepted: ["+61 3 9896 7801", "+81 3 347 7418$fineResolution"], refused: ["", "\n", "½"] },
  {
    oid: `${ldap}.24`,
    accepted: ["199412161032Z", "199412160532-0500", "1994121610Z", "20240229120000.5Z", "20240229120000,5+01"],
    refused: [
      "",
      "199412161032",
      "19941216103Z",
      "20230229000000Z",
      "20241301000000Z",
      "20240100000000Z",
      "20240132000000Z",
      "20240101240000Z",
      "20240101006000Z",
      "20240101000061Z",
      "20240101000000.Z",
      "20240101000000+2400",
      "20240101000000+1",
      "00000101000000+0100",
      "2024-01-01T00:00:00Z",
      "20240101000000Z\n",
    ],
  },
  { oid: `${ldap}.26`, accepted: ["", "user@example.com", "\0\x7f"], refused: ["ü", notUtf8] },
  {
    oid: `${ldap}.27`,
    accepted: ["1321", "0", "-1", "123456789012345678901234567890"],
    refused: ["", "-", "-0", "007", "+1", "1.0", "1 ", "0x1", "١"],
  },
  { oid: `${ldap}.28`, accepted: [Buffer.from([0xff, 0xd8, 0xff])], refused: [] },
  {
    oid: `${ldap}.34`,
    accepted: ["1.3.6.1.4.1.1466.0=#04024869,O=Test,C=GB#'0101'B", "o=Test", "", "cn=a#b", "#'01'B"],
    refused: ["Test", "Test#'0101'B"],
  },
  { oid: `${ldap}.36`, accepted: ["15 079 672 281", "0", " "], refused: ["", "12a", "-1"] },
  {
    oid: `${ldap}.37`,
    accepted: ["( 2.5.6.2 NAME 'country' SUP top STRUCTURAL MUST c MAY ( searchGuide $ description ) )"],
    refused: ["", "country", "( 2.5.6.2 NAME 'country' SINGLE-VALUE )"],
  },
  { oid: `${ldap}.38`, accepted: ["1.2.3.4", "cn", "2.5.4.3"], refused: ["", "1.", "cn;lang-en", "c n", "1.02", "ü"] },
  { oid: `${ldap}.39`, accepted: ["internet$a@example.com"], refused: ["", "a@example.com", "$a"] },
  { oid: `${ldap}.40`, accepted: ["", notUtf8], refused: [] },
  {
    oid: `${ldap}.41`,
    accepted: ["1234 Main St.$Anytown, CA 12345$USA", "\\241,000,000 Sweepstakes$PO Box 1000000$Anytown"],
    refused: ["", notUtf8],
  },
  { oid: `${ldap}.44`, accepted: ["This is a PrintableString", "a'()+,-./:?=0"], refused: ["", "a*b", "a_b", "a@b"] },
  {
    oid: `${ldap}.50`,
    accepted: ["+1 512 315 0280", "+49 30 1234567", "(030) 123-4567", "*21#"],
    refused: ["", "☎", "12\n34"],
  },
  { oid: `${ldap}.51`, accepted: ["abc$graphic:def"], refused: [""] },
  { oid: `${ldap}.52`, accepted: ["12345$DE$abc"], refused: ["", "a_b"] },
  { oid: `${ldap}.53`, accepted: ["940101120000Z", "9401011200+0100"], refused: ["", "940101Z", "19940101120000Z"] },
  {
    oid: `${ldap}.54`,
    accepted: ["( 1.3.6.1.4.1.1466.115.121.1.54 DESC 'LDAP Syntax Description' )"],
    refused: ["", "x"],
  },
  {
    oid: "1.3.6.1.1.16.1",
    accepted: [
      "597ae2f6-16a6-1027-98f4-d28b5365dc14",
      "597AE2F6-16A6-1027-98F4-D28B5365DC14",
      "597ae2f616a6102798f4d28b5365dc14",
    ],
    refused: [
      "",
      "597ae2f6-16a6-1027-98f4-d28b5365dc1",
      "{597ae2f6-16a6-1027-98f4-d28b5365dc14}",
      "597ae2f6-16a6102798f4d28b5365dc14",
    ],
  },
  {
    oid: "1.3.6.1.1.1.0.0",
    accepted: ["(host,user,domain)", "(,jdoe,)", "(,,)"],
    refused: ["", "host,user,domain", "(a,b)"],
  },
  { oid: "1.3.6.1.1.1.0.1", accepted: ["root=fs:/nfsroot/peg"], refused: ["", "root", "=fs:/a"] },
];
