import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lstat, readdir, readFile, stat, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ending, gatehouse, group, installation, person, read, readInPart, start, units, write } from "./gatehouse.js";

const dn = (uid: string) => `uid=${uid},ou=people,dc=example,dc=com`;

/** Everything that is hard: values of bytes, spaces, options, long lines, names that need escapes, members of every kind. */
const content = `${units}
dn: ou=Ünits\\, special,dc=example,dc=com
objectClass: top
objectClass: organizationalUnit
ou: Ünits, special
description;lang-de: Beschreibung
description: ${"long ".repeat(60)}end
${person("ann", "jpegPhoto:: /9gAAQL/", "description::  IGxlYWRpbmcgYW5kIHRyYWlsaW5nIA==", "userPassword: {SSHA}JT1yM4EPx/qU3x+BqwmzUmNKlea42Km2cphbHQ==")}${person("bob", "displayName: Bøb")}
dn: cn=all,ou=groups,dc=example,dc=com
objectClass: top
objectClass: groupOfNames
objectClass: groupOfUniqueNames
objectClass: posixGroup
cn: all
gidNumber: 1
member: ${dn("ann")}
member: cn=posix,ou=groups,dc=example,dc=com
uniqueMember: ${dn("ghost")}
memberUid: bob
memberUid: phantom

dn: cn=posix,ou=groups,dc=example,dc=com
objectClass: top
objectClass: posixGroup
cn: posix
gidNumber: 2
memberUid: ann
member: cn=all,ou=groups,dc=example,dc=com
${group("empty")}`;

async function filled(text: string): Promise<string> {
  const folder = await installation();
  await write(folder, "in.ldif", text);
  expect(await gatehouse(["import", "in.ldif"], { folder })).toMatchObject({ code: 0, stderr: "" });
  return folder;
}

async function exported(folder: string, name: string, ...options: readonly string[]): Promise<string> {
  const { code, stdout } = await gatehouse(["export", name, ...options], { folder });
  expect([code, stdout]).toEqual([0, ""]);
  return read(folder, name);
}

/** With the lines of each record in order: the members of a group have none. */
function sorted(ldif: string): string {
  return ldif
    .split("\n\n")
    .map((record) => record.trimEnd().split("\n").sort().join("\n"))
    .join("\n\n");
}

test("an export, imported into an empty store, is the same directory", async () => {
  const folder = await filled(content);
  const first = await exported(folder, "first.ldif", "--operational");
  const second = await exported(await filled(first), "second.ldif", "--operational");
  expect(second).toBe(first);
});

test("an export has the members in the spellings of the group, those that do not exist among them", async () => {
  const text = await exported(await filled(content), "out.ldif");
  const all = text.slice(text.indexOf("dn: cn=all"), text.indexOf("dn: cn=posix"));
  const names = ["ann", "bob", "posix", "ghost"];
  for (const name of names) expect(all).toMatch(new RegExp(`^member: .*=${name},`, "m"));
  for (const name of names) expect(all).toMatch(new RegExp(`^uniqueMember: .*=${name},`, "m"));
  expect(all.match(/^memberUid: .*$/gm)).toEqual(["memberUid: ann", "memberUid: bob", "memberUid: phantom"]);
  const posix = text.slice(text.indexOf("dn: cn=posix"), text.indexOf("dn: cn=empty"));
  expect(posix.match(/^member.*$/gm)).toEqual(["member: cn=all,ou=groups,dc=example,dc=com", "memberUid: ann"]);
  expect(text).not.toContain("memberOf");
});

test("entries that were moved below younger ones stand behind them", async () => {
  const folder = await filled(content);
  const changes = `dn: ou=new,dc=example,dc=com
changetype: add
objectClass: organizationalUnit
ou: new

dn: ou=inner,ou=new,dc=example,dc=com
changetype: add
objectClass: organizationalUnit
ou: inner

dn: ou=people,dc=example,dc=com
changetype: modrdn
newrdn: ou=folk
deleteoldrdn: 1
newsuperior: ou=inner,ou=new,dc=example,dc=com
`;
  await write(folder, "changes.ldif", changes);
  expect(await gatehouse(["import", "changes.ldif"], { folder })).toMatchObject({ code: 0, stderr: "" });
  const first = await exported(folder, "first.ldif", "--operational");
  const names = first.match(/^dn: .*$/gm)!;
  expect(names.slice(-5)).toEqual([
    "dn: ou=new,dc=example,dc=com",
    "dn: ou=inner,ou=new,dc=example,dc=com",
    "dn: ou=folk,ou=inner,ou=new,dc=example,dc=com",
    "dn: uid=ann,ou=folk,ou=inner,ou=new,dc=example,dc=com",
    "dn: uid=bob,ou=folk,ou=inner,ou=new,dc=example,dc=com",
  ]);
  expect(first).toContain("member: uid=ann,ou=folk,ou=inner,ou=new,dc=example,dc=com");
  const second = await exported(await filled(first), "second.ldif", "--operational");
  expect(sorted(second)).toBe(sorted(first));
});

test("an export is a file for its owner alone, and leaves no other behind", async () => {
  const folder = await filled(units);
  await exported(folder, "out.ldif");
  expect((await stat(join(folder, "out.ldif"))).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).sort()).toEqual(["config", "in.ldif", "out.ldif"]);
});

test("an export to a place that cannot be written says so, and an older file stays", async () => {
  const folder = await filled(units);
  const { code, stderr } = await gatehouse(["export", "nowhere/out.ldif"], { folder });
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^gatehouse: nowhere\/out\.ldif\S*: there is no such file\n$/),
  ]);
});

test("a reader that has read enough ends an export without a word", async () => {
  const people = Array.from({ length: 5000 }, (_, n) => person(`u${n}`));
  const folder = await filled(units + people.join(""));
  expect(await readInPart(["export"], folder)).toMatchObject({ code: 0, stderr: "" });
});

test.each([
  ["does not agree", [9], "4 entries, but the count says 9\n"],
  ["cannot be read", [0x80], "the count of entries is damaged\n"],
])("verify prints what %s, and fails", async (_, count, fault) => {
  const folder = await filled(units + person("ann"));
  const { Level } = await import("level");
  const rows = new Level<Buffer, Buffer>(join(folder, "config/data"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  await rows.put(Buffer.from("mentries"), Buffer.from(count));
  await rows.close();
  const { code, stdout, stderr } = await gatehouse(["verify"], { folder });
  expect([code, stdout]).toEqual([1, fault]);
  expect(stderr).toBe("the store has 1 fault in 4 entries\n");
});

test("an export writes over a file with --force alone", async () => {
  const folder = await filled(units);
  await write(folder, "out.ldif", "mine");
  const { code, stderr } = await gatehouse(["export", "out.ldif"], { folder });
  expect([code, stderr]).toEqual([
    1,
    "gatehouse: out.ldif exists already, and is left as it is; --force replaces it\n",
  ]);
  expect(await read(folder, "out.ldif")).toBe("mine");
  expect(await exported(folder, "out.ldif", "--force")).toContain("ou=people");
});

test("an export writes what a symbolic link stands for, and into a pipe", async () => {
  const folder = await filled(units);
  await write(folder, "real.ldif", "old");
  await symlink("real.ldif", join(folder, "link.ldif"));
  expect((await gatehouse(["export", "link.ldif", "--force"], { folder })).code).toBe(0);
  expect((await lstat(join(folder, "link.ldif"))).isSymbolicLink()).toBe(true);
  expect(await read(folder, "real.ldif")).toContain("ou=people");
  execFileSync("mkfifo", [join(folder, "pipe")]);
  const reading = readFile(join(folder, "pipe"), "utf8");
  expect((await gatehouse(["export", "pipe", "--force"], { folder })).code).toBe(0);
  expect(await reading).toContain("ou=people");
});

test("an export that is interrupted leaves nothing behind", async () => {
  const folder = await filled(units);
  // It waits for a server that never answers.
  const silent = createServer((socket) => socket.on("error", () => {}).on("data", () => {}));
  const path = join(folder, "config/silent");
  silent.listen(path);
  onTestFinished(() => void silent.close());
  await once(silent, "listening");
  const settings = await read(folder, "config/server.yaml");
  await write(
    folder,
    "config/server.yaml",
    settings.replace(/^listen:.*$/m, `listen: ["ldapi://${encodeURIComponent(path)}"]`),
  );
  const exporting = start(["export", "out.ldif"], { folder });
  const outcome = ending(exporting);
  await expect.poll(() => readdir(folder), { timeout: 10_000 }).toContainEqual(expect.stringMatching(/\.part$/));
  exporting.kill("SIGINT");
  await outcome;
  expect((await readdir(folder)).filter((name) => name.startsWith("out.ldif"))).toEqual([]);
});
