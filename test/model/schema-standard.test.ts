import { expect, test } from "vitest";
import { operationalAttributeNames, standardSchema } from "../../src/model/standard-schema.js";
import { attributeTypesOf, objectClassesOf } from "./schema.standard.js";

const words = (text: string): string[] => text.trim().split(/\s+/);

test.each(Object.entries(attributeTypesOf))("every attribute type of %s is there, in its spelling", (_, names) => {
  for (const name of words(names)) expect(standardSchema.attributeType(name)?.name).toBe(name);
});

test.each(Object.entries(objectClassesOf))("every object class of %s is there, in its spelling", (_, names) => {
  for (const name of words(names)) expect(standardSchema.objectClass(name)?.name).toBe(name);
});

test("names that clients log in, search and sort by ignore case", () => {
  for (const name of ["uid", "cn", "sn", "givenName", "displayName", "mail", "memberUid", "description", "ou"]) {
    const { equality, substrings } = standardSchema.attributeType(name)!;
    expect(equality!.normalize(Buffer.from("JDoe"), standardSchema), name).toBe("jdoe");
    expect(substrings!.normalize(Buffer.from("JDoe"), standardSchema), name).toBe("jdoe");
  }
});

test("names of entries are compared as names", () => {
  const types =
    "member memberOf entryDN distinguishedName creatorsName modifiersName manager owner seeAlso uniqueMember";
  for (const name of words(types)) {
    const { equality } = standardSchema.attributeType(name)!;
    const [one, other] = ["uid=JDoe, DC=Example", "UID=jdoe,dc=example"].map((dn) =>
      equality!.normalize(Buffer.from(dn), standardSchema),
    );
    expect(one, name).toBe(other);
  }
});

test("numbers and times can be compared for order", () => {
  for (const name of words("uidNumber gidNumber createTimestamp modifyTimestamp pwdChangedTime numSubordinates")) {
    expect(standardSchema.attributeType(name)!.ordering, name).toBeDefined();
  }
});

test("memberOf is a user attribute that no client may write", () => {
  const memberOf = standardSchema.attributeType("1.2.840.113556.1.2.102")!;
  expect(memberOf).toMatchObject({ name: "memberOf", isOperational: false, noUserModification: true });
});

test("what the server keeps for itself is operational", () => {
  const names = words(
    "entryUUID entryDN createTimestamp modifyTimestamp creatorsName modifiersName structuralObjectClass " +
      "subschemaSubentry hasSubordinates numSubordinates namingContexts vendorName pwdAccountLockedTime",
  );
  expect(operationalAttributeNames).toEqual(expect.arrayContaining(names));
  expect(operationalAttributeNames).not.toContain("memberOf");
});

test("the member attributes are optional in every class of groups", () => {
  for (const name of ["groupOfNames", "groupOfUniqueNames", "posixGroup"]) {
    const { must, may } = standardSchema.objectClass(name)!;
    const members = ["member", "uniqueMember", "memberUid"];
    expect(
      may.map((type) => type.name),
      name,
    ).toEqual(expect.arrayContaining(members));
    expect(
      must.some((type) => members.includes(type.name)),
      name,
    ).toBe(false);
  }
});
