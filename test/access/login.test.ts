// The rules of `login`: groups, days and hours, addresses; and who is disabled.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { applicationsYaml } from "./applications.js";

const friday = Date.parse("2026-01-30T12:00Z");

const applications = {
  manager: { access: "admin", more: ["login: []"] },
  dynamic: { addresses: "[127.0.0.2]", more: ["login: [dynamic]"] },
  nested: { addresses: "[127.0.0.3]", more: ["login: [around]"] },
  office: {
    addresses: "[127.0.0.4]",
    more: ["login: { days: mon-fri, hours: 08:00-18:00, timeZone: Europe/Berlin, message: office hours only }"],
  },
  days: { addresses: "[127.0.0.5]", more: ["login: { days: [sat, sun] }"] },
  desk: { addresses: "[127.0.0.0/24]", more: ["login: { addresses: [127.0.0.6, 127.0.0.7] }"] },
  all: { addresses: "[127.0.0.8]" },
};

let server: StartedServer;
let admin: Conversation;
let now = friday;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", applications: applicationsYaml(applications), clock: () => now });
});

beforeEach(async () => {
  now = friday;
  admin = await Conversation.as("manager", server);
});

const refusal = { code: 49, message: "the name or the password is wrong" };

function lastAudit(of = server): Readonly<Record<string, unknown>> {
  return of.log.filter(({ audit }) => audit).at(-1)!.audit!;
}

async function through(application: keyof typeof applications, uid: string, address?: string) {
  const from = address ?? /127\.0\.0\.\d/.exec((applications[application] as { addresses: string }).addresses)![0];
  const client = await Conversation.as(application, server, from);
  return client.bindUser(uid);
}

describe("a dynamic group", () => {
  const url = (more: string, base = `ou=people,${suffix}`) => `ldap:///${base}?${more}`;

  async function define(...memberURL: string[]): Promise<void> {
    await admin.remove(groupDn("dynamic"));
    const literal = { objectClass: "groupOfURLs", cn: "dynamic", memberURL };
    expect(await admin.add(groupDn("dynamic"), literal)).toMatchObject({ code: 0 });
  }

  test.each([
    ["by a filter", url("?sub?(uid=ann)"), "ann"],
    ["by a filter on its groups", url(`?sub?(memberOf=${groupDn("design")})`), undefined],
    ["one level below", url("?one?(uid=ann)"), "ann"],
    ["as the base itself", `ldap:///${userDn("ann")}`, "ann"],
    ["by a base in other letters", url("?sub?(uid=ann)", `OU=People, ${suffix}`), "ann"],
    ["in the whole tree", "ldap:///??sub?(uid=ann)", "ann"],
    ["by characters written with %", "ldap:///ou%3Dpeople,dc=example,dc=com??sub?(%75id=ann)", "ann"],
  ])("lets in whom its URL finds %s, and nobody else", async (_, one, uid) => {
    await define(one);
    if (uid) expect((await through("dynamic", uid)).code).toBe(0);
    else expect((await through("dynamic", "ann")).code).toBe(49);
    expect(await through("dynamic", "leo")).toMatchObject(refusal);
    expect(lastAudit()).toMatchObject({ rule: "not in a login group", application: "dynamic" });
  });

  test.each([
    ["one level above", url("?one?(uid=ann)", suffix)],
    ["at the base alone", url("?base?(uid=ann)")],
    ["elsewhere", url("?sub?(uid=ann)", `ou=groups,${suffix}`)],
    ["below what is not there", url("?sub?(uid=ann)", `ou=gone,${suffix}`)],
    ["on another server", `ldap://other.example.com/${suffix}??sub?(uid=ann)`],
    ["with an extension that must be known", url("?sub?(uid=ann)?!x-strange")],
    ["by a scope that there is not", url("?subtree?(uid=ann)")],
    ["by a filter that is none", url("?sub?uid=ann")],
    ["by an attribute that nobody knows", url("?sub?(strange=ann)")],
    ["by a password", url("?sub?(userPassword=*)")],
  ])("lets in nobody by a URL that looks %s", async (_, one) => {
    await define(one);
    expect(await through("dynamic", "ann")).toMatchObject(refusal);
  });

  test("of several URLs lets in whom one of them finds", async () => {
    await define(url("?sub?(uid=ann)"), "no URL", url("?sub?(uid=leo)"));
    expect((await through("dynamic", "ann")).code).toBe(0);
    expect((await through("dynamic", "leo")).code).toBe(0);
    expect((await through("dynamic", "ben")).code).toBe(49);
  });

  test("follows neither URLs that are longer than any that is meant, nor more than a hundred", async () => {
    await define(url(`?sub?(|(uid=ann)(cn=${"x".repeat(4096)}))`));
    expect((await through("dynamic", "ann")).code).toBe(49);
    const others = Array.from({ length: 99 }, (_, n) => url(`?sub?(uid=nobody${n})`));
    await define(...others, url("?sub?(uid=ann)"), url("?sub?(uid=leo)"));
    expect((await through("dynamic", "ann")).code).toBe(0);
    expect((await through("dynamic", "leo")).code).toBe(49);
  });

  test("follows the user: who is changed so that the filter matches gets in", async () => {
    await define(url("?sub?(title=Gatekeeper)"));
    expect((await through("dynamic", "leo")).code).toBe(49);
    await admin.modify(userDn("leo"), ["replace", "title", "gatekeeper"]);
    expect((await through("dynamic", "leo")).code).toBe(0);
    await admin.modify(userDn("leo"), ["delete", "title"]);
    expect((await through("dynamic", "leo")).code).toBe(49);
  });

  test("inside a group that login names counts as well, at any depth", async () => {
    await define(url("?sub?(uid=ann)"));
    const group = (cn: string, member: string) =>
      admin.add(groupDn(cn), { objectClass: "groupOfNames", cn, member: [member] });
    expect(await group("between", groupDn("dynamic"))).toMatchObject({ code: 0 });
    expect((await through("nested", "ann")).code).toBe(49);
    expect(await group("around", groupDn("between"))).toMatchObject({ code: 0 });
    expect((await through("nested", "ann")).code).toBe(0);
    expect((await through("nested", "leo")).code).toBe(49);
    await admin.remove(groupDn("between"));
    expect((await through("nested", "ann")).code).toBe(49);
  });
});

describe("hours and days", () => {
  test("let users in at their time, and refuse them at others in the words for a wrong password", async () => {
    expect((await through("office", "ann")).code).toBe(0);
    now = Date.parse("2026-01-30T17:00Z");
    expect(await through("office", "ann")).toMatchObject(refusal);
    expect(lastAudit()).toMatchObject({
      outcome: "invalidCredentials",
      rule: "outside of the login hours",
      detail: "office hours only",
      target: userDn("ann"),
      application: "office",
    });
    now = Date.parse("2026-01-31T12:00Z");
    expect((await through("office", "ann")).code).toBe(49);
    expect((await through("days", "ann")).code).toBe(0);
    now = Date.parse("2026-02-02T00:00Z");
    expect(await through("days", "ann")).toMatchObject(refusal);
    expect(lastAudit()).toMatchObject({ rule: "not on a login day" });
    expect(lastAudit()).not.toHaveProperty("detail");
  });

  test("do not end a session that is open: it stays until it binds again", async () => {
    const client = await Conversation.as("office", server, "127.0.0.4");
    await client.bindUser("ann");
    now = Date.parse("2026-01-30T23:00Z");
    expect(await client.whoAmI()).toBe(`dn:${userDn("ann")}`);
    expect(await client.compare(userDn("ann"), "userPassword", "ann-secret")).toMatchObject({ code: 5 });
    expect(lastAudit()).toMatchObject({ rule: "outside of the login hours", detail: "office hours only" });
    expect((await client.bindUser("ann")).code).toBe(49);
  });

  test("hold for Compare by the application", async () => {
    const client = await Conversation.as("office", server, "127.0.0.4");
    expect(await client.compare(userDn("ann"), "userPassword", "ann-secret")).toMatchObject({ code: 6 });
    now = Date.parse("2026-01-31T12:00Z");
    expect(await client.compare(userDn("ann"), "userPassword", "ann-secret")).toMatchObject({ code: 5 });
    expect(lastAudit()).toMatchObject({ outcome: "compareFalse", rule: "outside of the login hours" });
  });
});

test("addresses of login narrow those of the application", async () => {
  expect((await through("desk", "ann", "127.0.0.7")).code).toBe(0);
  expect(await through("desk", "ann", "127.0.0.9")).toMatchObject(refusal);
  expect(lastAudit()).toMatchObject({ address: "127.0.0.9", rule: "address not among the login addresses" });
  const client = await Conversation.with(server, "127.0.0.9");
  expect(await client.bind(applicationDn("desk"), "desk-secret")).toMatchObject({ code: 0 });
});

test("a user that is disabled never logs in, and does again when it is not", async () => {
  const dn = userDn("off");
  const literal = { objectClass: ["inetOrgPerson", "shadowAccount"], uid: "off", cn: "Off", sn: "Off" };
  expect(await admin.add(dn, { ...literal, userPassword: "off-secret" })).toMatchObject({ code: 0 });
  expect((await through("all", "off")).code).toBe(0);
  expect(await admin.modify(dn, ["replace", "shadowExpire", "20000"])).toMatchObject({ code: 0 });
  expect(await through("all", "off")).toMatchObject(refusal);
  expect(lastAudit()).toMatchObject({ rule: "user disabled", application: "all" });
  const client = await Conversation.as("all", server, "127.0.0.8");
  expect(await client.compare(dn, "userPassword", "off-secret")).toMatchObject({ code: 5 });
  await admin.modify(dn, ["replace", "shadowExpire", "30000"]);
  expect((await through("all", "off")).code).toBe(0);
  await admin.remove(dn);
});

test("where several applications refuse, the audit line has the reason of each", async () => {
  const own = await startedServer({
    clock: () => now,
    applications: applicationsYaml({
      one: { more: ["login: { groups: [nobody-is-in-it], message: ask the desk }"] },
      two: { more: ["login: { days: sun, message: on Sundays }"] },
      three: { more: ["login: []"] },
    }),
  });
  const client = await Conversation.with(own);
  expect(await client.bindUser("ann")).toMatchObject(refusal);
  expect(lastAudit(own)).toMatchObject({
    rule: "one: not in a login group; two: not on a login day",
    detail: "ask the desk; on Sundays",
  });
});

describe("rules read anew", () => {
  async function reload(of: StartedServer, login: string): Promise<void> {
    await writeFile(join(of.folder, "applications.yaml"), applicationsYaml({ wiki: { more: [login] } }));
    expect(await of.running.reload()).toEqual([]);
  }

  test("put out whom other rules let in; another message or the same rules do not", async () => {
    const rules = (more: string) => `login: { hours: 08:00-18:00, addresses: [127.0.0.1]${more} }`;
    const own = await startedServer({
      clock: () => now,
      applications: applicationsYaml({ wiki: { more: [rules("")] } }),
    });
    const client = await Conversation.with(own);
    await client.bindUser("ann");
    for (const same of ["", ", timeZone: UTC", ", message: not now"]) {
      await reload(own, rules(same));
      expect(await client.whoAmI()).toBe(`dn:${userDn("ann")}`);
    }
    for (const other of [", days: mon-fri", ", timeZone: Europe/Berlin"]) {
      await reload(own, rules(""));
      await client.bindUser("ann");
      await reload(own, rules(other));
      expect(await client.whoAmI()).toBe("");
    }
  });
});
