import { beforeAll, describe, expect, test } from "vitest";
import { Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

/** The names under which attributes of ann come back, in order. */
async function names(attributes: readonly string[], dn = userDn("ann")): Promise<string[]> {
  const client = await Conversation.as("console", server);
  return Object.keys((await client.entry(dn, attributes))!.attributes);
}

const allOfAnn = [
  "objectClass",
  "uid",
  "cn",
  "givenName",
  "sn",
  "displayName",
  "mail",
  "telephoneNumber",
  "departmentNumber",
  "uidNumber",
  "gidNumber",
  "homeDirectory",
  "loginShell",
  "memberOf",
];
const operational = [
  "entryUUID",
  "entryDN",
  "createTimestamp",
  "modifyTimestamp",
  "creatorsName",
  "modifiersName",
  "structuralObjectClass",
  "subschemaSubentry",
  "hasSubordinates",
  "numSubordinates",
  "distinguishedName",
];

describe("the list of attributes", () => {
  test("none and * are all user attributes, with memberOf and without a password", async () => {
    expect(await names([])).toEqual(allOfAnn);
    expect(await names(["*"])).toEqual(allOfAnn);
  });

  test("+ is all operational attributes, and with * everything", async () => {
    const found = await names(["+"]);
    expect(operational).toEqual(expect.arrayContaining(found));
    expect(found).toEqual(expect.arrayContaining(["entryUUID", "createTimestamp", "entryDN", "hasSubordinates"]));
    expect(await names(["*", "+"])).toEqual([...allOfAnn.slice(0, -1), ...found, "memberOf"]);
  });

  test("1.1 is none, alone and beside nothing that is known", async () => {
    expect(await names(["1.1"])).toEqual([]);
    expect(await names(["", "dn", "1.1", "noSuchThing", "no such thing!"])).toEqual([]);
    expect(await names(["1.1", "uid"])).toEqual(["uid"]);
  });

  test("names come back as they were asked for, each once", async () => {
    expect(await names(["MAIL", "UiD", "commonName"])).toEqual(["UiD", "commonName", "MAIL"]);
    expect(await names(["mail", "mail", "MAIL", "memberof", "memberOf"])).toEqual(["mail", "memberof"]);
    expect(await names(["2.5.4.3", "0.9.2342.19200300.100.1.1"])).toEqual(["0.9.2342.19200300.100.1.1", "2.5.4.3"]);
    expect(await names(["*", "MAIL"])).toEqual(allOfAnn.map((name) => (name === "mail" ? "MAIL" : name)));
  });

  test("a type brings its subtypes, and what was asked for by name keeps that name", async () => {
    expect(await names(["name"])).toEqual(["cn", "givenName", "sn"]);
    expect(await names(["name", "CN"])).toEqual(["CN", "givenName", "sn"]);
  });

  test("@class is what the class requires and allows", async () => {
    expect(await names(["@posixAccount"])).toEqual([
      "objectClass",
      "uid",
      "cn",
      "uidNumber",
      "gidNumber",
      "homeDirectory",
      "loginShell",
    ]);
    expect(await names(["@noSuchClass"])).toEqual([]);
    expect(await names(["@GroupOfNames"], groupDn("design"))).toEqual([
      "objectClass",
      "cn",
      "description",
      "member",
      "uniqueMember",
      "memberUid",
    ]);
  });

  test("typesOnly sends the names and no values", async () => {
    const client = await Conversation.as("console", server);
    const asked = { base: userDn("ann"), scope: "base", typesOnly: true } as const;
    const { entries } = await client.search({ ...asked, attributes: ["UID", "memberOf", "entryUUID", "title"] });
    expect(entries[0]!.attributes).toEqual({ UID: [], memberOf: [], entryUUID: [] });
    expect(Object.keys((await client.search(asked)).entries[0]!.attributes)).toEqual(allOfAnn);
  });

  test("userPassword is never among them", async () => {
    expect(await names(["userPassword"])).toEqual([]);
    expect(await names(["userpassword", "2.5.4.35", "*", "+", "@person"])).not.toContain("userPassword");
  });
});

describe("options", () => {
  test("a description with options brings the values that have them, one without brings all", async () => {
    const client = await Conversation.as("console", server);
    const dn = userDn("options");
    const added = await client.add(dn, {
      objectClass: "inetOrgPerson",
      sn: "Options",
      cn: "Plain",
      "cn;lang-de": "Deutsch",
      "CN;Lang-FR;x-One": "Deux",
      "userCertificate;binary": Buffer.from([0x30, 0x00, 0xff]),
    });
    expect(added).toMatchObject({ code: 0 });
    const found = async (...attributes: string[]) => (await client.entry(dn, attributes))!.attributes;
    expect(await found("cn")).toEqual({ cn: ["Plain"], "cn;lang-de": ["Deutsch"], "cn;lang-fr;x-one": ["Deux"] });
    expect(await found("CN;lang-de")).toEqual({ "CN;lang-de": ["Deutsch"] });
    expect(await found("cn;x-one")).toEqual({ "cn;lang-fr;x-one": ["Deux"] });
    expect(await found("cn;lang-it")).toEqual({});
    expect(Object.keys(await found("userCertificate"))).toEqual(["userCertificate;binary"]);
    expect(Object.keys(await found("userCertificate;BINARY"))).toEqual(["userCertificate;binary"]);
    expect(await found("mail;binary", "member;range=0-*")).toEqual({});
    expect(await client.remove(dn)).toMatchObject({ code: 0 });
  });

  test("a description too long for its place is refused, and one that gets too long by its spelling is sent as kept", async () => {
    const client = await Conversation.as("console", server);
    const dn = userDn("long");
    const option = "x".repeat(127 - "cn;".length);
    const person = { objectClass: "inetOrgPerson", sn: "Long", cn: "Long" };
    expect(await client.add(dn, { ...person, [`cn;${option}x`]: "too long" })).toMatchObject({ code: 17 });
    expect(await client.add(dn, { ...person, [`commonName;${option}`]: "just right" })).toMatchObject({ code: 0 });
    expect(await client.modify(dn, ["add", `cn;y${option}`, "x"])).toMatchObject({ code: 17 });
    expect((await client.entry(dn, ["commonName"]))!.attributes).toEqual({
      commonName: ["Long"],
      [`cn;${option}`]: ["just right"],
    });
    expect((await client.search({ filter: `(cn;${option}${option}=x)` })).code).toBe(0);
    expect(await client.compare(dn, `cn;${option}${option}`, "x")).toMatchObject({ code: 16 });
    expect(await client.entry(dn, [`cn;${option}${option}`])).toBeDefined();
    expect(await client.remove(dn)).toMatchObject({ code: 0 });
  });
});

describe("memberships", () => {
  test("* shows them under the spelling of the group's class, and by name under every one", async () => {
    const client = await Conversation.as("console", server);
    const found = async (dn: string, ...attributes: string[]) => (await client.entry(dn, attributes))!.attributes;
    const members = [userDn("ella"), userDn("finn"), userDn("gwen")];
    expect((await found(groupDn("design"))).member).toEqual(members);
    expect(await found(groupDn("design"), "*")).not.toHaveProperty("uniqueMember");
    expect(await found(groupDn("design"), "UniqueMember", "memberuid", "member")).toEqual({
      UniqueMember: members,
      memberuid: ["ella", "finn", "gwen"],
      member: members,
    });
    expect((await found(groupDn("tracker-users"), "memberUid")).memberUid).toEqual(["ella", "kate"]);
    const all = { objectClass: ["groupOfNames", "groupOfUniqueNames", "posixGroup"], gidNumber: "5", member: members };
    expect(await client.add(groupDn("all-three"), { ...all, cn: "all-three" })).toMatchObject({ code: 0 });
    expect(await found(groupDn("all-three"))).toMatchObject({
      member: members,
      uniqueMember: members,
      memberUid: ["ella", "finn", "gwen"],
    });
    expect(await client.remove(groupDn("all-three"))).toMatchObject({ code: 0 });
  });

  test("what an entry is, its children are counted for, and what holds its schema", async () => {
    const client = await Conversation.as("console", server);
    const { attributes } = (await client.entry(`ou=people,${suffix}`, ["+"]))!;
    expect(attributes).toMatchObject({
      hasSubordinates: ["TRUE"],
      numSubordinates: ["12"],
      entryDN: [`ou=people,${suffix}`],
      distinguishedName: [`ou=people,${suffix}`],
      structuralObjectClass: ["organizationalUnit"],
      subschemaSubentry: ["cn=Subschema"],
    });
    expect((await client.entry(userDn("ann"), ["hasSubordinates"]))!.attributes).toEqual({
      hasSubordinates: ["FALSE"],
    });
  });
});
