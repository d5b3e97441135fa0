// A store that is not whole, or of which a file is damaged: told in a sentence, and never taken for a new one.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gatehouse, installation, person, units, write } from "./gatehouse.js";

async function filled(): Promise<{ folder: string; data: string; tables: () => string[] }> {
  const folder = await installation();
  await write(folder, "in.ldif", units + Array.from({ length: 200 }, (_, n) => person(`u${n}`)).join(""));
  expect(await gatehouse(["import", "in.ldif"], { folder })).toMatchObject({ code: 0 });
  const data = join(folder, "config/data");
  return { folder, data, tables: () => readdirSync(data).filter((name) => name.endsWith(".ldb")) };
}

test.each([["serve"], ["verify"], ["export"], ["import", "in.ldif"]])(
  "%s refuses a folder that a part of a store was copied to, and removes nothing in it",
  async (...command) => {
    const { folder, data, tables } = await filled();
    rmSync(join(data, "CURRENT"));
    const before = tables();
    expect(before.length).toBeGreaterThan(0);
    const { code, stderr } = await gatehouse(command, { folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^gatehouse: the store at \S+ is not whole: \S+ is there and CURRENT is missing; restore all/,
    );
    expect(tables()).toEqual(before);
  },
);

test("a table that was cut off is told as damage of the store", async () => {
  const { folder, data, tables } = await filled();
  for (const table of tables()) {
    const bytes = readFileSync(join(data, table));
    writeFileSync(join(data, table), bytes.subarray(0, bytes.length / 2));
  }
  const { code, stderr } = await gatehouse(["export"], { folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^gatehouse: the store at \S+ is damaged, or its disk is \(.*\); restore it from a backup\n$/);
});

test("export - is standard output", async () => {
  const { folder } = await filled();
  const { code, stdout } = await gatehouse(["export", "-"], { folder });
  expect(code).toBe(0);
  expect(stdout).toContain("dn: uid=u7,ou=people,dc=example,dc=com\n");
  expect(readdirSync(folder)).not.toContain("-");
});

test("a password that comes through a pipe is one line", async () => {
  const { folder } = await filled();
  expect(await gatehouse(["hash"], { folder, input: "one\ntwo\n" })).toMatchObject({
    code: 1,
    stderr: "gatehouse: several lines came through the pipe; a password is one line\n",
  });
  expect(await gatehouse(["hash"], { folder, input: "one\r\n" })).toMatchObject({ code: 0 });
});
