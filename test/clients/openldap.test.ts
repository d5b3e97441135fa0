import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { applicationDn, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { describeWith, type Ran, run } from "./programs.js";

const programs = ["ldapsearch", "ldapadd", "ldapmodify", "ldapmodrdn", "ldapdelete", "ldapcompare", "ldapwhoami"];

describeWith("OpenLDAP's tools", { programs, inCi: true }, () => {
  let server: StartedServer;

  beforeAll(async () => {
    server = await startedServer({ lasts: "file" });
  });

  const as = (name: string) => ["-x", "-H", server.url, "-D", applicationDn(name), "-w", `${name}-secret`];
  const search = (...args: string[]) => run("ldapsearch", ["-LLL", "-o", "ldif-wrap=no", ...as("console"), ...args]);
  const dns = ({ stdout }: Ran) => stdout.match(/^dn: .*$/gm)?.map((line) => line.slice(4)) ?? [];

  test("ldapsearch reads the root DSE and the schema without a bind, and entries with one", async () => {
    const root = await run("ldapsearch", ["-x", "-LLL", "-H", server.url, "-b", "", "-s", "base", "+"]);
    expect(root.stdout).toContain(`namingContexts: ${suffix}\n`);
    const schema = await run("ldapsearch", ["-x", "-LLL", "-H", server.url, "-b", "cn=Subschema", "-s", "base", "+"]);
    expect(schema.stdout).toContain("NAME 'inetOrgPerson'");
    const found = await search("-b", suffix, "(uid=ann)", "MAIL", "memberOf");
    expect(found).toEqual({
      code: 0,
      stdout: `dn: ${userDn("ann")}\nMAIL: ann@example.com\nmemberOf: ${groupDn("administrators")}\nmemberOf: ${groupDn("engineering")}\nmemberOf: ${groupDn("staff")}\n\n`,
      stderr: "",
    });
    const refused = await run("ldapsearch", ["-x", "-H", server.url, "-b", suffix]);
    expect(refused).toMatchObject({ code: 50, stdout: expect.stringContaining("result: 50 Insufficient access") });
  });

  test("ldapsearch and ldapwhoami work below an application's own branch as below the suffix", async () => {
    const branch = applicationDn("tracker");
    const inBranch = async (...args: string[]) => {
      const way = ["-LLL", "-o", "ldif-wrap=no", ...as("tracker"), "-b", branch];
      return run("ldapsearch", [...way, ...args]);
    };
    const found = await inBranch(`(memberOf=cn=engineering,ou=groups,${branch})`, "1.1");
    expect(dns(found)).toEqual(["ann", "ben", "cora", "dan"].map((uid) => `uid=${uid},ou=people,${branch}`));
    const below = dns(await inBranch("-s", "children", "1.1"));
    expect(below).toHaveLength(19);
    expect(new Set(dns(await inBranch("-E", "pr=4/noprompt", "1.1")))).toEqual(new Set([branch, ...below]));
    const user = `uid=ella,ou=people,${branch}`;
    const login = ["-x", "-H", server.url, "-D", user, "-w", "ella-secret"];
    expect(await run("ldapwhoami", login)).toMatchObject({ code: 0, stdout: `dn:${user}\n` });
    // Hugo is in no group of tracker: the console and the wiki, at the same address, do not let him in by this name.
    const other = ["-x", "-H", server.url, "-D", `uid=hugo,ou=people,${branch}`, "-w", "hugo-secret"];
    expect(await run("ldapwhoami", other)).toMatchObject({ code: 49 });
  });

  test.each(["500/noprompt", "5/noprompt", "1/noprompt"])("ldapsearch walks pages of %s", async (size) => {
    for (const critical of ["", "!"]) {
      const found = await search("-E", `${critical}pr=${size}`, "-b", suffix, "(objectClass=*)", "1.1");
      expect(found.code).toBe(0);
      expect(new Set(dns(found)).size).toBe(24);
      expect(dns(found)).toHaveLength(24);
    }
  });

  test("ldapsearch is told limits, missing bases and critical controls", async () => {
    expect(await search("-z", "3", "-b", suffix)).toMatchObject({ code: 4 });
    expect(await search("-b", `ou=nowhere,${suffix}`)).toMatchObject({
      code: 32,
      stderr: expect.stringContaining(`Matched DN: ${suffix}`),
    });
    expect(await search("-E", "!1.2.3.4", "-b", suffix)).toMatchObject({ code: 12 });
    expect((await search("-M", "-a", "always", "-b", suffix, "-s", "one", "1.1")).code).toBe(0);
    expect(await search("-E", "subentries=true", "-b", suffix)).toMatchObject({ code: 0, stdout: "" });
    expect(dns(await search("-s", "children", "-b", `ou=people,${suffix}`, "1.1"))).toHaveLength(12);
  });

  test("ldapadd, ldapmodify, ldapmodrdn, ldapcompare and ldapdelete do what they are for", async () => {
    const photo = Buffer.from(Array.from({ length: 300 }, (_, n) => n & 0xff));
    const folder = await mkdtemp(join(tmpdir(), "gatehouse-clients-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "photo"), photo);
    const dn = userDn("zoë");
    const entry = `dn: ${dn}\nobjectClass: inetOrgPerson\ncn: Zoë\nsn: Z\njpegPhoto:< file://${folder}/photo\n`;
    const file = join(folder, "entry.ldif");
    await writeFile(
      file,
      entry
        .replace(/^dn: .*$/m, `dn:: ${Buffer.from(dn).toString("base64")}`)
        .replace("cn: Zoë", `cn:: ${Buffer.from("Zoë").toString("base64")}`),
    );
    expect(await run("ldapadd", [...as("wiki"), "-f", file])).toMatchObject({ code: 0, stderr: "" });
    expect(await run("ldapadd", [...as("wiki"), "-f", file])).toMatchObject({ code: 68 });
    expect(await run("ldapcompare", [...as("wiki"), dn, "cn:ZOË"])).toMatchObject({ code: 6, stdout: "TRUE\n" });
    expect(await run("ldapcompare", [...as("wiki"), dn, "cn:Z"])).toMatchObject({ code: 5, stdout: "FALSE\n" });
    const change = `dn:: ${Buffer.from(dn).toString("base64")}
changetype: modify
replace: title
title: Boss
-
add: mail
mail: z@example.com
-
delete: sn
sn: z
-
add: sn
sn: Zed
-
`;
    expect(await run("ldapmodify", as("wiki"), change)).toMatchObject({ code: 0, stderr: "" });
    const member = `dn: ${groupDn("design")}\nchangetype: modify\nadd: member\nmember:: ${Buffer.from(dn).toString("base64")}\n`;
    expect(await run("ldapmodify", as("wiki"), member)).toMatchObject({ code: 0 });
    expect(await run("ldapmodify", as("wiki"), member)).toMatchObject({ code: 20 });
    expect(await run("ldapmodrdn", [...as("wiki"), "-r", dn, "uid=zoe"])).toMatchObject({ code: 0, stderr: "" });
    const found = await search(
      "-b",
      userDn("zoe"),
      "-s",
      "base",
      "-t",
      "-T",
      folder,
      "jpegPhoto",
      "title",
      "memberOf",
      "uid",
    );
    expect(found.stdout).toContain(`memberOf: ${groupDn("design")}\n`);
    expect(found.stdout).toContain("title: Boss\n");
    const [, path] = /jpegPhoto:< file:\/\/(\S+)/.exec(found.stdout)!;
    expect(await readFile(path!)).toEqual(photo);
    expect(
      await run("ldapmodrdn", [...as("wiki"), "-s", `ou=groups,${suffix}`, userDn("zoe"), "uid=zoe"]),
    ).toMatchObject({ code: 0 });
    expect(await run("ldapdelete", [...as("wiki"), userDn("zoe")])).toMatchObject({ code: 32 });
    expect(await run("ldapdelete", [...as("wiki"), `uid=zoe,ou=groups,${suffix}`])).toMatchObject({ code: 0 });
    expect(await run("ldapdelete", [...as("console"), `ou=people,${suffix}`])).toMatchObject({ code: 66 });
  });

  test("ldapwhoami says who binds, and logins go as they should", async () => {
    expect((await run("ldapwhoami", as("wiki"))).stdout).toBe(`dn:${applicationDn("wiki")}\n`);
    const login = (dn: string, password: string) =>
      run("ldapwhoami", ["-x", "-H", server.url, "-D", dn, "-w", password]);
    expect((await login(userDn("ann"), "ann-secret")).stdout).toBe(`dn:${userDn("ann")}\n`);
    expect((await login(userDn("ann"), "wrong")).code).toBe(49);
    expect((await run("ldapwhoami", ["-x", "-H", server.url])).stdout).toBe("anonymous\n");
    expect((await run("ldapwhoami", ["-P", "2", ...as("wiki")])).code).not.toBe(0);
  });
});
