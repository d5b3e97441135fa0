// One connection's bytes: messages in, answers out, and the only writer of its socket. What the client sends is read no
// faster than it is worked on, and what it gets is made no faster than it takes it.
import type { Socket } from "node:net";
import { BerWriter } from "../ber/writer.js";
import type { Limits } from "../model/limits.js";
import { type Answers, canceled, type Request, type Result } from "../model/message.js";
import { type Session, SessionError, type Stopping, type Underway } from "../session/session.js";
import type { Log } from "../telemetry/log.js";
import { DecodeError, decodeMessage, type Rejected } from "./decode.js";
import { isAnswered, writeEntries, writeNotice, writeResult } from "./encode.js";
import { Framing, FramingError } from "./framing.js";
import { Dispatched, type DispatchingSocket } from "./ldapjs-server.js";
import { Places } from "./places.js";
import { isProxyHeader, untrustedHeader } from "./proxy-header.js";
import { type Secured, tlsChannel } from "./tls-server.js";
import type { Turn } from "./turn.js";

/** Answers are handed to the socket when there are so many bytes of them, or when their turn ends. */
const flushBytes = 64 * 1024;
const firstCapacity = 256;
/** Memory for answers that a connection keeps while it has nothing to say. */
const keptCapacity = 8 * 1024;
/** How long a client may take to hear why it is disconnected, in milliseconds. */
const goodbyeTime = 1000;
/** Messages of one connection are worked on for so long, in milliseconds; then it is the others' turn. */
const longestTurn = 10;
/** Who has to rest looks again after so long at the latest, in milliseconds. */
const longestRest = 10_000;
/**
 * Searches of one connection that send entries at once; others wait for one of them to end. They share one socket, so more
 * of them are no faster, and each holds what it has read until the client takes it.
 */
const mostSending = 4;
/** The clock is looked at once in so many bytes of messages: what is long takes long. */
const bytesPerLook = 1024;

/** What a connection needs of the listener that it came in by. */
export interface Entrance {
  readonly limits: Limits;
  readonly turn: Turn;
  readonly log: Log;
  /** The memory that unfinished messages of all who have not bound take. */
  readonly unfinished: { bytes: number };
  /** Where searches of all connections send entries from. */
  readonly sending: Places;
  /** Makes TLS of a socket that nobody reads any more (StartTLS). */
  secure(socket: Socket, done: (secured: Secured) => void): void;
  /** A connection of ldapjs. */
  adopt(socket: Socket): DispatchingSocket;
  /** Leaves the audit line of a connection that is closed for what it began with. */
  turnedAway(session: Session, rule: string): void;
}

export class Connection {
  readonly session: Session;
  /** What is read and written; TLS over `#lowest` where there is TLS. */
  #socket: DispatchingSocket;
  /** TCP, or the Unix socket. */
  readonly #lowest: DispatchingSocket;
  readonly #entrance: Entrance;
  readonly #limits: Limits;
  readonly #turn: Turn;
  readonly #log: Log;
  readonly #framing: Framing;
  readonly #takeMessage = (message: Buffer): boolean => this.#take(message);
  readonly #dispatched = new Dispatched((request) => this.#serve(request));
  #out = new BerWriter(firstCapacity);
  #flushDue = false;
  #paused = false;
  #ended = false;
  /** A bind's result is not written yet: that of nothing behind it may overtake it. */
  #owesBind = false;
  /** The answer to StartTLS, until it is known that nothing stands behind the request in the clear. */
  #startTls: { readonly id: number; readonly result: Result } | undefined;
  /** A TLS handshake is under way: nothing may be written in the clear. */
  #isShakingHands = false;
  /** Whether a message has been taken. */
  #hasHeard = false;
  /** The client has said all that it will say, but may still listen. */
  #hasHeardAll = false;
  /** Why the connection ends as soon as nothing is under way. */
  #finishing: Result | undefined;
  /** Until when the application may not ask. */
  #resting: NodeJS.Timeout | undefined;
  /** Bytes of messages taken since the clock was looked at, and when this turn has to end. */
  #taken = 0;
  #turnEnds = 0;
  /** Operations whose answers are not all written: more than the session has under way by those that just ended. */
  #answering = 0;
  /** Answers that wait for the client to take earlier ones. */
  #waiting: (() => void)[] = [];
  /** Where its searches send entries from. */
  readonly #sending = new Places(mostSending);
  /** When something last happened, for the limits on time; in milliseconds of `performance.now()`. */
  #lastHeard = performance.now();
  #partialSince: number | undefined;
  /** Its part of `unfinished`. */
  #held = 0;
  /** Bytes that the kernel had not taken when last looked at (0: nothing waits), and since when it is these. */
  #untaken = 0;
  #untakenSince = 0;

  /** `lowest`: what `socket` runs over, where it is TLS. */
  constructor(socket: DispatchingSocket, lowest: Socket, session: Session, entrance: Entrance) {
    this.#socket = socket;
    this.#lowest = lowest as DispatchingSocket;
    this.session = session;
    this.#entrance = entrance;
    this.#limits = entrance.limits;
    this.#turn = entrance.turn;
    this.#log = entrance.log;
    this.#framing = new Framing(entrance.limits.messageBytesBeforeBind);
    this.#listen();
  }

  #listen(): void {
    const socket = this.#socket;
    // Who has asked and then closed one half of the connection waits for the answer on the other.
    socket.allowHalfOpen = true;
    socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("end", this.#onEnd);
    socket.on("close", () => this.#stop());
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#ended) this.#work(chunk);
  };

  readonly #onDrain = (): void => {
    this.#wake();
    this.#readOn();
  };

  readonly #onEnd = (): void => {
    this.#hasHeardAll = true;
    this.#endIfDone();
  };

  /** Ends when nothing more can come and everything is answered. */
  #endIfDone(): void {
    if (this.#hasHeardAll && !this.#paused && this.#answering === 0) this.end();
  }

  /** Works on what a chunk brings; without one, on what was kept back before. */
  #work(chunk: Buffer | undefined): void {
    const now = performance.now();
    this.#lastHeard = now;
    this.#turnEnds = now + longestTurn;
    this.#taken = 0;
    const { messageBytes, messageBytesBeforeBind } = this.#limits;
    this.#framing.limit = this.session.hasBound ? messageBytes : messageBytesBeforeBind;
    try {
      if (chunk) this.#framing.push(chunk, this.#takeMessage);
      else this.#framing.resume(this.#takeMessage);
    } catch (error) {
      if (chunk && !this.#hasHeard && isProxyHeader(chunk)) {
        this.#entrance.turnedAway(this.session, untrustedHeader);
      }
      this.#fail(error);
    }
    this.#beginTls();
    this.#hold(this.#ended || this.session.hasBound ? 0 : this.#framing.held);
    this.#partialSince = this.#framing.isPartial && !this.#paused ? (this.#partialSince ?? now) : undefined;
    if (this.#flushDue) this.#turn.answered(this);
  }

  /** Counts the memory that an unfinished message takes of somebody whom nobody knows. */
  #hold(bytes: number): void {
    const { unfinished } = this.#entrance;
    unfinished.bytes += bytes - this.#held;
    this.#held = bytes;
    if (bytes > 0 && unfinished.bytes > this.#limits.unfinishedBytes) {
      this.disconnect({
        code: "busy",
        message: "too many messages are begun and not finished; bind first, or try again later",
      });
    }
  }

  /** Turns what ends a connection into its end; anything else that is thrown here is a mistake of ours. */
  #fail(error: unknown): void {
    if (error instanceof FramingError || error instanceof DecodeError || error instanceof SessionError) {
      this.disconnect({ code: "protocolError", message: error.message });
    } else {
      this.#log.error({ err: error, session: this.session.number }, "a connection failed");
      this.disconnect({ code: "other", message: "internal error" });
    }
  }

  /** One whole message. False: read no further for now. */
  #take(message: Buffer): boolean {
    this.#partialSince = undefined;
    this.#hasHeard = true;
    const decoded = decodeMessage(message, this.#limits);
    if (decoded.kind === "rejected") this.#reject(decoded.rejected);
    else this.#socket.parser.emit("message", this.#dispatched.as(decoded.request));
    if (this.#ended) return false;
    if (!this.#mustWait()) {
      this.#taken += message.length;
      if (this.#taken < bytesPerLook) return true;
      this.#taken = 0;
      if (performance.now() < this.#turnEnds) return true;
      setImmediate(() => this.#readOn());
    }
    this.#paused = true;
    this.#socket.pause();
    return false;
  }

  /** Whether further requests have to wait: for room, for a bind, for TLS, or for the client to take its answers. */
  #mustWait(): boolean {
    const { session } = this;
    return (
      session.inFlight >= this.#limits.operationsPerConnection ||
      session.isBinding ||
      this.#owesBind ||
      session.awaitsTls ||
      this.#mustRest() ||
      this.#finishing !== undefined ||
      this.#socket.writableNeedDrain
    );
  }

  /** Whether the application asks too fast. Then, and always then, the clock is set for when it may ask again. */
  #mustRest(): boolean {
    const { restTime } = this.session;
    if (restTime === 0) return false;
    this.#resting ??= setTimeout(
      () => {
        this.#resting = undefined;
        this.#readOn();
      },
      Math.min(Math.ceil(restTime), longestRest),
    ).unref();
    return true;
  }

  #readOn(): void {
    if (!this.#paused || this.#ended || this.#mustWait()) return;
    this.#paused = false;
    this.#work(undefined);
    if (this.#paused || this.#ended) return;
    this.#socket.resume();
    this.#endIfDone();
  }

  /** What comes after the answer to StartTLS is TLS (RFC 4511 4.14.2). */
  #beginTls(): void {
    const answer = this.#startTls;
    // An operation that has just ended may still have its answer to write.
    if (!answer || this.#ended || this.#answering > 0) return;
    this.#startTls = undefined;
    // Sent in the clear, perhaps by somebody in between, to be taken for what came under TLS.
    if (this.#framing.isPartial) {
      this.#entrance.turnedAway(this.session, "bytes in the clear behind StartTLS");
      this.disconnect({ code: "protocolError", message: "bytes in the clear stand behind StartTLS" });
      return;
    }
    writeResult(this.#out, answer.id, "extended", answer.result);
    this.flush();
    const socket = this.#socket;
    socket.off("data", this.#onData).off("drain", this.#onDrain).off("end", this.#onEnd);
    // A client that says no more in the middle of a handshake will never finish it.
    socket.allowHalfOpen = false;
    this.#isShakingHands = true;
    this.#entrance.secure(socket, (secured) => {
      this.#isShakingHands = false;
      if (this.#ended) return;
      if ("error" in secured) {
        this.#log.debug({ session: this.session.number, why: secured.error.message }, "a TLS handshake failed");
        this.destroy();
        return;
      }
      this.session.secured(tlsChannel(this.session.channel.address, secured.socket));
      this.#socket = this.#entrance.adopt(secured.socket);
      this.#lastHeard = performance.now();
      this.#paused = false;
      this.#framing.resume(this.#takeMessage);
      this.#listen();
    });
  }

  #reject({ id, operation, code, message }: Rejected): void {
    if (!isAnswered(operation)) {
      if (operation === "unbind") this.end();
      return;
    }
    const result = { code, message };
    this.session.refuse(id, operation, result);
    writeResult(this.#out, id, operation, result);
    this.#flushDue = true;
  }

  /** Called by ldapjs, which would answer for itself if anything were thrown. */
  #serve(request: Request): void {
    try {
      if (request.operation === "unbind") {
        this.end();
        return;
      }
      const taken = this.session.take(request);
      if (!taken) return;
      if (this.session.awaitsTls && "code" in taken) this.#startTls = { id: request.id, result: taken };
      else if ("code" in taken) {
        if (taken.entries) writeEntries(this.#out, request.id, taken.entries);
        writeResult(this.#out, request.id, request.operation, taken);
        if (this.#out.length >= flushBytes) this.flush();
        else this.#flushDue = true; // when the chunk is worked through
      } else void this.#send(request, taken);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #send(request: Request, { answers, stopping }: Underway): Promise<void> {
    this.#answering++;
    if (request.operation === "bind") this.#owesBind = true;
    try {
      const result =
        request.operation === "search"
          ? await this.#inPlace(() => this.#sendEntries(request, answers, stopping))
          : await this.#sendEntries(request, answers, stopping);
      this.#answering--;
      if (request.operation === "bind") this.#owesBind = false;
      if (!stopping.isAbandoned) {
        writeResult(this.#out, request.id, request.operation, result);
        this.#flushSoon();
      }
      this.#lastHeard = performance.now();
      if (this.#finishing && this.#answering === 0) this.disconnect(this.#finishing);
      this.#beginTls();
      this.#readOn();
      this.#endIfDone();
    } catch (error) {
      this.#log.error({ err: error, session: this.session.number }, "answers could not be sent");
      this.destroy();
    }
  }

  async #inPlace(send: () => Promise<Result>): Promise<Result> {
    // The administrator waits for nobody.
    const shared = this.#isLocal ? undefined : this.#entrance.sending;
    await this.#sending.take();
    await shared?.take();
    try {
      return await send();
    } finally {
      shared?.giveBack();
      this.#sending.giveBack();
    }
  }

  async #sendEntries(request: Request, answers: Answers, stopping: Stopping): Promise<Result> {
    let next = await answers.next();
    while (!next.done) {
      if (!stopping.canceled) {
        writeEntries(this.#out, request.id, next.value);
        if (this.#out.length >= flushBytes) this.flush();
        if (this.#socket.writableNeedDrain) await this.#drained();
      }
      next = await (stopping.canceled ? answers.return(canceled) : answers.next());
    }
    return next.value;
  }

  /** Resolves when the client has taken what was written, or is gone. */
  #drained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#turn.flushAtEnd(this);
  }

  /** One write for everything that is ready. */
  flush(): void {
    this.#flushDue = false;
    if (this.#out.length === 0 || this.#socket.destroyed) return;
    this.#socket.write(this.#out.finish());
    // What the kernel has not taken at once still stands in this memory.
    if (this.#socket.writableLength === 0 && this.#out.length <= keptCapacity) this.#out.reset();
    else this.#out = new BerWriter(firstCapacity);
  }

  /** Holds the connection against its limits on time. */
  checkTime(now: number): void {
    const { idleTime, idleTimeBeforeBind, messageTime, writeStall } = this.#limits;
    // A handshake has a limit of its own.
    if (this.#ended || this.#isShakingHands) return;
    const mostIdle = this.session.hasBound ? idleTime : Math.min(idleTime, idleTimeBeforeBind);
    // The administrator may page through an export for as long as they like.
    if (!this.#isLocal && this.#stalledFor(now) > writeStall) {
      this.giveUp();
    } else if (this.#partialSince !== undefined && now - this.#partialSince > messageTime) {
      this.disconnect({ code: "protocolError", message: "a message was begun and not finished in time" });
    } else if (this.#answering === 0 && !this.#resting && now - this.#lastHeard > mostIdle) {
      this.disconnect({ code: "unavailable", message: "the connection was idle for too long" });
    }
  }

  get #isLocal(): boolean {
    return this.session.channel.kind === "local";
  }

  /** Since when a search of it has been waiting for the client to take anything. */
  get waitsSince(): number | undefined {
    return this.#waiting.length > 0 && this.#untaken > 0 && !this.#isLocal ? this.#untakenSince : undefined;
  }

  /** Disconnects a client that takes none of its answers. */
  giveUp(): void {
    this.#log.info({ session: this.session.number }, "a client that takes no answers was disconnected");
    this.destroy();
  }

  /** For how long the client has taken nothing at all, in milliseconds: one that takes little at a time is only slow. */
  #stalledFor(now: number): number {
    // One more than the kernel has: TLS may keep everything to itself, as while a client renegotiates and never ends it.
    const untaken = this.#socket.writableLength === 0 ? 0 : (this.#lowest._handle?.writeQueueSize ?? 0) + 1;
    if (untaken === 0 || untaken !== this.#untaken) {
      this.#untaken = untaken;
      this.#untakenSince = now;
    }
    return untaken > 0 ? now - this.#untakenSince : 0;
  }

  /** Takes no further requests, and disconnects when those under way are answered. */
  finish(why: Result): void {
    if (this.#ended || this.#finishing) return;
    if (this.#answering === 0) {
      this.disconnect(why);
      return;
    }
    this.#finishing = why;
    this.#paused = true;
    this.#framing.stop();
    this.#socket.pause();
  }

  /** Tells the client why in a Notice of Disconnection (RFC 4511 4.4.1) and closes. */
  disconnect(why: Result): void {
    if (this.#ended) return;
    this.#log.debug({ session: this.session.number, why: why.message }, "a client is disconnected");
    if (this.#isShakingHands) {
      this.destroy();
      return;
    }
    writeNotice(this.#out, why);
    this.end();
  }

  /** Sends what is ready and closes. */
  end(): void {
    if (this.#ended) return;
    this.#stop();
    this.flush();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), goodbyeTime);
    timer.unref();
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.resume();
  }

  destroy(): void {
    this.#stop();
    this.#socket.destroy();
  }

  #stop(): void {
    this.#ended = true;
    this.#framing.stop();
    clearTimeout(this.#resting);
    this.#hold(0);
    this.session.close();
    this.#turn.left(this);
    this.#wake();
  }
}
