import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type AuditRecord, AuditTrail } from "../../src/telemetry/audit.js";
import { createLog, silentLog } from "../../src/telemetry/log.js";
import { Syslog, type SyslogAddress } from "../../src/telemetry/syslog.js";

const addressOf = (protocol: "udp" | "tcp", port: number): SyslogAddress => ({
  protocol,
  host: "127.0.0.1",
  port,
  text: `${protocol}://127.0.0.1:${port}`,
});

const messageOf = (text: string) =>
  ({ time: Date.UTC(2026, 0, 31, 12), severity: "notice", kind: "bind", text }) as const;
const form = /^<(\d+)>1 (\S+) ([!-~]{1,255}) gatehouse (\d+) (\w+) - (.*)$/s;
const textOf = (line: string) => form.exec(line)?.[6];

async function udpDaemon(port = 0): Promise<{ port: number; lines: string[]; stop: () => Promise<void> }> {
  const lines: string[] = [];
  const socket = createSocket("udp4").on("message", (message) => lines.push(message.toString()));
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    socket.close();
    await once(socket, "close");
  };
  onTestFinished(stop);
  return { port: socket.address().port, lines, stop };
}

/** Reads octet counting as RFC 6587 3.4.1 has it. */
class Frames {
  readonly lines: string[] = [];
  #rest = Buffer.alloc(0);

  take(piece: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, piece]);
    let from = 0;
    for (;;) {
      const space = this.#rest.indexOf(" ", from);
      if (space < 0) break;
      const length = this.#rest.toString("latin1", from, space);
      expect(length).toMatch(/^[1-9]\d*$/);
      const end = space + 1 + Number(length);
      if (end > this.#rest.length) break;
      this.lines.push(this.#rest.toString("utf8", space + 1, end));
      from = end;
    }
    this.#rest = this.#rest.subarray(from);
  }
}

interface TcpDaemon {
  readonly port: number;
  readonly lines: () => string[];
  readonly sockets: readonly Socket[];
  stop(): Promise<void>;
}

async function tcpDaemon(port = 0, onSocket: (socket: Socket) => void = () => {}): Promise<TcpDaemon> {
  const frames: Frames[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    const mine = new Frames();
    frames.push(mine);
    sockets.push(socket);
    socket.on("error", () => {}).on("data", (piece) => mine.take(piece));
    onSocket(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    for (const socket of sockets) socket.resetAndDestroy();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
  onTestFinished(stop);
  return {
    port: (server.address() as AddressInfo).port,
    lines: () => frames.flatMap(({ lines }) => lines),
    sockets,
    stop,
  };
}

function listeningLog() {
  const said: { msg: string; lost?: number }[] = [];
  return { said, log: createLog({ level: "info", destination: { write: (line) => said.push(JSON.parse(line)) } }) };
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

test("by UDP a message is a datagram in the form of RFC 5424", async () => {
  const daemon = await udpDaemon();
  const syslog = new Syslog(addressOf("udp", daemon.port), silentLog);
  syslog.send(messageOf('{"detail":"ä"}'));
  syslog.send({ ...messageOf("{}"), severity: "warning", kind: "modifyDn" });
  await eventually(() => expect(daemon.lines).toHaveLength(2));
  await syslog.close();
  const [, priority, time, , pid, kind, text] = form.exec(daemon.lines[0]!)!;
  expect([priority, time, pid, kind, text]).toEqual([
    "85", // authpriv (10) * 8 + notice (5)
    "2026-01-31T12:00:00.000Z",
    String(process.pid),
    "bind",
    '{"detail":"ä"}',
  ]);
  expect(daemon.lines[1]).toMatch(/^<84>1 \S+ \S+ gatehouse \d+ modifyDn - \{\}$/);
});

test("by UDP a message that no datagram holds is cut, between characters", async () => {
  const daemon = await udpDaemon();
  const syslog = new Syslog(addressOf("udp", daemon.port), silentLog);
  for (const before of ["", "x"]) syslog.send(messageOf(before + "ä".repeat(100_000)));
  syslog.send(messageOf("short"));
  await eventually(() => expect(daemon.lines).toHaveLength(3));
  await syslog.close();
  for (const line of daemon.lines.slice(0, 2)) {
    expect(textOf(line)).toMatch(/^x?ä{32000,}$/);
    expect(Buffer.byteLength(line)).toBeGreaterThanOrEqual(64_999);
  }
});

test("by UDP a daemon that is away is told once, and one that comes back gets what follows", async () => {
  const first = await udpDaemon();
  await first.stop();
  const { said, log } = listeningLog();
  const syslog = new Syslog(addressOf("udp", first.port), log);
  let count = 0;
  const sending = setInterval(() => syslog.send(messageOf(`${count++}`)), 50);
  onTestFinished(() => clearInterval(sending));
  await eventually(() => expect(said).toHaveLength(1));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(said.map(({ msg }) => msg)).toEqual(["syslog cannot be reached; audit lines wait, and it is tried again"]);
  const again = await udpDaemon(first.port);
  await eventually(() => expect(again.lines.length).toBeGreaterThan(20));
  await eventually(() => expect(said.at(-1)).toMatchObject({ msg: "syslog takes audit lines again", lost: 0 }));
  clearInterval(sending);
  await syslog.close();
  expect(said).toHaveLength(2);
});

test("by TCP messages are counted in octets, and arrive in order", async () => {
  const daemon = await tcpDaemon();
  const syslog = new Syslog(addressOf("tcp", daemon.port), silentLog);
  const texts = Array.from({ length: 5000 }, (_, n) => `${n} ä\n${"x".repeat(n % 200)}`);
  for (const [n, text] of texts.entries()) {
    syslog.send(messageOf(text));
    if (n % 501 === 0) await new Promise(setImmediate);
  }
  await syslog.close();
  await eventually(() => expect(daemon.lines()).toHaveLength(5000));
  expect(daemon.lines().map(textOf)).toEqual(texts);
  expect(daemon.sockets).toHaveLength(1);
});

test("by TCP what comes while the daemon is away waits for it, and a broken connection is made anew", async () => {
  const first = await tcpDaemon();
  const { said, log } = listeningLog();
  const syslog = new Syslog(addressOf("tcp", first.port), log);
  syslog.send(messageOf("before"));
  await eventually(() => expect(first.lines().map(textOf)).toEqual(["before"]));
  await first.stop();
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const text of ["meanwhile", "and more"]) syslog.send(messageOf(text));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(said.map(({ msg }) => msg)).toEqual(["syslog cannot be reached; audit lines wait, and it is tried again"]);
  const again = await tcpDaemon(first.port);
  await eventually(() => expect(again.lines().map(textOf)).toEqual(["meanwhile", "and more"]));
  await eventually(() => expect(said.at(-1)).toMatchObject({ msg: "syslog takes audit lines again", lost: 0 }));
  await syslog.close();
});

test("a daemon that takes nothing holds up nobody; what is lost is counted, and what is sent is whole", async () => {
  const daemon = await tcpDaemon(0, (socket) => socket.pause());
  const { said, log } = listeningLog();
  const syslog = new Syslog(addressOf("tcp", daemon.port), log);
  const total = 40_000;
  const began = performance.now();
  for (let n = 0; n < total; n += 1) {
    syslog.send(messageOf(`${n} ${"x".repeat(1000)}`));
    if (n % 1000 === 0) await new Promise(setImmediate);
  }
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(said.map(({ msg }) => msg)).toEqual(["audit lines for syslog are being lost: it does not take them"]);
  daemon.sockets[0]!.resume();
  await eventually(() => expect(said.at(-1)?.msg).toBe("syslog takes audit lines again"));
  const { lost = 0 } = said.at(-1)!;
  expect(lost).toBeGreaterThan(1000);
  await syslog.close();
  await eventually(() => expect(daemon.lines()).toHaveLength(total - lost));
  const numbers = daemon.lines().map((line) => Number(textOf(line)!.split(" ")[0]));
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
});

test("the end does not wait long for a daemon that is not there, and says what it did not get", async () => {
  const gone = await tcpDaemon();
  await gone.stop();
  const { said, log } = listeningLog();
  const syslog = new Syslog(addressOf("tcp", gone.port), log);
  for (let n = 0; n < 5; n += 1) syslog.send(messageOf("x"));
  const began = performance.now();
  await syslog.close();
  expect(performance.now() - began).toBeLessThan(5000);
  expect(said.at(-1)).toMatchObject({ msg: "audit lines never reached syslog", lost: 5 });
});

const bind: AuditRecord = {
  time: Date.UTC(2026, 0, 31, 12),
  address: "192.0.2.10",
  subject: "anonymous",
  operation: "bind",
  outcome: "success",
  rule: "application password",
  session: 1,
};

test("audit lines go to the file and to syslog, or to syslog instead, failures as warnings", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-syslog-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "audit.log");
  const daemon = await tcpDaemon();
  const { said, log } = listeningLog();
  for (const file of [path, undefined]) {
    const trail = new AuditTrail(file, log, { syslog: addressOf("tcp", daemon.port) });
    trail.record(bind);
    trail.record({ ...bind, outcome: "invalidCredentials" });
    await trail.close();
  }
  await eventually(() => expect(daemon.lines()).toHaveLength(4));
  const written = readFileSync(path, "utf8").trim().split("\n");
  expect(daemon.lines().map(textOf)).toEqual([...written, ...written]);
  expect(daemon.lines().map((line) => line.slice(0, 4))).toEqual(["<85>", "<84>", "<85>", "<84>"]);
  expect(said).toEqual([]);
});
