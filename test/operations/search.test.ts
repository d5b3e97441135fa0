import { Client } from "ldapts";
import { beforeAll, describe, expect, test } from "vitest";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { SettableClock } from "../support/store.js";

let server: StartedServer;
let client: Conversation;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

async function admin(): Promise<Conversation> {
  return Conversation.as("console", server);
}

describe("scope", () => {
  test("base is the entry alone, one its children, sub both and all below, subordinates all but itself", async () => {
    client = await admin();
    const dns = async (scope: "base" | "one" | "sub" | "subordinates", base: string) =>
      (await client.search({ base, scope, filter: "(objectClass=*)", attributes: ["1.1"] })).dns;
    expect(await dns("base", `ou=people,${suffix}`)).toEqual([`ou=people,${suffix}`]);
    expect(await dns("one", suffix)).toEqual([
      `ou=people,${suffix}`,
      `ou=groups,${suffix}`,
      `ou=applications,${suffix}`,
    ]);
    expect(await dns("one", `ou=groups,${suffix}`)).toHaveLength(5);
    expect(await dns("sub", `ou=groups,${suffix}`)).toHaveLength(6);
    expect(await dns("subordinates", `ou=groups,${suffix}`)).toHaveLength(5);
    expect(await dns("one", userDn("ann"))).toEqual([]);
    expect(await dns("sub", userDn("ann"))).toEqual([userDn("ann")]);
    expect(await dns("subordinates", userDn("ann"))).toEqual([]);
    expect(await dns("sub", suffix)).toHaveLength(3 + 12 + 5 + 4);
  });

  test("with ldapts: an entry as others read it", async () => {
    const other = new Client({ url: server.url });
    await other.bind(applicationDn("wiki"), "wiki-secret");
    const { searchEntries, searchReferences } = await other.search(`ou=people,${suffix}`, {
      filter: "(&(objectclass=person)(uid=ANN))",
    });
    expect(searchReferences).toEqual([]);
    expect(searchEntries).toEqual([
      {
        dn: userDn("ann"),
        objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount"],
        uid: "ann",
        cn: "Ann Archer",
        givenName: "Ann",
        sn: "Archer",
        displayName: "Ann Archer",
        mail: "ann@example.com",
        telephoneNumber: "+1 555 0101",
        departmentNumber: "engineering",
        uidNumber: "10001",
        gidNumber: "10000",
        homeDirectory: "/home/ann",
        loginShell: "/bin/sh",
        memberOf: [groupDn("administrators"), groupDn("engineering"), groupDn("staff")],
      },
    ]);
    await other.unbind();
  });

  test("aliases are never followed, whatever the client asks", async () => {
    client = await admin();
    const alias = `cn=alias,${suffix}`;
    const values = { objectClass: ["alias", "extensibleObject"], cn: "alias", aliasedObjectName: userDn("ann") };
    expect(await client.add(alias, values)).toMatchObject({ code: 0 });
    for (const aliases of [0, 1, 2, 3]) {
      expect((await client.search({ base: alias, scope: "base", aliases })).dns).toEqual([alias]);
      expect((await client.search({ base: alias, scope: "one", aliases })).dns).toEqual([]);
    }
    expect(await client.remove(alias)).toMatchObject({ code: 0 });
  });
});

describe("a base that is not there", () => {
  test("is noSuchObject with the nearest name above it", async () => {
    client = await admin();
    const base = `cn=x,uid=nobody,OU=People,${suffix}`;
    expect(await client.search({ base })).toMatchObject({ code: 32, matchedDn: `ou=people,${suffix}` });
    expect(await client.search({ base: "dc=com", scope: "base" })).toMatchObject({ code: 32, matchedDn: "" });
    expect(await client.search({ base: "", scope: "sub" })).toMatchObject({ code: 32, matchedDn: "" });
    const unregistered = applicationDn("nobody");
    expect(await client.search({ base: unregistered })).toMatchObject({
      code: 32,
      matchedDn: `ou=applications,${suffix}`,
    });
  });

  test("is invalidDNSyntax where it is no name at all", async () => {
    client = await admin();
    expect(await client.search({ base: "no name" })).toMatchObject({ code: 34 });
    expect(await client.search({ base: "uid=a,,dc=com" })).toMatchObject({ code: 34 });
  });
});

describe("limits", () => {
  test("a size limit sends that many entries and then sizeLimitExceeded", async () => {
    client = await admin();
    const people = { base: `ou=people,${suffix}`, filter: "(uid=*)" };
    expect(await client.search({ ...people, sizeLimit: 5 })).toMatchObject({ code: 4, entries: { length: 5 } });
    expect(await client.search({ ...people, sizeLimit: 12 })).toMatchObject({ code: 0, entries: { length: 12 } });
    expect(await client.search({ ...people, filter: "(uid=ann)", sizeLimit: 1 })).toMatchObject({ code: 0 });
    expect(await client.search({ scope: "one", sizeLimit: 1 })).toMatchObject({ code: 4, entries: { length: 1 } });
  });

  test("the server's own size limit holds where the client asks for more or for none", async () => {
    const small = await startedServer({ limits: { sizeLimit: 3 } });
    client = await Conversation.as("console", small);
    expect(await client.search()).toMatchObject({ code: 4, entries: { length: 3 } });
    expect(await client.search({ sizeLimit: 9 })).toMatchObject({ code: 4, entries: { length: 3 } });
    expect(await client.search({ sizeLimit: 2 })).toMatchObject({ code: 4, entries: { length: 2 } });
  });

  test("a time limit ends a search that takes longer", async () => {
    const clock = new SettableClock();
    let passed = 0;
    const ticking = () => {
      passed += 1500;
      return clock.read() + passed;
    };
    const slow = await startedServer({ clock: ticking });
    client = await Conversation.as("console", slow);
    expect(await client.search({ timeLimit: 1, filter: "(description=*)" })).toMatchObject({ code: 3 });
    expect(await client.search({ timeLimit: 100, filter: "(description=*)" })).toMatchObject({ code: 0 });
  });
});

describe("filters", () => {
  const uids = async (filter: string, base = suffix) => {
    const { code, entries } = await (await admin()).search({ base, filter, attributes: ["uid", "cn"] });
    expect(code).toBe(0);
    return entries.map(({ attributes }) => attributes.uid?.[0] ?? attributes.cn?.[0] ?? "");
  };

  test.each([
    ["(uid=ANN)", ["ann"]],
    ["(mail=Ann@Example.COM)", ["ann"]],
    ["(2.5.4.42=ann)", ["ann"]],
    ["(name=ben baker)", ["ben"]],
    ["(cn=a*r)", ["ann"]],
    ["(cn=*ar*)", ["ann", "cora", "finn"]],
    ["(uidNumber>=10003)", ["cora", "dan"]],
    ["(uidNumber<=10001)", ["ann"]],
    ["(cn~=leo smith)", ["leo"]],
    ["(&(objectClass=posixAccount)(!(uidNumber=10001))(|(uid=ann)(uid=ben)))", ["ben"]],
    ["(cn:caseExactMatch:=Ann Archer)", ["ann"]],
    ["(cn:caseExactMatch:=ann archer)", []],
    ["(uid:dn:=leo)", ["leo"]],
    [`(memberOf=${groupDn("design")})`, ["ella", "finn", "gwen"]],
    [`(memberOf=CN=Design , OU=groups,DC=example,dc=com)`, ["ella", "finn", "gwen"]],
    [`(&(objectClass=groupOfNames)(member=${userDn("KATE")}))`, ["tracker-users", "staff"]],
    [`(uniqueMember=${userDn("ella")})`, ["design", "tracker-users", "staff"]],
    ["(memberUid=ann)", ["administrators", "engineering", "staff"]],
    [`(member=${groupDn("engineering")})`, ["tracker-users"]],
    [`(entryDN=${userDn("Ann")})`, ["ann"]],
    [`(distinguishedName=${userDn("ann")})`, ["ann"]],
    [`(|(distinguishedName=${userDn("ann")})(distinguishedName=${groupDn("staff")}))`, ["ann", "staff"]],
    [`(entryDN=${applicationDn("Wiki")})`, ["wiki"]],
    [`(distinguishedName=${applicationDn("nobody")})`, []],
    ["(member=no name)", []],
    ["(unknownAttribute=x)", []],
    ["(!(unknownAttribute=x))", []],
    ["(|(unknownAttribute=x)(uid=ann))", ["ann"]],
    ["(!(&(unknownAttribute=x)(uid=nobody)))", undefined],
    ["(|)", []],
    ["(&)", undefined],
    ["(userPassword=*)", []],
    ["(!(userPassword=*))", []],
    ["(userPassword=ann-secret)", []],
    ["(objectClass=top)", undefined],
    ["(objectClass=applicationProcess)", ["wiki", "tracker", "console"]],
  ])("%s", async (filter, found) => {
    if (found) expect((await uids(filter)).sort()).toEqual([...found].sort());
    else expect(await uids(filter)).toHaveLength(24);
  });

  test("presence of memberships is that of the entries they belong to", async () => {
    expect(await uids("(member=*)")).toHaveLength(5);
    expect(await uids("(uniqueMember=*)")).toHaveLength(5);
    expect(await uids("(memberUid=*)")).toHaveLength(5);
    expect((await uids("(memberOf=*)")).sort()).toContain("engineering");
    expect(await uids("(&(memberOf=*)(uid=*))")).toHaveLength(12);
    expect(await uids("(!(memberOf=*))", `ou=people,${suffix}`)).toHaveLength(1);
    expect(await uids("(member=*example,dc=com)")).toEqual([]);
  });

  test("entryUUID and the timestamps of an entry find it", async () => {
    client = await admin();
    const { attributes } = (await client.entry(userDn("ann"), ["+"]))!;
    const [uuid, time] = [attributes.entryUUID![0]!, attributes.createTimestamp![0]!];
    expect(time).toMatch(/^\d{14}Z$/);
    expect(await uids(`(entryUUID=${uuid.toUpperCase()})`)).toEqual(["ann"]);
    expect(await uids(`(&(uid=ann)(createTimestamp=${time})(modifyTimestamp>=${time.slice(0, -1)}.0Z))`)).toEqual([
      "ann",
    ]);
    expect(await uids(`(&(uid=ann)(!(modifyTimestamp=${time})))`)).toEqual([]);
  });

  test("a thousand names at once, as Crowd asks", async () => {
    const names = Array.from({ length: 1000 }, (_, n) => userDn(n === 500 ? "ann" : `missing${n}`));
    expect(await uids(`(&(objectClass=person)(|${names.map((dn) => `(distinguishedName=${dn})`).join("")}))`)).toEqual([
      "ann",
    ]);
  });

  test("references, aliases and results never lead elsewhere, and a search leaves no references", async () => {
    client = await admin();
    expect((await client.search()).entries.every(({ attributes }) => !attributes.ref)).toBe(true);
  });
});

test("a group of thousands is asked about without its list being made", async () => {
  const members = Array.from({ length: 6000 }, (_, n) => `uid=u${n},ou=people,${suffix}`);
  const seed = [
    `dn: ${suffix}\nobjectClass: domain\ndc: example\n`,
    `dn: ou=people,${suffix}\nobjectClass: organizationalUnit\nou: people\n`,
    ...members.map((dn, n) => `dn: ${dn}\nobjectClass: inetOrgPerson\nuid: u${n}\ncn: u${n}\nsn: u\n`),
    `dn: cn=all,${suffix}\nobjectClass: groupOfNames\ncn: all\n${members.map((dn) => `member: ${dn}\n`).join("")}`,
  ];
  const big = await startedServer({ seed: seed.join("\n") });
  client = await Conversation.as("console", big);
  const one = await client.search({ filter: "(member=*)", attributes: ["1.1"] });
  expect(one.dns).toEqual([`cn=all,${suffix}`]);
  for (const member of [members[0]!, members[5999]!]) {
    expect((await client.search({ filter: `(member=${member})`, attributes: ["cn"] })).dns).toEqual(one.dns);
    expect(await client.compare(`cn=all,${suffix}`, "member", member)).toMatchObject({ code: 6 });
  }
  expect(await client.compare(`cn=all,${suffix}`, "member", userDn("nobody"))).toMatchObject({ code: 5 });
  expect(await client.compare(`cn=all,${suffix}`, "memberUid", "nobody")).toMatchObject({ code: 5 });
  expect(await client.compare(`cn=all,${suffix}`, "memberUid", "u77")).toMatchObject({ code: 6 });
  const { attributes } = (await client.entry(`cn=all,${suffix}`, ["member"]))!;
  expect(new Set(attributes.member)).toEqual(new Set(members));
  expect((await client.search({ filter: "(memberUid=*)", attributes: ["1.1"] })).dns).toEqual(one.dns);
  expect((await client.search({ filter: `(memberOf=cn=all,${suffix})`, attributes: ["1.1"] })).dns).toHaveLength(6000);
});
