import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applicationsYaml, gatehouse, installation, write } from "./gatehouse.js";

const password = 'password: "{SSHA}JT1yM4EPx/qU3x+BqwmzUmNKlea42Km2cphbHQ=="';

test("check tells twenty mistakes in four files, each with its place, and nothing else", async () => {
  const folder = await installation();
  await mkdir(join(folder, "config/applications.d"));
  await write(
    folder,
    "config/server.yaml",
    `suffix: dc=example,dc=com
listen: [ldap://127.0.0.1:0, ldaps://127.0.0.1:0, 127.0.0.1:389]
store: { path: data }
passwords: { cost: 40, history: 5 }
limits: { messageBytes: 4 Megs }
log: { level: loud }
proxyProtocol: { trusted: [balancer] }
`,
  );
  await write(
    folder,
    "config/applications.yaml",
    `applications:
  - name: wiki
    ${password}
    addresses: [10.0.0.9-10.0.0.1, localhost]
    access: { users: [read], subtrees: ["ou=people,dc=acme,dc=com"] }
  - name: " mail"
    password: hunter2
    addresses: []
    access: reed
`,
  );
  await write(
    folder,
    "config/applications.d/a.yaml",
    `applications:
  - name: Wiki
    ${password}
    addresses: [any]
    access: read
    view: { users: "(departmentNumbr=sales)", hideAttributes: [fone] }
`,
  );
  await write(
    folder,
    "config/applications.d/b.yaml",
    `applications:
  - name: shop
    ${password}
    addresses: [any]
    login: { days: [funday] }
    enabled: maybe
`,
  );
  const { code, stdout, stderr } = await gatehouse(["check"], { folder });
  const lines = stderr.trimEnd().split("\n");
  const places = lines.map(
    (line) => /^config\/(\S+:\d+:\d+) {2}([\w.[\]]+): \S.*$/.exec(line)?.slice(1).join(" ") ?? line,
  );
  expect(places).toEqual([
    "server.yaml:2:30 listen[1]",
    "server.yaml:2:51 listen[2]",
    "server.yaml:4:20 passwords.cost",
    "server.yaml:4:24 passwords.history",
    "server.yaml:5:25 limits.messageBytes",
    "server.yaml:6:15 log.level",
    "server.yaml:7:28 proxyProtocol.trusted[0]",
    "applications.yaml:4:17 applications[0].addresses[0]",
    "applications.yaml:4:36 applications[0].addresses[1]",
    "applications.yaml:5:41 applications[0].access.subtrees[0]",
    "applications.yaml:6:11 applications[1].name",
    "applications.yaml:7:15 applications[1].password",
    "applications.yaml:8:16 applications[1].addresses",
    "applications.yaml:9:13 applications[1].access",
    "applications.d/a.yaml:2:11 applications[0].name",
    "applications.d/a.yaml:6:20 applications[0].view.users",
    "applications.d/a.yaml:6:64 applications[0].view.hideAttributes[0]",
    "applications.d/b.yaml:2:5 applications[0]",
    "applications.d/b.yaml:5:21 applications[0].login.days[0]",
    "applications.d/b.yaml:6:14 applications[0].enabled",
  ]);
  expect(stderr).not.toContain("hunter2");
  expect([code, stdout]).toEqual([1, ""]);
});

test.each([
  ["a pipe", (path: string) => execFileSync("mkfifo", [path]), "is not a file: a file of YAML text is expected"],
  ["a device", (path: string) => symlinkSync("/dev/zero", path), "is not a file: a file of YAML text is expected"],
  [
    "aliases that repeat much",
    (path: string) => writeFileSync(path, `x: &a [${"1,".repeat(20_000)}]\napplications: [${"*a,".repeat(90)}]\n`),
    "more than 1000000 values are not read",
  ],
  ["brackets without end", (path: string) => writeFileSync(path, "[".repeat(200_000)), "is nested too deep to be read"],
])("check says what is wrong with %s", async (_, make, sentence) => {
  const folder = await installation();
  await mkdir(join(folder, "config/applications.d"));
  make(join(folder, "config/applications.d/x.yaml"));
  const { code, stdout, stderr } = await gatehouse(["check"], { folder });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(sentence);
  expect(stderr).toContain("applications.d/x.yaml");
});

test("check tells sixty thousand mistakes", async () => {
  const folder = await installation();
  await write(folder, "config/applications.yaml", `applications:\n${"  - {}\n".repeat(60_000)}`);
  const { code, stderr } = await gatehouse(["check"], { folder });
  expect(code).toBe(1);
  expect(stderr.split("\n").length).toBeGreaterThan(60_000);
});

test("check notes which applications may call from one address, and is content", async () => {
  const folder = await installation();
  await mkdir(join(folder, "config/applications.d"));
  const more = applicationsYaml.replace("name: wiki", "name: mail").replace("name: tracker", "name: shop");
  await write(folder, "config/applications.d/more.yaml", more);
  const { code, stdout, stderr } = await gatehouse(["check"], { folder });
  expect(stdout).toMatch(/^\.\/config is right: 4 applications \(2 disabled\), /);
  expect(stderr).toBe(
    "wiki and mail may call from one address (127.0.0.1): a user logs in from there where any of them lets them in\n",
  );
  expect(code).toBe(0);
});

test("check notes an application that asks for TLS where the server has none", async () => {
  const folder = await installation();
  const text = applicationsYaml.replace("access: read-write", "access: read-write\n    requireTls: true");
  await write(folder, "config/applications.yaml", text);
  const { code, stderr } = await gatehouse(["check"], { folder });
  expect([code, stderr]).toEqual([
    0,
    "wiki can come in by the Unix socket alone: requireTls is set, and server.yaml has no tls\n",
  ]);
});
