import { Client } from "ldapts";
import { beforeAll, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn, type Values } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

const person = (uid: string, more: Values = {}): Values => ({
  objectClass: "inetOrgPerson",
  cn: uid,
  sn: uid,
  ...more,
});

describe("an entry that is added", () => {
  test("is there with its name among its values, all superclasses, and what the server says of it", async () => {
    const client = await Conversation.as("wiki", server);
    expect(await client.add(userDn("Max"), person("Max"))).toMatchObject({ code: 0, message: "" });
    const { dn, attributes } = (await client.entry(userDn("max"), ["*", "+"]))!;
    expect(dn).toBe(userDn("Max"));
    expect(attributes).toMatchObject({
      objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson"],
      uid: ["Max"],
      structuralObjectClass: ["inetOrgPerson"],
      entryUUID: [expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)],
      creatorsName: [applicationDn("wiki")],
      modifiersName: [applicationDn("wiki")],
      createTimestamp: attributes.modifyTimestamp,
      hasSubordinates: ["FALSE"],
    });
    expect(attributes).not.toHaveProperty("memberOf");
  });

  test("with ldapts, its password hashed and good for a login", async () => {
    const client = new Client({ url: server.url });
    await client.bind(applicationDn("wiki"), "wiki-secret");
    await client.add(userDn("nora"), {
      objectClass: ["inetOrgPerson"],
      uid: "nora",
      cn: "Nora",
      sn: "N",
      userPassword: "nora-secret",
    });
    await client.bind(userDn("nora"), "nora-secret");
    await client.unbind();
  });

  test("keeps a name of several values, escapes and spelling", async () => {
    const client = await Conversation.as("wiki", server);
    const dn = `CN=Smith\\, John+uid=js,ou=People,${suffix}`;
    expect(await client.add(dn, person("js"))).toMatchObject({ code: 0 });
    const { entries } = await client.search({ filter: "(uid=js)" });
    expect(entries[0]!.dn).toBe(`CN=Smith\\, John+uid=js,ou=people,${suffix}`);
    expect(entries[0]!.attributes.cn).toEqual(["js", "Smith, John"]);
    expect(await client.add(`uid=JS+cn=smith\\2c  john,ou=people,${suffix}`, person("js"))).toMatchObject({ code: 68 });
  });

  test("keeps bytes as they are, in every operation", async () => {
    const client = await Conversation.as("wiki", server);
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, n) => n & 0xff));
    const certificate = Buffer.concat([Buffer.from([0x30, 0x82, 0x02, 0x00]), bytes]);
    const dn = userDn("photo");
    const added = await client.add(dn, person("photo", { jpegPhoto: bytes, "userCertificate;binary": certificate }));
    expect(added).toMatchObject({ code: 0 });
    const read = async () => (await client.entry(dn, ["jpegPhoto", "userCertificate;binary"]))!.bytes;
    expect(await read()).toEqual({ jpegPhoto: [bytes], "userCertificate;binary": [certificate] });
    // RFC 2798 gives jpegPhoto no equality rule.
    expect(await client.compare(dn, "jpegPhoto", bytes)).toMatchObject({ code: 18 });
    const escaped = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
    expect(await client.search({ filter: `(jpegPhoto=${escaped})` })).toMatchObject({ code: 0, dns: [] });
    expect(await client.search({ filter: "(jpegPhoto=*)" })).toMatchObject({ code: 0, dns: [dn] });
    expect(await client.search({ filter: "(userCertificate;binary=*)" })).toMatchObject({ code: 0, dns: [dn] });
    const other = Buffer.from([0xff, 0xd8, 0x00, 0x0a]);
    expect(await client.modify(dn, ["add", "jpegPhoto", other], ["delete", "jpegPhoto", bytes])).toMatchObject({
      code: 0,
    });
    expect(await client.modify(dn, ["replace", "userCertificate;binary", other])).toMatchObject({ code: 0 });
    expect(await read()).toEqual({ jpegPhoto: [other], "userCertificate;binary": [other] });
  });

  test("is repaired as Crowd needs it: one class, no cn, a group with a member of no name", async () => {
    const client = await Conversation.as("wiki", server);
    const crowd = { objectClass: "inetorgperson", uid: "crowd", sn: "User", givenName: "Crowd", mail: "c@example.com" };
    expect(await client.add(userDn("crowd"), crowd)).toMatchObject({ code: 0 });
    expect((await client.entry(userDn("crowd"), ["cn", "objectClass"]))!.attributes).toEqual({
      cn: ["Crowd User"],
      objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson"],
    });
    const group = { objectClass: "groupOfUniqueNames", cn: "crowd", description: "A group", uniqueMember: "" };
    expect(await client.add(groupDn("crowd"), group)).toMatchObject({ code: 0 });
    expect((await client.entry(groupDn("crowd")))!.attributes).not.toHaveProperty("uniqueMember");
    expect(await client.modify(groupDn("crowd"), ["add", "uniqueMember", userDn("crowd").toLowerCase()])).toMatchObject(
      {
        code: 0,
      },
    );
    expect(await client.modify(groupDn("crowd"), ["delete", "uniqueMember", ""])).toMatchObject({ code: 0 });
    expect(await client.values(groupDn("crowd"), "uniqueMember")).toEqual([userDn("crowd")]);
  });

  test("takes members that exist, that do not yet, and a placeholder", async () => {
    const client = await Conversation.as("wiki", server);
    const members = [userDn("ANN"), userDn("not-yet"), "cn=empty-membership-placeholder", applicationDn("wiki")];
    const group = { objectClass: "groupOfNames", cn: "early", member: members };
    expect(await client.add(groupDn("early"), group)).toMatchObject({ code: 0 });
    expect(await client.values(groupDn("early"), "member")).toEqual([userDn("ann"), ...members.slice(1)].sort());
    expect(await client.add(userDn("not-yet"), person("not-yet"))).toMatchObject({ code: 0 });
    expect(await client.values(userDn("not-yet"), "memberOf")).toEqual([groupDn("early")]);
  });
});

describe("what cannot be added", () => {
  const dn = userDn("wrong");
  const refusals: [string, number, string, Values][] = [
    ["a name that is taken, ignoring case", 68, userDn("ANN"), person("ann")],
    ["an entry whose parent is not there", 32, `uid=a,ou=nowhere,${suffix}`, person("a")],
    ["an entry outside the suffix", 32, "uid=a,dc=example,dc=org", person("a")],
    ["the suffix once more", 68, suffix, { objectClass: "domain", dc: "example" }],
    ["the root DSE", 53, "", { objectClass: "top" }],
    ["a required attribute that is missing", 65, dn, { objectClass: "inetOrgPerson", cn: "x" }],
    ["an attribute that the classes do not allow", 65, dn, person("x", { memberUid: "x" })],
    ["an object class that nobody knows", 65, dn, person("x", { objectClass: ["inetOrgPerson", "wizard"] })],
    ["no object class", 65, dn, { cn: "x", sn: "x" }],
    [
      "no structural class",
      65,
      dn,
      { objectClass: "posixAccount", cn: "x", uidNumber: "1", gidNumber: "1", homeDirectory: "/" },
    ],
    ["an attribute that nobody knows", 17, dn, person("x", { wizardry: "x" })],
    ["a malformed description", 17, dn, person("x", { "cn;": "x" })],
    ["an operational attribute", 19, dn, person("x", { entryUUID: "b0e3b5a0-0000-4000-8000-000000000000" })],
    ["a timestamp", 19, dn, person("x", { modifyTimestamp: "20200101000000Z" })],
    ["memberOf", 19, dn, person("x", { memberOf: groupDn("staff") })],
    [
      "distinguishedName",
      19,
      dn,
      person("x", { objectClass: ["inetOrgPerson", "extensibleObject"], distinguishedName: suffix }),
    ],
    ["several values of one that has one", 19, dn, person("x", { displayName: ["a", "b"] })],
    ["a value that has not the syntax", 21, dn, person("x", { manager: "no name" })],
    ["a member that is no name", 21, groupDn("wrong"), { objectClass: "groupOfNames", cn: "x", member: "no name" }],
    ["a value that is there twice", 20, dn, person("x", { mail: ["a@b.c", "A@B.C"] })],
    [
      "a member that is there twice",
      20,
      groupDn("wrong"),
      { objectClass: "groupOfNames", cn: "x", member: [userDn("ann"), userDn("Ann")] },
    ],
    ["an empty list of values", 2, dn, person("x", { mail: [] })],
    ["a name that uses an attribute twice", 64, `cn=a+commonName=b,ou=people,${suffix}`, person("x")],
    ["a name by a password", 64, `userPassword=secret,ou=people,${suffix}`, person("x")],
    [
      "a name by an operational attribute",
      64,
      `entryUUID=b0e3b5a0-0000-4000-8000-000000000000,ou=people,${suffix}`,
      person("x"),
    ],
    ["a name by an unknown attribute", 17, `wizard=x,ou=people,${suffix}`, person("x")],
    ["a name that the classes do not allow", 65, `dc=x,ou=people,${suffix}`, person("x")],
    [
      "a member with an option",
      19,
      groupDn("wrong"),
      { objectClass: "groupOfNames", cn: "x", "member;x-a": userDn("ann") },
    ],
    [
      "a password of a scheme that nobody can verify",
      19,
      dn,
      person("x", { userPassword: "{MD5}rL0Y20zC+Fzt72VPzMSk2A==" }),
    ],
    ["more passwords than are ever tried", 19, dn, person("x", { userPassword: ["a", "b", "c", "d", "e"] })],
    ["an empty password", 19, dn, person("x", { userPassword: "" })],
    ["an application", 53, applicationDn("new"), { objectClass: "applicationProcess", cn: "new" }],
    ["something below an application", 53, `cn=a,${applicationDn("wiki")}`, { objectClass: "device", cn: "a" }],
    ["the unit of the applications", 53, `ou=applications,${suffix}`, { objectClass: "organizationalUnit" }],
  ];

  test.each(refusals)("%s: %i", async (_, code, name, values) => {
    const client = await Conversation.as("console", server);
    const before = (await client.search({ attributes: ["1.1"] })).dns;
    const answer = await client.add(name, values);
    expect(answer).toMatchObject({ code, message: expect.stringMatching(/\w/) });
    expect(answer.message).not.toContain("secret");
    expect((await client.search({ attributes: ["1.1"] })).dns).toEqual(before);
  });

  test("names the nearest entry where the parent is missing, and the missing attribute", async () => {
    const client = await Conversation.as("console", server);
    const far = `uid=a,ou=b,ou=people,${suffix}`;
    expect(await client.add(far, person("a"))).toMatchObject({ code: 32, matchedDn: `ou=people,${suffix}` });
    const { message } = await client.add(dn, { objectClass: "inetOrgPerson", cn: "x" });
    expect(message).toContain("sn");
  });
});
