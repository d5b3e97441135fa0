// From chunks to whole messages. Only the header of a message is looked at: its tag, and a length that is definite and
// within the limit before any memory is spent on it. One loop, no recursion, no concatenation of what came before.

/** The peer sent something that no LDAP message begins with, or a message too large. The connection cannot go on. */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FramingError";
  }
}

const messageTag = 0x30;
const longestHeader = 6;

export class Framing {
  /** Changes when the client binds. In bytes, the header included. */
  limit: number;
  /** A message that came in several chunks, gathered here; `#have` bytes of it are there. */
  #gathered: Buffer = Buffer.alloc(0);
  #have = 0;
  #stopped = false;
  #paused = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether a message has begun and is not complete. */
  get isPartial(): boolean {
    return this.#have > 0;
  }

  /** Bytes of memory that a message not complete is kept in. */
  get held(): number {
    return this.#have > 0 ? this.#gathered.length : 0;
  }

  /** Takes no further messages; what is left of the chunk under way is dropped. */
  stop(): void {
    this.#stopped = true;
    this.#have = 0;
    this.#gathered = Buffer.alloc(0);
  }

  /**
   * Passes on every message that is complete with this chunk, each as a view that stays valid. `take` returns false to
   * pause: the rest is kept, and `resume` goes on with it. Throws FramingError.
   */
  push(chunk: Buffer, take: (message: Buffer) => boolean): void {
    if (this.#stopped) return;
    if (this.#paused) {
      this.#append(chunk, 0, chunk.length);
      return;
    }
    let rest = chunk;
    if (this.#have > 0) rest = this.#complete(chunk, take);
    let at = 0;
    while (!this.#stopped && at < rest.length) {
      const total = this.#announced(rest, at, rest.length);
      if (total === undefined || at + total > rest.length) break;
      const message = rest.subarray(at, at + total);
      at += total;
      if (!take(message)) {
        this.#paused = true;
        break;
      }
    }
    if (!this.#stopped && at < rest.length) this.#keep(rest, at);
  }

  /** Goes on after a pause, with what was kept. */
  resume(take: (message: Buffer) => boolean): void {
    this.#paused = false;
    if (this.#have === 0 || this.#stopped) return;
    const kept = this.#gathered.subarray(0, this.#have);
    this.#have = 0;
    this.#gathered = Buffer.alloc(0);
    this.push(kept, take);
  }

  /** Appends to the gathered message until it is whole; returns what is left of the chunk. */
  #complete(chunk: Buffer, take: (message: Buffer) => boolean): Buffer {
    let used = 0;
    let total = this.#announced(this.#gathered, 0, this.#have);
    while (total === undefined && used < chunk.length) {
      this.#append(chunk, used, used + 1);
      used++;
      total = this.#announced(this.#gathered, 0, this.#have);
    }
    if (total === undefined) return chunk.subarray(used);
    const part = Math.min(Math.max(0, total - this.#have), chunk.length - used);
    this.#append(chunk, used, used + part, total);
    used += part;
    if (this.#have < total) return chunk.subarray(used);
    const rest =
      this.#have > total
        ? Buffer.concat([this.#gathered.subarray(total, this.#have), chunk.subarray(used)])
        : chunk.subarray(used);
    const message = this.#gathered.subarray(0, total);
    this.#gathered = Buffer.alloc(0);
    this.#have = 0;
    if (take(message)) return rest;
    this.#paused = true;
    if (!this.#stopped) this.#keep(rest, 0);
    return Buffer.alloc(0);
  }

  #keep(bytes: Buffer, from: number): void {
    const rest = bytes.subarray(from);
    // The beginning of a message may wait long and must not hold the memory of the whole chunk; a pause is short, and
    // copying what is left at each of many pauses would cost more than the messages.
    this.#gathered = this.#paused ? rest : Buffer.from(rest);
    this.#have = this.#gathered.length;
  }

  #append(chunk: Buffer, from: number, to: number, announced = 0): void {
    const needed = this.#have + to - from;
    if (needed > this.#gathered.length) {
      // Grown by doubling: a peer that announces much and sends little costs little.
      const size = Math.max(needed, Math.min(announced, this.#gathered.length * 2), 64);
      const grown = Buffer.allocUnsafeSlow(size);
      this.#gathered.copy(grown, 0, 0, this.#have);
      this.#gathered = grown;
    }
    chunk.copy(this.#gathered, this.#have, from, to);
    this.#have = needed;
  }

  /** How long the message at `at` is in all; undefined while its header is incomplete. */
  #announced(bytes: Buffer, at: number, end: number): number | undefined {
    const available = end - at;
    if (available < 1) return undefined;
    if (bytes[at] !== messageTag) throw new FramingError("this is not an LDAP message");
    if (available < 2) return undefined;
    const first = bytes[at + 1]!;
    if (first < 0x80) return this.#allowed(2 + first);
    const octets = first & 0x7f;
    if (octets === 0 || octets > longestHeader - 2) {
      throw new FramingError("a message must have a definite length of at most four octets");
    }
    if (available < 2 + octets) return undefined;
    return this.#allowed(2 + octets + bytes.readUIntBE(at + 2, octets));
  }

  #allowed(total: number): number {
    if (total > this.limit) throw new FramingError(`a message of ${total} bytes; at most ${this.limit} are taken here`);
    return total;
  }
}
