import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { applicationsYaml } from "./applications.js";

let server: StartedServer;

const all = "[read, add, modify, remove]";

beforeAll(async () => {
  server = await startedServer({
    lasts: "file",
    applications: applicationsYaml({
      manager: { access: "admin" },
      writer: { access: "read-write" },
      reader: { access: "read" },
      gate: { access: "login" },
      adder: { access: "{ users: [read, add], groups: [read] }" },
      editor: { access: `{ users: [read, modify], groups: [read, modify] }` },
      remover: { access: `{ users: [read, remove], groups: [read] }` },
      groups: { access: `{ groups: ${all} }` },
      users: { access: `{ users: ${all} }` },
      units: { access: `{ users: [read], groups: [read], other: ${all} }` },
    }),
  });
});

const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x" };
const group = { objectClass: "groupOfNames" };
const unit = { objectClass: "organizationalUnit" };

const lacks = (name: string, right: string) => ({
  code: 50,
  message: `application ${name} lacks the right to ${right}`,
});

describe("a right that is missing is 50 and named", () => {
  const tries: Readonly<Record<string, (client: Conversation) => Promise<Answer>>> = {
    "add users": (client) => client.add(userDn("new"), person),
    "modify users": (client) => client.modify(userDn("ann"), ["replace", "title", "x"]),
    "modify their password": (client) => client.modify(userDn("ann"), ["replace", "userPassword", "x"]),
    "rename users": (client) => client.rename(userDn("ann"), "uid=other"),
    "remove users": (client) => client.remove(userDn("ann")),
    "add groups": (client) => client.add(groupDn("new"), group),
    "modify groups": (client) => client.modify(groupDn("staff"), ["add", "member", groupDn("design")]),
    "remove groups": (client) => client.remove(groupDn("staff")),
    "add units": (client) => client.add(`ou=new,${suffix}`, unit),
    "modify units": (client) => client.modify(`ou=people,${suffix}`, ["replace", "description", "x"]),
    "remove units": (client) => client.remove(`ou=people,${suffix}`),
  };

  test.each([
    ["reader", "add users", "add entries"],
    ["reader", "modify users", "modify entries"],
    ["reader", "modify their password", "modify entries"],
    ["reader", "rename users", "modify entries"],
    ["reader", "remove users", "remove entries"],
    ["reader", "modify groups", "modify entries"],
    ["gate", "modify users", "modify entries"],
    ["adder", "add groups", "add groups"],
    ["adder", "modify users", "modify entries"],
    ["editor", "add users", "add entries"],
    ["editor", "modify units", "modify other entries"],
    ["editor", "remove users", "remove entries"],
    ["remover", "remove groups", "remove groups"],
    ["remover", "remove units", "remove other entries"],
    ["writer", "add units", "add other entries"],
    ["writer", "modify units", "modify other entries"],
    ["writer", "remove units", "remove other entries"],
    ["units", "add users", "add users"],
    ["units", "modify users", "modify users"],
    ["units", "modify their password", "modify users"],
    ["units", "rename users", "modify users"],
    ["units", "remove groups", "remove groups"],
  ])("%s may not %s", async (name, what, right) => {
    const client = await Conversation.as(name, server);
    expect(await tries[what]!(client)).toMatchObject(lacks(name, right));
    const line = server.log.filter(({ audit }) => audit).at(-1)!.audit!;
    expect(line).toMatchObject({
      application: name,
      subject: applicationDn(name),
      outcome: "insufficientAccessRights",
      rule: `application ${name} lacks the right to ${right}`,
    });
  });

  test("an application that may not read is told so, and learns of nothing", async () => {
    const client = await Conversation.as("gate", server);
    const refused = lacks("gate", "read entries");
    expect(await client.search({ base: suffix })).toMatchObject({ ...refused, matchedDn: "" });
    expect(await client.search({ base: userDn("nobody") })).toMatchObject({ ...refused, matchedDn: "" });
    expect(await client.compare(userDn("ann"), "uid", "ann")).toMatchObject(refused);
    expect(await client.search({ base: "", scope: "base" })).toMatchObject({ code: 0 });
  });

  test("what one may not read is not there", async () => {
    const users = await Conversation.as("users", server);
    expect((await users.search({ filter: "(objectClass=groupOfNames)" })).dns).toEqual([]);
    expect(await users.search({ base: groupDn("staff") })).toMatchObject({
      code: 32,
      matchedDn: `ou=groups,${suffix}`,
    });
    expect((await users.entry(userDn("ann")))!.attributes).not.toHaveProperty("memberOf");
    expect(await users.remove(groupDn("staff"))).toMatchObject({ code: 32 });
    const groups = await Conversation.as("groups", server);
    expect((await groups.search({ filter: "(uid=*)" })).dns).toEqual([]);
    expect((await groups.entry(groupDn("tracker-users")))!.attributes.member).toEqual([groupDn("engineering")]);
  });
});

test("a right that is held is enough: users and groups in detail, units for who may", async () => {
  for (const name of ["users", "writer", "manager"]) {
    const client = await Conversation.as(name, server);
    expect(await client.add(userDn("held"), person)).toMatchObject({ code: 0 });
    expect(await client.modify(userDn("held"), ["replace", "userPassword", "x"])).toMatchObject({ code: 0 });
    expect(await client.rename(userDn("held"), "uid=kept")).toMatchObject({ code: 0 });
    expect(await client.remove(userDn("kept"))).toMatchObject({ code: 0 });
  }
  for (const name of ["units", "manager"]) {
    const client = await Conversation.as(name, server);
    expect(await client.add(`ou=held,${suffix}`, unit)).toMatchObject({ code: 0 });
    expect(await client.remove(`ou=held,${suffix}`)).toMatchObject({ code: 0 });
  }
});

test("who becomes a group by a change needs the right to groups as well", async () => {
  const client = await Conversation.as("users", server);
  const changes = [
    ["add", "objectClass", "posixGroup"],
    ["add", "gidNumber", "7"],
  ] as const;
  expect(await client.modify(userDn("ella"), ...changes)).toMatchObject(lacks("users", "modify groups"));
});

describe("a user", () => {
  test("sees itself, its groups and what holds them, and nobody else", async () => {
    const client = await Conversation.with(server);
    expect((await client.bindUser("cora")).code).toBe(0);
    const { dns } = await client.search({ attributes: ["1.1"] });
    expect(new Set(dns)).toEqual(
      new Set([
        suffix,
        `ou=people,${suffix}`,
        `ou=groups,${suffix}`,
        userDn("cora"),
        ...["engineering", "tracker-users", "staff"].map(groupDn),
      ]),
    );
    expect(await client.search({ base: userDn("ann"), scope: "base" })).toMatchObject({ code: 32 });
    expect(await client.search({ base: groupDn("design"), scope: "base" })).toMatchObject({ code: 32 });
    expect(await client.search({ base: applicationDn("reader") })).toMatchObject({ code: 32 });
    expect((await client.entry(groupDn("engineering")))!.attributes.member).toEqual([userDn("cora")]);
    expect((await client.search({ filter: `(member=${userDn("ann")})` })).dns).toEqual([]);
    expect(await client.values(userDn("cora"), "memberOf")).toEqual([groupDn("engineering"), groupDn("staff")]);
    expect(await client.values(suffix, "numSubordinates")).toEqual([]);
    expect(await client.compare(userDn("cora"), "uid", "cora")).toMatchObject({ code: 6 });
    expect(await client.compare(userDn("cora"), "userPassword", "cora-secret")).toMatchObject({ code: 6 });
  });

  test("does not see units beside its own", async () => {
    const admin = await Conversation.as("manager", server);
    expect(await admin.add(`ou=secret,${suffix}`, unit)).toMatchObject({ code: 0 });
    const client = await Conversation.with(server);
    await client.bindUser("cora");
    expect((await client.search({ filter: "(objectClass=organizationalUnit)" })).dns).toHaveLength(2);
    expect(await admin.remove(`ou=secret,${suffix}`)).toMatchObject({ code: 0 });
  });

  test("changes its own password and nothing else", async () => {
    const client = await Conversation.with(server);
    await client.bindUser("kate");
    const own = userDn("kate");
    const refused = { code: 50, message: expect.stringMatching(/^a user lacks the right to /) };
    expect(await client.modify(own, ["replace", "title", "Boss"])).toMatchObject(refused);
    expect(await client.modify(own, ["replace", "userPassword", "x"], ["replace", "title", "x"])).toMatchObject(
      refused,
    );
    expect(await client.modify(own)).toMatchObject(refused);
    expect(await client.rename(own, "uid=queen")).toMatchObject(refused);
    expect(await client.remove(own)).toMatchObject(refused);
    expect(await client.add(`cn=a,${own}`, person)).toMatchObject(refused);
    expect(await client.add(userDn("friend"), person)).toMatchObject(refused);
    expect(await client.modify(groupDn("staff"), ["delete", "member", own])).toMatchObject(refused);
    expect(await client.modify(groupDn("administrators"), ["add", "member", own])).toMatchObject({ code: 32 });
    expect(await client.modify(userDn("ann"), ["replace", "userPassword", "x"])).toMatchObject({ code: 32 });
    expect((await client.bindUser("kate")).code).toBe(0);
    expect(await client.modify(own, ["replace", "userPassword", "new-secret"])).toMatchObject({ code: 0 });
    expect((await client.bindUser("kate")).code).toBe(49);
    expect((await client.bind(own, "new-secret")).code).toBe(0);
    expect(
      await client.modify(own, ["delete", "userPassword", "new-secret"], ["add", "userPassword", "kate-secret"]),
    ).toMatchObject({ code: 0 });
    expect((await client.bindUser("kate")).code).toBe(0);
  });

  test("that is deleted sees nothing any more", async () => {
    const admin = await Conversation.as("manager", server);
    await admin.add(userDn("brief"), { ...person, userPassword: "brief-secret" });
    const client = await Conversation.with(server);
    expect((await client.bindUser("brief")).code).toBe(0);
    expect((await client.search()).dns).toContain(userDn("brief"));
    await admin.remove(userDn("brief"));
    expect(await client.search()).toMatchObject({ code: 32 });
    expect(await client.modify(userDn("brief"), ["replace", "userPassword", "x"])).toMatchObject({ code: 32 });
  });
});

describe("the mirror of the applications", () => {
  test("shows an administrator all of them, another application its own, a user none, and secrets to nobody", async () => {
    const below = async (client: Conversation) =>
      (await client.search({ base: `ou=applications,${suffix}`, scope: "one", attributes: ["*", "+"] })).entries;
    const entries = await below(await Conversation.as("manager", server));
    expect(entries).toHaveLength(10);
    expect(entries[0]!.attributes).toMatchObject({ objectClass: ["top", "applicationProcess"], cn: ["manager"] });
    expect(JSON.stringify(entries)).not.toMatch(/SSHA|127\.0\.0/);
    expect(new Set(entries.map(({ attributes }) => attributes.entryUUID![0])).size).toBe(10);
    expect((await below(await Conversation.as("reader", server))).map(({ dn }) => dn)).toEqual([
      applicationDn("reader"),
    ]);
    const reader = await Conversation.as("reader", server);
    expect(await reader.search({ base: applicationDn("manager") })).toMatchObject({ code: 32 });
    const client = await Conversation.with(server);
    await client.bindUser("ann");
    expect(await client.search({ base: `ou=applications,${suffix}` })).toMatchObject({ code: 32 });
  });
});

describe("applications.yaml read anew", () => {
  async function reload(of: StartedServer, applications: Parameters<typeof applicationsYaml>[0]): Promise<void> {
    await writeFile(join(of.folder, "applications.yaml"), applicationsYaml(applications));
    expect(await of.running.reload()).toEqual([]);
  }

  test("takes rights away at the next operation, and the application with them", async () => {
    const own = await startedServer({ applications: applicationsYaml({ wiki: { access: "read-write" } }) });
    const client = await Conversation.as("wiki", own);
    const change = () => client.modify(userDn("ann"), ["replace", "title", "x"]);
    expect(await change()).toMatchObject({ code: 0 });
    await reload(own, { wiki: { access: "read" } });
    expect(await change()).toMatchObject(lacks("wiki", "modify entries"));
    await reload(own, { wiki: { access: "read", more: ["view: { hideAttributes: [mail] }"] } });
    expect((await client.entry(userDn("ann")))!.attributes).not.toHaveProperty("mail");
    await reload(own, { wiki: { access: "read-write" } });
    expect(await change()).toMatchObject({ code: 0 });
    await reload(own, { wiki: { access: "read-write", addresses: "[192.0.2.1]" } });
    expect(await change()).toMatchObject({ code: 50, message: expect.stringContaining("bind first") });
    expect(await client.whoAmI()).toBe("");
    await reload(own, { wiki: { access: "read-write" } });
    expect(await client.whoAmI()).toBe("");
  });

  test("that disables or removes an application puts out its users too", async () => {
    const both = { wiki: {}, other: {} };
    const own = await startedServer({ applications: applicationsYaml(both) });
    const [app, user] = [await Conversation.as("wiki", own), await Conversation.with(own)];
    await user.bindUser("ann");
    await reload(own, { wiki: { more: ["enabled: false"] }, other: {} });
    expect(await app.search()).toMatchObject({ code: 50 });
    expect(await user.whoAmI()).toBe(`dn:${userDn("ann")}`);
    await reload(own, { wiki: {} });
    expect(await user.whoAmI()).toBe("");
    expect((await user.bindUser("ann")).code).toBe(0);
  });

  test("that narrows who may log in puts out whom it let in, and leaves the others", async () => {
    const own = await startedServer({ applications: applicationsYaml({ wiki: {}, other: {} }) });
    const user = await Conversation.with(own);
    await user.bindUser("ann");
    await reload(own, { wiki: { more: ["login: [design]"] }, other: {} });
    expect(await user.whoAmI()).toBe(`dn:${userDn("ann")}`);
    await reload(own, { wiki: { more: ["login: [design]"] }, other: { more: ["login: []"] } });
    expect(await user.whoAmI()).toBe("");
    expect((await user.bindUser("ann")).code).toBe(49);
  });
});

test("a write leaves one line: who, what, where, and which attributes", async () => {
  const client = await Conversation.as("writer", server);
  const dn = userDn("audited");
  const last = () => server.log.filter(({ audit }) => audit).at(-1)!.audit!;
  const common = {
    address: "127.0.0.1",
    application: "writer",
    subject: applicationDn("writer"),
    outcome: "success",
    target: dn,
  };
  await client.add(dn, { ...person, userPassword: "x" });
  expect(last()).toMatchObject({
    ...common,
    operation: "add",
    attributes: ["objectClass", "cn", "sn", "userPassword"],
  });
  await client.modify(dn, ["replace", "mail", "a@b.c"], ["replace", "MAIL", "d@e.f"]);
  expect(last()).toMatchObject({ ...common, operation: "modify", attributes: ["mail"] });
  await client.rename(dn, "uid=renamed");
  expect(last()).toMatchObject({ ...common, operation: "modifyDn", detail: userDn("renamed") });
  await client.remove(userDn("renamed"));
  expect(last()).toMatchObject({ ...common, target: userDn("renamed"), operation: "delete" });
});
