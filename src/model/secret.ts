import { timingSafeEqual } from "node:crypto";
import { inspect } from "node:util";

const shown = "[secret]";

/** Bytes that cannot be printed, logged or serialised by accident. Reading them takes the word `reveal`. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer | string) {
    this.#bytes = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes;
  }

  /** The bytes themselves. Whoever calls this answers for where they go. */
  reveal(): Buffer {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** Compares in constant time for equal lengths. */
  equals(other: Secret): boolean {
    return this.#bytes.length === other.#bytes.length && timingSafeEqual(this.#bytes, other.#bytes);
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
