import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Dn, escapeValue, makeRdn, Rdn } from "../../src/model/dn.js";
import { LdapError } from "../../src/model/failure.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { legal, refused, section4, tolerated } from "./dn.rfc4514.js";

const plainly = (dn: Dn) =>
  dn.rdns.map((rdn) => rdn.assertions.map(({ type, value }) => [type, value.toString("utf8")]));
const bytewise = (dn: Dn) =>
  dn.rdns.map((rdn) => rdn.assertions.map(({ type, value }) => [type, value.toString("hex")]));
const normal = (text: string) => Dn.parse(text).normal(standardSchema);
const equal = (one: string, other: string) => Dn.parse(one).equals(Dn.parse(other), standardSchema);
const below = (one: string, other: string) => Dn.parse(one).isBelow(Dn.parse(other), standardSchema);

const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from(' #,+"\\<>;=\0aA')));
const bytes = fc.oneof(
  fc.array(byte, { maxLength: 12 }).map((octets) => Buffer.from(octets)),
  fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => Buffer.from(text, "utf8")),
);
const type = fc.constantFrom("cn", "CN", "sn", "ou", "dc", "uid", "x-unknown", "2.5.4.13", "1.2.3.4", "member", "mail");
const assertion = fc.record({ type, value: bytes });
const rdn = fc
  .uniqueArray(assertion, { minLength: 1, maxLength: 3, selector: (each) => each.type.toLowerCase() })
  .map(makeRdn);
const dn = fc.array(rdn, { maxLength: 4 }).map((rdns) => new Dn(rdns));
const scribble = fc
  .array(
    fc.oneof(fc.constantFrom("cn", "dc", "=", ",", "+", ";", "\\", '"', "#", "04", "01", "61", " "), fc.string()),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(""));

describe("reading", () => {
  test.each(section4)("RFC 4514 section 4: %j", (text, rdns) => {
    expect(plainly(Dn.parse(text))).toEqual(rdns);
    expect(Dn.parse(text).toString()).toBe(text);
  });

  test.each(legal)("what RFC 4514 allows is kept as written: %j", (text, rdns) => {
    expect(plainly(Dn.parse(text))).toEqual(rdns);
    expect(plainly(Dn.parse(Buffer.from(text, "utf8")))).toEqual(rdns);
    expect(Dn.parse(text).toString()).toBe(text);
  });

  test.each(tolerated)("what older RFCs allow is read and rewritten: %j", (text, rdns, rewritten) => {
    expect(plainly(Dn.parse(text))).toEqual(rdns);
    expect(Dn.parse(text).toString()).toBe(rewritten);
  });

  test.each(refused)("%j is no name", (text, sentence) => {
    expect(() => Dn.parse(text)).toThrow(sentence);
    expect(() => Dn.parse(text)).toThrow(LdapError);
    expect(() => Dn.parse(text)).toThrow(expect.objectContaining({ code: "invalidDNSyntax" }));
  });

  test("bytes that are not UTF-8 are refused, and never become a replacement character", () => {
    const latin1 = Buffer.from("cn=Jörg,dc=x", "latin1");
    expect(() => Dn.parse(latin1)).toThrow(/not UTF-8/);
    expect(() => Rdn.parse(latin1.subarray(0, 7))).toThrow(/not UTF-8/);
  });

  test("escaped bytes need not be UTF-8", () => {
    expect(bytewise(Dn.parse("cn=J\\F6rg\\00"))).toEqual([[["cn", "4af6726700"]]]);
  });

  test("an RDN is read alone, and nothing but one RDN", () => {
    expect(Rdn.parse(" cn=a+sn=b ").toString()).toBe("cn=a+sn=b");
    expect(Rdn.parse(Buffer.from("cn=a\\,b")).assertions).toEqual([{ type: "cn", value: Buffer.from("a,b") }]);
    for (const text of ["", " ", "cn=a,dc=x", "cn=a,", "cn"]) {
      expect(() => Rdn.parse(text)).toThrow(expect.objectContaining({ code: "invalidDNSyntax" }));
    }
  });

  test("a text of a megabyte is read in linear time", () => {
    for (const [head, part] of [
      ["cn=", "a"],
      ["cn=", "\\,"],
      ["cn=", " "],
      ["cn=a", ",dc=x"],
      ["cn=#", "04"],
      ['cn="', "\\2C"],
      ["cn=a+", "b"],
    ] as const) {
      const began = performance.now();
      const text = head + part.repeat(1_000_000 / part.length);
      try {
        expect(Dn.parse(text).toString().length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(LdapError);
      }
      expect(performance.now() - began).toBeLessThan(5000);
    }
  });

  test("random text is a name that reads the same again, or a refusal", () => {
    fc.assert(
      fc.property(scribble, (text) => {
        let read: Dn;
        try {
          read = Dn.parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(LdapError);
          return;
        }
        expect(bytewise(Dn.parse(read.toString()))).toEqual(bytewise(read));
        expect(bytewise(Dn.parse(Buffer.from(text, "utf8")))).toEqual(bytewise(read));
      }),
      { numRuns: 3000 },
    );
  });

  test("random bytes are a name or a refusal", () => {
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 30 }), (octets) => {
        try {
          Dn.parse(Buffer.from([0x63, 0x6e, 0x3d, ...octets]));
        } catch (error) {
          expect(error).toBeInstanceOf(LdapError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("writing", () => {
  test.each([
    ["plain", "plain"],
    ["Lučić 😀", "Lučić 😀"],
    ["", ""],
    [" ", "\\ "],
    ["   ", "\\  \\ "],
    [" a b ", "\\ a b\\ "],
    ["#a#", "\\#a#"],
    ['\\"+,;<>=', '\\\\\\"\\+\\,\\;\\<\\>='],
    ["a\0b\r\n\x7f", "a\\00b\\0D\\0A\\7F"],
    ["\u0085", "\\C2\\85"],
  ])("the value %j is written %j", (value, text) => {
    expect(escapeValue(Buffer.from(value, "utf8"))).toBe(text);
  });

  test("a value that is not UTF-8 is written in ASCII", () => {
    expect(escapeValue(Buffer.from(" Jörg,\xff", "latin1"))).toBe("\\ J\\F6rg\\,\\FF");
  });

  test("whatever bytes an RDN is made of, its text reads as the same bytes", () => {
    fc.assert(
      fc.property(dn, (made) => {
        expect(bytewise(Dn.parse(made.toString()))).toEqual(bytewise(made));
        expect(bytewise(Dn.parse(Buffer.from(made.toString(), "utf8")))).toEqual(bytewise(made));
      }),
      { numRuns: 2000 },
    );
  });

  test("an RDN is not made of nothing, of a malformed type, or of one type twice", () => {
    const value = Buffer.from("a");
    for (const assertions of [
      [],
      [{ type: "c n", value }],
      [
        { type: "cn", value },
        { type: "CN", value },
      ],
    ]) {
      expect(() => makeRdn(assertions)).toThrow(expect.objectContaining({ code: "invalidDNSyntax" }));
    }
  });

  test("a name shows itself as an LdapDn", () => {
    expect(Object.prototype.toString.call(Dn.root)).toBe("[object LdapDn]");
    expect(`${Dn.parse("cn=a,dc=x")}`).toBe("cn=a,dc=x");
  });
});

describe("the tree", () => {
  test("the empty text is the root, which has no leaf, no parent and no depth", () => {
    expect(Dn.parse("")).toBe(Dn.root);
    expect(Dn.parse(Buffer.alloc(0))).toBe(Dn.root);
    expect(Dn.root).toMatchObject({ isRoot: true, rdn: undefined, parent: undefined, depth: 0 });
    expect(Dn.root.toString()).toBe("");
    expect(Dn.root.normal(standardSchema)).toBe("");
  });

  test("a child's parent is the name it was made from", () => {
    const people = Dn.parse("ou=People, dc=x");
    const alice = people.child(Rdn.parse("cn=Alice"));
    expect(alice.toString()).toBe("cn=Alice,ou=People,dc=x");
    expect(alice).toMatchObject({ depth: 3, isRoot: false });
    expect(alice.rdn?.toString()).toBe("cn=Alice");
    expect(alice.parent?.toString()).toBe("ou=People,dc=x");
    expect(alice.parent?.equals(people, standardSchema)).toBe(true);
    expect(alice.parent?.parent?.parent).toBe(Dn.root);
  });

  test("below is strictly below, by whole RDNs", () => {
    expect(below("cn=a,dc=x", "DC=X")).toBe(true);
    expect(below("cn=b,cn=a,dc=x", "dc=x")).toBe(true);
    expect(below("dc=x", "")).toBe(true);
    expect(below("dc=x", "dc=x")).toBe(false);
    expect(below("", "")).toBe(false);
    expect(below("dc=x", "cn=a,dc=x")).toBe(false);
    expect(below("cn=a,dc=xx", "dc=x")).toBe(false);
    expect(below("cn=b,cn=a\\,dc=x", "dc=x")).toBe(false);
    expect(below("cn=b,cn=a\\,dc=x", "cn=a,dc=x")).toBe(false);
  });

  test("a name is below exactly the names one finds by walking up", () => {
    fc.assert(
      fc.property(dn, dn, (one, top) => {
        const joined = new Dn([...one.rdns, ...top.rdns]);
        expect(joined.isBelow(top, standardSchema)).toBe(one.depth > 0);
        for (let up = joined.parent; up !== undefined; up = up.parent) {
          expect(joined.isBelow(up, standardSchema)).toBe(true);
          expect(up.isBelow(joined, standardSchema)).toBe(false);
        }
      }),
    );
  });
});

describe("comparing", () => {
  test.each([
    ["CN=Alice,DC=Example", "cn=alice,dc=example"],
    ["cn=Alice  Smith", "cn= alice smith "],
    ["commonName=a", "cn=a"],
    ["2.5.4.3=a", "OID.2.5.4.3=a"],
    ["2.5.4.3=a", "cn=a"],
    ["cn=a+sn=b", "SN=b+CN=a"],
    ["cn=a\\2Cb", 'cn="A,B"'],
    ["cn=#0403666f6f", "cn=foo"],
    ["cn=Lu\\C4\\8Di\\C4\\87", "cn=LUČIĆ"],
    ["x-unknown=a", "X-Unknown=a"],
    ["member=cn\\=A\\,dc\\=X", "member=CN=a\\,\\ DC=x"],
  ])("%j equals %j", (one, other) => {
    expect(equal(one, other)).toBe(true);
    expect(normal(one)).toBe(normal(other));
  });

  test.each([
    ["cn=a", "cn=b"],
    ["cn=a", "sn=a"],
    ["cn=a,dc=x", "dc=x,cn=a"],
    ["cn=a,sn=b", "cn=a+sn=b"],
    ["cn=a\\,sn=b", "cn=a,sn=b"],
    ["cn=a\\+sn=b", "cn=a+sn=b"],
    ["cn=a\\\\2csn=b", "cn=a\\,sn=b"],
    ["cn=", ""],
    ["x-unknown=a", "x-unknown=A"],
    ["x-unknown=\\ a", "x-unknown=a"],
  ])("%j does not equal %j", (one, other) => {
    expect(equal(one, other)).toBe(false);
    expect(normal(one)).not.toBe(normal(other));
  });

  test("the normal form is a string of bytes in which a comma only separates RDNs", () => {
    fc.assert(
      fc.property(dn, (made) => {
        const form = made.normal(standardSchema);
        expect(form).toMatch(/^[\x00-\xff]*$/);
        expect(form === "" ? 0 : form.split(",").length).toBe(made.depth);
        expect(Dn.parse(made.toString()).normal(standardSchema)).toBe(form);
      }),
      { numRuns: 1000 },
    );
  });

  test("names of types the schema does not know have the same normal form only where all bytes are the same", () => {
    const unknown = fc.array(
      fc
        .uniqueArray(fc.record({ type: fc.constantFrom("x-a", "x-b", "x-aa"), value: bytes }), {
          minLength: 1,
          maxLength: 2,
          selector: (each) => each.type,
        })
        .map((assertions) => makeRdn([...assertions].sort((a, b) => (a.type < b.type ? -1 : 1)))),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(unknown, unknown, (one, other) => {
        const [a, b] = [new Dn(one), new Dn(other)];
        expect(a.equals(b, standardSchema)).toBe(JSON.stringify(bytewise(a)) === JSON.stringify(bytewise(b)));
      }),
      { numRuns: 1000 },
    );
  });

  test("names inside values inside names do not exhaust the stack", () => {
    const deep = `${"member=".repeat(100_000)}cn=a`;
    expect(equal(deep, deep.replace("member", "MEMBER"))).toBe(true);
    expect(equal("member=member=cn=a", "MEMBER=Member=CN=A")).toBe(true);
  });

  test("a second schema gets its own normal form", () => {
    const empty = Object.assign(Object.create(standardSchema), { attributeType: () => undefined });
    const name = Dn.parse("CN=A");
    expect(name.normal(standardSchema)).toBe("cn=a");
    expect(name.normal(empty)).toBe("cn#A");
    expect(name.normal(standardSchema)).toBe("cn=a");
  });
});
