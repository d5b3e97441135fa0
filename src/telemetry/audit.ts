// The audit trail: one JSON line for every bind, every refusal and every write. Recording never blocks and never throws.
import type { ResultCode } from "../model/result-code.js";
import { AuditFile, type Rotation } from "./audit-file.js";
import type { Log } from "./log.js";
import { type Severity, Syslog, type SyslogAddress } from "./syslog.js";

/** What a write did to which attributes. Names, never values; one may stand in two lists. */
export interface AttributeChanges {
  /** Given values, beside those that were there. */
  readonly added?: readonly string[];
  /** Given other values in the place of those that were there. */
  readonly replaced?: readonly string[];
  /** Deprived of values, of some or of all. */
  readonly deleted?: readonly string[];
}

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
  /** What really happened, where the client is told less; of a modifyDn, the new name. Never a secret. */
  readonly detail?: string | undefined;
  /** Names of the attributes written, never values. */
  readonly attributes?: readonly string[] | undefined;
  readonly changes?: AttributeChanges | undefined;
}

export interface AuditOptions {
  /** Not given: the file grows on. */
  readonly rotation?: Rotation;
  /** Where the lines go as well, or instead. */
  readonly syslog?: SyslogAddress | undefined;
}

export class AuditTrail {
  readonly #file: AuditFile | undefined;
  readonly #syslog: Syslog | undefined;
  readonly #log: Log;

  /**
   * Opens the file, and throws where that fails. With neither a path nor syslog the records go to the log, at level
   * info, as `audit`.
   */
  constructor(path: string | undefined, log: Log, { rotation = { bytes: 0, files: 1 }, syslog }: AuditOptions = {}) {
    this.#log = log;
    this.#file = path === undefined ? undefined : new AuditFile(path, rotation, log);
    this.#syslog = syslog && new Syslog(syslog, log);
  }

  record(record: AuditRecord): void {
    try {
      const fields = fieldsOf(record);
      if (!this.#file && !this.#syslog) {
        this.#log.info({ audit: fields }, "audit");
        return;
      }
      const text = JSON.stringify(fields);
      this.#file?.append(`${text}\n`);
      this.#syslog?.send({ time: record.time, severity: severityOf(record.outcome), kind: record.operation, text });
    } catch (error) {
      this.#log.error({ err: error }, "an audit record was lost");
    }
  }

  /** Done when all that was recorded is with the operating system, or could not be written for now. */
  async flush(): Promise<void> {
    await this.#file?.flush();
  }

  /** Goes on in a new file of the same name, after a rotation moved the old one away; if that fails, in the old one. */
  async reopen(): Promise<void> {
    await this.#file?.reopen();
  }

  async close(): Promise<void> {
    await Promise.all([this.#file?.close(), this.#syslog?.close()]);
  }
}

function severityOf(outcome: ResultCode): Severity {
  return outcome === "success" || outcome === "compareTrue" ? "notice" : "warning";
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
    changes: record.changes,
  };
}
