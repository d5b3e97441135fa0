import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LdapError } from "../../src/model/failure.js";
import type { Filter } from "../../src/model/filter.js";
import { filterToString, parseFilter } from "../../src/model/filter-text.js";
import { grammar, refused, section4 } from "./filter.rfc4515.js";

const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from("\\*()\0 =a")));
const value = fc.oneof(
  fc.array(byte, { maxLength: 10 }).map((octets) => Buffer.from(octets)),
  fc.string({ unit: "grapheme", maxLength: 10 }).map((text) => Buffer.from(text, "utf8")),
);
const part = value.filter((bytes) => bytes.length > 0);
const attribute = fc.constantFrom("cn", "objectClass", "cn;lang-en", "2.5.4.3", "my_type;x-a;x-b");
const rule = fc.constantFrom("caseExactMatch", "2.5.13.2");
const connective = fc.constantFrom("and", "or");

const { filter: filters } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constantFrom("equality", "greaterOrEqual", "lessOrEqual", "approx"), attribute, value }),
    fc.record({ kind: fc.constant("present"), attribute }),
    fc
      .record({
        kind: fc.constant("substrings"),
        attribute,
        initial: fc.option(part, { nil: undefined }),
        any: fc.array(part, { maxLength: 3 }),
        final: fc.option(part, { nil: undefined }),
      })
      .filter(({ initial, any, final }) => initial !== undefined || any.length > 0 || final !== undefined),
    fc
      .record({
        kind: fc.constant("extensible"),
        attribute: fc.option(attribute, { nil: undefined }),
        rule: fc.option(rule, { nil: undefined }),
        value,
        dnAttributes: fc.boolean(),
      })
      .filter((each) => each.attribute !== undefined || each.rule !== undefined),
    fc.record({ kind: fc.constant("not"), filter: tie("filter") }),
    fc.record({ kind: connective, filters: fc.array(tie("filter"), { maxLength: 4 }) }),
  ) as fc.Arbitrary<Filter>,
}));

const nested = (levels: number) => `${"(!".repeat(levels - 1)}(cn=a)${")".repeat(levels - 1)}`;

describe("reading", () => {
  for (const [text, filter] of [...section4, ...grammar]) {
    test(`${JSON.stringify(text)} is a filter`, () => {
      expect(parseFilter(text)).toEqual(filter);
      expect(parseFilter(Buffer.from(text, "utf8"))).toEqual(filter);
    });
  }

  test.each(refused)("%j is no filter", (text, sentence) => {
    expect(() => parseFilter(text)).toThrow(sentence);
    expect(() => parseFilter(text)).toThrow(LdapError);
    expect(() => parseFilter(text)).toThrow(expect.objectContaining({ code: "protocolError" }));
  });

  test("bytes that are not UTF-8 are refused, and never become a replacement character", () => {
    expect(() => parseFilter(Buffer.from("(cn=Jörg)", "latin1"))).toThrow(/not UTF-8/);
  });

  test("nesting is limited", () => {
    expect(parseFilter(nested(64))).toMatchObject({ kind: "not" });
    expect(() => parseFilter(nested(65))).toThrow(/more than 64 levels of nesting/);
    expect(() => parseFilter("(&(cn=a))", { depth: 1, nodes: 9 })).toThrow(/more than 1 levels of nesting/);
    expect(() => parseFilter("(!".repeat(1_000_000))).toThrow(LdapError);
  });

  test("the number of parts is limited", () => {
    expect(parseFilter(`(|${"(cn=a)".repeat(4095)})`)).toMatchObject({ kind: "or" });
    expect(() => parseFilter(`(|${"(cn=a)".repeat(4096)})`)).toThrow(/more than 4096 parts/);
    expect(() => parseFilter("(&(cn=a)(cn=b))", { depth: 9, nodes: 2 })).toThrow(/more than 2 parts/);
  });

  test("with the limits lifted, a filter of a million levels is read and written", () => {
    const text = nested(1_000_000);
    const limits = { depth: Number.POSITIVE_INFINITY, nodes: Number.POSITIVE_INFINITY };
    expect(filterToString(parseFilter(text, limits)) === text).toBe(true);
  });

  test("random text is a filter that reads the same again, or a refusal", () => {
    const scribble = fc
      .array(
        fc.oneof(
          fc.constantFrom("(", ")", "&", "|", "!", "cn", "=", ">", ":", "dn", "*", "\\", "2a", " "),
          fc.string(),
        ),
        {
          maxLength: 14,
        },
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        fc.oneof(
          scribble,
          scribble.map((text) => `(cn${text})`),
        ),
        (text) => {
          let read: Filter;
          try {
            read = parseFilter(text);
          } catch (error) {
            expect(error).toBeInstanceOf(LdapError);
            return;
          }
          expect(parseFilter(filterToString(read))).toEqual(read);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("writing", () => {
  for (const [text, filter, rewritten = text] of [...section4, ...grammar]) {
    test(`${JSON.stringify(text)} is written ${JSON.stringify(rewritten)}`, () => {
      expect(filterToString(filter)).toBe(rewritten);
    });
  }

  test("what a filter is written as reads as the same filter", () => {
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseFilter(filterToString(filter))).toEqual(filter);
        expect(parseFilter(Buffer.from(filterToString(filter), "utf8"))).toEqual(filter);
      }),
      { numRuns: 2000 },
    );
  });

  test("a malformed attribute cannot pretend to be another filter", () => {
    const text = filterToString({ kind: "present", attribute: "cn=*)(uid" });
    expect(text).toBe("(cn\\3d\\2a\\29\\28uid=*)");
    expect(() => parseFilter(text)).toThrow(/is not an attribute description/);
  });
});
