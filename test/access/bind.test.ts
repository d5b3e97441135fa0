import { beforeAll, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import * as raw from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";
import { applicationsYaml } from "./applications.js";

const applications = applicationsYaml({
  here: { access: "read" },
  manager: { access: "admin" },
  there: { addresses: "[127.0.0.2]", access: "read-write" },
  shop: { addresses: "[127.0.0.2, 127.0.0.8/29]", access: "login", more: ["login: [tracker-users]"] },
  wide: { addresses: "[127.0.0.2, 127.0.0.3]", access: "read", more: ["login: [administrators]"] },
  gone: { addresses: "[127.0.0.1, 127.0.0.4]", more: ["enabled: false"] },
  nobody: { addresses: "[127.0.0.5]", access: "admin", more: ["login: []"] },
  circle: { addresses: "[127.0.0.6]", access: "login", more: ["login: [ring-a, missing-group]"] },
  far: { addresses: "[127.0.0.17]", access: "login", more: ["login: [far-group]"] },
  byDn: {
    addresses: "[127.0.0.18]",
    access: "login",
    more: ['login: ["CN=by-dn, ou=people,dc=example,dc=com", "=x"]'],
  },
  sales: { addresses: "[127.0.0.7]", access: "login", more: ['view: { users: "(departmentNumber=sales)" }'] },
});

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", applications });
});

const invalid = { code: 49, message: "the name or the password is wrong", matchedDn: "" };

function lastAudit(of = server): Readonly<Record<string, unknown>> {
  return of.log.filter(({ audit }) => audit).at(-1)!.audit!;
}

describe("an application", () => {
  test("comes in with its name and password from its address, and is told who it is", async () => {
    const client = await Conversation.with(server);
    expect(await client.bind(applicationDn("Here"), "here-secret")).toMatchObject({ code: 0 });
    expect(await client.whoAmI()).toBe(`dn:${applicationDn("here")}`);
    expect(lastAudit()).toMatchObject({
      address: "127.0.0.1",
      application: "here",
      subject: applicationDn("here"),
      operation: "bind",
      outcome: "success",
      rule: "application bind",
    });
  });

  test("is refused from another address though the password is right, in the words for a wrong one", async () => {
    const client = await Conversation.with(server);
    expect(await client.bind(applicationDn("there"), "there-secret")).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({
      address: "127.0.0.1",
      application: "there",
      outcome: "invalidCredentials",
      rule: "address not among the application's",
    });
    expect(await client.bind(applicationDn("there"), "wrong")).toMatchObject(invalid);
    expect(await client.bind(applicationDn("no-such"), "wrong")).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "no such application", target: applicationDn("no-such") });
    expect(await client.bind(applicationDn("here"), "wrong")).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "wrong password", application: "here" });
    expect(await client.bind(`ou=applications,${suffix}`, "x")).toMatchObject(invalid);
    const elsewhere = await Conversation.with(server, "127.0.0.2");
    expect(await elsewhere.bind(applicationDn("there"), "there-secret")).toMatchObject({ code: 0 });
    expect(lastAudit()).toMatchObject({ address: "127.0.0.2" });
  });

  test("comes in from a range of addresses, and not from beside it", async () => {
    for (const [address, code] of [
      ["127.0.0.8", 0],
      ["127.0.0.15", 0],
      ["127.0.0.16", 49],
    ] as const) {
      const client = await Conversation.with(server, address);
      expect((await client.bind(applicationDn("shop"), "shop-secret")).code).toBe(code);
    }
  });

  test("that is disabled stays out", async () => {
    const client = await Conversation.with(server);
    expect(await client.bind(applicationDn("gone"), "gone-secret")).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "application disabled" });
  });
});

describe("a user", () => {
  const from = async (address: string, uid: string, password = `${uid}-secret`) => {
    const client = await Conversation.with(server, address);
    return { client, answer: await client.bind(userDn(uid), password) };
  };

  test("logs in on a fresh connection, through an application that may call from there", async () => {
    const { client, answer } = await from("127.0.0.1", "ANN", "ann-secret");
    expect(answer).toMatchObject({ code: 0 });
    expect(await client.whoAmI()).toBe(`dn:${userDn("ann")}`);
    expect(lastAudit()).toMatchObject({
      subject: userDn("ann"),
      application: "here manager",
      target: userDn("ANN"),
      rule: "user bind",
    });
  });

  test("logs in after the application did, through that one alone", async () => {
    const client = await Conversation.as("shop", server, "127.0.0.2");
    expect((await client.bindUser("ann")).code).toBe(0);
    expect(lastAudit()).toMatchObject({ application: "shop" });
    expect((await client.bindUser("kate")).code).toBe(0);
    const other = await Conversation.as("wide", server, "127.0.0.2");
    expect(await other.bindUser("kate")).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ application: "wide", rule: "not in a login group" });
    expect((await other.bindUser("ann")).code).toBe(0);
  });

  test("through several applications behind one address needs one that lets it in, and is held to all that do", async () => {
    expect((await from("127.0.0.2", "ann")).answer.code).toBe(0);
    expect(lastAudit()).toMatchObject({ application: "there shop wide" });
    expect((await from("127.0.0.2", "leo")).answer.code).toBe(0);
    expect(lastAudit()).toMatchObject({ application: "there" });
    expect((await from("127.0.0.3", "leo")).answer).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "not in a login group" });
  });

  test("logs in as a member of a login group, directly and through other groups", async () => {
    for (const [uid, code] of [
      ["ella", 0],
      ["cora", 0],
      ["finn", 49],
      ["leo", 49],
    ] as const) {
      expect((await from("127.0.0.9", uid)).answer.code).toBe(code);
    }
  });

  test("of groups in a circle logs in, and one beside it does not", async () => {
    const admin = await Conversation.as("manager", server);
    const ring = (cn: string, ...member: string[]) =>
      admin.add(groupDn(cn), { objectClass: "groupOfNames", cn, member });
    await ring("ring-a", groupDn("ring-c"));
    await ring("ring-b", groupDn("ring-a"));
    await ring("ring-c", groupDn("ring-b"), userDn("leo"));
    expect((await from("127.0.0.6", "leo")).answer.code).toBe(0);
    expect((await from("127.0.0.6", "ann")).answer.code).toBe(49);
    expect((await from("127.0.0.5", "ann")).answer.code).toBe(49);
  });

  test("logs in as a member however many others are called like the group", async () => {
    const admin = await Conversation.as("manager", server);
    const namesakes = Array.from({ length: 140 }, (_, n) => userDn(`namesake${n}`));
    const person = { objectClass: "inetOrgPerson", cn: ["tracker-users", "far-group"], sn: "x" };
    for (const dn of namesakes) expect(await admin.add(dn, person)).toMatchObject({ code: 0 });
    await admin.add(`cn=far-group,ou=people,${suffix}`, { objectClass: "groupOfNames", member: userDn("leo") });
    expect((await from("127.0.0.9", "ella")).answer.code).toBe(0);
    expect((await from("127.0.0.17", "leo")).answer.code).toBe(0);
    for (const dn of [...namesakes, `cn=far-group,ou=people,${suffix}`]) await admin.remove(dn);
  });

  test("is let in by no group that took a login group's name elsewhere", async () => {
    const admin = await Conversation.as("manager", server);
    const group = (more: object) => ({ objectClass: "groupOfNames", member: userDn("leo"), ...more });
    const false1 = `cn=tracker-users,ou=people,${suffix}`;
    const false2 = `description=x,ou=groups,${suffix}`;
    expect(await admin.add(false1, group({}))).toMatchObject({ code: 0 });
    expect(await admin.add(false2, group({ cn: ["x", "tracker-users"] }))).toMatchObject({ code: 0 });
    expect((await from("127.0.0.9", "leo")).answer.code).toBe(49);
    expect((await from("127.0.0.9", "ella")).answer.code).toBe(0);
    await admin.remove(false1);
    await admin.remove(false2);
    // Two of a name, and none where groups usually are: nobody knows which is meant.
    const [one, two] = ["people", "groups"].map((ou) => `cn=far-group,ou=far,ou=${ou},${suffix}`);
    for (const ou of ["people", "groups"])
      await admin.add(`ou=far,ou=${ou},${suffix}`, { objectClass: "organizationalUnit" });
    expect(await admin.add(one!, group({}))).toMatchObject({ code: 0 });
    expect((await from("127.0.0.17", "leo")).answer.code).toBe(0);
    expect(await admin.add(two!, group({}))).toMatchObject({ code: 0 });
    expect((await from("127.0.0.17", "leo")).answer.code).toBe(49);
    await admin.remove(one!);
    await admin.remove(two!);
  });

  test("logs in as a member of a group that is given by its DN, and of that one alone", async () => {
    expect((await from("127.0.0.18", "leo")).answer.code).toBe(49);
    const admin = await Conversation.as("manager", server);
    const dn = `cn=by-dn,ou=people,${suffix}`;
    expect(await admin.add(dn, { objectClass: "groupOfNames", member: userDn("leo") })).toMatchObject({ code: 0 });
    expect((await from("127.0.0.18", "leo")).answer.code).toBe(0);
    expect((await from("127.0.0.18", "ann")).answer.code).toBe(49);
    await admin.remove(dn);
  });

  test("outside an application's view does not log in through it", async () => {
    expect((await from("127.0.0.7", "hugo")).answer.code).toBe(0);
    expect((await from("127.0.0.7", "ann")).answer).toMatchObject(invalid);
  });

  test("that is no user does not log in where the view says which users there are", async () => {
    const admin = await Conversation.as("manager", server);
    const dn = `cn=backup,${suffix}`;
    const role = { objectClass: ["organizationalRole", "simpleSecurityObject"], userPassword: "backup-secret" };
    expect(await admin.add(dn, role)).toMatchObject({ code: 0 });
    const everywhere = await Conversation.with(server);
    expect((await everywhere.bind(dn, "backup-secret")).code).toBe(0);
    const sales = await Conversation.with(server, "127.0.0.7");
    expect(await sales.bind(dn, "backup-secret")).toMatchObject(invalid);
    await admin.remove(dn);
  });

  test("is refused in one way, whatever the reason", async () => {
    expect((await from("127.0.0.1", "ann", "wrong")).answer).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "wrong password" });
    expect((await from("127.0.0.1", "nobody")).answer).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "no such user", target: userDn("nobody") });
    expect((await from("127.0.0.77", "ann")).answer).toMatchObject(invalid);
    expect(lastAudit()).toMatchObject({ rule: "address of no application", address: "127.0.0.77" });
    const client = await Conversation.with(server);
    for (const dn of [groupDn("staff"), suffix, "cn=elsewhere"]) {
      expect(await client.bind(dn, "x")).toMatchObject(invalid);
    }
  });
});

test("a user is disabled over LDAP, and let in again", async () => {
  const manager = await Conversation.as("manager", server);
  const user = await Conversation.with(server);
  expect(await user.bindUser("leo")).toMatchObject({ code: 0 });
  expect(await manager.modify(userDn("leo"), ["replace", "nsAccountLock", "TRUE"])).toMatchObject({ code: 0 });
  expect(await user.bindUser("leo")).toMatchObject({ code: 49, message: "the name or the password is wrong" });
  expect((await manager.search({ filter: "(nsAccountLock=true)" })).dns).toEqual([userDn("leo")]);
  expect(await manager.modify(userDn("leo"), ["delete", "nsAccountLock"])).toMatchObject({ code: 0 });
  expect(await user.bindUser("leo")).toMatchObject({ code: 0 });
});

describe("what is no login", () => {
  test("a name without a password is refused with 53, and leaves nobody", async () => {
    const client = await Conversation.as("here", server);
    expect(await client.bind(userDn("ann"), "")).toMatchObject({ code: 53 });
    expect(await client.whoAmI()).toBe("");
    expect(await client.bind(applicationDn("here"), "")).toMatchObject({ code: 53 });
    expect(await client.bind(userDn("nobody"), "")).toMatchObject({ code: 53 });
  });

  test("no name and no password is anonymous; a password without a name is refused", async () => {
    const client = await Conversation.as("here", server);
    expect(await client.bind("", "")).toMatchObject({ code: 0 });
    expect(await client.whoAmI()).toBe("");
    expect(await client.search()).toMatchObject({ code: 50 });
    expect(await client.bind("", "secret")).toMatchObject(invalid);
  });

  test("LDAPv2 is a protocolError with a sentence, SASL is 7, no name is 34", async () => {
    const client = await RawClient.connect(server.port);
    client.send(raw.bind(1, applicationDn("here"), "here-secret", { version: 2 }));
    expect(await client.result(1)).toMatchObject({ code: 2, message: expect.stringContaining("version to 3") });
    client.send(raw.saslBind(2, "PLAIN", "\0a\0b"));
    expect(await client.result(2)).toMatchObject({ code: 7 });
    client.send(raw.bind(3, "no name", "x"));
    expect(await client.result(3)).toMatchObject({ code: 34 });
    expect(await client.whoAmI(4)).toBe("");
  });

  test("a critical control that nobody knows is 12, and the bind has not happened", async () => {
    const client = await RawClient.connect(server.port);
    const controls = [{ oid: "1.2.3.4", critical: true }];
    client.send(raw.bind(1, applicationDn("here"), "here-secret", { controls }));
    expect(await client.result(1)).toMatchObject({ code: 12 });
    expect(await client.whoAmI(2)).toBe("");
    client.send(
      raw.bind(3, applicationDn("here"), "here-secret", { controls: [{ oid: "1.3.6.1.4.1.42.2.27.8.5.1" }] }),
    );
    expect(await client.result(3)).toMatchObject({ code: 0 });
  });

  test("a failed bind takes away who one was; a good one brings it back", async () => {
    const client = await Conversation.as("here", server);
    expect(await client.search()).toMatchObject({ code: 0 });
    expect(await client.bindUser("nobody")).toMatchObject({ code: 49 });
    expect(await client.whoAmI()).toBe("");
    expect(await client.search()).toMatchObject({ code: 50 });
    await client.mustBind(applicationDn("here"), "here-secret");
    expect(await client.search()).toMatchObject({ code: 0 });
    expect((await client.bindUser("ann")).code).toBe(0);
    expect(await client.whoAmI()).toBe(`dn:${userDn("ann")}`);
  });
});

test("no password is ever in the log", async () => {
  const client = await Conversation.as("manager", server);
  const dn = userDn("logged");
  await client.add(dn, { objectClass: "inetOrgPerson", cn: "x", sn: "x", userPassword: "added-secret" });
  await client.modify(
    dn,
    ["replace", "userPassword", "replaced-secret"],
    ["add", "userPassword", saltedSha("hash-secret")],
  );
  await client.modify(dn, ["delete", "userPassword", "guessed-secret"]);
  await client.compare(dn, "userPassword", "compared-secret");
  await client.search({ filter: "(userPassword=searched-secret)" });
  await client.bind(dn, "bound-secret");
  const text = JSON.stringify(server.log);
  expect(text).not.toMatch(/added-secret|replaced-secret|guessed-secret|compared-secret|searched-secret|bound-secret/);
  expect(text).not.toMatch(/\{SSHA\}|\{BCRYPT\}/);
  expect(text).toContain(dn);
});

test("several passwords are good while one is being replaced", async () => {
  const yaml = applicationsYaml({ two: {} }).replace(
    /password: (.*)/,
    `password: [$1, ${JSON.stringify(saltedSha("other-secret"))}]`,
  );
  const own = await startedServer({ applications: yaml });
  const client = await Conversation.with(own);
  expect((await client.bind(applicationDn("two"), "two-secret")).code).toBe(0);
  expect((await client.bind(applicationDn("two"), "other-secret")).code).toBe(0);
  expect((await client.bind(applicationDn("two"), "third-secret")).code).toBe(49);
});
