// Entries of a bulk load on their way to whoever writes them: rows one behind the other in one piece of memory, which can
// be handed to another thread as it is. Of each entry: the lengths of its three parts, then its row, the key that it has
// in the tree, and the row of its passwords.
import type { Key } from "./keys.js";

/** A pack is handed on when it has so many bytes. */
const packBytes = 1024 * 1024;
const headBytes = 10;

/** What another thread gets. */
export interface PackedEntries {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly length: number;
  /** The id of the first entry; the others follow it. */
  readonly firstId: number;
}

export class LoadPack {
  readonly firstId: number;
  #bytes = Buffer.allocUnsafeSlow(packBytes + packBytes / 4);
  #length = 0;

  constructor(firstId: number) {
    this.firstId = firstId;
  }

  get isFull(): boolean {
    return this.#length >= packBytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(row: Buffer, child: Key, secrets: Buffer | undefined): void {
    const secretsLength = secrets?.length ?? 0;
    const length = headBytes + row.length + child.length + secretsLength;
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes.writeUInt32BE(row.length, at);
    bytes.writeUInt16BE(child.length, at + 4);
    bytes.writeUInt32BE(secretsLength, at + 6);
    at += headBytes;
    at += row.copy(bytes, at);
    at += bytes.write(child, at, "latin1");
    if (secrets) secrets.copy(bytes, at);
    this.#length += length;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#length + length, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  /** What was added, to be handed on. The pack must not be used further. */
  packed(): PackedEntries {
    return { bytes: this.#bytes as Uint8Array<ArrayBuffer>, length: this.#length, firstId: this.firstId };
  }
}

export type PackedEntry = (id: number, row: Buffer, child: Buffer, secrets: Buffer | undefined) => void;

/** Tells of each entry in a pack, in order; what is told are views of the pack. */
export function unpack({ bytes, length, firstId }: PackedEntries, tell: PackedEntry): void {
  const pack = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  let id = firstId;
  for (let at = 0; at < length; ) {
    const row = at + headBytes;
    const child = row + pack.readUInt32BE(at);
    const secrets = child + pack.readUInt16BE(at + 4);
    const end = secrets + pack.readUInt32BE(at + 6);
    const passwords = end > secrets ? pack.subarray(secrets, end) : undefined;
    tell(id++, pack.subarray(row, child), pack.subarray(child, secrets), passwords);
    at = end;
  }
}
