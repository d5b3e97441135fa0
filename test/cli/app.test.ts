import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applicationsYaml, gatehouse, group, installation, person, read, units, write } from "./gatehouse.js";

const yaml = (folder: string) => read(folder, "config/applications.yaml");

test("app list shows every application with its rights, addresses and users", async () => {
  const folder = await installation();
  expect((await gatehouse(["app", "list"], { folder })).stdout).toBe(
    [
      "wiki                read-write  127.0.0.1 192.0.2.0/24  login: everyone",
      "tracker (disabled)  login       2001:db8::/32           login: members of tracker-users",
      "",
    ].join("\n"),
  );
});

test("app add writes the application behind the others, and prints its password once", async () => {
  const folder = await installation();
  const args = ["app", "add", "shop", "--address", "10.0.0.1", "10.1.0.0/16", "--access", "read", "--login", "buyers"];
  const { code, stdout } = await gatehouse([...args, "--description", "The shop"], { folder });
  expect(code).toBe(0);
  expect(stdout).toMatch(/cn=shop,ou=applications,dc=example,dc=com\n {2}([A-Za-z2-9]{24})\n/);
  const text = await yaml(folder);
  expect(text.startsWith(applicationsYaml)).toBe(true);
  expect(text.slice(applicationsYaml.length)).toMatch(/- name: shop\n[\s\S]*addresses: \["10.0.0.1", "10.1.0.0\/16"\]/);
  expect(text).not.toContain(stdout.trim().split("\n").at(-2)!.trim());
  expect(await gatehouse(["check"], { folder })).toMatchObject({ code: 0 });
});

test("app add prints a name that can bind, escaped where need be", async () => {
  const folder = await installation();
  const { stdout } = await gatehouse(["app", "add", "a,b", "--address", "10.0.0.1"], { folder });
  expect(stdout).toContain("\n  cn=a\\,b,ou=applications,dc=example,dc=com\n");
});

test("app add of a name that is taken changes nothing", async () => {
  const folder = await installation();
  const { code, stdout, stderr } = await gatehouse(["app", "add", "WIKI", "--address", "10.0.0.1"], { folder });
  expect([code, stdout, stderr]).toEqual([1, "", 'gatehouse: there is an application "WIKI" already\n']);
  expect(await yaml(folder)).toBe(applicationsYaml);
});

test("app remove takes the application and its comment, and leaves the rest as it was", async () => {
  const folder = await installation();
  expect(await gatehouse(["app", "remove", "tracker"], { folder })).toMatchObject({ code: 0 });
  const text = await yaml(folder);
  expect(text).toContain("# Who may come in.");
  expect(text).toContain("name: wiki # the team's");
  expect(text).not.toContain("tracker");
});

test("app password replaces the password, and prints the new one once", async () => {
  const folder = await installation();
  const { code, stdout } = await gatehouse(["app", "password", "wiki"], { folder });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^wiki has a new password, shown only now:\n {2}[A-Za-z2-9]{24}\n/);
  const text = await yaml(folder);
  expect(text).toMatch(/- name: wiki # the team's\n {4}password: "\{BCRYPT\}\$2b\$04\$.{53}"\n/);
  expect(text.replace(/password: .*/, "")).toBe(applicationsYaml.replace(/password: .*/, ""));
});

test("app password --stdin takes a password without showing it", async () => {
  const folder = await installation();
  const { code, stdout } = await gatehouse(["app", "password", "wiki", "--stdin"], { folder, input: "my own\n" });
  expect(code).toBe(0);
  expect(stdout).not.toContain("my own");
  expect(await yaml(folder)).not.toBe(applicationsYaml);
});

test.each(["remove", "password"])("app %s of an application that is not there changes nothing", async (command) => {
  const folder = await installation();
  const { code, stderr } = await gatehouse(["app", command, "nobody"], { folder });
  expect([code, stderr]).toEqual([1, 'gatehouse: there is no application "nobody"\n']);
  expect(await yaml(folder)).toBe(applicationsYaml);
});

test("a file that is wrong is not edited", async () => {
  const folder = await installation();
  const wrong = applicationsYaml.replace("access: login", "access: all");
  await write(folder, "config/applications.yaml", wrong);
  const { code, stderr } = await gatehouse(["app", "remove", "wiki"], { folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^config\/applications\.yaml:12:13 {2}applications\[1\]\.access: /);
  expect(await yaml(folder)).toBe(wrong);
});

test("an edit keeps who may read the file", async () => {
  const folder = await installation();
  const path = join(folder, "config/applications.yaml");
  await chmod(path, 0o640);
  await gatehouse(["app", "remove", "tracker"], { folder });
  expect((await stat(path)).mode & 0o777).toBe(0o640);
});

test("app test explains how an application comes in", async () => {
  const folder = await installation();
  const { code, stdout } = await gatehouse(["app", "test", "Wiki", "::ffff:192.0.2.7"], { folder });
  expect(stdout).toBe(`yes  wiki is registered
yes  it is enabled
yes  192.0.2.7 is in 192.0.2.0/24
     it may: read-write
     log in through it: everyone
allowed, with its password
`);
  expect(code).toBe(0);
});

test.each([
  ["nobody", "127.0.0.1", 'no   there is no application "nobody"; registered: wiki, tracker'],
  ["tracker", "2001:db8::1", "no   it is disabled (enabled: false)"],
  ["wiki", "10.0.0.1", "no   10.0.0.1 is in none of its addresses: 127.0.0.1, 192.0.2.0/24"],
])("app test %s %s is refused with its reason", async (name, address, reason) => {
  const folder = await installation();
  const { code, stdout, stderr } = await gatehouse(["app", "test", name, address], { folder });
  expect(stdout.trimEnd().split("\n").slice(-2)).toEqual([reason, "refused"]);
  expect([code, stderr]).toEqual([1, ""]);
});

test("app test tells what an application is held to", async () => {
  const folder = await installation();
  await write(
    folder,
    "config/applications.yaml",
    `${applicationsYaml.split("\n\n")[0]!.replace(/access: .*/, "access:")}
      users: [read, modify]
      readable: [cn, mail]
      subtrees: ["ou=people,dc=example,dc=com"]
    requireTls: true
    view: { users: "(title=x)", hideAttributes: [telephoneNumber], disabledUsers: hide }
    login: { days: mon-tue, hours: [08:00-12:00, "13:00-17:00"], timeZone: Europe/Berlin, addresses: [192.0.2.9] }
    limits: { operationsPerSecond: 50, timeLimit: 10s }
`,
  );
  const { stdout } = await gatehouse(["app", "test", "wiki", "127.0.0.1"], { folder });
  expect(stdout).toBe(`yes  wiki is registered
yes  it is enabled
yes  127.0.0.1 is in 127.0.0.1
     only under TLS: in the clear it is refused (requireTls: true)
     it may: users: read+modify, other: read
     it may: read only the attributes cn, mail
     it may: all that only in ou=people,dc=example,dc=com
     it sees: only users that match (title=x)
     it sees: no telephoneNumber
     it sees: no users who are disabled
     its limit: 50 operations a second
     its limit: 10 seconds a search
     log in through it: everyone; mon tue 08:00-12:00 13:00-17:00 Europe/Berlin; from 192.0.2.9
allowed, with its password
`);
});

/** With a store, in which ann is in wiki-users by way of a dynamic group, ben is disabled, and cora has no password. */
async function withUsers(): Promise<string> {
  const folder = await installation();
  const rules = "login: { groups: [wiki-users, others], hours: 08:00-18:00, timeZone: Europe/Berlin }";
  await write(
    folder,
    "config/applications.yaml",
    applicationsYaml.replace("read-write\n", `read-write\n    ${rules}\n`),
  );
  const password = `userPassword: {SSHA}${"A".repeat(32)}`;
  const dynamic = `
dn: cn=titled,ou=groups,dc=example,dc=com
objectClass: top
objectClass: groupOfURLs
cn: titled
memberURL: ldap:///ou=people,dc=example,dc=com??sub?(title=x)
`;
  const people = [
    person("ann", password, "title: x"),
    person("ben", password, "objectClass: shadowAccount", "shadowExpire: 1"),
    person("cora", "title: x"),
  ].join("");
  const around = group("wiki-users", "cn=titled,ou=groups,dc=example,dc=com");
  await write(folder, "people.ldif", units + people + around + dynamic);
  expect(await gatehouse(["import", "people.ldif"], { folder })).toMatchObject({ code: 0 });
  return folder;
}

const about = (user: string, at: string) => ["app", "test", "wiki", "192.0.2.7", user, "--at", at];
const winterNoon = "2026-01-30T12:00:00+01:00";

test("app test of a user tells rule by rule why the user may log in", async () => {
  const folder = await withUsers();
  const { code, stdout, stderr } = await gatehouse(about("ANN", winterNoon), { folder });
  expect(stdout).toBe(`yes  wiki is registered
yes  it is enabled
yes  192.0.2.7 is in 192.0.2.0/24
     it may: read-write
     log in through it: members of wiki-users, others; 08:00-18:00 Europe/Berlin
yes  uid=ann,ou=people,dc=example,dc=com is there
yes  it is not disabled
yes  it is in the view of wiki
yes  it is fri 12:00 in Europe/Berlin, within 08:00-18:00
yes  it is a member of wiki-users, by way of cn=titled,ou=groups,dc=example,dc=com
     there is no group others
allowed, with the user's password
`);
  expect([code, stderr]).toEqual([0, ""]);
  const byDn = await gatehouse(about("uid=ann,ou=people,dc=example,dc=com", winterNoon), { folder });
  expect(byDn).toEqual({ code, stdout, stderr });
});

test("app test of a user is refused with its reasons", async () => {
  const folder = await withUsers();
  const reasons = async (user: string, at: string) => {
    const { code, stdout } = await gatehouse(about(user, at), { folder });
    expect([code, stdout.trimEnd().split("\n").at(-1)]).toEqual([1, "refused"]);
    return stdout.split("\n").filter((line) => line.startsWith("no "));
  };
  expect(await reasons("ann", "2026-01-30T18:00:00+01:00")).toEqual([
    "no   it is fri 18:00 in Europe/Berlin, outside of 08:00-18:00",
  ]);
  expect(await reasons("ben", winterNoon)).toEqual([
    "no   it is disabled",
    "no   it is not a member of wiki-users",
    "no   there is no group others",
  ]);
  expect(await reasons("cora", winterNoon)).toEqual(["no   it has no password"]);
  expect(await reasons("nobody", winterNoon)).toEqual(["no   there is no user nobody"]);
});

test.each([
  [["ann", "--at", "tomorrow"], '"tomorrow" is not a time'],
  [["=ann", "--at", winterNoon], "invalid DN"],
])("app test with %j is wrong usage", async (args, reason) => {
  const folder = await installation();
  const { code, stderr } = await gatehouse(["app", "test", "wiki", "127.0.0.1", ...args], { folder });
  expect(code).toBe(2);
  expect(stderr).toContain(reason);
});

test("app test of a user needs a store or a server", async () => {
  const folder = await installation();
  const { code, stderr } = await gatehouse(["app", "test", "wiki", "127.0.0.1", "ann"], { folder });
  expect(code).toBe(1);
  expect(stderr).toContain("there is no store");
});

test("ranges, any and host names are added, listed and explained", async () => {
  const folder = await installation();
  const args = ["app", "add", "shop", "--address", "10.0.0.1-10.0.0.9", "shop.invalid"];
  expect(await gatehouse(args, { folder })).toMatchObject({ code: 0 });
  await gatehouse(["app", "add", "web", "--address", "any"], { folder });
  const { stdout } = await gatehouse(["app", "list"], { folder });
  expect(stdout).toMatch(/^shop +read +10\.0\.0\.1-10\.0\.0\.9 shop\.invalid +login: everyone$/m);
  expect(stdout).toMatch(/^web +read +any +login: everyone$/m);
  const explained = async (name: string, address: string) =>
    (await gatehouse(["app", "test", name, address], { folder })).stdout.split("\n")[2];
  expect(await explained("shop", "10.0.0.9")).toBe("yes  10.0.0.9 is in 10.0.0.1-10.0.0.9");
  expect(await explained("web", "2001:db8::1")).toBe("yes  2001:db8::1 is in any");
  expect(await explained("shop", "10.0.0.10")).toBe(
    "no   10.0.0.10 is in none of its addresses: 10.0.0.1-10.0.0.9, shop.invalid (not found)",
  );
});

test("what stands in applications.d is shown and explained, and edited by hand alone", async () => {
  const folder = await installation();
  await mkdir(join(folder, "config/applications.d"));
  const text = applicationsYaml.replace("name: wiki", "name: shop").replace("name: tracker", "name: mail");
  await write(folder, "config/applications.d/more.yaml", text);
  expect((await gatehouse(["app", "list"], { folder })).stdout).toMatch(
    /^wiki .*\ntracker .*\nshop .*\nmail \(disabled\) .*\n$/,
  );
  expect(await gatehouse(["app", "test", "shop", "127.0.0.1"], { folder })).toMatchObject({ code: 0 });
  for (const command of ["remove", "password"]) {
    expect(await gatehouse(["app", command, "Shop"], { folder })).toEqual({
      code: 1,
      stdout: "",
      stderr:
        'gatehouse: the application "Shop" is in config/applications.d/more.yaml: change it there; this command edits applications.yaml alone\n',
    });
  }
  expect(await gatehouse(["app", "add", "shop", "--address", "10.0.0.1"], { folder })).toMatchObject({
    code: 1,
    stderr: 'gatehouse: there is an application "shop" already, in config/applications.d/more.yaml\n',
  });
  expect([await yaml(folder), await read(folder, "config/applications.d/more.yaml")]).toEqual([applicationsYaml, text]);
  expect((await gatehouse(["check"], { folder })).stdout).toContain("4 applications (2 disabled)");
});
