import { describe, expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, RawClient, type Response, responseTags } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";
const tracker = "cn=tracker,ou=applications,dc=example,dc=com";
const people = "ou=people,dc=example,dc=com";
const ann = `uid=ann,${people}`;

const codes = (answers: readonly Response[]) => answers.map(({ id, code }) => [id, code]);

async function connected(setting?: Parameters<typeof startedServer>[0]) {
  const server = await startedServer(setting);
  return { server, client: await RawClient.connect(server.port) };
}

/** A write: it takes until the disk has it. */
const slow = (id: number, value = "x") =>
  send.modify(id, ann, [{ modification: 2, type: "description", values: [value] }]);

const audited = ({ log }: StartedServer) => log.flatMap(({ audit }) => (audit ? [audit] : []));

describe("a bind decides who asks", () => {
  test("an application binds and is who it said", async () => {
    const { client } = await connected();
    expect(await client.whoAmI()).toBe("");
    expect((await client.bind(wiki, "wiki-secret")).code).toBe(0);
    expect(await client.whoAmI()).toBe(`dn:${wiki}`);
  });

  test("what is sent behind it in the same write is done after it, as the one who bound", async () => {
    const { client } = await connected();
    client.send(
      send.bind(1, wiki, "wiki-secret"),
      send.search(2, { base: ann, scope: 0, attributes: ["uid"] }),
      send.whoAmI(3),
      send.whoAmI(4),
    );
    const answers = await client.until(4);
    expect(codes(answers)).toEqual([
      [1, 0],
      [2, -1],
      [2, 0],
      [3, 0],
      [4, 0],
    ]);
    expect(answers.at(-1)?.responseValue?.toString()).toBe(`dn:${wiki}`);
  });

  test("two in one write: each applies to what stands behind it", async () => {
    const { client } = await connected();
    client.send(
      send.bind(1, wiki, "wiki-secret"),
      send.whoAmI(2),
      send.bind(3, tracker, "tracker-secret"),
      send.whoAmI(4),
      send.bind(5, wiki, "wrong"),
      send.whoAmI(6),
    );
    const answers = await client.until(6);
    expect(answers.map(({ id, code, responseValue }) => [id, code, responseValue?.toString()])).toEqual([
      [1, 0, undefined],
      [2, 0, `dn:${wiki}`],
      [3, 0, undefined],
      [4, 0, `dn:${tracker}`],
      [5, 49, undefined],
      [6, 0, ""],
    ]);
  });

  test("with other operations under way it waits for them, and they are done as the one who asked", async () => {
    const { client, server } = await connected();
    await client.bind(wiki, "wiki-secret");
    client.send(slow(2), slow(3, "y"), send.bind(4, tracker, "tracker-secret"), slow(5, "z"));
    expect(codes(await client.until(5))).toEqual([
      [2, 0],
      [3, 0],
      [4, 0],
      [5, 50],
    ]);
    expect(audited(server).map(({ operation, subject, outcome }) => [operation, subject, outcome])).toEqual([
      ["bind", wiki, "success"],
      ["modify", wiki, "success"],
      ["modify", wiki, "success"],
      ["bind", tracker, "success"],
      ["modify", tracker, "insufficientAccessRights"],
    ]);
  });

  test("its answer is overtaken by none of what was asked behind it", async () => {
    const { client } = await connected();
    await client.bind(wiki, "wiki-secret");
    for (let id = 10; id < 200; id += 4) {
      client.send(
        send.search(id, { base: people, scope: 1 }),
        send.bind(id + 1, "", ""),
        send.whoAmI(id + 2),
        send.bind(id + 3, wiki, "wiki-secret"),
      );
      const results = (await client.until(id + 3)).filter(({ tag }) => tag !== responseTags.entry);
      expect(codes(results)).toEqual([0, 1, 2, 3].map((n) => [id + n, 0]));
    }
    client.send(send.search(500, { base: people, scope: 1 }), send.bind(501, "", ""), send.unbind(502));
    expect((await client.rest()).at(-1)).toMatchObject({ id: 501, code: 0 });
  });

  test.each([
    ["with a wrong password", send.bind(2, wiki, "wrong"), 49],
    ["with no password", send.bind(2, wiki, ""), 53],
    ["with a name that is none", send.bind(2, "not a name", "x"), 34],
    ["in LDAPv2", send.bind(2, wiki, "wiki-secret", { version: 2 }), 2],
    ["by SASL", send.saslBind(2, "PLAIN", "x"), 7],
    [
      "by a method that does not exist",
      send.message(2, (writer) => {
        writer.open(0x60);
        writer.integer(3);
        writer.text("");
        writer.octets(Buffer.alloc(0), 0x81);
        writer.close();
      }),
      7,
    ],
    [
      "with a critical control that is unknown",
      send.bind(2, "", "", { controls: [{ oid: "1.2", critical: true }] }),
      12,
    ],
    [
      "in bytes that are wrong",
      send.message(2, (writer) => {
        writer.open(0x60);
        writer.integer(3);
        writer.close();
      }),
      2,
    ],
  ])("where it fails %s, the session is anonymous, and the log tells of it", async (_, bytes, code) => {
    const { client, server } = await connected();
    await client.bind(wiki, "wiki-secret");
    client.send(bytes, send.whoAmI(3));
    expect(await client.result(2)).toMatchObject({ tag: responseTags.bind, code });
    expect((await client.result(3)).responseValue).toHaveLength(0);
    expect(audited(server).map(({ operation }) => operation)).toEqual(["bind", "bind"]);
  });

  test("an anonymous one takes the identity away", async () => {
    const { client } = await connected();
    await client.bind(wiki, "wiki-secret");
    expect((await client.bind("", "")).code).toBe(0);
    expect(await client.whoAmI()).toBe("");
  });
});

describe("an unbind ends the session", () => {
  test("and nothing behind it is carried out", async () => {
    const { client, server } = await connected();
    client.send(send.bind(1, wiki, "wiki-secret"), send.unbind(2), send.remove(3, ann), send.whoAmI(4));
    expect(codes(await client.rest())).toEqual([[1, 0]]);
    const other = await RawClient.connect(server.port);
    await other.bind(wiki, "wiki-secret");
    other.send(send.search(2, { base: ann, scope: 0 }));
    expect(await other.until(2)).toHaveLength(2);
  });

  test("also one that is malformed", async () => {
    const { client } = await connected();
    client.send(
      send.message(1, (writer) => writer.octets(Buffer.of(0), 0x42)),
      send.whoAmI(2),
    );
    expect(await client.rest()).toEqual([]);
  });
});

describe("an operation that is abandoned", () => {
  test("is answered no more, and the others are", async () => {
    const { client } = await connected();
    await client.bind(wiki, "wiki-secret");
    client.send(slow(2), send.abandon(3, 2), send.whoAmI(4));
    await client.result(4);
    client.send(slow(5));
    expect(codes(await client.until(5))).toEqual([[5, 0]]);
  });

  test("need not exist, and a bind cannot be it", async () => {
    const { client } = await connected();
    client.send(send.abandon(1, 99), send.bind(2, wiki, "wiki-secret"), send.abandon(3, 2), send.whoAmI(4));
    expect(codes(await client.until(4))).toEqual([
      [2, 0],
      [4, 0],
    ]);
  });
});

describe("every operation gets exactly one result", () => {
  test("when something below it fails in a way that nobody thought of", async () => {
    let isBroken = false;
    const clock = () => {
      if (isBroken) throw new Error("the clock is broken");
      return Date.now();
    };
    const { client, server } = await connected({ clock, expectsErrors: true });
    await client.bind(wiki, "wiki-secret");
    isBroken = true;
    client.send(send.search(2, { base: people, scope: 1 }), send.whoAmI(3));
    const answers = await client.until(3);
    isBroken = false;
    expect(codes(answers).filter(([id]) => id === 2)).toEqual([[2, 80]]);
    expect(answers[0]?.message).toBe("internal error");
    expect(server.log.filter(({ level }) => level === "error")).toHaveLength(1);
    client.send(send.whoAmI(4));
    expect(codes(await client.until(4))).toEqual([[4, 0]]);
  });

  test("though more are sent than may be under way at once: the others are read when there is room", async () => {
    const { client } = await connected({ limits: { operationsPerConnection: 4 } });
    await client.bind(wiki, "wiki-secret");
    const ids = Array.from({ length: 500 }, (_, n) => n + 2);
    client.send(...ids.map((id) => slow(id, `${id}`)));
    const answers: Response[] = [];
    while (answers.length < ids.length) answers.push((await client.next())!);
    expect(answers.every(({ code }) => code === 0)).toBe(true);
    expect(answers.map(({ id }) => id).sort((a, b) => a - b)).toEqual(ids);
  });

  test("in whatever order they end", async () => {
    const { client } = await connected();
    await client.bind(wiki, "wiki-secret");
    const ids = Array.from({ length: 200 }, (_, n) => n + 2);
    client.send(
      ...ids.map((id) =>
        id % 3 === 0 ? slow(id) : id % 3 === 1 ? send.whoAmI(id) : send.compare(id, ann, "uid", "ann"),
      ),
    );
    const results = new Map<number, number>();
    for (let n = 0; n < ids.length; n++) {
      const { id } = (await client.next())!;
      results.set(id, (results.get(id) ?? 0) + 1);
    }
    expect(results.size).toBe(ids.length);
    expect((await client.whoAmI(900)).length).toBeGreaterThan(0);
  });
});

describe("an application that loses its place in applications.yaml", () => {
  test("is nobody from its next operation on, though it stays connected", async () => {
    const { client, server } = await connected();
    const { writeFile } = await import("node:fs/promises");
    await client.bind(wiki, "wiki-secret");
    await writeFile(`${server.folder}/applications.yaml`, "applications: []\n");
    expect(await server.running.reload()).toEqual([]);
    expect(await client.whoAmI()).toBe("");
    client.send(send.search(2, { base: ann, scope: 0 }));
    expect(codes(await client.until(2))).toEqual([[2, 50]]);
  });
});

test("a client that vanishes in the middle of its operations harms nobody", async () => {
  const { server } = await connected();
  for (let n = 0; n < 20; n++) {
    const client = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    client.send(slow(2), send.search(3, { base: people }), slow(4));
    if (n % 2 === 0) client.socket.resetAndDestroy();
    else client.socket.destroy();
    await client.closed;
  }
  const other = await RawClient.connect(server.port);
  expect((await other.bind(wiki, "wiki-secret")).code).toBe(0);
});

test("whoever stops reading in the middle of page walks leaves nothing behind", async () => {
  const { server } = await connected({ limits: { pageSize: 3 } });
  for (let n = 0; n < 30; n++) {
    const client = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    const paged = { oid: send.pagedResults, critical: true, value: Buffer.from("30050201020400", "hex") };
    for (let id = 2; id < 5; id++) client.send(send.search(id, { base: people, scope: 1, controls: [paged] }));
    if (n % 3 > 0) expect((await client.result(4)).code).toBe(0);
    if (n % 3 === 1) client.send(send.bind(5, "", ""));
    else client.socket.destroy();
  }
  await server.stop();
});

test("a notice goes to nobody who did nothing wrong", async () => {
  const { client } = await connected();
  for (let id = 1; id <= 200; id++) await client.whoAmI(id);
  client.socket.end();
  expect((await client.rest()).filter(({ responseName }) => responseName === noticeOfDisconnection)).toEqual([]);
});
