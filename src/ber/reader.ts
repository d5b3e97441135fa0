// A strict cursor over BER as LDAP restricts it (RFC 4511 5.1: definite lengths only). It never loops, never moves
// backward, never reads outside its bounds, and hands out views, not copies: whoever keeps a value copies it.

/** The bytes are not the BER that was expected at this place. */
export class BerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BerError";
  }
}

export class BerReader {
  readonly bytes: Buffer;
  /** Where the next element begins. */
  at: number;
  /** Where the innermost open element ends. */
  end: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Whether the open element has no further child. */
  get done(): boolean {
    return this.at >= this.end;
  }

  /** The tag of the next element, or -1 at the end of the open one. Tags above 30 are refused where they are read. */
  peek(): number {
    return this.at < this.end ? this.bytes[this.at]! : -1;
  }

  /** Reads tag and length, leaving the cursor at the content; returns where the content ends. */
  header(tag: number): number {
    const { bytes, end } = this;
    if (this.at >= end) throw new BerError(`the message ends where an element with tag ${hex(tag)} is due`);
    const found = bytes[this.at]!;
    if (found !== tag) throw new BerError(`an element with tag ${hex(tag)} is due, tag ${hex(found)} was sent`);
    let at = this.at + 1;
    if (at >= end) throw new BerError("an element ends before its length");
    let length = bytes[at++]!;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0)
        throw new BerError("an element of indefinite length (RFC 4511 5.1 allows definite lengths only)");
      if (octets > 4) throw new BerError(`a length of ${octets} octets; at most 4 are read`);
      if (at + octets > end) throw new BerError("an element ends before its length");
      length = 0;
      // Multiplied, not shifted: the fourth octet would turn the sign.
      for (let n = 0; n < octets; n++) length = length * 256 + bytes[at++]!;
    }
    if (length > end - at) throw new BerError("an element is longer than what holds it");
    this.at = at;
    return at + length;
  }

  /** Opens a constructed element: `end` becomes its end. Returns the end to give back to `close`. */
  open(tag: number): number {
    const contentEnd = this.header(tag);
    const outer = this.end;
    this.end = contentEnd;
    return outer;
  }

  /** Closes what `open` opened. Bytes left over in it are an error. */
  close(outer: number): void {
    if (this.at !== this.end) throw new BerError("an element holds more than it should");
    this.end = outer;
  }

  /** The content of a primitive element as a view. */
  octets(tag = 0x04): Buffer {
    const end = this.header(tag);
    const value = this.bytes.subarray(this.at, end);
    this.at = end;
    return value;
  }

  /** The content as text. Only for text that is compared or shown: bytes that are not UTF-8 are replaced. */
  text(tag = 0x04): string {
    const end = this.header(tag);
    const value = this.bytes.toString("utf8", this.at, end);
    this.at = end;
    return value;
  }

  /** An INTEGER or ENUMERATED of at most 4 octets: -2^31 to 2^31 - 1. */
  integer(tag = 0x02): number {
    const end = this.header(tag);
    const length = end - this.at;
    if (length === 0) throw new BerError("an integer without octets");
    if (length > 4) throw new BerError(`an integer of ${length} octets; at most 4 are read`);
    const value = this.bytes.readIntBE(this.at, length);
    this.at = end;
    return value;
  }

  enumerated(): number {
    return this.integer(0x0a);
  }

  boolean(tag = 0x01): boolean {
    const end = this.header(tag);
    if (end - this.at !== 1) throw new BerError("a boolean is one octet");
    return this.bytes[this.at++] !== 0;
  }

  /** Passes over the next element, whatever it is. */
  skip(): void {
    this.at = this.header(this.peek());
  }
}

function hex(tag: number): string {
  return `0x${(tag & 0xff).toString(16).padStart(2, "0")}`;
}
