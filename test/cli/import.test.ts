import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ending, gatehouse, group, installation, person, read, start, units, write } from "./gatehouse.js";

async function exported(folder: string, ...options: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await gatehouse(["export", ...options], { folder });
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^exported \d+ entr/)]);
  return stdout;
}

async function imported(folder: string, text: string, ...options: readonly string[]): Promise<string> {
  await write(folder, "in.ldif", text);
  const { code, stdout, stderr } = await gatehouse(["import", "in.ldif", ...options], { folder });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

async function refused(folder: string, text: string, ...options: readonly string[]): Promise<string[]> {
  await write(folder, "in.ldif", text);
  const { code, stdout, stderr } = await gatehouse(["import", "in.ldif", ...options], { folder });
  expect([code, stdout]).toEqual([1, expect.stringMatching(options.includes("--continue") ? /^imported/ : /^$/)]);
  return stderr.trimEnd().split("\n");
}

async function expectEntries(folder: string, entries: number): Promise<void> {
  const { code, stdout } = await gatehouse(["verify"], { folder });
  expect([code, stdout]).toEqual([0, `${entries} ${entries === 1 ? "entry" : "entries"}, no faults\n`]);
}

const lineOf = (text: string, part: string) => text.slice(0, text.indexOf(part)).split("\n").length;

test("import says how many entries it loaded and how fast", async () => {
  const folder = await installation();
  const out = await imported(folder, units + person("ann") + group("staff", "uid=ann,ou=people,dc=example,dc=com"));
  expect(out).toMatch(/^imported 5 entries in \d+\.\d s \(\d+ entries\/s\)\n$/);
  await expectEntries(folder, 5);
});

test("import reads standard input, into an empty store and into one with entries", async () => {
  const folder = await installation();
  expect(await gatehouse(["import", "-"], { folder, input: units })).toMatchObject({ code: 0 });
  expect(await gatehouse(["import", "-"], { folder, input: person("ann") })).toMatchObject({ code: 0 });
  const { stderr } = await gatehouse(["import", "-"], { folder, input: person("ann") });
  expect(stderr).toBe(
    "stdin:2: uid=ann,ou=people,dc=example,dc=com exists already\nstdin has 1 error: nothing was imported\n",
  );
  await expectEntries(folder, 4);
});

describe.each([
  ["an empty store", ""],
  ["a store that holds entries", units],
])("a file with errors, into %s", (_, before) => {
  const head = before === "" ? units : "";
  const text = `${head}${person("ann")}${person("bob", "foo: bar")}
dn: uid=cid,ou=nowhere,dc=example,dc=com
objectClass: account
uid: cid

dn: uid=ann,ou=people,dc=example,dc=com
objectClass: account
uid: ann

dn: uid=dan,dc=example,dc=org
objectClass: account
uid: dan

dn: cn=wiki,ou=applications,dc=example,dc=com
objectClass: applicationProcess
cn: wiki

dn: uid=eve,ou=people,dc=example,dc=com
objectClass: person
objectClass: uidObject
uid: eve
cn: eve
sn: eve
userPassword: ${"x".repeat(73)}

this is no line
${person("fay")}`;

  const sentences = [
    ["uid=bob", '"foo" is not an attribute of the schema'],
    ["uid=cid", "the entry above uid=cid,ou=nowhere,dc=example,dc=com does not exist; it must stand before it"],
    ["uid=ann,ou=people,dc=example,dc=com\nobjectClass: account", expect.stringContaining("stands in the file twice")],
    ["uid=dan", "uid=dan,dc=example,dc=org is not below dc=example,dc=com, which is all that is kept here"],
    ["cn=wiki", expect.stringContaining("applications are registered in applications.yaml")],
    ["uid=eve", expect.stringContaining("bcrypt takes at most 72")],
    ["this is no line", expect.stringContaining("is no line of a record")],
  ] as const;

  test("loads nothing, and says every error with its line", async () => {
    const folder = await installation();
    if (before !== "") await imported(folder, before);
    const lines = await refused(folder, text);
    expect(lines.pop()).toBe("in.ldif has 7 errors: nothing was imported");
    expect(lines.map((line) => line.replace(/^in\.ldif:\d+: /, ""))).toEqual(sentences.map(([, sentence]) => sentence));
    expect(lines.map((line) => Number(line.split(":")[1]))).toEqual(sentences.map(([part]) => lineOf(text, part)));
    await expectEntries(folder, before === "" ? 0 : 3);
  });

  test("--continue loads what is right", async () => {
    const folder = await installation();
    if (before !== "") await imported(folder, before);
    const lines = await refused(folder, text, "--continue");
    expect(lines.at(-1)).toMatch(/^in\.ldif has 7 errors: \d entries imported$/);
    await expectEntries(folder, 5);
    expect(await exported(folder)).toMatch(/uid=ann[\s\S]*uid=fay/);
  });

  test("--dry-run says the same and touches nothing", async () => {
    const folder = await installation();
    if (before !== "") await imported(folder, before);
    const lines = await refused(folder, text, "--dry-run");
    expect(lines.pop()).toBe("in.ldif has 7 errors");
    expect(lines.length).toBe(7);
  });

  test("--dry-run of a file that is right says how much would be imported", async () => {
    const folder = await installation();
    if (before !== "") await imported(folder, before);
    const out = await imported(folder, head + person("ann"), "--dry-run");
    expect(out).toBe(`in.ldif is right: ${before === "" ? "4 entries" : "1 entry"} could be imported\n`);
    expect((await gatehouse(["verify"], { folder })).stdout).toBe(before === "" ? "" : "3 entries, no faults\n");
  });
});

test("what is below an entry with an error is not told as an error of its own", async () => {
  const folder = await installation();
  const wrong = units.replace("ou: people", "foo: people");
  expect(await refused(folder, wrong + person("ann") + person("bob"))).toEqual([
    'in.ldif:8: "foo" is not an attribute of the schema',
    "in.ldif has 1 error: nothing was imported",
  ]);
});

test("entries whose passwords are being hashed when the first error comes are parents still, and no errors", async () => {
  const folder = await installation();
  const people = units.replace("ou: people\n", "ou: people\nuserPassword: clear\n");
  const bad = person("bad").replace("sn: bad\n", "");
  const good = person("good", "userPassword: clear");
  const text = people + bad + person("fine") + good + good;
  expect(await refused(folder, text)).toEqual([
    expect.stringMatching(/^in\.ldif:\d+: .*sn: /),
    `in.ldif:${text.slice(0, text.lastIndexOf("dn: uid=good")).split("\n").length}: uid=good,ou=people,dc=example,dc=com stands in the file twice`,
    "in.ldif has 2 errors: nothing was imported",
  ]);
});

test("of very many errors the first hundred are shown", async () => {
  const folder = await installation();
  const people = Array.from({ length: 130 }, (_, n) => person(`u${n}`, "foo: bar"));
  const lines = await refused(folder, units + people.join(""));
  expect(lines.length).toBe(102);
  expect(lines.slice(-2)).toEqual(["and 30 more", "in.ldif has 130 errors: nothing was imported"]);
});

test("a file that is not there, is a folder, or may not be read: one sentence", async () => {
  const folder = await installation();
  for (const [file, reason] of [
    ["nowhere.ldif", "there is no such file"],
    ["config", "it is a folder"],
  ] as const) {
    const { code, stderr } = await gatehouse(["import", file], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(new RegExp(`^gatehouse: .*${reason}\n$`))]);
  }
});

test("a store that a server has open is not touched", async () => {
  const folder = await installation();
  await imported(folder, units);
  const server = start(["serve"], { folder });
  const ended = ending(server);
  await new Promise<void>((resolve) => {
    server.stdout!.on("data", (piece) => String(piece).includes('"ready"') && resolve());
  });
  await write(folder, "more.ldif", person("ann"));
  for (const command of [["import", "more.ldif"], ["export"], ["verify"]]) {
    const { code, stdout, stderr } = await gatehouse(command, { folder });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^gatehouse: the store at .* is in use by another process/);
  }
  server.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 0 });
});

test("without a store, export and verify say so, and make none", async () => {
  const folder = await installation();
  for (const command of ["export", "verify"]) {
    const { code, stdout, stderr } = await gatehouse([command], { folder });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^gatehouse: there is no store at .*\n$/);
  }
});

test.each(["", "version: 1\n", "# nothing\n"])("a file without entries is refused: %j", async (text) => {
  const folder = await installation();
  for (const option of [[], ["--dry-run"], ["--continue"]]) {
    const { code, stdout, stderr } = await gatehouse(["import", "-", ...option], { folder, input: text });
    expect([code, stdout, stderr]).toEqual([1, "", "gatehouse: stdin: the file holds no entries\n"]);
  }
});

describe("passwords", () => {
  test("hashes are kept, clear text is hashed, and neither is lost or stored as it is", async () => {
    const folder = await installation();
    const known = "{SSHA}JT1yM4EPx/qU3x+BqwmzUmNKlea42Km2cphbHQ==";
    const unknown = "{SASL}ann@example.com";
    await write(
      folder,
      "in.ldif",
      units +
        person("ann", `userPassword: ${known}`) +
        person("bob", "userPassword: a clear secret") +
        person("cid", "userPassword: {CLEARTEXT}another secret") +
        person("dan", `userPassword: ${unknown}`),
    );
    const { code, stderr } = await gatehouse(["import", "in.ldif"], { folder });
    expect([code, stderr]).toEqual([
      0,
      "1 password of a scheme that is not known here: kept, but nobody can log in with one\n",
    ]);
    const text = await exported(folder);
    expect(text).not.toContain("secret");
    expect(text.match(/^userPassword: .*$/gm)).toEqual([
      `userPassword: ${known}`,
      expect.stringMatching(/^userPassword: \{BCRYPT\}\$2b\$04\$/),
      expect.stringMatching(/^userPassword: \{BCRYPT\}\$2b\$04\$/),
      `userPassword: ${unknown}`,
    ]);
  });

  test("too long to be kept are an error with its line", async () => {
    const folder = await installation();
    const long = units + person("ann", `userPassword: {SSHA}${"A".repeat(70_000)}`);
    const line = long.slice(0, long.indexOf("dn: uid=ann")).split("\n").length;
    await write(folder, "in.ldif", long);
    const { code, stderr } = await gatehouse(["import", "in.ldif"], { folder });
    expect(code).toBe(1);
    expect(stderr).toContain(`in.ldif:${line}: userPassword: 70006 bytes`);
  });

  test.each(["", "limits: { passwordQueue: 1 }\n"])("many are hashed with everything in its order %#", async (more) => {
    const folder = await installation(more);
    const people = Array.from({ length: 700 }, (_, n) => person(`u${n}`, ...(n % 9 ? [] : [`userPassword: s${n}`])));
    await imported(folder, units + people.join(""));
    await expectEntries(folder, 703);
    await imported(folder, people.join("").replaceAll(/\bu(\d+)/g, "v$1"));
    await expectEntries(folder, 1403);
    const uids = (await exported(folder)).match(/^uid: .*$/gm);
    expect(uids?.slice(0, 700)).toEqual(people.map((_, n) => `uid: u${n}`));
    expect(uids?.slice(700)).toEqual(people.map((_, n) => `uid: v${n}`));
  });
});

test("a file that names files is imported with --allow-files alone", async () => {
  const folder = await installation();
  await writeFile(join(folder, "photo"), Buffer.from([0xff, 0xd8, 0, 1]));
  const text = units + person("ann", `jpegPhoto:< file://${folder}/photo`);
  const piped = await gatehouse(["import", "-"], { folder, input: text });
  expect(piped.stderr).toMatch(/^stdin:26: .*files are not read here/);
  expect(await refused(folder, text)).toContain("in.ldif has 1 error: nothing was imported");
  await imported(folder, text, "--allow-files");
  expect(await exported(folder)).toContain("jpegPhoto:: /9gAAQ==");
});

test("operational attributes of other servers and of our own export are kept where they say something", async () => {
  const folder = await installation();
  const operational = [
    "entryUUID: 3f6a5c1e-9d8b-4c2a-8e7f-1a2b3c4d5e6f",
    "creatorsName: cn=admin,dc=elsewhere",
    "createTimestamp: 20200102030405Z",
    "modifiersName: cn=other,dc=elsewhere",
    "modifyTimestamp: 20210102030405.678Z",
    "structuralObjectClass: inetOrgPerson",
    "entryCSN: 20210102030405.678000Z#000000#000#000000",
    "hasSubordinates: FALSE",
    "memberOf: cn=ghosts,ou=groups,dc=example,dc=com",
    "pwdChangedTime: 20200102030405Z",
  ];
  await imported(folder, units + person("ann", ...operational));
  const text = await exported(folder, "--operational");
  const ann = text.slice(text.indexOf("dn: uid=ann"));
  expect(ann.split("\n").slice(8)).toEqual([
    "entryUUID: 3f6a5c1e-9d8b-4c2a-8e7f-1a2b3c4d5e6f",
    "createTimestamp: 20200102030405Z",
    "creatorsName: cn=admin,dc=elsewhere",
    "modifyTimestamp: 20210102030405Z",
    "modifiersName: cn=other,dc=elsewhere",
    "",
  ]);
  const again = person("bob", operational[0]!);
  expect(await refused(folder, again)).toEqual([
    "in.ldif:2: an entry with entryUUID 3f6a5c1e-9d8b-4c2a-8e7f-1a2b3c4d5e6f exists already",
    "in.ldif has 1 error: nothing was imported",
  ]);
});

test("an entry needs not repeat what its name says, nor the classes above its own", async () => {
  const folder = await installation();
  await imported(
    folder,
    `${units}\ndn: uid=ann,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: a\nsn: a\n`,
  );
  const text = await exported(folder);
  // Classes come back as the file has them, so that an export equals what was imported.
  expect(text).toContain("objectClass: inetOrgPerson\n");
  expect(text).not.toContain("objectClass: person\n");
  expect(text).toContain("uid: ann\n");
});

describe("changes", () => {
  const changes = `dn: uid=ann,ou=people,dc=example,dc=com
changetype: modify
replace: mail
mail: ann@example.com
-
add: telephoneNumber
telephoneNumber: 1

dn: uid=bob,ou=people,dc=example,dc=com
changetype: modrdn
newrdn: uid=robert
deleteoldrdn: 1

dn: uid=cid,ou=people,dc=example,dc=com
changetype: delete

dn: uid=cid,ou=people,dc=example,dc=com
changetype: add
objectClass: account
uid: cid
`;

  test("are applied in order", async () => {
    const folder = await installation();
    await imported(folder, units + ["ann", "bob", "cid"].map((uid) => person(uid)).join(""));
    expect(await imported(folder, changes, "--dry-run")).toBe(
      "in.ldif is right: 1 entry and 3 changes could be imported\n",
    );
    expect(await imported(folder, changes)).toMatch(/^imported 1 entry and 3 changes in /);
    const text = await exported(folder);
    expect(text).toContain("mail: ann@example.com\ntelephoneNumber: 1\n");
    expect(text).toMatch(/dn: uid=robert,[\s\S]*\nuid: robert\n/);
    expect(text).not.toContain("uid: bob");
    expect(text).toContain("objectClass: account\nuid: cid\n");
    await expectEntries(folder, 6);
  });

  test("of which one cannot be done end there, and say how far they came", async () => {
    const folder = await installation();
    await imported(folder, units + ["ann", "bob", "cid"].map((uid) => person(uid)).join(""));
    const unit = "\ndn: ou=people,dc=example,dc=com\nchangetype: delete\n";
    const lines = await refused(folder, changes.replace("\ndn: uid=cid", `${unit}\ndn: uid=cid`));
    expect(lines).toEqual([
      expect.stringMatching(/^in\.ldif:14: .*has entries below it/),
      "in.ldif has 1 error: 2 changes imported",
    ]);
    expect(await exported(folder)).toContain("sn: cid");
  });

  test("of what is not there load nothing", async () => {
    const folder = await installation();
    await imported(folder, units + person("ann"));
    expect(await refused(folder, changes)).toEqual([
      "in.ldif:9: there is no entry uid=bob,ou=people,dc=example,dc=com",
      "in.ldif:14: there is no entry uid=cid,ou=people,dc=example,dc=com",
      "in.ldif has 2 errors: nothing was imported",
    ]);
    expect(await exported(folder)).not.toContain("mail");
  });

  test("do not fill an empty store", async () => {
    const folder = await installation();
    const lines = await refused(folder, `${units}${person("ann")}\n${changes.replace(/\ndn: uid=bob[\s\S]*/, "")}`);
    expect(lines[0]).toMatch(/an empty store is filled with entries alone/);
    await expectEntries(folder, 0);
  });
});

test("an import that is killed leaves an empty store", async () => {
  const folder = await installation();
  const child = start(["import", "-"], { folder });
  const ended = ending(child);
  child.stdin!.on("error", () => {});
  child.stdin!.write(units);
  for (let n = 0; n < 30_000; n++) child.stdin!.write(person(`u${n}`));
  // The rest never comes: it waits in the middle of its load.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  child.kill("SIGKILL");
  expect(await ended).toMatchObject({ code: null });
  await expectEntries(folder, 0);
  await imported(folder, units);
  await expectEntries(folder, 3);
  expect(await read(folder, "in.ldif")).toBe(units);
});
