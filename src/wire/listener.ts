// Where connections arrive: one listener per URL, all connections in one place so that they can be counted, held against
// their limits and told goodbye.
import type { Result } from "../model/message.js";
import type { Services } from "../operations/context.js";
import type { Telemetry } from "../session/record.js";
import { Session } from "../session/session.js";
import { normalizeAddress } from "../settings/address-range.js";
import type { ListenAddress } from "../settings/server-settings.js";
import { Connection } from "./connection.js";
import { type DispatchingSocket, LdapjsServer } from "./ldapjs-server.js";
import { Turn } from "./turn.js";

/** How often connections are held against their limits on time, in milliseconds. */
const checkEvery = 1000;

export class Listener {
  readonly #services: Services;
  readonly #telemetry: Telemetry;
  readonly #servers: LdapjsServer[] = [];
  readonly #connections = new Set<Connection>();
  readonly #turn = new Turn();
  readonly #clock: NodeJS.Timeout;
  #sessions = 0;
  /** Connections refused since that was last logged. */
  #refused = 0;

  constructor(services: Services, telemetry: Telemetry) {
    this.#services = services;
    this.#telemetry = telemetry;
    this.#clock = setInterval(() => this.#checkTimes(), checkEvery);
    this.#clock.unref();
  }

  /** Begins to listen; resolves with the URL that is bound, its port chosen where 0 was asked for. */
  async listen(address: ListenAddress): Promise<string> {
    let isBound = false;
    const server = new LdapjsServer(
      (socket) => this.#accept(socket),
      (error) => {
        // Before that, the error is thrown to whoever wants to listen.
        if (isBound) this.#telemetry.log.error({ err: error }, "a listener failed");
      },
    );
    const bound = await server.listen(address.host, address.port);
    isBound = true;
    this.#servers.push(server);
    const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
    return `${address.scheme}://${host}:${bound.port}`;
  }

  #accept(socket: DispatchingSocket): void {
    const { limits } = this.#services;
    if (this.#connections.size >= limits.connections || socket.remoteAddress === undefined) {
      this.#refused++;
      socket.destroy();
      return;
    }
    const peer = { number: ++this.#sessions, address: normalizeAddress(socket.remoteAddress) };
    const session = new Session(this.#services, this.#telemetry, peer);
    const connection = new Connection(socket, session, limits, this.#turn, this.#telemetry.log);
    this.#connections.add(connection);
    this.#telemetry.metrics.connectionOpened();
    socket.once("close", () => {
      this.#connections.delete(connection);
      this.#telemetry.metrics.connectionClosed();
    });
  }

  #checkTimes(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.checkTime(now);
    if (this.#refused === 0) return;
    const { log } = this.#telemetry;
    log.warn(
      { refused: this.#refused, connections: this.#connections.size },
      "connections were refused: too many are open",
    );
    this.#refused = 0;
  }

  /**
   * Accepts nothing more, lets operations under way finish for up to `grace` milliseconds, and tells everybody goodbye
   * with a Notice of Disconnection (52). Resolves when all are gone and nothing is under way.
   */
  async close(grace: number): Promise<void> {
    const closed = Promise.all(this.#servers.map((server) => server.close()));
    const sessions = [...this.#connections].map(({ session }) => session);
    for (const connection of this.#connections) connection.finish(stopping);
    const tooLong = setTimeout(() => {
      for (const connection of this.#connections) connection.disconnect(stopping);
    }, grace);
    await closed;
    clearTimeout(tooLong);
    await Promise.all(sessions.map((session) => session.ended()));
    clearInterval(this.#clock);
  }
}

const stopping: Result = { code: "unavailable", message: "the server is stopping" };
