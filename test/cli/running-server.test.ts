// Commands beside a server that runs, which they reach by its Unix socket.
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ending, gatehouse, group, installation, person, read, start, units, write } from "./gatehouse.js";

/** A server with a socket, its store filled with what the LDIF says; stopped at the end of the test. */
async function serving(ldif = units): Promise<{ folder: string; pid: number; stop(): Promise<number | null> }> {
  const folder = await installation();
  await withSocket(folder);
  await write(folder, "people.ldif", ldif);
  expect(await gatehouse(["import", "people.ldif"], { folder })).toMatchObject({ code: 0 });
  return { folder, ...(await served(folder)) };
}

async function withSocket(folder: string): Promise<void> {
  const text = await read(folder, "config/server.yaml");
  await write(folder, "config/server.yaml", text.replace("listen: [", 'listen: ["ldapi://gatehouse.sock", '));
}

async function served(folder: string): Promise<{ pid: number; stop(): Promise<number | null> }> {
  const server = start(["serve"], { folder });
  const ended = ending(server);
  onTestFinished(() => {
    server.kill("SIGKILL");
  });
  await new Promise<void>((resolve, reject) => {
    server.stdout!.on("data", (piece: string) => {
      if (piece.includes('"msg":"ready"')) resolve();
    });
    void ended.then(({ stderr }) => reject(new Error(stderr)));
  });
  return {
    pid: server.pid!,
    async stop() {
      server.kill("SIGTERM");
      return (await ended).code;
    },
  };
}

const socketOf = (folder: string) => join(folder, "config/gatehouse.sock");

describe("app", () => {
  test("add is in force at once, remove and password too", async () => {
    const { folder } = await serving();
    const added = await gatehouse(["app", "add", "shop", "--address", "127.0.0.1"], { folder });
    expect(added.stdout).toContain("The running server has taken it in.");
    for (const args of [
      ["password", "shop"],
      ["remove", "shop"],
    ]) {
      expect((await gatehouse(["app", ...args], { folder })).stdout).toContain("The running server has taken it in.");
    }
  });

  test("test of a user asks the server, by the rules that it has in force", async () => {
    const password = `userPassword: {SSHA}${"A".repeat(32)}`;
    const { folder } = await serving(units + person("ann", password));
    const asked = ["app", "test", "wiki", "127.0.0.1", "ann"];
    const allowed = await gatehouse(asked, { folder });
    expect(allowed).toMatchObject({ code: 0, stderr: "through the running server at ldapi://gatehouse.sock\n" });
    expect(allowed.stdout).toMatch(/yes {2}uid=ann,.* is there\n[\s\S]*\nallowed, with the user's password\n$/);
    const text = await read(folder, "config/applications.yaml");
    await write(folder, "config/applications.yaml", text.replace("read-write\n", "read-write\n    login: []\n"));
    expect(await gatehouse(asked, { folder })).toMatchObject({ code: 0 });
    expect(await gatehouse(["reload"], { folder })).toMatchObject({ code: 0 });
    const refused = await gatehouse(asked, { folder });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stdout).toContain("no   nobody may log in (login: [])\nrefused\n");
    const other = await gatehouse(["app", "test", "wiki", "10.0.0.1", "ann"], { folder });
    expect(other.stdout).toContain("no   10.0.0.1 is in none of its addresses");
  });

  test("add says how to go on where no server can be reached", async () => {
    const folder = await installation();
    const args = ["app", "add", "shop", "--address", "127.0.0.1"];
    expect((await gatehouse(args, { folder })).stdout).toContain("A running server takes it in within a few seconds.");
    await withSocket(folder);
    args[2] = "mail";
    expect((await gatehouse(args, { folder })).stdout).toContain("A running server takes it in within a few seconds.");
  });
});

test("a certificate that is not there keeps nobody from a backup, and app says that the server cannot go on with it", async () => {
  const { folder } = await serving();
  const text = await read(folder, "config/server.yaml");
  await write(folder, "config/server.yaml", `${text}tls: { certificate: a.crt, key: a.key }\n`);
  expect(await gatehouse(["export"], { folder })).toMatchObject({ code: 0 });
  const { stdout } = await gatehouse(["app", "add", "shop", "--address", "127.0.0.1"], { folder });
  expect(stdout).toContain("cn=shop,ou=applications,dc=example,dc=com");
  expect(stdout).toMatch(/The running server has not taken it in:\n.*a\.crt: there is no such file/);
});

describe("reload", () => {
  test("puts the configuration in force, or says what is wrong with it", async () => {
    const { folder } = await serving();
    expect(await gatehouse(["reload"], { folder })).toMatchObject({
      code: 0,
      stdout: "the configuration is read anew\n",
    });
    await writeFile(join(folder, "config/applications.yaml"), "applications: [{ name: x }]\n");
    const { code, stderr } = await gatehouse(["reload"], { folder });
    expect(code).toBe(1);
    expect(stderr).toContain("applications.yaml:1:");
  });

  test("says that no server can be reached", async () => {
    const folder = await installation();
    expect(await gatehouse(["reload"], { folder })).toMatchObject({
      code: 1,
      stderr:
        "gatehouse: server.yaml has no ldapi:// address to reach the server by: add - ldapi://gatehouse.sock below listen and restart the server; send it SIGHUP instead\n",
    });
    await withSocket(folder);
    expect(await gatehouse(["reload"], { folder })).toMatchObject({
      code: 1,
      stderr: "gatehouse: no server answers at ldapi://gatehouse.sock\n",
    });
  });
});

describe("export", () => {
  test("writes the same of a server that runs as of its store", async () => {
    const people = Array.from({ length: 2000 }, (_, n) => person(`user${n}`, `userPassword: {SSHA}${"A".repeat(32)}`));
    const all = units + people.join("") + group("all", "uid=user1,ou=people,dc=example,dc=com", "cn=nobody");
    const { folder, stop } = await serving(all);
    const running = await gatehouse(["export", "--operational"], { folder });
    expect(running.stderr).toContain("exported 2004 entries");
    const file = await gatehouse(["export", "running.ldif", "--operational"], { folder });
    expect(file.code).toBe(0);
    expect((await stat(join(folder, "running.ldif"))).mode & 0o777).toBe(0o600);
    expect(await stop()).toBe(0);
    const stopped = await gatehouse(["export", "--operational"], { folder });
    expect(stopped.stderr).toContain("exported 2004 entries");
    expect(running.stdout === stopped.stdout).toBe(true);
    expect((await readFile(join(folder, "running.ldif"), "utf8")) === stopped.stdout).toBe(true);
    expect(running.stdout).toContain("userPassword: {SSHA}");
  });

  test("to a file that cannot be written leaves the server working", async () => {
    const { folder } = await serving();
    const { code, stderr } = await gatehouse(["export", "nowhere/out.ldif"], { folder });
    expect([code, stderr]).toEqual([
      1,
      "through the running server at ldapi://gatehouse.sock\ngatehouse: nowhere/out.ldif: there is no such file\n",
    ]);
    expect(await gatehouse(["export"], { folder })).toMatchObject({ code: 0 });
  });
});

describe("import", () => {
  test("adds entries and applies changes through the server", async () => {
    const { folder, stop } = await serving();
    const people = Array.from({ length: 300 }, (_, n) => person(`user${n}`)).join("");
    const deeper = `
dn: ou=a,ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: a

dn: ou=b,ou=a,ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: b
`;
    const changes = `
dn: uid=user7,ou=people,dc=example,dc=com
changetype: modify
replace: description
description: changed
-

dn: uid=user8,ou=people,dc=example,dc=com
changetype: modrdn
newrdn: uid=renamed
deleteoldrdn: 1
newsuperior: ou=b,ou=a,ou=people,dc=example,dc=com

dn: uid=user9,ou=people,dc=example,dc=com
changetype: delete
`;
    await write(folder, "more.ldif", people + deeper + changes);
    expect((await gatehouse(["import", "more.ldif"], { folder })).stdout).toMatch(
      /^imported 302 entries and 3 changes in /,
    );
    const { stdout } = await gatehouse(["export"], { folder });
    expect(stdout).toContain("description: changed");
    expect(stdout).toContain("dn: uid=renamed,ou=b,ou=a,ou=people,dc=example,dc=com");
    expect(stdout).not.toContain("uid=user9,");
    expect(await stop()).toBe(0);
    expect((await gatehouse(["verify"], { folder })).stdout).toBe("304 entries, no faults\n");
  });

  test("of a file with errors that can be seen changes nothing", async () => {
    const { folder } = await serving();
    await write(folder, "bad.ldif", `${person("one")}${person("two", "shoeSize: 9")}`);
    const { code, stderr } = await gatehouse(["import", "bad.ldif"], { folder });
    expect(code).toBe(1);
    expect(stderr).toContain('bad.ldif:11: "shoeSize" is not an attribute of the schema');
    expect(stderr).toContain("nothing was imported");
    expect((await gatehouse(["export"], { folder })).stdout).not.toContain("uid=one");
  });

  test("ends with what the server refuses, and nothing behind it is sent", async () => {
    const { folder } = await serving(units + person("one"));
    await write(folder, "again.ldif", `${person("zero")}${person("one")}${person("two")}`);
    const { code, stderr } = await gatehouse(["import", "again.ldif"], { folder });
    expect(code).toBe(1);
    expect(stderr).toContain("again.ldif has 1 error: 1 entry imported");
    const { stdout } = await gatehouse(["export"], { folder });
    expect(stdout).toContain("uid=zero");
    expect(stdout).not.toContain("uid=two");
  });

  test("says what the server refuses, with the line, and goes on where it may", async () => {
    const { folder } = await serving(units + person("one"));
    await write(folder, "again.ldif", `${person("one")}${person("two")}`);
    const { code, stderr, stdout } = await gatehouse(["import", "again.ldif", "--continue"], { folder });
    expect(code).toBe(1);
    expect(stderr).toContain("again.ldif:2: an entry of this name exists already");
    expect(stdout).toContain("imported 1 entry");
  });

  test("says that the entryUUIDs of the file are not kept", async () => {
    const { folder } = await serving();
    const uuid = "6f1d3c52-8a47-4e0b-9d35-2b7c90a4e1f8";
    await write(folder, "uuid.ldif", person("one", `entryUUID: ${uuid}`));
    const { code, stderr } = await gatehouse(["import", "uuid.ldif"], { folder });
    expect(code).toBe(0);
    expect(stderr).toContain("are not kept");
    expect((await gatehouse(["export", "--operational"], { folder })).stdout).not.toContain(uuid);
  });
});

describe("the socket", () => {
  test("is for its owner alone, and goes away with the server", async () => {
    const { folder, stop } = await serving();
    const found = await stat(socketOf(folder));
    expect(found.isSocket()).toBe(true);
    expect(found.mode & 0o777).toBe(0o600);
    expect(await stop()).toBe(0);
    await expect(stat(socketOf(folder))).rejects.toThrow("ENOENT");
  });

  test("of a server that was killed is no obstacle to the next", async () => {
    const { folder, pid } = await serving();
    process.kill(pid, "SIGKILL");
    await expect.poll(() => gatehouse(["reload"], { folder })).toMatchObject({ code: 1 });
    expect((await stat(socketOf(folder))).isSocket()).toBe(true);
    await served(folder);
    expect(await gatehouse(["reload"], { folder })).toMatchObject({ code: 0 });
  });

  test("does not take the place of a file", async () => {
    const folder = await installation();
    await withSocket(folder);
    await writeFile(socketOf(folder), "precious");
    const { code, stderr } = await gatehouse(["serve"], { folder });
    expect([code, stderr]).toEqual([1, `gatehouse: ${socketOf(folder)}: it exists already\n`]);
    expect(await readFile(socketOf(folder), "utf8")).toBe("precious");
  });

  // Root may open everything.
  test.skipIf(process.getuid?.() === 0)("that may not be opened is told of", async () => {
    const { folder } = await serving();
    await chmod(socketOf(folder), 0);
    expect(await gatehouse(["reload"], { folder })).toMatchObject({ code: 1 });
  });
});
