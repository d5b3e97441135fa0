// Reads LDIF (RFC 2849) as it comes in: records in batches, faults among them, memory bounded by the largest record.
//
// Taken beyond RFC 2849, as ldapmodify takes it: entries and changes mixed in one file, a mark at the beginning (BOM), a
// version without a blank line behind it, values that are UTF-8 without being base64, no line break at the end.
import { defaultLimits } from "../model/limits.js";
import { LdifError, type LdifRecord } from "./ldif-record.js";
import { RecordParser } from "./record-parser.js";

export interface LdifOptions {
  /** Whether `attribute:< file:///path` is read. Only for files of whoever runs the command. */
  readonly allowFiles?: boolean;
  /** The largest record, with the files it names; a larger one is a fault. */
  readonly entryBytes?: number;
}

const lf = 0x0a;
const cr = 0x0d;
/** Few enough that a batch has been dealt with before the garbage collector comes by. */
const batchRecords = 64;
const leastCapacity = 256 * 1024;

/**
 * Yields batches of records, in the order of the file; never an empty batch, never an error of its own. Values are views
 * of the bytes that were read, and hold on to far more than themselves: whoever keeps one copies it.
 */
export async function* readLdif(
  source: AsyncIterable<Buffer | string>,
  { allowFiles = false, entryBytes = defaultLimits.entryBytes }: LdifOptions = {},
): AsyncGenerator<LdifRecord[], void, void> {
  const splitter = new RecordSplitter(new RecordParser({ allowFiles, entryBytes }), entryBytes);
  for await (const chunk of source) {
    splitter.append(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    yield* splitter.records();
  }
  splitter.end();
  yield* splitter.records();
}

/** Finds where records end. A byte is looked at once for that, however many pieces a record comes in. */
class RecordSplitter {
  readonly #parser: RecordParser;
  readonly #entryBytes: number;
  /** What is not yet given out: from `#start` to `#end`, looked through up to `#scanned`. */
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #scanned = 0;
  #end = 0;
  /** Whether what stands behind `#end` is ours to write. */
  #hasRoom = false;
  /** Where the lines of the present record begin. */
  #starts = new Int32Array(256);
  #count = 0;
  /** The number of the line that begins at `#scanned`. */
  #line = 1;
  /** The present record is too large: the line it began in. Its bytes are let go of as they come. */
  #tooLarge: number | undefined;
  #begun = false;
  #ended = false;

  constructor(parser: RecordParser, entryBytes: number) {
    this.#parser = parser;
    this.#entryBytes = entryBytes;
  }

  append(chunk: Buffer): void {
    const left = this.#end - this.#start;
    if (left === 0) {
      this.#bytes = chunk;
      this.#hasRoom = false;
      this.#move(0);
      this.#end = chunk.length;
      return;
    }
    // Views of what stands here have been given out, so it is never written over: only behind it, or elsewhere.
    if (!this.#hasRoom || this.#bytes.length - this.#end < chunk.length) this.#grow(left, chunk.length);
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  #grow(left: number, more: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(2 * (left + more), leastCapacity));
    this.#bytes.copy(bytes, 0, this.#start, this.#end);
    this.#bytes = bytes;
    this.#move(0);
    this.#end = left;
    this.#hasRoom = true;
  }

  /** Takes `start` for the place where the present record begins. */
  #move(start: number): void {
    const by = start - this.#start;
    for (let n = 0; n < this.#count; n++) this.#starts[n]! += by;
    this.#scanned += by;
    this.#start = start;
  }

  end(): void {
    this.append(Buffer.from("\n\n"));
    this.#ended = true;
  }

  *records(): Generator<LdifRecord[], void, void> {
    if (!this.#skipMark()) return;
    let batch: LdifRecord[] = [];
    while (this.#findRecord()) {
      const record = this.#takeRecord();
      if (record === undefined) continue;
      batch.push(record);
      if (batch.length < batchRecords) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /** Passes over a UTF-8 byte order mark; false while it cannot be known whether there is one. */
  #skipMark(): boolean {
    if (this.#begun) return true;
    if (this.#end - this.#start < 3 && !this.#ended) return false;
    this.#begun = true;
    const at = this.#start;
    const hasMark = this.#bytes[at] === 0xef && this.#bytes[at + 1] === 0xbb && this.#bytes[at + 2] === 0xbf;
    if (hasMark) {
      this.#start += 3;
      this.#scanned += 3;
    }
    return true;
  }

  /** Reads lines up to the blank one behind a record; false when there are no more bytes. */
  #findRecord(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#scanned;
    for (;;) {
      const found = bytes.indexOf(lf, at);
      if (found === -1 || found >= end) break;
      const isBlank = found === at || (found === at + 1 && bytes[at] === cr);
      this.#line += 1;
      if (!isBlank) {
        this.#addLine(at);
      } else if (this.#count > 0 || this.#tooLarge !== undefined) {
        this.#scanned = found + 1;
        return true;
      } else {
        this.#start = found + 1;
      }
      at = found + 1;
    }
    this.#scanned = at;
    this.#letGo();
    return false;
  }

  #addLine(at: number): void {
    if (this.#tooLarge !== undefined) return;
    if (this.#count + 1 >= this.#starts.length) {
      const starts = new Int32Array(2 * this.#starts.length);
      starts.set(this.#starts);
      this.#starts = starts;
    }
    this.#starts[this.#count++] = at;
  }

  /** What is known to be too large is not kept until its end comes. */
  #letGo(): void {
    if (this.#tooLarge === undefined && this.#end - this.#start > this.#entryBytes) {
      this.#tooLarge = this.#line - this.#count;
      this.#count = 0;
    }
    if (this.#tooLarge === undefined) return;
    // Of a line that is not complete only this matters: whether it is blank. Two bytes tell.
    this.#scanned = Math.max(this.#scanned, this.#end - 2);
    this.#start = this.#scanned;
  }

  #takeRecord(): LdifRecord | undefined {
    const count = this.#count;
    const firstLine = this.#line - 1 - count;
    const tooLarge = this.#tooLarge ?? (this.#scanned - this.#start > this.#entryBytes ? firstLine : undefined);
    const blank = this.#bytes[this.#scanned - 2] === cr ? 2 : 1;
    this.#starts[count] = this.#scanned - blank;
    this.#start = this.#scanned;
    this.#count = 0;
    this.#tooLarge = undefined;
    if (tooLarge !== undefined) {
      return { kind: "fault", line: tooLarge, message: `the record is larger than ${this.#entryBytes} bytes` };
    }
    this.#parser.lines.reset(this.#bytes, this.#starts, count, firstLine);
    try {
      return this.#parser.parse();
    } catch (error) {
      if (!(error instanceof LdifError)) throw error;
      return { kind: "fault", line: error.line, message: error.sentence };
    }
  }
}
