import { expect, test } from "vitest";
import { type Application, ApplicationRegistry, admitsAlike } from "../../src/access/application.js";
import { Dn } from "../../src/model/dn.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { readApplications } from "../../src/settings/application-settings.js";
import { type ApplicationOf, applicationsYaml } from "./applications.js";

const application = (...more: string[]): Application => applicationOf({ more });

function applicationOf(wiki: ApplicationOf): Application {
  const found = readApplications(applicationsYaml({ wiki }), "applications.yaml");
  if ("problems" in found) throw new Error("applications.yaml has problems");
  return new ApplicationRegistry(Dn.parse("dc=example,dc=com"), standardSchema, found.applications).all[0]!;
}

const login = "login: [staff, administrators]";
const view = 'view: { users: "(departmentNumber=sales)", hideAttributes: [mail] }';

test("an application that is read anew as it was lets in the same users", () => {
  expect(admitsAlike(application(), application())).toBe(true);
  expect(admitsAlike(application(login, view), application(login, view))).toBe(true);
  expect(admitsAlike(application(login), application(login, "description: Another word"))).toBe(true);
});

test.each([
  ["a login rule that was not there", [view], [view, login]],
  ["none of the groups", [login], ["login: []"]],
  ["one group less", [login], ["login: [staff]"]],
  ["another group", [login], ["login: [staff, design]"]],
  ["other users in the view", [view], [view.replace("sales", "design")]],
  ["one attribute more that is hidden", [view], [view.replace("[mail]", "[mail, title]")]],
])("with %s it does not", (_, before, after) => {
  expect(admitsAlike(application(...before), application(...after))).toBe(false);
});

test("a version of an application that sees another part of the tree, or other attributes, does not admit alike", () => {
  const of = (more: string) => applicationOf({ access: `{ users: [read], ${more} }` });
  const sales = 'subtrees: ["ou=sales,dc=example,dc=com"]';
  expect(admitsAlike(of(sales), of(sales))).toBe(true);
  expect(admitsAlike(of(sales), of('subtrees: ["ou=desk,dc=example,dc=com"]'))).toBe(false);
  expect(admitsAlike(of(sales), applicationOf({ access: "{ users: [read] }" }))).toBe(false);
  expect(admitsAlike(of("readable: [mail]"), of("readable: [mail, sn]"))).toBe(false);
});
