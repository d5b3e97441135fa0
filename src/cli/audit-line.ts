// One line of the audit trail, read and shown. What stands in it was sent by clients: nothing of it reaches a terminal
// but characters to look at.
import type { AttributeChanges } from "../telemetry/audit.js";

/** As far as a line says it. */
export interface AuditLine {
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly operation: string;
  /** Any text: a later version may know more of them. */
  readonly outcome: string;
  readonly address: string | undefined;
  readonly application: string | undefined;
  readonly subject: string | undefined;
  readonly target: string | undefined;
  readonly rule: string | undefined;
  readonly detail: string | undefined;
  readonly attributes: readonly string[];
  readonly changes: AttributeChanges | undefined;
}

/** Undefined where it is no line of an audit trail, or not a whole one. Taken from a log as well, where that has them. */
export function readAuditLine(text: string): AuditLine | undefined {
  const line = objectIn(text);
  const fields = isObject(line?.audit) ? line.audit : line;
  if (!fields) return undefined;
  const { operation, outcome, changes } = fields;
  const time = typeof fields.time === "string" ? Date.parse(fields.time) : Number.NaN;
  if (Number.isNaN(time) || typeof operation !== "string" || typeof outcome !== "string") return undefined;
  return {
    time,
    operation,
    outcome,
    address: textIn(fields.address),
    application: textIn(fields.application),
    subject: textIn(fields.subject),
    target: textIn(fields.target),
    rule: textIn(fields.rule),
    detail: textIn(fields.detail),
    attributes: namesIn(fields.attributes),
    changes: isObject(changes)
      ? { added: namesIn(changes.added), replaced: namesIn(changes.replaced), deleted: namesIn(changes.deleted) }
      : undefined,
  };
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}

/** Wider than most names; what is longer moves the rest of its line to the right. */
const widestColumn = 56;

/** Of time, outcome, operation, application, subject, target and address: most lines of most servers fit. */
const usualWidths = [24, 18, 8, 7, 38, 38, 9];

/** Lines for a person, in columns that grow as they have to. */
export class AuditTable {
  readonly #widths = [...usualWidths];

  row(line: AuditLine): string {
    const cells = [
      new Date(line.time).toISOString(),
      line.outcome,
      line.operation,
      line.application || "-",
      line.subject ?? "-",
      line.target || "-",
      line.address ?? "-",
    ].map((cell, column) => this.#padded(printable(cell), column));
    const isRenaming = line.operation === "modifyDn";
    const why = [line.rule, line.detail].filter((text) => text !== undefined).join(isRenaming ? " -> " : ": ");
    return [...cells, printable(why), printable(attributesText(line))].join("  ").trimEnd();
  }

  #padded(cell: string, column: number): string {
    const width = Math.min(widestColumn, Math.max(this.#widths[column] ?? 0, cell.length));
    this.#widths[column] = width;
    return cell.padEnd(width);
  }
}

/** `+mail ~sn -title`: added, replaced, deleted. */
function attributesText({ operation, attributes, changes }: AuditLine): string {
  if (attributes.length === 0) return "";
  if (!changes) return attributes.map((name) => (operation === "add" ? `+${name}` : name)).join(" ");
  const { added = [], replaced = [], deleted = [] } = changes;
  return [
    ...added.map((name) => `+${name}`),
    ...replaced.map((name) => `~${name}`),
    ...deleted.map((name) => `-${name}`),
  ].join(" ");
}

/** Control characters, and what turns the direction of a text or cannot be seen. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function printable(text: string): string {
  return text.replace(unprintable, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`);
}

/** The line as it was written; what is not to look at in it as escapes, which mean the same in JSON. */
export function printableJson(text: string): string {
  const isWritten = !/\p{Cc}/u.test(text);
  const json = isWritten ? text : JSON.stringify(JSON.parse(text));
  return json.replace(unprintable, (one) =>
    Array.from({ length: one.length }, (_, n) => `\\u${one.charCodeAt(n).toString(16).padStart(4, "0")}`).join(""),
  );
}
