// Bytes that take other servers down. After each of them the process lives, another client is answered soon, the one
// who sent them is told why and disconnected, and memory is what it was.
import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, RawClient, responseTags } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";

let server: StartedServer;
let other: RawClient;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** Another client, who has nothing to do with it, is answered. */
async function othersAreAnswered(): Promise<void> {
  other = await RawClient.connect(server.port);
  const began = performance.now();
  expect(await other.whoAmI(7)).toBe("");
  expect(performance.now() - began).toBeLessThan(1000);
  other.socket.destroy();
}

/** Everything that is answered to these bytes until the server closes the connection. */
async function answersTo(...bytes: readonly Uint8Array[]): Promise<send.Response[]> {
  const client = await RawClient.connect(server.port);
  client.send(...bytes);
  const answers = await client.rest();
  await othersAreAnswered();
  return answers;
}

async function expectNotice(...bytes: readonly Uint8Array[]): Promise<void> {
  const before = process.memoryUsage().rss;
  const answers = await answersTo(...bytes);
  expect(answers).toHaveLength(1);
  expect(answers[0]).toMatchObject({
    id: 0,
    tag: responseTags.extended,
    code: 2,
    responseName: noticeOfDisconnection,
  });
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
}

/** These bytes are refused with a result of their own, and the connection goes on. */
async function expectRefused(bytes: Buffer, tag: number, code = 2): Promise<void> {
  const client = await RawClient.connect(server.port);
  client.send(bytes, send.whoAmI(77));
  const answers = await client.until(77);
  expect(answers.map(({ tag, code }) => ({ tag, code }))).toEqual([
    { tag, code },
    { tag: responseTags.extended, code: 0 },
  ]);
  await othersAreAnswered();
}

describe("what brings ldapjs down is answered and forgotten", () => {
  test("K1: a length of 4 GiB", () => expectNotice(hex("3084ffffffff")));

  test("K2: a string longer than what holds it, among the attributes of a search", () =>
    expectRefused(
      send.message(1, (writer) => {
        writer.open(0x63);
        writer.text("");
        writer.enumerated(0);
        writer.enumerated(0);
        writer.integer(0);
        writer.integer(0);
        writer.boolean(false);
        send.present("objectClass")(writer);
        writer.octets(hex("047f4141"), 0x30);
        writer.close();
      }),
      responseTags.searchDone,
    ));

  test("K2: the same among the values of an add, of a modify, and among substrings", async () => {
    const attribute = (writer: Parameters<send.Part>[0]) => {
      writer.open(0x30);
      writer.text("cn");
      writer.octets(hex("047f41"), 0x31);
      writer.close();
    };
    const add = send.message(1, (writer) => {
      writer.open(0x68);
      writer.text("cn=a");
      writer.open(0x30);
      attribute(writer);
      writer.close();
      writer.close();
    });
    const modify = send.message(1, (writer) => {
      writer.open(0x66);
      writer.text("cn=a");
      writer.open(0x30);
      writer.open(0x30);
      writer.enumerated(0);
      attribute(writer);
      writer.close();
      writer.close();
      writer.close();
    });
    const substrings: send.Part = (writer) => {
      writer.open(0xa4);
      writer.text("cn");
      writer.octets(hex("817f41"), 0x30);
      writer.close();
    };
    await expectRefused(add, responseTags.add);
    await expectRefused(modify, responseTags.modify);
    await expectRefused(send.search(1, { filter: substrings }), responseTags.searchDone);
  });

  test("K3: an extensible filter whose value is longer than the filter", () =>
    expectRefused(send.search(1, { filter: (writer) => writer.octets(hex("837f41"), 0xa9) }), responseTags.searchDone));

  test("K4: a stray byte among the controls, and controls longer than the message", async () => {
    const withControls = (controls: Buffer) =>
      send.message(1, (writer) => {
        writer.octets(Buffer.from("cn=a"), 0x4a);
        writer.raw(controls);
      });
    await expectRefused(withControls(hex("a00130")), responseTags.delete);
    await expectRefused(withControls(hex("a0020400")), responseTags.delete);
    await expectRefused(withControls(hex("a07f3003040131")), responseTags.delete);
    await expectRefused(withControls(hex("a0053007040131")), responseTags.delete);
    // And what stands where only controls may.
    await expectRefused(withControls(hex("0400")), responseTags.delete);
    await expectRefused(withControls(hex("00")), responseTags.delete);
  });

  test("K5: a length that is negative to who shifts", () =>
    expectRefused(
      send.message(1, (writer) => {
        writer.open(0x63);
        writer.raw(hex("0484fffffffa"));
        writer.close();
      }),
      responseTags.searchDone,
    ));

  test("K6: 10,000 abandons in one write", async () => {
    const client = await RawClient.connect(server.port);
    client.send(...Array.from({ length: 10_000 }, (_, n) => send.abandon(n + 2, n + 1)), send.whoAmI(1));
    expect(await client.until(1)).toHaveLength(1);
    await othersAreAnswered();
  });

  test("10,000 operations in one write are answered each, in their order", async () => {
    const client = await RawClient.connect(server.port);
    client.send(...Array.from({ length: 10_000 }, (_, n) => send.whoAmI(n + 1)));
    const answers = await client.until(10_000);
    expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 10_000 }, (_, n) => n + 1));
    await othersAreAnswered();
  });

  test("10,000 searches of the root DSE in one write are answered each", async () => {
    const client = await RawClient.connect(server.port);
    const rootDse = { base: "", scope: 0, attributes: ["supportedLDAPVersion"] };
    client.send(...Array.from({ length: 10_000 }, (_, n) => send.search(n + 1, rootDse)));
    expect(await client.until(10_000)).toHaveLength(20_000);
    await othersAreAnswered();
  });

  test("10,000 searches of the directory in one write are answered each, whether their answers take a while or not", async () => {
    const client = await RawClient.connect(server.port);
    expect((await client.bind(wiki, "wiki-secret", 20_000)).code).toBe(0);
    const questions: readonly send.SearchOf[] = [
      { base: "uid=ann,ou=people,dc=example,dc=com", scope: 0, attributes: ["uid"] },
      { filter: send.substrings("cn", { any: "ann" }), attributes: ["uid"] },
    ];
    client.send(...Array.from({ length: 10_000 }, (_, n) => send.search(n + 1, questions[n % 2])));
    const counts = new Map<number, number>();
    for (let results = 0; results < 10_000; ) {
      const { id, tag, code } = (await client.next())!;
      counts.set(id, (counts.get(id) ?? 0) + 1);
      if (tag === responseTags.searchDone) results++;
      expect([-1, 0]).toContain(code);
    }
    expect(counts.size).toBe(10_000);
    // One entry and one result to each.
    expect([...new Set(counts.values())]).toEqual([2]);
    await othersAreAnswered();
  });

  test("10,000 unbinds in one write end the connection without a word", async () => {
    expect(await answersTo(...Array.from({ length: 10_000 }, (_, n) => send.unbind(n + 1)))).toEqual([]);
  });

  test.each([
    ["telnet's ctrl-C", hex("fff4fffd06")],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["a TLS ClientHello", hex("16030100c8010000c40303")],
    ["a newline", Buffer.from("\n")],
  ])("K7: %s", (_, bytes) => expectNotice(bytes));

  test("K8: a value that is not text comes back as it is", async () => {
    const client = await RawClient.connect(server.port);
    client.send(send.compare(1, "dc=example,dc=com", "cn", Buffer.of(0xff, 0)));
    expect(await client.result(1)).toMatchObject({ tag: responseTags.compare, code: 50 });
    client.send(send.extended(2, "1.2.3", Buffer.of(0xff)));
    expect(await client.result(2)).toMatchObject({ tag: responseTags.extended, code: 2 });
  });
});

describe("what no message begins with is answered with a notice", () => {
  test.each([
    ["an indefinite length", "3080"],
    ["a length of five octets", "3085"],
    ["2 GiB announced, and silence", "30847fffffff"],
    ["an empty message", "3000"],
    ["a message of nothing but an ID", "3003020101"],
    ["an ID of no octets", "300402004200"],
    ["an ID of five octets", "300902050100000000 4200".replace(" ", "")],
    ["the tag 0", "30050201010000"],
    ["a SEQUENCE in place of an operation", "30050201013000"],
    ["a tag of many octets", "300602010 17f2100".replace(" ", "")],
  ])("%s", (_, bytes) => expectNotice(hex(bytes)));

  const requests: readonly number[] = [0x63, 0x66, 0x68, 0x6c, 0x6e, 0x77];

  test.each(Array.from({ length: 25 }, (_, n) => 0x61 + n).filter((tag) => !requests.includes(tag)))(
    "the tag %d, which is not a client's",
    (tag) => expectNotice(send.message(1, (writer) => writer.octets(Buffer.alloc(0), tag))),
  );

  test.each([0, -1, -(2 ** 31), 2 ** 31])("the message ID %d", (id) => expectNotice(send.whoAmI(id)));

  test("2 GiB announced, and sent", async () => {
    const client = await RawClient.connect(server.port);
    client.send(hex("30847fffffff"));
    const mebibyte = Buffer.alloc(1 << 20);
    for (let n = 0; n < 8; n++) client.send(mebibyte);
    const [notice, ...more] = await client.rest();
    expect(notice === undefined || notice.responseName === noticeOfDisconnection).toBe(true);
    expect(more).toEqual([]);
    await othersAreAnswered();
  });
});

describe("the size of a message", () => {
  const ofSize = (size: number) => {
    const bytes = send.extended(1, "1.2.3", Buffer.alloc(size - 20));
    return send.extended(1, "1.2.3", Buffer.alloc(2 * size - 20 - bytes.length));
  };

  test("before a bind: the largest is taken, one byte more is not", async () => {
    const most = server.settings.server.limits.messageBytesBeforeBind;
    expect(ofSize(most)).toHaveLength(most);
    await expectRefused(ofSize(most), responseTags.extended);
    await expectNotice(ofSize(most + 1));
  });

  test("after a bind: the largest is taken, also when it stands right behind the bind; one byte more is not", async () => {
    const most = server.settings.server.limits.messageBytes;
    expect(ofSize(most)).toHaveLength(most);
    const client = await RawClient.connect(server.port);
    client.send(send.bind(2, wiki, "wiki-secret"), ofSize(most), send.whoAmI(3));
    expect((await client.until(3)).map(({ id, code }) => [id, code])).toEqual([
      [2, 0],
      [1, 2],
      [3, 0],
    ]);
    client.send(ofSize(most + 1));
    expect(await client.rest()).toMatchObject([{ id: 0, code: 2, responseName: noticeOfDisconnection }]);
    await othersAreAnswered();
  });
});

describe("however its bytes are delivered, a message is answered", () => {
  const bytes = Buffer.concat([
    send.search(1, {
      base: "",
      scope: 0,
      filter: send.and(send.present("objectClass")),
      attributes: ["namingContexts"],
    }),
    send.whoAmI(2),
  ]);
  const expectAnswers = async (client: RawClient) =>
    expect((await client.until(2)).map(({ id, tag, code }) => [id, tag, code])).toEqual([
      [1, responseTags.entry, -1],
      [1, responseTags.searchDone, 0],
      [2, responseTags.extended, 0],
    ]);
  /** Resolves when the bytes are on their way, alone in their packet. */
  const deliver = (client: RawClient, part: Buffer) =>
    new Promise<void>((resolve) => client.socket.write(part, () => setImmediate(resolve)));

  test("split at every offset", async () => {
    const client = await RawClient.connect(server.port);
    for (let at = 0; at <= bytes.length; at++) {
      await deliver(client, bytes.subarray(0, at));
      await deliver(client, bytes.subarray(at));
      await expectAnswers(client);
    }
  });

  test("byte by byte", async () => {
    const client = await RawClient.connect(server.port);
    for (const byte of bytes) await deliver(client, Buffer.of(byte));
    await expectAnswers(client);
  });

  test("a byte each millisecond, while others are answered", async () => {
    const client = await RawClient.connect(server.port);
    for (const byte of bytes) {
      client.send(Buffer.of(byte));
      await pause(1);
    }
    await othersAreAnswered();
    await expectAnswers(client);
  });
});

describe("filters", () => {
  test.each(["and", "or", "not"] as const)(
    "of %s: 64 levels are worked on, 65 and 10,000 are refused",
    async (kind) => {
      const client = await RawClient.connect(server.port);
      const nested = (levels: number) => ({ base: "", scope: 0, filter: send.nested(kind, levels) });
      for (const levels of [63, 64]) {
        client.send(send.search(levels, nested(levels)));
        expect(await client.result(levels)).toMatchObject({ code: 0 });
      }
      for (const levels of [65, 10_000]) {
        client.send(send.search(levels, nested(levels)));
        expect(await client.result(levels)).toMatchObject({ code: 2 });
      }
      await othersAreAnswered();
    },
  );

  test("of 4096 parts are worked on, of 4097 refused", async () => {
    const client = await RawClient.connect(server.port);
    expect((await client.bind(wiki, "wiki-secret", 9)).code).toBe(0);
    const base = "dc=example,dc=com";
    const parts = (count: number) =>
      send.or(...Array.from({ length: count - 1 }, (_, n) => send.equality("cn", `${n}`)));
    client.send(send.search(1, { base, scope: 0, filter: parts(4096) }));
    expect(await client.result(1)).toMatchObject({ code: 0 });
    client.send(send.search(2, { base, scope: 0, filter: parts(4097) }));
    expect(await client.result(2)).toMatchObject({ code: 2 });
  });

  test("absolute true and false, options, OIDs and bytes that are no text are worked on", async () => {
    const client = await RawClient.connect(server.port);
    const entries = async (id: number, filter: send.Part) => {
      client.send(send.search(id, { base: "", scope: 0, filter }));
      const answers = await client.until(id);
      expect(answers.at(-1)?.code).toBe(0);
      return answers.length - 1;
    };
    expect(await entries(1, send.and())).toBe(1);
    expect(await entries(2, send.or())).toBe(0);
    expect(await entries(3, send.not(send.or()))).toBe(1);
    expect(await entries(4, send.equality("cn;lang-en", "x"))).toBe(0);
    expect(await entries(5, send.present("2.5.4.0"))).toBe(1);
    expect(await entries(6, send.equality("cn", Buffer.of(0xff, 0)))).toBe(0);
    expect(await entries(7, send.equality("cn", ""))).toBe(0);
  });
});

describe("controls", () => {
  const unknown = "1.2.3.4.5";

  test("one that is unknown and critical is refused with 12, on every operation that has a result", async () => {
    const controls = [{ oid: unknown, critical: true }];
    const client = await RawClient.connect(server.port);
    client.send(
      send.search(1, { base: "", scope: 0, controls }),
      send.compare(2, "dc=example,dc=com", "cn", "x", controls),
      send.remove(3, "cn=a", controls),
      send.whoAmI(4, controls),
      send.bind(5, "", "", { controls }),
      send.add(6, "cn=a", [{ type: "cn", values: ["a"] }], controls),
      send.modify(7, "cn=a", [{ modification: 0, type: "cn", values: ["b"] }], controls),
      send.modifyDn(8, "cn=a", { newRdn: "cn=b" }, controls),
    );
    for (let id = 1; id <= 8; id++) expect(await client.result(id)).toMatchObject({ id, code: 12 });
  });

  test("one that is unknown and not critical is passed over", async () => {
    const client = await RawClient.connect(server.port);
    const controls = [{ oid: unknown, critical: false }, { oid: unknown, value: Buffer.of(0xff) }, { oid: "" }];
    client.send(send.whoAmI(1, controls), send.bind(2, "", "", { controls }), send.whoAmI(3, []));
    for (let id = 1; id <= 3; id++) expect(await client.result(id)).toMatchObject({ id, code: 0 });
  });

  test("a critical one does not keep an abandon or an unbind from being obeyed", async () => {
    const controls = [{ oid: unknown, critical: true }];
    const client = await RawClient.connect(server.port);
    client.send(send.abandon(1, 9, controls), send.whoAmI(2), send.unbind(3, controls), send.whoAmI(4));
    expect((await client.rest()).map(({ id }) => id)).toEqual([2]);
  });

  test("the same one twice is answered", async () => {
    const client = await RawClient.connect(server.port);
    const paged = { oid: send.pagedResults, value: hex("30050201050400") };
    client.send(send.search(1, { base: "", scope: 0, controls: [paged, paged] }));
    expect([0, 2]).toContain((await client.result(1)).code);
  });

  test("one of paged results whose value is nothing, too little or malformed is a protocolError", async () => {
    const client = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    for (const [n, value] of [undefined, "", "3000", "3003020105", "300602ff01050400"].entries()) {
      const paged = { oid: send.pagedResults, ...(value === undefined ? {} : { value: hex(value) }) };
      client.send(send.search(n + 2, { controls: [paged] }));
      expect(await client.result(n + 2)).toMatchObject({ code: 2 });
    }
  });
});

test("a message ID that is in use ends the connection", async () => {
  const client = await RawClient.connect(server.port);
  await client.bind(wiki, "wiki-secret");
  const compare = send.modify(2, "cn=nobody,dc=example,dc=com", [{ modification: 2, type: "sn", values: ["x"] }]);
  client.send(compare, compare);
  const answers = await client.rest();
  expect(answers.at(-1)).toMatchObject({ id: 0, code: 2, responseName: noticeOfDisconnection });
  expect(answers.at(-1)?.message).toContain("in use");
  await othersAreAnswered();
});

test("a request that cannot be decoded may not have an ID in use either", async () => {
  const client = await RawClient.connect(server.port);
  await client.bind(wiki, "wiki-secret");
  client.send(
    send.modify(2, "cn=nobody,dc=example,dc=com", [{ modification: 2, type: "sn", values: ["x"] }]),
    send.remove(2, "not a name"),
  );
  expect((await client.rest()).at(-1)).toMatchObject({ id: 0, code: 2, responseName: noticeOfDisconnection });
});

test("500 connections that stop in the middle of a message cost little", async () => {
  const before = process.memoryUsage().arrayBuffers;
  const clients = await Promise.all(Array.from({ length: 500 }, () => RawClient.connect(server.port)));
  const begun = Buffer.concat([hex("3083030000"), Buffer.alloc(1000)]);
  for (const client of clients) client.send(begun);
  await othersAreAnswered();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(500 * 80 * 1024);
  for (const client of clients) client.socket.destroy();
});
