import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SubstringsFilter } from "../../src/model/filter.js";
import { printGeneralizedTime } from "../../src/model/generalized-time.js";
import { standardMatchingRules } from "../../src/model/matching-rules.js";
import type { Fragments, MatchingRule, NormalForm } from "../../src/model/schema.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { equalityExamples, substringsExamples } from "./matching-rules.rfc4517.js";

const ruleNamed = (name: string): MatchingRule => standardSchema.matchingRule(name)!;
const normalOf = (rule: string, value: string | Uint8Array): NormalForm | undefined =>
  ruleNamed(rule).normalize(Buffer.from(value as string), standardSchema);

describe.each(equalityExamples)("$rule", ({ rule, equal, malformed = [] }) => {
  test.each(equal.map((values) => ({ values })))("holds $values to be one value", ({ values }) => {
    const normals = new Set(values.map((value) => normalOf(rule, value)));
    expect(normals.size).toBe(1);
    expect(normals.has(undefined)).toBe(false);
  });

  test("tells apart what is not one value", () => {
    const normals = equal.map((values) => normalOf(rule, values[0]!));
    expect(new Set(normals).size).toBe(equal.length);
  });

  test.each(malformed)("takes %j for no value of its syntax", (value) => {
    expect(normalOf(rule, value)).toBeUndefined();
  });
});

/** As filters use them: every fragment in its place, none overlapping. */
function matches(normal: NormalForm, { initial = "", any, final = "" }: Fragments): boolean {
  if (!normal.startsWith(initial)) return false;
  let at = initial.length;
  for (const fragment of any) {
    const found = normal.indexOf(fragment, at);
    if (found < 0) return false;
    at = found + fragment.length;
  }
  return normal.length - final.length >= at && normal.endsWith(final);
}

function substringsFilter(parts: readonly string[]): SubstringsFilter {
  const [initial, ...any] = parts.map((part) => Buffer.from(part));
  const final = any.pop()!;
  const given = (part: Buffer | undefined) => (part && part.length > 0 ? part : undefined);
  return { kind: "substrings", attribute: "x", initial: given(initial), any, final: given(final) };
}

test.each(substringsExamples)("$rule finds $assertion in $matching and not in $other", (example) => {
  const rule = ruleNamed(example.rule);
  const fragments = rule.fragments!(substringsFilter(example.assertion.split("*")), standardSchema)!;
  for (const value of example.matching) expect(matches(normalOf(example.rule, value)!, fragments), value).toBe(true);
  for (const value of example.other) expect(matches(normalOf(example.rule, value)!, fragments), value).toBe(false);
});

test("a fragment that is not UTF-8 makes the assertion undefined", () => {
  const bad = Buffer.from([0xff]);
  const { fragments } = ruleNamed("caseIgnoreSubstringsMatch");
  const filter: SubstringsFilter = {
    kind: "substrings",
    attribute: "x",
    initial: undefined,
    any: [],
    final: undefined,
  };
  expect(fragments!({ ...filter, initial: bad }, standardSchema)).toBeUndefined();
  expect(fragments!({ ...filter, any: [bad] }, standardSchema)).toBeUndefined();
  expect(fragments!({ ...filter, final: bad }, standardSchema)).toBeUndefined();
});

const unicode = fc.string({ unit: "binary", maxLength: 20 });
/** Text in which what preparation works on is frequent. */
const tricky = fc
  .array(
    fc.constantFrom(
      ..."abAB  \t\u00a0\u200b\u00ad\u0308\u0301ßẞſſİIıiΣσςÅ\u212bﬁǅŉΐᾳ\u0345\u1e9e\u2126㎏Ⅷ½\u037a\u00a8",
    ),
    { maxLength: 12 },
  )
  .map((characters) => characters.join(""));
const text = fc.oneof(unicode, tricky);
const stringRules = ["caseIgnoreMatch", "caseExactMatch", "caseIgnoreIA5Match"];

test("the normal form of a string is its own normal form", () => {
  fc.assert(
    fc.property(text, (value) => {
      for (const rule of stringRules) {
        const normal = normalOf(rule, value);
        if (normal === undefined) continue;
        expect(normalOf(rule, Buffer.from(normal, "latin1")), rule).toBe(normal);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("case, width of letters, composition and spaces around do not count for caseIgnoreMatch", () => {
  fc.assert(
    fc.property(tricky, (rest) => {
      const value = `x${rest}`; // a combining mark at the start would make the space in front of it count
      const normal = normalOf("caseIgnoreMatch", value);
      for (const same of [
        value.toLowerCase(),
        ` ${value.normalize("NFD")} `,
        value.normalize("NFC"),
        `\u00ad${value}`,
      ]) {
        expect(normalOf("caseIgnoreMatch", same)).toBe(normal);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("ASCII takes the same form with and without the short cut for plain values", () => {
  const ascii = fc.string({ unit: fc.constantFrom(..."aZ09 .-_@~"), maxLength: 12 });
  fc.assert(
    fc.property(ascii, (value) => {
      // A soft hyphen counts for nothing, and keeps a value from being plain.
      for (const rule of ["caseIgnoreMatch", "caseExactMatch"]) {
        expect(normalOf(rule, `${value}\u00ad`)).toBe(normalOf(rule, value));
      }
    }),
  );
});

test("a value matches the assertion cut out of it", () => {
  const word = fc.string({ unit: fc.constantFrom(..."aBß1ü"), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 2, maxLength: 6 }), (words) => {
      const value = words.join(" ");
      for (const name of ["caseIgnoreSubstringsMatch", "caseExactSubstringsMatch"]) {
        const fragments = ruleNamed(name).fragments!(substringsFilter(words), standardSchema)!;
        expect(matches(normalOf(name, value)!, fragments)).toBe(true);
      }
    }),
  );
});

test("integers of any size are ordered as numbers", () => {
  const integer = fc.oneof(fc.bigInt(), fc.bigInt({ min: -300n, max: 300n }), fc.constant(-(10n ** 300n)));
  fc.assert(
    fc.property(integer, integer, (a, b) => {
      const [left, right] = [a, b].map((value) => normalOf("integerOrderingMatch", String(value))!);
      expect(left! < right!).toBe(a < b);
      expect(left! === right!).toBe(a === b);
    }),
    { numRuns: 1_000 },
  );
});

test("integers of very different length are ordered as numbers", () => {
  const lengths = [1, 2, 253, 254, 255, 256, 257, 65_535, 65_536];
  const positive = lengths.map((length) => "9".repeat(length));
  const ordered = [...positive.map((digits) => `-${digits}`).reverse(), "0", ...positive];
  const normals = ordered.map((value) => normalOf("integerOrderingMatch", value)!);
  expect([...normals].sort()).toEqual(normals);
});

test("times are ordered as instants, whatever zone and precision they are written with", () => {
  const instant = fc.integer({ min: Date.UTC(1000, 0, 1), max: Date.UTC(9000, 0, 1) });
  const zone = fc.integer({ min: -14 * 60, max: 14 * 60 });
  const pad = (value: number) => String(value).padStart(2, "0");
  const write = (milliseconds: number, minutes: number) => {
    const local = printGeneralizedTime(milliseconds + minutes * 60_000).slice(0, -1);
    const fraction = String(((milliseconds % 1000) + 1000) % 1000).padStart(3, "0");
    const away = Math.abs(minutes);
    return `${local}.${fraction}${minutes < 0 ? "-" : "+"}${pad(Math.floor(away / 60))}${pad(away % 60)}`;
  };
  fc.assert(
    fc.property(
      instant,
      fc.oneof(instant, fc.constant(undefined)),
      fc.integer({ max: 5000, min: -5000 }),
      zone,
      zone,
      (a, far, near, z1, z2) => {
        const b = far ?? a + near;
        const left = normalOf("generalizedTimeOrderingMatch", write(a, z1))!;
        const right = normalOf("generalizedTimeOrderingMatch", write(b, z2))!;
        expect(left < right).toBe(a < b);
        expect(left === right).toBe(a === b);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a time printed is the time read", () => {
  expect(printGeneralizedTime(Date.UTC(1994, 11, 16, 10, 32, 7, 999))).toBe("19941216103207Z");
  expect(normalOf("generalizedTimeMatch", "19941216103207Z")).toBe("19941216103207");
});

test("strings are ordered by code point, also beyond the basic plane", () => {
  const ordered = ["", "a", "a b", "aa", "b", "é", "\uff61", "\u{10428}"].map(
    (value) => normalOf("caseIgnoreOrderingMatch", value)!,
  );
  expect([...ordered].sort()).toEqual(ordered);
});

test("UUIDs and octets are ordered byte by byte", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), (a, b) => {
      expect(normalOf("UUIDOrderingMatch", a)! < normalOf("UUIDOrderingMatch", b.toUpperCase())!).toBe(a < b);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      const [left, right] = [normalOf("octetStringOrderingMatch", a)!, normalOf("octetStringOrderingMatch", b)!];
      expect(left < right).toBe(Buffer.compare(a, b) < 0);
    }),
  );
});

test("no rule throws on any bytes, and every normal form is one of bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    text.map((value) => Buffer.from(value)),
  );
  fc.assert(
    fc.property(bytes, bytes, (value, other) => {
      const filter: SubstringsFilter = {
        kind: "substrings",
        attribute: "x",
        initial: Buffer.from(value),
        any: [Buffer.from(other), Buffer.alloc(0)],
        final: Buffer.from(other),
      };
      for (const rule of standardMatchingRules) {
        const fragments = rule.fragments?.(filter, standardSchema);
        const normals = [rule.normalize(Buffer.from(value), standardSchema), fragments?.initial, fragments?.final];
        for (const normal of [...normals, ...(fragments?.any ?? [])]) {
          if (normal !== undefined && !/^[\0-\xff]*$/.test(normal)) throw new Error(`${rule.name}: ${normal}`);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a hostile value of a megabyte is normalised in linear time by every rule", () => {
  for (const part of ["0", "-0", " ", "$", "\\24", "(", "'", ",", "a=a,", "a \u0308", "ı", "\u0308", "\u00ad", "1."]) {
    const value = Buffer.from(part.repeat(1_000_000 / part.length));
    for (const rule of standardMatchingRules) {
      const start = performance.now();
      rule.normalize(value, standardSchema);
      expect(performance.now() - start, `${rule.name} of ${part}`).toBeLessThan(3_000);
    }
  }
});

test("the rules of one attribute type agree in the normal form", () => {
  for (const { name, equality, ordering, substrings } of standardSchema.attributeTypes) {
    for (const value of ["Foo  Bar", "12", "cn=A", "20240101000000Z", "TRUE", "a$B"]) {
      const expected = equality?.normalize(Buffer.from(value), standardSchema);
      for (const rule of [ordering, substrings]) {
        if (rule !== undefined) expect(rule.normalize(Buffer.from(value), standardSchema), name).toBe(expected);
      }
    }
  }
});
