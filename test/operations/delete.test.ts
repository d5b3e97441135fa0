import { Client } from "ldapts";
import { beforeAll, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { SettableClock } from "../support/store.js";

const clock = new SettableClock();
let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", clock: clock.read });
});

test("a deleted user is gone from its groups, whose times change, and from nothing else", async () => {
  const client = await Conversation.as("wiki", server);
  const timesOf = async (cn: string) =>
    (await client.entry(groupDn(cn), ["modifyTimestamp", "modifiersName"]))!.attributes;
  const [engineering, design] = [await timesOf("engineering"), await timesOf("design")];
  clock.now += 5000;
  expect(await client.remove(userDn("BEN"))).toMatchObject({ code: 0 });
  expect(await client.entry(userDn("ben"))).toBeUndefined();
  expect(await client.values(groupDn("engineering"), "member")).toEqual(["ann", "cora", "dan"].map(userDn));
  expect(await client.values(groupDn("staff"), "memberUid")).not.toContain("ben");
  expect((await timesOf("engineering")).modifyTimestamp).not.toEqual(engineering.modifyTimestamp);
  expect((await timesOf("engineering")).modifiersName).toEqual([applicationDn("wiki")]);
  expect(await timesOf("design")).toEqual(design);
  expect((await client.search({ filter: `(member=${userDn("ben")})` })).dns).toEqual([]);
  expect((await client.search({ filter: "(uid=ben)" })).dns).toEqual([]);
  expect((await (await Conversation.with(server)).bindUser("ben")).code).toBe(49);
});

test("one who comes back under the same name is somebody else", async () => {
  const client = await Conversation.as("wiki", server);
  const before = await client.values(userDn("leo"), "entryUUID");
  expect(await client.remove(userDn("leo"))).toMatchObject({ code: 0 });
  expect(await client.add(userDn("leo"), { objectClass: "inetOrgPerson", cn: "Leo", sn: "S" })).toMatchObject({
    code: 0,
  });
  expect(await client.values(userDn("leo"), "entryUUID")).not.toEqual(before);
  expect(await client.values(userDn("leo"), "memberOf")).toEqual([]);
});

test("a deleted group leaves its members, without it", async () => {
  const client = new Client({ url: server.url });
  await client.bind(applicationDn("wiki"), "wiki-secret");
  await client.del(groupDn("design"));
  const { searchEntries } = await client.search(userDn("ella"), { scope: "base", attributes: ["memberOf"] });
  expect([searchEntries[0]!.memberOf].flat().sort()).toEqual([groupDn("staff"), groupDn("tracker-users")]);
  await client.unbind();
});

test("an entry with others below it stays, as does what is not there or is an application", async () => {
  const client = await Conversation.as("console", server);
  expect(await client.remove(`OU=people,${suffix}`)).toMatchObject({
    code: 66,
    message: "the entry has entries below it; delete them first",
  });
  expect(await client.remove(suffix)).toMatchObject({ code: 66 });
  expect(await client.remove(userDn("nobody"))).toMatchObject({ code: 32, matchedDn: `ou=people,${suffix}` });
  expect(await client.remove("cn=elsewhere")).toMatchObject({ code: 32, matchedDn: "" });
  expect(await client.remove(applicationDn("wiki"))).toMatchObject({ code: 53 });
  expect(await client.remove(`ou=applications,${suffix}`)).toMatchObject({ code: 53 });
});

test("an empty directory can be left and begun again", async () => {
  const own = await startedServer({ seed: `dn: ${suffix}\nobjectClass: domain\ndc: example\n` });
  const client = await Conversation.as("console", own);
  expect(await client.remove(suffix)).toMatchObject({ code: 0 });
  expect(await client.search()).toMatchObject({ code: 32 });
  expect(await client.add(userDn("a"), { objectClass: "inetOrgPerson", cn: "a", sn: "a" })).toMatchObject({ code: 32 });
  expect(await client.add(suffix, { objectClass: ["domain"] })).toMatchObject({ code: 0 });
  expect(await client.values(suffix, "dc")).toEqual(["example"]);
});
