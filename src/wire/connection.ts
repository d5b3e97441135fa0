// One connection's bytes: messages in, answers out, and the only writer of its socket. What the client sends is read no
// faster than it is worked on, and what it gets is made no faster than it takes it.
import { once } from "node:events";
import { BerWriter } from "../ber/writer.js";
import type { Limits } from "../model/limits.js";
import type { Request, Result } from "../model/message.js";
import { type Session, SessionError, type Underway } from "../session/session.js";
import type { Log } from "../telemetry/log.js";
import { DecodeError, decodeMessage, type Rejected } from "./decode.js";
import { isAnswered, writeEntries, writeNotice, writeResult } from "./encode.js";
import { Framing, FramingError } from "./framing.js";
import { DispatchedMessage, type DispatchingSocket } from "./ldapjs-server.js";

/** Answers are handed to the socket when there are so many bytes of them, or when nothing is under way. */
const flushBytes = 64 * 1024;
const firstCapacity = 2048;
/** How long a client may take to hear why it is disconnected, in milliseconds. */
const goodbyeTime = 1000;

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

export class Connection {
  readonly session: Session;
  readonly #socket: DispatchingSocket;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #framing: Framing;
  readonly #takeMessage = (message: Buffer): boolean => this.#take(message);
  #out = new BerWriter(firstCapacity);
  #flushDue = false;
  #paused = false;
  #ended = false;
  /** When something last happened, for the limits on time; in milliseconds of `performance.now()`. */
  #lastHeard = performance.now();
  #partialSince: number | undefined;
  #stalledSince: number | undefined;

  constructor(socket: DispatchingSocket, session: Session, limits: Limits, log: Log) {
    this.#socket = socket;
    this.session = session;
    this.#limits = limits;
    this.#log = log;
    this.#framing = new Framing(limits.messageBytesBeforeBind);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on("data", (chunk: Buffer) => this.#hear(chunk));
    socket.on("drain", () => {
      this.#stalledSince = undefined;
    });
    socket.on("close", () => this.#gone());
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  #hear(chunk: Buffer): void {
    if (this.#ended) return;
    this.#lastHeard = performance.now();
    this.#framing.limit = this.session.hasBound ? this.#limits.messageBytes : this.#limits.messageBytesBeforeBind;
    this.#guard(() => this.#framing.push(chunk, this.#takeMessage));
    if (this.#flushDue) this.#flush();
  }

  /** Turns what ends a connection into its end; anything else that is thrown here is a mistake of ours. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof FramingError || error instanceof DecodeError || error instanceof SessionError) {
        this.disconnect({ code: "protocolError", message: error.message });
      } else {
        this.#log.error({ err: error, session: this.session.number }, "a connection failed");
        this.disconnect({ code: "other", message: "internal error" });
      }
    }
    this.#partialSince =
      this.#framing.isPartial && !this.#paused ? (this.#partialSince ?? performance.now()) : undefined;
  }

  /** One whole message. False: read no further for now. */
  #take(message: Buffer): boolean {
    this.#partialSince = undefined;
    const decoded = decodeMessage(message, this.#limits);
    if (decoded.kind === "rejected") this.#reject(decoded.rejected);
    else {
      const { request } = decoded;
      const dispatched = new DispatchedMessage(request.id, protocolOps[request.operation], () => this.#serve(request));
      this.#socket.parser.emit("message", dispatched);
    }
    if (this.#ended) return false;
    if (this.session.inFlight < this.#limits.operationsPerConnection) return true;
    this.#paused = true;
    this.#socket.pause();
    return false;
  }

  #reject({ id, operation, code, message }: Rejected): void {
    if (!isAnswered(operation)) {
      if (operation === "unbind") this.end();
      return;
    }
    writeResult(this.#out, id, operation, this.session.refuse(operation, { code, message }));
    this.#flushSoon();
  }

  #serve(request: Request): void {
    if (this.#ended) return;
    if (request.operation === "unbind") {
      this.end();
      return;
    }
    const taken = this.session.take(request);
    if (!taken) return;
    if ("code" in taken) {
      if (taken.entries) writeEntries(this.#out, request.id, taken.entries);
      writeResult(this.#out, request.id, request.operation, taken);
      if (this.#out.length >= flushBytes) this.#flush();
      else this.#flushDue = true; // when the chunk is worked through
      return;
    }
    this.#send(request, taken).catch((error: unknown) => {
      this.#log.error({ err: error, session: this.session.number }, "answers could not be sent");
      this.destroy();
    });
  }

  async #send(request: Request, { answers, cancellation }: Underway): Promise<void> {
    let next = await answers.next();
    while (!next.done) {
      if (this.#ended || cancellation.canceled) {
        await answers.return(canceled);
        break;
      }
      writeEntries(this.#out, request.id, next.value);
      if (this.#out.length >= flushBytes) {
        this.#flush();
        if (this.#socket.writableNeedDrain) await this.#drained();
      }
      next = await answers.next();
    }
    if (next.done && !this.#ended && !cancellation.canceled) {
      writeResult(this.#out, request.id, request.operation, next.value);
      if (this.session.inFlight === 0) this.#flush();
      else this.#flushSoon();
    }
    this.#readOn();
  }

  #readOn(): void {
    if (!this.#paused || this.#ended || this.session.inFlight >= this.#limits.operationsPerConnection) return;
    this.#paused = false;
    this.#guard(() => this.#framing.resume(this.#takeMessage));
    if (this.#flushDue) this.#flush();
    if (!this.#paused && !this.#ended) this.#socket.resume();
  }

  /** Resolves when the client has taken what was written, or is gone. */
  async #drained(): Promise<void> {
    this.#stalledSince ??= performance.now();
    const gone = new AbortController();
    const closed = once(this.#socket, "close", { signal: gone.signal });
    const drained = once(this.#socket, "drain", { signal: gone.signal });
    try {
      await Promise.race([closed, drained]);
    } finally {
      closed.catch(() => {});
      drained.catch(() => {});
      gone.abort();
    }
  }

  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    setImmediate(() => {
      if (this.#flushDue) this.#flush();
    });
  }

  /** One write for everything that is ready. */
  #flush(): void {
    this.#flushDue = false;
    if (this.#out.length === 0 || this.#socket.destroyed) return;
    const isTaken = this.#socket.write(this.#out.finish());
    // What the kernel has not taken at once still stands in this memory.
    if (this.#socket.writableLength === 0 && this.#out.length < flushBytes) this.#out.reset();
    else this.#out = new BerWriter(firstCapacity);
    if (!isTaken) this.#stalledSince ??= performance.now();
  }

  /** Holds the connection against its limits on time. */
  checkTime(now: number): void {
    const { idleTime, messageTime, writeStall } = this.#limits;
    if (this.#ended) return;
    if (this.#stalledSince !== undefined && now - this.#stalledSince > writeStall) {
      this.#log.info({ session: this.session.number }, "a client that takes no answers was disconnected");
      this.destroy();
    } else if (this.#partialSince !== undefined && now - this.#partialSince > messageTime) {
      this.disconnect({ code: "protocolError", message: "a message was begun and not finished in time" });
    } else if (this.session.inFlight === 0 && now - this.#lastHeard > idleTime) {
      this.disconnect({ code: "unavailable", message: "the connection was idle for too long" });
    }
  }

  /** Tells the client why in a Notice of Disconnection (RFC 4511 4.4.1) and closes. */
  disconnect(why: Result): void {
    if (this.#ended) return;
    writeNotice(this.#out, why);
    this.end();
  }

  /** Sends what is ready and closes. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#framing.stop();
    this.#flush();
    this.session.close();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), goodbyeTime);
    timer.unref();
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.resume();
  }

  destroy(): void {
    this.#ended = true;
    this.#framing.stop();
    this.session.close();
    this.#socket.destroy();
  }

  #gone(): void {
    this.#ended = true;
    this.#framing.stop();
    this.session.close();
  }
}

const canceled: Result = { code: "canceled" };
