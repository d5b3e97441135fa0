import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addApplication, removeApplication, replacePasswords } from "../../src/settings/application-edits.js";
import { readApplications } from "../../src/settings/application-settings.js";
import { writeFileDurably } from "../../src/settings/durable-file.js";

const hash = "{BCRYPT}$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const other = "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g0MTIzNDU2Nw==";

const text = `# Who may come in.
applications:
  # All of them, in the order of the alphabet.
  - name: tracker          # the old one
    password: "${hash}"    # since May
    addresses: [ 192.0.2.10,   198.51.100.0/24 ]
    access: read

  # The wiki
  # has two passwords.
  - name: Wiki
    password:              # until June
      - "${hash}"
      - "${other}"
    addresses:
      - 192.0.2.11
    access: { users: [read] }
    # login: [wiki-users]

  # - name: sleeping
`;

const mailer = { name: "mailer", password: hash, addresses: ["192.0.2.12", "::1"], access: "login" } as const;

function names(source: string): string[] {
  const found = readApplications(source, "applications.yaml");
  if ("problems" in found) throw new Error(JSON.stringify(found.problems));
  return found.applications.map(({ name }) => name);
}

describe("adding", () => {
  test("puts the application behind the last and leaves every other byte", () => {
    const added = addApplication(text, mailer);
    const block = `  - name: mailer
    password: "${hash}"
    addresses: ["192.0.2.12", "::1"]
    access: login
`;
    expect(added.replace(block, "")).toBe(text);
    expect(added).toContain(`    # login: [wiki-users]\n${block}`);
    expect(names(added)).toEqual(["tracker", "Wiki", "mailer"]);
  });

  test.each([
    ["an empty list", "# head\napplications: [] # none yet\n"],
    ["a key without a value", "# head\napplications:\n# tail\n"],
    [
      "a list in one line",
      `# head\napplications: [{ name: a, password: "${hash}", addresses: ["::1"], access: read }]\n`,
    ],
    [
      "a list that is not indented",
      `# head\napplications:\n- name: a\n  password: "${hash}"\n  addresses: ["::1"]\n  access: read`,
    ],
    [
      "lines that end in CRLF",
      `# head\r\napplications:\r\n  - name: a\r\n    password: "${hash}"\r\n    addresses: ["::1"]\r\n    access: read\r\n`,
    ],
  ])("goes into %s and keeps the comments", (_, source) => {
    const added = addApplication(source, { ...mailer, description: "Sends: mail # all", login: ["a b"] });
    expect(added).toContain("# head");
    expect(names(added).at(-1)).toBe("mailer");
    expect(names(addApplication(added, { ...mailer, name: "second" })).slice(-2)).toEqual(["mailer", "second"]);
  });

  test("takes any name and description as they are", () => {
    const name = fc
      .string({ unit: "grapheme", maxLength: 20 })
      .map((end) => `x${end.replace(/[\p{Cc}\p{Cf}\p{Z}\p{Cn}]/gu, "")}y`);
    fc.assert(
      fc.property(name, (written) => {
        const added = addApplication(text, { ...mailer, name: written, description: written });
        expect(names(added).at(-1)).toBe(written);
      }),
    );
  });

  test("is refused for a name that is taken, a wrong name, and clear text", () => {
    expect(() => addApplication(text, { ...mailer, name: "wiki" })).toThrow('there is an application "wiki" already');
    expect(() => addApplication(text, { ...mailer, name: "wi\nki" })).toThrow(/control characters/);
    expect(() => addApplication(text, { ...mailer, password: "hunter2" })).toThrow(/clear text is not kept/);
    expect(() => addApplication("applications: 5\n", mailer)).toThrow(/is not a list/);
    expect(() => addApplication("a: [\n", mailer)).toThrow(/check-config/);
    expect(() => addApplication("", mailer)).toThrow(/check-config/);
  });
});

describe("removing", () => {
  test("takes the application with the comment right above it and leaves every other byte", () => {
    const removed = removeApplication(text, "wiki");
    expect(removed).toBe(`${text.slice(0, text.indexOf("  # The wiki"))}\n  # - name: sleeping\n`);
    expect(names(removed)).toEqual(["tracker"]);
  });

  test("the first leaves the comment that stands above the list", () => {
    const removed = removeApplication(text, "tracker");
    expect(removed).toContain("alphabet.\n\n  # The wiki");
    expect(names(removed)).toEqual(["Wiki"]);
  });

  test("the last leaves an empty list", () => {
    const removed = removeApplication(removeApplication(text, "tracker"), "WIKI");
    expect(removed).toContain("# Who may come in.");
    expect(names(removed)).toEqual([]);
    expect(names(addApplication(removed, mailer))).toEqual(["mailer"]);
  });

  test("what was added gives the text of before", () => {
    expect(removeApplication(addApplication(text, mailer), "mailer")).toBe(text);
  });

  test("is refused for a name that is not there, and where another part of the text refers to it", () => {
    expect(() => removeApplication(text, "mailer")).toThrow('there is no application "mailer"');
    const shared = text.replace(`password: "${hash}"`, `password: &p "${hash}"`).replace(`- "${hash}"`, "- *p");
    expect(() => removeApplication(shared, "tracker")).toThrow(/change it by hand/);
  });
});

describe("replacing passwords", () => {
  test("of one by one leaves every other byte", () => {
    expect(replacePasswords(text, "tracker", [other])).toBe(text.replace(hash, other));
  });

  test("of one by two makes a list", () => {
    expect(replacePasswords(text, "tracker", [other, hash])).toBe(text.replace(`"${hash}"`, `["${other}", "${hash}"]`));
  });

  test("of a list by one keeps the other lines", () => {
    const replaced = replacePasswords(text, "wiki", [other]);
    expect(replaced).toContain(`  - name: Wiki\n    password: "${other}"\n    addresses:\n      - 192.0.2.11\n`);
    expect(names(replaced)).toEqual(["tracker", "Wiki"]);
  });

  test("is refused for none and for clear text", () => {
    expect(() => replacePasswords(text, "wiki", [])).toThrow(/at least one/);
    expect(() => replacePasswords(text, "wiki", ["hunter2"])).toThrow(/clear text/);
  });
});

describe("a file written durably", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gatehouse-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is readable by its owner only when it is new", async () => {
    const path = join(folder, "applications.yaml");
    await writeFileDurably(path, "a");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("keeps the mode it had, and leaves nothing beside it", async () => {
    const path = join(folder, "applications.yaml");
    await writeFile(path, "old");
    await chmod(path, 0o640);
    await writeFileDurably(path, "new");
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(folder)).toEqual(["applications.yaml"]);
  });

  const isRoot = process.geteuid?.() === 0;

  test.runIf(isRoot)("stays with its owner and group when root writes it", async () => {
    const path = join(folder, "applications.yaml");
    await writeFile(path, "old");
    await chmod(path, 0o640);
    await chown(path, 4321, 8765);
    await writeFileDurably(path, "new");
    expect(await readFile(path, "utf8")).toBe("new");
    expect(await stat(path)).toMatchObject({ uid: 4321, gid: 8765, mode: 0o100640 });
  });

  describe.runIf(isRoot)("of somebody else, where owners may not be given away,", () => {
    let groups: number[];

    /** Goes on as this user, who is in these groups. */
    function become(uid: number, ...memberOf: [number, ...number[]]): void {
      groups = process.getgroups!();
      process.setgroups!(memberOf);
      process.setegid!(memberOf[0]);
      process.seteuid!(uid);
    }

    function becomeRoot(): void {
      process.seteuid!(0);
      process.setegid!(0);
      process.setgroups!(groups);
    }

    async function written(owner: [uid: number, gid: number]) {
      const path = join(folder, "applications.yaml");
      await writeFile(path, "old");
      await chmod(path, 0o640);
      await chown(path, ...owner);
      await chown(folder, 4321, 8765);
      become(4321, 8765, 8766);
      try {
        await writeFileDurably(path, "new");
      } finally {
        becomeRoot();
      }
      expect(await readFile(path, "utf8")).toBe("new");
      return stat(path);
    }

    test("is written all the same, and stays with its group where the writer is in it", async () => {
      expect(await written([0, 8766])).toMatchObject({ uid: 4321, gid: 8766, mode: 0o100640 });
    });

    test("is not opened to the writer's group for that of another", async () => {
      expect(await written([0, 0])).toMatchObject({ uid: 4321, gid: 8765, mode: 0o100600 });
    });
  });

  test("is written through a symbolic link", async () => {
    await writeFile(join(folder, "real.yaml"), "old");
    await symlink("real.yaml", join(folder, "link.yaml"));
    await writeFileDurably(join(folder, "link.yaml"), "new");
    expect(await readFile(join(folder, "real.yaml"), "utf8")).toBe("new");
    expect((await readdir(folder)).sort()).toEqual(["link.yaml", "real.yaml"]);
  });

  test("that cannot be written fails and leaves the old one", async () => {
    await expect(writeFileDurably(join(folder, "none", "a"), "x")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(writeFileDurably(folder, "x")).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });
});
