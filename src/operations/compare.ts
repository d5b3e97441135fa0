// Compare (RFC 4511 4.10). On userPassword it is a login attempt, and costs what one costs.
import { listsMemberships } from "../access/computed-attributes.js";
import { findLogin } from "../access/login.js";
import type { ViewReading } from "../access/view.js";
import type { VisibleEntry } from "../access/visible-entry.js";
import { fail } from "../model/failure.js";
import { compileFilter, matchFilter } from "../model/filter-match.js";
import type { CompareRequest, Result } from "../model/message.js";
import { knownDescription } from "../model/schema-check.js";
import { Secret } from "../model/secret.js";
import type { Context } from "./context.js";
import { recordRefusals } from "./gate.js";

export async function compare(request: CompareRequest, context: Context): Promise<Result> {
  context.trail.target = request.dn.toString();
  context.view.permissions.requireSome("read");
  const reading = await context.view.read();
  try {
    const entry = reading.require(request.dn);
    const { type } = knownDescription(request.type, reading.schema);
    if (type.name === "userPassword") return await comparePassword(request, entry, context);
    return await compareValue(request, entry, reading);
  } finally {
    reading.release();
  }
}

async function compareValue(request: CompareRequest, entry: VisibleEntry, reading: ViewReading): Promise<Result> {
  const { schema, permissions } = reading;
  const { type: attribute, value } = request;
  const { type } = knownDescription(attribute, schema);
  const present = compileFilter({ kind: "present", attribute }, permissions.scope);
  const equal = compileFilter({ kind: "equality", attribute, value }, permissions.scope);
  await reading.prepare(equal, entry);
  if (matchFilter(equal, entry, schema) === true) return { code: "compareTrue" };
  if (listsMemberships(type)) await entry.loadMemberships();
  if (matchFilter(present, entry, schema) !== true) return fail("noSuchAttribute", `the entry has no ${attribute}`);
  if (equal.kind === "constant" && equal.value === undefined) {
    if (!type.equality) return fail("inappropriateMatching", `${type.name} cannot be compared for equality`);
    return fail("invalidAttributeSyntax", `the value to compare is not of the syntax of ${type.name}`);
  }
  return { code: "compareFalse" };
}

async function comparePassword(request: CompareRequest, entry: VisibleEntry, context: Context): Promise<Result> {
  const { services, caller, view, trail } = context;
  // The view's subject, not the session's: a bind that came meanwhile has changed that one.
  const { subject } = view.permissions;
  const applications =
    subject.kind === "application"
      ? [subject.application]
      : subject.kind === "user" && subject.id === entry.id
        ? subject.applications
        : [];
  const occasion = { channel: caller.channel, now: services.clock() };
  const login = await findLogin(services.directory, request.dn, applications, occasion);
  const isAdmitted = login !== undefined && login.applications.length > 0;
  const password = new Secret(Buffer.from(request.value));
  const right = await services.authenticator.verify(password, isAdmitted ? login.passwords : []);
  if (isAdmitted) trail.rule = right ? "password verified" : "wrong password";
  else if (login) recordRefusals(login, trail);
  else trail.rule = "no such user";
  return { code: right ? "compareTrue" : "compareFalse" };
}
