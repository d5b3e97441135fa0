import { Client } from "ldapts";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { SettableClock } from "../support/store.js";

const clock = new SettableClock();
let server: StartedServer;
let admin: Conversation;
let uid: string;
let count = 0;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", clock: clock.read });
});

beforeEach(async () => {
  admin = await Conversation.as("console", server);
  uid = `u${++count}`;
  expect(
    await admin.add(userDn(uid), { objectClass: "inetOrgPerson", uid: [uid, "alias"], cn: "Name", sn: "Sn" }),
  ).toMatchObject({ code: 0 });
  expect(await admin.modify(groupDn("staff"), ["add", "member", userDn(uid)])).toMatchObject({ code: 0 });
});

describe("a rename", () => {
  test("takes the old value away or leaves it, and adds the new one", async () => {
    expect(await admin.rename(userDn(uid), `uid=${uid}-new`)).toMatchObject({ code: 0 });
    expect(await admin.values(userDn(`${uid}-new`), "uid")).toEqual(["alias", `${uid}-new`]);
    expect(await admin.rename(userDn(`${uid}-new`), `uid=${uid}`, { deleteOldRdn: false })).toMatchObject({ code: 0 });
    expect(await admin.values(userDn(uid), "uid")).toEqual(["alias", uid, `${uid}-new`].sort());
    expect(await admin.rename(userDn(uid), "cn=Name")).toMatchObject({ code: 0 });
    const found = await admin.entry(`cn=name,ou=people,${suffix}`);
    expect(found!.attributes).toMatchObject({ cn: ["Name"], uid: ["alias", `${uid}-new`] });
    expect(await admin.entry(userDn(uid))).toBeUndefined();
    expect(await admin.remove(found!.dn)).toMatchObject({ code: 0 });
  });

  test("keeps the entry what it was: its UUID, its groups, its password", async () => {
    const before = (await admin.entry(userDn(uid), ["entryUUID", "createTimestamp", "memberOf"]))!.attributes;
    expect(await admin.modify(userDn(uid), ["replace", "userPassword", "secret"])).toMatchObject({ code: 0 });
    clock.now += 5000;
    const client = new Client({ url: server.url });
    await client.bind(applicationDn("wiki"), "wiki-secret");
    await client.modifyDN(userDn(uid), `uid=${uid}-new`);
    await client.bind(userDn(`${uid}-new`), "secret");
    await client.unbind();
    const after = await admin.entry(userDn(`${uid}-new`), ["entryUUID", "createTimestamp", "memberOf"]);
    expect(after!.attributes).toEqual(before);
    expect(await admin.values(groupDn("staff"), "member")).toContain(userDn(`${uid}-new`));
    expect(await admin.values(groupDn("staff"), "member")).not.toContain(userDn(uid));
    expect(await admin.values(userDn(`${uid}-new`), "modifiersName")).toEqual([applicationDn("wiki")]);
  });

  test("of the spelling alone is one", async () => {
    expect(await admin.rename(userDn(uid), `UID=${uid.toUpperCase()}`)).toMatchObject({ code: 0 });
    const { entries } = await admin.search({ base: userDn(uid), scope: "base", attributes: ["uid"] });
    expect(entries[0]!.dn).toBe(`UID=${uid.toUpperCase()},ou=people,${suffix}`);
    expect(entries[0]!.attributes.uid).toEqual(["alias", uid.toUpperCase()]);
  });

  test("gives a group's members that waited for the name a member", async () => {
    const waiting = userDn(`${uid}-awaited`);
    const before = await admin.values(groupDn("design"), "modifyTimestamp");
    expect(await admin.modify(groupDn("design"), ["add", "member", waiting])).toMatchObject({ code: 0 });
    clock.now += 5000;
    expect(await admin.rename(userDn(uid), `uid=${uid}-awaited`)).toMatchObject({ code: 0 });
    expect(await admin.values(waiting, "memberOf")).toEqual([groupDn("design"), groupDn("staff")]);
    expect(await admin.values(groupDn("design"), "modifyTimestamp")).not.toEqual(before);
  });
});

describe("a move", () => {
  test("takes everything below along, with UUIDs and memberships", async () => {
    const unit = (name: string, above = suffix) => `ou=${name},${above}`;
    for (const dn of [unit(`a${count}`), unit("deep", unit(`a${count}`)), unit(`b${count}`)]) {
      expect(await admin.add(dn, { objectClass: "organizationalUnit" })).toMatchObject({ code: 0 });
    }
    const old = `uid=${uid},${unit("deep", unit(`a${count}`))}`;
    expect(
      await admin.rename(userDn(uid), `uid=${uid}`, { newSuperior: unit("deep", unit(`a${count}`)) }),
    ).toMatchObject({ code: 0 });
    const before = (await admin.entry(old, ["*", "entryUUID"]))!.attributes;
    expect(before.memberOf).toEqual([groupDn("staff")]);
    expect(await admin.rename(unit(`a${count}`), "ou=moved", { newSuperior: unit(`b${count}`) })).toMatchObject({
      code: 0,
    });
    const moved = `uid=${uid},ou=deep,ou=moved,${unit(`b${count}`)}`;
    expect((await admin.entry(moved, ["*", "entryUUID"]))!.attributes).toEqual(before);
    expect(await admin.entry(old)).toBeUndefined();
    expect(await admin.values(groupDn("staff"), "member")).toContain(moved);
    expect((await admin.search({ filter: `(member=${moved})` })).dns).toEqual([groupDn("staff")]);
    expect((await admin.search({ base: unit(`b${count}`) })).dns).toContain(moved);
    expect(await admin.values(unit(`b${count}`), "numSubordinates")).toEqual(["1"]);
    expect(await admin.values(suffix, "hasSubordinates")).toEqual(["TRUE"]);
  });

  test("below itself, below nothing, out of the suffix or among the applications is refused", async () => {
    const move = async (dn: string, newSuperior: string) => (await admin.rename(dn, "ou=moved", { newSuperior })).code;
    const unit = `ou=people,${suffix}`;
    expect(await move(unit, unit)).toBe(53);
    expect(await move(unit, userDn("ann"))).toBe(53);
    expect(await move(unit, `ou=nowhere,${suffix}`)).toBe(32);
    expect(await move(unit, "dc=org")).toBe(32);
    expect(await move(unit, `ou=applications,${suffix}`)).toBe(53);
    expect(await admin.rename(unit, "ou=applications")).toMatchObject({ code: 53 });
    expect(await admin.rename(applicationDn("wiki"), "cn=other")).toMatchObject({ code: 53 });
    expect(await admin.entry(unit)).toBeDefined();
  });
});

test.each([
  ["a name that is taken", 68, "uid=ann"],
  ["a name that uses an attribute twice", 64, "cn=a+commonName=b"],
  ["a name by a password", 64, "userPassword=x"],
  ["a name by an attribute that nobody knows", 17, "wizard=x"],
  ["a name by an attribute that its classes do not allow", 65, "dc=x"],
  ["a name that has not the syntax", 21, "manager=nobody"],
])("%s is refused: %i", async (_, code, newRdn) => {
  expect(await admin.rename(userDn(uid), newRdn)).toMatchObject({ code });
  expect(await admin.values(userDn(uid), "uid")).toEqual(["alias", uid].sort());
});

test("the suffix cannot be renamed, nor what is not there", async () => {
  expect(await admin.rename(suffix, "dc=other")).toMatchObject({ code: 53 });
  expect(await admin.rename(userDn("nobody"), "uid=x")).toMatchObject({ code: 32, matchedDn: `ou=people,${suffix}` });
});

test("an old name that a class requires cannot be taken away", async () => {
  const group = groupDn(`g${count}`);
  expect(await admin.add(group, { objectClass: "groupOfNames", cn: `g${count}`, ou: "x" })).toMatchObject({ code: 0 });
  expect(await admin.rename(group, "ou=x")).toMatchObject({ code: 65 });
  expect(await admin.rename(group, "ou=x", { deleteOldRdn: false })).toMatchObject({ code: 0 });
});
