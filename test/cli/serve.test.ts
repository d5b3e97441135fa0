import { type ChildProcess, spawn } from "node:child_process";
import { cp } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "ldapts";
import { expect, onTestFinished, test } from "vitest";
import {
  ending,
  gatehouse,
  installation,
  main,
  type Outcome,
  person,
  read,
  start,
  temporaryFolder,
  units,
  write,
} from "./gatehouse.js";

interface Line {
  readonly msg: string;
  readonly [key: string]: unknown;
}

class Server {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  readonly lines: Line[] = [];

  constructor(folder: string) {
    this.child = start(["serve"], { folder });
    this.ended = ending(this.child);
    let text = "";
    this.child.stdout!.on("data", (piece) => {
      text += piece;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        this.lines.push(JSON.parse(text.slice(0, end)));
        text = text.slice(end + 1);
      }
    });
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  async line(msg: string): Promise<Line> {
    for (;;) {
      const line = this.lines.find((one) => one.msg === msg);
      if (line) return line;
      if (this.child.exitCode !== null) throw new Error(JSON.stringify(await this.ended));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async url(): Promise<string> {
    return String((await this.line("ready")).listen);
  }
}

const wiki = { dn: "cn=wiki,ou=applications,dc=example,dc=com", password: "cora-secret" };

async function uids(url: string): Promise<unknown[]> {
  const client = new Client({ url: String(url) });
  try {
    await client.bind(wiki.dn, wiki.password);
    const { searchEntries } = await client.search("dc=example,dc=com", { filter: "(uid=*)", attributes: ["uid"] });
    return searchEntries.map(({ uid }) => uid);
  } finally {
    await client.unbind();
  }
}

test("serve loads the seed into an empty store once, says ready with its addresses, and stops cleanly", async () => {
  const folder = await installation("seed: seed.ldif\n");
  await write(folder, "config/seed.ldif", units + person("ann", "userPassword: clear"));
  const first = new Server(folder);
  const ready = await first.line("ready");
  expect(ready.listen).toEqual([expect.stringMatching(/^ldap:\/\/127\.0\.0\.1:\d+$/)]);
  expect(await first.line("loaded the seed into the empty store")).toMatchObject({ entries: 4 });
  expect(await uids(String(ready.listen))).toEqual(["ann"]);
  first.child.kill("SIGTERM");
  expect(await first.ended).toMatchObject({ code: 0, stderr: "" });

  await write(folder, "config/seed.ldif", units + person("bob"));
  const second = new Server(folder);
  expect(await uids(await second.url())).toEqual(["ann"]);
  second.child.kill("SIGINT");
  expect(await second.ended).toMatchObject({ code: 0, stderr: "" });
  expect(second.lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(["stopping", "stopped"]));
});

test("a directory that was emptied stays empty: the seed does not come back", async () => {
  const folder = await installation("seed: seed.ldif\n");
  await write(folder, "config/seed.ldif", units);
  const yaml = await read(folder, "config/applications.yaml");
  await write(folder, "config/applications.yaml", yaml.replace("read-write", "admin"));
  const first = new Server(folder);
  const client = new Client({ url: await first.url() });
  await client.bind(wiki.dn, wiki.password);
  for (const dn of ["ou=people,dc=example,dc=com", "ou=groups,dc=example,dc=com", "dc=example,dc=com"])
    await client.del(dn);
  await client.unbind();
  first.child.kill("SIGTERM");
  await first.ended;
  const second = new Server(folder);
  await second.line("ready");
  second.child.kill("SIGTERM");
  await second.ended;
  expect(second.lines.map(({ msg }) => msg)).not.toContain("loaded the seed into the empty store");
});

test("a seed with errors is not loaded, and the server does not start", async () => {
  const folder = await installation("seed: seed.ldif\n");
  await write(folder, "config/seed.ldif", units + person("ann", "foo: bar"));
  const { code, stderr } = await new Server(folder).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /seed\.ldif:18: "foo" is not an attribute[^\n]*\nthe seed \S+ has 1 error: nothing was loaded\n$/,
  );
  expect((await gatehouse(["verify"], { folder })).stdout).toBe("0 entries, no faults\n");
});

test("an address that is in use is one sentence", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const folder = await installation();
  const text = await read(folder, "config/server.yaml");
  await write(folder, "config/server.yaml", text.replace(":0]", `:${port}]`));
  const server = new Server(folder);
  const { code, stderr } = await server.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^gatehouse: .*${port}.*in use.*\n$`));
  expect(server.lines).toEqual([]);
});

test("SIGHUP takes in applications.yaml, and keeps the old one where the new one is wrong", async () => {
  const folder = await installation();
  await write(folder, "in.ldif", units + person("ann"));
  await gatehouse(["import", "in.ldif"], { folder });
  const server = new Server(folder);
  const url = await server.url();
  const applications = await read(folder, "config/applications.yaml");
  await write(folder, "config/applications.yaml", applications.replace("access: read-write", "access: all"));
  server.child.kill("SIGHUP");
  expect(await server.line("the configuration is wrong")).toMatchObject({
    problem: expect.stringContaining("applications.yaml:6:13"),
  });
  expect(await uids(url)).toEqual(["ann"]);
  await write(folder, "config/applications.yaml", applications.replace("name: wiki", "name: other"));
  server.child.kill("SIGHUP");
  await server.line("the configuration is read anew");
  await expect(uids(url)).rejects.toMatchObject({ code: 49 });
});

test("SIGHUP says which keys of server.yaml take a restart", async () => {
  const folder = await installation();
  const server = new Server(folder);
  await server.url();
  const text = await read(folder, "config/server.yaml");
  await write(folder, "config/server.yaml", `${text.replace(":0]", ":3999]")}limits: { pageSize: 500 }\n`);
  server.child.kill("SIGHUP");
  const line = await server.line("changed in server.yaml, takes a restart: listen, limits.pageSize");
  expect(line.keys).toEqual(["listen", "limits.pageSize"]);
});

test("a store where no folder can be made is one sentence", async () => {
  const folder = await installation();
  const text = await read(folder, "config/server.yaml");
  await write(folder, "config/server.yaml", text.replace("path: data", "path: /proc/gatehouse"));
  const { code, stderr } = await new Server(folder).ended;
  expect([code, stderr]).toEqual([1, "gatehouse: /proc/gatehouse: no folder can be made there\n"]);
});

test("the shipped sample prints a search that works when it is pasted", async () => {
  const folder = await temporaryFolder();
  await cp(join(import.meta.dirname, "../../config"), join(folder, "config"), { recursive: true, dereference: true });
  const text = await read(folder, "config/server.yaml");
  await write(folder, "config/server.yaml", text.replace(/ldap:\/\/127.*/, "ldap://127.0.0.1:0"));
  const server = new Server(folder);
  const url = String(await server.url());
  const line = await printed(server);
  const [, printedUrl, dn, password] = /^ldapsearch -x -H (\S+) -D (\S+) -w (\S+) /.exec(line) ?? [];
  expect(printedUrl).toBe(url);
  const client = new Client({ url });
  await client.bind(dn!, password!);
  await client.unbind();
  server.child.kill("SIGTERM");
  expect(await server.ended).toMatchObject({ code: 0 });
});

test("with another password the line asks for it, and without the sample there is none", async () => {
  const folder = await installation();
  await gatehouse(["app", "add", "console", "--address", "127.0.0.1"], { folder });
  const server = new Server(folder);
  expect(await printed(server)).toMatch(/ -D cn=console,ou=applications,dc=example,dc=com -W /);
});

async function printed({ child }: Server): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    child.stderr!.on("data", (piece) => {
      text += piece;
      if (text.includes("\n")) resolve(text);
    });
  });
}

test("a server whose terminal is closed stops, and leaves a store without faults", async () => {
  const folder = await installation("seed: people.ldif\n");
  await write(folder, "config/people.ldif", units + person("ann"));
  // script gives it a terminal of its own, which goes away with script.
  const child = spawn("script", ["-qfec", `${process.execPath} ${main} serve`, "/dev/null"], { cwd: folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (piece) => {
    said += piece;
  });
  await expect.poll(() => said, { timeout: 20_000 }).toContain('"msg":"ready"');
  child.kill("SIGKILL");
  await expect
    .poll(async () => (await gatehouse(["verify"], { folder })).code, { timeout: 20_000, interval: 500 })
    .toBe(0);
});
