// Rights in detail: attributes that may be read and written, and subtrees.
import { beforeAll, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { applicationsYaml } from "./applications.js";

const all = "[read, add, modify, remove]";
const people = `ou=people,${suffix}`;

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({
    lasts: "file",
    applications: applicationsYaml({
      manager: { access: "admin" },
      mailer: { access: "{ users: [read], groups: [read], readable: [mail, member] }" },
      desk: { access: `{ users: ${all}, groups: ${all}, writable: [title, sn, member] }` },
      narrow: { access: `{ users: ${all}, readable: [mail], writable: [mail, title] }` },
      folk: { access: `{ users: ${all}, groups: ${all}, other: ${all}, subtrees: ["${people}"] }` },
      elsewhere: { access: `{ users: ${all}, groups: ${all}, subtrees: ["ou=new,${suffix}"] }` },
    }),
  });
});

const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x" };
const lacks = (name: string, right: string) => ({
  code: 50,
  message: `application ${name} lacks the right to ${right}`,
});

describe("readable", () => {
  test("is what is listed, with what an entry is and is called", async () => {
    const client = await Conversation.as("mailer", server);
    const found = (await client.entry(userDn("ann"), ["*", "+"]))!.attributes;
    expect(Object.keys(found).sort()).toEqual(
      [
        ...["objectClass", "uid", "cn", "mail"],
        ...["entryUUID", "entryDN", "distinguishedName", "structuralObjectClass", "subschemaSubentry"],
        ...["hasSubordinates", "numSubordinates"],
      ].sort(),
    );
    const group = (await client.entry(groupDn("staff"), ["*", "memberUid"]))!.attributes;
    expect(Object.keys(group)).toEqual(expect.arrayContaining(["cn", "member", "memberUid"]));
    expect(group).not.toHaveProperty("description");
  });

  test("is what filters and Compare know", async () => {
    const client = await Conversation.as("mailer", server);
    for (const filter of [
      "(departmentNumber=sales)",
      "(!(departmentNumber=sales))",
      "(memberOf=*)",
      "(createTimestamp=*)",
    ]) {
      expect((await client.search({ base: people, filter })).dns).toEqual([]);
    }
    expect((await client.search({ filter: `(member=${userDn("ann")})` })).dns).not.toEqual([]);
    expect(await client.compare(userDn("ann"), "departmentNumber", "engineering")).toMatchObject({ code: 16 });
    expect(await client.compare(userDn("ann"), "uid", "ann")).toMatchObject({ code: 6 });
  });

  test("holds for users who come through the application", async () => {
    const client = await Conversation.as("mailer", server);
    expect((await client.bindUser("ann")).code).toBe(0);
    expect(Object.keys((await client.entry(userDn("ann")))!.attributes)).toEqual(["objectClass", "uid", "cn", "mail"]);
  });

  test("is asked for by a write too", async () => {
    const client = await Conversation.as("narrow", server);
    expect(await client.modify(userDn("ann"), ["replace", "title", "x"])).toMatchObject({
      code: 50,
      message: "application narrow cannot write title, because it lacks the right to read title",
    });
    expect(await client.modify(userDn("ann"), ["delete", "objectClass", "posixAccount"])).toMatchObject(
      lacks("narrow", "write objectClass"),
    );
  });
});

describe("writable", () => {
  test("is what a modify may change, and the refusal names the right", async () => {
    const client = await Conversation.as("desk", server);
    expect(await client.modify(userDn("ann"), ["replace", "title", "x"])).toMatchObject({ code: 0 });
    for (const type of ["telephoneNumber", "userPassword", "objectClass"]) {
      expect(await client.modify(userDn("ann"), ["replace", type, "x"])).toMatchObject(lacks("desk", `write ${type}`));
    }
    const line = server.log.filter(({ audit }) => audit).at(-1)!.audit!;
    expect(line).toMatchObject({ rule: "application desk lacks the right to write objectClass" });
    expect(await client.modify(groupDn("design"), ["add", "memberUid", "ann"])).toMatchObject({ code: 0 });
    expect(await client.modify(groupDn("design"), ["delete", "member", userDn("ann")])).toMatchObject({ code: 0 });
  });

  test("is asked for of what is added, but not of the class and the name", async () => {
    const client = await Conversation.as("desk", server);
    const named = `cn=x,${people}`;
    expect(await client.add(named, { ...person, mail: "a@b.c" })).toMatchObject(lacks("desk", "write mail"));
    expect(await client.add(userDn("x"), person)).toMatchObject(lacks("desk", "write cn"));
    expect(await client.add(named, person)).toMatchObject({ code: 0 });
    expect(await client.rename(named, "cn=y")).toMatchObject(lacks("desk", "write cn"));
    expect(await client.rename(named, "sn=y")).toMatchObject(lacks("desk", "write cn"));
    expect(await client.rename(named, "sn=y", { deleteOldRdn: false })).toMatchObject({ code: 0 });
    expect(await client.remove(`sn=y,${people}`)).toMatchObject({ code: 0 });
  });

  test("says nothing of a user's own password", async () => {
    const client = await Conversation.as("desk", server);
    expect((await client.bindUser("ann")).code).toBe(0);
    expect(await client.modify(userDn("ann"), ["replace", "userPassword", "ann-secret"])).toMatchObject({ code: 0 });
  });
});

describe("subtrees", () => {
  test("are all there is, with an outline of what is above", async () => {
    const client = await Conversation.as("folk", server);
    const { dns } = await client.search({ attributes: ["1.1"] });
    expect(dns.slice(0, 2)).toEqual([suffix, people]);
    for (const dn of dns.slice(2)) expect(dn).toMatch(new RegExp(`,${people}$`));
    expect((await client.entry(suffix, ["*", "+"]))!.attributes).toEqual({
      objectClass: expect.any(Array),
      dc: ["example"],
      entryUUID: expect.any(Array),
      entryDN: [suffix],
      distinguishedName: [suffix],
      structuralObjectClass: ["organization"],
      subschemaSubentry: ["cn=Subschema"],
    });
    expect((await client.search({ scope: "one" })).dns).toEqual([people]);
    expect((await client.search({ filter: "(o=*)" })).dns).toEqual([]);
    expect(await client.compare(suffix, "o", "x")).toMatchObject({ code: 16 });
    expect(await client.search({ base: groupDn("staff") })).toMatchObject({ code: 32, matchedDn: suffix });
    const own = applicationDn("folk");
    expect((await client.search({ base: own, scope: "base" })).dns).toEqual([own]);
    expect((await client.search({ base: own, scope: "one" })).dns).toEqual([`ou=people,${own}`]);
    expect((await client.entry(userDn("ann")))!.attributes).not.toHaveProperty("memberOf");
    expect((await client.entry(people, ["+"]))!.attributes).not.toHaveProperty("numSubordinates");
  });

  test("are where everything is written", async () => {
    const client = await Conversation.as("folk", server);
    const outside = (right: string) => lacks("folk", `${right} entries outside of its subtrees`);
    expect(await client.add(`ou=x,${suffix}`, { objectClass: "organizationalUnit" })).toMatchObject(outside("add"));
    expect(await client.add(groupDn("x"), { objectClass: "groupOfNames" })).toMatchObject({ code: 32 });
    expect(await client.modify(suffix, ["replace", "o", "x"])).toMatchObject(outside("modify"));
    expect(await client.remove(suffix)).toMatchObject(outside("remove"));
    expect(await client.rename(people, "ou=folk")).toMatchObject(outside("modify"));
    expect(await client.rename(userDn("ann"), "uid=ann", { newSuperior: suffix })).toMatchObject(outside("modify"));
    expect(await client.add(`ou=x,${people}`, { objectClass: "organizationalUnit" })).toMatchObject({ code: 0 });
    expect(await client.add(`uid=y,ou=x,${people}`, person)).toMatchObject({ code: 0 });
    expect(await client.rename(`uid=y,ou=x,${people}`, "uid=y", { newSuperior: people })).toMatchObject({ code: 0 });
    for (const dn of [userDn("y"), `ou=x,${people}`]) expect(await client.remove(dn)).toMatchObject({ code: 0 });
  });

  test("that are not there yet can be added by who may, and nobody from elsewhere logs in", async () => {
    const client = await Conversation.as("elsewhere", server);
    expect((await client.search({ attributes: ["1.1"] })).dns).toEqual([suffix]);
    expect((await client.bindUser("ann")).code).toBe(49);
    const admin = await Conversation.as("manager", server);
    await admin.add(`ou=new,${suffix}`, { objectClass: "organizationalUnit" });
    const other = await Conversation.as("elsewhere", server);
    expect((await other.search({ attributes: ["1.1"] })).dns).toEqual([suffix, `ou=new,${suffix}`]);
    expect(await admin.remove(`ou=new,${suffix}`)).toMatchObject({ code: 0 });
  });
});
