// TLS from the first byte and by StartTLS, what is refused without it, and certificates: the server's, exchanged while it
// runs, and those of clients.
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { certificateFor, type Pair, type TestCertificates, testCertificates } from "../support/certificates.js";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, RawClient } from "../support/raw-client.js";
import { type ServerSetting, type StartedServer, startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";
const ann = "uid=ann,ou=people,dc=example,dc=com";

interface TlsOf extends ServerSetting {
  readonly pair?: Pair;
  readonly required?: boolean;
  readonly clientCA?: string;
}

let made: Promise<TestCertificates> | undefined;
const certificates = () => {
  made ??= testCertificates();
  return made;
};

/** Listens on ldap first, on ldaps second. */
async function started({ pair, required = false, clientCA, ...more }: TlsOf = {}): Promise<StartedServer> {
  const { server } = await certificates();
  const { certificate, key } = pair ?? server;
  const tls = { certificate, key, required, ...(clientCA ? { clientCA } : {}) };
  return startedServer({
    listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
    server: `tls: ${JSON.stringify(tls)}`,
    ...more,
  });
}

async function trusting(pair?: Pair) {
  const { ca } = await certificates();
  const own = pair && { cert: await readFile(pair.certificate), key: await readFile(pair.key) };
  return { ca: await readFile(ca), ...own };
}

const audited = ({ log }: StartedServer) => log.flatMap(({ audit }) => (audit ? [audit] : []));

async function rootDse(client: RawClient, id = 900): Promise<Readonly<Record<string, readonly string[]>>> {
  client.send(send.search(id, { base: "", scope: 0 }));
  const [entry] = await client.until(id);
  return Object.fromEntries([...entry!.attributes].map(([name, values]) => [name, values.map(String)]));
}

describe("ldaps", () => {
  test("is LDAP over TLS 1.2 and 1.3, and over nothing older", async () => {
    const server = await started();
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const options = { ...(await trusting()), minVersion: version, maxVersion: version };
      const client = await RawClient.connectTls(server.portOf(1), options);
      expect((await client.bind(wiki, "wiki-secret")).code).toBe(0);
      expect(await client.whoAmI()).toBe(`dn:${wiki}`);
    }
    const old = { ...(await trusting()), minVersion: "TLSv1.1", maxVersion: "TLSv1.1" } as const;
    await expect(RawClient.connectTls(server.portOf(1), { ...old, ciphers: "DEFAULT@SECLEVEL=0" })).rejects.toThrow();
  });

  test("reads all entries and takes large writes", async () => {
    const server = await started();
    const client = await RawClient.connectTls(server.portOf(1), await trusting());
    await client.bind(wiki, "wiki-secret");
    const photo = Buffer.alloc(3 << 20, 7);
    client.send(send.modify(2, ann, [{ modification: 2, type: "jpegPhoto", values: [photo] }]));
    expect(await client.result(2)).toMatchObject({ code: 0 });
    client.send(send.search(3, { base: ann, scope: 0, attributes: ["jpegPhoto"] }));
    const [entry] = await client.until(3);
    expect(entry?.attributes.get("jpegPhoto")?.[0]?.equals(photo)).toBe(true);
  });

  test("has no StartTLS, which would be TLS in TLS", async () => {
    const server = await started();
    const client = await RawClient.connectTls(server.portOf(1), await trusting());
    client.send(send.extended(1, send.startTlsOid));
    expect(await client.result(1)).toMatchObject({ code: 1 });
    expect((await rootDse(client)).supportedExtension).not.toContain(send.startTlsOid);
  });

  test("takes no plaintext, and whoever sends some is gone", async () => {
    const server = await started();
    const client = await RawClient.connect(server.portOf(1));
    client.send(send.whoAmI(1));
    await client.closed;
    expect(await (await RawClient.connect(server.port)).whoAmI()).toBe("");
  });

  test("waits for a handshake only so long", async () => {
    const server = await started({ limits: { handshakeTime: 200 } });
    const [silent, slow] = [await RawClient.connect(server.portOf(1)), await RawClient.connect(server.portOf(1))];
    slow.send(Buffer.from("160301", "hex"));
    await Promise.all([silent.closed, slow.closed]);
  });

  test("answers on the other half of a connection that the client has said all on", async () => {
    const server = await started();
    const client = await RawClient.connectTls(server.portOf(1), await trusting());
    client.send(send.bind(1, wiki, "wiki-secret"), send.whoAmI(2));
    client.socket.end();
    expect((await client.rest()).map(({ id, code }) => [id, code])).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  test("ends with a notice and a proper end of TLS when the server stops", async () => {
    const server = await started();
    const client = await RawClient.connectTls(server.portOf(1), await trusting());
    await client.whoAmI();
    const [answers] = await Promise.all([client.rest(), server.stop()]);
    expect(answers).toMatchObject([{ id: 0, code: 52, responseName: noticeOfDisconnection }]);
  });
});

describe("StartTLS", () => {
  test("goes on in TLS on the same connection, where nobody is who they were in the clear", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    expect((await rootDse(client)).supportedExtension).toContain(send.startTlsOid);
    await client.bind(wiki, "wiki-secret");
    client.send(send.extended(2, send.startTlsOid));
    expect(await client.result(2)).toMatchObject({ code: 0, responseName: send.startTlsOid });
    await client.upgrade(await trusting());
    expect(await client.whoAmI(3)).toBe("");
    expect((await client.bind(wiki, "wiki-secret", 5)).code).toBe(0);
    client.send(send.search(4, { filter: send.present("uid") }));
    expect((await client.until(4)).length).toBeGreaterThan(10);
    expect((await rootDse(client)).supportedExtension).not.toContain(send.startTlsOid);
  });

  test("a second time is refused, and the connection goes on", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    await client.startTls(await trusting());
    client.send(send.extended(2, send.startTlsOid));
    expect(await client.result(2)).toMatchObject({ code: 1 });
    expect(await client.whoAmI(3)).toBe("");
  });

  test("with other operations under way is refused, and they are answered", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    const change = { modification: 2, type: "description", values: ["x"] };
    client.send(send.modify(2, ann, [change]), send.extended(3, send.startTlsOid), send.whoAmI(4));
    const answers = [await client.next(), await client.next(), await client.next()];
    expect(answers.map((answer) => [answer?.id, answer?.code]).sort()).toEqual([
      [2, 0],
      [3, 1],
      [4, 0],
    ]);
  });

  test("right behind a bind waits for it", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    client.send(send.bind(1, wiki, "wiki-secret"), send.extended(2, send.startTlsOid));
    expect(await client.result(1)).toMatchObject({ code: 0 });
    expect(await client.result(2)).toMatchObject({ code: 0 });
    await client.upgrade(await trusting());
    expect(await client.whoAmI(3)).toBe("");
  });

  test("lets a user in through any candidate, whoever bound in the clear before", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    // console lets nobody log in through it.
    await client.bind("cn=console,ou=applications,dc=example,dc=com", "console-secret");
    expect((await client.bind(ann, "ann-secret", 2)).code).toBe(49);
    await client.bind("cn=console,ou=applications,dc=example,dc=com", "console-secret", 3);
    await client.startTls(await trusting(), 4);
    expect((await client.bind(ann, "ann-secret", 5)).code).toBe(0);
  });

  test.each([
    ["a whole request", send.remove(2, ann)],
    ["the beginning of one", send.remove(2, ann).subarray(0, 4)],
    ["a bind", send.bind(2, wiki, "wiki-secret")],
  ])("with %s behind it in the clear ends the connection, and nothing of that is carried out", async (_, bytes) => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    client.send(send.whoAmI(3), send.extended(1, send.startTlsOid), bytes);
    expect(await client.rest()).toMatchObject([
      { id: 3, code: 0 },
      { id: 0, code: 2, responseName: noticeOfDisconnection },
    ]);
    const other = await RawClient.connect(server.port);
    await other.bind(wiki, "wiki-secret");
    other.send(send.search(2, { base: ann, scope: 0 }));
    expect(await other.until(2)).toHaveLength(2);
    expect(audited(server)).toContainEqual(
      expect.objectContaining({ operation: "connect", rule: "bytes in the clear behind StartTLS" }),
    );
  });

  test("followed by requests in the clear once it was answered ends the connection, and they are not carried out", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    await client.bind(wiki, "wiki-secret");
    client.send(send.extended(1, send.startTlsOid));
    await client.result(1);
    client.socket.removeAllListeners("data");
    client.send(send.remove(2, ann));
    client.socket.resume();
    await client.closed;
    expect(audited(server).filter(({ operation }) => operation === "delete")).toEqual([]);
  });

  test("whose handshake does not come ends the connection", async () => {
    const server = await started({ limits: { handshakeTime: 200 } });
    const client = await RawClient.connect(server.port);
    client.send(send.extended(1, send.startTlsOid));
    await client.result(1);
    await client.closed;
  });

  test("whose client closes its half before the handshake is over is let go at once", async () => {
    const server = await started();
    for (const begun of ["", "16030100c8010000c40303"]) {
      const client = await RawClient.connect(server.port);
      client.send(send.extended(1, send.startTlsOid));
      await client.result(1);
      client.socket.removeAllListeners("data");
      client.socket.resume();
      const began = performance.now();
      client.socket.end(Buffer.from(begun, "hex"));
      await client.closed;
      // handshakeTime is ten seconds.
      expect(performance.now() - began).toBeLessThan(3000);
    }
    await expect.poll(() => server.running.metrics.snapshot().connections.open).toBe(0);
  });

  test("whose handshake is under way when the server stops is cut off", async () => {
    const server = await started();
    const client = await RawClient.connect(server.port);
    client.send(send.extended(1, send.startTlsOid));
    await client.result(1);
    await Promise.all([client.closed, server.stop()]);
  });

  test("with a value is a protocolError, and so it is where there is no certificate", async () => {
    const client = await RawClient.connect((await started()).port);
    client.send(send.extended(1, send.startTlsOid, "x"), send.whoAmI(2));
    expect((await client.until(2)).map(({ id, code }) => [id, code])).toEqual([
      [1, 2],
      [2, 0],
    ]);
    const without = await RawClient.connect((await startedServer()).port);
    without.send(send.extended(1, send.startTlsOid));
    expect(await without.result(1)).toMatchObject({ code: 2 });
    expect((await rootDse(without)).supportedExtension).not.toContain(send.startTlsOid);
  });
});

describe("where TLS is required", () => {
  test("everything in the clear but the root DSE and StartTLS is answered with 13, and it is audited", async () => {
    const server = await started({ required: true });
    const client = await RawClient.connect(server.port);
    client.send(
      send.bind(1, wiki, "wiki-secret"),
      send.search(2),
      send.search(3, { base: "", scope: 2 }),
      send.search(4, { base: "cn=Subschema", scope: 0 }),
      send.compare(5, ann, "uid", "ann"),
      send.modify(6, ann, []),
      send.add(7, ann, []),
      send.remove(8, ann),
      send.modifyDn(9, ann, { newRdn: "uid=b" }),
      send.whoAmI(10),
      send.extended(11, "1.2.3"),
      send.bind(12, "", ""),
      send.saslBind(13, "PLAIN", "\0wiki\0wiki-secret"),
      send.abandon(14, 99),
      send.search(15, { base: "", scope: 0, attributes: ["supportedExtension"] }),
    );
    const answers = await client.until(15);
    expect(answers.slice(0, 13).map(({ id, code }) => [id, code])).toEqual(
      Array.from({ length: 13 }, (_, n) => [n + 1, 13]),
    );
    expect(answers.slice(13).map(({ id, code }) => [id, code])).toEqual([
      [15, -1],
      [15, 0],
    ]);
    expect(audited(server).map(({ rule }) => rule)).toEqual(Array(13).fill("TLS required"));
    expect(audited(server).map(({ target }) => target)).toEqual([
      wiki,
      "dc=example,dc=com",
      "",
      "cn=Subschema",
      ...Array(5).fill(ann),
      send.whoAmIOid,
      "1.2.3",
      "",
      "",
    ]);
    await client.startTls(await trusting(), 16);
    expect((await client.bind(wiki, "wiki-secret", 17)).code).toBe(0);
    client.send(send.search(18, { base: ann, scope: 0 }));
    expect(await client.until(18)).toHaveLength(2);
  });

  test("ldaps is as ever, and an unbind in the clear is obeyed", async () => {
    const server = await started({ required: true });
    const secure = await RawClient.connectTls(server.portOf(1), await trusting());
    expect((await secure.bind(wiki, "wiki-secret")).code).toBe(0);
    const plain = await RawClient.connect(server.port);
    plain.send(send.unbind(1));
    expect(await plain.rest()).toEqual([]);
  });
});

describe("a client's certificate", () => {
  const external = (id: number, actAs = "") => send.saslBind(id, "EXTERNAL", actAs);

  async function withClients(applications?: string) {
    const { ca } = await certificates();
    return started({ clientCA: ca, ...(applications ? { applications } : {}) });
  }

  test("makes its client the application that its subject names, on ldaps and after StartTLS", async () => {
    const server = await withClients();
    const options = await trusting((await certificates()).wiki);
    const secure = await RawClient.connectTls(server.portOf(1), options);
    const upgraded = await RawClient.connect(server.port);
    await upgraded.startTls(options);
    for (const client of [secure, upgraded]) {
      expect((await rootDse(client)).supportedSASLMechanisms).toEqual(["EXTERNAL", "PLAIN"]);
      client.send(external(2));
      expect(await client.result(2)).toMatchObject({ code: 0 });
      expect(await client.whoAmI(3)).toBe(`dn:${wiki}`);
    }
    expect(audited(server).map(({ rule, application }) => [rule, application])).toEqual(
      Array(2).fill(["client certificate", "wiki"]),
    );
  });

  test("may be told as whom to act, where that is itself", async () => {
    const server = await withClients();
    const client = await RawClient.connectTls(server.portOf(1), await trusting((await certificates()).wiki));
    client.send(external(1, `dn:${wiki.toUpperCase()}`));
    expect(await client.result(1)).toMatchObject({ code: 0 });
    client.send(external(2, `dn:${ann}`));
    expect(await client.result(2)).toMatchObject({ code: 49 });
    expect(await client.whoAmI(3)).toBe("");
  });

  test("does not do so by itself: without a bind its client is nobody, and may bind by password", async () => {
    const server = await withClients();
    const client = await RawClient.connectTls(server.portOf(1), await trusting((await certificates()).wiki));
    expect(await client.whoAmI()).toBe("");
    const tracker = "cn=tracker,ou=applications,dc=example,dc=com";
    expect((await client.bind(tracker, "tracker-secret")).code).toBe(0);
  });

  test("of another authority, or one that has ended, proves nothing", async () => {
    const server = await withClients();
    const made = await certificates();
    const ended = await certificateFor(made, "ended", "/CN=wiki", { days: -1 });
    for (const pair of [made.stranger, ended]) {
      const client = await RawClient.connectTls(server.portOf(1), await trusting(pair));
      client.send(external(1));
      expect(await client.result(1)).toMatchObject({ code: 48 });
      expect((await client.bind(wiki, "wiki-secret", 2)).code).toBe(0);
    }
    expect(audited(server)[0]).toMatchObject({ rule: "client certificate not accepted" });
  });

  test("that names no application, or several things, gets nobody in", async () => {
    const server = await withClients();
    const made = await certificates();
    const several = await certificateFor(made, "several", "/CN=wiki/CN=tracker");
    const none = await certificateFor(made, "none", "/O=wiki");
    const kelvin = await certificateFor(made, "kelvin", "/CN=wi\u212ai"); // the same to the directory
    for (const pair of [made.nobody, several, none, kelvin]) {
      const client = await RawClient.connectTls(server.portOf(1), await trusting(pair));
      client.send(external(1));
      expect(await client.result(1)).toMatchObject({ code: 49 });
      expect(await client.whoAmI(2)).toBe("");
    }
  });

  test("proves nothing any more once clientCA is taken out and the configuration read anew", async () => {
    const server = await withClients();
    const { server: pair } = await certificates();
    const path = join(server.folder, "server.yaml");
    await writeFile(path, (await readFile(path, "utf8")).replace(/^tls:.*$/m, `tls: ${JSON.stringify(pair)}`));
    expect(await server.running.reload()).toEqual([]);
    const client = await RawClient.connectTls(server.portOf(1), await trusting((await certificates()).wiki));
    client.send(external(1));
    expect(await client.result(1)).toMatchObject({ code: 48 });
  });

  test("does not help an application that may not call from this address", async () => {
    const server = await withClients(`applications:
  - { name: wiki, password: "{SSHA}${Buffer.alloc(24).toString("base64")}", addresses: [192.0.2.1], access: read }
`);
    const client = await RawClient.connectTls(server.portOf(1), await trusting((await certificates()).wiki));
    client.send(external(1));
    expect(await client.result(1)).toMatchObject({ code: 49 });
    expect(audited(server)[0]).toMatchObject({ rule: "address not among the application's", application: "wiki" });
  });

  test("that was not given, or not asked for, leaves EXTERNAL without a meaning", async () => {
    const asked = await RawClient.connectTls((await withClients()).portOf(1), await trusting());
    const server = await started();
    const notAsked = await RawClient.connectTls(server.portOf(1), await trusting((await certificates()).wiki));
    const plain = await RawClient.connect(server.port);
    for (const client of [asked, notAsked, plain]) {
      client.send(external(1));
      expect(await client.result(1)).toMatchObject({ code: 7 });
      expect((await rootDse(client)).supportedSASLMechanisms ?? []).not.toContain("EXTERNAL");
    }
  });
});

describe("the server's certificate", () => {
  /** Puts a pair where the server reads it: whole files, moved into place. */
  async function install({ certificate, key }: Pair, at: Pair): Promise<void> {
    for (const [from, to] of [
      [certificate, at.certificate],
      [key, at.key],
    ] as const) {
      await copyFile(from, `${to}.new`);
      await rename(`${to}.new`, to);
    }
  }

  async function installed(name: string) {
    const { folder, server, renewed } = await certificates();
    const at = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
    await install(server, at);
    return { at, renewed, running: await started({ pair: at }) };
  }

  async function serialNumber(port: number): Promise<string> {
    const client = await RawClient.connectTls(port, await trusting());
    const { serialNumber } = (client.socket as import("node:tls").TLSSocket).getPeerCertificate();
    client.socket.destroy();
    return serialNumber;
  }

  /** Clients that ask all the time; their answers are counted and none may fail. */
  async function working(server: StartedServer, count: number) {
    const options = await trusting();
    let isOver = false;
    let answers = 0;
    const clients = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        if (n % 2 === 0) return RawClient.connectTls(server.portOf(1), options);
        const client = await RawClient.connect(server.port);
        await client.startTls(options);
        return client;
      }),
    );
    const all = Promise.all(
      clients.map(async (client) => {
        for (let id = 2; !isOver; id = (id % 1000) + 2) {
          expect(await client.whoAmI(id)).toBe("");
          answers++;
        }
      }),
    );
    return {
      async ended() {
        const before = answers;
        await expect.poll(() => answers).toBeGreaterThan(before + count);
        isOver = true;
        await all;
        expect(clients.some(({ isClosed }) => isClosed)).toBe(false);
      },
    };
  }

  test("is exchanged when its files change, while 50 sessions work and none is dropped", async () => {
    const { at, renewed, running } = await installed("watched");
    const before = await serialNumber(running.portOf(1));
    const sessions = await working(running, 50);
    await install(renewed, at);
    await expect.poll(() => serialNumber(running.portOf(1)), { timeout: 15_000, interval: 200 }).not.toBe(before);
    await sessions.ended();
  });

  test("is exchanged with the next reading of the configuration", async () => {
    const { at, renewed, running } = await installed("reread");
    const before = await serialNumber(running.portOf(1));
    const sessions = await working(running, 10);
    await install(renewed, at);
    expect(await running.running.reload()).toEqual([]);
    expect(await serialNumber(running.portOf(1))).not.toBe(before);
    await sessions.ended();
  });

  test("stays in use where the new one cannot be used, and the log says why", async () => {
    const { at, renewed, running } = await installed("broken");
    const before = await serialNumber(running.portOf(1));
    await copyFile(renewed.certificate, at.certificate); // the key that goes with it does not come
    await expect
      .poll(() => running.log.some(({ msg }) => msg?.includes("stays in use")), { timeout: 15_000 })
      .toBe(true);
    expect(running.log.some(({ key, msg }) => key === "tls.key" && msg?.includes("does not belong"))).toBe(true);
    expect(await serialNumber(running.portOf(1))).toBe(before);
    expect((await running.running.reload()).map(({ path }) => path)).toEqual(["tls.key"]);
    await writeFile(at.certificate, "");
    await copyFile(renewed.key, at.key);
    await copyFile(renewed.certificate, at.certificate);
    await expect.poll(() => serialNumber(running.portOf(1)), { timeout: 15_000, interval: 200 }).not.toBe(before);
  });
});
