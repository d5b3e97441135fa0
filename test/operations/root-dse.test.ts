import { beforeAll, describe, expect, test } from "vitest";
import { applicationDn, Conversation, suffix } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

const root = { base: "", scope: "base" } as const;
const schema = { base: "cn=Subschema", scope: "base" } as const;

describe("the root DSE", () => {
  test("is there for everybody, with what RFC 4512 5.1 names and nothing that sends clients the wrong way", async () => {
    const client = await Conversation.with(server);
    const { attributes } = (await client.search({ ...root, filter: "(ObjectClass=*)" })).entries[0]!;
    expect(attributes).toEqual({
      objectClass: ["top", "extensibleObject"],
      namingContexts: [suffix],
      defaultNamingContext: [suffix],
      subschemaSubentry: ["cn=Subschema"],
      supportedLDAPVersion: ["3"],
      supportedControl: ["1.2.840.113556.1.4.319", "2.16.840.1.113730.3.4.2", "1.3.6.1.4.1.4203.1.10.1"],
      supportedExtension: expect.arrayContaining(["1.3.6.1.4.1.4203.1.11.3"]),
      supportedFeatures: expect.arrayContaining(["1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"]),
      vendorName: ["Gatehouse"],
      vendorVersion: [expect.any(String)],
    });
  });

  test("answers lists, in the spelling of who asks, and filters", async () => {
    const client = await Conversation.with(server);
    const ask = async (attributes: string[], filter = "(objectClass=*)") =>
      (await client.search({ ...root, filter, attributes })).entries[0]?.attributes;
    expect(await ask(["supportedLdapVersion", "namingcontexts", "altServer"])).toEqual({
      namingcontexts: [suffix],
      supportedLdapVersion: ["3"],
    });
    expect(Object.keys((await ask(["*"]))!)).toContain("namingContexts");
    expect(Object.keys((await ask(["+"]))!)).toContain("objectClass");
    expect(await ask(["1.1"])).toEqual({});
    expect(await ask([], "(objectClass=subschema)")).toBeUndefined();
    expect(await ask(["vendorName"], "(&(objectClass=top)(supportedLDAPVersion=3))")).toEqual({
      vendorName: ["Gatehouse"],
    });
    expect((await client.search({ ...root, sizeLimit: 1, timeLimit: 1 })).code).toBe(0);
  });
});

describe("the subschema", () => {
  test("is there for everybody, complete, and readable by its filter", async () => {
    const client = await Conversation.with(server);
    const { entries } = await client.search({ ...schema, filter: "(objectClass=subschema)", attributes: ["*", "+"] });
    const { attributes } = entries[0]!;
    expect(attributes.objectClass).toEqual(expect.arrayContaining(["subschema"]));
    for (const name of ["attributeTypes", "objectClasses", "matchingRules", "matchingRuleUse", "ldapSyntaxes"]) {
      expect(attributes[name]!.length).toBeGreaterThan(10);
    }
    expect(attributes.modifyTimestamp![0]).toMatch(/^\d{14}Z$/);
    expect(attributes.attributeTypes!.join()).toContain("NAME 'memberOf'");
    expect((await client.search({ ...schema, base: "CN=subschema" })).entries[0]!.dn).toBe("cn=Subschema");
    expect((await client.entry("cn=Subschema", ["objectclasses"]))!.attributes).toHaveProperty("objectclasses");
  });
});

test("a filter of many parts is refused there, where anybody may ask and each part looks at long values", async () => {
  const client = await Conversation.with(server);
  const parts = (count: number) => `(|${"(:2.5.13.30:=x)".repeat(count)})`;
  expect((await client.search({ ...schema, filter: parts(63) })).code).toBe(0);
  expect((await client.search({ ...schema, filter: parts(64) })).code).toBe(11);
});

describe("anonymously", () => {
  test("nothing else can be read, compared or written, and only that is said", async () => {
    const client = await Conversation.with(server);
    const refused = { code: 50, message: expect.stringContaining("bind first"), matchedDn: "" };
    expect(await client.search()).toMatchObject(refused);
    expect(await client.search({ base: suffix, scope: "base" })).toMatchObject(refused);
    expect(await client.search({ base: "dc=elsewhere" })).toMatchObject(refused);
    expect(await client.search({ base: "", scope: "sub" })).toMatchObject(refused);
    expect(await client.search({ ...schema, scope: "one" })).toMatchObject(refused);
    expect(await client.compare(suffix, "dc", "example")).toMatchObject(refused);
    expect(await client.compare("cn=none", "nonsense", "example")).toMatchObject(refused);
    expect(await client.add(`ou=x,${suffix}`, { objectClass: "organizationalUnit" })).toMatchObject(refused);
    expect(await client.add(`nonsense=x,${suffix}`, { nonsense: "x" })).toMatchObject(refused);
    expect(await client.modify(suffix, ["replace", "o", "x"])).toMatchObject(refused);
    expect(await client.modify(suffix, ["replace", "nonsense", "x"])).toMatchObject(refused);
    expect(await client.rename(`ou=people,${suffix}`, "nonsense=x")).toMatchObject(refused);
    expect(await client.remove(`ou=people,${suffix}`)).toMatchObject(refused);
    expect(await client.whoAmI()).toBe("");
  });
});

describe("extended operations", () => {
  test("Who am I? names who bound; what is not known is a protocolError", async () => {
    const client = await Conversation.as("wiki", server);
    expect(await client.whoAmI()).toBe(`dn:${applicationDn("wiki")}`);
    expect(await client.extended("1.3.6.1.4.1.4203.1.11.3", "value")).toMatchObject({ code: 2 });
    expect(await client.extended("1.2.3.4")).toMatchObject({ code: 2, message: expect.stringContaining("1.2.3.4") });
  });
});

describe("controls", () => {
  const unknown = { oid: "1.2.3.4" };
  const manageDsaIt = { oid: "2.16.840.1.113730.3.4.2", critical: true };
  const subentries = (value: number) => ({
    oid: "1.3.6.1.4.1.4203.1.10.1",
    critical: true,
    value: Buffer.from([1, 1, value]),
  });

  test("an unknown one is ignored, and refused where it is critical", async () => {
    const client = await Conversation.as("console", server);
    expect(await client.search({ controls: [unknown] })).toMatchObject({ code: 0 });
    expect(await client.search({ controls: [{ ...unknown, critical: false }] })).toMatchObject({ code: 0 });
    expect(await client.search({ controls: [{ ...unknown, critical: true }] })).toMatchObject({
      code: 12,
      entries: [],
    });
    expect(await client.search({ ...root, controls: [{ ...unknown, critical: true }] })).toMatchObject({ code: 12 });
  });

  test("ManageDsaIT and subentries are taken; who asks for subentries alone finds none", async () => {
    const client = await Conversation.as("console", server);
    expect(await client.search({ controls: [manageDsaIt] })).toMatchObject({ code: 0, entries: { length: 24 } });
    expect(await client.search({ controls: [subentries(0)] })).toMatchObject({ code: 0, entries: { length: 24 } });
    expect(await client.search({ controls: [subentries(255)] })).toMatchObject({ code: 0, entries: [] });
    const nonsense = { ...subentries(0), value: Buffer.from("x") };
    expect(await client.search({ controls: [nonsense] })).toMatchObject({ code: 2 });
  });
});
