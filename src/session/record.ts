// What is left of an operation: one audit line for every bind, refusal and write (rule 7 of the gate), and its numbers.
import { type Subject, subjectDn } from "../access/permissions.js";
import type { Clock } from "../model/clock.js";
import type { OperationName, Result } from "../model/message.js";
import type { ResultCode } from "../model/result-code.js";
import type { Trail } from "../operations/context.js";
import type { AuditTrail } from "../telemetry/audit.js";
import type { Log } from "../telemetry/log.js";
import type { Metrics } from "../telemetry/metrics.js";

/** Where sessions leave their records. */
export interface Telemetry {
  readonly log: Log;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
}

export interface Performed {
  readonly session: number;
  readonly address: string;
  readonly subject: Subject;
  readonly operation: OperationName;
  readonly result: Result;
  readonly trail: Trail;
  readonly entries: number;
  readonly milliseconds: number;
  readonly clock: Clock;
}

const alwaysAudited: ReadonlySet<OperationName> = new Set(["bind", "add", "modify", "modifyDn", "delete"]);
export const refusals: ReadonlySet<string> = new Set<ResultCode>([
  "insufficientAccessRights",
  "invalidCredentials",
  "inappropriateAuthentication",
  "strongerAuthRequired",
  "confidentialityRequired",
  "unwillingToPerform",
]);

export function isRefusal(code: ResultCode): boolean {
  return refusals.has(code);
}

export function record(performed: Performed, { audit, metrics }: Telemetry): void {
  const { operation, result, trail, entries } = performed;
  metrics.operation(operation, result.code, performed.milliseconds);
  if (entries > 0) metrics.entriesReturned(entries);
  if (!alwaysAudited.has(operation) && !refusals.has(result.code) && trail.rule === undefined) return;
  const application = trail.application ?? applicationOf(performed.subject);
  audit.record({
    time: performed.clock(),
    address: performed.address,
    ...(application === undefined ? {} : { application }),
    subject: subjectText(performed.subject),
    operation,
    ...(trail.target === undefined ? {} : { target: trail.target }),
    outcome: result.code,
    rule: trail.rule ?? ruleOf(result),
    session: performed.session,
    ...(trail.detail === undefined ? {} : { detail: trail.detail }),
    ...(trail.attributes === undefined ? {} : { attributes: [...trail.attributes] }),
    ...(trail.changes === undefined ? {} : { changes: trail.changes }),
  });
}

/** The audit line of a connection that is closed because of what came on it where a request was due. */
export function recordTurnedAway(
  turnedAway: Pick<Performed, "address" | "subject" | "session" | "clock"> & { readonly rule: string },
  { audit }: Telemetry,
): void {
  const { address, rule, session, clock } = turnedAway;
  const subject = subjectText(turnedAway.subject);
  audit.record({
    time: clock(),
    address,
    subject,
    operation: "connect",
    outcome: "unwillingToPerform",
    rule,
    session,
  });
}

function subjectText(subject: Subject): string {
  return subjectDn(subject) || "anonymous";
}

function applicationOf(subject: Subject): string | undefined {
  if (subject.kind === "application") return subject.application.name;
  return subject.kind === "user" ? subject.applications.map(({ name }) => name).join(" ") : undefined;
}

function ruleOf({ code, message }: Result): string {
  if (code === "success") return "right held";
  return refusals.has(code) ? (message ?? "refused") : "not carried out";
}
