import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attribute } from "../../src/model/attribute.js";
import { LdapError } from "../../src/model/failure.js";
import type { ResultCode } from "../../src/model/result-code.js";
import { checkEntry, classesOf, expandObjectClasses, knownDescription } from "../../src/model/schema-check.js";
import { standardSchema } from "../../src/model/standard-schema.js";

type Values = Readonly<Record<string, string | Buffer | readonly (string | Buffer)[]>>;

const bytes = (values: readonly (string | Buffer)[]): Buffer[] => values.map((value) => Buffer.from(value as string));
const entry = (values: Values): Attribute[] =>
  Object.entries(values).map(([name, value]) => ({
    description: standardSchema.describe(name)!,
    values: bytes(Array.isArray(value) ? (value as string[]) : [value as string]),
  }));

const person = {
  objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson"],
  uid: "jdoe",
  cn: "John Doe",
  sn: "Doe",
  mail: ["jdoe@example.com", "john@example.com"],
  telephoneNumber: "+49 30 1234567",
};

function refusal(values: Values | Attribute[], changed?: ReadonlySet<string>): { code: ResultCode; message: string } {
  try {
    checkEntry(Array.isArray(values) ? (values as Attribute[]) : entry(values as Values), standardSchema, changed);
  } catch (error) {
    if (error instanceof LdapError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("the entry was taken");
}

describe("an entry is taken", () => {
  const taken: readonly (readonly [string, Values, string])[] = [
    ["a person", person, "inetOrgPerson"],
    ["a person with only the lowest class", { ...person, objectClass: "inetOrgPerson" }, "inetOrgPerson"],
    ["classes in any case and by OID", { ...person, objectClass: ["TOP", "2.16.840.1.113730.3.2.2"] }, "inetOrgPerson"],
    ["an organizational unit", { objectClass: ["top", "organizationalUnit"], ou: "people" }, "organizationalUnit"],
    ["a domain", { objectClass: ["top", "domain"], dc: "example" }, "domain"],
    [
      "an organization with a domain component",
      { objectClass: ["organization", "dcObject"], o: "E", dc: "e" },
      "organization",
    ],
    [
      "an application with a password",
      { objectClass: ["applicationProcess", "simpleSecurityObject"], cn: "crowd", userPassword: "x" },
      "applicationProcess",
    ],
    ["a group without members", { objectClass: ["top", "groupOfNames"], cn: "empty" }, "groupOfNames"],
    [
      "a group of unique names alone, as Crowd adds it",
      { objectClass: "groupOfUniqueNames", cn: "g", uniqueMember: "" },
      "groupOfUniqueNames",
    ],
    [
      "a POSIX group alone",
      { objectClass: ["top", "posixGroup"], cn: "g", gidNumber: "100", memberUid: "jdoe" },
      "posixGroup",
    ],
    [
      "a group of all three classes",
      {
        objectClass: ["top", "groupOfNames", "groupOfUniqueNames", "posixGroup"],
        cn: "g",
        gidNumber: "100",
        member: ["uid=a,dc=e", "uid=b,dc=e"],
        uniqueMember: ["uid=a,dc=e", "uid=b,dc=e"],
        memberUid: ["a", "b"],
      },
      "groupOfNames",
    ],
    [
      "a group of two auxiliary classes",
      { objectClass: ["posixGroup", "groupOfUniqueNames"], cn: "g", gidNumber: "1" },
      "groupOfUniqueNames",
    ],
    [
      "a POSIX account",
      {
        objectClass: ["account", "posixAccount"],
        uid: "a",
        cn: "a",
        uidNumber: "1",
        gidNumber: "1",
        homeDirectory: "/home/a",
      },
      "account",
    ],
    [
      "any attribute with extensibleObject",
      { objectClass: ["account", "extensibleObject"], uid: "a", jpegPhoto: "x" },
      "account",
    ],
    [
      "what the server adds",
      {
        ...person,
        entryUUID: "597ae2f6-16a6-1027-98f4-d28b5365dc14",
        createTimestamp: "20240101000000Z",
        memberOf: "cn=g,dc=e",
      },
      "inetOrgPerson",
    ],
    ["attributes with options", { ...person, "cn;lang-de": "Hans", "userCertificate;binary": "x" }, "inetOrgPerson"],
    [
      "a required attribute that is there with an option only",
      { objectClass: "person", "cn;lang-de": "Hans", sn: "D" },
      "person",
    ],
  ];

  test.each(taken)("%s", (_, values, structural) => {
    expect(checkEntry(entry(values), standardSchema).structural.name).toBe(structural);
    expect(checkEntry(entry(values), standardSchema).structural.name).toBe(structural); // from memory
  });

  test("with all its classes, superiors first", () => {
    const { classes } = checkEntry(
      entry({ ...person, objectClass: ["inetOrgPerson", "labeledURIObject"] }),
      standardSchema,
    );
    expect(classes.map(({ name }) => name)).toEqual([
      "top",
      "person",
      "organizationalPerson",
      "inetOrgPerson",
      "labeledURIObject",
    ]);
  });
});

describe("an entry is refused", () => {
  const refused: readonly (readonly [string, Values, ResultCode, RegExp])[] = [
    ["without object classes", { cn: "a" }, "objectClassViolation", /objectClass: it is missing/],
    [
      "of an unknown class",
      { objectClass: ["top", "martian"] },
      "objectClassViolation",
      /"martian" is not an object class/,
    ],
    ["of top alone", { objectClass: "top" }, "objectClassViolation", /none of top is structural/],
    [
      "of an auxiliary class alone",
      { objectClass: ["posixAccount"], cn: "a" },
      "objectClassViolation",
      /none of top, posixAccount is structural/,
    ],
    [
      "of two structural classes that are not of one line",
      { objectClass: ["person", "account"], cn: "a", sn: "a", uid: "a" },
      "objectClassViolation",
      /person, account are structural and not of one line/,
    ],
    [
      "naming a class twice",
      { objectClass: ["person", "2.5.6.6"], cn: "a", sn: "a" },
      "attributeOrValueExists",
      /person is there twice/,
    ],
    [
      "without a required attribute",
      { objectClass: "person", cn: "a" },
      "objectClassViolation",
      /^sn: person requires a value/,
    ],
    [
      "with an attribute that its classes do not allow",
      { ...person, uidNumber: "1" },
      "objectClassViolation",
      /^uidNumber: not allowed by top, person, organizationalPerson, inetOrgPerson; allowed by posixAccount, nisKeyObject/,
    ],
    [
      "with an attribute that no class allows",
      { ...person, distinguishedName: "cn=a" },
      "objectClassViolation",
      /^distinguishedName: .* no object class allows it/,
    ],
    [
      "with two values where one is allowed",
      { ...person, displayName: ["a", "b"] },
      "constraintViolation",
      /^displayName: 2 values/,
    ],
    [
      "with a value of another syntax",
      { ...person, manager: "boss" },
      "invalidAttributeSyntax",
      /^manager: "boss" is not of the syntax DN/,
    ],
    [
      "with an empty name",
      { ...person, cn: "" },
      "invalidAttributeSyntax",
      /^cn: "" is not of the syntax Directory String/,
    ],
    [
      "with the same value twice",
      { ...person, mail: ["a@b", "A@B"] },
      "attributeOrValueExists",
      /^mail: "A@B" is there twice/,
    ],
    [
      "with the same member twice",
      { objectClass: "groupOfNames", cn: "g", member: ["uid=a,dc=e", "UID=A, dc=e"] },
      "attributeOrValueExists",
      /^member/,
    ],
    [
      "with the same photo twice",
      { ...person, jpegPhoto: ["x", "x"] },
      "attributeOrValueExists",
      /^jpegPhoto: a value of 1 octets/,
    ],
  ];

  test.each(refused)("%s", (_, values, code, message) => {
    expect(refusal(values)).toEqual({ code, message: expect.stringMatching(message) });
    expect(refusal(values).code).toBe(code); // from memory
  });

  test("with an attribute written twice", () => {
    expect(refusal([...entry(person), ...entry({ cn: "other" })])).toMatchObject({ code: "attributeOrValueExists" });
  });

  test("with a required attribute that has no values", () => {
    expect(
      refusal([...entry({ objectClass: "person", cn: "a" }), { ...entry({ sn: "x" })[0]!, values: [] }]),
    ).toMatchObject({
      code: "objectClassViolation",
    });
  });

  test("without telling a password", () => {
    const { message } = refusal({ ...person, userPassword: ["geheim", "geheim"] });
    expect(message).toBe("userPassword: a value of 6 octets is there twice");
  });
});

describe("values that the write did not touch", () => {
  const untouched = { ...person, manager: "boss" };

  test("are not looked at again", () => {
    expect(() => checkEntry(entry(untouched), standardSchema, new Set(["cn"]))).not.toThrow();
    expect(refusal(untouched, new Set(["manager"]))).toMatchObject({ code: "invalidAttributeSyntax" });
  });

  test("still count for what the classes require and allow", () => {
    expect(refusal({ ...person, uidNumber: "1" }, new Set(["cn"]))).toMatchObject({ code: "objectClassViolation" });
    expect(refusal({ ...person, displayName: ["a", "b"] }, new Set(["cn"]))).toMatchObject({
      code: "constraintViolation",
    });
  });
});

test("superior classes are added once, in the schema's spelling, above those below them", () => {
  const expanded = (...values: string[]) => expandObjectClasses(bytes(values), standardSchema).map(String);
  expect(expanded("inetorgperson")).toEqual(["top", "person", "organizationalPerson", "inetOrgPerson"]);
  expect(expanded("inetOrgPerson", "posixAccount", "top")).toEqual([
    "top",
    "person",
    "organizationalPerson",
    "inetOrgPerson",
    "posixAccount",
  ]);
  expect(expanded("groupOfUniqueNames")).toEqual(["top", "groupOfUniqueNames"]);
  expect(expanded()).toEqual([]);
});

test("expanding what is expanded changes nothing", () => {
  const names = standardSchema.objectClasses.map(({ name }) => name);
  fc.assert(
    fc.property(fc.subarray(names), (some) => {
      const once = expandObjectClasses(bytes(some), standardSchema);
      expect(expandObjectClasses(once, standardSchema)).toEqual(once);
      expect(once.map(String)).toEqual(expect.arrayContaining(some));
    }),
  );
});

test("classes are found by their values", () => {
  expect(classesOf(bytes(["TOP", "2.5.6.6"]), standardSchema).map(({ name }) => name)).toEqual(["top", "person"]);
  expect(() => classesOf(bytes(["martian"]), standardSchema)).toThrow(LdapError);
});

test("an unknown attribute is an undefinedAttributeType", () => {
  expect(knownDescription("CN;lang-EN", standardSchema).text).toBe("cn;lang-en");
  expect(() => knownDescription("unheardOf", standardSchema)).toThrow(
    expect.objectContaining({ code: "undefinedAttributeType" }),
  );
});

test("any combination of classes and values is taken or refused, never an accident", () => {
  const names = standardSchema.objectClasses.map(({ name }) => name);
  const value = fc.uint8Array({ maxLength: 5 }).map((raw) => Buffer.from(raw));
  const attribute = fc.record({
    description: fc.constantFrom(...standardSchema.attributeTypes).map((type) => standardSchema.describe(type.name)!),
    values: fc.array(value, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.subarray(names, { maxLength: 4 }), fc.array(attribute, { maxLength: 5 }), (classes, attributes) => {
      const all = [...entry({ objectClass: classes }), ...attributes];
      try {
        checkEntry(all, standardSchema);
      } catch (error) {
        expect(error).toBeInstanceOf(LdapError);
      }
    }),
    { numRuns: 500 },
  );
});
