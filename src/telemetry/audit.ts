// The audit trail: one JSON line for every bind, every refusal and every write. Recording never blocks and never throws;
// lines are written in the background, in order, whole. A full disk loses nothing until `waitingBytes` are waiting,
// and what it then loses is counted in the log.
import { closeSync, mkdirSync, openSync, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import type { ResultCode } from "../model/result-code.js";
import type { Log } from "./log.js";

export interface AuditRecord {
  /** Milliseconds since 1970 UTC; written as ISO 8601. */
  readonly time: number;
  /** The peer's, after the PROXY header where that is believed. */
  readonly address: string;
  readonly application?: string | undefined;
  /** A DN, or "anonymous". */
  readonly subject: string;
  readonly operation: string;
  /** The DN that the operation is about. */
  readonly target?: string | undefined;
  readonly outcome: ResultCode;
  /** The gate's rule that decided. */
  readonly rule: string;
  /** The number of the session. */
  readonly session: number;
  /** What really happened, where the client is told less. Never a secret. */
  readonly detail?: string | undefined;
  /** Names of the attributes written, never values. */
  readonly attributes?: readonly string[] | undefined;
}

/** Lines that may wait for the disk. */
const waitingBytes = 32 * 1024 * 1024;
/** ms from a failed write to the next attempt. */
const retryTime = 1000;

const writeTo = promisify(write);

export class AuditTrail {
  readonly #path: string | undefined;
  readonly #log: Log;
  #file: number | undefined;
  #lines: string[] = [];
  #waiting = 0;
  /** Begun and not all written. */
  #rest: Buffer = Buffer.alloc(0);
  #lost = 0;
  #failing = false;
  #retry: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  readonly #atExit = (): void => this.#writeAtExit();

  /**
   * Opens the file for appending, readable by its owner only, and makes its folder; throws where that fails. Without a
   * path the records go to the log, at level info, as `audit`.
   */
  constructor(path: string | undefined, log: Log) {
    this.#path = path;
    this.#log = log;
    if (path === undefined) return;
    this.#file = openForAppending(path);
    process.on("exit", this.#atExit);
  }

  record(record: AuditRecord): void {
    try {
      const fields = fieldsOf(record);
      if (this.#path === undefined) this.#log.info({ audit: fields }, "audit");
      else this.#append(`${JSON.stringify(fields)}\n`);
    } catch (error) {
      this.#log.error({ err: error }, "an audit record was lost");
    }
  }

  /** Done when all that was recorded is with the operating system, or could not be written for now. */
  async flush(): Promise<void> {
    if (this.#retry !== undefined) this.#start();
    await this.#writing;
  }

  /** Goes on in a new file of the same name, after a rotation moved the old one away; if that fails, in the old one. */
  async reopen(): Promise<void> {
    if (this.#path === undefined || this.#file === undefined) return;
    const old = this.#file;
    try {
      this.#file = openForAppending(this.#path);
    } catch (error) {
      this.#log.error({ err: error }, "the audit file cannot be opened anew; the old one stays in use");
      return;
    }
    await this.#writing; // a line begun in the old file ends there
    closeSync(old);
  }

  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#retry);
    process.off("exit", this.#atExit);
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  #append(line: string): void {
    if (this.#file === undefined || this.#waiting + line.length > waitingBytes) {
      if (this.#lost === 0) this.#log.error("audit records are being lost: the file is closed or cannot be written");
      this.#lost += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#retry === undefined) this.#start();
  }

  #start(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    await nextTurn(); // the records of one turn go in one write
    try {
      while (this.#file !== undefined && (this.#rest.length > 0 || this.#lines.length > 0)) {
        const file = this.#file;
        if (this.#rest.length === 0) this.#rest = this.#take();
        while (this.#rest.length > 0) {
          const { bytesWritten } = await writeTo(file, this.#rest);
          this.#rest = this.#rest.subarray(bytesWritten);
        }
      }
      this.#recovered();
    } catch (error) {
      if (!this.#failing) this.#log.error({ err: error }, "the audit file cannot be written; trying again");
      this.#failing = true;
      this.#retry = setTimeout(() => this.#start(), retryTime).unref();
    } finally {
      this.#writing = undefined; // in the same breath as the last look at the lines: what comes now starts anew
    }
  }

  #take(): Buffer {
    const batch = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    this.#waiting = 0;
    return batch;
  }

  #recovered(): void {
    if (this.#failing || this.#lost > 0) this.#log.warn({ lost: this.#lost }, "the audit file is written again");
    this.#failing = false;
    this.#lost = 0;
  }

  /** What waits. A write under way is left to the operating system; to repeat it could double its lines. */
  #writeAtExit(): void {
    if (this.#file === undefined) return;
    try {
      if (this.#retry !== undefined) writeSync(this.#file, this.#rest);
      if (this.#lines.length > 0) writeSync(this.#file, this.#take());
    } catch {
      // Nobody is left to tell.
    }
  }
}

function openForAppending(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, "a", 0o600);
}

function fieldsOf(record: AuditRecord): Record<string, unknown> {
  return {
    time: new Date(record.time).toISOString(),
    address: record.address,
    application: record.application,
    subject: record.subject,
    operation: record.operation,
    target: record.target,
    outcome: record.outcome,
    rule: record.rule,
    session: record.session,
    detail: record.detail,
    attributes: record.attributes,
  };
}
