// Many connections in a process of its own: they share neither the descriptors nor the time of whoever measures. Told
// what to do over the channel to its parent (crowd.ts), one command after the other.
import { connect } from "node:net";

/**
 * @typedef {{ port: number, count: number, addresses: readonly string[] }} Opening
 * @typedef {{ does: "open" } & Opening | { does: "ask" | "say", bytes: string } | { does: "hear" | "reset" }} Command
 */

/** Within the backlog of a listener: what does not fit is tried again after a second. */
const atOnce = 200;

/** Answers are counted by what they are, for they are all alike: in hexadecimal. */
class Tally {
  /** @type {Map<string, number>} */
  #counts = new Map();

  /** @param {Buffer} bytes */
  add(bytes) {
    const text = bytes.toString("hex");
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }

  entries() {
    return [...this.#counts];
  }
}

/**
 * Of the message in front.
 * @param {Buffer} bytes
 */
function lengthOf(bytes) {
  if (bytes.length < 2) return undefined;
  const first = bytes.readUInt8(1);
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  return bytes.length < 2 + octets ? undefined : 2 + octets + bytes.readUIntBE(2, octets);
}

class Member {
  /** @type {Buffer} */
  #heard = Buffer.alloc(0);
  /** @type {(() => void) | undefined} */
  #wake;
  #isClosed = false;
  /** @type {import("node:net").Socket} */
  socket;

  /**
   * @param {number} port
   * @param {string} localAddress
   */
  constructor(port, localAddress) {
    this.socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true });
    this.socket.on("error", () => {}); // "close" follows
    this.socket.on("data", (chunk) => {
      this.#heard = this.#heard.length > 0 ? Buffer.concat([this.#heard, chunk]) : chunk;
      this.#wake?.();
    });
    this.socket.on("close", () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  /** @returns {Promise<boolean>} */
  connected() {
    return new Promise((resolve) => {
      this.socket.once("connect", () => resolve(true)).once("close", () => resolve(false));
    });
  }

  #next() {
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
    });
  }

  /** One whole message; no bytes where the connection ends before. */
  async answer() {
    let length = lengthOf(this.#heard);
    while (length === undefined || this.#heard.length < length) {
      if (this.#isClosed) return Buffer.alloc(0);
      await this.#next();
      length = lengthOf(this.#heard);
    }
    const answer = this.#heard.subarray(0, length);
    this.#heard = this.#heard.subarray(length);
    return answer;
  }

  /** Everything up to the end of the connection. */
  async rest() {
    while (!this.#isClosed) await this.#next();
    return this.#heard;
  }
}

/** @type {Member[]} */
let members = [];

/**
 * @template Item
 * @param {readonly Item[]} items
 * @param {(item: Item, index: number) => Promise<void>} work
 */
async function each(items, work) {
  const left = items.entries();
  const lane = async () => {
    for (const [index, item] of left) await work(item, index);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** @param {Opening} opening */
async function open({ port, count, addresses }) {
  let failed = 0;
  await each(Array.from({ length: count }), async (_, index) => {
    const member = new Member(port, addresses[index % addresses.length] ?? "127.0.0.1");
    if (await member.connected()) members.push(member);
    else failed++;
  });
  return failed;
}

/** @param {Buffer} bytes */
async function ask(bytes) {
  const tally = new Tally();
  await each(members, async (member) => {
    member.socket.write(bytes);
    tally.add(await member.answer());
  });
  return tally.entries();
}

async function hear() {
  const tally = new Tally();
  for (const member of members) tally.add(await member.rest());
  members = [];
  return tally.entries();
}

async function reset() {
  for (const { socket } of members) socket.resetAndDestroy();
  return hear();
}

/** @param {Command} command */
async function obey(command) {
  switch (command.does) {
    case "open":
      return open(command);
    case "ask":
      return ask(Buffer.from(command.bytes, "hex"));
    case "say":
      for (const { socket } of members) socket.write(Buffer.from(command.bytes, "hex"));
      return undefined;
    case "hear":
      return hear();
    case "reset":
      return reset();
  }
}

process.on("message", async (command) => {
  process.send?.({ outcome: await obey(/** @type {Command} */ (command)) });
});
process.on("disconnect", () => process.exit());
