import { describe, expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, RawClient } from "../support/raw-client.js";
import { startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";

describe("time", () => {
  test("a message that is begun and not finished ends the connection", async () => {
    const { port } = await startedServer({ limits: { messageTime: 100 } });
    const [silent, slow] = [await RawClient.connect(port), await RawClient.connect(port)];
    silent.send(send.whoAmI(1).subarray(0, 5));
    // One byte now and then is not enough: the time is that of the whole message.
    const bytes = send.search(1, { attributes: Array.from({ length: 500 }, () => "cn") });
    let at = 0;
    const drip = setInterval(() => slow.send(bytes.subarray(at, ++at)), 20);
    const [one, two] = await Promise.all([silent.rest(), slow.rest()]);
    clearInterval(drip);
    for (const answers of [one, two]) {
      expect(answers).toMatchObject([{ id: 0, code: 2, responseName: noticeOfDisconnection }]);
      expect(answers[0]?.message).toContain("in time");
    }
  });

  test("a connection on which nothing happens is closed, one on which something happens is not", async () => {
    const { port } = await startedServer({ limits: { idleTime: 1000 } });
    const [idle, busy] = [await RawClient.connect(port), await RawClient.connect(port)];
    let id = 0;
    const ask = async () => {
      while (!idle.isClosed) await busy.whoAmI((id++ % 1000) + 1);
    };
    const [answers] = await Promise.all([idle.rest(), ask()]);
    expect(answers).toMatchObject([{ id: 0, code: 52, responseName: noticeOfDisconnection }]);
    expect(await busy.whoAmI(2000)).toBe("");
  });
});

test("a connection that nobody has bound is closed sooner than one that somebody has", async () => {
  const { port } = await startedServer({ limits: { idleTimeBeforeBind: 1000, idleTime: 60_000 } });
  const [unbound, bound, failed] = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
  await bound!.bind(wiki, "wiki-secret");
  await failed!.bind(wiki, "wiki-secret");
  await failed!.bind(wiki, "wrong");
  for (const answers of await Promise.all([unbound!.rest(), failed!.rest()])) {
    expect(answers).toMatchObject([{ id: 0, code: 52, responseName: noticeOfDisconnection }]);
  }
  expect(await bound!.whoAmI(2)).toBe(`dn:${wiki}`);
});

test("an application that connects anew for each question is held to its rate, and starves no connection that stays", async () => {
  const perSecond = 20;
  const { port } = await startedServer({ limits: { operationsPerSecond: perSecond } });
  const staying = await RawClient.connect(port);
  await staying.bind(wiki, "wiki-secret");
  const began = performance.now();
  let answered = 0;
  const comeAndGo = async () => {
    while (performance.now() - began < 3000) {
      const client = await RawClient.connect(port);
      await client.bind(wiki, "wiki-secret");
      await client.whoAmI(2);
      answered++;
      client.socket.destroy();
    }
  };
  let longest = 0;
  const stay = async () => {
    for (let id = 2; performance.now() - began < 3000; id++) {
      const asked = performance.now();
      await staying.whoAmI(id);
      longest = Math.max(longest, performance.now() - asked);
    }
  };
  await Promise.all([comeAndGo(), comeAndGo(), comeAndGo(), comeAndGo(), stay()]);
  // What one second allows may come at once, and each of the five may be one ahead.
  const seconds = (performance.now() - began) / 1000;
  expect(answered).toBeLessThan(perSecond * (seconds + 1) + 5);
  expect(answered).toBeGreaterThan(perSecond);
  expect(longest).toBeLessThan(1500);
});

describe("a client that has said all and closed its half of the connection", () => {
  test("gets its answers, and then the connection is closed", async () => {
    const { port, running } = await startedServer();
    const client = await RawClient.connect(port);
    const change = { modification: 2, type: "description", values: ["x"] };
    client.send(
      send.bind(1, wiki, "wiki-secret"),
      ...Array.from({ length: 100 }, (_, n) =>
        send.modify(n + 2, "uid=ann,ou=people,dc=example,dc=com", [{ ...change, values: [`${n}`] }]),
      ),
      send.search(200, { base: "dc=example,dc=com" }),
    );
    client.socket.end();
    const results = (await client.rest()).filter(({ tag }) => tag !== 0x64);
    expect(results.map(({ id }) => id).sort((a, b) => a - b)).toEqual([
      1,
      ...Array.from({ length: 100 }, (_, n) => n + 2),
      200,
    ]);
    expect(results.every(({ code }) => code === 0)).toBe(true);
    await expect.poll(() => running.metrics.snapshot().connections.open).toBe(0);
  });

  test("in the middle of a message gets nothing more", async () => {
    const { port, running } = await startedServer();
    const client = await RawClient.connect(port);
    client.send(send.whoAmI(1), send.whoAmI(2).subarray(0, 4));
    client.socket.end();
    expect((await client.rest()).map(({ id }) => id)).toEqual([1]);
    await expect.poll(() => running.metrics.snapshot().connections.open).toBe(0);
  });

  test("without a word is let go", async () => {
    const { port, running } = await startedServer();
    const client = await RawClient.connect(port);
    client.socket.end();
    expect(await client.rest()).toEqual([]);
    await expect.poll(() => running.metrics.snapshot().connections.open).toBe(0);
  });
});

test("connections beyond the limit are closed on arrival, and there is room again when one leaves", async () => {
  const { port, running } = await startedServer({ limits: { connections: 5 } });
  const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(port)));
  for (const client of clients) expect(await client.whoAmI()).toBe("");
  const sixth = await RawClient.connect(port);
  expect(await sixth.rest()).toEqual([]);
  expect(await clients[0]!.whoAmI()).toBe("");
  clients[0]!.send(send.unbind(9));
  await clients[0]!.closed;
  await expect.poll(() => running.metrics.snapshot().connections.open).toBe(4);
  expect(await (await RawClient.connect(port)).whoAmI()).toBe("");
});

test("one question after the other is answered without waiting for the network", async () => {
  const { port } = await startedServer();
  const client = await RawClient.connect(port);
  await client.bind(wiki, "wiki-secret");
  const began = performance.now();
  for (let id = 2; id < 202; id++) await client.whoAmI(id);
  for (let id = 202; id < 402; id++) {
    client.send(send.search(id, { base: "dc=example,dc=com", scope: 0 }));
    await client.result(id);
  }
  // 40 ms each where Nagle's algorithm waits for a delayed acknowledgement.
  expect(performance.now() - began).toBeLessThan(4000);
});

test("a client with much to ask does not keep others waiting", async () => {
  const { port } = await startedServer();
  const [greedy, modest] = [await RawClient.connect(port), await RawClient.connect(port)];
  await greedy.bind(wiki, "wiki-secret");
  const filter = send.or(...Array.from({ length: 200 }, (_, n) => send.substrings("cn", { any: `${n}` })));
  const questions = 200;
  greedy.send(...Array.from({ length: questions }, (_, n) => send.search(n + 2, { filter })));
  let isDone = false;
  const greedyDone = greedy.result(questions + 1).then(() => {
    isDone = true;
  });
  let worst = 0;
  for (let id = 1; !isDone; id = (id % 1000) + 1) {
    const began = performance.now();
    await modest.whoAmI(id);
    worst = Math.max(worst, performance.now() - began);
  }
  await greedyDone;
  expect(worst).toBeLessThan(500);
});

describe("a server that stops", () => {
  test("says goodbye to everybody", async () => {
    const server = await startedServer();
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(server.port)));
    for (const client of clients) await client.whoAmI();
    clients[0]!.send(send.whoAmI(1).subarray(0, 3)); // also who is in the middle of a message
    const [answers] = await Promise.all([Promise.all(clients.map((client) => client.rest())), server.stop()]);
    for (const all of answers) {
      expect(all).toMatchObject([{ id: 0, code: 52, responseName: noticeOfDisconnection }]);
    }
    await expect(RawClient.connect(server.port)).rejects.toThrow("ECONNREFUSED");
  });

  test("finishes what is under way, writes and binds alike, before it does", async () => {
    const server = await startedServer();
    const client = await RawClient.connect(server.port);
    const login = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    const change = { modification: 2, type: "description", values: ["changed"] };
    client.send(...[2, 3, 4].map((id) => send.modify(id, "uid=ann,ou=people,dc=example,dc=com", [change])));
    login.send(send.bind(1, wiki, "wiki-secret"));
    await client.next();
    const [ofClient, ofLogin] = await Promise.all([client.rest(), login.rest(), server.stop()]);
    expect(ofClient.map(({ id, code }) => [id, code])).toEqual([
      [3, 0],
      [4, 0],
      [0, 52],
    ]);
    expect(ofLogin.map(({ id, code }) => [id, code])).toEqual([
      [1, 0],
      [0, 52],
    ]);
  });

  test("does not wait for all passwords that wait to be looked at", async () => {
    // Each takes about a second; they would be a minute together.
    const server = await startedServer({ cost: 13 });
    const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(server.port)));
    for (const client of clients) client.send(send.bind(1, "uid=nobody,dc=example,dc=com", "x"));
    await clients[0]!.whoAmI(2).catch(() => {});
    const began = performance.now();
    const [answers] = await Promise.all([Promise.all(clients.map((client) => client.rest())), server.stop()]);
    expect(performance.now() - began).toBeLessThan(15_000);
    // Whose turn did not come is told so, and in no other words than these.
    const results = answers.flatMap((all) => all.filter(({ id }) => id === 1));
    expect(results.every(({ code }) => code === 49 || code === 52)).toBe(true);
  });

  test("can be told to stop while clients come and go", async () => {
    const server = await startedServer();
    let isStopped = false;
    const comeAndGo = async () => {
      while (!isStopped) {
        const client = await RawClient.connect(server.port).catch(() => undefined);
        if (!client) return;
        client.send(send.whoAmI(1), send.search(2), send.unbind(3));
        await client.rest();
      }
    };
    const visitors = Promise.all(Array.from({ length: 10 }, comeAndGo));
    const one = await RawClient.connect(server.port);
    for (let id = 1; id < 50; id++) await one.whoAmI(id);
    await server.stop();
    isStopped = true;
    await visitors;
  });
});
