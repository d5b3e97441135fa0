// RFC 4514 as data: the examples of section 4 in their order, what section 2.4 and 3 say about escapes, and the forms of
// RFC 1779 and RFC 2253 that are still read. Each row: the text, then the RDNs it means, leaf first, each a list of
// [type, value]; a value is text in UTF-8.

export type Row = readonly [text: string, rdns: readonly (readonly (readonly [type: string, value: string])[])[]];

const example = [[["DC", "example"]], [["DC", "net"]]] as const;

export const section4: readonly Row[] = [
  ["UID=jsmith,DC=example,DC=net", [[["UID", "jsmith"]], ...example]],
  [
    "OU=Sales+CN=J.  Smith,DC=example,DC=net",
    [
      [
        ["OU", "Sales"],
        ["CN", "J.  Smith"],
      ],
      ...example,
    ],
  ],
  ['CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net', [[["CN", 'James "Jim" Smith, III']], ...example]],
  ["CN=Before\\0dAfter,DC=example,DC=net", [[["CN", "Before\rAfter"]], ...example]],
  ["1.3.6.1.4.1.1466.0=#04024869", [[["1.3.6.1.4.1.1466.0", "Hi"]]]],
  ["CN=Lu\\C4\\8Di\\C4\\87", [[["CN", "Lučić"]]]],
];

/** Legal under RFC 4514, so kept as written. */
export const legal: readonly Row[] = [
  ["cn=Lučić", [[["cn", "Lučić"]]]],
  ["cn=Lu\\C4\\8dić", [[["cn", "Lučić"]]]],
  ["cn=", [[["cn", ""]]]],
  ["cn=,dc=x", [[["cn", ""]], [["dc", "x"]]]],
  ["cn=a\\+b", [[["cn", "a+b"]]]],
  ["cn=\\ a\\ ", [[["cn", " a "]]]],
  ["cn=\\ ", [[["cn", " "]]]],
  ["cn=\\20a\\20", [[["cn", " a "]]]],
  ["cn=a  b", [[["cn", "a  b"]]]],
  ["cn=\\#x", [[["cn", "#x"]]]],
  ["cn=\\23x", [[["cn", "#x"]]]],
  ["cn=a#b", [[["cn", "a#b"]]]],
  ["cn=a\\2Cb", [[["cn", "a,b"]]]],
  ["cn=a\\2cb", [[["cn", "a,b"]]]],
  ["cn=a\\,b", [[["cn", "a,b"]]]],
  ["cn=a=b=c", [[["cn", "a=b=c"]]]],
  ["cn=a\\=b", [[["cn", "a=b"]]]],
  ['cn=\\\\\\"\\+\\,\\;\\<\\>', [[["cn", '\\"+,;<>']]]],
  ["cn=\\\\2C", [[["cn", "\\2C"]]]],
  ["cn=a\\00b", [[["cn", "a\0b"]]]],
  ["cn=a\tb", [[["cn", "a\tb"]]]],
  ["cn=😀,dc=例え", [[["cn", "😀"]], [["dc", "例え"]]]],
  ["cn=#0403666f6f", [[["cn", "foo"]]]],
  ["cn=#0C03666F6F", [[["cn", "foo"]]]],
  [
    "cn=#1303666f6f+sn=b",
    [
      [
        ["cn", "foo"],
        ["sn", "b"],
      ],
    ],
  ],
  ["cn=#048103666f6f", [[["cn", "foo"]]]],
  ["cn=#0400", [[["cn", ""]]]],
  ["2.5.4.3=a", [[["2.5.4.3", "a"]]]],
  ["x-My-Type2=a", [[["x-My-Type2", "a"]]]],
  ["my_type=a", [[["my_type", "a"]]]],
];

/** Tolerated. The third column is what it is rewritten to. */
export const tolerated: readonly (readonly [...Row, rewritten: string])[] = [
  [" cn=a ", [[["cn", "a"]]], "cn=a"],
  ["cn=a , dc=x", [[["cn", "a"]], [["dc", "x"]]], "cn=a,dc=x"],
  ["cn = a", [[["cn", "a"]]], "cn=a"],
  ["cn= ", [[["cn", ""]]], "cn="],
  ["cn=a\\   ,dc=x", [[["cn", "a "]], [["dc", "x"]]], "cn=a\\ ,dc=x"],
  ["cn = \\ a", [[["cn", " a"]]], "cn=\\ a"],
  [
    "cn=a + sn=b",
    [
      [
        ["cn", "a"],
        ["sn", "b"],
      ],
    ],
    "cn=a+sn=b",
  ],
  ["cn=a;dc=x ; dc=y", [[["cn", "a"]], [["dc", "x"]], [["dc", "y"]]], "cn=a,dc=x,dc=y"],
  ['cn="a,b"', [[["cn", "a,b"]]], "cn=a\\,b"],
  ['cn=" a+b;<>=# " , dc=x', [[["cn", " a+b;<>=# "]], [["dc", "x"]]], "cn=\\ a\\+b\\;\\<\\>=#\\ ,dc=x"],
  ['cn="say \\"a\\2C\\""', [[["cn", 'say "a,"']]], 'cn=say \\"a\\,\\"'],
  ['cn="#0403666f6f"', [[["cn", "#0403666f6f"]]], "cn=\\#0403666f6f"],
  ['cn=""', [[["cn", ""]]], "cn="],
  ["OID.2.5.4.3=a", [[["2.5.4.3", "a"]]], "2.5.4.3=a"],
  ["oid.2.5.4.3=a", [[["2.5.4.3", "a"]]], "2.5.4.3=a"],
  ["cn=#0403666f6f ,dc=x", [[["cn", "foo"]], [["dc", "x"]]], "cn=#0403666f6f,dc=x"],
];

/** No names, and what the sentence says about each. */
export const refused: readonly (readonly [text: string, sentence: RegExp])[] = [
  [" ", /an RDN is missing at character 2$/],
  [",cn=a", /an RDN is missing at character 1$/],
  ["cn=a,", /an RDN is missing at character 6$/],
  ["cn=a, ", /an RDN is missing/],
  ["cn=a,,dc=x", /an RDN is missing at character 6$/],
  ["cn=a;;dc=x", /an RDN is missing/],
  ["cn=a+", /an RDN is missing/],
  ["+cn=a", /an RDN is missing/],
  ["cn=a++sn=b", /an RDN is missing/],
  ["cn", /a "=" is missing at character 3$/],
  ["cn,dc=x", /a "=" is missing/],
  ["cn;lang-en=a", /a "=" is missing/],
  ["=a", /an attribute type is missing/],
  ["cn=a,=b", /an attribute type is missing at character 6$/],
  ["c n=a", /"c n" is not an attribute type/],
  ["1=a", /"1" is not an attribute type/],
  ["2.05=a", /is not an attribute type/],
  ["2..5=a", /is not an attribute type/],
  ["OID.cn=a", /is not an attribute type/],
  ["-cn=a", /is not an attribute type/],
  ["čn=a", /is not an attribute type/],
  ["cn=a+cn=a", /two values of "cn"/],
  ["cn=a+CN=b", /two values of "CN"/],
  ['cn=a"b', /"\\"" must be escaped in a value at character 5$/],
  ["cn=a<b", /must be escaped/],
  ["cn=a>b", /must be escaped/],
  ["cn=a\0b", /must be escaped/],
  ['cn="a\0b"', /must be escaped/],
  ["cn=a\\", /a \\ needs .* at character 5$/],
  ["cn=a\\4", /a \\ needs/],
  ["cn=a\\4g", /a \\ needs/],
  ["cn=a\\zz", /a \\ needs/],
  ["cn=\\č", /a \\ needs/],
  ['cn="a', /closing quotation mark/],
  ['cn="a\\"', /closing quotation mark/],
  ['cn="a"b', /a separator is missing/],
  ["cn=#", /pairs of hex digits/],
  ["cn=#040", /pairs of hex digits/],
  ["cn=#xy", /pairs of hex digits/],
  ["cn=#0403666f6f x", /a separator is missing/],
  ["cn=#04", /not the BER encoding of a string/],
  ["cn=#0404666f6f", /not the BER encoding of a string/],
  ["cn=#0402666f6f", /not the BER encoding of a string/],
  ["cn=#0480666f6f0000", /not the BER encoding of a string/],
  ["cn=#0485000000000161", /not the BER encoding of a string/],
  ["cn=#04ff61", /not the BER encoding of a string/],
  ["cn=#3003040161", /not the BER encoding of a string/],
  ["cn=#020105", /not the BER encoding of a string/],
  ["cn=\ud800", /surrogate/],
];
