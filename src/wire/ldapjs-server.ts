// ldapjs as the server: it listens, sets up connections and dispatches messages. Its parser, its encoder and its routing
// by DN are replaced, because none of them stands up to hostile bytes; the home of the package.
import { createRequire } from "node:module";
import type { AddressInfo, Socket } from "node:net";
import ldapjs, { type Logger, type Server } from "ldapjs";
import type { Request } from "../model/message.js";
import { clearSocketFile, ownedByUs } from "./socket-file.js";

/** The version whose insides are relied on. The project has ended, so there will be no other. */
const expectedVersion = "3.0.7";

/** Connections that the kernel keeps until they are accepted; it takes no more than net.core.somaxconn. */
const backlog = 4096;

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

/** The request of each operation by its tag, as ldapjs' dispatcher wants to be told. */
const protocolOps: Readonly<Record<Request["operation"], number>> = {
  bind: 0x60,
  unbind: 0x42,
  search: 0x63,
  modify: 0x66,
  add: 0x68,
  delete: 0x4a,
  modifyDn: 0x6c,
  compare: 0x6e,
  abandon: 0x50,
  extended: 0x77,
};

/** Passes for a DN of ldapjs' own. */
const noName = Object.freeze({ [Symbol.toStringTag]: "LdapDn", toString: () => "" });

/**
 * Decoded messages in the shape that ldapjs' dispatcher asks for: one object for all of a connection, because each is
 * delivered before the next is decoded. What is thrown by `serve` would be answered by ldapjs: it must not throw.
 */
export class Dispatched {
  messageId = 0;
  protocolOp = 0;
  readonly log = silent;
  /** Asked for by its debug log only. */
  readonly pojo = undefined;
  /** Asked for to route by DN, which is switched off. */
  readonly entry = noName;
  readonly dn = "";
  /** Set by ldapjs with each message. */
  connection: unknown;
  logId = "";
  startTime = 0;
  readonly #serve: (request: Request) => void;
  #request: Request | undefined;

  constructor(serve: (request: Request) => void) {
    this.#serve = serve;
  }

  as(request: Request): this {
    this.messageId = request.id;
    this.protocolOp = protocolOps[request.operation];
    this.#request = request;
    return this;
  }

  deliver(): void {
    const request = this.#request;
    this.#request = undefined;
    if (request) this.#serve(request);
  }

  /** ldapjs parses these and sets them to what it parsed, each time anew. */
  get name(): string {
    return "";
  }
  set name(_: unknown) {}
  get object(): string {
    return "";
  }
  set object(_: unknown) {}
}

/** A socket that ldapjs has set up as a connection. */
export interface DispatchingSocket extends Socket {
  /** Node's own: how many bytes of the write under way the kernel has not taken yet. */
  readonly _handle?: { readonly writeQueueSize: number } | null;
  readonly parser: { emit(event: "message", message: Dispatched): boolean };
}

export class LdapjsServer {
  readonly #server: Server;

  /** `accept` gets each new socket as it is; `adopt` makes a connection of it. */
  constructor(accept: (socket: Socket) => void, failed: (error: Error) => void) {
    requireExpectedVersion();
    this.#server = ldapjs.createServer({ log: silent, connectionRouter: accept });
    const backend = this.#server;
    const chain = { backend, handlers: [(message: Dispatched) => message.deliver()] };
    // Every message goes to one handler, which never calls `next`: ldapjs keeps no identity and writes no answer.
    this.#server._getHandlerChain = () => chain;
    this.#server.on("error", failed);
    this.#server.on("clientError", () => {}); // sockets that break: their "close" event follows
    this.#server.server.maxConnections = Number.MAX_SAFE_INTEGER;
  }

  /** Sets a socket up as a connection of ldapjs, without its parser listening. */
  adopt(socket: Socket): DispatchingSocket {
    this.#server.newConnection(socket);
    socket.removeAllListeners("data");
    return socket as DispatchingSocket;
  }

  /** Resolves with the address that is bound; rejects where it cannot be. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.#bound(() => this.#server.server.listen({ host, port, backlog }));
    return this.#server.server.address() as AddressInfo;
  }

  /** The same for a Unix socket, which only its owner can open; the file goes away with the server. */
  async listenAt(path: string): Promise<void> {
    await clearSocketFile(path);
    await this.#bound(() => ownedByUs(() => this.#server.server.listen({ path, backlog })));
  }

  #bound(bind: () => void): Promise<void> {
    const { server } = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.once("listening", () => {
        server.removeListener("error", reject);
        resolve();
      });
      bind();
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
