import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadApplications } from "../../src/settings/application-files.js";
import { loadSettings } from "../../src/settings/load-settings.js";
import { formatProblem, type Problem } from "../../src/settings/problem.js";
import { applicationsYaml } from "../access/applications.js";

const serverYaml = "suffix: dc=example,dc=com\nlisten: [ldap://127.0.0.1:0]\nstore: { path: data }\n";

async function configuration(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-applications-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const all = { "server.yaml": serverYaml, "applications.yaml": applicationsYaml({ wiki: {} }), ...files };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

async function names(folder: string): Promise<string[]> {
  const found = await loadSettings(folder);
  if ("problems" in found) throw new Error(sentences(found, folder).join("\n"));
  return found.settings.applications.map(({ name }) => name);
}

function sentences(found: object, folder: string): string[] {
  const { problems = [] } = found as { problems?: readonly Problem[] };
  return problems.map((problem) => formatProblem(problem).replaceAll(folder, "DIR"));
}

test("the files of applications.d are read behind applications.yaml, in the order of their names", async () => {
  const folder = await configuration({
    "applications.d/20-tracker.yaml": applicationsYaml({ tracker: {}, shop: {} }),
    "applications.d/10-mail.yaml": applicationsYaml({ mail: {} }),
    "applications.d/none.yaml": "applications: []\n",
    "applications.d/notes.txt": "applications: of all kinds\n",
    "applications.d/.#mail.yaml": "half a file",
    "applications.d/mail.yaml~": "an older file",
  });
  expect(await names(folder)).toEqual(["wiki", "mail", "tracker", "shop"]);
});

test("a link to a file counts as the file, and a folder is none", async () => {
  const folder = await configuration({
    "elsewhere/mail.yaml": applicationsYaml({ mail: {} }),
    "applications.d/a.yaml/b": "",
  });
  expect(sentences(await loadSettings(folder), folder)).toEqual([
    "DIR/applications.d/a.yaml  is not a file: a file of YAML text is expected",
  ]);
  await rm(join(folder, "applications.d/a.yaml"), { recursive: true });
  await symlink(join(folder, "elsewhere/mail.yaml"), join(folder, "applications.d/mail.yaml"));
  expect(await names(folder)).toEqual(["wiki", "mail"]);
});

test("the folder may be missing, but not be a file", async () => {
  expect(await names(await configuration({}))).toEqual(["wiki"]);
  const folder = await configuration({ "applications.d": "" });
  expect(sentences(await loadSettings(folder), folder)).toEqual(["DIR/applications.d  cannot be read (ENOTDIR)"]);
});

test("faults are told of every file, each in its own", async () => {
  const folder = await configuration({
    "applications.yaml": applicationsYaml({ wiki: { access: "reed" } }),
    "applications.d/a.yaml": applicationsYaml({ mail: { addresses: "[10.0.0.0/33]" } }),
    "applications.d/b.yaml": "application: []\n",
  });
  expect(sentences(await loadSettings(folder), folder)).toEqual([
    expect.stringMatching(/^DIR\/applications\.yaml:5:13 {2}applications\[0\]\.access: "reed" is not one of/),
    expect.stringMatching(
      /^DIR\/applications\.d\/a\.yaml:4:17 {2}applications\[0\]\.addresses\[0\]: "10\.0\.0\.0\/33"/,
    ),
    'DIR/applications.d/b.yaml:1:1  unknown key "application" (did you mean "applications"?)',
    expect.stringMatching(/^DIR\/applications\.d\/b\.yaml:1:1 {2}the key "applications" is missing: /),
  ]);
});

test("a name stands once in all files, and the problem says where the other is", async () => {
  const folder = await configuration({
    "applications.d/a.yaml": applicationsYaml({ tracker: {}, WIKI: {} }),
    "applications.d/b.yaml": applicationsYaml({ Tracker: {} }),
  });
  expect(sentences(await loadSettings(folder), folder)).toEqual([
    'DIR/applications.d/a.yaml:6:11  applications[1].name: "WIKI" is already the name of the application in line 2 of DIR/applications.yaml, ignoring case',
    'DIR/applications.d/b.yaml:2:11  applications[0].name: "Tracker" is already the name of the application in line 2 of DIR/applications.d/a.yaml, ignoring case',
  ]);
});

test("subtrees stand at or below the suffix, also beside another fault of server.yaml", async () => {
  const access = (subtree: string) => ({ wiki: { access: `{ users: [read], subtrees: ["${subtree}"] }` } });
  const right = ["dc=example,dc=com", "OU=People, DC=Example, DC=com", "ou=a,ou=people,dc=example,dc=com"];
  for (const subtree of right) {
    expect(await names(await configuration({ "applications.yaml": applicationsYaml(access(subtree)) }))).toHaveLength(
      1,
    );
  }
  const wrong = applicationsYaml(access("ou=people,dc=acme,dc=com"));
  const problem =
    'DIR/applications.yaml:5:41  applications[0].access.subtrees[0]: "ou=people,dc=acme,dc=com" is not below the suffix of server.yaml, dc=example,dc=com';
  const folder = await configuration({ "applications.yaml": wrong });
  expect(sentences(await loadSettings(folder), folder)).toEqual([problem]);
  await writeFile(join(folder, "server.yaml"), `${serverYaml}lisen: x\n`);
  expect(sentences(await loadSettings(folder), folder)).toEqual([
    'DIR/server.yaml:4:1  unknown key "lisen" (did you mean "listen"?)',
    problem,
  ]);
});

test("the digest is that of the texts and of the names of their files", async () => {
  const folder = await configuration({ "applications.d/a.yaml": applicationsYaml({ mail: {} }) });
  const digest = async () => (await loadApplications(folder)).digest;
  const before = await digest();
  expect(await digest()).toBe(before);
  await writeFile(join(folder, "applications.d/a.yaml"), "applications: [");
  const broken = await digest();
  expect(broken).not.toBe(before);
  await writeFile(join(folder, "applications.d/a.yaml"), applicationsYaml({ mail: {} }));
  expect(await digest()).toBe(before);
  await writeFile(join(folder, "applications.d/b.yaml"), "");
  expect([before, broken]).not.toContain(await digest());
});
