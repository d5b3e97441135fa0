// Lines for a syslog daemon: RFC 5424, by UDP (RFC 5426) or TCP with octet counting (RFC 6587). Sending never blocks and
// never throws: lines wait in a bounded queue, and what finds no place there is counted in the log. A line stays in the
// queue until the operating system has taken it, so that a connection that breaks loses only what was on its way.
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns";
import { connect } from "node:net";
import { hostname } from "node:os";
import type { Log } from "./log.js";

export interface SyslogAddress {
  readonly protocol: "udp" | "tcp";
  readonly host: string;
  readonly port: number;
  /** As written. */
  readonly text: string;
}

export interface SyslogMessage {
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly severity: Severity;
  /** What kind of message it is. */
  readonly kind: string;
  readonly text: string;
}

/** RFC 5424 6.2.1. */
const severities = { warning: 4, notice: 5 } as const;
export type Severity = keyof typeof severities;
/** authpriv: security messages that are not for everybody. */
const facility = 10;

/** Messages that may wait for the daemon, in bytes. */
const waitingBytes = 8 * 1024 * 1024;
/** Given to the socket at one time. */
const pieceBytes = 64 * 1024;
/** What a datagram holds (65507 bytes by IPv4); a message that is longer is cut. */
const datagramBytes = 65_000;
/** ms from a failure to the next attempt. */
const retryTime = 1000;
/** ms without a failure after which it is over: by UDP a daemon that is not there shows only in the answer to a line. */
const calmTime = 3000;
/** ms in which a connection is made, or else it is tried anew. */
const connectTime = 10_000;
/** ms for what waits when the server stops. */
const closingTime = 2000;

/** An open way to the daemon. */
interface Way {
  /** How many messages from the front of the queue go at once. */
  readonly atOnce: number;
  /** Calls back when the operating system has them; never after a failure of the way. */
  send(messages: readonly Buffer[], onTaken: (error?: Error | null) => void): void;
}

/** Opens a way, and gives what closes it. `onFailure` is told what ends it, perhaps several times. */
type Opening = (address: SyslogAddress, onOpen: (way: Way) => void, onFailure: (error: Error) => void) => () => void;

const openings: Readonly<Record<SyslogAddress["protocol"], Opening>> = { udp: openUdp, tcp: openTcp };

export class Syslog {
  readonly #address: SyslogAddress;
  readonly #log: Log;
  #queue: Buffer[] = [];
  #waiting = 0;
  #way: Way | undefined;
  #isOpening = false;
  #isSending = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;
  #isFailing = false;
  #calm: NodeJS.Timeout | undefined;
  #lost = 0;
  #abandon = (): void => {};
  #onIdle = (): void => {};

  constructor(address: SyslogAddress, log: Log) {
    this.#address = address;
    this.#log = log;
  }

  send(message: SyslogMessage): void {
    const line = Buffer.from(lineOf(message));
    if (this.#isClosed || this.#waiting + line.length > waitingBytes) {
      this.#lose(1);
      return;
    }
    this.#queue.push(line);
    this.#waiting += line.length;
    this.#go();
  }

  /** Waits a little for what can still be sent. */
  async close(): Promise<void> {
    if (this.#queue.length > 0 && this.#retry === undefined) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, closingTime);
        this.#onIdle = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#calm);
    this.#end();
    if (this.#queue.length > 0) this.#lose(this.#queue.length);
    if (this.#lost > 0) this.#log.warn({ lost: this.#lost }, "audit lines never reached syslog");
  }

  #go(): void {
    if (this.#isClosed || this.#isSending || this.#isOpening || this.#retry !== undefined) return;
    if (this.#queue.length === 0) this.#onIdle();
    else if (this.#way) this.#sendOn(this.#way);
    else this.#open();
  }

  #open(): void {
    this.#isOpening = true;
    let isOver = false;
    const failed = (error: Error) => {
      if (isOver) return;
      isOver = true;
      this.#failed(error);
    };
    const abandon = openings[this.#address.protocol](
      this.#address,
      (way) => {
        if (isOver) return;
        this.#isOpening = false;
        this.#way = way;
        this.#go();
      },
      failed,
    );
    this.#abandon = () => {
      isOver = true;
      abandon();
    };
  }

  #sendOn(way: Way): void {
    const messages = frontOf(this.#queue, way.atOnce);
    this.#isSending = true;
    way.send(messages, (error) => {
      if (way !== this.#way) return;
      const isTooLong = error && "code" in error && error.code === "EMSGSIZE";
      if (error && !isTooLong) {
        this.#failed(error);
        return;
      }
      if (isTooLong) this.#lose(messages.length);
      this.#isSending = false;
      this.#queue.splice(0, messages.length);
      for (const { length } of messages) this.#waiting -= length;
      this.#recovered();
      this.#go();
    });
  }

  /** What was not taken stays in the queue, for the next attempt. */
  #failed(error: Error): void {
    this.#end();
    clearTimeout(this.#calm);
    this.#calm = undefined;
    if (!this.#isFailing) {
      const { text } = this.#address;
      this.#log.warn({ err: error, syslog: text }, "syslog cannot be reached; audit lines wait, and it is tried again");
    }
    this.#isFailing = true;
    this.#onIdle();
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#go();
    }, retryTime).unref();
  }

  #end(): void {
    this.#abandon();
    this.#abandon = () => {};
    this.#way = undefined;
    this.#isOpening = false;
    this.#isSending = false;
  }

  #lose(count: number): void {
    if (this.#lost === 0) this.#log.error("audit lines for syslog are being lost: it does not take them");
    this.#lost += count;
  }

  #recovered(): void {
    if (!this.#isFailing && this.#lost === 0) return;
    this.#calm ??= setTimeout(() => {
      this.#log.warn({ lost: this.#lost }, "syslog takes audit lines again");
      this.#calm = undefined;
      this.#isFailing = false;
      this.#lost = 0;
    }, calmTime).unref();
  }
}

/** Some messages, at most `atOnce`, that are no more than a piece together; at least one. */
function frontOf(queue: readonly Buffer[], atOnce: number): readonly Buffer[] {
  let [count, bytes] = [0, 0];
  while (count < Math.min(queue.length, atOnce) && (count === 0 || bytes + queue[count]!.length <= pieceBytes)) {
    bytes += queue[count]!.length;
    count += 1;
  }
  return queue.slice(0, count);
}

/** One datagram each. That there is no daemon shows in the answer to an earlier one, if at all. */
function openUdp({ host, port }: SyslogAddress, onOpen: (way: Way) => void, onFailure: (error: Error) => void) {
  let socket: Socket | undefined;
  let isClosed = false;
  lookup(host, { order: "ipv4first" }, (error, address, family) => {
    if (isClosed) return;
    if (error) {
      onFailure(error);
      return;
    }
    const opened = createSocket(family === 6 ? "udp6" : "udp4");
    socket = opened;
    opened.unref();
    opened.on("error", onFailure);
    opened.connect(port, address, () => {
      onOpen({
        atOnce: 1,
        send: ([message], onTaken) => opened.send(message!.subarray(0, textLength(message!, datagramBytes)), onTaken),
      });
    });
  });
  return () => {
    if (!isClosed) socket?.close();
    isClosed = true;
  };
}

/** As many bytes as there may be without cutting a character of UTF-8. */
function textLength(text: Buffer, most: number): number {
  if (text.length <= most) return text.length;
  let length = most;
  while ((text[length]! & 0xc0) === 0x80) length -= 1;
  return length;
}

function openTcp({ host, port }: SyslogAddress, onOpen: (way: Way) => void, onFailure: (error: Error) => void) {
  const socket = connect({ host, port, keepAlive: true });
  socket.unref();
  socket.setTimeout(connectTime, () => socket.destroy(new Error("no answer")));
  socket.on("error", onFailure);
  socket.on("close", () => onFailure(new Error("the connection was closed")));
  socket.resume(); // what a daemon says is not for us
  socket.on("connect", () => {
    socket.setTimeout(0);
    onOpen({
      atOnce: Number.POSITIVE_INFINITY,
      send: (messages, onTaken) =>
        socket.write(Buffer.concat(messages.flatMap((one) => [Buffer.from(`${one.length} `), one])), onTaken),
    });
  });
  return () => void socket.destroy();
}

/** RFC 5424 6. Without structured data: the text is JSON. */
function lineOf({ time, severity, kind, text }: SyslogMessage): string {
  const priority = facility * 8 + severities[severity];
  return `<${priority}>1 ${new Date(time).toISOString()} ${ownName} gatehouse ${process.pid} ${kind} - ${text}`;
}

/** Printable ASCII, as the header has to be. */
const ownName =
  hostname()
    .replace(/[^!-~]/g, "")
    .slice(0, 255) || "-";
