// Names inward and outward, and in lower case.
import { describe, expect, test } from "vitest";
import { ApplicationRegistry } from "../../src/access/application.js";
import { Branch } from "../../src/access/branch.js";
import { Naming } from "../../src/access/naming.js";
import { Dn } from "../../src/model/dn.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { readApplications } from "../../src/settings/application-settings.js";
import { applicationDn, suffix } from "../support/conversation.js";
import { applicationsYaml } from "./applications.js";

const read = readApplications(applicationsYaml({ shop: {}, "a, b+c": {} }), "applications.yaml");
if ("problems" in read) throw new Error("the applications are wrong");
const registry = new ApplicationRegistry(Dn.parse(suffix), standardSchema, read.applications);
const branch = new Branch(registry.withName("shop")!, standardSchema);
const shop = applicationDn("shop");

describe("a name of the shared tree, outward", () => {
  test.each([
    [`uid=ann,ou=people,${suffix}`, `uid=ann,ou=people,${shop}`],
    [`cn=a\\,b+sn=c,${suffix}`, `cn=a\\,b+sn=c,${shop}`],
    ["UID=Ann, OU=people, DC=Example, DC=com", `UID=Ann,OU=people,${shop}`],
    [`cn=ends in \\\\,${suffix}`, `cn=ends in \\\\,${shop}`],
    ["cn=one value\\,dc=example,dc=com", "cn=one value\\,dc=example,dc=com"],
    [suffix, shop],
    [`uid=ann,ou=people,${suffix}#'01'B`, `uid=ann,ou=people,${shop}#'01'B`],
    ["dc=com", "dc=com"],
    ["cn=elsewhere,dc=example,dc=org", "cn=elsewhere,dc=example,dc=org"],
    [shop, shop],
    [`ou=applications,${suffix}`, `ou=applications,${suffix}`],
    [`ou=Applications,ou=people,${suffix}`, `ou=Applications,ou=people,${shop}`],
    ["not a name", "not a name"],
    ["", ""],
  ])("%s", (name, shown) => {
    expect(branch.outward(name)).toBe(shown);
    const dn = shown === name || !shown.endsWith(`,${shop}`) ? undefined : Dn.parse(shown);
    if (dn) {
      expect(branch.holds(dn)).toBe(true);
      expect(branch.inward(dn).equals(Dn.parse(name), standardSchema)).toBe(true);
      expect(Dn.parse(branch.inwardValue(Buffer.from(shown))!).equals(Dn.parse(name), standardSchema)).toBe(true);
    }
  });
});

test("values of the shared tree and of other branches mean nothing, and others what they say", () => {
  const inward = (text: string) => branch.inwardValue(Buffer.from(text))?.toString();
  expect(inward(`uid=ann,ou=people,${suffix}`)).toBeUndefined();
  expect(inward(`uid=ann,ou=people,${applicationDn("tracker")}`)).toBeUndefined();
  expect(inward(`UID=ann , OU=people,CN=Shop,ou=applications,${suffix}`)).toBe(`UID=ann,OU=people,${suffix}`);
  expect(inward("cn=elsewhere,dc=example,dc=org")).toBe("cn=elsewhere,dc=example,dc=org");
  expect(inward(shop)).toBe(suffix);
  expect(inward(suffix)).toBeUndefined();
  expect(inward(`cn=tracker,ou=applications,${shop}`)).toBeUndefined();
  expect(inward(`uid=ann,ou=people,${shop}#'0101'B`)).toBe(`uid=ann,ou=people,${suffix}#'0101'B`);
  expect(inward(`uid=ann,ou=people,${suffix}#'0101'B`)).toBeUndefined();
  expect(inward("no name")).toBe("no name");
});

test("an application whose name has to be escaped has a branch too", () => {
  const odd = new Branch(registry.withName("a, b+c")!, standardSchema);
  const shown = odd.outward(`uid=ann,ou=people,${suffix}`);
  expect(shown).toBe(`uid=ann,ou=people,cn=a\\, b\\+c,ou=applications,${suffix}`);
  expect(odd.inward(Dn.parse(shown)).toString()).toBe(`uid=ann,ou=people,${suffix}`);
  const owner = registry.ownerOf(Dn.parse(shown));
  expect(registry.named(owner)?.name).toBe("a, b+c");
});

describe("a name in lower case", () => {
  const naming = Naming.of(undefined, true)!;
  test.each([
    ["uid=ANN,ou=People,dc=x", "uid=ann,ou=People,dc=x"],
    ["CN=Big\\, Group+sn=X,ou=Groups,dc=x", "CN=big\\, group+sn=X,ou=Groups,dc=x"],
    ["sn=Multi+UID=Foo,ou=People", "sn=Multi+UID=foo,ou=People"],
    ["userid=Ann,ou=People", "userid=ann,ou=People"],
    ["sn=A\\+uid=B,ou=People", "sn=A\\+uid=B,ou=People"],
    ["mail=Ann@X.com,ou=People", "mail=Ann@X.com,ou=People"],
    ["cn=A\\\\,ou=Groups", "cn=a\\\\,ou=Groups"],
    ["uid=\\C3\\84nn", "uid=\\c3\\84nn"],
    ["ou=People,dc=X", "ou=People,dc=X"],
    ["uid=ÄNN", "uid=änn"],
  ])("%s", (name, lower) => {
    expect(naming.dn(name)).toBe(lower);
  });

  test("is not wanted where nobody asked for it", () => {
    expect(Naming.of(undefined, false)).toBeUndefined();
  });
});
