import { beforeAll, beforeEach, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";

let server: StartedServer;
let admin: Conversation;
let uid: string;
let count = 0;

const audited = () => server.log.flatMap(({ audit }) => (audit ? [audit] : []));

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

beforeEach(async () => {
  admin = await Conversation.as("console", server);
  uid = `u${++count}`;
  const content = { objectClass: "inetOrgPerson", uid, cn: "Name", sn: "Sn", mail: "a@example.com" };
  expect(await admin.add(userDn(uid), content)).toMatchObject({ code: 0 });
});

test("an add names the attributes that it was given", () => {
  const line = audited().at(-1);
  expect(line).toMatchObject({ operation: "add", attributes: ["objectClass", "uid", "cn", "sn", "mail"] });
  expect(line).not.toHaveProperty("changes");
});

test("a modify says what became of which attributes", async () => {
  const changes = [
    ["add", "description", "one"],
    ["replace", "mail", "b@example.com"],
    ["replace", "title", "new"],
    ["replace", "givenName"],
    ["delete", "cn", "Name"],
    ["add", "commonName", "Other"],
  ] as const;
  expect(await admin.modify(userDn(uid), ...changes)).toMatchObject({ code: 0 });
  expect(audited().at(-1)).toMatchObject({
    operation: "modify",
    attributes: ["description", "mail", "title", "givenName", "cn"],
    changes: { added: ["description", "title", "cn"], replaced: ["mail"], deleted: ["cn"] },
  });
  expect(await admin.modify(userDn(uid), ["replace", "mail"], ["delete", "title"])).toMatchObject({ code: 0 });
  expect(audited().at(-1)).toMatchObject({ changes: { deleted: ["mail", "title"] } });
});

test("a modify that is not carried out says what was asked for", async () => {
  const answer = await admin.modify(userDn(uid), ["replace", "title", "x"], ["delete", "mail", "other@example.com"]);
  expect(answer.code).toBe(16);
  expect(audited().at(-1)).toMatchObject({
    outcome: "noSuchAttribute",
    changes: { added: ["title"], deleted: ["mail"] },
  });
});

test("members that come and go are added and deleted", async () => {
  const group = `cn=g${count},ou=groups,${suffix}`;
  expect(await admin.add(group, { objectClass: "groupOfNames", cn: `g${count}` })).toMatchObject({ code: 0 });
  for (const [change, changes] of [
    [["replace", "member", userDn(uid)], { added: ["member"] }],
    [["add", "member", userDn("ella")], { added: ["member"] }],
    [["replace", "member", userDn("ella")], { replaced: ["member"] }],
    [["delete", "member", userDn("ella")], { deleted: ["member"] }],
  ] as const) {
    expect(await admin.modify(group, change)).toMatchObject({ code: 0 });
    expect(audited().at(-1)?.changes).toEqual(changes);
  }
});

test("a new name is told whole, and what names the entry", async () => {
  expect(await admin.rename(userDn(uid), "cn=Name")).toMatchObject({ code: 0 });
  expect(audited().at(-1)).toMatchObject({
    operation: "modifyDn",
    target: userDn(uid),
    detail: `cn=Name,ou=people,${suffix}`,
    attributes: ["cn", "uid"],
    changes: { added: ["cn"], deleted: ["uid"] },
  });
  expect(await admin.remove(`cn=Name,ou=people,${suffix}`)).toMatchObject({ code: 0 });
  expect(audited().at(-1)).toMatchObject({ operation: "delete", target: `cn=Name,ou=people,${suffix}` });
});

test("no line holds a password or a hash, whatever becomes of it", async () => {
  const secrets = ["first secret", "second secret", "third secret", saltedSha("fourth secret")];
  const [first, second, third, fourth] = secrets as [string, string, string, string];
  const name = `p${count}`;
  const dn = userDn(name);
  const person = { objectClass: "inetOrgPerson", uid: name, cn: "Name", sn: "Sn" };
  expect(await admin.add(dn, { ...person, userPassword: first })).toMatchObject({ code: 0 });
  expect(await admin.modify(dn, ["replace", "userPassword", second])).toMatchObject({ code: 0 });
  expect(audited().at(-1)).toMatchObject({
    attributes: ["userPassword"],
    changes: { replaced: ["userPassword"] },
  });
  expect(await admin.modify(dn, ["delete", "userPassword", second], ["add", "userPassword", third])).toMatchObject({
    code: 0,
  });
  expect(audited().at(-1)).toMatchObject({ changes: { added: ["userPassword"], deleted: ["userPassword"] } });
  expect(await admin.modify(dn, ["delete", "userPassword", "no secret"])).toMatchObject({ code: 16 });
  expect(await admin.modify(dn, ["replace", "userPassword", fourth])).toMatchObject({ code: 0 });
  expect(await admin.modify(dn, ["replace", "userPassword"])).toMatchObject({ code: 0 });
  expect(await admin.modify(dn, ["replace", "userPassword", first])).toMatchObject({ code: 0 });
  expect(audited().at(-1)).toMatchObject({ changes: { added: ["userPassword"] } });
  await admin.modify(groupDn("staff"), ["add", "userPassword", first]);
  await admin.modify(applicationDn("wiki"), ["replace", "userPassword", first]);
  const text = JSON.stringify(server.log);
  for (const secret of [...secrets, "no secret"]) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/\{SSHA\}|\{BCRYPT\}|\$2[aby]\$/i);
});
