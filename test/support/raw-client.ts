// A client that sends whatever bytes it is told to, and reads whole messages. It knows nothing of the server but the
// encoding, so that it can say what no decent client would.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { onTestFinished } from "vitest";
import { BerReader } from "../../src/ber/reader.js";
import { BerWriter } from "../../src/ber/writer.js";

/** A response as it was sent. */
export interface Response {
  readonly id: number;
  /** Of the operation: 0x61 bind, 0x64 entry, 0x65 search done, 0x78 extended, and so on. */
  readonly tag: number;
  /** -1 on an entry. */
  readonly code: number;
  readonly message: string;
  readonly matchedDn: string;
  readonly dn: string;
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>;
  readonly responseName: string | undefined;
  readonly responseValue: Buffer | undefined;
  readonly controls: ReadonlyMap<string, Buffer | undefined>;
}

export const responseTags = {
  bind: 0x61,
  entry: 0x64,
  searchDone: 0x65,
  modify: 0x67,
  add: 0x69,
  delete: 0x6b,
  modifyDn: 0x6d,
  compare: 0x6f,
  reference: 0x73,
  extended: 0x78,
} as const;

export const noticeOfDisconnection = "1.3.6.1.4.1.1466.20036";
export const whoAmIOid = "1.3.6.1.4.1.4203.1.11.3";
export const startTlsOid = "1.3.6.1.4.1.1466.20037";
export const cancelOid = "1.3.6.1.1.8";
export const pagedResults = "1.2.840.113556.1.4.319";

/** Reads one whole response message; throws BerError where the server sent something else. */
export function readResponse(bytes: Buffer): Response {
  const reader = new BerReader(bytes);
  reader.open(0x30);
  const id = reader.integer();
  const tag = reader.peek();
  const operation = reader.open(tag);
  let code = -1;
  let matchedDn = "";
  let message = "";
  let dn = "";
  let responseName: string | undefined;
  let responseValue: Buffer | undefined;
  const attributes = new Map<string, Buffer[]>();
  if (tag === responseTags.entry) {
    dn = reader.text();
    const list = reader.open(0x30);
    while (!reader.done) {
      const attribute = reader.open(0x30);
      const type = reader.text();
      const values: Buffer[] = [];
      const set = reader.open(0x31);
      while (!reader.done) values.push(reader.octets());
      reader.close(set);
      reader.close(attribute);
      attributes.set(type, values);
    }
    reader.close(list);
  } else {
    code = reader.enumerated();
    matchedDn = reader.text();
    message = reader.text();
    if (reader.peek() === 0x8a) responseName = reader.text(0x8a);
    if (reader.peek() === 0x8b) responseValue = reader.octets(0x8b);
  }
  reader.close(operation);
  const controls = new Map<string, Buffer | undefined>();
  if (!reader.done) {
    const list = reader.open(0xa0);
    while (!reader.done) {
      const control = reader.open(0x30);
      const oid = reader.text();
      if (reader.peek() === 0x01) reader.boolean();
      controls.set(oid, reader.done ? undefined : reader.octets());
      reader.close(control);
    }
    reader.close(list);
  }
  if (!reader.done) throw new Error("bytes follow the message");
  return { id, tag, code, message, matchedDn, dn, attributes, responseName, responseValue, controls };
}

/** Takes whole messages off the front of what has arrived. */
class Arrived {
  #bytes: Buffer = Buffer.alloc(0);

  *messages(chunk: Buffer): Generator<Buffer> {
    let bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, chunk]) : chunk;
    for (let total = lengthOf(bytes); total !== undefined && total <= bytes.length; total = lengthOf(bytes)) {
      yield bytes.subarray(0, total);
      bytes = bytes.subarray(total);
    }
    this.#bytes = bytes;
  }
}

function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const first = bytes[1]!;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  return bytes.length < 2 + octets ? undefined : 2 + octets + bytes.readUIntBE(2, octets);
}

export class RawClient {
  /** Another one after StartTLS. */
  socket: Socket;
  /** Resolves when the connection is closed, whichever side closed it. */
  closed: Promise<void>;
  readonly #responses: Response[] = [];
  readonly #arrived = new Arrived();
  #wake: (() => void) | undefined;
  #isClosed = false;
  #fault: unknown;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = this.#listen(socket);
  }

  #listen(socket: Socket): Promise<void> {
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const message of this.#arrived.messages(chunk)) this.#responses.push(readResponse(message));
      } catch (error) {
        this.#fault ??= error;
        socket.destroy();
      }
      this.#wake?.();
    });
    socket.on("error", () => {}); // a reset: "close" follows
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake?.();
    });
    return closed;
  }

  /** Connects, as another address of this machine where one is given; closed at the end of the test. */
  static async connect(port: number, localAddress?: string): Promise<RawClient> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, ...(localAddress ? { localAddress } : {}) });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    onTestFinished(() => {
      socket.destroy();
    });
    return client;
  }

  /** What speaks through this socket, which is connected: over TLS, through a Unix socket. Closed at the end of the test. */
  static over(socket: Socket): RawClient {
    const client = new RawClient(socket);
    onTestFinished(() => {
      socket.destroy();
    });
    return client;
  }

  /** Connects to a listener that begins with TLS; rejects where the handshake fails. */
  static async connectTls(port: number, options: ConnectionOptions): Promise<RawClient> {
    const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", ...options });
    await once(socket, "secureConnect");
    return RawClient.over(socket);
  }

  /** Goes on in TLS, after StartTLS was answered; rejects where the handshake fails. */
  async upgrade(options: ConnectionOptions): Promise<void> {
    const plain = this.socket;
    plain.removeAllListeners("data");
    const socket = connectTls({ socket: plain, servername: "localhost", ...options });
    await once(socket, "secureConnect");
    this.socket = socket;
    this.closed = this.#listen(socket);
  }

  /** StartTLS, and the handshake. */
  async startTls(options: ConnectionOptions, id = 1): Promise<void> {
    this.send(extended(id, startTlsOid));
    const { code, message } = await this.result(id);
    if (code !== 0) throw new Error(`StartTLS: ${code} ${message}`);
    await this.upgrade(options);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Everything in one write. */
  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(messages.length === 1 ? messages[0]! : Buffer.concat(messages));
  }

  /** The next response; undefined when the connection ends before it. */
  async next(): Promise<Response | undefined> {
    while (this.#responses.length === 0) {
      if (this.#fault) throw this.#fault;
      if (this.#isClosed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#responses.shift();
  }

  /** The next responses, up to the result of the message with this ID. */
  async until(id: number): Promise<Response[]> {
    const all: Response[] = [];
    for (;;) {
      const response = await this.next();
      if (!response) throw new Error(`the connection ended before the result of message ${id}`);
      all.push(response);
      if (response.id === id && response.tag !== responseTags.entry) return all;
    }
  }

  /** The result of the message with this ID; what comes before it is dropped. */
  async result(id: number): Promise<Response> {
    return (await this.until(id)).at(-1)!;
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<Response[]> {
    const all: Response[] = [];
    for (let response = await this.next(); response; response = await this.next()) all.push(response);
    return all;
  }

  async bind(dn: string, password: string, id = 1): Promise<Response> {
    this.send(bind(id, dn, password));
    return this.result(id);
  }

  /** The authorization identity, empty for anonymous. */
  async whoAmI(id = 1): Promise<string> {
    this.send(whoAmI(id));
    return (await this.result(id)).responseValue?.toString() ?? "no value";
  }
}

// --- messages

export type Part = (writer: BerWriter) => void;

export interface ControlOf {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value?: Uint8Array;
}

/** What a part writes. */
export function ber(part: Part): Buffer {
  const writer = new BerWriter();
  part(writer);
  return writer.copy();
}

/** A whole message; `operation` writes the element of the operation, tag and all. */
export function message(id: number, operation: Part, controls?: readonly ControlOf[]): Buffer {
  return ber((writer) => {
    writer.open(0x30);
    writer.integer(id);
    operation(writer);
    if (controls) {
      writer.open(0xa0);
      for (const { oid, critical, value } of controls) {
        writer.open(0x30);
        writer.text(oid);
        if (critical !== undefined) writer.boolean(critical);
        if (value !== undefined) writer.octets(value);
        writer.close();
      }
      writer.close();
    }
    writer.close();
  });
}

function put(writer: BerWriter, value: string | Uint8Array, tag = 0x04): void {
  if (typeof value === "string") writer.text(value, tag);
  else writer.octets(value, tag);
}

type Bytes = string | Uint8Array;

export function bind(
  id: number,
  dn: Bytes,
  password: Bytes,
  { version = 3, controls }: { version?: number; controls?: readonly ControlOf[] } = {},
): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x60);
    writer.integer(version);
    put(writer, dn);
    put(writer, password, 0x80);
    writer.close();
  };
  return message(id, operation, controls);
}

export function saslBind(id: number, mechanism: string, credentials?: Bytes): Buffer {
  return message(id, (writer) => {
    writer.open(0x60);
    writer.integer(3);
    writer.text("");
    writer.open(0xa3);
    writer.text(mechanism);
    if (credentials !== undefined) put(writer, credentials);
    writer.close();
    writer.close();
  });
}

export function unbind(id: number, controls?: readonly ControlOf[]): Buffer {
  return message(id, (writer) => writer.header(0x42, 0), controls);
}

export function abandon(id: number, target: number, controls?: readonly ControlOf[]): Buffer {
  return message(id, (writer) => writer.integer(target, 0x50), controls);
}

export interface SearchOf {
  readonly base?: Bytes;
  readonly scope?: number;
  readonly aliases?: number;
  readonly sizeLimit?: number;
  readonly timeLimit?: number;
  readonly typesOnly?: boolean;
  readonly filter?: Part;
  readonly attributes?: readonly Bytes[];
  readonly controls?: readonly ControlOf[];
}

export function search(id: number, of: SearchOf = {}): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x63);
    put(writer, of.base ?? "dc=example,dc=com");
    writer.enumerated(of.scope ?? 2);
    writer.enumerated(of.aliases ?? 0);
    writer.integer(of.sizeLimit ?? 0);
    writer.integer(of.timeLimit ?? 0);
    writer.boolean(of.typesOnly ?? false);
    (of.filter ?? present("objectClass"))(writer);
    writer.open(0x30);
    for (const attribute of of.attributes ?? []) put(writer, attribute);
    writer.close();
    writer.close();
  };
  return message(id, operation, of.controls);
}

export interface AttributeOf {
  readonly type: string;
  readonly values: readonly Bytes[];
}

function putAttribute(writer: BerWriter, { type, values }: AttributeOf): void {
  writer.open(0x30);
  writer.text(type);
  writer.open(0x31);
  for (const value of values) put(writer, value);
  writer.close();
  writer.close();
}

export function add(
  id: number,
  dn: Bytes,
  attributes: readonly AttributeOf[],
  controls?: readonly ControlOf[],
): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x68);
    put(writer, dn);
    writer.open(0x30);
    for (const attribute of attributes) putAttribute(writer, attribute);
    writer.close();
    writer.close();
  };
  return message(id, operation, controls);
}

/** 0 add, 1 delete, 2 replace, 3 increment. */
export interface ChangeOf extends AttributeOf {
  readonly modification: number;
}

export function modify(id: number, dn: Bytes, changes: readonly ChangeOf[], controls?: readonly ControlOf[]): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x66);
    put(writer, dn);
    writer.open(0x30);
    for (const change of changes) {
      writer.open(0x30);
      writer.enumerated(change.modification);
      putAttribute(writer, change);
      writer.close();
    }
    writer.close();
    writer.close();
  };
  return message(id, operation, controls);
}

export function modifyDn(
  id: number,
  dn: Bytes,
  { newRdn, deleteOldRdn = true, newSuperior }: { newRdn: Bytes; deleteOldRdn?: boolean; newSuperior?: Bytes },
  controls?: readonly ControlOf[],
): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x6c);
    put(writer, dn);
    put(writer, newRdn);
    writer.boolean(deleteOldRdn);
    if (newSuperior !== undefined) put(writer, newSuperior, 0x80);
    writer.close();
  };
  return message(id, operation, controls);
}

/** `delete` is a word of the language. */
export function remove(id: number, dn: Bytes, controls?: readonly ControlOf[]): Buffer {
  return message(id, (writer) => put(writer, dn, 0x4a), controls);
}

export function compare(id: number, dn: Bytes, type: Bytes, value: Bytes, controls?: readonly ControlOf[]): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x6e);
    put(writer, dn);
    writer.open(0x30);
    put(writer, type);
    put(writer, value);
    writer.close();
    writer.close();
  };
  return message(id, operation, controls);
}

export function extended(id: number, oid: string, value?: Bytes, controls?: readonly ControlOf[]): Buffer {
  const operation: Part = (writer) => {
    writer.open(0x77);
    writer.text(oid, 0x80);
    if (value !== undefined) put(writer, value, 0x81);
    writer.close();
  };
  return message(id, operation, controls);
}

export function whoAmI(id: number, controls?: readonly ControlOf[]): Buffer {
  return extended(id, whoAmIOid, undefined, controls);
}

// --- filters

export const present =
  (attribute: Bytes): Part =>
  (writer) =>
    put(writer, attribute, 0x87);

const assertion =
  (tag: number) =>
  (attribute: Bytes, value: Bytes): Part =>
  (writer) => {
    writer.open(tag);
    put(writer, attribute);
    put(writer, value);
    writer.close();
  };

export const equality = assertion(0xa3);
export const greaterOrEqual = assertion(0xa5);
export const lessOrEqual = assertion(0xa6);
export const approx = assertion(0xa8);

const set =
  (tag: number) =>
  (...filters: readonly Part[]): Part =>
  (writer) => {
    writer.open(tag);
    for (const filter of filters) filter(writer);
    writer.close();
  };

export const and = set(0xa0);
export const or = set(0xa1);
export const not = (filter: Part): Part => set(0xa2)(filter);

/** Parts in the order in which they are sent, as the key says what each is. */
export const substrings =
  (attribute: Bytes, ...parts: readonly { initial?: Bytes; any?: Bytes; final?: Bytes }[]): Part =>
  (writer) => {
    writer.open(0xa4);
    put(writer, attribute);
    writer.open(0x30);
    for (const { initial, any, final } of parts) {
      if (initial !== undefined) put(writer, initial, 0x80);
      if (any !== undefined) put(writer, any, 0x81);
      if (final !== undefined) put(writer, final, 0x82);
    }
    writer.close();
    writer.close();
  };

export const extensible =
  (of: { rule?: Bytes; attribute?: Bytes; value: Bytes; dnAttributes?: boolean }): Part =>
  (writer) => {
    writer.open(0xa9);
    if (of.rule !== undefined) put(writer, of.rule, 0x81);
    if (of.attribute !== undefined) put(writer, of.attribute, 0x82);
    put(writer, of.value, 0x83);
    if (of.dnAttributes !== undefined) writer.boolean(of.dnAttributes, 0x84);
    writer.close();
  };

/** A filter of so many levels: that many minus one of the given kind around one that asks for presence. */
export function nested(kind: "and" | "or" | "not", levels: number): Part {
  const tag = { and: 0xa0, or: 0xa1, not: 0xa2 }[kind];
  return (writer) => {
    for (let level = 1; level < levels; level++) writer.open(tag);
    present("objectClass")(writer);
    for (let level = 1; level < levels; level++) writer.close();
  };
}
