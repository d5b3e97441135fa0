// TLS, for listeners that begin with it and for connections that ask for it (StartTLS): one context for all, which can be
// replaced while connections use the old one.
import type { Socket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import type { Channel, ClientCertificate } from "../access/channel.js";
import { oldestTls, type TlsFiles } from "../settings/tls-files.js";

/** What came of a handshake. */
export type Secured = { readonly socket: TLSSocket } | { readonly error: Error };

/** Node keeps the socket that TLS runs over under this name; it tells whose handshake ended. */
type OverSocket = TLSSocket & { readonly _parent?: Socket };

export class TlsServer {
  readonly #server: Server;
  readonly #waiting = new Map<Socket, (secured: Secured) => void>();

  /** `handshakeTime`: what a handshake may take, in milliseconds. */
  constructor(files: TlsFiles, handshakeTime: number) {
    this.#server = createServer({
      ...contextOf(files),
      handshakeTimeout: handshakeTime,
      // Whether a certificate is wanted at all can only be said here; without `clientCA` one that comes proves nothing.
      requestCert: files.clientCA !== undefined,
      // A client may do without: then it is known by a password.
      rejectUnauthorized: false,
    });
    this.#server.on("secureConnection", (socket: OverSocket) => this.#settle(socket._parent, { socket }));
    this.#server.on("tlsClientError", (error: Error, socket: OverSocket) => this.#settle(socket._parent, { error }));
  }

  /** New certificates for connections to come; those that are open keep theirs. */
  renew(files: TlsFiles): void {
    this.#server.setSecureContext(contextOf(files));
  }

  /**
   * Begins TLS on a socket that nobody reads any more; bytes given back to it are read first. `done` is called once, in
   * the turn in which the handshake ends.
   */
  secure(socket: Socket, done: (secured: Secured) => void): void {
    this.#waiting.set(socket, done);
    socket.once("close", () => this.#settle(socket, { error: new Error("the client went away") }));
    this.#server.emit("connection", socket);
  }

  #settle(socket: Socket | undefined, secured: Secured): void {
    const done = socket && this.#waiting.get(socket);
    if (!socket || !done) return;
    this.#waiting.delete(socket);
    if ("error" in secured) socket.destroy();
    done(secured);
  }
}

function contextOf({ certificate, key, clientCA }: TlsFiles): SecureContextOptions {
  // No authority is none at all: left open, it would be every public one.
  return { cert: certificate, key: key.reveal(), ca: clientCA ?? [], minVersion: oldestTls };
}

/** The channel of a client that speaks TLS from this address. */
export function tlsChannel(address: string, socket: TLSSocket): Channel {
  return { kind: "tls", address, certificate: clientCertificate(socket) };
}

/** What the client showed of itself; undefined: nothing. */
function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const { subject } = socket.getPeerCertificate();
  if (subject === undefined) return undefined;
  const names: unknown = subject.CN;
  const commonNames = [names ?? []].flat().map(String);
  return { commonNames, fault: socket.authorized ? undefined : String(socket.authorizationError) };
}
