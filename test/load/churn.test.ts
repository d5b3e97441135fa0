// Connections that come and go, decently and not: nothing of them is left, neither descriptors nor memory.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";
import { testCertificates } from "../support/certificates.js";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { Crowd } from "./crowd.js";
import { inMiB, MiB } from "./process-figures.js";
import { Served } from "./served.js";

/** A port rests for a while after its connection: with several addresses there are enough of them. */
const addresses = Array.from({ length: 8 }, (_, n) => `127.0.0.${n + 2}`);
const atOnce = 250;

/** So many connect and ask who they are; half of them leave with an unbind, half with an RST. */
async function comeAndGo(served: Served, count: number): Promise<void> {
  const [decent, rude] = [new Crowd(), new Crowd()];
  const round = async (crowd: Crowd, leave: () => Promise<unknown>) => {
    for (let gone = 0; gone < count / 2; gone += atOnce) {
      await crowd.open(served.port, atOnce, addresses);
      expect(await crowd.ask(send.whoAmI(1))).toMatchObject([{ count: atOnce, response: { code: 0 } }]);
      await leave();
    }
  };
  const unbind = async () => {
    await decent.say(send.unbind(2));
    expect(await decent.hear()).toEqual([{ count: atOnce, response: undefined }]);
  };
  await Promise.all([round(decent, unbind), round(rude, () => rude.reset())]);
}

test("20,000 connections that come, ask and go leave nothing behind", { timeout: 180_000 }, async ({ annotate }) => {
  const served = await Served.start();
  const work = async () => {
    await comeAndGo(served, 10_000);
    await served.holds(0);
  };
  // Of a connection that is kept, three kilobytes and more stay: 30 MiB each time.
  const left = await served.leavesNothing(16 * MiB, work, { least: 2 });
  await annotate(`10,000 connections each time left ${left.map(inMiB).join(", ")}`);
});

/** What a client says first to begin TLS. */
async function clientHello(): Promise<Buffer> {
  const said = new Promise<Buffer>((resolve) => {
    const wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        resolve(chunk);
        done();
      },
    });
    connectTls({ socket: wire, servername: "localhost" }).on("error", () => {});
  });
  return said;
}

async function plain(port: number, n: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: addresses[n % addresses.length] });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

test("500 TLS handshakes that stop in the middle leave nothing behind, and the next one succeeds", {
  timeout: 180_000,
}, async ({ annotate }) => {
  const { server } = await testCertificates();
  const served = await Served.start({
    listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
    server: `tls: { certificate: ${server.certificate}, key: ${server.key} }`,
  });
  const hello = await clientHello();

  /** Says half of what begins a handshake, or all of it and hears the server's part; then it is gone. */
  const give = async (n: number) => {
    const startsTls = n % 2 === 0;
    const socket = await plain(served.portOf(startsTls ? 0 : 1), n);
    if (startsTls) {
      socket.write(send.extended(1, send.startTlsOid));
      await once(socket, "data");
    }
    if (n % 4 < 2) socket.write(hello.subarray(0, hello.length / 2));
    else {
      socket.write(hello);
      const [bytes] = await once(socket, "data");
      expect(bytes[0]).toBe(0x16); // a handshake record
    }
    if (n % 8 < 4) socket.resetAndDestroy();
    else socket.end().destroySoon();
  };
  const giveUp = async () => {
    for (let n = 0; n < 500; n += 20) await Promise.all(Array.from({ length: 20 }, (_, lane) => give(n + lane)));
    await served.holds(0);
  };

  // What OpenSSL keeps of a handshake is tens of kilobytes: 16 MiB each time, were it not freed.
  const left = await served.leavesNothing(6 * MiB, giveUp, { most: 10 });
  await annotate(`500 handshakes each time left ${left.map(inMiB).join(", ")}`);

  const client = await RawClient.connectTls(served.portOf(1), { rejectUnauthorized: false });
  expect(await client.whoAmI()).toBe("");
});
