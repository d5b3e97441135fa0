import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { standardSchema } from "../../src/model/standard-schema.js";
import { standardSyntaxes } from "../../src/model/syntaxes.js";
import { syntaxExamples } from "./syntaxes.rfc4517.js";

describe.each(syntaxExamples)("syntax $oid", ({ oid, accepted, refused }) => {
  const syntax = standardSchema.syntax(oid)!;

  test.each(accepted)("accepts %j", (value) => {
    expect(syntax.accepts(Buffer.from(value))).toBe(true);
  });

  test.each(refused)("refuses %j", (value) => {
    expect(syntax.accepts(Buffer.from(value))).toBe(false);
  });
});

test("every syntax decides on any bytes without throwing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const syntax of standardSyntaxes) expect(typeof syntax.accepts(Buffer.from(bytes))).toBe("boolean");
    }),
  );
});

test("every value that a syntax accepts has a normal form under the equality rules of that syntax", () => {
  for (const { oid, accepted } of syntaxExamples) {
    const rules = standardSchema.matchingRules.filter(({ syntax, kind }) => syntax === oid && kind !== "substrings");
    for (const rule of rules.filter(({ name }) => name !== "integerFirstComponentMatch")) {
      for (const value of accepted) {
        const normal = rule.normalize(Buffer.from(value), standardSchema);
        expect(normal, `${rule.name} of ${value}`).not.toBeUndefined();
      }
    }
  }
});

test("a hostile value of a megabyte is decided in linear time by every syntax", () => {
  const hostile = ["0", " ", "(", "'", "$", "\\", ",", "a,", "1.", "#'01'B", ";", "ü"];
  for (const part of hostile) {
    const value = Buffer.from(part.repeat(1_000_000 / part.length));
    for (const syntax of standardSyntaxes) {
      const start = performance.now();
      syntax.accepts(value);
      expect(performance.now() - start, `${syntax.description} of ${part}`).toBeLessThan(2_000);
    }
  }
});
