// Clients that do not take what they asked for: what the server makes for them is bounded, and goes on when they do.
import { beforeAll, describe, expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, RawClient, responseTags } from "../support/raw-client.js";
import { type ServerSetting, type StartedServer, startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";
const people = "ou=people,dc=example,dc=com";
const count = 20_000;
/** Small enough to be answered at once, without a scan that would wait for the client. */
const large = 60 * 1024;

/** People of a kilobyte each, and one who is large. */
function* directory(count: number): Generator<string> {
  yield "dn: dc=example,dc=com\nobjectClass: top\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n";
  yield `\ndn: ${people}\nobjectClass: top\nobjectClass: organizationalUnit\nou: people\n`;
  const person = (uid: string, description: string) =>
    `\ndn: uid=${uid},${people}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\ndescription: ${description}\n`;
  const description = "x".repeat(900);
  for (let n = 0; n < count; n++) yield person(`p${n}`, description);
  yield person("large", "x".repeat(large));
}

const seed = [...directory(count)].join("");
const smallSeed = [...directory(2000)].join("");

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", seed });
});

async function bound(port = server.port): Promise<RawClient> {
  const client = await RawClient.connect(port);
  expect((await client.bind(wiki, "wiki-secret")).code).toBe(0);
  return client;
}

/** Bytes that this process holds outside of the heap: whatever waits to be sent is among them. */
const held = () => process.memoryUsage().arrayBuffers;

/**
 * Until nothing more is made for whoever does not take it: another client's questions pass the time. What is garbage is
 * collected sooner or later, and what waits to be sent stays: so the least that is held at the end is told.
 */
async function settled(port = server.port): Promise<number> {
  const other = await RawClient.connect(port);
  let least = Number.POSITIVE_INFINITY;
  const until = performance.now() + 1500;
  for (let id = 1; performance.now() < until; id = (id % 1000) + 1) {
    const began = performance.now();
    await other.whoAmI(id);
    expect(performance.now() - began).toBeLessThan(1000);
    if (until - performance.now() < 750) least = Math.min(least, held());
  }
  other.socket.destroy();
  return least;
}

describe("a client that does not read", () => {
  test("gets everything when it does, and no memory is spent on it before", async () => {
    const client = await bound();
    client.socket.pause();
    const before = held();
    const searches = Array.from({ length: 8 }, (_, n) => send.search(n + 2, { base: people, scope: 1 }));
    client.send(...searches);
    expect((await settled()) - before).toBeLessThan(48 << 20);
    client.socket.resume();
    const entries = new Map<number, number>();
    for (let results = 0; results < searches.length; ) {
      const { id, tag, code } = (await client.next())!;
      if (tag === responseTags.entry) entries.set(id, (entries.get(id) ?? 0) + 1);
      else {
        results++;
        expect(code).toBe(0);
      }
    }
    expect([...entries.values()]).toEqual(searches.map(() => count + 1));
  });

  test("is not read from either, so that small questions with large answers cost nothing", async () => {
    const client = await bound();
    client.socket.pause();
    const before = held();
    const questions = 2000;
    const one = { base: `uid=large,${people}`, scope: 0 };
    client.send(...Array.from({ length: questions }, (_, n) => send.search(n + 2, one)));
    expect((await settled()) - before).toBeLessThan(48 << 20);
    client.socket.resume();
    let entries = 0;
    for (let results = 0; results < questions; ) {
      const { tag, code, attributes } = (await client.next())!;
      if (tag === responseTags.entry) {
        entries++;
        expect(attributes.get("description")?.[0]).toHaveLength(large);
      } else {
        results++;
        expect(code).toBe(0);
      }
    }
    expect(entries).toBe(questions);
  });

  test("may leave at any time", async () => {
    for (let n = 0; n < 10; n++) {
      const client = await bound();
      client.socket.pause();
      client.send(send.search(2, { base: people, scope: 1 }), send.search(3, { base: people, scope: 1 }));
      await new Promise((resolve) => client.socket.once("readable", resolve));
      client.socket.resetAndDestroy();
    }
    await bound();
  });
});

describe("an abandoned search", () => {
  test("sends nothing more, not even a result", async () => {
    const client = await bound();
    client.send(send.search(2, { base: people, scope: 1 }));
    let entries = 0;
    while (entries < 100) {
      expect((await client.next())?.id).toBe(2);
      entries++;
    }
    client.send(send.abandon(3, 2), send.whoAmI(4));
    const more = await client.until(4);
    expect(more.every(({ id, tag }) => id === 4 || tag === responseTags.entry)).toBe(true);
    expect(entries + more.length - 1).toBeLessThan(count);
    // What comes now would be of the search.
    for (let id = 5; id < 50; id++) {
      client.send(send.whoAmI(id));
      expect(await client.until(id)).toHaveLength(1);
    }
  });
});

test("many searches given up in the middle keep nothing from being closed", async () => {
  const own = await startedServer({ seed: smallSeed });
  for (let n = 0; n < 40; n++) {
    const client = await bound(own.port);
    client.send(send.search(2, { base: people, scope: 1 }), send.search(3, { filter: send.present("uid") }));
    await client.next();
    if (n % 2 === 0) client.send(send.abandon(4, 2), send.unbind(5));
    else client.socket.resetAndDestroy();
  }
  const began = performance.now();
  await own.stop();
  expect(performance.now() - began).toBeLessThan(10_000);
});

const startedWith = (limits: ServerSetting["limits"]) =>
  startedServer({ seed: smallSeed, ...(limits ? { limits } : {}) });

test("a client that takes nothing for too long is disconnected, and its search ends", async () => {
  const own = await startedWith({ writeStall: 500 });
  const client = await bound(own.port);
  client.socket.pause();
  client.send(...[2, 3, 4, 5, 6, 7, 8, 9].map((id) => send.search(id, { base: people, scope: 1 })));
  await expect.poll(() => own.running.metrics.snapshot().connections.open, { timeout: 10_000 }).toBe(0);
  expect(own.log.some(({ msg }) => msg?.includes("takes no answers"))).toBe(true);
});

test("a server that stops waits for searches that are read, and not for ever for those that are not", async () => {
  const own = await startedWith({});
  const [reading, stalled] = [await bound(own.port), await bound(own.port)];
  stalled.socket.pause();
  // More than the kernel takes for a client that does not read.
  const ids = [2, 3, 4, 5, 6, 7, 8, 9];
  for (const client of [reading, stalled]) client.send(...ids.map((id) => send.search(id, { base: people, scope: 1 })));
  await reading.next();
  const began = performance.now();
  const stopped = own.stop();
  const answers = await reading.rest();
  const results = answers.filter(({ tag }) => tag === responseTags.searchDone);
  expect(results.map(({ id, code }) => [id, code]).sort()).toEqual(ids.map((id) => [id, 0]));
  expect(answers.filter(({ tag }) => tag === responseTags.entry)).toHaveLength(ids.length * 2001 - 1);
  expect(answers.at(-1)).toMatchObject({ id: 0, code: 52, responseName: noticeOfDisconnection });
  await stopped;
  expect(performance.now() - began).toBeLessThan(15_000);
});
