import { describe, expect, test } from "vitest";
import {
  attributeTypeDefinition,
  matchingRuleDefinition,
  matchingRuleUseDefinition,
  objectClassDefinition,
  syntaxDefinition,
} from "../../src/model/schema-definition.js";
import { standardSchema } from "../../src/model/standard-schema.js";

test("an attribute type is read field by field (RFC 4512 4.1.2)", () => {
  const text =
    "( 2.5.18.1 NAME ( 'createTimestamp' 'born' ) DESC 'When' OBSOLETE SUP time EQUALITY generalizedTimeMatch " +
    "ORDERING generalizedTimeOrderingMatch SUBSTR 2.5.13.4 SYNTAX 1.3.6.1.4.1.1466.115.121.1.24{15} SINGLE-VALUE " +
    "COLLECTIVE NO-USER-MODIFICATION USAGE directoryOperation X-ORIGIN 'RFC 4512' X-ORDERED ( 'a' 'b' ) )";
  const definition = attributeTypeDefinition.read(text);
  expect(definition).toEqual({
    oid: "2.5.18.1",
    names: ["createTimestamp", "born"],
    description: "When",
    obsolete: true,
    superior: "time",
    equality: "generalizedTimeMatch",
    ordering: "generalizedTimeOrderingMatch",
    substrings: "2.5.13.4",
    syntax: { oid: "1.3.6.1.4.1.1466.115.121.1.24", length: 15 },
    singleValue: true,
    collective: true,
    noUserModification: true,
    usage: "directoryOperation",
    extensions: new Map([
      ["X-ORIGIN", ["RFC 4512"]],
      ["X-ORDERED", ["a", "b"]],
    ]),
  });
  expect(attributeTypeDefinition.print(definition)).toBe(text);
});

test("an object class is read field by field (RFC 4512 4.1.1)", () => {
  const text = "( 2.5.6.6 NAME 'person' DESC 'x' SUP ( top $ other ) STRUCTURAL MUST ( sn $ cn ) MAY userPassword )";
  const definition = objectClassDefinition.read(text);
  expect(definition).toEqual({
    oid: "2.5.6.6",
    names: ["person"],
    description: "x",
    obsolete: false,
    superiors: ["top", "other"],
    kind: "STRUCTURAL",
    must: ["sn", "cn"],
    may: ["userPassword"],
    extensions: new Map(),
  });
  expect(objectClassDefinition.print(definition)).toBe(text);
});

test("a class without a kind is structural, a type without a usage is for user applications", () => {
  expect(objectClassDefinition.read("( 1.2 NAME 'a' )").kind).toBe("STRUCTURAL");
  expect(attributeTypeDefinition.read("( 1.2 NAME 'a' )").usage).toBe("userApplications");
});

test("a quotation mark and a backslash in a description are escaped (RFC 4512 1.4)", () => {
  const definition = syntaxDefinition.read("( 1.2 DESC 'it\\27s a \\5c' )");
  expect(definition.description).toBe("it's a \\");
  expect(syntaxDefinition.print(definition)).toBe("( 1.2 DESC 'it\\27s a \\5C' )");
});

const oddlyWritten: readonly (readonly [string, string, string])[] = [
  ["no spaces within the brackets", "(1.2 NAME 'a' SUP b)", "( 1.2 NAME 'a' SUP b )"],
  ["line breaks and tabs", "\n( 1.2\n\tNAME 'a'\r\n\tSUP b )\n", "( 1.2 NAME 'a' SUP b )"],
  ["keywords in lower case", "( 1.2 name 'a' sup b single-value )", "( 1.2 NAME 'a' SUP b SINGLE-VALUE )"],
  ["a syntax in quotes", "( 1.2 NAME 'a' SYNTAX '1.3.4' )", "( 1.2 NAME 'a' SYNTAX 1.3.4 )"],
  ["a superior in quotes", "( 1.2 NAME 'a' SUP 'b' )", "( 1.2 NAME 'a' SUP b )"],
  ["a name without quotes", "( 1.2 NAME a SUP b )", "( 1.2 NAME 'a' SUP b )"],
  ["names in double quotes", '( 1.2 NAME ( "a" "b" ) SUP c )', "( 1.2 NAME ( 'a' 'b' ) SUP c )"],
  ["one name in brackets", "( 1.2 NAME ('a') SUP c )", "( 1.2 NAME 'a' SUP c )"],
  ["fields in another order", "( 1.2 SYNTAX 1.3.4 NAME 'a' )", "( 1.2 NAME 'a' SYNTAX 1.3.4 )"],
  ["an underscore in a name", "( 1.2 NAME 'a_b' SUP c )", "( 1.2 NAME 'a_b' SUP c )"],
  ["an empty description", "( 1.2 NAME 'a' DESC '' SUP c )", "( 1.2 NAME 'a' DESC '' SUP c )"],
];

test.each(oddlyWritten)("an attribute type with %s is read", (_, text, printed) => {
  expect(attributeTypeDefinition.print(attributeTypeDefinition.read(text))).toBe(printed);
});

test("an object class with lists written tightly is read", () => {
  const text = "(1.2 NAME 'a' SUP top AUXILIARY MUST(a$b)MAY (c $d))";
  const printed = "( 1.2 NAME 'a' SUP top AUXILIARY MUST ( a $ b ) MAY ( c $ d ) )";
  expect(objectClassDefinition.print(objectClassDefinition.read(text))).toBe(printed);
});

const malformed: readonly (readonly [string, RegExp])[] = [
  ["", /"\(" expected, not the end/],
  ["2.5.4.3", /"\(" expected/],
  ["( 2.5.4.3 NAME 'cn'", /a keyword expected, not the end/],
  ["( cn NAME 'cn' )", /"cn" is not a numeric OID/],
  ["( 2.5.4.3 NAME 'c n' )", /"c n" is not a name/],
  ["( 2.5.4.3 NAME 'cn' NAME 'b' )", /NAME stands there twice/],
  ["( 2.5.4.3 NAME 'cn' MUST a )", /unknown keyword "MUST"/],
  ["( 2.5.4.3 NAME 'cn' USAGE never )", /"never" is not a usage/],
  ["( 2.5.4.3 NAME 'cn' SYNTAX {5} )", /"\{5\}" is not the OID of a syntax/],
  ["( 2.5.4.3 NAME 'cn ) ", /cannot be read from "'cn \)"/],
  ["( 2.5.4.3 NAME ( 'a' 'b' SUP c )", /the end/],
  ["( 2.5.4.3 NAME 'cn' ) x", /text after the closing bracket/],
  ["( 2.5.4.3 SUP )", /a name or OID expected, not "\)"/],
];

test.each(malformed)("%j is refused with the reason", (text, reason) => {
  expect(() => attributeTypeDefinition.read(text)).toThrow(reason);
  expect(() => attributeTypeDefinition.read(text)).toThrow(/^attribute type "/);
});

describe("each published definition is read back as itself:", () => {
  const { published } = standardSchema;
  test.each([
    ["attribute types", published.attributeTypes, attributeTypeDefinition],
    ["object classes", published.objectClasses, objectClassDefinition],
    ["matching rules", published.matchingRules, matchingRuleDefinition],
    ["matching rule uses", published.matchingRuleUse, matchingRuleUseDefinition],
    ["syntaxes", published.ldapSyntaxes, syntaxDefinition],
  ])("%s", (_, texts, kind) => {
    expect(texts.length).toBeGreaterThan(20);
    // Each kind reads and prints its own definitions, which the type of the row cannot say.
    const { read, print } = kind as unknown as typeof syntaxDefinition;
    for (const text of texts) expect(print(read(text))).toBe(text);
  });
});
