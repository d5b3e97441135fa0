import { join } from "node:path";
import { expect, test } from "vitest";
import { sentencesOf } from "../../src/cli/failure.js";
import { gatehouse, installation, read, write } from "./gatehouse.js";

test.each([
  [[], "Usage: gatehouse"],
  [["fly"], "unknown command 'fly'"],
  [["serv"], "Did you mean serve?"],
  [["check", "--confg", "x"], "unknown option '--confg'"],
  [["check", "--config"], "argument missing"],
  [["import"], "missing required argument 'file'"],
  [["import", "a.ldif", "b.ldif"], "too many arguments"],
  [["schema", "seed"], "Allowed choices are server, applications"],
  [["app"], "Usage: gatehouse app"],
  [["app", "add", "wiki"], "--address"],
  [["app", "add", "wiki", "--address", "10.0.0.0/33"], "is not an address range"],
  [["app", "add", " ", "--address", "10.0.0.1"], "name cannot be empty"],
  [["app", "add", "wiki", "--address", "10.0.0.1", "--access", "all"], "Allowed choices are login, read"],
  [["app", "test", "wiki"], "missing required argument 'address'"],
  [["app", "test", "wiki", "somewhere"], '"somewhere" is not an IPv4 or IPv6 address'],
  [["init", "--suffix", "nonsense"], "invalid DN"],
  [["init", "--suffix", "cn=x"], "a suffix begins with one of dc, o, ou"],
])("%j is wrong usage: exit code 2 and a word about it", async (args, sentence) => {
  const { code, stdout, stderr } = await gatehouse(args);
  expect(stderr).toContain(sentence);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect([code, stdout]).toEqual([2, ""]);
});

test.each([
  ["serve"],
  ["init"],
  ["check"],
  ["import"],
  ["export"],
  ["verify"],
  ["audit"],
  ["hash"],
  ["schema"],
  ["app", "list"],
  ["app", "add"],
  ["app", "remove"],
  ["app", "password"],
  ["app", "test"],
])("%s %s has help with --config and an example", async (...args) => {
  const { code, stdout } = await gatehouse([...args, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("--config <dir>");
  expect(stdout).toMatch(new RegExp(`^ .*gatehouse ${args.join(" ")}`, "m"));
});

test("a command without its configuration says where one comes from", async () => {
  const { code, stderr } = await gatehouse(["serve", "--config", "nowhere"]);
  expect([code, stderr]).toEqual([1, "nowhere  there is no such folder: `gatehouse init` makes a configuration\n"]);
});

test("GATEHOUSE_CONFIG names the folder, and --config goes before it", async () => {
  const folder = await installation();
  const env = { GATEHOUSE_CONFIG: "config" };
  expect(await gatehouse(["check"], { folder, env })).toMatchObject({ code: 0 });
  expect(await gatehouse(["check", "--config", "other"], { folder, env })).toMatchObject({ code: 1 });
});

test("check counts what is right", async () => {
  const folder = await installation();
  const { code, stdout } = await gatehouse(["check"], { folder });
  expect(stdout).toBe(
    "./config is right: 2 applications (1 disabled), suffix dc=example,dc=com, listens on ldap://127.0.0.1:0\n",
  );
  expect(code).toBe(0);
});

test("wrong settings are all told, one in a line, each at its place", async () => {
  const folder = await installation("lisen: x\n");
  await write(
    folder,
    "config/applications.yaml",
    'applications:\n  - name: a\n    addresses: ["x"]\n    access: all\n',
  );
  for (const command of [["check"], ["serve"], ["export"], ["verify"], ["import", "x.ldif"]]) {
    const { code, stdout, stderr } = await gatehouse(command, { folder });
    expect([code, stdout]).toEqual([1, ""]);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/ .*/, "")),
    ).toEqual([
      "config/server.yaml:5:1",
      "config/applications.yaml:2:5",
      "config/applications.yaml:3:17",
      "config/applications.yaml:4:13",
    ]);
  }
});

test("check reads the seed as well", async () => {
  const folder = await installation("seed: seed.ldif\n");
  await write(folder, "config/seed.ldif", "dn: dc=example,dc=com\nobjectClass: domain\ndc: example\nfoo: x\n");
  const { code, stderr } = await gatehouse(["check"], { folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\S+seed\.ldif:1: "foo" is not an attribute of the schema\n$/);
});

test("hash reads a pipe and prints a hash of it", async () => {
  const folder = await installation();
  const { code, stdout } = await gatehouse(["hash"], { folder, input: "correct horse\n" });
  expect(stdout).toMatch(/^\{BCRYPT\}\$2b\$04\$.{53}\n$/);
  expect(code).toBe(0);
});

test.each([
  ["", "a password cannot be empty"],
  ["x".repeat(73), "at most 72"],
])("hash refuses what cannot be hashed", async (input, sentence) => {
  const { code, stdout, stderr } = await gatehouse(["hash"], { input });
  expect(stderr).toContain(sentence);
  expect([code, stdout]).toEqual([1, ""]);
});

test.each(["server", "applications"])("schema %s prints what stands beside the sample", async (name) => {
  const shipped = await read(join(import.meta.dirname, "../../config"), `${name}.schema.json`);
  expect(await gatehouse(["schema", name])).toEqual({ code: 0, stdout: shipped, stderr: "" });
});

test("help shows the help of a command", async () => {
  expect(await gatehouse(["help", "import"])).toEqual(await gatehouse(["import", "--help"]));
  expect(await gatehouse(["help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("Usage: gatehouse") });
});

test("a port that an ordinary user cannot take", () => {
  const error = Object.assign(new Error("listen EACCES"), {
    code: "EACCES",
    syscall: "listen",
    address: "::1",
    port: 389,
  });
  expect(sentencesOf(error)).toEqual([expect.stringContaining("::1:389: permission denied: an ordinary user cannot")]);
});
