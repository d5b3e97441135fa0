import { beforeAll, describe, expect, test } from "vitest";
import { Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";
import { applicationsYaml } from "./applications.js";

const applications = applicationsYaml({
  manager: { access: "admin" },
  shop: {
    access: "read-write",
    more: [
      'view: { users: "(departmentNumber=sales)", groups: "(|(cn=staff)(cn=shop-*))", hideAttributes: [telephoneNumber] }',
    ],
  },
  members: { access: "read-write", more: [`view: { users: "(memberOf=${groupDn("engineering")})" }`] },
  bare: { access: "read-write", more: ["view: { hideAttributes: [memberOf, member, uniqueMember, memberUid] }"] },
  uids: { access: "read-write", more: ["view: { hideAttributes: [memberUid, entryDN] }"] },
  nameless: { access: "read-write", more: ["view: { hideAttributes: [uid] }"] },
  numberless: { access: "read-write", more: ["view: { hideAttributes: [employeeNumber, loginShell] }"] },
});

let server: StartedServer;
let shop: Conversation;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", applications });
});

const salesmen = ["hugo", "ida", "jack"].map(userDn);
const hidden = userDn("ann");

describe("a hidden entry", () => {
  test("is not there: as a base, in a scope, and above what is missing", async () => {
    shop = await Conversation.as("shop", server);
    expect(await shop.search({ base: hidden, scope: "base" })).toMatchObject({
      code: 32,
      matchedDn: `ou=people,${suffix}`,
    });
    const missing = await shop.search({ base: userDn("no-such"), scope: "base" });
    expect((await shop.search({ base: hidden, scope: "base" })).message).toBe(
      missing.message.replace("no-such", "ann"),
    );
    expect(await shop.search({ base: `cn=a,${hidden}` })).toMatchObject({ matchedDn: `ou=people,${suffix}` });
    expect(new Set((await shop.search()).dns)).toEqual(
      new Set([
        suffix,
        `ou=people,${suffix}`,
        `ou=groups,${suffix}`,
        `ou=applications,${suffix}`,
        `cn=shop,ou=applications,${suffix}`,
        groupDn("staff"),
        ...salesmen,
      ]),
    );
    expect(await shop.compare(hidden, "uid", "ann")).toMatchObject({ code: 32 });
    expect(await shop.compare(hidden, "userPassword", "ann-secret")).toMatchObject({ code: 32 });
  });

  test("is no value of member, uniqueMember, memberUid or memberOf", async () => {
    shop = await Conversation.as("shop", server);
    const { attributes } = (await shop.entry(groupDn("staff"), ["member", "uniqueMember", "memberUid"]))!;
    expect(attributes).toEqual({ member: salesmen, uniqueMember: salesmen, memberUid: ["hugo", "ida", "jack"] });
    const admin = await Conversation.as("manager", server);
    expect(await admin.modify(groupDn("design"), ["add", "member", userDn("ida")])).toMatchObject({ code: 0 });
    expect(await shop.values(userDn("ida"), "memberOf")).toEqual([groupDn("staff")]);
    expect(await admin.modify(groupDn("design"), ["delete", "member", userDn("ida")])).toMatchObject({ code: 0 });
  });

  test.each([
    "(uid=ann)",
    "(!(uid=hugo))",
    "(departmentNumber=engineering)",
    "(&(objectClass=person)(!(departmentNumber=sales)))",
    "(cn:caseExactMatch:=Ann Archer)",
    "(uid:dn:=ann)",
    "(:caseIgnoreMatch:=ann archer)",
    `(entryDN=${hidden})`,
    `(distinguishedName=${hidden})`,
    `(member=${hidden})`,
    `(uniqueMember=${hidden})`,
    "(memberUid=ann)",
    `(member:distinguishedNameMatch:=${hidden})`,
    `(memberOf=${groupDn("engineering")})`,
    `(memberOf:distinguishedNameMatch:=${groupDn("engineering")})`,
    "(cn=engineering)",
    "(numSubordinates=12)",
    "(hasSubordinates=TRUE)",
  ])("matches no filter: %s", async (filter) => {
    shop = await Conversation.as("shop", server);
    const visible = (await shop.search()).dns;
    const { dns } = await shop.search({ filter });
    expect(dns).not.toContain(hidden);
    expect(dns).not.toContain(groupDn("engineering"));
    for (const dn of dns) expect(visible).toContain(dn);
    const admin = await Conversation.as("manager", server);
    // What the filter says of the hidden must not be told by the visible either.
    if (filter.includes("ember")) expect(dns).toEqual([]);
    expect((await admin.search({ filter })).code).toBe(0);
  });

  test("is not counted", async () => {
    shop = await Conversation.as("shop", server);
    const { attributes } = (await shop.entry(`ou=people,${suffix}`, ["+"]))!;
    expect(attributes).not.toHaveProperty("numSubordinates");
    expect(attributes).not.toHaveProperty("hasSubordinates");
    expect((await shop.search({ filter: "(!(numSubordinates=12))", base: `ou=people,${suffix}` })).dns).toContain(
      `ou=people,${suffix}`,
    );
  });

  test("cannot be written, renamed, deleted, moved to or added below", async () => {
    shop = await Conversation.as("shop", server);
    expect(await shop.modify(hidden, ["replace", "title", "x"])).toMatchObject({ code: 32 });
    expect(await shop.modify(hidden, ["replace", "userPassword", "x"])).toMatchObject({ code: 32 });
    expect(await shop.rename(hidden, "uid=x")).toMatchObject({ code: 32 });
    expect(await shop.remove(hidden)).toMatchObject({ code: 32 });
    expect(await shop.remove(groupDn("engineering"))).toMatchObject({ code: 32 });
    expect(await shop.rename(userDn("hugo"), "uid=hugo", { newSuperior: hidden })).toMatchObject({ code: 32 });
    const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x", departmentNumber: "sales" };
    expect(await shop.add(`cn=x,${hidden}`, person)).toMatchObject({ code: 32 });
  });

  test("stays a member when the visible ones are replaced, and is told from none by no answer", async () => {
    shop = await Conversation.as("shop", server);
    const admin = await Conversation.as("manager", server);
    const group = groupDn("shop-team");
    const values = { objectClass: "groupOfNames", cn: "shop-team", member: [hidden, userDn("hugo")] };
    expect(await admin.add(group, values)).toMatchObject({ code: 0 });
    expect(await shop.modify(group, ["replace", "member", userDn("ida")])).toMatchObject({ code: 0 });
    expect(await admin.values(group, "member")).toEqual([hidden, userDn("ida")]);
    expect(await shop.modify(group, ["delete", "member", hidden])).toMatchObject({ code: 16 });
    expect(await shop.modify(group, ["delete", "memberUid", "ann"])).toMatchObject({ code: 16 });
    expect(await shop.modify(group, ["delete", "member", userDn("no-such")])).toMatchObject({ code: 16 });
    expect(await shop.modify(group, ["add", "member", hidden])).toMatchObject({ code: 0 });
    expect(await shop.modify(group, ["add", "member", userDn("no-such")])).toMatchObject({ code: 0 });
    expect(await shop.modify(group, ["add", "member", userDn("no-such")])).toMatchObject({ code: 0 });
    expect(await shop.values(group, "member")).toEqual([userDn("ida")]);
    expect(await shop.modify(group, ["delete", "member"])).toMatchObject({ code: 0 });
    expect(await shop.modify(group, ["delete", "member"])).toMatchObject({ code: 16 });
    expect(await shop.compare(group, "member", hidden)).toMatchObject({ code: 16 });
    expect((await shop.search({ filter: "(member=*)" })).dns).toEqual([groupDn("staff")]);
    expect(await admin.values(group, "member")).toEqual([hidden, userDn("no-such")].sort());
    expect(await admin.remove(group)).toMatchObject({ code: 0 });
  });

  test("does not keep a group from becoming something else", async () => {
    shop = await Conversation.as("shop", server);
    const admin = await Conversation.as("manager", server);
    const both = { objectClass: ["inetOrgPerson", "posixGroup"], sn: "x", gidNumber: "7", departmentNumber: "sales" };
    const group = groupDn("shop-both");
    const becomeUser = [
      ["delete", "objectClass", "posixGroup"],
      ["delete", "gidNumber"],
    ] as const;
    expect(await admin.add(group, { ...both, memberUid: ["ann", "hugo"] })).toMatchObject({ code: 0 });
    expect(await shop.modify(group, ...becomeUser)).toMatchObject({ code: 65 });
    expect(await shop.modify(group, ["delete", "memberUid", "hugo"])).toMatchObject({ code: 0 });
    expect(await shop.modify(group, ...becomeUser)).toMatchObject({ code: 0 });
    expect(await admin.remove(group)).toMatchObject({ code: 0 });
  });

  test("is not made by who could not see it", async () => {
    shop = await Conversation.as("shop", server);
    const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x" };
    const outside = { code: 50, message: expect.stringContaining("outside") };
    expect(await shop.add(userDn("new"), { ...person, departmentNumber: "design" })).toMatchObject(outside);
    expect(await shop.add(userDn("new"), person)).toMatchObject(outside);
    expect(await shop.add(userDn("new"), { ...person, departmentNumber: "sales" })).toMatchObject({ code: 0 });
    expect(await shop.modify(userDn("new"), ["replace", "departmentNumber", "design"])).toMatchObject(outside);
    expect(await shop.values(userDn("new"), "departmentNumber")).toEqual(["sales"]);
    expect(await shop.remove(userDn("new"))).toMatchObject({ code: 0 });
    const taken = { code: 68, message: "an entry of this name exists already" };
    expect(await shop.add(hidden, { ...person, departmentNumber: "sales" })).toMatchObject(taken);
    expect(await shop.rename(userDn("hugo"), "uid=ann")).toMatchObject(taken);
    expect(await shop.add(groupDn("other"), { objectClass: "groupOfNames" })).toMatchObject(outside);
    expect(await shop.rename(groupDn("staff"), "cn=crew")).toMatchObject(outside);
    expect(await shop.entry(groupDn("staff"))).toBeDefined();
  });
});

describe("a view by membership", () => {
  test("holds the members, as they come and go", async () => {
    const client = await Conversation.as("members", server);
    const admin = await Conversation.as("manager", server);
    const uids = async () =>
      (await client.search({ filter: "(uid=*)", attributes: ["uid"] })).entries.map(
        ({ attributes }) => attributes.uid![0],
      );
    expect(await uids()).toEqual(["ann", "ben", "cora", "dan"]);
    expect(await client.values(groupDn("staff"), "memberUid")).toEqual(["ann", "ben", "cora", "dan"]);
    await admin.modify(groupDn("engineering"), ["add", "member", userDn("leo")], ["delete", "member", userDn("ann")]);
    expect(await uids()).toEqual(["ben", "cora", "dan", "leo"]);
    expect((await client.page({ filter: "(uid=*)" }, 3)).dns).toHaveLength(3);
    await admin.modify(groupDn("engineering"), ["delete", "member", userDn("leo")], ["add", "member", userDn("ann")]);
  });
});

describe("a hidden attribute", () => {
  test("is not sent, whichever way it is asked for", async () => {
    shop = await Conversation.as("shop", server);
    for (const attributes of [[], ["*"], ["telephoneNumber"], ["2.5.4.20"], ["@person"], ["*", "+"]]) {
      const found = (await shop.entry(userDn("ida"), attributes))!.attributes;
      expect(Object.keys(found).map((name) => name.toLowerCase())).not.toContain("telephonenumber");
    }
    expect((await shop.entry(userDn("ida"), ["*"]))!.attributes).toHaveProperty("mail");
  });

  test("is undefined in filters and noSuchAttribute in compare", async () => {
    shop = await Conversation.as("shop", server);
    const base = `ou=people,${suffix}`;
    for (const filter of [
      "(telephoneNumber=*)",
      "(!(telephoneNumber=*))",
      "(telephoneNumber=+1 555 0109)",
      "(!(telephoneNumber=+1 555 0109))",
      "(telephoneNumber=*0109)",
      "(telephoneNumber:telephoneNumberMatch:=+1 555 0109)",
      "(:telephoneNumberMatch:=+1 555 0109)",
    ]) {
      expect((await shop.search({ base, filter })).dns).toEqual([]);
    }
    expect(await shop.compare(userDn("ida"), "telephoneNumber", "+1 555 0109")).toMatchObject({ code: 16 });
    expect(await shop.compare(userDn("ida"), "telephoneNumber", "+1")).toMatchObject({ code: 16 });
  });

  test("cannot be written: the answer would tell its values", async () => {
    shop = await Conversation.as("shop", server);
    for (const kind of ["add", "delete", "replace"] as const) {
      expect(await shop.modify(userDn("ida"), [kind, "telephoneNumber", "+1 555 0109"])).toMatchObject({
        code: 50,
        message: "application shop cannot write telephoneNumber, which its view hides",
      });
    }
    const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x", departmentNumber: "sales" };
    expect(await shop.add(userDn("new"), { ...person, telephoneNumber: "1" })).toMatchObject({ code: 50 });
    expect(await shop.modify(userDn("ida"), ["replace", "title", "x"])).toMatchObject({ code: 0 });
    const admin = await Conversation.as("manager", server);
    expect(await admin.values(userDn("ida"), "telephoneNumber")).toEqual(["+1 555 0109"]);
  });

  test("takes with it what tells the same: the other spellings of a membership, of a DN, and the uids of members", async () => {
    const uids = await Conversation.as("uids", server);
    const spellings = ["member", "uniqueMember", "memberUid", "entryDN", "distinguishedName", "memberOf"];
    expect((await uids.entry(groupDn("staff"), spellings))!.attributes).toEqual({});
    expect((await uids.search({ filter: `(member=${userDn("ann")})` })).dns).toEqual([]);
    expect((await uids.search({ filter: `(distinguishedName=${userDn("ann")})` })).dns).toEqual([]);
    expect(await uids.modify(groupDn("staff"), ["add", "uniqueMember", userDn("ann")])).toMatchObject({ code: 50 });
    expect(Object.keys((await uids.entry(userDn("ann"), spellings))!.attributes)).toEqual(["memberOf"]);
    const nameless = await Conversation.as("nameless", server);
    const { attributes } = (await nameless.entry(groupDn("engineering"), ["uid", ...spellings]))!;
    expect(attributes).not.toHaveProperty("memberUid");
    expect(attributes.member).toContain(userDn("ann"));
    expect((await nameless.search({ filter: "(memberUid=ann)" })).dns).toEqual([]);
  });

  test("cannot be written by a name, new or old", async () => {
    const client = await Conversation.as("numberless", server);
    const admin = await Conversation.as("manager", server);
    const refused = {
      code: 50,
      message: "application numberless cannot write employeeNumber, which its view hides",
    };
    const person = { objectClass: "inetOrgPerson", cn: "x", sn: "x" };
    expect(await client.add(`employeeNumber=9,ou=people,${suffix}`, person)).toMatchObject(refused);
    expect(await client.rename(userDn("ben"), "uid=ben+employeeNumber=7")).toMatchObject(refused);
    expect(await admin.values(userDn("ben"), "employeeNumber")).toEqual([]);
    const named = `employeeNumber=9,ou=people,${suffix}`;
    expect(await admin.add(named, person)).toMatchObject({ code: 0 });
    expect(await client.rename(named, "cn=x")).toMatchObject(refused);
    expect(await client.rename(named, "cn=x", { deleteOldRdn: false })).toMatchObject({ code: 0 });
    expect(await admin.remove(`cn=x,ou=people,${suffix}`)).toMatchObject({ code: 0 });
  });

  test("is not named by what the schema says of a write", async () => {
    const client = await Conversation.as("numberless", server);
    const changes = [
      ["delete", "objectClass", "posixAccount"],
      ["delete", "uidNumber"],
      ["delete", "gidNumber"],
      ["delete", "homeDirectory"],
    ] as const;
    const answer = await client.modify(userDn("ben"), ...changes);
    expect(answer).toMatchObject({ code: 65, message: expect.stringContaining("not shown here") });
    expect(answer.message).not.toContain("loginShell");
    const admin = await Conversation.as("manager", server);
    expect((await admin.modify(userDn("ben"), ...changes)).message).toContain("loginShell");
  });

  test("does not decide by its values which classes can go", async () => {
    const client = await Conversation.as("numberless", server);
    const admin = await Conversation.as("manager", server);
    const posix = { uidNumber: "7", gidNumber: "7", homeDirectory: "/" };
    const person = { objectClass: ["inetOrgPerson", "posixAccount"], cn: "x", sn: "x", ...posix };
    const answers = [];
    for (const loginShell of [[], ["/bin/sh"]]) {
      expect(
        await admin.add(userDn("shell"), loginShell.length > 0 ? { ...person, loginShell } : person),
      ).toMatchObject({ code: 0 });
      const types = Object.keys(posix).map((type) => ["delete", type] as const);
      answers.push(await client.modify(userDn("shell"), ["delete", "objectClass", "posixAccount"], ...types));
      expect(await admin.remove(userDn("shell"))).toMatchObject({ code: 0 });
    }
    expect(answers[0]).toMatchObject({ code: 65, message: expect.stringContaining("not shown here") });
    expect(answers[1]).toMatchObject({ code: 65, message: answers[0]!.message });
  });

  test("may be a membership", async () => {
    const client = await Conversation.as("bare", server);
    const { attributes } = (await client.entry(groupDn("staff"), ["*", "member", "memberUid"]))!;
    expect(Object.keys(attributes)).toEqual(["objectClass", "cn", "description"]);
    expect((await client.search({ filter: `(member=${userDn("ann")})` })).dns).toEqual([]);
    expect((await client.entry(userDn("ann")))!.attributes).not.toHaveProperty("memberOf");
    expect(await client.compare(groupDn("staff"), "member", userDn("ann"))).toMatchObject({ code: 16 });
    expect(await client.modify(groupDn("staff"), ["add", "member", userDn("ann")])).toMatchObject({ code: 50 });
  });

  test("is hidden from the users of the application too", async () => {
    const client = await Conversation.as("shop", server);
    expect((await client.bindUser("ida")).code).toBe(0);
    expect((await client.entry(userDn("ida")))!.attributes).not.toHaveProperty("telephoneNumber");
    expect((await client.entry(userDn("ida")))!.attributes.memberOf).toEqual([groupDn("staff")]);
    expect(await client.search({ base: groupDn("tracker-users") })).toMatchObject({ code: 32 });
  });
});

describe("userPassword", () => {
  const hash = saltedSha("ann-secret");

  test.each([
    "(userPassword=*)",
    "(!(userPassword=*))",
    "(userPassword=ann-secret)",
    `(userPassword=${hash})`,
    `(!(userPassword=${hash}))`,
    "(userPassword=*a*)",
    "(userPassword=\\7bSSHA*)",
    "(userPassword>=a)",
    "(userPassword<=z)",
    "(userPassword~=ann-secret)",
    "(2.5.4.35=*)",
    "(userPassword;x-a=*)",
    `(userPassword:octetStringMatch:=${hash})`,
    `(:octetStringMatch:=${hash})`,
    `(:dn:octetStringMatch:=${hash})`,
    "(userPassword:dn:=ann-secret)",
    "(|(userPassword=ann-secret)(userPassword=*))",
    "(&(uid=ann)(userPassword=*))",
    "(&(uid=ann)(!(userPassword=zzz)))",
  ])("is matched by nobody: %s", async (filter) => {
    const admin = await Conversation.as("manager", server);
    expect(await admin.search({ filter })).toMatchObject({ code: 0, dns: [] });
    const client = await Conversation.with(server);
    await client.bindUser("ann");
    expect(await client.search({ filter })).toMatchObject({ code: 0, dns: [] });
  });

  test("is sent to nobody", async () => {
    const user = await Conversation.with(server);
    await user.bindUser("ann");
    for (const client of [await Conversation.as("manager", server), user]) {
      for (const attributes of [
        [],
        ["*", "+"],
        ["userPassword"],
        ["2.5.4.35"],
        ["@person", "@posixAccount"],
        ["userPassword;x-a"],
      ]) {
        for (const typesOnly of [true, false]) {
          const { entries } = await client.search({ base: hidden, scope: "base", attributes, typesOnly });
          expect(Object.keys(entries[0]!.attributes).join().toLowerCase()).not.toMatch(/password|2\.5\.4\.35/);
          expect(JSON.stringify(entries)).not.toContain("SSHA");
        }
      }
    }
  });
});
