import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Schema, type SchemaDefinitions } from "../../src/model/schema.js";
import { standardDefinitions, standardSchema } from "../../src/model/standard-schema.js";

const schemaWith = (more: Partial<SchemaDefinitions>): Schema =>
  new Schema({
    attributeTypes: [...standardDefinitions.attributeTypes, ...(more.attributeTypes ?? [])],
    objectClasses: [...standardDefinitions.objectClasses, ...(more.objectClasses ?? [])],
    matchingRules: [...standardDefinitions.matchingRules, ...(more.matchingRules ?? [])],
    syntaxes: [...standardDefinitions.syntaxes, ...(more.syntaxes ?? [])],
  });

describe("looking up", () => {
  test.each(["cn", "CN", "commonName", "COMMONNAME", "2.5.4.3"])("%s finds cn", (name) => {
    expect(standardSchema.attributeType(name)?.name).toBe("cn");
  });

  test("object classes, matching rules and syntaxes are found by name or OID in any case", () => {
    expect(standardSchema.objectClass("INETorgPERSON")).toBe(standardSchema.objectClass("2.16.840.1.113730.3.2.2"));
    expect(standardSchema.matchingRule("caseignorematch")).toBe(standardSchema.matchingRule("2.5.13.2"));
    expect(standardSchema.syntax("1.3.6.1.4.1.1466.115.121.1.15")?.description).toBe("Directory String");
  });

  test.each(["", "unheardOf", "__proto__", "constructor", "2.5.4", "cn "])("%j finds nothing", (name) => {
    expect(standardSchema.attributeType(name)).toBeUndefined();
    expect(standardSchema.objectClass(name)).toBeUndefined();
    expect(standardSchema.matchingRule(name)).toBeUndefined();
    expect(standardSchema.syntax(name)).toBeUndefined();
    expect(standardSchema.describe(name)).toBeUndefined();
  });
});

describe("describing an attribute", () => {
  test.each([
    ["cn", "cn", []],
    ["commonName", "cn", []],
    ["2.5.4.3;binary", "cn;binary", ["binary"]],
    ["CN;Lang-EN", "cn;lang-en", ["lang-en"]],
    ["cn;x-b;x-a;X-B", "cn;x-a;x-b", ["x-a", "x-b"]],
    ["USERCERTIFICATE;BINARY", "userCertificate;binary", ["binary"]],
  ])("%s means %s", (text, canonical, options) => {
    expect(standardSchema.describe(text)).toMatchObject({ text: canonical, options });
  });

  test.each(["cn;", "cn;;x", ";x", "cn;x y", "cn;range=0-*", "cn;ü", "unheardOf;x", "cn ;x"])(
    "%j means nothing",
    (text) => {
      expect(standardSchema.describe(text)).toBeUndefined();
    },
  );

  test("a description describes itself", () => {
    const option = fc.string({ unit: fc.constantFrom(..."abAB-19"), minLength: 1, maxLength: 5 });
    const type = fc.constantFrom(...standardSchema.attributeTypes);
    fc.assert(
      fc.property(type, fc.array(option, { maxLength: 4 }), ({ names, oid }, options) => {
        for (const name of [...names, oid]) {
          const described = standardSchema.describe([name.toUpperCase(), ...options].join(";"))!;
          expect(standardSchema.describe(described.text)).toEqual(described);
          expect(described.text).toBe(standardSchema.describe([oid, ...[...options].reverse()].join(";"))!.text);
        }
      }),
    );
  });

  test("descriptions stay right however many are asked for", () => {
    const schema = new Schema(standardDefinitions);
    for (let n = 0; n < 20_000; n++) schema.describe(`cn;x-${n}`);
    expect(schema.describe("cn;x-1")?.text).toBe("cn;x-1");
    expect(schema.describe(`cn;${"x".repeat(1_000)}`)?.options).toEqual(["x".repeat(1_000)]);
  });
});

describe("what an attribute type inherits", () => {
  test("syntax and rules come from the superior", () => {
    const cn = standardSchema.attributeType("cn")!;
    expect(cn.superior?.name).toBe("name");
    expect(cn.equality?.name).toBe("caseIgnoreMatch");
    expect(cn.substrings?.name).toBe("caseIgnoreSubstringsMatch");
    expect(cn.syntax.description).toBe("Directory String");
  });

  test("its own syntax wins", () => {
    expect(standardSchema.attributeType("c")!.syntax.description).toBe("Country String");
  });

  test("a family is a type and all that derive from it, itself first", () => {
    const schema = schemaWith({ attributeTypes: ["( 1.1.1 NAME 'nick' SUP givenName )"] });
    const family = schema.attributeType("name")!.family.map((type) => type.name);
    expect(family[0]).toBe("name");
    expect(family).toEqual(expect.arrayContaining(["cn", "sn", "givenName", "nick"]));
    expect(schema.attributeType("givenName")!.family.map((type) => type.name)).toEqual(["givenName", "nick"]);
  });

  test("definitions may stand in any order", () => {
    const reversed = new Schema({
      ...standardDefinitions,
      attributeTypes: [...standardDefinitions.attributeTypes].reverse(),
      objectClasses: [...standardDefinitions.objectClasses].reverse(),
    });
    expect(new Set(reversed.published.attributeTypes)).toEqual(new Set(standardSchema.published.attributeTypes));
    expect(reversed.attributeType("cn")?.equality?.name).toBe("caseIgnoreMatch");
    expect(reversed.attributeType("name")?.family[0]?.name).toBe("name");
  });
});

describe("what an object class inherits", () => {
  test("its lineage goes from itself to top", () => {
    const lineage = standardSchema.objectClass("inetOrgPerson")!.lineage.map(({ name }) => name);
    expect(lineage).toEqual(["inetOrgPerson", "organizationalPerson", "person", "top"]);
  });

  test("of several superiors each stands before what is above it", () => {
    const schema = schemaWith({
      objectClasses: ["( 1.1.2 NAME 'both' SUP ( labeledURIObject $ deltaCRL ) AUXILIARY )"],
    });
    const lineage = schema.objectClass("both")!.lineage.map(({ name }) => name);
    expect(lineage).toEqual(["both", "labeledURIObject", "deltaCRL", "top"]);
  });

  test("required and allowed attributes include those of all superiors, none is both", () => {
    const { must, may } = standardSchema.objectClass("inetOrgPerson")!;
    expect(must.map(({ name }) => name).sort()).toEqual(["cn", "objectClass", "sn"]);
    expect(may.map(({ name }) => name)).toEqual(expect.arrayContaining(["userPassword", "title", "mail"]));
    for (const { must, may } of standardSchema.objectClasses)
      expect(may.filter((type) => must.includes(type))).toEqual([]);
  });

  test("a class without a superior is below top", () => {
    const schema = schemaWith({ objectClasses: ["( 1.1.2 NAME 'thing' AUXILIARY MAY cn )"] });
    expect(schema.objectClass("thing")!.lineage.map(({ name }) => name)).toEqual(["thing", "top"]);
  });
});

describe("a faulty schema", () => {
  const faults: readonly (readonly [string, Partial<SchemaDefinitions>, RegExp])[] = [
    ["an unreadable definition", { attributeTypes: ["( x )"] }, /attribute type "\( x \)…": "x" is not a numeric OID/],
    ["an unknown superior", { attributeTypes: ["( 1.1 NAME 'a' SUP b )"] }, /attribute type a: unknown superior b/],
    ["an unknown syntax", { attributeTypes: ["( 1.1 NAME 'a' SYNTAX 1.2.3 )"] }, /a: unknown syntax 1\.2\.3/],
    ["an unknown rule", { attributeTypes: ["( 1.1 NAME 'a' SUP name EQUALITY x )"] }, /a: unknown matching rule x/],
    [
      "a rule of the wrong kind",
      { attributeTypes: ["( 1.1 NAME 'a' SUP name ORDERING caseIgnoreMatch )"] },
      /a: caseIgnoreMatch is no ordering rule/,
    ],
    ["neither superior nor syntax", { attributeTypes: ["( 1.1 NAME 'a' )"] }, /a: neither SUP nor SYNTAX/],
    ["a name that is taken", { attributeTypes: ["( 1.1 NAME 'CN' SUP name )"] }, /CN: "CN" is taken by cn/],
    [
      "an OID that is taken",
      { objectClasses: ["( 2.5.6.6 NAME 'a' )"] },
      /object class a: "2\.5\.6\.6" is taken by person/,
    ],
    [
      "a circle of attribute types",
      { attributeTypes: ["( 1.1 NAME 'a' SUP b )", "( 1.2 NAME 'b' SUP a )"] },
      /derives from itself through/,
    ],
    [
      "a class above itself",
      { objectClasses: ["( 1.1 NAME 'a' SUP a )"] },
      /object class a: derives from itself through a/,
    ],
    [
      "an unknown attribute",
      { objectClasses: ["( 1.1 NAME 'a' MUST x )"] },
      /object class a: unknown attribute type x/,
    ],
    [
      "a class of another kind than its superior",
      { objectClasses: ["( 1.1 NAME 'a' SUP person AUXILIARY )"] },
      /a: AUXILIARY, but its superior person is STRUCTURAL/,
    ],
    [
      "another usage than the superior's",
      { attributeTypes: ["( 1.1 NAME 'a' SUP name USAGE dSAOperation )"] },
      /a: its usage is not that of name/,
    ],
  ];

  test.each(faults)("%s is refused", (_, more, message) => {
    expect(() => schemaWith(more)).toThrow(message);
  });

  test("every fault is named at once", () => {
    const attempt = () =>
      schemaWith({ attributeTypes: ["( x )", "( 1.1 NAME 'a' SUP b )"], objectClasses: ["( 1.1 MUST x )"] });
    expect(attempt).toThrow(/3 fault\(s\)[\s\S]*"x" is not[\s\S]*unknown superior b[\s\S]*unknown attribute type x/);
  });
});

describe("publishing", () => {
  test("everything that is defined is published", () => {
    const { published, attributeTypes, objectClasses, matchingRules, syntaxes } = standardSchema;
    expect(published.attributeTypes).toHaveLength(attributeTypes.length);
    expect(published.objectClasses).toHaveLength(objectClasses.length);
    expect(published.matchingRules).toHaveLength(matchingRules.length);
    expect(published.ldapSyntaxes).toHaveLength(syntaxes.length);
    expect(published.attributeTypes).toContain("( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )");
    expect(published.matchingRules).toContain(
      "( 2.5.13.2 NAME 'caseIgnoreMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    );
    expect(published.ldapSyntaxes).toContain(
      "( 1.3.6.1.4.1.1466.115.121.1.28 DESC 'JPEG' X-NOT-HUMAN-READABLE 'TRUE' )",
    );
  });

  test("a matching rule use names the attributes that use the rule", () => {
    const use = standardSchema.published.matchingRuleUse.find((text) => text.includes("'UUIDMatch'"));
    expect(use).toBe("( 1.3.6.1.1.16.2 NAME 'UUIDMatch' APPLIES entryUUID )");
  });

  test("every definition is a value of the attribute that publishes it", () => {
    for (const name of [
      "attributeTypes",
      "objectClasses",
      "matchingRules",
      "matchingRuleUse",
      "ldapSyntaxes",
    ] as const) {
      const type = standardSchema.attributeType(name)!;
      for (const text of standardSchema.published[name]) {
        expect(type.syntax.accepts(Buffer.from(text)), text).toBe(true);
        expect(type.equality!.normalize(Buffer.from(text), standardSchema), text).not.toBeUndefined();
      }
    }
  });
});
