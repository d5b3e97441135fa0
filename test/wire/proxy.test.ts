// The PROXY header on a listener: whose address a connection has, when a header is due, and what becomes of connections
// that begin otherwise. What a header may look like is proxy-header.test.ts's; real balancers are in test/clients.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { testCertificates } from "../support/certificates.js";
import { applicationDn, suffix } from "../support/conversation.js";
import { randomFrom } from "../support/random.js";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, RawClient } from "../support/raw-client.js";
import { type ServerSetting, type StartedServer, saltedSha, startedServer } from "../support/server.js";

/** Whose headers are believed, and somebody whose are not; both are addresses of this machine. */
const balancer = "127.0.0.250";
const stranger = "127.0.0.66";
/** Whom it speaks for. */
const client4 = "192.0.2.7";
const client6 = "2001:db8::7";

/** Each may call from one of these addresses. */
const applications = `applications:
  - { name: four, password: "${saltedSha("four-secret")}", addresses: [192.0.2.0/24], access: read-write }
  - { name: six, password: "${saltedSha("six-secret")}", addresses: ["2001:db8::/32"], access: read }
  - { name: machine, password: "${saltedSha("machine-secret")}", addresses: [127.0.0.250], access: read }
`;

const untrusted = "PROXY header where none is due";

const v1 = {
  four: Buffer.from(`PROXY TCP4 ${client4} 198.51.100.1 40000 389\r\n`),
  six: Buffer.from(`PROXY TCP6 ${client6} 2001:db8:ffff::1 40000 636\r\n`),
  mapped: Buffer.from(`PROXY TCP6 ::ffff:${client4} ::ffff:198.51.100.1 40000 636\r\n`),
  unknown: Buffer.from("PROXY UNKNOWN\r\n"),
};

const signature = "0d0a0d0a000d0a515549540a";
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const v2 = {
  four: hex(`${signature} 21 11 000c c0000207 c6336401 9c40 0185`),
  six: hex(`${signature} 21 21 0024 20010db8${"00".repeat(11)}07 20010db8ffff${"00".repeat(9)}01 9c40 027c`),
  mapped: hex(`${signature} 21 21 0024 ${"00".repeat(10)}ffffc0000207 ${"00".repeat(10)}ffffc6336401 9c40 027c`),
  local: hex(`${signature} 20 00 0000`),
  // 2.2: the addresses behind LOCAL are to be passed over.
  localWithAddress: hex(`${signature} 20 11 000c c0000207 c6336401 9c40 0185`),
  withTlvs: hex(`${signature} 21 11 0014 c0000207 c6336401 9c40 0185 04 0000 ea 0002 aabb`),
};

type Listener = "ldap" | "ldaps";
const listeners = ["ldap", "ldaps"] as const;
const portOf = (server: StartedServer, listener: Listener) => server.portOf(listeners.indexOf(listener));

async function started(more: ServerSetting = {}): Promise<StartedServer> {
  const { server } = await testCertificates();
  return startedServer({
    listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
    server: `tls: ${JSON.stringify(server)}\nproxyProtocol: { trusted: [${balancer}] }`,
    applications,
    ...more,
  });
}

let shared: Promise<StartedServer> | undefined;

/** One server for all tests that need no other; its log is what is written from now on. */
async function theServer(): Promise<StartedServer> {
  shared ??= started({ lasts: "file" });
  const server = await shared;
  const before = server.log.length;
  return {
    ...server,
    get log() {
      return server.log.slice(before);
    },
  };
}

const audited = ({ log }: StartedServer) => log.flatMap(({ audit }) => (audit ? [audit] : []));
const open = ({ running }: StartedServer) => running.metrics.snapshot().connections.open;

/** How bytes are handed to the network. */
type Manner = (socket: Socket, bytes: Buffer) => Promise<void>;

const atOnce: Manner = async (socket, bytes) => {
  socket.write(bytes);
};

/** The server is in this process: in between it reads what was written. */
const byteByByte: Manner = async (socket, bytes) => {
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await nextTurn();
    await nextTurn();
  }
};

const manners: readonly (readonly [string, Manner])[] = [
  ["in one packet with what follows", atOnce],
  ["byte by byte", byteByByte],
];

/** A socket that writes so, the first bytes behind the header. */
function behind(header: Buffer, plain: Socket, manner: Manner): Duplex {
  let before = header;
  const duplex = new Duplex({
    read: () => plain.resume(),
    write(chunk: Buffer, _, done) {
      const bytes = Buffer.concat([before, chunk]);
      before = Buffer.alloc(0);
      manner(plain, bytes).then(() => done(), done);
    },
    final(done) {
      plain.end(done);
    },
    destroy(error, done) {
      plain.destroy();
      done(error);
    },
  });
  plain.on("data", (chunk) => {
    if (!duplex.push(chunk)) plain.pause();
  });
  plain.on("end", () => duplex.push(null));
  plain.on("close", () => duplex.destroy());
  return duplex;
}

async function connected(port: number, from = balancer): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from, noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.on("error", () => {}); // a reset: "close" follows
  return socket;
}

/** A client behind the balancer; on ldaps its handshake is done. */
async function through(server: StartedServer, listener: Listener, header: Buffer, manner = atOnce): Promise<RawClient> {
  const ca = await readFile((await testCertificates()).ca);
  const plain = behind(header, await connected(portOf(server, listener)), manner);
  if (listener === "ldap") return RawClient.over(plain as Socket);
  const socket = connectTls({ socket: plain, servername: "localhost", ca });
  await once(socket, "secureConnect");
  return RawClient.over(socket);
}

/** A client that says what it is told to, from the balancer's address or another. */
async function saying(server: StartedServer, listener: Listener, bytes: Buffer, from = balancer): Promise<RawClient> {
  const client = await RawClient.connect(portOf(server, listener), from);
  client.send(bytes);
  return client;
}

/** What comes back to one who asks; nothing where it does not get so far. */
async function answered(connecting: Promise<RawClient>): Promise<readonly send.Response[]> {
  try {
    const client = await connecting;
    client.send(send.whoAmI(1));
    return await client.rest();
  } catch {
    return [];
  }
}

const bound = async (client: RawClient, name: string, id = 1) =>
  (await client.bind(applicationDn(name), `${name}-secret`, id)).code;

describe.each(listeners)("on %s, a header from a trusted address", (listener) => {
  test.each(manners)("says whose connection it is, %s", async (_, manner) => {
    const server = await theServer();
    for (const header of [v1.four, v2.four, v2.withTlvs]) {
      const client = await through(server, listener, header, manner);
      expect(await bound(client, "four")).toBe(0);
      expect(audited(server).at(-1)).toMatchObject({ address: client4, application: "four", outcome: "success" });
    }
    for (const header of [v1.six, v2.six]) {
      const client = await through(server, listener, header, manner);
      expect(await bound(client, "six")).toBe(0);
      expect(audited(server).at(-1)).toMatchObject({ address: client6, application: "six", outcome: "success" });
    }
  });

  test("lets nobody in whose address is not right, and not as the balancer", async () => {
    const server = await theServer();
    for (const header of [v1.four, v2.four]) {
      const client = await through(server, listener, header);
      expect(await bound(client, "six")).toBe(49);
      expect(await bound(client, "machine", 2)).toBe(49);
      expect(audited(server).at(-1)).toMatchObject({ address: client4, outcome: "invalidCredentials" });
    }
  });

  test("with an IPv4-mapped address means IPv4", async () => {
    const server = await theServer();
    for (const header of [v1.mapped, v2.mapped]) {
      const client = await through(server, listener, header);
      expect(await bound(client, "four")).toBe(0);
      expect(audited(server).at(-1)).toMatchObject({ address: client4 });
    }
  });

  test("that names nobody means the balancer itself", async () => {
    const server = await theServer();
    for (const header of [v1.unknown, v2.local, v2.localWithAddress]) {
      const client = await through(server, listener, header);
      expect(await bound(client, "machine")).toBe(0);
      expect(await bound(client, "four", 2)).toBe(49);
      expect(audited(server).at(-1)).toMatchObject({ address: balancer });
    }
  });

  test("is taken once: a second one ends the connection", async () => {
    const server = await theServer();
    const bytes = Buffer.concat([v1.four, v1.six, send.bind(1, applicationDn("six"), "six-secret")]);
    const client = await saying(server, listener, bytes);
    expect((await client.rest()).filter(({ id }) => id !== 0)).toEqual([]);
    expect(audited(server).filter(({ operation }) => operation === "bind")).toEqual([]);
  });

  test("counts for the connections of the address it names", async () => {
    const server = await started({ limits: { connectionsPerAddress: 2 } });
    const first = await through(server, listener, v1.four);
    const second = await through(server, listener, v2.four);
    expect(await bound(first, "four")).toBe(0);
    expect(await bound(second, "four")).toBe(0);
    expect(await answered(through(server, listener, v1.mapped))).toEqual([]);
    for (const client of [await through(server, listener, v2.six), await through(server, listener, v1.six)]) {
      expect(await bound(client, "six")).toBe(0);
    }
    first.socket.destroy();
    await expect.poll(() => open(server)).toBe(3);
    expect(await bound(await through(server, listener, v2.four), "four")).toBe(0);
  });

  test("and then nothing ends with the client, not with an error", async () => {
    const server = await theServer();
    for (const header of [v1.four, v2.local]) {
      const client = await saying(server, listener, header);
      client.socket.end();
      expect(await client.rest()).toEqual([]);
    }
    await expect.poll(() => open(server)).toBe(0);
    expect(server.log).toEqual([]);
  });
});

test("a client that has said all behind its header still hears the answers", async () => {
  const server = await theServer();
  const client = await saying(
    server,
    "ldap",
    Buffer.concat([v2.four, send.bind(1, applicationDn("four"), "four-secret")]),
  );
  client.send(send.whoAmI(2));
  client.socket.end();
  expect((await client.rest()).map(({ id, code }) => [id, code])).toEqual([
    [1, 0],
    [2, 0],
  ]);
});

test.skipIf(!Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1")))(
  "a balancer that comes to an IPv6 listener by IPv4 is the same one (skipped where this machine has no IPv6)",
  async () => {
    const server = await started({ listen: ["ldap://[::]:0"] });
    expect(await bound(await through(server, "ldap", v1.four), "four")).toBe(0);
    const client = await saying(server, "ldap", v1.four, stranger);
    await client.closed;
    expect(audited(server).at(-1)).toMatchObject({ address: stranger, rule: untrusted });
  },
);

test("on the Unix socket no header is due", async () => {
  const server = await started({ listen: ["ldapi://ldapi"] });
  const client = RawClient.over(connect(decodeURIComponent(server.url.slice("ldapi://".length))));
  expect(await client.whoAmI()).toBe("dn:cn=administrator,cn=external,cn=auth");
});

/** The beginning of a TLS handshake. */
async function clientHello(): Promise<Buffer> {
  const written: Buffer[] = [];
  const nowhere = new Duplex({
    read() {},
    write(chunk, _, done) {
      written.push(chunk);
      done();
    },
  });
  const socket = connectTls({ socket: nowhere, servername: "localhost" });
  socket.on("error", () => {});
  await expect.poll(() => written.length).toBeGreaterThan(0);
  socket.destroy();
  return Buffer.concat(written);
}

describe.each(listeners)("on %s, a connection from a trusted address", (listener) => {
  const isTurnedAway = async (server: StartedServer, client: RawClient, why: RegExp) => {
    expect(await client.rest()).toEqual([]);
    expect(audited(server)).toEqual([
      {
        time: expect.any(String),
        address: balancer,
        subject: "anonymous",
        operation: "connect",
        outcome: "unwillingToPerform",
        rule: expect.stringMatching(/^PROXY header due/),
        session: expect.any(Number),
      },
    ]);
    expect(audited(server)[0]?.rule).toMatch(why);
    await expect.poll(() => open(server)).toBe(0);
  };

  test.each([
    ["LDAP", async () => send.bind(1, applicationDn("machine"), "machine-secret")],
    ["TLS", clientHello],
    ["anything else", async () => Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ])("that begins with %s is closed, and audited", async (_, bytes) => {
    const server = await theServer();
    await isTurnedAway(server, await saying(server, listener, await bytes()), /does not begin with a PROXY header$/);
  });

  test.each([
    ["a line of no known protocol", Buffer.from("PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n"), /none of TCP4/],
    ["a line with a name for an address", Buffer.from("PROXY TCP4 localhost 198.51.100.1 1 2\r\n"), /an IPv4 address/],
    ["a line without an end", Buffer.from(`PROXY UNKNOWN ${"x".repeat(200)}`), /without an end/],
    ["a line that only LF ends", Buffer.from("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n"), /LF without CR/],
    ["version 3", hex(`${signature} 31 11 000c c0000207 c6336401 9c40 0185`), /unknown version/],
    ["an unknown command", hex(`${signature} 22 11 000c c0000207 c6336401 9c40 0185`), /unknown command/],
    ["UDP", hex(`${signature} 21 12 000c c0000207 c6336401 9c40 0185`), /something else than TCP/],
    ["too little room", hex(`${signature} 21 11 0004 c0000207`), /too short/],
    ["64 KiB to come", hex(`${signature} 21 11 ffff c0000207`), /more than/],
    ["a wrong checksum", hex(`${signature} 21 11 0013 c0000207 c6336401 9c40 0185 03 0004 00000000`), /checksum/],
  ])("with a malformed header (%s) is closed, and audited", async (_, header, why) => {
    const server = await theServer();
    const bytes = Buffer.concat([header, send.bind(1, applicationDn("machine"), "machine-secret")]);
    await isTurnedAway(server, await saying(server, listener, bytes), why);
  });

  test("whose header goes on for too long is cut off, and audited", async () => {
    const server = await started({ limits: { handshakeTime: 200 } });
    const client = await saying(server, listener, Buffer.alloc(0));
    let sent = 0;
    const drip = setInterval(() => client.send(v2.six.subarray(sent, ++sent)), 20); // a second for all of it
    await isTurnedAway(server, client, /nothing came in time$/);
    clearInterval(drip);
    expect(sent).toBeLessThan(v2.six.length);
  });

  test("that says nothing is cut off, and not worth a line", async () => {
    const server = await started({ limits: { handshakeTime: 200 } });
    const silent = await saying(server, listener, Buffer.alloc(0));
    expect(await silent.rest()).toEqual([]);
    const gone = await saying(server, listener, Buffer.alloc(0));
    gone.socket.destroy();
    const reset = await saying(server, listener, Buffer.alloc(0));
    reset.socket.resetAndDestroy();
    expect(await bound(await through(server, listener, v1.four), "four")).toBe(0);
    expect(audited(server)).toMatchObject([{ operation: "bind" }]);
    expect(server.log).toHaveLength(1);
  });

  test("that ends within its header, or is reset, leaves nothing behind", async () => {
    const server = await started({ limits: { connections: 4 } });
    for (const header of [v1.four, v1.six, v2.four, v2.six]) {
      for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
        const client = await saying(server, listener, header.subarray(0, header.length - 3));
        await nextTurn();
        client.socket[end]();
        await client.closed;
      }
    }
    await expect.poll(() => open(server)).toBe(0);
    // Of those four that may be open at once, none is taken.
    for (const client of await Promise.all(Array.from({ length: 4 }, () => through(server, listener, v1.four)))) {
      expect(await bound(client, "four")).toBe(0);
    }
    expect(open(server)).toBe(4);
  });

  test("counts for the limit of connections while its header is awaited", async () => {
    const server = await started({ limits: { connections: 3, handshakeTime: 1000 } });
    const waiting = await Promise.all([1, 2, 3].map((n) => saying(server, listener, v1.four.subarray(0, n))));
    expect(await answered(through(server, listener, v1.four))).toEqual([]);
    await Promise.all(waiting.map(({ closed }) => closed));
    expect(await bound(await through(server, listener, v1.four), "four")).toBe(0);
  });

  test("is closed at once when the server stops, wherever in its header it is", async () => {
    const server = await started();
    const waiting = await Promise.all([0, 5, 40].map((n) => saying(server, listener, v1.four.subarray(0, n))));
    await nextTurn();
    await Promise.all([server.stop(), ...waiting.map(({ closed }) => closed)]);
  });
});

describe.each(listeners)("on %s, a header from an address that is not trusted", (listener) => {
  test.each([
    ["v1", v1.four],
    ["v1 for the balancer", Buffer.from(`PROXY TCP4 ${balancer} 198.51.100.1 40000 389\r\n`)],
    ["v1 UNKNOWN", v1.unknown],
    ["v2", v2.four],
    ["v2 LOCAL", v2.local],
    ["a malformed v1", Buffer.from("PROXY TCP4 somebody\r\n")],
    ["a malformed v2", hex(`${signature} ff ff ffff`)],
  ])("closes the connection, and is audited (%s)", async (_, header) => {
    const server = await theServer();
    for (const more of [send.bind(1, applicationDn("four"), "four-secret"), await clientHello(), Buffer.alloc(0)]) {
      const client = await saying(server, listener, Buffer.concat([header, more]), stranger);
      const answers = await client.rest();
      // Whoever speaks LDAP is told; nobody is answered.
      expect(answers.filter(({ responseName }) => responseName !== noticeOfDisconnection)).toEqual([]);
      expect(audited(server).at(-1)).toMatchObject({
        address: stranger,
        subject: "anonymous",
        operation: "connect",
        rule: untrusted,
      });
    }
    expect(audited(server)).toHaveLength(3);
    await expect.poll(() => open(server)).toBe(0);
  });

  test("does so byte by byte, too", async () => {
    const server = await theServer();
    for (const header of [v1.four, v2.four]) {
      const client = await RawClient.connect(portOf(server, listener), stranger);
      await byteByByte(client.socket, Buffer.concat([header, send.bind(1, applicationDn("four"), "four-secret")]));
      expect((await client.rest()).filter(({ responseName }) => responseName !== noticeOfDisconnection)).toEqual([]);
    }
    expect(audited(server)).toEqual([untrusted, untrusted].map((rule) => expect.objectContaining({ rule })));
    await expect.poll(() => open(server)).toBe(0);
  });

  test("is one wherever no address is trusted", async () => {
    const { server: pair } = await testCertificates();
    const server = await started({ server: `tls: ${JSON.stringify(pair)}` });
    const client = await saying(server, listener, v1.four);
    await client.closed;
    expect(audited(server)).toEqual([expect.objectContaining({ address: balancer, rule: untrusted })]);
  });
});

test.each(listeners)("on %s, connections that say nothing count for the address they are from", async (listener) => {
  const server = await started({ limits: { connectionsPerAddress: 3 } });
  const silent = await Promise.all(
    Array.from({ length: 20 }, () => saying(server, listener, Buffer.alloc(0), stranger)),
  );
  await expect.poll(() => silent.filter(({ isClosed }) => !isClosed)).toHaveLength(3);
  expect(await bound(await through(server, listener, v1.four), "four")).toBe(0);
});

describe("thousands of connections that begin with garbage", () => {
  const count = 3000;
  const seed = Number(process.env.PROXY_SEED ?? Date.now() % 1_000_000);

  test(`leave the server answering, and nothing behind (PROXY_SEED=${seed})`, async () => {
    const server = await started({ limits: { handshakeTime: 2000 } });
    const random = randomFrom(seed);
    const visit = async () => {
      const listener = random() < 0.5 ? "ldap" : "ldaps";
      const socket = await connected(portOf(server, listener), random() < 0.7 ? balancer : stranger);
      socket.resume();
      const closed = once(socket, "close");
      socket.end(garbage(random));
      await closed;
    };
    for (let visits = 0; visits < count; visits += 100) await Promise.all(Array.from({ length: 100 }, visit));
    await expect.poll(() => open(server), { timeout: 5000 }).toBe(0);
    for (const listener of listeners) {
      const client = await through(server, listener, v2.four);
      expect(await bound(client, "four")).toBe(0);
      client.send(send.search(2, { base: suffix, filter: send.present("uid"), attributes: ["1.1"] }));
      expect(await client.until(2)).toHaveLength(13);
    }
    expect(new Set(audited(server).map(({ operation }) => operation))).toEqual(new Set(["connect", "bind"]));
    expect(audited(server).filter(({ operation }) => operation === "bind")).toHaveLength(2);
  });
});

/** Bytes that are no header, most of them nearly one. */
function garbage(random: () => number): Buffer {
  const starts = [...Object.values(v1), ...Object.values(v2), Buffer.alloc(0), hex(`${signature} 21 11`)];
  const start = starts[Math.floor(random() * starts.length)]!;
  const kept = start.subarray(0, Math.floor(random() * start.length));
  const rest = Buffer.alloc(Math.floor(random() ** 4 * 20_000), 0).map(() => Math.floor(random() * 256));
  return Buffer.concat([kept, Buffer.of(0), rest]);
}
