import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applicationsYaml, gatehouse, installation, read, write } from "./gatehouse.js";

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
