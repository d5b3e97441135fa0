// What is explained and what is decided about logins, on a store of its own.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ApplicationRegistry } from "../../src/access/application.js";
import { ApplicationMirror } from "../../src/access/application-mirror.js";
import { ComputedAttributes } from "../../src/access/computed-attributes.js";
import { Contact } from "../../src/access/contact.js";
import type { Directory } from "../../src/access/directory.js";
import { explainLogin, findLogin, type Occasion } from "../../src/access/login.js";
import { Dn } from "../../src/model/dn.js";
import { parseFilter } from "../../src/model/filter-text.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { AddressRange } from "../../src/settings/address-range.js";
import { type ApplicationSettings, accessPresets, type LoginRules } from "../../src/settings/application-settings.js";
import type { Weekday } from "../../src/settings/login-hours.js";
import { saltedSha } from "../support/server.js";
import { add, group, groupDn, openStore, person, plant, suffix, userDn } from "../support/store.js";

const password = saltedSha("secret");

async function directory(): Promise<Directory> {
  const store = await openStore();
  await plant(store);
  await add(store, userDn("ann"), person("ann", { title: "x", userPassword: password }));
  await add(store, userDn("ben"), person("ben", { nsAccountLock: "TRUE", userPassword: password }));
  await add(store, userDn("cora"), person("cora", { pwdAccountLockedTime: "000001010000Z" }));
  await add(store, userDn("dan"), person("dan", { userPassword: password }));
  await add(store, `uid=dan,ou=groups,${suffix}`, person("dan", { title: "x" }));
  await add(store, groupDn("inner"), group("inner", [userDn("ann"), groupDn("outer")]));
  await add(store, groupDn("outer"), group("outer", [groupDn("inner"), userDn("ben")]));
  await add(store, groupDn("urls"), {
    objectClass: ["top", "groupOfURLs"],
    cn: "urls",
    memberURL: [`ldap:///ou=people,${suffix}??sub?(uid=dan)`, "ldap:///dc=example,dc=com??sub?(title=y)"],
  });
  await add(store, groupDn("around"), group("around", [groupDn("urls")]));
  const applications = new ApplicationRegistry(store.suffix, standardSchema, []);
  const mirror = new ApplicationMirror(applications, standardSchema, 0);
  return { store, applications, mirror, computed: new ComputedAttributes(standardSchema), clock: () => 0 };
}

function application({ login, view }: Pick<ApplicationSettings, "login" | "view">) {
  const settings: ApplicationSettings = {
    name: "wiki",
    passwords: [],
    addresses: [AddressRange.parse("0.0.0.0/0")],
    hosts: [],
    rights: accessPresets.read,
    enabled: true,
    requireTls: false,
    limits: {},
    ...(login ? { login } : {}),
    ...(view ? { view } : {}),
  };
  const dn = Dn.parse(`cn=wiki,ou=applications,${suffix}`);
  return { settings, name: settings.name, dn, contact: new Contact() };
}

const friday = Date.parse("2026-01-30T12:00Z");
const noon: Occasion = { channel: { kind: "plain", address: "192.0.2.1" }, now: friday };
const shows = { nestedGroups: "keep", lowercase: false, disabledUsers: "show" } as const;

test.each([
  ["ben", "user disabled"],
  ["cora", "user disabled"],
  ["ann", undefined],
])("%s: %s", async (uid, rule) => {
  const login = await findLogin(await directory(), { uid }, [application({})], noon);
  expect(login!.refusals[0]?.rule).toBe(rule);
});

test("the way to a group is told, through static and dynamic ones", async () => {
  const own = await directory();
  const login = { groups: ["outer", "around", "gone"], timeZone: "UTC" };
  const told = async (name: string) => {
    const { users } = await explainLogin(own, Dn.parse(name), application({ login }), noon);
    return users[0]!.steps.at(-1)!.sentences;
  };
  expect(await told(userDn("ann"))).toEqual([
    `it is a member of outer, by way of ${groupDn("inner")}`,
    "it is not a member of around",
    "there is no group gone",
  ]);
  expect(await told(userDn("dan"))).toEqual([
    `it is a member of around, by way of ${groupDn("urls")}`,
    "it is not a member of outer",
    "there is no group gone",
  ]);
});

const rules: fc.Arbitrary<LoginRules> = fc
  .record({
    groups: fc.option(fc.subarray(["inner", "outer", "urls", "around", "gone"]), { nil: undefined }),
    days: fc.option(fc.uniqueArray(fc.nat(6)), { nil: undefined }),
    hours: fc.option(fc.array(fc.record({ from: fc.nat(1439), to: fc.integer({ min: 1, max: 1440 }) })), {
      nil: undefined,
    }),
    timeZone: fc.constantFrom("UTC", "Europe/Berlin", "Pacific/Auckland"),
    addresses: fc.option(fc.constantFrom(["192.0.2.0/24"], ["2001:db8::/32", "192.0.2.2"]), { nil: undefined }),
  })
  .map(({ groups, days, hours, timeZone, addresses }) => ({
    timeZone,
    ...(groups ? { groups } : {}),
    ...(days ? { days: new Set(days as Weekday[]) } : {}),
    ...(hours ? { hours } : {}),
    ...(addresses ? { addresses: addresses.map(AddressRange.parse) } : {}),
  }));

const uids = fc.constantFrom("ann", "ben", "cora", "dan", "nobody");
const names = fc.oneof(
  uids.map((uid) => ({ uid })),
  uids.map((uid) => Dn.parse(userDn(uid))),
);

test("what is explained is what is decided", async () => {
  const own = await directory();
  const weeks = fc.integer({ min: 0, max: 7 * 24 * 60 * 60 * 1000 }).map((later) => friday + later);
  const views = fc.constantFrom(undefined, { ...shows, users: parseFilter("(title=x)") });
  await fc.assert(
    fc.asyncProperty(names, fc.option(rules, { nil: undefined }), views, weeks, async (name, login, view, now) => {
      const one = application({ ...(login ? { login } : {}), ...(view ? { view } : {}) });
      const occasion = { ...noon, now };
      const decided = await findLogin(own, name, [one], occasion);
      const explained = await explainLogin(own, name, one, occasion);
      const admitted = explained.users.filter(({ steps }) => steps.every(({ holds }) => holds));
      expect(admitted.length === 1).toBe((decided?.applications.length ?? 0) === 1);
      // Without a password the best of rules lets nobody in.
      expect(explained.isAllowed).toBe(admitted.length === 1 && admitted[0]!.hasPassword);
      if (decided && decided.applications.length === 0) expect(decided.refusals.length).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});
