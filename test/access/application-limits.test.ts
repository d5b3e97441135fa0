// `limits` of an application: each holds beside the server's limit of that name, and the narrower wins.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testCertificates } from "../support/certificates.js";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { type ServerSetting, type StartedServer, startedServer } from "../support/server.js";
import { type ApplicationOf, applicationsYaml } from "./applications.js";

type Applications = Readonly<Record<string, ApplicationOf>>;

const limited = (limits: string): ApplicationOf => ({ more: [`limits: ${limits}`] });

function started(applications: Applications, setting: ServerSetting = {}): Promise<StartedServer> {
  return startedServer({ ...setting, applications: applicationsYaml(applications) });
}

async function reloaded(server: StartedServer, applications: Applications): Promise<void> {
  await writeFile(join(server.folder, "applications.yaml"), applicationsYaml(applications));
  expect(await server.running.reload()).toEqual([]);
}

const lastAudit = ({ log }: StartedServer) => log.filter(({ audit }) => audit).at(-1)!.audit!;
const busy = { code: 51, message: "the application has as many connections open as it may have; try again later" };
const wiki = applicationDn("wiki");
const people = { base: `ou=people,${suffix}`, filter: "(uid=*)", attributes: ["uid"] };

describe("connections", () => {
  test("a bind beyond is refused with busy before its password is looked at, and there is room again when one leaves", async () => {
    const server = await started({ wiki: limited("{ connections: 2 }"), other: {} });
    const [first] = [await Conversation.as("wiki", server), await Conversation.as("wiki", server)];
    const third = await Conversation.with(server);
    expect(await third.bind(wiki, "wiki-secret")).toMatchObject(busy);
    expect(lastAudit(server)).toMatchObject({
      outcome: "busy",
      application: "wiki",
      subject: "anonymous",
      rule: "limits.connections: no more than 2",
    });
    expect(await third.bind(wiki, "wrong")).toMatchObject(busy);
    expect(await third.whoAmI()).toBe("");
    expect(await third.bind(applicationDn("other"), "other-secret")).toMatchObject({ code: 0 });
    first!.raw.socket.destroy();
    await expect.poll(async () => (await third.bind(wiki, "wiki-secret")).code).toBe(0);
    expect(await third.whoAmI()).toBe(`dn:${wiki}`);
  });

  test("from an address of nobody's the words are those for a wrong password, also where there is no room", async () => {
    const server = await started({ wiki: limited("{ connections: 1 }") });
    await Conversation.as("wiki", server);
    const stranger = await Conversation.with(server, "127.0.0.2");
    expect(await stranger.bind(wiki, "wiki-secret")).toMatchObject({ code: 49 });
  });

  test("who binds again on its connection takes no second place and is not refused for want of one", async () => {
    const server = await started({ wiki: limited("{ connections: 1 }") });
    const client = await Conversation.as("wiki", server);
    for (let n = 0; n < 3; n++) expect(await client.bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    expect(await client.bindUser("ann")).toMatchObject({ code: 0 });
    expect(await client.bindUser("ben")).toMatchObject({ code: 0 });
    expect(await client.bind(wiki, "wrong")).toMatchObject({ code: 49 });
    expect(await client.bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    const other = await Conversation.with(server);
    expect(await other.bind(wiki, "wiki-secret")).toMatchObject(busy);
    client.raw.send(send.unbind(1));
    await client.raw.closed;
    await expect.poll(async () => (await other.bind(wiki, "wiki-secret")).code).toBe(0);
    expect(await (await Conversation.with(server)).bind(wiki, "wiki-secret")).toMatchObject(busy);
  });

  test("of many that bind at once exactly so many get in", async () => {
    // With bcrypt, so that all are under way before the first is in.
    const text = applicationsYaml({ wiki: limited("{ connections: 3 }") });
    const hash = "{BCRYPT}$2b$10$sxH5DLOHkvXMbZkhul.oUOqadoRtVdn/w1s9nAWkMrLX9AOb85VzW";
    const applications = text.replace(/"\{SSHA\}[^"]+"/, () => JSON.stringify(hash));
    const server = await startedServer({ applications });
    const clients = await Promise.all(Array.from({ length: 12 }, () => Conversation.with(server)));
    const codes = (await Promise.all(clients.map((client) => client.bind(wiki, "wiki-secret")))).map(
      ({ code }) => code,
    );
    expect(codes.sort((a, b) => a - b)).toEqual([0, 0, 0, ...Array(9).fill(51)]);
  });

  test("users through it count, and where there is no room the answer is the same for every name and password", async () => {
    const server = await started({ wiki: limited("{ connections: 1 }") });
    const ann = await Conversation.with(server);
    expect(await ann.bindUser("ann")).toMatchObject({ code: 0 });
    expect(await ann.bindUser("ann")).toMatchObject({ code: 0 });
    const other = await Conversation.with(server);
    expect(await other.bindUser("ben")).toMatchObject(busy);
    expect(await other.bind(userDn("ben"), "wrong")).toMatchObject(busy);
    expect(await other.bind(userDn("no-such"), "wrong")).toMatchObject(busy);
    expect(await other.bind(`uid=ben,ou=people,${wiki}`, "ben-secret")).toMatchObject(busy);
    // A bind that fails ends who ann was, and gives her place to others.
    expect(await ann.bindUser("no-such")).toMatchObject({ code: 49 });
    expect(await other.bindUser("ben")).toMatchObject({ code: 0 });
  });

  test("a user who binds again keeps the place meanwhile, though others are looked at faster", async () => {
    const server = await started(
      { wiki: limited("{ connections: 1 }"), console: { access: "admin", addresses: "[127.0.0.2]" } },
      { cost: 10 },
    );
    const administrator = await Conversation.as("console", server, "127.0.0.2");
    // New passwords are hashed with bcrypt, which takes its time; ben's is not.
    expect(await administrator.modify(userDn("ann"), ["replace", "userPassword", "new"])).toMatchObject({ code: 0 });
    const [ann, ben] = [await Conversation.with(server), await Conversation.with(server)];
    expect(await ann.bind(userDn("ann"), "new")).toMatchObject({ code: 0 });
    await administrator.modify(userDn("ann"), ["replace", "userPassword", "newer"]);
    const again = ann.bind(userDn("ann"), "newer");
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await ben.bindUser("ben")).toMatchObject(busy);
    expect(await again).toMatchObject({ code: 0 });
  });

  test("of several applications behind one address a user takes a place in each, and none is told apart without the password", async () => {
    const tight = limited("{ connections: 1 }");
    const server = await started({ wiki: tight, open: { more: [`login: ["${groupDn("design")}"]`] } });
    await Conversation.as("wiki", server);
    const client = await Conversation.with(server);
    expect(await client.bindUser("ann")).toMatchObject(busy);
    expect(lastAudit(server)).toMatchObject({ application: "wiki", rule: "limits.connections: no more than 1" });
    expect(await client.bind(userDn("ann"), "wrong")).toMatchObject({ code: 49 });
    expect(await client.bind(userDn("no-such"), "wrong")).toMatchObject({ code: 49 });
  });

  test("a reload widens the limit, narrows it for those to come, and takes the place of who may not be here any more", async () => {
    const server = await started({ wiki: limited("{ connections: 1 }") });
    const first = await Conversation.as("wiki", server);
    const second = await Conversation.with(server);
    expect(await second.bind(wiki, "wiki-secret")).toMatchObject(busy);
    await reloaded(server, { wiki: limited("{ connections: 2 }") });
    expect(await second.bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    await reloaded(server, { wiki: limited("{ connections: 1 }") });
    for (const client of [first, second]) expect(await client.whoAmI()).toBe(`dn:${wiki}`);
    expect(await second.bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    const third = await Conversation.with(server);
    expect(await third.bind(wiki, "wiki-secret")).toMatchObject(busy);
    await reloaded(server, { other: {} });
    for (const client of [first, second]) expect(await client.whoAmI()).toBe("");
    await reloaded(server, { wiki: limited("{ connections: 1 }") });
    expect(await third.bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    expect(await first.bind(wiki, "wiki-secret")).toMatchObject(busy);
  });

  test("StartTLS gives the place up", async () => {
    const { server: pair, ca } = await testCertificates();
    const server = await started({ wiki: limited("{ connections: 1 }") }, { server: `tls: ${JSON.stringify(pair)}` });
    const client = await Conversation.as("wiki", server);
    await client.raw.startTls({ ca: await readFile(ca) }, 1);
    expect(await (await Conversation.with(server)).bind(wiki, "wiki-secret")).toMatchObject({ code: 0 });
    expect(await client.bind(wiki, "wiki-secret")).toMatchObject(busy);
  });

  test("a client certificate is no way around", async () => {
    const { server: pair, ca, wiki: own } = await testCertificates();
    const applications = { wiki: limited("{ connections: 1 }") };
    const server = await started(applications, { server: `tls: ${JSON.stringify({ ...pair, clientCA: ca })}` });
    const bound = await Conversation.as("wiki", server);
    const client = await Conversation.with(server);
    const [authority, cert, key] = await Promise.all([ca, own.certificate, own.key].map((file) => readFile(file)));
    await client.raw.startTls({ ca: authority, cert, key }, 1);
    client.raw.send(send.saslBind(2, "EXTERNAL", ""));
    expect(await client.raw.result(2)).toMatchObject(busy);
    bound.raw.socket.destroy();
    const bind = (id: number) => {
      client.raw.send(send.saslBind(id, "EXTERNAL", ""));
      return client.raw.result(id);
    };
    let id = 3;
    await expect.poll(async () => (await bind(id++)).code).toBe(0);
    expect(await bind(id++)).toMatchObject({ code: 0 });
  });
});

describe("sizeLimit, timeLimit, pageSize", () => {
  test.each([
    { own: 3, ofServer: 0, most: 3 },
    { own: 3, ofServer: 5, most: 3 },
    { own: 5, ofServer: 3, most: 3 },
    { own: 12, ofServer: 0, most: 12 },
  ])("sizeLimit $own beside the server's $ofServer gives $most entries", async ({ own, ofServer, most }) => {
    const wiki = limited(`{ sizeLimit: ${own} }`);
    const server = await started({ wiki, other: {} }, { limits: { sizeLimit: ofServer } });
    const found = await (await Conversation.as("wiki", server)).search(people);
    expect(found).toMatchObject(most === 12 ? { code: 0 } : { code: 4, message: "there are more than 3 entries" });
    expect(found.entries).toHaveLength(most);
    const asked = await (await Conversation.as("wiki", server)).search({ ...people, sizeLimit: 2 });
    expect(asked).toMatchObject({ code: 4, entries: { length: 2 } });
    const others = await (await Conversation.as("other", server)).search(people);
    expect(others.entries).toHaveLength(ofServer || 12);
  });

  test("a page holds at most so many entries, and a walk over pages at most sizeLimit in all", async () => {
    const server = await started({ wiki: limited("{ pageSize: 5 }"), tight: limited("{ pageSize: 5, sizeLimit: 7 }") });
    const client = await Conversation.as("wiki", server);
    const first = await client.page(people, 100);
    const second = await client.page(people, 100, first.cookie);
    const third = await client.page(people, 100, second.cookie);
    expect([first, second, third].map(({ entries }) => entries.length)).toEqual([5, 5, 2]);
    expect(third.cookie).toHaveLength(0);
    const tight = await Conversation.as("tight", server);
    const last = await tight.page(people, 100, (await tight.page(people, 100)).cookie);
    expect(last).toMatchObject({ code: 4, entries: { length: 2 } });
  });

  test("a search of the one takes longer than it may, of the other not", async () => {
    // With every look at the clock it is a second later.
    let now = Date.now();
    const clock = () => {
      now += 1000;
      return now;
    };
    const server = await started({ wiki: limited("{ timeLimit: 1s }"), other: {} }, { clock });
    const slow = { filter: "(description=*)" };
    expect(await (await Conversation.as("wiki", server)).search(slow)).toMatchObject({ code: 3 });
    expect(await (await Conversation.as("other", server)).search(slow)).toMatchObject({ code: 0 });
  });

  test("a user whom several applications let in has the narrowest of each", async () => {
    const server = await started({
      wiki: limited("{ sizeLimit: 1, pageSize: 9 }"),
      other: limited("{ sizeLimit: 2 }"),
    });
    const client = await Conversation.with(server);
    expect(await client.bindUser("ann")).toMatchObject({ code: 0 });
    const own = await client.search({ filter: "(objectClass=*)" });
    expect(own).toMatchObject({ code: 4, entries: { length: 1 } });
  });

  test("a reload changes them for a session that is open, from its next search on", async () => {
    const server = await started({ wiki: {} });
    const client = await Conversation.as("wiki", server);
    expect((await client.search(people)).entries).toHaveLength(12);
    await reloaded(server, { wiki: limited("{ sizeLimit: 4 }") });
    expect((await client.search(people)).entries).toHaveLength(4);
    await reloaded(server, { wiki: limited("{ sizeLimit: 6 }") });
    expect((await client.search(people)).entries).toHaveLength(6);
    await reloaded(server, { wiki: {} });
    expect((await client.search(people)).entries).toHaveLength(12);
  });
});

describe("operationsPerSecond", () => {
  /** How long so many operations take, sent at once on one connection, in milliseconds. */
  async function timeOf(count: number, { raw }: Conversation): Promise<number> {
    const began = performance.now();
    raw.send(...Array.from({ length: count }, (_, n) => send.whoAmI(1000 + n)));
    await raw.until(1000 + count - 1);
    return performance.now() - began;
  }

  test("holds its application on all its connections together, and users through it, and nobody else", async () => {
    const server = await started({
      wiki: limited("{ operationsPerSecond: 20 }"),
      other: { addresses: "[127.0.0.2]" },
    });
    const [one, two] = [await Conversation.as("wiki", server), await Conversation.with(server)];
    expect(await two.bindUser("ann")).toMatchObject({ code: 0 });
    const times = await Promise.all([timeOf(20, one), timeOf(20, two)]);
    // 20 may come at once, and the other 20 take a second.
    expect(Math.max(...times)).toBeGreaterThan(850);
    expect(Math.max(...times)).toBeLessThan(3000);
    expect(await timeOf(200, await Conversation.as("other", server, "127.0.0.2"))).toBeLessThan(800);
  });

  test("where the server's is narrower that holds", async () => {
    const server = await started(
      { wiki: limited("{ operationsPerSecond: 1000000 }") },
      { limits: { operationsPerSecond: 20 } },
    );
    expect(await timeOf(40, await Conversation.as("wiki", server))).toBeGreaterThan(850);
  });

  test("a reload brings and lifts it for a session that is open", async () => {
    const server = await started({ wiki: {} });
    const client = await Conversation.as("wiki", server);
    expect(await timeOf(100, client)).toBeLessThan(800);
    await reloaded(server, { wiki: limited("{ operationsPerSecond: 20 }") });
    expect(await timeOf(41, client)).toBeGreaterThan(850);
    await reloaded(server, { wiki: {} });
    expect(await timeOf(100, client)).toBeLessThan(800);
  });
});

test("a connection that goes while its bind is under way holds no place", async () => {
  const server = await started({ wiki: limited("{ connections: 1 }") });
  for (let n = 0; n < 5; n++) {
    const gone = await RawClient.connect(server.port);
    gone.send(send.bind(1, wiki, "wiki-secret"));
    await new Promise((resolve) => setTimeout(resolve, n));
    gone.socket.destroy();
  }
  const client = await Conversation.with(server);
  await expect.poll(async () => (await client.bind(wiki, "wiki-secret")).code).toBe(0);
});
