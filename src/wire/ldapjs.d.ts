// The few members of ldapjs 3.0.7 that are used. `newConnection`, the connection router and the parser's "message" event
// are not in its documentation; ldapjs-server.ts checks at start that they are as expected.
declare module "ldapjs" {
  import type { EventEmitter } from "node:events";
  import type { Server as NetServer, Socket } from "node:net";

  export interface Logger {
    trace(...args: unknown[]): void;
    debug(...args: unknown[]): void;
    info(...args: unknown[]): void;
    warn(...args: unknown[]): void;
    error(...args: unknown[]): void;
    fatal(...args: unknown[]): void;
    child(): Logger;
  }

  export interface HandlerChain {
    readonly backend: unknown;
    readonly handlers: readonly ((request: never, response: never, next: () => void) => void)[];
  }

  export interface Server extends EventEmitter {
    readonly server: NetServer;
    newConnection(socket: Socket): void;
    _getHandlerChain(request: unknown): HandlerChain;
    listen(port: number, host: string, callback: () => void): void;
    close(callback: (error?: Error) => void): void;
  }

  export interface ServerOptions {
    readonly log: Logger;
    readonly connectionRouter: (socket: Socket) => void;
  }

  const ldapjs: { createServer(options: ServerOptions): Server };
  export default ldapjs;
}
