// Writes entries as LDIF (RFC 2849): plain where the value is a SAFE-STRING, base64 otherwise, folded at 76 columns.

const columns = 76;
const header = Buffer.from("version: 1\n");
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;
const less = 0x3c;

export interface WritableAttribute {
  readonly type: string;
  readonly values: readonly Buffer[];
}

/** Collects entries; `take` gives out what has been collected, so that an export of any size needs little memory. */
export class LdifWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #end = 0;

  constructor() {
    this.#end = header.copy(this.#bytes);
  }

  /** How many bytes `take` would give. */
  get length(): number {
    return this.#end;
  }

  /** Appends one entry, in the order given. */
  add(dn: string | Buffer, attributes: Iterable<WritableAttribute>): void {
    this.#reserve(1);
    this.#bytes[this.#end++] = lf;
    this.#line("dn", typeof dn === "string" ? Buffer.from(dn, "utf8") : dn);
    for (const { type, values } of attributes) for (const value of values) this.#line(type, value);
  }

  /** What was written since the last time; together the pieces are one LDIF file. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
    return taken;
  }

  #line(type: string, value: Buffer): void {
    const isSafe = isSafeString(value);
    const size = type.length + 3 + (isSafe ? value.length : Math.ceil(value.length / 3) * 4);
    // Folded, each line but the first holds a space and one character less, and each ends with a line break.
    this.#reserve(size + 2 * Math.ceil(size / (columns - 1)) + 2);
    const start = this.#end;
    const bytes = this.#bytes;
    let at = start + bytes.write(type, start, "latin1");
    bytes[at++] = colon;
    if (!isSafe) bytes[at++] = colon;
    if (value.length > 0) bytes[at++] = space;
    at += isSafe ? value.copy(bytes, at) : bytes.write(value.toString("base64"), at, "latin1");
    this.#end = this.#fold(start, at);
  }

  /** Puts in the folds of the line from `start` to `end`, from behind, and its line break; returns where it ends. */
  #fold(start: number, end: number): number {
    const bytes = this.#bytes;
    const folds = Math.max(0, Math.ceil((end - start - columns) / (columns - 1)));
    for (let fold = folds; fold > 0; fold--) {
      const from = start + columns + (fold - 1) * (columns - 1);
      const to = from + 2 * fold;
      bytes.copyWithin(to, from, Math.min(from + columns - 1, end));
      bytes[to - 2] = lf;
      bytes[to - 1] = space;
    }
    bytes[end + 2 * folds] = lf;
    return end + 2 * folds + 1;
  }

  #reserve(more: number): void {
    if (this.#bytes.length - this.#end >= more) return;
    const bytes = Buffer.allocUnsafeSlow(2 * (this.#end + more));
    this.#bytes.copy(bytes, 0, 0, this.#end);
    this.#bytes = bytes;
  }
}

/** RFC 2849: ASCII without NUL, LF and CR; no space, colon or less-than sign at the beginning; no space at the end. */
export function isSafeString(value: Buffer): boolean {
  if (value.length === 0) return true;
  const first = value[0]!;
  if (first === space || first === colon || first === less || value[value.length - 1] === space) return false;
  for (let at = 0; at < value.length; at++) {
    const byte = value[at]!;
    if (byte === 0 || byte === lf || byte === cr || byte > 0x7f) return false;
  }
  return true;
}
