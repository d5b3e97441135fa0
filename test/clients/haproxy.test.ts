// HAProxy in front of the server, in TCP mode: the gate's rules are about the client's own address, which HAProxy says in
// a PROXY header of either version, in front of TLS too, and its health checks disturb nobody.
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { certificateFor, type TestCertificates, testCertificates } from "../support/certificates.js";
import { applicationDn, suffix, userDn } from "../support/conversation.js";
import { type Haproxy, haproxyProgram, startedHaproxy } from "../support/haproxy.js";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";
import { describeWith, run } from "./programs.js";

/** HAProxy's own address, from which it connects. */
const balancer = "127.0.0.250";
const trusted = `proxyProtocol: { trusted: [${balancer}] }`;

/** `near` and `far` may call from these, `machine` from where the balancer is, and nobody from outside. */
const near = "127.0.0.7";
const far = "127.0.1.9";
const outside = "127.0.2.1";

const applications = `applications:
  - { name: near, password: "${saltedSha("near-secret")}", addresses: [127.0.0.0/25], access: read-write }
  - { name: far, password: "${saltedSha("far-secret")}", addresses: [127.0.1.0/24], access: read, login: [design] }
  - { name: machine, password: "${saltedSha("machine-secret")}", addresses: [${balancer}], access: read, login: [] }
`;

/** How HAProxy may be told to send the header. */
const headers = {
  v1: "send-proxy",
  v2: "send-proxy-v2",
  // With a checksum and an ID, and so with TLVs that are made by somebody else than us.
  sealed: "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority",
} as const;

const uniqueIds = "unique-id-format %[uuid()]";

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

const audited = ({ log }: StartedServer) => log.flatMap(({ audit }) => (audit ? [audit] : []));

describeWith("HAProxy", { programs: [haproxyProgram, "ldapwhoami", "openssl"], inCi: true }, () => {
  let certificates: TestCertificates;
  let server: StartedServer;
  let haproxy: Haproxy;

  beforeAll(async () => {
    certificates = await testCertificates();
    const { certificate, key } = certificates.server;
    server = await startedServer({
      lasts: "file",
      listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
      server: `tls: ${JSON.stringify({ certificate, key, clientCA: certificates.ca })}\n${trusted}`,
      applications,
    });
    const to = (n: number, header: string) => `127.0.0.1:${server.portOf(n)} source ${balancer} ${header}`;
    haproxy = await startedHaproxy({
      proxies: Object.fromEntries(
        Object.entries(headers).flatMap(([name, header]) => [
          [`ldap-${name}`, to(0, header)],
          [`ldaps-${name}`, to(1, header)],
        ]),
      ),
      defaults: [uniqueIds],
    });
  });

  afterAll(() => haproxy?.stop());

  const tls = async (localAddress: string, ...pair: readonly string[]) => {
    const [cert, key] = await Promise.all(pair.map((path) => readFile(path)));
    return { ca: await readFile(certificates.ca), localAddress, ...(cert && key ? { cert, key } : {}) };
  };

  describe.each(Object.keys(headers))("with a header %s", (version) => {
    const ways: readonly (readonly [string, (from: string) => Promise<RawClient>])[] = [
      ["ldap", (from) => RawClient.connect(haproxy.port(`ldap-${version}`), from)],
      ["ldaps", async (from) => RawClient.connectTls(haproxy.port(`ldaps-${version}`), await tls(from))],
      [
        "StartTLS",
        async (from) => {
          const client = await RawClient.connect(haproxy.port(`ldap-${version}`), from);
          await client.startTls(await tls(from), 99);
          return client;
        },
      ],
    ];

    test.each(ways)("an application comes in by %s from its own address and from no other", async (_, from) => {
      const bound = async (address: string, name: string) =>
        (await (await from(address)).bind(applicationDn(name), `${name}-secret`)).code;
      expect(await bound(near, "near")).toBe(0);
      expect(await bound(far, "far")).toBe(0);
      expect(await bound(far, "near")).toBe(49);
      expect(await bound(near, "far")).toBe(49);
      expect(await bound(outside, "near")).toBe(49);
      // A client on the balancer's machine is no other than one elsewhere.
      expect(await bound(balancer, "near")).toBe(49);
      expect(
        audited(server)
          .slice(-6)
          .map(({ address, target, rule }) => [address, target, rule]),
      ).toEqual([
        [near, applicationDn("near"), "application bind"],
        [far, applicationDn("far"), "application bind"],
        [far, applicationDn("near"), "address not among the application's"],
        [near, applicationDn("far"), "address not among the application's"],
        [outside, applicationDn("near"), "address not among the application's"],
        [balancer, applicationDn("near"), "address not among the application's"],
      ]);
    });

    test.each(ways)("a user logs in by %s where an application of that address lets it in", async (_, from) => {
      const login = async (address: string, uid: string) =>
        (await (await from(address)).bind(userDn(uid), `${uid}-secret`)).code;
      expect(await login(near, "ann")).toBe(0);
      expect(await login(far, "ann")).toBe(49); // far is for members of design
      expect(await login(outside, "ann")).toBe(49);
      expect(audited(server).at(-1)).toMatchObject({ address: outside, rule: "address of no application" });
    });

    test.each(ways)("reads and writes of any size go through by %s", async (_, from) => {
      const client = await from(near);
      await client.bind(applicationDn("near"), "near-secret");
      const photo = Buffer.alloc(1 << 20, 3);
      client.send(send.modify(2, userDn("ann"), [{ modification: 2, type: "jpegPhoto", values: [photo] }]));
      expect(await client.result(2)).toMatchObject({ code: 0 });
      expect(audited(server).at(-1)).toMatchObject({ operation: "modify", address: near, application: "near" });
      client.send(send.search(3, { base: suffix, filter: send.present("uid"), attributes: ["jpegPhoto"] }));
      const entries = await client.until(3);
      expect(entries).toHaveLength(13);
      const photos = entries.flatMap(({ attributes }) => attributes.get("jpegPhoto") ?? []);
      expect(photos.map((found) => found.equals(photo))).toEqual([true]);
    });

    test("a client certificate counts from the application's address only", async () => {
      const { certificate, key } = await certificateFor(certificates, `near-${version}`, "/CN=near");
      for (const [address, code] of [
        [near, 0],
        [far, 49],
      ] as const) {
        const options = await tls(address, certificate, key);
        const client = await RawClient.connectTls(haproxy.port(`ldaps-${version}`), options);
        client.send(send.saslBind(1, "EXTERNAL", ""));
        expect(await client.result(1)).toMatchObject({ code });
        expect(audited(server).at(-1)).toMatchObject({ address, application: "near" });
      }
    });
  });

  test.each(Object.keys(headers))("a client without an address comes from the balancer's (%s)", async (version) => {
    const client = RawClient.over(connect(haproxy.socket(`ldap-${version}`)));
    expect((await client.bind(applicationDn("near"), "near-secret")).code).toBe(49);
    expect((await client.bind(applicationDn("machine"), "machine-secret", 2)).code).toBe(0);
    expect(audited(server).at(-1)).toMatchObject({ address: balancer, application: "machine" });
  });

  test("whoever goes around it is who they are, and cannot say otherwise", async () => {
    const client = await RawClient.connect(server.port, near);
    expect((await client.bind(applicationDn("near"), "near-secret")).code).toBe(0);
    const other = await RawClient.connect(server.port, outside);
    expect((await other.bind(applicationDn("near"), "near-secret")).code).toBe(49);
    const liar = await RawClient.connect(server.port, outside);
    liar.send(
      Buffer.from(`PROXY TCP4 ${near} 127.0.0.1 1 389\r\n`),
      send.bind(1, applicationDn("near"), "near-secret"),
    );
    expect((await liar.rest()).filter(({ id }) => id !== 0)).toEqual([]);
  });

  test("without a header from it nobody gets through", async () => {
    const silent = await startedHaproxy({
      proxies: {
        ldap: `127.0.0.1:${server.port} source ${balancer}`,
        ldaps: `127.0.0.1:${server.portOf(1)} source ${balancer}`,
      },
    });
    onTestFinished(() => silent.stop());
    const client = await RawClient.connect(silent.port("ldap"), near);
    client.send(send.whoAmI(1));
    expect(await client.rest()).toEqual([]);
    await expect(RawClient.connectTls(silent.port("ldaps"), await tls(near))).rejects.toThrow();
    expect(audited(server).slice(-2)).toEqual(
      Array(2).fill(
        expect.objectContaining({
          address: balancer,
          operation: "connect",
          rule: expect.stringMatching(/^PROXY header due/),
        }),
      ),
    );
  });

  test("clients of one address are counted by that address, not by the balancer's", async () => {
    const narrow = await startedServer({
      listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
      server: `tls: ${JSON.stringify(certificates.server)}\n${trusted}`,
      limits: { connectionsPerAddress: 3 },
      applications,
    });
    const before = await startedHaproxy({
      proxies: {
        ldap: `127.0.0.1:${narrow.port} source ${balancer} send-proxy`,
        ldaps: `127.0.0.1:${narrow.portOf(1)} source ${balancer} send-proxy-v2`,
      },
    });
    onTestFinished(() => before.stop());
    const plain = (from: string) => RawClient.connect(before.port("ldap"), from);
    const secure = async (from: string) => RawClient.connectTls(before.port("ldaps"), await tls(from));
    const three = [await plain(near), await plain(near), await secure(near)];
    for (const client of three) expect(await client.whoAmI()).toBe("");
    expect(await (await plain(near)).rest()).toEqual([]);
    await expect(secure(near)).rejects.toThrow();
    for (const client of [await plain(far), await secure(far), await secure(far)]) {
      expect(await client.whoAmI()).toBe("");
    }
    expect(await (await plain(far)).rest()).toEqual([]);
    three[0]!.send(send.unbind(9));
    await three[0]!.closed;
    await expect.poll(() => narrow.running.metrics.snapshot().connections.open).toBe(5);
    expect(await (await plain(near)).whoAmI()).toBe("");
  });

  describe.skipIf(!hasIpv6)("listening on IPv6 for IPv4 too (skipped where this machine has no IPv6)", () => {
    test.each(Object.values(headers))("names clients as IPv6 by %s, and they count as IPv4", async (header) => {
      const dual = await startedHaproxy({
        bind: "[::] v4v6",
        proxies: { ldap: `127.0.0.1:${server.port} source ${balancer} ${header}` },
        defaults: [uniqueIds],
      });
      onTestFinished(() => dual.stop());
      const client = await RawClient.connect(dual.port("ldap"), near);
      expect((await client.bind(applicationDn("near"), "near-secret")).code).toBe(0);
      expect(audited(server).at(-1)).toMatchObject({ address: near });
      const other = await RawClient.connect(dual.port("ldap"), outside);
      expect((await other.bind(applicationDn("near"), "near-secret")).code).toBe(49);
    });
  });

  describe("health checks", () => {
    /** Each proves the way it is meant to: with the header of the traffic, without one, with one where that has none. */
    const checks = {
      ofTraffic: "send-proxy check",
      ofTraffic2: "send-proxy-v2 check",
      withHeader: "send-proxy check port PORT check-send-proxy",
      withHeader2: "send-proxy-v2 check port PORT check-send-proxy",
      silent: "send-proxy check port PORT",
    } as const;

    test("find the server up, time and again, and leave no audit line and nothing in the log", async () => {
      const checked = await startedServer({
        listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
        server: `tls: ${JSON.stringify(certificates.server)}\n${trusted}`,
        applications,
      });
      const proxies = Object.entries(checks).flatMap(([name, check]) =>
        [0, 1].map((n) => {
          const port = checked.portOf(n);
          const options = `source ${balancer} ${check.replace("PORT", String(port))} inter 50ms rise 10 fall 1`;
          return [`${name}-${n}`, `127.0.0.1:${port} ${options}`] as const;
        }),
      );
      const checking = await startedHaproxy({ proxies: Object.fromEntries(proxies) });
      onTestFinished(() => checking.stop());
      // Taken for down, a server has to pass ten checks in a row to be up again; one that fails takes it down.
      for (const [name] of proxies) await checking.ask(`set server ${name}/gatehouse health down`);
      for (const [name] of proxies) {
        await expect.poll(() => checking.status(name), { timeout: 15_000 }).toBe("UP");
      }
      const client = await RawClient.connect(checking.port("ofTraffic-0"), near);
      expect((await client.bind(applicationDn("near"), "near-secret")).code).toBe(0);
      client.send(send.unbind(2));
      await client.closed;
      await checking.stop();
      await expect.poll(() => checked.running.metrics.snapshot().connections.open).toBe(0);
      expect(audited(checked)).toEqual([expect.objectContaining({ operation: "bind", address: near })]);
      expect(checked.log.filter(({ audit }) => !audit)).toEqual([]);
    });

    test("that bind anonymously find it up as well", async () => {
      const asking = await startedHaproxy({
        defaults: ["option ldap-check"],
        proxies: {
          ldap: `127.0.0.1:${server.port} source ${balancer} send-proxy check inter 50ms rise 5 fall 1`,
          ldaps: `127.0.0.1:${server.portOf(1)} source ${balancer} send-proxy-v2 check check-ssl verify none inter 50ms rise 5 fall 1`,
        },
      });
      onTestFinished(() => asking.stop());
      for (const name of ["ldap", "ldaps"]) {
        await asking.ask(`set server ${name}/gatehouse health down`);
        await expect.poll(() => asking.status(name), { timeout: 15_000 }).toBe("UP");
      }
    });

    test("find out that it has stopped", async () => {
      const stopping = await startedServer({ server: trusted, applications });
      const watching = await startedHaproxy({
        proxies: { ldap: `127.0.0.1:${stopping.port} source ${balancer} send-proxy check inter 50ms fall 2` },
      });
      onTestFinished(() => watching.stop());
      expect(await watching.status("ldap")).toBe("UP");
      await stopping.stop();
      await expect.poll(() => watching.status("ldap")).toBe("DOWN");
    });
  });

  test("OpenLDAP's tools work through it", async () => {
    const url = `ldaps://127.0.0.1:${haproxy.port("ldaps-v2")}`;
    const env = { LDAPNOINIT: undefined, HOME: "/nonexistent", LDAPTLS_CACERT: certificates.ca };
    const args = ["-x", "-H", url, "-D", applicationDn("near"), "-w", "near-secret"];
    expect(await run("ldapwhoami", args, "", env)).toMatchObject({ code: 0, stdout: `dn:${applicationDn("near")}\n` });
  });
});
