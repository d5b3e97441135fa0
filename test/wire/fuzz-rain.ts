// Malformed messages in great number, sent by several clients at once. Behind each stands a question, and the answer to
// it proves that the server is done with the message; where a message ends the connection, those behind it are sent
// again on another. How far the bytes of a message reach is known from the lengths in them, so nobody waits for a
// silence: every message is followed by an answer or by the end of the connection, or the watchdog names it.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { BerError, BerReader } from "../../src/ber/reader.js";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, readResponse } from "../support/raw-client.js";

export interface Rain {
  readonly port: number;
  /** How to have the same messages again, for a complaint to tell. */
  readonly name: string;
  /** Who sends a message: both kinds of senders, or every other batch the ones that bind as an administrator. */
  readonly senders: "all" | "in turn";
  /** Numbers of the messages: from the first one to before the other. */
  readonly from: number;
  readonly to: number;
  messageOf(n: number): Buffer;
}

/** What became of the messages. */
export interface Tally {
  /** Those that the server was done with: the connection went on behind them, or was ended by them. */
  taken: number;
  connections: number;
  /** Connections that the server ended, with a Notice of Disconnection and without one. */
  notices: number;
  silent: number;
  /** What should not have happened: the first few of it. */
  readonly complaints: string[];
}

const administrator = { dn: "cn=console,ou=applications,dc=example,dc=com", password: "console-secret" };
/** So many messages stand in one write, each with its question. */
const batchSize = 16;
const sendersOfEachKind = 8;
/** Bytes sent at most to fill up a message that announces more than it has; where it announces more, sending ends. */
const mostPadding = 64 * 1024;
/** Milliseconds for a batch, which takes a few: no judgement of speed, only of life. */
const patience = 20_000;
const mostComplaints = 20;
/** IDs of questions: none of the samples is near them, and hardly anything that is made of them. */
const firstQuestion = 0x5a000000;

const startTls = Buffer.from("1.3.6.1.4.1.1466.20037");

/** Half of the senders bind as an administrator, so that what is nearly right reaches the store. */
export async function rain(of: Rain): Promise<Tally> {
  const tally: Tally = { taken: 0, connections: 0, notices: 0, silent: 0, complaints: [] };
  const senders = [false, true].flatMap((isBound) => {
    const share = of.senders === "all" ? batches(of, 0, 1) : batches(of, Number(isBound), 2);
    return Array.from({ length: sendersOfEachKind }, () => ({ sender: new Sender(of, tally, isBound), share }));
  });
  try {
    await Promise.all(senders.map(({ sender, share }) => sender.sendAll(share)));
  } catch (error) {
    // Where the server as a whole does nothing more, it may be at the message of any of them.
    const others = senders.map(({ sender }) => sender.waitsFor).join("; ");
    throw new Error(`${of.name}: ${String(error)}\nwaited for: ${others}`);
  }
  return tally;
}

/** Batch number `first`, and each that is `step` further. Several senders take from the same ones. */
function* batches({ from, to }: Rain, first: number, step: number): Generator<number[]> {
  for (let begin = from + first * batchSize; begin < to; begin += step * batchSize) {
    yield Array.from({ length: Math.min(batchSize, to - begin) }, (_, n) => begin + n);
  }
}

/** One write: a bind, then messages with a question behind each. */
interface Batch {
  readonly bytes: Buffer;
  readonly numbers: readonly number[];
  /** ID of the bind; that of the question behind message n is n + 1 above it. */
  readonly bind: number;
  readonly last: number;
  /** ID of the question that the last message may have taken for a part of itself, and then answers for. */
  readonly swallowed: number;
  /** What may begin TLS stands alone: where it does, what was sent with it ends the connection, answers and all. */
  readonly beginsTls: boolean;
  /** What was announced is more than will ever come: sending ends, and the server has to end the connection. */
  readonly isOpenEnded: boolean;
}

class Sender {
  readonly #rain: Rain;
  readonly #tally: Tally;
  readonly #isBound: boolean;
  #line: Line | undefined;
  #batch: Batch | undefined;
  #id = firstQuestion;

  constructor(rain: Rain, tally: Tally, isBound: boolean) {
    this.#rain = rain;
    this.#tally = tally;
    this.#isBound = isBound;
  }

  async sendAll(share: Iterable<readonly number[]>): Promise<void> {
    for (const numbers of share) {
      for (let left = numbers; left.length > 0; ) left = left.slice(await this.#send(left));
    }
    await this.#send([]);
    this.#line?.destroy();
  }

  /** Sends as many of them as one write can hold; returns how many the server is done with. */
  async #send(numbers: readonly number[]): Promise<number> {
    const isFresh = !this.#line;
    const line = this.#line ?? (await Line.to(this.#rain.port));
    this.#line = line;
    if (isFresh) this.#tally.connections++;
    const batch = this.#layOut(numbers);
    this.#batch = batch;
    line.send(batch);
    if (!(await line.answered())) throw new Error(this.#at(batch, line, "neither an answer nor an end"));
    for (const complaint of line.complaints.splice(0)) this.#complain(batch, line, complaint);
    if (!line.isClosed) return this.#took(batch.numbers.length);
    this.#line = undefined;
    this.#countEnd(line, batch);
    const answered = batch.beginsTls ? 0 : line.answer - batch.bind;
    if (answered < 0 && isFresh) throw new Error(this.#at(batch, line, "a connection that ends at its first bind"));
    return this.#took(Math.min(batch.numbers.length, answered + 1));
  }

  #took(count: number): number {
    this.#tally.taken += count;
    return count;
  }

  #layOut(numbers: readonly number[]): Batch {
    const parts = [this.#bind()];
    const batch = { bind: this.#id, swallowed: 0, beginsTls: false, isOpenEnded: false };
    const sent: number[] = [];
    for (const n of numbers) {
      const bytes = this.#rain.messageOf(n);
      const beginsTls = bytes.includes(startTls);
      if (beginsTls && sent.length > 0) break;
      batch.beginsTls = beginsTls;
      const question = this.#question(n);
      parts.push(bytes, question);
      sent.push(n);
      if (!isOneMessage(bytes)) {
        const lacking = lackingIn(Buffer.concat([bytes, question]));
        batch.swallowed = this.#id;
        batch.isOpenEnded = lacking > mostPadding;
        // What it swallowed of the question is made up for.
        if (!batch.isOpenEnded) parts.push(Buffer.alloc(lacking), this.#question(n));
      }
      if (batch.beginsTls || batch.swallowed > 0) break;
    }
    return { ...batch, bytes: Buffer.concat(parts), numbers: sent, last: this.#id };
  }

  /**
   * A bind waits for everything under way before it: its answer proves that each of it has ended. Whoever is bound asks
   * in this way most often, so that what was nearly right is carried out before something else ends the connection, and
   * a bind among the messages does not make the others strangers.
   */
  #question(n: number): Buffer {
    return this.#isBound && n % 4 > 0 ? this.#bind() : send.whoAmI(this.#nextId());
  }

  #bind(): Buffer {
    const { dn, password } = this.#isBound ? administrator : { dn: "", password: "" };
    return send.bind(this.#nextId(), dn, password);
  }

  #nextId(): number {
    this.#id++;
    return this.#id;
  }

  #countEnd(line: Line, batch: Batch): void {
    if (line.hasNotice) {
      this.#tally.notices++;
      return;
    }
    this.#tally.silent++;
    // An unbind may be obeyed before the answer to what stands before it has gone out.
    const n = batch.numbers[Math.max(0, line.answer - batch.bind)];
    if (batch.isOpenEnded || batch.beginsTls || (n !== undefined && isUnbind(this.#rain.messageOf(n)))) return;
    this.#complain(batch, line, "an end without a word");
  }

  #complain(batch: Batch, line: Line, what: string): void {
    const { complaints } = this.#tally;
    if (complaints.length < mostComplaints) complaints.push(`${this.#rain.name}: ${this.#at(batch, line, what)}`);
  }

  /** The messages that are not answered: those before them in their write may have been, and not be heard of yet. */
  get waitsFor(): string {
    const left = this.#batch?.numbers.slice(Math.max(0, (this.#line?.answer ?? 0) - this.#batch.bind)) ?? [];
    return left.length === 0 ? "nothing" : `${left[0]} to ${left.at(-1)}`;
  }

  /** What happened, with the message that was the next to be done with. */
  #at({ numbers, bind }: Batch, { answer }: Line, what: string): string {
    const n = numbers[Math.max(0, answer - bind)];
    const where = answer < bind ? "before" : "at";
    const hex = n === undefined ? "" : this.#rain.messageOf(n).toString("hex").slice(0, 2000);
    const message = n === undefined ? "the end" : `message ${n}: ${hex}`;
    return `${what} ${where} ${message} (${this.#isBound ? "bound" : "not bound"})`;
  }
}

/** One connection: what has come back on it. */
class Line {
  /** The greatest ID of a question that was answered: answers may come in any order (RFC 4511 3.1). */
  answer = 0;
  hasNotice = false;
  isClosed = false;
  readonly complaints: string[] = [];
  readonly #socket: Socket;
  #arrived: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #batch: Batch | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => {}); // a reset: "close" follows
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake?.();
    });
  }

  static async to(port: number): Promise<Line> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return new Line(socket);
  }

  send(batch: Batch): void {
    this.#batch = batch;
    this.#socket.write(batch.bytes);
    if (batch.isOpenEnded) this.#socket.end();
  }

  destroy(): void {
    this.#socket.resetAndDestroy(); // leaves nothing behind that would occupy the port
  }

  /** Waits for the last answer of what was sent, or the end of the connection; false when neither comes. */
  async answered(): Promise<boolean> {
    if (this.#isDone) return true;
    let timer: NodeJS.Timeout | undefined;
    const isDone = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), patience);
      this.#wake = () => resolve(true);
    });
    clearTimeout(timer);
    return isDone;
  }

  get #isDone(): boolean {
    return this.isClosed || this.answer === this.#batch?.last;
  }

  #take(chunk: Buffer): void {
    let bytes = this.#arrived.length > 0 ? Buffer.concat([this.#arrived, chunk]) : chunk;
    for (let total = lengthOf(bytes); total !== undefined && total <= bytes.length; total = lengthOf(bytes)) {
      // What is no message has no end either.
      const message = bytes.subarray(0, total || bytes.length);
      this.#note(message);
      bytes = bytes.subarray(message.length);
    }
    this.#arrived = bytes;
    if (this.#isDone) this.#wake?.();
  }

  #note(bytes: Buffer): void {
    try {
      const { id, code, message, responseName } = readResponse(bytes);
      const { bind = 0, last = 0, swallowed = 0 } = this.#batch ?? {};
      const isQuestion = id >= bind && id <= last;
      if (this.hasNotice) this.complaints.push(`an answer to ${id} behind the notice`);
      if (isQuestion) this.answer = Math.max(this.answer, id);
      if (id === 0) this.hasNotice = responseName === noticeOfDisconnection && code === 2;
      if (code === 80) this.complaints.push(`an internal error as the result of ${id}`);
      else if (id === 0 && !this.hasNotice) this.complaints.push(`an answer to nobody: ${code} (${message})`);
      else if (isQuestion && id !== swallowed && code !== 0) {
        this.complaints.push(`the result ${code} (${message}) of a question`);
      }
    } catch (error) {
      this.complaints.push(`an answer that is none (${String(error)}): ${bytes.toString("hex")}`);
      this.destroy();
    }
  }
}

/** The length of the element at `at`; undefined while its header is not whole, 0 where it is not one of a message. */
function lengthOf(bytes: Buffer, at = 0): number | undefined {
  if (at < bytes.length && bytes[at] !== 0x30) return 0;
  if (at + 2 > bytes.length) return undefined;
  const first = bytes[at + 1]!;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  // RFC 4511 5.1: definite lengths only. More than four octets are no length that anybody takes.
  if (octets < 1 || octets > 4) return 0;
  return at + 2 + octets > bytes.length ? undefined : 2 + octets + bytes.readUIntBE(at + 2, octets);
}

function isOneMessage(bytes: Buffer): boolean {
  return bytes.length === 0 || lengthOf(bytes) === bytes.length;
}

/** How many bytes the last message in these lacks; 0 too where something in them is no message. */
function lackingIn(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOf(bytes, at);
    if (length === 0) return 0;
    if (length === undefined) return Number.POSITIVE_INFINITY;
    at += length;
    if (at > bytes.length) return at - bytes.length;
  }
  return 0;
}

/** Whether the operation in it is an unbind, however wrong it is otherwise: it ends the connection without an answer. */
function isUnbind(bytes: Buffer): boolean {
  try {
    // As it was filled up, where it was cut short.
    const reader = new BerReader(Buffer.concat([bytes], Math.max(bytes.length, lengthOf(bytes) ?? 0)));
    reader.open(0x30);
    reader.integer();
    return reader.peek() === 0x42;
  } catch (error) {
    if (error instanceof BerError) return false;
    throw error;
  }
}
