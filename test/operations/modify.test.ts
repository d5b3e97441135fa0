import { Attribute, Change, Client } from "ldapts";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applicationDn, type ChangeOf, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";
import { SettableClock } from "../support/store.js";

const clock = new SettableClock();
let server: StartedServer;
let client: Conversation;
let dn: string;
let count = 0;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", clock: clock.read });
});

beforeEach(async () => {
  client = await Conversation.as("wiki", server);
  const uid = `u${++count}`;
  dn = userDn(uid);
  const values = { objectClass: "inetOrgPerson", uid, cn: ["One", "Two"], sn: "Sn", mail: "one@example.com" };
  expect(await client.add(dn, values)).toMatchObject({ code: 0 });
});

async function attributes(name = dn): Promise<Readonly<Record<string, readonly string[]>>> {
  return (await client.entry(name, ["*", "modifyTimestamp", "modifiersName", "entryUUID"]))!.attributes;
}

describe("changes", () => {
  test("are applied in order, and only the outcome has to obey the schema", async () => {
    const done = await client.modify(
      dn,
      ["delete", "sn"],
      ["add", "mail", "two@example.com", "three@example.com"],
      ["delete", "mail", "ONE@example.com"],
      ["replace", "title", "a", "b"],
      ["delete", "title", "a"],
      ["add", "sn", "New"],
      ["add", "employeeType", "x"],
      ["delete", "employeeType"],
    );
    expect(done).toMatchObject({ code: 0 });
    expect(await attributes()).toMatchObject({
      sn: ["New"],
      mail: ["two@example.com", "three@example.com"],
      title: ["b"],
    });
    expect(await attributes()).not.toHaveProperty("employeeType");
  });

  test("replace without values removes, and is content where there was nothing", async () => {
    expect(await client.modify(dn, ["replace", "mail"], ["replace", "title"])).toMatchObject({ code: 0 });
    expect(await attributes()).not.toHaveProperty("mail");
  });

  test("increment adds to every value (RFC 4525)", async () => {
    const posix = {
      objectClass: ["account", "posixAccount"],
      uid: "n",
      cn: "n",
      uidNumber: "-5",
      gidNumber: "7",
      homeDirectory: "/",
    };
    const number = userDn(`n${count}`);
    expect(await client.add(number, posix)).toMatchObject({ code: 0 });
    expect(
      await client.modify(number, ["increment", "uidNumber", "12"], ["increment", "gidNumber", "-8"]),
    ).toMatchObject({ code: 0 });
    expect(await attributes(number)).toMatchObject({ uidNumber: ["7"], gidNumber: ["-1"] });
    const refused = async (code: number, ...change: ChangeOf) =>
      expect((await client.modify(number, change)).code).toBe(code);
    await refused(2, "increment", "uidNumber", "x");
    await refused(2, "increment", "uidNumber", "1", "2");
    await refused(2, "increment", "uidNumber");
    await refused(19, "increment", "homeDirectory", "1");
    await refused(19, "increment", "employeeNumber", "1");
    await refused(16, "increment", "shadowMin", "1");
    await refused(19, "increment", "userPassword", "1");
    expect(await client.modify(number, ["add", "description", "1"])).toMatchObject({ code: 0 });
    await refused(19, "increment", "description", "1");
  });

  test("with ldapts", async () => {
    const other = new Client({ url: server.url });
    await other.bind(applicationDn("wiki"), "wiki-secret");
    await other.modify(dn, [
      new Change({ operation: "replace", modification: new Attribute({ type: "displayName", values: ["Über"] }) }),
      new Change({ operation: "add", modification: new Attribute({ type: "mail", values: ["l@example.com"] }) }),
    ]);
    expect(await attributes()).toMatchObject({ displayName: ["Über"], mail: ["one@example.com", "l@example.com"] });
    await other.unbind();
  });

  test("write the time and the one who made them, and leave the rest of the entry", async () => {
    const before = await attributes();
    clock.now += 5000;
    const admin = await Conversation.as("console", server);
    expect(await admin.modify(dn, ["replace", "title", "Boss"])).toMatchObject({ code: 0 });
    const { modifyTimestamp: _, ...rest } = before;
    const after = await attributes();
    expect(after).toMatchObject({ ...rest, title: ["Boss"], modifiersName: [applicationDn("console")] });
    expect(after.modifyTimestamp).not.toEqual(before.modifyTimestamp);
  });

  test("none at all change nothing, where one has the right to", async () => {
    const before = await attributes();
    clock.now += 5000;
    expect(await client.modify(dn)).toMatchObject({ code: 0 });
    expect(await attributes()).toEqual(before);
    expect(await client.modify(userDn("nobody"))).toMatchObject({ code: 32 });
    const reader = await Conversation.as("tracker", server);
    expect(await reader.modify(dn)).toMatchObject({ code: 50 });
  });
});

describe("what is refused changes nothing", () => {
  const refusals: [string, number, ...ChangeOf[]][] = [
    ["a value that is there already, by its rule", 20, ["add", "mail", "ONE@example.com"]],
    ["a value that is added twice", 20, ["add", "title", "a", "A"]],
    ["a replacement that holds a value twice", 20, ["replace", "title", "a", " a "]],
    ["an attribute to delete that is not there", 16, ["delete", "title"]],
    ["a value to delete that is not there", 16, ["delete", "mail", "two@example.com"]],
    ["a value to delete twice", 16, ["delete", "mail", "one@example.com", "one@example.com"]],
    ["a value to delete that went before", 16, ["replace", "mail", "x@y.z"], ["delete", "mail", "one@example.com"]],
    ["the last value of what a class requires", 65, ["delete", "sn"]],
    ["an attribute that no class of it allows", 65, ["add", "uidNumber", "5"]],
    ["a member of what is no group", 65, ["add", "member", userDn("ann")]],
    ["an unknown object class", 65, ["add", "objectClass", "wizard"]],
    ["no object class", 65, ["delete", "objectClass"]],
    ["an auxiliary class whose requirements are missing", 65, ["add", "objectClass", "posixAccount"]],
    ["another structural class", 69, ["replace", "objectClass", "account"]],
    ["two structural classes of different lines", 65, ["add", "objectClass", "account"]],
    ["a structural class above", 69, ["replace", "objectClass", "person", "uidObject"], ["delete", "mail"]],
    ["the value that names it", 67, ["delete", "uid"]],
    ["the value that names it, replaced", 67, ["replace", "uid", "other"]],
    ["an unknown attribute", 17, ["add", "wizardry", "x"]],
    ["an operational attribute", 19, ["replace", "entryUUID", "b0e3b5a0-0000-4000-8000-000000000000"]],
    ["a timestamp", 19, ["replace", "modifyTimestamp", "20200101000000Z"]],
    ["memberOf", 19, ["add", "memberOf", groupDn("staff")]],
    ["entryDN", 19, ["replace", "entryDN", suffix]],
    ["distinguishedName", 19, ["replace", "distinguishedName", suffix]],
    ["two values of one that has one", 19, ["replace", "displayName", "a", "b"]],
    ["a value that has not the syntax", 21, ["add", "manager", "no name"]],
    ["an addition of nothing", 2, ["add", "title"]],
    ["a password of an unknown scheme", 19, ["replace", "userPassword", "{MD5}rL0Y20zC+Fzt72VPzMSk2A=="]],
  ];

  test.each(refusals)("%s: %i", async (_, code, ...changes) => {
    const before = await attributes();
    const first: ChangeOf = ["replace", "description", "must not stay"];
    expect(await client.modify(dn, first, ...changes)).toMatchObject({ code, message: expect.stringMatching(/\w/) });
    expect(await attributes()).toEqual(before);
  });

  test("an entry that is not there, or is an application", async () => {
    const change: ChangeOf = ["replace", "description", "x"];
    expect(await client.modify(userDn("nobody"), change)).toMatchObject({ code: 32, matchedDn: `ou=people,${suffix}` });
    const admin = await Conversation.as("console", server);
    expect(await admin.modify(applicationDn("wiki"), change)).toMatchObject({ code: 53 });
    expect(await admin.modify(applicationDn("nobody"), change)).toMatchObject({ code: 53 });
  });
});

describe("memberships", () => {
  let group: string;

  beforeEach(async () => {
    group = groupDn(`g${count}`);
    const values = {
      objectClass: ["groupOfNames", "groupOfUniqueNames", "posixGroup"],
      cn: `g${count}`,
      gidNumber: "5",
    };
    expect(await client.add(group, values)).toMatchObject({ code: 0 });
  });

  const members = () => client.values(group, "member");

  test("are one, whichever way they are spelled", async () => {
    expect(await client.modify(group, ["add", "member", userDn("Ann")])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["add", "uniqueMember", userDn("ben")])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["add", "memberUid", "CORA"])).toMatchObject({ code: 0 });
    expect(await members()).toEqual(["ann", "ben", "cora"].map(userDn));
    expect(await client.values(group, "uniqueMember")).toEqual(["ann", "ben", "cora"].map(userDn));
    expect(await client.values(group, "memberUid")).toEqual(["ann", "ben", "cora"]);
    expect(await client.values(userDn("cora"), "memberOf")).toContain(group);
    expect(await client.modify(group, ["add", "memberUid", "ann"])).toMatchObject({ code: 20 });
    expect(await client.modify(group, ["add", "uniqueMember", `UID=ann, ou=People,${suffix}`])).toMatchObject({
      code: 20,
    });
    expect(await client.modify(group, ["delete", "memberUid", "ann"])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["delete", "member", userDn("ann")])).toMatchObject({ code: 16 });
    expect(await client.modify(group, ["delete", "uniqueMember", userDn("CORA")])).toMatchObject({ code: 0 });
    expect(await members()).toEqual([userDn("ben")]);
    expect(await client.modify(group, ["delete", "member"])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["delete", "member"])).toMatchObject({ code: 16 });
    expect(await members()).toEqual([]);
  });

  test("are replaced as a whole, each named once", async () => {
    expect(await client.modify(group, ["replace", "member", userDn("ann"), userDn("ben")])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["replace", "member", userDn("ben"), userDn("cora")])).toMatchObject({ code: 0 });
    expect(await members()).toEqual([userDn("ben"), userDn("cora")]);
    expect(await client.modify(group, ["replace", "member", userDn("dan"), userDn("DAN")])).toMatchObject({ code: 20 });
    expect(await client.modify(group, ["replace", "member", userDn("dan"), "no name"])).toMatchObject({ code: 21 });
    expect(await members()).toEqual([userDn("ben"), userDn("cora")]);
    expect(await client.modify(group, ["replace", "member"])).toMatchObject({ code: 0 });
    expect(await members()).toEqual([]);
  });

  test("replaced by uid stay where they have none", async () => {
    expect(await client.modify(group, ["add", "member", groupDn("design"), userDn("ann")])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["replace", "memberUid", "ben"])).toMatchObject({ code: 0 });
    expect(await members()).toEqual([groupDn("design"), userDn("ben")]);
  });

  test("of names that nothing has are kept as written until something has them", async () => {
    const placeholder = "cn=empty-membership-placeholder";
    const early = userDn(`early${count}`);
    expect(await client.modify(group, ["add", "member", placeholder, early])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["add", "memberUid", `later${count}`])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["add", "member", placeholder.toUpperCase()])).toMatchObject({ code: 20 });
    expect(await members()).toEqual([placeholder, early].sort());
    expect(await client.values(group, "memberUid")).toEqual([`later${count}`]);
    expect((await client.search({ filter: `(member=${early})`, attributes: ["1.1"] })).dns).toEqual([group]);
    expect((await client.search({ filter: `(memberUid=later${count})`, attributes: ["1.1"] })).dns).toEqual([group]);
    const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x" };
    expect(await client.add(early, person)).toMatchObject({ code: 0 });
    expect(await client.add(userDn(`later${count}`), person)).toMatchObject({ code: 0 });
    expect(await client.values(early, "memberOf")).toEqual([group]);
    expect(await members()).toEqual([placeholder, early, userDn(`later${count}`)].sort());
    expect(await client.modify(group, ["delete", "member", placeholder])).toMatchObject({ code: 0 });
    expect(await client.modify(group, ["delete", "member", placeholder])).toMatchObject({ code: 16 });
  });

  test("change the group's time, and the last may go", async () => {
    const before = await attributes(group);
    clock.now += 5000;
    expect(await client.modify(group, ["add", "member", dn])).toMatchObject({ code: 0 });
    const after = await attributes(group);
    expect(after.modifyTimestamp).not.toEqual(before.modifyTimestamp);
    expect(await client.modify(group, ["delete", "member", dn])).toMatchObject({ code: 0 });
    expect(await members()).toEqual([]);
  });

  test("keep a group a group", async () => {
    const device = `cn=d${count},ou=groups,${suffix}`;
    const values = { objectClass: ["device", "posixGroup"], cn: `d${count}`, gidNumber: "5", memberUid: "ann" };
    const admin = await Conversation.as("console", server);
    expect(await admin.add(device, values)).toMatchObject({ code: 0 });
    const changes: ChangeOf[] = [
      ["delete", "objectClass", "posixGroup"],
      ["delete", "gidNumber"],
    ];
    expect(await admin.modify(device, ...changes)).toMatchObject({ code: 65 });
    expect(await admin.modify(device, ...changes, ["delete", "memberUid"])).toMatchObject({ code: 0 });
    expect((await admin.entry(device))!.attributes).toEqual({ objectClass: ["top", "device"], cn: [`d${count}`] });
  });

  test("of a group in itself, and of groups in a circle, are no trouble", async () => {
    expect(await client.modify(group, ["add", "member", group])).toMatchObject({ code: 0 });
    expect(await members()).toEqual([group]);
    expect(await client.values(group, "memberOf")).toEqual([group]);
    expect(await client.remove(group)).toMatchObject({ code: 0 });
  });
});

describe("userPassword", () => {
  const logsIn = async (password: string) => (await (await Conversation.with(server)).bind(dn, password)).code === 0;

  test("is replaced, added to and deleted by clear text, by hash, and as a whole", async () => {
    expect(await client.modify(dn, ["replace", "userPassword", "first"])).toMatchObject({ code: 0 });
    expect(await logsIn("first")).toBe(true);
    expect(await client.modify(dn, ["add", "userpassword", "second"])).toMatchObject({ code: 0 });
    expect([await logsIn("first"), await logsIn("second")]).toEqual([true, true]);
    expect(
      await client.modify(dn, ["delete", "userPassword", "first"], ["add", "userPassword", "third"]),
    ).toMatchObject({ code: 0 });
    expect([await logsIn("first"), await logsIn("second"), await logsIn("third")]).toEqual([false, true, true]);
    expect(await client.modify(dn, ["delete", "userPassword", "wrong"])).toMatchObject({ code: 16 });
    const hash = saltedSha("hashed");
    expect(await client.modify(dn, ["replace", "userPassword", hash])).toMatchObject({ code: 0 });
    expect([await logsIn("hashed"), await logsIn(hash), await logsIn("second")]).toEqual([true, false, false]);
    expect(await client.modify(dn, ["delete", "userPassword"])).toMatchObject({ code: 0 });
    expect(await logsIn("hashed")).toBe(false);
    expect(await client.modify(dn, ["delete", "userPassword"])).toMatchObject({ code: 16 });
    expect(await client.modify(dn, ["add", "userPassword", "a", "b", "c", "d", "e"])).toMatchObject({ code: 19 });
  });

  const dear = "{BCRYPT}$2b$16$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
  test.each([
    ["a hash dearer than those made here", "higher cost", dear],
    ["what only begins like a hash", "not a whole one", "{SSHA}hello"],
    ["a bcrypt hash cut short", "not a whole one", dear.slice(0, -1)],
    ["a hash that never ends", "not a whole one", `{SSHA}${"A".repeat(70_000)}`],
    ["a hash of an unknown scheme that never ends", "not known", `{ARGON2}${"A".repeat(70_000)}`],
  ])("is not %s", async (_, sentence, value) => {
    const refused = { code: 19, message: expect.stringContaining(sentence) };
    expect(await client.modify(dn, ["replace", "userPassword", value])).toMatchObject(refused);
    const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x", userPassword: value };
    expect(await client.add(userDn(`h${count}`), person)).toMatchObject(refused);
  });

  test("is counted before anything is hashed", async () => {
    const tooMany = { code: 19, message: "userPassword has at most 4 values" };
    const unhashable = "x".repeat(100);
    expect(await client.modify(dn, ["add", "userPassword", "a", "b", "c", "d", unhashable])).toMatchObject(tooMany);
    expect(
      await client.modify(dn, ["replace", "userPassword", "a", "b", unhashable], ["replace", "userPassword", "c", "d"]),
    ).toMatchObject(tooMany);
    expect(await client.modify(dn, ["delete", "userPassword", "a", "b", "c", "d", "e"])).toMatchObject(tooMany);
  });

  test("comes from a user in clear text only", async () => {
    expect(await client.modify(dn, ["replace", "userPassword", saltedSha("own")])).toMatchObject({ code: 0 });
    const user = await Conversation.with(server);
    expect(await user.bind(dn, "own")).toMatchObject({ code: 0 });
    expect(await user.modify(dn, ["replace", "userPassword", saltedSha("x")])).toMatchObject({
      code: 19,
      message: "userPassword: a user sends a new password in clear text, not as a hash",
    });
    expect(await user.modify(dn, ["replace", "userPassword", "clear"])).toMatchObject({ code: 0 });
    expect(await logsIn("clear")).toBe(true);
  });

  test("changes the entry's time, and is only where a class allows it", async () => {
    const before = await attributes();
    clock.now += 5000;
    expect(await client.modify(dn, ["replace", "userPassword", "new"])).toMatchObject({ code: 0 });
    expect((await attributes()).modifyTimestamp).not.toEqual(before.modifyTimestamp);
    expect(await client.modify(groupDn("design"), ["add", "userPassword", "x"])).toMatchObject({ code: 65 });
  });

  test("keeps what else is changed with it, in one", async () => {
    expect(await client.modify(dn, ["replace", "userPassword", "x"], ["delete", "title"])).toMatchObject({ code: 16 });
    expect(await logsIn("x")).toBe(false);
    expect(await client.modify(dn, ["replace", "userPassword", "x"], ["add", "title", "t"])).toMatchObject({ code: 0 });
    expect(await logsIn("x")).toBe(true);
    expect(await attributes()).toMatchObject({ title: ["t"] });
  });
});
