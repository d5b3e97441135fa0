// Where connections arrive: one listener per URL, all connections in one place so that they can be counted, held against
// their limits and told goodbye. On its way in a socket may have to say whose connection it carries (PROXY header) and
// to agree on TLS; until then it is nobody's.
import type { Socket } from "node:net";
import { dirname } from "node:path";
import type { Channel } from "../access/channel.js";
import { anonymous, type Subject } from "../access/permissions.js";
import type { Result } from "../model/message.js";
import { OperationRates } from "../session/operation-rates.js";
import { recordTurnedAway } from "../session/record.js";
import { Session, type Shared } from "../session/session.js";
import { normalizeAddress } from "../settings/address-range.js";
import type { ListenAddress } from "../settings/listen-address.js";
import { makeFolder } from "../settings/make-folder.js";
import type { ProxySettings } from "../settings/server-settings.js";
import type { TlsFiles } from "../settings/tls-files.js";
import { Connection, type Entrance } from "./connection.js";
import { readFirst } from "./first-bytes.js";
import { LdapjsServer } from "./ldapjs-server.js";
import { Places } from "./places.js";
import { isProxyHeader, ProxyHeaderError, readProxyHeader, untrustedHeader } from "./proxy-header.js";
import { type Secured, TlsServer, tlsChannel } from "./tls-server.js";
import { Turn } from "./turn.js";

/** How often connections are held against their limits on time, in milliseconds. */
const checkEvery = 1000;
/** Who takes nothing for so long makes room for others when there is none, in milliseconds. */
const shortestStall = 1000;
/** Addresses named in one line of the log. */
const mostNamed = 10;
/** What is recorded in the place of an address for a Unix socket, which has none. */
const localAddress = "local";

export interface ListenerOptions {
  /** Needed for ldaps and StartTLS. */
  readonly tls?: TlsFiles | undefined;
  /** Balancers whose PROXY header is believed, and due. */
  readonly proxies?: ProxySettings | undefined;
}

/** A connection on its way in. */
interface Arrival {
  readonly entrance: Entrance;
  readonly socket: Socket;
  readonly scheme: ListenAddress["scheme"];
  readonly number: number;
}

export class Listener {
  readonly #shared: Shared;
  readonly #tls: TlsServer | undefined;
  readonly #proxies: ProxySettings | undefined;
  readonly #servers: LdapjsServer[] = [];
  /** Every open socket; undefined while it is on its way in. */
  readonly #sockets = new Map<Socket, Connection | undefined>();
  /** Every session with an open connection, or with something under way that nobody waits for any more. */
  readonly #sessions = new Set<Session>();
  readonly #byAddress = new Map<string, number>();
  readonly #turn = new Turn();
  readonly #unfinished = { bytes: 0 };
  readonly #sending: Places;
  readonly #clock: NodeJS.Timeout;
  #numbered = 0;
  /** Connections refused since that was last logged, and those of them that were too many of one address. */
  #refused = 0;
  readonly #refusedOf = new Set<string>();

  constructor(shared: Omit<Shared, "rates">, { tls, proxies }: ListenerOptions = {}) {
    const { limits } = shared.services;
    this.#shared = { ...shared, rates: new OperationRates(limits.operationsPerSecond) };
    this.#tls = tls && new TlsServer(tls, limits.handshakeTime);
    this.#proxies = proxies;
    this.#sending = new Places(limits.searchesSending);
    this.#clock = setInterval(() => this.#checkTimes(), checkEvery);
    this.#clock.unref();
  }

  /** Begins to listen; resolves with the URL that is bound, its port chosen where 0 was asked for. */
  async listen(address: ListenAddress): Promise<string> {
    let isBound = false;
    const server: LdapjsServer = new LdapjsServer(
      (socket) => this.#arrive({ entrance, socket, scheme: address.scheme, number: ++this.#numbered }),
      (error) => {
        // Before that, the error is thrown to whoever wants to listen.
        if (isBound) this.#shared.telemetry.log.error({ err: error }, "a listener failed");
      },
    );
    const entrance = this.#entranceOf(server);
    const url = await bind(server, address);
    isBound = true;
    this.#servers.push(server);
    return url;
  }

  #entranceOf(server: LdapjsServer): Entrance {
    const { services, telemetry } = this.#shared;
    return {
      limits: services.limits,
      turn: this.#turn,
      log: telemetry.log,
      unfinished: this.#unfinished,
      sending: this.#sending,
      secure: (plain, done) => this.#secure(plain, done),
      adopt: (socket) => server.adopt(socket),
      turnedAway: ({ number, channel, subject }, rule) => this.#turnedAway(number, channel.address, rule, subject),
    };
  }

  /** New certificates for handshakes to come. */
  renewTls(files: TlsFiles): void {
    this.#tls?.renew(files);
  }

  #arrive(arrival: Arrival): void {
    const { socket, scheme } = arrival;
    const { limits } = this.#shared.services;
    // Until it is a connection, nobody else hears of its errors; "close" follows.
    socket.on("error", () => {});
    // The administrator gets in when nobody else does.
    if (this.#sockets.size >= limits.connections && scheme !== "ldapi") {
      this.#refuse(socket);
      return;
    }
    this.#sockets.set(socket, undefined);
    socket.once("close", () => this.#sockets.delete(socket));
    if (scheme === "ldapi") {
      this.#open(arrival, socket, { kind: "local", address: localAddress });
      return;
    }
    // Gone before it was looked at.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    const address = normalizeAddress(socket.remoteAddress);
    if (this.#proxies?.trusted.some((range) => range.contains(address))) this.#readProxyHeader(arrival, address);
    else if (!this.#counts(socket, address)) return;
    else if (scheme === "ldaps") this.#expectTls(arrival, address);
    else this.#admit(arrival, address);
  }

  /** `address`: it has too many; without one, there are too many in all. */
  #refuse(socket: Socket, address?: string): void {
    this.#refused++;
    if (address !== undefined && this.#refusedOf.size < mostNamed) this.#refusedOf.add(address);
    socket.destroy();
  }

  /** From a trusted balancer a header is due, in front of TLS too. */
  #readProxyHeader(arrival: Arrival, balancer: string): void {
    const look = (bytes: Buffer) => {
      const header = readProxyHeader(bytes);
      return header && { found: header, length: header.length };
    };
    readFirst(arrival.socket, this.#shared.services.limits.handshakeTime, look, (header, error) => {
      const { socket, number } = arrival;
      if (header) {
        const address = header.source ?? balancer;
        if (this.#counts(socket, address)) this.#admit(arrival, address);
        return;
      }
      // A balancer that looks whether the port answers sends nothing, and is not worth a line.
      if (error instanceof ProxyHeaderError || socket.bytesRead > 0) {
        this.#turnedAway(number, balancer, `PROXY header due from this address: ${error?.message ?? "none came"}`);
      }
      socket.destroy();
    });
  }

  /** From anybody else a PROXY header is an attempt to be taken for another; what looks like TLS is TLS's to judge. */
  #expectTls(arrival: Arrival, address: string): void {
    const look = (bytes: Buffer) => ({ found: isProxyHeader(bytes), length: 0 });
    readFirst(arrival.socket, this.#shared.services.limits.handshakeTime, look, (isHeader) => {
      if (isHeader === false) this.#admit(arrival, address);
      else {
        if (isHeader) this.#turnedAway(arrival.number, address, untrustedHeader);
        arrival.socket.destroy();
      }
    });
  }

  /** Whose connection it is, is known. Counts it; false: it is one too many, and was refused. */
  #counts(socket: Socket, address: string): boolean {
    const open = this.#byAddress.get(address) ?? 0;
    if (open >= this.#shared.services.limits.connectionsPerAddress) {
      this.#refuse(socket, address);
      return false;
    }
    this.#byAddress.set(address, open + 1);
    socket.once("close", () => this.#left(address));
    return true;
  }

  #admit(arrival: Arrival, address: string): void {
    const { socket } = arrival;
    if (arrival.scheme === "ldap") {
      this.#open(arrival, socket, { kind: "plain", address });
      return;
    }
    this.#secure(socket, (secured) => {
      if ("socket" in secured) this.#open(arrival, secured.socket, tlsChannel(address, secured.socket));
      else this.#shared.telemetry.log.debug({ address, why: secured.error.message }, "a TLS handshake failed");
    });
  }

  #left(address: string): void {
    const open = this.#byAddress.get(address) ?? 1;
    if (open > 1) this.#byAddress.set(address, open - 1);
    else this.#byAddress.delete(address);
  }

  #secure(socket: Socket, done: (secured: Secured) => void): void {
    if (this.#tls) {
      this.#tls.secure(socket, done);
      return;
    }
    socket.destroy();
    done({ error: new Error("there is no certificate") });
  }

  #open({ entrance, socket: lowest, number }: Arrival, socket: Socket, channel: Channel): void {
    const { metrics } = this.#shared.telemetry;
    const session = new Session(this.#shared, number, channel);
    this.#sockets.set(lowest, new Connection(entrance.adopt(socket), lowest, session, entrance));
    socket.resume();
    metrics.connectionOpened();
    this.#sessions.add(session);
    lowest.once("close", () => {
      metrics.connectionClosed();
      void session.ended().then(() => this.#sessions.delete(session));
    });
  }

  #turnedAway(session: number, address: string, rule: string, subject: Subject = anonymous): void {
    const { services, telemetry } = this.#shared;
    recordTurnedAway({ session, address, subject, rule, clock: services.clock }, telemetry);
  }

  #checkTimes(): void {
    const now = performance.now();
    for (const connection of this.#sockets.values()) connection?.checkTime(now);
    if (this.#sending.wanted > 0) this.#makeRoom(now);
    if (this.#refused === 0) return;
    const { log } = this.#shared.telemetry;
    const [refused, open, addresses] = [this.#refused, this.#sockets.size, [...this.#refusedOf]];
    const limit = addresses.length > 0 ? "connectionsPerAddress" : "connections";
    log.warn({ refused, open, limit, addresses }, "connections were refused: too many are open");
    this.#refusedOf.clear();
    this.#refused = 0;
  }

  /** For searches that wait: ends those whose clients have taken nothing for the longest. */
  #makeRoom(now: number): void {
    const stalled: { connection: Connection; since: number }[] = [];
    for (const connection of this.#sockets.values()) {
      const since = connection?.waitsSince;
      if (connection && since !== undefined && now - since >= shortestStall) stalled.push({ connection, since });
    }
    stalled.sort((one, other) => one.since - other.since);
    for (const { connection } of stalled.slice(0, this.#sending.wanted)) connection.giveUp();
  }

  /**
   * Accepts nothing more, lets operations under way finish for up to `grace` milliseconds, and tells everybody goodbye
   * with a Notice of Disconnection (52). Resolves when all are gone and nothing is under way.
   */
  async close(grace: number): Promise<void> {
    const closed = Promise.all(this.#servers.map((server) => server.close()));
    const connections = [...this.#sockets.values()].flatMap((connection) => connection ?? []);
    for (const [socket, connection] of this.#sockets) {
      if (connection) connection.finish(stopping);
      else socket.destroy();
    }
    const tooLong = setTimeout(() => {
      for (const connection of connections) connection.disconnect(stopping);
    }, grace);
    await closed;
    clearTimeout(tooLong);
    await Promise.all([...this.#sessions].map((session) => session.ended()));
    clearInterval(this.#clock);
  }
}

const stopping: Result = { code: "unavailable", message: "the server is stopping" };

async function bind(server: LdapjsServer, address: ListenAddress): Promise<string> {
  if (address.scheme === "ldapi") {
    makeFolder(dirname(address.path));
    await server.listenAt(address.path);
    return `ldapi://${encodeURIComponent(address.path)}`;
  }
  const bound = await server.listen(address.host, address.port);
  const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return `${address.scheme}://${host}:${bound.port}`;
}
