// Groups in groups as views show them, and users who are disabled.
import { beforeAll, describe, expect, test } from "vitest";
import { Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { SettableClock } from "../support/store.js";
import { applicationsYaml } from "./applications.js";

const clock = new SettableClock();
const day = 24 * 60 * 60 * 1000;

let server: StartedServer;

const outer = groupDn("outer");
const inner = groupDn("inner");
const bridge = groupDn("bridge");
const [ann, ben, hugo] = ["ann", "ben", "hugo"].map(userDn) as [string, string, string];

beforeAll(async () => {
  server = await startedServer({
    lasts: "file",
    clock: clock.read,
    applications: applicationsYaml({
      manager: { access: "admin" },
      flat: { access: "read-write", more: ["view: { nestedGroups: flatten }"] },
      sighted: { access: "read", more: ['view: { nestedGroups: flatten, groups: "(!(cn=bridge))" }'] },
      plain: { access: "read-write", more: ["view: { nestedGroups: hide }"] },
      lively: { access: "read-write", more: ["view: { disabledUsers: hide }"] },
    }),
  });
});

/** Once, by the first conversation: outer holds ann and bridge, bridge holds inner, inner ann, ben and, in a ring, outer. */
let isPlanted = false;

async function as(name: string): Promise<Conversation> {
  if (!isPlanted) {
    isPlanted = true;
    const admin = await Conversation.as("manager", server);
    for (const [dn, member] of [
      [outer, [ann, bridge]],
      [bridge, [inner]],
      [inner, [ann, ben, outer]],
    ] as const) {
      expect(await admin.add(dn, { objectClass: "groupOfNames", member })).toMatchObject({ code: 0 });
    }
  }
  return Conversation.as(name, server);
}

const made = [outer, bridge, inner];
const found = async (client: Conversation, filter: string) =>
  (await client.search({ filter, attributes: ["1.1"] })).dns.filter((dn) => made.includes(dn) || dn.startsWith("uid="));
const groupsOf = async (client: Conversation, dn: string) =>
  (await client.values(dn, "memberOf")).filter((group) => made.includes(group));

describe("flatten", () => {
  test("shows whom a group holds through others, and which groups hold a user", async () => {
    const client = await as("flat");
    for (const group of made) {
      expect(await client.values(group, "member")).toEqual([ann, ben]);
      expect(await client.values(group, "memberUid")).toEqual(["ann", "ben"]);
      expect(await client.values(group, "memberOf")).toEqual([]);
    }
    expect(await groupsOf(client, ben)).toEqual([bridge, inner, outer]);
  });

  test("matches what it shows, in filters of every kind and in Compare", async () => {
    const client = await as("flat");
    expect(await found(client, `(&(objectClass=groupOfNames)(member=${ben}))`)).toEqual(made);
    expect(await found(client, `(memberUid=ben)`)).toEqual(made);
    expect(await found(client, `(member=${inner})`)).toEqual([]);
    expect(await found(client, `(memberOf=${outer})`)).toEqual([ann, ben]);
    expect(await found(client, `(&(uid=ben)(memberOf=${bridge}))`)).toEqual([ben]);
    expect(await found(client, `(&(cn=outer)(member=*))`)).toEqual([outer]);
    expect(await found(client, `(&(cn=outer)(memberOf=*))`)).toEqual([]);
    expect(await found(client, `(&(cn=outer)(!(member=${ben})))`)).toEqual([]);
    expect(await found(client, `(&(cn=outer)(member:distinguishedNameMatch:=${ben}))`)).toEqual([outer]);
    expect(await client.compare(outer, "member", ben)).toMatchObject({ code: 6 });
    expect(await client.compare(outer, "member", inner)).toMatchObject({ code: 5 });
    expect(await client.compare(ben, "memberOf", outer)).toMatchObject({ code: 6 });
    expect(await client.compare(inner, "memberOf", outer)).toMatchObject({ code: 16 });
  });

  test("leads through no hidden group, for users who come in that way neither", async () => {
    const client = await as("sighted");
    expect(await client.values(outer, "member")).toEqual([ann]);
    expect(await found(client, `(member=${ben})`)).toEqual([inner]);
    expect(await groupsOf(client, ben)).toEqual([inner]);
  });

  test("writes direct members, and does not pretend to take out others", async () => {
    const client = await as("flat");
    const admin = await as("manager");
    expect(await client.modify(outer, ["delete", "member", ben])).toMatchObject({ code: 16 });
    expect(await client.modify(outer, ["delete", "member", bridge])).toMatchObject({ code: 16 });
    expect(await client.modify(outer, ["replace", "member", ann])).toMatchObject({ code: 16 });
    expect(await client.modify(outer, ["delete", "member"])).toMatchObject({ code: 16 });
    expect(await client.modify(outer, ["add", "member", inner])).toMatchObject({
      code: 50,
      message: "application flat lacks the right to put a group into a group: its view shows none there",
    });
    expect(await client.modify(outer, ["replace", "member", ann, ben, hugo])).toMatchObject({ code: 0 });
    expect(await admin.values(outer, "member")).toEqual([ann, hugo, bridge].sort());
    expect(await client.modify(outer, ["add", "member", ben])).toMatchObject({ code: 0 });
    expect(await client.modify(outer, ["add", "member", ben])).toMatchObject({ code: 20 });
    expect(await client.modify(outer, ["delete", "member", ben], ["delete", "member", hugo])).toMatchObject({
      code: 0,
    });
    expect(await admin.values(outer, "member")).toEqual([ann, bridge].sort());
  });

  test("finds members of groups that are large", async () => {
    const admin = await as("manager");
    const many = Array.from({ length: 200 }, (_, n) => `m${n}`);
    for (const uid of many) await admin.add(userDn(uid), { objectClass: "inetOrgPerson", cn: uid, sn: uid });
    expect(await admin.modify(inner, ["add", "member", ...many.map(userDn)])).toMatchObject({ code: 0 });
    const client = await as("flat");
    expect(await client.values(outer, "member")).toHaveLength(202);
    expect(await found(client, `(memberOf=${outer})`)).toHaveLength(202);
    expect(await found(client, `(member=${userDn("m7")})`)).toEqual(made);
    for (const uid of many) await admin.remove(userDn(uid));
  });
});

describe("hide", () => {
  test("lets no group become something whose groups would show", async () => {
    const client = await as("plain");
    const admin = await as("manager");
    const both = { objectClass: ["inetOrgPerson", "posixGroup"], cn: "both", sn: "x", gidNumber: "1" };
    expect(await admin.add(groupDn("both"), both)).toMatchObject({ code: 0 });
    expect(
      await client.modify(groupDn("both"), ["delete", "objectClass", "posixGroup"], ["delete", "gidNumber"]),
    ).toMatchObject({
      code: 50,
      message: expect.stringContaining("application plain lacks the right to make a group"),
    });
    expect(await admin.remove(groupDn("both"))).toMatchObject({ code: 0 });
  });

  test("shows no group in a group, and matches none", async () => {
    const client = await as("plain");
    expect(await client.values(outer, "member")).toEqual([ann]);
    expect(await client.values(bridge, "member")).toEqual([]);
    expect(await groupsOf(client, ben)).toEqual([inner]);
    expect(await client.values(inner, "memberOf")).toEqual([]);
    expect(await found(client, `(member=${inner})`)).toEqual([]);
    expect(await found(client, `(memberOf=${bridge})`)).toEqual([]);
    expect(await found(client, `(&(cn=bridge)(member=*))`)).toEqual([]);
    expect(await client.compare(outer, "member", bridge)).toMatchObject({ code: 5 });
    expect(await client.modify(outer, ["delete", "member", bridge])).toMatchObject({ code: 16 });
    expect(await client.modify(bridge, ["delete", "member"])).toMatchObject({ code: 16 });
    expect(await client.modify(outer, ["replace", "member", ann])).toMatchObject({ code: 0 });
    const admin = await as("manager");
    expect(await admin.values(outer, "member")).toEqual([ann, bridge].sort());
  });
});

describe("a disabled user that a view hides", () => {
  test("does not exist, from the day on which the account expires", async () => {
    const admin = await as("manager");
    const client = await as("lively");
    const dn = userDn("brief");
    const person = { objectClass: ["inetOrgPerson", "shadowAccount"], cn: "x", sn: "x", uid: "brief" };
    const expires = Math.floor(clock.now / day) + 1;
    expect(await admin.add(dn, { ...person, shadowExpire: `${expires}` })).toMatchObject({ code: 0 });
    expect(await client.entry(dn)).toBeDefined();
    expect(await client.modify(dn, ["replace", "shadowExpire", "1"])).toMatchObject({
      code: 50,
      message: "the entry would stand outside of what this application sees",
    });
    clock.now += 2 * day;
    expect(await client.search({ base: dn, scope: "base" })).toMatchObject({
      code: 32,
      matchedDn: `ou=people,${suffix}`,
    });
    expect(await client.modify(dn, ["replace", "title", "x"])).toMatchObject({ code: 32 });
    expect(await admin.remove(dn)).toMatchObject({ code: 0 });
  });
});
