// A client of a server on this machine, through its Unix socket, where the local administrator needs no bind.
import { connect, type Socket } from "node:net";
import { BerReader } from "../ber/reader.js";
import { BerWriter } from "../ber/writer.js";
import { LdapError } from "../model/failure.js";
import { type ResultCode, resultCodes } from "../model/result-code.js";
import { type WritableRequest, writeRequest } from "./encode-request.js";
import { Framing } from "./framing.js";

/** How long the server may say nothing while an answer is due, in milliseconds. */
const longestSilence = 60_000;
/** The largest answer taken, in bytes: what a server sends is far smaller. */
const longestAnswer = 64 * 1024 * 1024;
const greatestId = 0x7fffffff;

/** A request to be given its message ID. */
export type Asked = WritableRequest extends infer One
  ? One extends unknown
    ? Omit<One, "id" | "controls">
    : never
  : never;

/** What a request takes on its way, in bytes. */
export function requestBytes(asked: Asked): number {
  return encoded(asked, greatestId).length;
}

function encoded(asked: Asked, id: number): Buffer {
  const writer = new BerWriter();
  writeRequest(writer, { ...asked, id, controls: [] } as WritableRequest);
  return writer.finish();
}

interface Waiting {
  readonly onPiece: ((piece: Buffer) => Promise<void> | void) | undefined;
  /** The pieces that were handed on are done with when this is. */
  taken: Promise<void>;
  resolve(value: Buffer): void;
  reject(error: unknown): void;
}

const codeNames = new Map(Object.entries(resultCodes).map(([name, code]) => [code as number, name as ResultCode]));

export class LocalClient {
  readonly #socket: Socket;
  readonly #framing = new Framing(longestAnswer);
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #failure: Error | undefined;

  /** Why nothing can be asked any more; undefined while it can. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.setTimeout(longestSilence, () => {
      // Whoever takes the pieces may be slow; that is not the server's silence.
      if (this.#waiting.size === 0 || socket.isPaused()) return;
      this.#fail(new LdapError("unavailable", "the server does not answer"));
      socket.destroy();
    });
    socket.on("close", () => this.#fail(new LdapError("unavailable", "the server has ended the connection")));
  }

  /** Connects; undefined where no server answers at this path. Rejects where it may not be opened. */
  static connect(path: string): Promise<LocalClient | undefined> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const failed = (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(undefined);
        else reject(Object.assign(error, { path }));
      };
      socket.once("error", failed);
      socket.once("connect", () => {
        socket.off("error", failed);
        resolve(new LocalClient(socket));
      });
    });
  }

  /**
   * Sends a request; resolves with the value of its response, empty where it has none. `onPiece` gets the values of
   * intermediate responses, in order. Rejects with an LdapError of the server's code and words where it is refused.
   */
  request(asked: Asked, onPiece?: (piece: Buffer) => Promise<void> | void): Promise<Buffer> {
    const id = (this.#id % greatestId) + 1;
    this.#id = id;
    const message = encoded(asked, id);
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#waiting.set(id, { onPiece, taken: Promise.resolve(), resolve, reject });
      this.#socket.write(message);
    });
  }

  /** Says goodbye. What is still unanswered is rejected. */
  close(): void {
    this.#socket.end(Buffer.from([0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x00]));
  }

  #take(chunk: Buffer): void {
    try {
      this.#framing.push(chunk, (message) => {
        this.#answer(new BerReader(message));
        return true;
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#fail(new LdapError("protocolError", `what answers at the socket does not speak LDAP: ${why}`));
      this.#socket.destroy();
    }
  }

  #answer(reader: BerReader): void {
    reader.open(0x30);
    const id = reader.integer();
    const tag = reader.peek();
    reader.open(tag);
    const waiting = this.#waiting.get(id);
    if (tag === 0x79) {
      const piece = Buffer.from(reader.octets(0x81));
      if (waiting) this.#handOn(waiting, piece);
      return;
    }
    const code = codeNames.get(reader.enumerated()) ?? "other";
    reader.octets();
    const message = reader.text();
    if (reader.peek() === 0xa3) reader.octets(0xa3); // a referral, of which there are none
    if (reader.peek() === 0x8a) reader.octets(0x8a);
    const value = reader.done ? Buffer.alloc(0) : Buffer.from(reader.octets(0x8b));
    if (!waiting) {
      // A Notice of Disconnection (RFC 4511 4.4.1) has message ID 0.
      const what =
        id === 0 ? `the server has ended the connection: ${message}` : "the server answers what was not asked";
      this.#fail(new LdapError(id === 0 ? code : "protocolError", what));
      return;
    }
    this.#waiting.delete(id);
    const end = () => {
      if (code === "success") waiting.resolve(value);
      else waiting.reject(new LdapError(code, message));
    };
    waiting.taken.then(end, waiting.reject);
  }

  /** Reads no further while a piece is worked on: whoever takes it may be slow. */
  #handOn(waiting: Waiting, piece: Buffer): void {
    const { onPiece } = waiting;
    if (!onPiece) return;
    this.#socket.pause();
    waiting.taken = waiting.taken.then(() => onPiece(piece));
    waiting.taken.then(
      () => this.#socket.resume(),
      (error) => {
        this.#fail(error);
        this.#socket.destroy();
      },
    );
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
