// gatehouse status: what the server counts for each application, and how the command shows it.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { statusOf } from "../../src/cli/running-server.js";
import { tableLines } from "../../src/cli/table.js";
import type { ApplicationStatus, ServerStatus } from "../../src/operations/context.js";
import { LocalClient } from "../../src/wire/local-client.js";
import { type ApplicationOf, applicationsYaml } from "../access/applications.js";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { RawClient } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { ending, gatehouse, installation, read, start, write } from "./gatehouse.js";

const wiki = applicationDn("wiki");

function started(applications: Readonly<Record<string, ApplicationOf>>): Promise<StartedServer> {
  return startedServer({
    listen: ["ldap://127.0.0.1:0", "ldapi://gatehouse.sock"],
    applications: applicationsYaml(applications),
  });
}

async function statusFrom({ folder }: StartedServer): Promise<ServerStatus> {
  const client = await LocalClient.connect(join(folder, "gatehouse.sock"));
  try {
    return await statusOf(client!);
  } finally {
    client!.close();
  }
}

async function applicationIn(server: StartedServer, name = "wiki"): Promise<ApplicationStatus> {
  const { applications } = await statusFrom(server);
  return applications.find((one) => one.name === name)!;
}

const untouched = { connections: 0, binds: 0, userLogins: 0, refusals: 0, operations: 0 };

describe("an application", () => {
  test("of which nothing came has no contact and no numbers", async () => {
    const server = await started({ wiki: {}, off: { more: ["enabled: false"] } });
    expect((await statusFrom(server)).applications).toEqual([
      { name: "wiki", enabled: true, ...untouched },
      { name: "off", enabled: false, ...untouched },
    ]);
  });

  test("has its binds, its operations, who is connected, and when and from where it last came", async () => {
    const server = await started({ wiki: { addresses: "[127.0.0.0/8]", more: ["limits: { connections: 9 }"] } });
    const before = Date.now();
    const client = await Conversation.as("wiki", server);
    await client.search();
    await client.whoAmI();
    const found = await applicationIn(server);
    expect(found).toMatchObject({ ...untouched, connections: 1, connectionsAllowed: 9, binds: 1, operations: 2 });
    expect(found.lastContact!.address).toBe("127.0.0.1");
    const time = Date.parse(found.lastContact!.time);
    expect(time).toBeGreaterThanOrEqual(before - 5);
    expect(time).toBeLessThanOrEqual(Date.now() + 5);
    const other = await Conversation.as("wiki", server, "127.0.0.2");
    expect(await applicationIn(server)).toMatchObject({
      connections: 2,
      binds: 2,
      lastContact: { address: "127.0.0.2" },
    });
    for (const one of [client, other]) one.raw.socket.destroy();
    await expect.poll(() => applicationIn(server)).toMatchObject({ connections: 0, binds: 2, operations: 2 });
  });

  test("has the logins of users through it, on connections of its own and on others", async () => {
    const server = await started({ wiki: {} });
    const own = await Conversation.as("wiki", server);
    await own.bindUser("ann");
    await own.whoAmI();
    const fresh = await Conversation.with(server);
    await fresh.bindUser("ben");
    expect(await applicationIn(server)).toMatchObject({
      ...untouched,
      connections: 2,
      binds: 1,
      userLogins: 2,
      operations: 1,
    });
  });

  test("has the refusals of its binds, of logins through it, and of what it may not do, and none of these is a contact", async () => {
    const server = await started({ wiki: { more: [`login: ["${groupDn("design")}"]`] } });
    const client = await Conversation.with(server);
    await client.bind(wiki, "wrong");
    await client.bindUser("ann");
    await client.bind(userDn("no-such"), "wrong");
    await (await Conversation.with(server, "127.0.0.2")).bind(wiki, "wiki-secret");
    const refused = await applicationIn(server);
    expect(refused).toMatchObject({ ...untouched, refusals: 4 });
    expect(refused.lastContact).toBeUndefined();
    await client.mustBind(wiki, "wiki-secret");
    expect(await client.remove(userDn("ann"))).toMatchObject({ code: 50 });
    expect(await client.remove(`uid=no-such,${suffix}`)).toMatchObject({ code: 50 });
    expect(await client.search({ base: `uid=no-such,${suffix}` })).toMatchObject({ code: 32 });
    expect(await applicationIn(server)).toMatchObject({ binds: 1, refusals: 6, operations: 3 });
  });

  test("that is full has those whom it turned away", async () => {
    const server = await started({ wiki: { more: ["limits: { connections: 1 }"] } });
    await Conversation.as("wiki", server);
    const client = await Conversation.with(server);
    expect(await client.bind(wiki, "wiki-secret")).toMatchObject({ code: 51 });
    expect(await client.bindUser("ann")).toMatchObject({ code: 51 });
    expect(await applicationIn(server)).toMatchObject({ connections: 1, binds: 1, refusals: 2 });
  });

  test("behind one address with another shares the users that both let in", async () => {
    const server = await started({ wiki: {}, other: {}, elsewhere: { addresses: "[192.0.2.1]" } });
    const client = await Conversation.with(server);
    await client.bindUser("ann");
    await client.whoAmI();
    await client.bind(userDn("ann"), "wrong");
    const { applications } = await statusFrom(server);
    const shared = { connections: 0, userLogins: 1, operations: 1, refusals: 1 };
    expect(applications).toMatchObject([shared, shared, untouched]);
  });

  test("keeps its numbers over a reload, also where it was away or is written in another way", async () => {
    const server = await started({ wiki: {} });
    const client = await Conversation.as("wiki", server);
    await client.whoAmI();
    const put = async (applications: Readonly<Record<string, ApplicationOf>>) => {
      await writeFile(join(server.folder, "applications.yaml"), applicationsYaml(applications));
      expect(await server.running.reload()).toEqual([]);
    };
    await put({ wiki: { access: "login" }, other: {} });
    expect(await client.whoAmI()).toBe(`dn:${wiki}`);
    expect(await applicationIn(server)).toMatchObject({ connections: 1, binds: 1, operations: 2 });
    await put({ other: {} });
    expect(await client.whoAmI()).toBe("");
    expect((await statusFrom(server)).applications.map(({ name }) => name)).toEqual(["other"]);
    await put({ Wiki: {} });
    expect(await applicationIn(server, "Wiki")).toMatchObject({ connections: 0, binds: 1, operations: 2 });
  });
});

test("the server says how it is, its own connections included", async () => {
  const server = await started({ console: { access: "admin" } });
  const first = await statusFrom(server);
  expect(first).toMatchObject({ version: "0.1.0", entries: 20, connections: 1 });
  expect(first.memoryBytes).toBeGreaterThan(2 ** 20);
  expect(Date.parse(first.started)).toBeLessThanOrEqual(Date.now());
  const client = await Conversation.as("console", server);
  expect(await client.remove(userDn("leo"))).toMatchObject({ code: 0 });
  const second = await statusFrom(server);
  expect(second).toMatchObject({ entries: 19, connections: 2, revision: first.revision + 1, started: first.started });
});

test("a table has its texts begin and its numbers end under each other", () => {
  const rows = [
    ["name", "n"],
    ["a", "5"],
    ["longer", "1234"],
  ];
  expect(tableLines(rows, new Set([1]))).toEqual(["name       n", "a          5", "longer  1234"]);
  expect(tableLines([["a", ""]])).toEqual(["a"]);
});

describe("the command", () => {
  async function served(): Promise<{ folder: string; port: number; stop(): Promise<number | null> }> {
    const folder = await installation();
    const settings = await read(folder, "config/server.yaml");
    await write(folder, "config/server.yaml", settings.replace("listen: [", 'listen: ["ldapi://gatehouse.sock", '));
    await write(folder, "config/applications.yaml", applicationsYaml({ wiki: {}, off: { more: ["enabled: false"] } }));
    const server = start(["serve"], { folder });
    const ended = ending(server);
    onTestFinished(() => {
      server.kill("SIGKILL");
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.stdout!.on("data", (piece: string) => {
        if (piece.includes('"msg":"ready"')) resolve(Number(/127\.0\.0\.1:(\d+)/.exec(piece)![1]));
      });
      void ended.then(({ stderr }) => reject(new Error(stderr)));
    });
    const stop = async () => {
      server.kill("SIGTERM");
      return (await ended).code;
    };
    return { folder, port, stop };
  }

  test("shows a table, or all of it as JSON", async () => {
    const { folder, port, stop } = await served();
    const client = await RawClient.connect(port);
    expect(await client.bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    await client.whoAmI(2);
    const { code, stdout, stderr } = await gatehouse(["status"], { folder });
    expect([code, stderr]).toEqual([0, ""]);
    const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ";
    const [facts, more, empty, head, ...rows] = stdout.trimEnd().split("\n");
    expect(facts).toMatch(new RegExp(`^gatehouse 0\\.1\\.0, up \\d+ s, since ${time}$`));
    expect(more).toMatch(/^0 entries at revision 0, 2 connections open, \d+ MiB of memory$/);
    expect([empty, rows.length]).toEqual(["", 2]);
    expect(head).toMatch(/^application +last contact +from +open +binds +logins +refusals +operations$/);
    expect(rows[0]).toMatch(new RegExp(`^wiki +${time} +127\\.0\\.0\\.1 +1 +1 +0 +0 +1$`));
    expect(rows[1]).toMatch(/^off \(disabled\) +never +0 +0 +0 +0 +0$/);
    expect(new Set([head!.length, ...rows.map((row) => row.length)]).size).toBe(1);
    const json: ServerStatus = JSON.parse((await gatehouse(["status", "--json"], { folder })).stdout);
    expect(json).toMatchObject({ version: "0.1.0", connections: 2, applications: [{ name: "wiki" }, { name: "off" }] });
    client.socket.destroy();
    expect(await stop()).toBe(0);
    expect(await gatehouse(["status"], { folder })).toEqual({
      code: 1,
      stdout: "",
      stderr: "gatehouse: no server answers at ldapi://gatehouse.sock\n",
    });
  });

  test("says that no server can be reached, where there is no address to reach one by", async () => {
    const folder = await installation();
    expect(await gatehouse(["status"], { folder })).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "gatehouse: server.yaml has no ldapi:// address to reach the server by: add - ldapi://gatehouse.sock below listen and restart the server\n",
    });
  });

  test("has the version of the package", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await gatehouse(["--version"])).stdout).toBe(`${version}\n`);
  });
});
