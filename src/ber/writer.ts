// Writes BER with the shortest definite lengths. Constructed elements are opened and closed; where the length is known
// beforehand, `header` writes it at once and nothing has to move.

/** How many octets a length takes. */
export function lengthOctets(length: number): number {
  return length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : length < 0x1000000 ? 4 : 5;
}

/** The whole size of an element with so many octets of content. */
export function elementSize(contentLength: number): number {
  return 1 + lengthOctets(contentLength) + contentLength;
}

const longestHeader = 6;

export class BerWriter {
  #bytes: Buffer;
  #at = 0;
  readonly #open: number[] = [];

  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#at;
  }

  /** Makes sure that so many further octets fit; returns the buffer to write into at `length`. */
  reserve(octets: number): Buffer {
    const needed = this.#at + octets;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#at);
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  /** Tag and length of an element whose content follows. */
  header(tag: number, length: number): void {
    const bytes = this.reserve(6);
    bytes[this.#at++] = tag;
    this.#at = writeLength(bytes, this.#at, length);
  }

  /** Begins a constructed element whose length is not known yet. */
  open(tag: number): void {
    const bytes = this.reserve(2);
    bytes[this.#at++] = tag;
    bytes[this.#at++] = 0;
    this.#open.push(this.#at);
  }

  /** Ends the element that was opened last. */
  close(): void {
    const start = this.#open.pop();
    if (start === undefined) throw new Error("close without open");
    const length = this.#at - start;
    const extra = lengthOctets(length) - 1;
    if (extra > 0) {
      const bytes = this.reserve(extra);
      bytes.copyWithin(start + extra, start, this.#at);
      this.#at += extra;
    }
    writeLength(this.#bytes, start - 1, length);
  }

  octets(value: Uint8Array, tag = 0x04): void {
    this.header(tag, value.length);
    this.raw(value);
  }

  text(value: string, tag = 0x04): void {
    if (value === "") {
      this.header(tag, 0);
      return;
    }
    // Written behind the header that ASCII would have, which most text is; other text is moved where it needs more room.
    const bytes = this.reserve(value.length * 3 + longestHeader);
    const guessed = this.#at + 1 + lengthOctets(value.length);
    const length = bytes.write(value, guessed, "utf8");
    const content = this.#at + 1 + lengthOctets(length);
    if (content !== guessed) bytes.copyWithin(content, guessed, guessed + length);
    bytes[this.#at] = tag;
    writeLength(bytes, this.#at + 1, length);
    this.#at = content + length;
  }

  /** An INTEGER of up to 6 octets. */
  integer(value: number, tag = 0x02): void {
    if (value >= 0 && value < 0x80) {
      const bytes = this.reserve(3);
      bytes[this.#at++] = tag;
      bytes[this.#at++] = 1;
      bytes[this.#at++] = value;
      return;
    }
    let octets = 1;
    for (let bound = 0x80; octets < 6 && (value < -bound || value >= bound); bound *= 0x100) octets++;
    this.header(tag, octets);
    this.reserve(octets).writeIntBE(value, this.#at, octets);
    this.#at += octets;
  }

  enumerated(value: number): void {
    this.integer(value, 0x0a);
  }

  boolean(value: boolean, tag = 0x01): void {
    this.header(tag, 1);
    this.reserve(1)[this.#at++] = value ? 0xff : 0;
  }

  /** Copies bytes that are BER already. */
  raw(value: Uint8Array): void {
    this.reserve(value.length).set(value, this.#at);
    this.#at += value.length;
  }

  /** Copies a part of bytes that are BER already. */
  rawSlice(value: Buffer, start: number, end: number): void {
    const bytes = this.reserve(end - start);
    value.copy(bytes, this.#at, start, end);
    this.#at += end - start;
  }

  /** What was written, as a view: the writer must not be used further, or `reset` first gives it new memory. */
  finish(): Buffer {
    if (this.#open.length > 0) throw new Error(`${this.#open.length} elements left open`);
    return this.#bytes.subarray(0, this.#at);
  }

  /** A copy of what was written, in memory of exactly its size. */
  copy(): Buffer {
    return Buffer.from(this.finish());
  }

  /** Starts anew in the same memory; views given out before become invalid. */
  reset(): void {
    this.#at = 0;
    this.#open.length = 0;
  }
}

function writeLength(bytes: Buffer, at: number, length: number): number {
  if (length < 0x80) {
    bytes[at] = length;
    return at + 1;
  }
  const octets = lengthOctets(length) - 1;
  bytes[at] = 0x80 | octets;
  bytes.writeUIntBE(length, at + 1, octets);
  return at + 1 + octets;
}
