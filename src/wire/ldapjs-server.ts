// ldapjs as the server: it listens, sets up connections and dispatches messages. Its parser, its encoder and its routing
// by DN are replaced, because none of them stands up to hostile bytes; the home of the package.
import { createRequire } from "node:module";
import type { AddressInfo, Socket } from "node:net";
import ldapjs, { type Logger, type Server } from "ldapjs";

/** The version whose insides are relied on. The project has ended, so there will be no other. */
const expectedVersion = "3.0.7";

/** Silent: ldapjs would write bind passwords at its debug level. */
const silent: Logger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silent,
};

/** A decoded message in the shape that ldapjs' dispatcher asks for, carrying what is to be done. */
export class DispatchedMessage {
  readonly messageId: number;
  readonly protocolOp: number;
  readonly log = silent;
  /** Asked for by its debug log only. */
  readonly pojo = undefined;
  /** Asked for to route by DN, which is switched off: empty names cost nothing. */
  entry = "";
  dn = "";
  name = "";
  object = "";
  readonly deliver: () => void;

  constructor(messageId: number, protocolOp: number, deliver: () => void) {
    this.messageId = messageId;
    this.protocolOp = protocolOp;
    this.deliver = deliver;
  }
}

/** A socket that ldapjs has set up as a connection. */
export interface DispatchingSocket extends Socket {
  readonly parser: { emit(event: "message", message: DispatchedMessage): boolean };
}

export class LdapjsServer {
  readonly #server: Server;

  /** `accept` gets each new socket, set up by ldapjs and without its parser listening. */
  constructor(accept: (socket: DispatchingSocket) => void, failed: (error: Error) => void) {
    requireExpectedVersion();
    this.#server = ldapjs.createServer({
      log: silent,
      connectionRouter: (socket) => {
        this.#server.newConnection(socket);
        socket.removeAllListeners("data");
        accept(socket as DispatchingSocket);
      },
    });
    const backend = this.#server;
    const chain = { backend, handlers: [(message: DispatchedMessage) => message.deliver()] };
    // Every message goes to one handler, which never calls `next`: ldapjs keeps no identity and writes no answer.
    this.#server._getHandlerChain = () => chain;
    this.#server.on("error", failed);
    this.#server.on("clientError", () => {}); // sockets that break: their "close" event follows
    this.#server.server.maxConnections = Number.MAX_SAFE_INTEGER;
  }

  /** Resolves with the address that is bound; rejects where it cannot be. */
  listen(host: string, port: number): Promise<AddressInfo> {
    const { server } = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      this.#server.listen(port, host, () => {
        server.removeListener("error", reject);
        resolve(server.address() as AddressInfo);
      });
    });
  }

  /** Accepts nothing more; connections that are open stay. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function requireExpectedVersion(): void {
  const { version } = createRequire(import.meta.url)("ldapjs/package.json") as { version: string };
  if (version !== expectedVersion) throw new Error(`ldapjs ${expectedVersion} is needed; ${version} is installed`);
}
