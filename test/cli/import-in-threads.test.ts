// An import that is large enough for a second thread: rows and index are made there, and must be the same.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ending, gatehouse, group, installation, person, units, write } from "./gatehouse.js";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const people = 20_000;
const groups = 200;

const uid = (n: number) => `user${n}`;
const dn = (n: number) => `uid=${uid(n)},ou=people,dc=example,dc=com`;

/** Values that come once and values that come again, long ones, some beyond ASCII, and members of every kind. */
function directory(): string {
  const parts = [units];
  // Members that stand behind their group, and one that stands nowhere.
  parts.push(group("first", dn(1), dn(people - 1), "uid=nobody,ou=people,dc=example,dc=com"));
  for (let n = 0; n < people; n++) {
    parts.push(
      person(
        uid(n),
        `mail: ${uid(n)}@example.com`,
        `departmentNumber: ${n % 7}`,
        `description:: ${Buffer.from(`Straße ${n % 50} ${"lang ".repeat(20)}`).toString("base64")}`,
      ),
    );
  }
  for (let n = 0; n < groups; n++) {
    parts.push(group(`group${n}`, ...[n, n + 1, n * 50].map(dn).filter((name, at, all) => all.indexOf(name) === at)));
  }
  parts.push(`
dn: cn=posix,ou=groups,dc=example,dc=com
objectClass: top
objectClass: posixGroup
cn: posix
gidNumber: 100
memberUid: ${uid(5)}
memberUid: nobody
`);
  return parts.join("");
}

/** Each record as the set of its lines, so that the order of values does not count. */
function records(ldif: string): Map<string, string[]> {
  const unfolded = ldif.replace(/^version: 1\n+/, "").replaceAll("\n ", "");
  return new Map(
    unfolded
      .trim()
      .split(/\n\n+/)
      .map((record) => record.split("\n"))
      .map(([name, ...lines]) => [name!, lines.sort()]),
  );
}

test("what two threads have imported is without faults, and exported as it was", { timeout: 120_000 }, async () => {
  const folder = await installation();
  const file = directory();
  expect(file.length).toBeGreaterThan(6 * 1024 * 1024);
  await write(folder, "in.ldif", file);
  expect(await gatehouse(["import", "in.ldif"], { folder })).toMatchObject({ code: 0, stderr: "" });
  const { stdout } = await gatehouse(["verify"], { folder });
  expect(stdout).toBe(`${3 + people + groups + 2} entries, no faults\n`);
  const exported = await gatehouse(["export"], { folder });
  const kept = records(exported.stdout);
  const given = records(file);
  expect([...kept.keys()].sort()).toEqual([...given.keys()].sort());
  const different = [...given].filter(([name, lines]) => JSON.stringify(kept.get(name)) !== JSON.stringify(lines));
  expect(different.slice(0, 3)).toEqual([]);
});

test("an error in the last entry of a large file loads nothing", { timeout: 120_000 }, async () => {
  const folder = await installation();
  await write(folder, "in.ldif", `${directory()}${person("ann", "foo: bar")}`);
  const { code, stderr } = await gatehouse(["import", "in.ldif"], { folder });
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/in\.ldif:\d+: .*foo.*\nin\.ldif has 1 error: nothing was/),
  ]);
  expect(await gatehouse(["verify"], { folder })).toMatchObject({ stdout: "0 entries, no faults\n" });
});

test("a disk that takes no more ends a large import with a sentence, and leaves nothing", {
  timeout: 120_000,
}, async () => {
  const folder = await installation();
  await write(folder, "in.ldif", directory());
  // 2 MiB a file; SIGXFSZ is ignored, so that a write that goes beyond fails instead.
  const command = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`;
  const child = spawn("sh", ["-c", command, process.execPath, main, "import", join(folder, "in.ldif")], {
    cwd: folder,
  });
  const { code, stdout, stderr } = await ending(child);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^gatehouse: the store at \S+ cannot be written: .*\n$/);
  expect(await gatehouse(["verify"], { folder })).toMatchObject({ code: 0, stdout: "0 entries, no faults\n" });
});
