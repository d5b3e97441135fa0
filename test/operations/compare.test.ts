import { Client } from "ldapts";
import { beforeAll, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

test.each([
  ["a value that is there", 6, userDn("ann"), "mail", "ANN@example.com"],
  ["a value that is not", 5, userDn("ann"), "mail", "ben@example.com"],
  ["by another name of the attribute", 6, userDn("ann"), "commonName", "ann archer"],
  ["by OID", 6, userDn("ann"), "2.5.4.4", "archer"],
  ["by a supertype", 6, userDn("ann"), "name", "archer"],
  ["a class above the entry's own", 6, userDn("ann"), "objectClass", "Person"],
  ["a class that it has not", 5, userDn("ann"), "objectClass", "groupOfNames"],
  ["an attribute that the entry has not", 16, userDn("ann"), "title", "x"],
  ["an attribute with an option that it has not", 16, userDn("ann"), "cn;lang-de", "x"],
  ["an attribute that nobody knows", 17, userDn("ann"), "wizardry", "x"],
  ["an entry that is not there", 32, userDn("nobody"), "mail", "x"],
  ["a value that has not the syntax", 21, userDn("ann"), "uidNumber", "many"],
  ["a member", 6, groupDn("design"), "member", userDn("ELLA")],
  ["one that is no member", 5, groupDn("design"), "member", userDn("ann")],
  ["a member by uid", 6, groupDn("design"), "memberUid", "ella"],
  ["one that is no member, by uid", 5, groupDn("design"), "memberUid", "ann"],
  ["the members of a person", 16, userDn("ann"), "member", userDn("ann")],
  ["a group of an entry", 6, userDn("ella"), "memberOf", groupDn("design")],
  ["a group that it is not in", 5, userDn("ella"), "memberOf", groupDn("engineering")],
  ["the groups of who is in none", 16, groupDn("staff"), "memberOf", groupDn("engineering")],
  ["its own name", 6, userDn("ann"), "entryDN", userDn("Ann")],
  ["the name of another", 5, userDn("ann"), "distinguishedName", userDn("ben")],
  ["an application", 6, applicationDn("wiki"), "description", "the wiki"],
])("%s: %#", async (_, code, dn, type, value) => {
  const client = await Conversation.as("console", server);
  expect(await client.compare(dn, type, value)).toMatchObject({ code });
});

test("32 names the nearest entry, 34 is for what is no name", async () => {
  const client = await Conversation.as("wiki", server);
  expect(await client.compare(`cn=a,${userDn("nobody")}`, "cn", "a")).toMatchObject({
    code: 32,
    matchedDn: `ou=people,${suffix}`,
  });
  expect(await client.compare("nobody", "cn", "a")).toMatchObject({ code: 34 });
});

test("with ldapts", async () => {
  const client = new Client({ url: server.url });
  await client.bind(applicationDn("wiki"), "wiki-secret");
  expect(await client.compare(userDn("ann"), "uid", "ann")).toBe(true);
  expect(await client.compare(userDn("ann"), "uid", "ben")).toBe(false);
  await expect(client.compare(userDn("ann"), "title", "x")).rejects.toMatchObject({ code: 16 });
  await client.unbind();
});

describe("of userPassword is a login attempt", () => {
  test("that the right password passes, and its hash does not", async () => {
    const client = await Conversation.as("wiki", server);
    expect(await client.compare(userDn("ann"), "userPassword", "ann-secret")).toMatchObject({ code: 6 });
    expect(await client.compare(userDn("ann"), "2.5.4.35", "wrong")).toMatchObject({ code: 5 });
    expect(await client.compare(userDn("ann"), "userPassword", saltedSha("ann-secret"))).toMatchObject({ code: 5 });
    expect(await client.compare(userDn("ann"), "userPassword", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")).toMatchObject({
      code: 5,
    });
    expect(await client.compare(userDn("ann"), "userPassword", "")).toMatchObject({ code: 5 });
    expect(await client.compare(groupDn("staff"), "userPassword", "x")).toMatchObject({ code: 5 });
    expect(await client.compare(userDn("nobody"), "userPassword", "x")).toMatchObject({ code: 32 });
    expect(await client.whoAmI()).toBe(`dn:${applicationDn("wiki")}`);
  });

  test("that fails for whoever may not log in through the application that asks", async () => {
    const tracker = await Conversation.as("tracker", server);
    expect(await tracker.compare(userDn("kate"), "userPassword", "kate-secret")).toMatchObject({ code: 6 });
    expect(await tracker.compare(userDn("dan"), "userPassword", "dan-secret")).toMatchObject({ code: 6 });
    expect(await tracker.compare(userDn("leo"), "userPassword", "leo-secret")).toMatchObject({ code: 5 });
  });

  test("and leaves an audit line like one", async () => {
    const client = await Conversation.as("wiki", server);
    await client.compare(userDn("ben"), "userPassword", "guess-this");
    const lines = server.log.filter(({ audit }) => audit?.operation === "compare" && audit.target === userDn("ben"));
    expect(lines.at(-1)!.audit).toMatchObject({ application: "wiki", outcome: "compareFalse", rule: "wrong password" });
    expect(JSON.stringify(server.log)).not.toContain("guess-this");
  });
});
