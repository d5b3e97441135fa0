// An application's own branch: its view of the directory once more, below its own name.
import { beforeEach, describe, expect, test } from "vitest";
import { applicationsYaml } from "../access/applications.js";
import { applicationDn, Conversation, groupDn, pageControl, suffix, userDn } from "../support/conversation.js";
import { randomFrom } from "../support/random.js";
import { type StartedServer, startedServer } from "../support/server.js";

// Both call from one address. Hugo and Ida sell; Ella designs and is in tracker-users, as the engineers are.
const applications = applicationsYaml({
  shop: {
    access: "read-write",
    more: ['view: { users: "(departmentNumber=sales)", groups: "(|(cn=staff)(cn=shop-*))" }', "login: [staff]"],
  },
  desk: { access: "read", more: ["login: [tracker-users]"] },
  crowd: { access: "read-write", more: ["view: { lowercase: true }", "login: []"] },
});

const shopDn = applicationDn("shop");
const inShop = (uid: string) => `uid=${uid},ou=people,${shopDn}`;
const inDesk = (uid: string) => `uid=${uid},ou=people,${applicationDn("desk")}`;
const shopGroup = (cn: string) => `cn=${cn},ou=groups,${shopDn}`;

let server: StartedServer;
let shop: Conversation;

beforeEach(async () => {
  server = await startedServer({ applications });
  shop = await Conversation.as("shop", server);
});

describe("what stands in the branch", () => {
  test("is the application's own entry, and below it what it sees of the directory", async () => {
    const salesmen = ["hugo", "ida", "jack"];
    const below = [`ou=people,${shopDn}`, `ou=groups,${shopDn}`, shopGroup("staff"), ...salesmen.map(inShop)];
    expect(new Set((await shop.search({ base: shopDn })).dns)).toEqual(new Set([shopDn, ...below]));
    expect((await shop.search({ base: shopDn, scope: "base" })).dns).toEqual([shopDn]);
    expect(new Set((await shop.search({ base: shopDn, scope: "one" })).dns)).toEqual(
      new Set([`ou=people,${shopDn}`, `ou=groups,${shopDn}`]),
    );
    expect(new Set((await shop.search({ base: `ou=people,${shopDn}`, scope: "one" })).dns)).toEqual(
      new Set(salesmen.map(inShop)),
    );
    expect((await shop.search({ base: inShop("ida"), scope: "base" })).dns).toEqual([inShop("ida")]);
  });

  test("does not stand in the shared tree a second time", async () => {
    const { dns } = await shop.search({ base: suffix });
    expect(dns).toContain(userDn("ida"));
    expect(dns.filter((dn) => dn.endsWith(shopDn))).toEqual([shopDn]);
  });

  test("is named by names of the branch alone, in every attribute that names an entry", async () => {
    const wanted = ["*", "+", "member", "uniqueMember", "memberUid"];
    const group = (await shop.entry(shopGroup("staff"), wanted))!.attributes;
    expect(group).toMatchObject({
      member: ["hugo", "ida", "jack"].map(inShop),
      uniqueMember: ["hugo", "ida", "jack"].map(inShop),
      memberUid: ["hugo", "ida", "jack"],
      entryDN: [shopGroup("staff")],
      distinguishedName: [shopGroup("staff")],
    });
    const admin = await Conversation.as("crowd", server);
    expect(await admin.modify(userDn("ida"), ["add", "manager", userDn("hugo")])).toMatchObject({ code: 0 });
    const ida = (await shop.entry(inShop("ida"), wanted))!.attributes;
    expect(ida).toMatchObject({ memberOf: [shopGroup("staff")], manager: [inShop("hugo")], entryDN: [inShop("ida")] });
    expect(await shop.values(inShop("ida"), "manager")).toEqual([inShop("hugo")]);
    expect(await shop.values(userDn("ida"), "manager")).toEqual([userDn("hugo")]);
  });

  test("is what another asks below its own name, and nobody sees of another", async () => {
    const desk = await Conversation.as("desk", server);
    expect((await desk.search({ base: applicationDn("desk"), filter: "(uid=ann)" })).dns).toEqual([inDesk("ann")]);
    expect(await desk.search({ base: `ou=people,${shopDn}` })).toMatchObject({ code: 32 });
    expect(await shop.search({ base: inDesk("ida"), scope: "base" })).toMatchObject({ code: 32 });
  });

  test("has no applications of its own", async () => {
    for (const base of [`ou=applications,${shopDn}`, `cn=shop,ou=applications,${shopDn}`]) {
      for (const scope of ["base", "sub"] as const) {
        expect(await shop.search({ base, scope })).toMatchObject({ code: 32, matchedDn: shopDn });
      }
      expect(await shop.compare(base, "objectClass", "top")).toMatchObject({ code: 32 });
      expect((await shop.add(base, { objectClass: ["organizationalUnit"], ou: ["applications"] })).code).not.toBe(0);
    }
    expect(await shop.compare(inShop("ida"), "creatorsName", shopDn)).toMatchObject({ code: expect.any(Number) });
  });

  test("is not walked on with a cookie of the shared tree, nor the other way round", async () => {
    const [own, shared] = [{ base: shopDn }, { base: suffix }];
    const first = await shop.page(own, 2);
    expect(await shop.search({ ...shared, controls: [pageControl(2, first.cookie, true)] })).toMatchObject({
      code: 53,
    });
    const other = await shop.page(shared, 2);
    expect(await shop.search({ ...own, controls: [pageControl(2, other.cookie, true)] })).toMatchObject({ code: 53 });
  });

  test("is walked in pages like everything else", async () => {
    const found: string[] = [];
    let cookie: Buffer = Buffer.alloc(0);
    do {
      const page = await shop.page({ base: shopDn, attributes: ["1.1"] }, 2, cookie, true);
      expect(page.code).toBe(0);
      found.push(...page.dns);
      cookie = page.cookie;
    } while (cookie.length > 0);
    expect(found.sort()).toEqual([...(await shop.search({ base: shopDn })).dns].sort());
  });
});

describe("names of the shared tree mean nothing in the branch", () => {
  test.each([
    [`(memberOf=${groupDn("staff")})`, 0],
    [`(memberOf=${shopGroup("staff")})`, 3],
    [`(!(memberOf=${groupDn("staff")}))`, 7],
    [`(entryDN=${userDn("ida")})`, 0],
    [`(entryDN=${inShop("ida")})`, 1],
    [`(member=${inShop("ida")})`, 1],
    [`(member=${userDn("ida")})`, 0],
    [`(|(member:distinguishedNameMatch:=${userDn("ida")})(uid=ida))`, 1],
  ])("%s", async (filter, count) => {
    expect((await shop.search({ base: shopDn, filter })).dns).toHaveLength(count);
  });

  test("and names of the branch nothing in the shared tree", async () => {
    expect((await shop.search({ base: suffix, filter: `(memberOf=${shopGroup("staff")})` })).dns).toEqual([]);
    expect(await shop.compare(groupDn("staff"), "member", inShop("ida"))).toMatchObject({ code: 5 });
    expect(await shop.compare(shopGroup("staff"), "member", inShop("ida"))).toMatchObject({ code: 6 });
    expect(await shop.compare(shopGroup("staff"), "member", userDn("ida"))).toMatchObject({ code: 5 });
  });

  test("a missing entry is told of in names of the branch", async () => {
    for (const uid of ["nobody", "ann"]) {
      expect(await shop.search({ base: inShop(uid), scope: "base" })).toMatchObject({
        code: 32,
        matchedDn: `ou=people,${shopDn}`,
        message: `there is no entry ${inShop(uid)}`,
      });
    }
  });
});

describe("a write in the branch", () => {
  const kim = {
    objectClass: ["inetOrgPerson"],
    uid: ["kim"],
    cn: ["Kim"],
    sn: ["Kim"],
    departmentNumber: ["sales"],
    manager: [inShop("ida")],
  };

  test("adds, changes, renames, moves and deletes what stands in the shared tree", async () => {
    expect(await shop.add(inShop("kim"), kim)).toMatchObject({ code: 0 });
    expect(await shop.values(userDn("kim"), "manager")).toEqual([userDn("ida")]);
    expect(await shop.modify(shopGroup("staff"), ["add", "member", inShop("kim")])).toMatchObject({ code: 0 });
    expect(await shop.values(inShop("kim"), "memberOf")).toEqual([shopGroup("staff")]);
    expect(await shop.modify(shopGroup("staff"), ["delete", "member", inShop("kim")])).toMatchObject({ code: 0 });
    expect(await shop.rename(inShop("kim"), "uid=kay", { newSuperior: `ou=people,${shopDn}` })).toMatchObject({
      code: 0,
    });
    expect(await shop.values(userDn("kay"), "uid")).toEqual(["kay"]);
    expect(await shop.remove(inShop("kay"))).toMatchObject({ code: 0 });
    expect(await shop.search({ base: userDn("kay"), scope: "base" })).toMatchObject({ code: 32 });
  });

  test("takes no names of the shared tree", async () => {
    expect(await shop.add(inShop("kim"), { ...kim, manager: [userDn("ida")] })).toMatchObject({ code: 19 });
    expect(await shop.modify(shopGroup("staff"), ["add", "member", userDn("ida")])).toMatchObject({ code: 19 });
    expect(await shop.rename(inShop("ida"), "uid=ida", { newSuperior: `ou=people,${suffix}` })).toMatchObject({
      code: 32,
    });
  });

  test("below what is not there says so in names of the branch", async () => {
    const units = `ou=none,${shopDn}`;
    expect(await shop.add(`uid=kim,${units}`, kim)).toMatchObject({
      code: 32,
      matchedDn: shopDn,
      message: `there is no entry ${units}`,
    });
  });

  test("leaves the application's own entry alone", async () => {
    expect(await shop.modify(shopDn, ["replace", "description", "x"])).toMatchObject({ code: 53 });
    expect(await shop.remove(shopDn)).toMatchObject({ code: 53 });
  });
});

describe("a user of one address that several applications share", () => {
  test("comes in by the application whose branch the name is of", async () => {
    const user = await Conversation.with(server);
    expect(await user.bind(inShop("ida"), "ida-secret")).toMatchObject({ code: 0 });
    expect(await user.whoAmI()).toBe(`dn:${inShop("ida")}`);
    expect((await user.search({ base: inShop("ida"), scope: "base" })).dns).toEqual([inShop("ida")]);
    expect(await user.search({ base: inDesk("ida"), scope: "base" })).toMatchObject({ code: 32 });
    expect(await user.bind(inDesk("ella"), "ella-secret")).toMatchObject({ code: 0 });
    expect(await user.whoAmI()).toBe(`dn:${inDesk("ella")}`);
    const binds = server.log.flatMap(({ audit }) => (audit?.operation === "bind" ? [audit] : [])).slice(-2);
    expect(binds.map(({ application }) => application)).toEqual(["shop", "desk"]);
  });

  test.each([
    ["who is not in its view", inShop("ella"), "ella-secret"],
    ["who is in none of its groups", inDesk("ida"), "ida-secret"],
    ["whose password is wrong", inShop("ida"), "wrong"],
    ["below a name that no application has", `uid=ida,ou=people,${applicationDn("none")}`, "ida-secret"],
    ["through one that lets nobody in", `uid=ida,ou=people,${applicationDn("crowd")}`, "ida-secret"],
  ])("%s is refused in the same words", async (_, dn, password) => {
    const user = await Conversation.with(server);
    expect(await user.bind(dn, password)).toMatchObject({
      code: 49,
      message: "the name or the password is wrong",
    });
    expect(await user.whoAmI()).toBe("");
  });

  test("gets by the shared tree what all that let them in would give", async () => {
    const user = await Conversation.with(server);
    // Both let Ella in but for the view of the shop; Ida is let in by the shop alone.
    expect(await user.bind(userDn("ella"), "ella-secret")).toMatchObject({ code: 0 });
    expect(await user.bind(userDn("ida"), "ida-secret")).toMatchObject({ code: 0 });
    const binds = server.log.flatMap(({ audit }) => (audit?.operation === "bind" ? [audit] : [])).slice(-2);
    expect(binds.map(({ application }) => application)).toEqual(["desk", "shop"]);
  });

  test("changes their own password in the branch", async () => {
    const user = await Conversation.with(server);
    await user.bind(inShop("ida"), "ida-secret");
    expect(await user.modify(inShop("ida"), ["replace", "userPassword", "a new one"])).toMatchObject({ code: 0 });
    expect(await user.bind(inShop("ida"), "a new one")).toMatchObject({ code: 0 });
    expect(await shop.compare(inShop("ida"), "userPassword", "a new one")).toMatchObject({ code: 6 });
  });
});

test("whatever is asked in the branch is answered as in the shared tree, name for name", async () => {
  const seed = Number(process.env.GATEHOUSE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = randomFrom(seed);
  const below = (most: number) => Math.floor(random() * most);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const inBranch = (text: string) => text.replaceAll(new RegExp(`(?<!ou=applications,)${suffix}`, "g"), shopDn);
  const uids = ["ann", "hugo", "ida", "jack", "nobody"];
  const cns = ["staff", "engineering", "nothing"];
  const assertion = (): string => {
    const user = userDn(pick(uids));
    const group = groupDn(pick(cns));
    return pick([
      `(member=${user})`,
      `(uniqueMember=${user})`,
      `(memberOf=${group})`,
      `(entryDN=${pick([user, group])})`,
      `(memberOf:distinguishedNameMatch:=${group})`,
      `(uid=${pick(uids)})`,
      `(memberUid=${pick(uids)})`,
      "(memberOf=*)",
      "(objectClass=person)",
      "(cn=*a*)",
    ]);
  };
  const filter = (depth = 0): string => {
    if (depth > 2 || below(2) === 0) return assertion();
    const parts = Array.from({ length: 1 + below(3) }, () => filter(depth + 1)).join("");
    return pick([`(&${parts})`, `(|${parts})`, `(!${filter(depth + 1)})`]);
  };
  for (let n = 0; n < 400; n++) {
    const asked = {
      base: pick([`ou=people,${suffix}`, `ou=groups,${suffix}`, userDn(pick(uids)), groupDn(pick(cns))]),
      scope: pick(["base", "one", "sub"] as const),
      filter: filter(),
      attributes: pick([[], ["1.1"], ["*", "+"], ["member", "memberOf"], ["entryDN", "cn", "uniqueMember"]]),
    };
    const shared = await shop.search(asked);
    const own = await shop.search({ ...asked, base: inBranch(asked.base), filter: inBranch(asked.filter) });
    const plain = ({ code, message, matchedDn, entries }: typeof own) =>
      JSON.stringify([code, message, matchedDn, entries.map(({ dn, attributes }) => [dn, attributes])]);
    expect(plain(own), `seed ${seed}, ${JSON.stringify(asked)}`).toEqual(inBranch(plain(shared)));
  }
});

describe("names in lower case", () => {
  test("are those of users and groups, wherever they stand, and nothing else", async () => {
    const crowd = await Conversation.as("crowd", server);
    const kim = `uid=KIM,ou=people,${suffix}`;
    expect(
      await shop.add(kim, {
        objectClass: ["inetOrgPerson"],
        cn: ["Kim Ō'Hara"],
        sn: ["Ō'Hara"],
        departmentNumber: ["sales"],
        mail: ["Kim@example.com"],
      }),
    ).toMatchObject({ code: 0 });
    expect(
      await shop.add(`cn=Shop-ALL,ou=groups,${suffix}`, { objectClass: ["groupOfNames"], member: [kim] }),
    ).toMatchObject({ code: 0 });
    const low = userDn("kim");
    const { dn, attributes } = (await crowd.entry(kim, ["*", "memberOf", "entryDN"]))!;
    expect(dn).toBe(low);
    expect(attributes).toMatchObject({
      uid: ["kim"],
      cn: ["Kim Ō'Hara"],
      mail: ["Kim@example.com"],
      entryDN: [low],
      memberOf: [groupDn("shop-all")],
    });
    const group = (await crowd.entry(groupDn("shop-all"), ["cn", "member", "memberUid"]))!;
    expect(group.attributes).toEqual({ cn: ["shop-all"], member: [low], memberUid: ["kim"] });
    expect((await crowd.search({ filter: "(uid=KIM)" })).dns).toEqual([low]);
    const own = `uid=kim,ou=people,${applicationDn("crowd")}`;
    expect((await crowd.search({ base: applicationDn("crowd"), filter: "(uid=kim)" })).dns).toEqual([own]);
    expect((await shop.search({ filter: "(uid=kim)" })).dns).toEqual([kim]);
  });
});
