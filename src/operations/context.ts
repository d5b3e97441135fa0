// What an operation is given: who asks, the directory as they may see and change it, and how to stop.
import type { Application, ApplicationRegistry } from "../access/application.js";
import type { SearchLimits } from "../access/application-limits.js";
import type { Branch } from "../access/branch.js";
import type { Channel } from "../access/channel.js";
import type { Directory } from "../access/directory.js";
import type { Subject } from "../access/permissions.js";
import type { View } from "../access/view.js";
import type { Authenticator } from "../auth/authenticator.js";
import type { Clock } from "../model/clock.js";
import type { Limits } from "../model/limits.js";
import type { Cancellation, Result } from "../model/message.js";
import type { AttributeChanges } from "../telemetry/audit.js";
import type { PageWalks } from "./page-walks.js";

/** Whether an application, or a user through it, would get in: what `gatehouse app test` asks. */
export interface WayInQuestion {
  readonly application: string;
  readonly address: string;
  /** A uid or a DN. */
  readonly user?: string;
  /** In milliseconds since 1970 UTC; undefined: now. */
  readonly at?: number;
}

export interface Explanation {
  /** Step by step, for a person. */
  readonly lines: readonly string[];
  readonly isAllowed: boolean;
}

/** How the server is, and what its applications did since it started. */
export interface ServerStatus {
  readonly version: string;
  /** Times are in UTC, as RFC 3339 has them. */
  readonly started: string;
  readonly uptimeSeconds: number;
  readonly entries: number;
  readonly revision: number;
  /** Open now, that of the one who asks included. */
  readonly connections: number;
  /** What the process has in main memory. */
  readonly memoryBytes: number;
  /** In the order of applications.yaml. */
  readonly applications: readonly ApplicationStatus[];
}

export interface ApplicationStatus {
  readonly name: string;
  readonly enabled: boolean;
  /** Its last operation, or bind that succeeded. */
  readonly lastContact?: { readonly time: string; readonly address: string };
  /** Open now, bound by it or by a user through it. */
  readonly connections: number;
  /** The application's own limit of them. */
  readonly connectionsAllowed?: number;
  /** Its own binds that succeeded, and those of users through it. */
  readonly binds: number;
  readonly userLogins: number;
  /** Of binds and of operations. */
  readonly refusals: number;
  /** Binds apart. */
  readonly operations: number;
}

/** What can be asked of the server as a whole. */
export interface Administration {
  /** Reads the configuration anew; gives its faults, a sentence each, with which the old one stays in force. */
  reload(): Promise<readonly string[]>;
  /** Every entry of one moment as LDIF, in pieces; then their number. Ends what it holds when it is left early. */
  export(options: { readonly operational: boolean }): AsyncGenerator<Buffer, number, void>;
  /** By the rules that are in force. */
  explain(question: WayInQuestion): Promise<Explanation>;
  status(): ServerStatus;
}

/** What all sessions of a server share. */
export interface Services {
  readonly directory: Directory;
  readonly applications: ApplicationRegistry;
  readonly authenticator: Authenticator;
  readonly limits: Limits;
  readonly clock: Clock;
  /** What the local administrator can ask of the whole server. */
  readonly administration?: Administration;
  /** Undefined: the server has no certificate. */
  readonly tls?: { readonly required: boolean };
}

/** The session that asks, as far as operations may know and change it. */
export interface Caller {
  readonly channel: Channel;
  readonly subject: Subject;
  /** The application that bound on this connection, kept when a user binds after it. */
  readonly application: Application | undefined;
  readonly walks: PageWalks;
  /** Those of the server, or what its applications have narrower. */
  readonly limits: SearchLimits;
  /** Operations that were begun and have not ended; one that is answered at once never counts. */
  readonly inFlight: number;
  /** Whether it is among the connections that are counted for the application. */
  isConnectionOf(application: Application): boolean;
  /** Takes another identity: after a successful bind. */
  become(subject: Subject): void;
  /** Ends another operation of the session, as Cancel asks for it (RFC 3909); the result is that of the Cancel. */
  cancel(id: number): Promise<Result> | Result;
  /** Nothing more is taken until the connection has TLS. */
  beginTls(): void;
}

/** What the audit line of the operation will say, beside its outcome. */
export interface Trail {
  target?: string;
  /** The rule of the gate that decided, in a few words. */
  rule?: string;
  detail?: string;
  application?: string;
  /** The applications that a bind wanted to come in by or through: it is theirs to count where it is refused. */
  asked?: readonly Application[];
  attributes?: readonly string[];
  changes?: AttributeChanges;
}

export interface Context {
  readonly services: Services;
  readonly caller: Caller;
  readonly view: View;
  readonly trail: Trail;
  /** The application's own branch, where the client asked in it; the request is one on the shared tree already. */
  readonly branch?: Branch;
  /** Canceled when the operation is abandoned or the connection is gone. */
  readonly cancellation: Cancellation;
}
