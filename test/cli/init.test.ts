import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gatehouse, read, temporaryFolder, write } from "./gatehouse.js";

test("init writes a configuration that is right, and says the administrator's password once", async () => {
  const folder = await temporaryFolder();
  const { code, stdout } = await gatehouse(["init", "conf", "--suffix", "dc=acme,dc=com"], { folder });
  expect(code).toBe(0);
  expect((await readdir(join(folder, "conf"))).sort()).toEqual([
    "applications.schema.json",
    "applications.yaml",
    "directory.ldif",
    "server.schema.json",
    "server.yaml",
  ]);
  expect(stdout).toMatch(/cn=admin,ou=applications,dc=acme,dc=com\n {2}[A-Za-z2-9]{24}\n$/);
  for (const name of await readdir(join(folder, "conf"))) {
    expect((await stat(join(folder, "conf", name))).mode & 0o777).toBe(0o600);
  }
  expect((await stat(join(folder, "conf"))).mode & 0o777).toBe(0o700);
  expect((await gatehouse(["app", "list", "--config", "conf"], { folder })).stdout).toContain("login: nobody");
  const checked = await gatehouse(["check", "--config", "conf"], { folder });
  expect(checked.stdout).toContain("1 application, suffix dc=acme,dc=com");
  expect(checked.stdout).toContain("a seed of 3 entries");
});

test.each(["o=Acme Ltd", "ou=unit,o=acme", "c=DE", "l=Bern", 'o="Acme, Ltd"', "DC=x"])(
  "a directory may begin with %s",
  async (suffix) => {
    const folder = await temporaryFolder();
    expect(await gatehouse(["init", "--suffix", suffix], { folder })).toMatchObject({ code: 0, stderr: "" });
    expect(await gatehouse(["check"], { folder })).toMatchObject({ code: 0, stderr: "" });
  },
);

test("init shows every key of the shipped server.yaml", async () => {
  const folder = await temporaryFolder();
  await gatehouse(["init"], { folder });
  const shipped = await read(join(import.meta.dirname, "../.."), "config/server.yaml");
  const written = await read(folder, "config/server.yaml");
  const keys = (text: string) => text.match(/^# +\w+:.*$/gm);
  expect(keys(written)).toEqual(keys(shipped));
});

test("init writes nothing where one of its files is there already", async () => {
  const folder = await temporaryFolder();
  await gatehouse(["init", "conf"], { folder });
  const before = await read(folder, "conf/applications.yaml");
  const { code, stdout, stderr } = await gatehouse(["init", "conf"], { folder });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toBe("gatehouse: conf/directory.ldif exists already, and is left as it is; nothing was written\n");
  expect(await read(folder, "conf/applications.yaml")).toBe(before);
});

test("init into a place that cannot be written says so in one sentence", async () => {
  const folder = await temporaryFolder();
  await write(folder, "file", "");
  const { code, stderr } = await gatehouse(["init", "file/conf"], { folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^gatehouse: .*file\n$/);
});

test("init where no folder can be made says so, and ends", async () => {
  const { code, stderr } = await gatehouse(["init", "/proc/gatehouse/conf"]);
  expect([code, stderr]).toEqual([1, "gatehouse: /proc/gatehouse: no folder can be made there\n"]);
});

test("init --help shows the suffix it would take", async () => {
  expect((await gatehouse(["init", "--help"])).stdout).toMatch(/\(default:\s+dc=example,dc=com\)/);
});
