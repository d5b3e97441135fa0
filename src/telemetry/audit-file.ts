// The file of the audit trail. Lines are written in the background, in order, whole: by one writer, which also moves a
// full file away and opens a new one, so that nothing of that happens in the middle of a line. A full disk loses nothing
// until `waitingBytes` are waiting, and what it then loses is counted in the log.
import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import type { Log } from "./log.js";
import { moveAway } from "./rotated-files.js";

export interface Rotation {
  /** The file is moved away before it exceeds this; 0: never. */
  readonly bytes: number;
  /** Older files that are kept. */
  readonly files: number;
}

/** Lines that may wait for the disk. */
const waitingBytes = 32 * 1024 * 1024;
/** ms from a failed write to the next attempt. */
const retryTime = 1000;
/** ms from a rotation that failed to the next attempt. */
const rotationRetryTime = 60_000;

const newline = 0x0a;
const writeTo = promisify(write);

export class AuditFile {
  readonly #path: string;
  readonly #rotation: Rotation;
  readonly #log: Log;
  #file: number | undefined;
  /** Of the file, as far as it grows by this writer. */
  #size = 0;
  #lines: string[] = [];
  #waiting = 0;
  /** Taken from the lines; written up to `#done`. */
  #batch: Buffer = Buffer.alloc(0);
  #done = 0;
  /** With the operating system at this moment. */
  #underWay = 0;
  #lost = 0;
  #isFailing = false;
  #isToReopen = false;
  #rotationFailed: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  readonly #atExit = (): void => this.#writeAtExit();

  /** Opens the file for appending, readable by its owner only, and makes its folder; throws where that fails. */
  constructor(path: string, rotation: Rotation, log: Log) {
    this.#path = path;
    this.#rotation = rotation;
    this.#log = log;
    this.#file = this.#open();
    process.on("exit", this.#atExit);
  }

  /** Takes a line with its end. Never blocks. */
  append(line: string): void {
    if (this.#file === undefined || this.#waiting + line.length > waitingBytes) {
      if (this.#lost === 0) this.#log.error("audit records are being lost: the file is closed or cannot be written");
      this.#lost += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#retry === undefined) this.#start();
  }

  /** Done when all that was appended is with the operating system, or could not be written for now. */
  async flush(): Promise<void> {
    if (this.#retry !== undefined) this.#start();
    await this.#writing;
  }

  /** Goes on in a new file of the same name, after a rotation moved the old one away; if that fails, in the old one. */
  async reopen(): Promise<void> {
    this.#isToReopen = true;
    while (this.#isToReopen && this.#file !== undefined) {
      this.#start();
      await this.#writing;
    }
  }

  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#retry);
    process.off("exit", this.#atExit);
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  #start(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    await nextTurn(); // the records of one turn go in one write
    try {
      while (this.#file !== undefined && (this.#isToReopen || this.#hasLines)) {
        if (this.#isToReopen) this.#openAnew();
        if (this.#done === this.#batch.length) this.#take();
        const end = await this.#endOfRoom();
        while (this.#done < end) await this.#writeUpTo(end);
      }
      this.#recovered();
    } catch (error) {
      if (!this.#isFailing) this.#log.error({ err: error }, "the audit file cannot be written; trying again");
      this.#isFailing = true;
      this.#retry = setTimeout(() => this.#start(), retryTime).unref();
    } finally {
      this.#writing = undefined; // in the same breath as the last look at the lines: what comes now starts anew
    }
  }

  get #hasLines(): boolean {
    return this.#done < this.#batch.length || this.#lines.length > 0;
  }

  async #writeUpTo(end: number): Promise<void> {
    this.#underWay = end - this.#done;
    try {
      const { bytesWritten } = await writeTo(this.#file!, this.#batch, this.#done, this.#underWay);
      this.#done += bytesWritten;
      this.#size += bytesWritten;
    } finally {
      this.#underWay = 0;
    }
  }

  #take(): void {
    this.#batch = Buffer.from(this.#lines.join(""));
    this.#done = 0;
    this.#lines = [];
    this.#waiting = 0;
  }

  /** Up to where the batch goes into this file: whole lines. Makes room by a new file where there is none for the next line. */
  async #endOfRoom(): Promise<number> {
    const { bytes } = this.#rotation;
    const { length } = this.#batch;
    // What is left of a line begun belongs where its beginning is.
    const isBegun = this.#done > 0 && this.#batch[this.#done - 1] !== newline;
    const fits = () => this.#size + length - this.#done <= bytes;
    if (bytes === 0 || length === 0 || fits()) return length;
    const nextEnd = this.#batch.indexOf(newline, this.#done) + 1;
    if (isBegun) return nextEnd;
    const isFull = this.#size > 0 && this.#size + nextEnd - this.#done > bytes;
    if ((isFull && !(await this.#rotate())) || fits()) return length;
    // The next line may be longer than a whole file.
    const roomEnd = this.#done + Math.max(nextEnd - this.#done, bytes - this.#size);
    return this.#batch.lastIndexOf(newline, roomEnd - 1) + 1;
  }

  /** Where it fails, the old file stays in use; the log is told of the first time. */
  async #rotate(): Promise<boolean> {
    const now = performance.now();
    if (this.#rotationFailed !== undefined && now - this.#rotationFailed < rotationRetryTime) return false;
    const old = this.#file!;
    try {
      // Somebody else may have moved it away already.
      if (isAt(this.#path, old)) await moveAway(this.#path, this.#rotation.files);
      this.#file = this.#open();
    } catch (error) {
      if (this.#rotationFailed === undefined)
        this.#log.error({ err: error }, "the audit file is full and cannot be rotated; it goes on growing");
      this.#rotationFailed = now;
      return false;
    }
    this.#rotationFailed = undefined;
    closeSync(old);
    return true;
  }

  #openAnew(): void {
    this.#isToReopen = false;
    const old = this.#file!;
    try {
      this.#file = this.#open();
    } catch (error) {
      this.#log.error({ err: error }, "the audit file cannot be opened anew; the old one stays in use");
      return;
    }
    // A line that a full disk cut in the old file is written whole in the new one.
    if (this.#done > 0) this.#done = this.#batch.lastIndexOf(newline, this.#done - 1) + 1;
    closeSync(old);
  }

  #open(): number {
    mkdirSync(dirname(this.#path), { recursive: true });
    const file = openSync(this.#path, "a", 0o600);
    try {
      const stat = fstatSync(file);
      this.#size = stat.isFile() ? stat.size : 0;
      if (this.#size > 0 && !endsALine(this.#path, this.#size)) this.#size += writeSync(file, "\n");
      return file;
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  #recovered(): void {
    if (this.#isFailing || this.#lost > 0) this.#log.warn({ lost: this.#lost }, "the audit file is written again");
    this.#isFailing = false;
    this.#lost = 0;
  }

  /** What waits. A write under way is left to the operating system; to repeat it could double its lines. */
  #writeAtExit(): void {
    if (this.#file === undefined) return;
    try {
      writeSync(this.#file, this.#batch.subarray(this.#done + this.#underWay));
      if (this.#lines.length > 0) writeSync(this.#file, this.#lines.join(""));
    } catch {
      // Nobody is left to tell.
    }
  }
}

/** Whether the name still stands for the file that is open. */
function isAt(path: string, file: number): boolean {
  const open = fstatSync(file);
  const named = statSync(path, { throwIfNoEntry: false });
  return named?.ino === open.ino && named.dev === open.dev;
}

/** A line that a power cut left without its end must not swallow the next one. A file that may not be read is taken as it is. */
function endsALine(path: string, size: number): boolean {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const last = Buffer.alloc(1);
    return readSync(file, last, 0, 1, size - 1) === 0 || last[0] === newline;
  } catch {
    return true;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
