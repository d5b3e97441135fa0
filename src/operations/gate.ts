// The gate: who gets in as what, by its rules 2 and 3. The address first, then the password, and one answer for every way
// of not getting in.
import type { Application } from "../access/application.js";
import { Branch } from "../access/branch.js";
import { findLogin, type Login } from "../access/login.js";
import type { Dn } from "../model/dn.js";
import { type Result, success } from "../model/message.js";
import type { Secret } from "../model/secret.js";
import type { Caller, Context, Trail } from "./context.js";

/** The same words for every refusal, so that they tell nothing; what really happened stands in the audit line. */
export const refused: Result = Object.freeze({
  code: "invalidCredentials",
  message: "the name or the password is wrong",
});

/** Enters by a DN: as the application that has it, as a user by a name in an application's branch, or as any user. */
export function enter(dn: Dn, password: Secret, context: Context): Promise<Result> {
  const { applications } = context.services;
  if (!applications.isApplicationDn(dn)) return enterAsUser(dn, password, context);
  const owner = applications.ownerOf(dn);
  const application = applications.named(owner);
  if (owner === dn) return enterAsApplication(application, password, context);
  return enterInBranch(dn, application, password, context);
}

/** The name says which application is meant, also where several may call from the address. */
async function enterInBranch(
  dn: Dn,
  application: Application | undefined,
  password: Secret,
  context: Context,
): Promise<Result> {
  if (application && isCandidate(application, context)) {
    const branch = new Branch(application, context.view.schema);
    return enterAsUser(branch.inward(dn), password, context, application);
  }
  if (!application) context.trail.rule = "no such application";
  await context.services.authenticator.refuseSlowly();
  return refused;
}

/**
 * Rule 2: the address is checked before a hash is spent. Where the application requires TLS and the client has none, the
 * words are the same as well: another answer would tell which names there are.
 */
export async function enterAsApplication(
  application: Application | undefined,
  password: Secret,
  context: Context,
): Promise<Result> {
  const { services, caller, trail } = context;
  const { authenticator } = services;
  if (!application || !isCandidate(application, context)) {
    if (!application) trail.rule = "no such application";
    await authenticator.refuseSlowly();
    return refused;
  }
  if (!hasRoom(application, caller)) return refusedAsFull([application], trail);
  const stored = application.settings.passwords.map((hash) => hash.reveal());
  if (!(await authenticator.verify(password, stored))) {
    trail.rule = "wrong password";
    return refused;
  }
  // Others may have come in while the password was looked at.
  if (!hasRoom(application, caller)) return refusedAsFull([application], trail);
  trail.rule = "application bind";
  caller.become({ kind: "application", application });
  return success;
}

/** Whether the application's `limits.connections` leaves room for the caller, who may be one of them already. */
export function hasRoom(application: Application, caller: Caller): boolean {
  const { connections } = application.settings.limits;
  if (connections === undefined || application.contact.connections < connections) return true;
  return caller.isConnectionOf(application);
}

/** One too many of these applications, each of which has as many connections as it may. */
export function refusedAsFull(full: readonly Application[], trail: Trail): Result {
  trail.application = full.map(({ name }) => name).join(" ");
  trail.rule = `limits.connections: no more than ${full.map(({ settings }) => settings.limits.connections).join(", ")}`;
  return tooMany;
}

const tooMany: Result = Object.freeze({
  code: "busy",
  message: "the application has as many connections open as it may have; try again later",
});

/** Whether the application may be entered through the caller's channel; says in the trail why not. */
export function isCandidate(application: Application, { services, caller, trail }: Context): boolean {
  trail.application = application.name;
  trail.asked = [application];
  if (services.applications.candidates(caller.channel).includes(application)) return true;
  trail.rule = services.applications.barrier(application, caller.channel) ?? "application removed";
  return false;
}

/**
 * Rule 3: through the application that bound here before, or else through any that may call from this address; `inBranch`:
 * through this one alone, by whose branch the user is named.
 */
export async function enterAsUser(
  name: Dn | { readonly uid: string },
  password: Secret,
  context: Context,
  inBranch?: Application,
): Promise<Result> {
  const { services, caller, trail } = context;
  const { authenticator, directory } = services;
  const asking = through(context).filter((application) => !inBranch || application === inBranch);
  if (asking.length === 0) {
    trail.rule = isForTls(context) ? tlsRequired : "address of no application";
    await authenticator.refuseSlowly();
    return refused;
  }
  trail.asked = asking;
  // Said before anybody's password is looked at only where it is the same for every name.
  if (asking.every((application) => !hasRoom(application, caller))) return refusedAsFull(asking, trail);
  if (caller.application) trail.application = caller.application.name;
  const login = await findLogin(directory, name, asking, { channel: caller.channel, now: services.clock() });
  // Whom no application lets in costs a hash all the same, and never the short time of a right password quickly verified:
  // the time must not tell who is there, who is in which group, or what the password is.
  const isAdmitted = login !== undefined && login.applications.length > 0;
  const right = await authenticator.verify(password, isAdmitted ? login.passwords : []);
  if (!isAdmitted || !right) {
    if (!login) trail.rule = "no such user";
    else if (isAdmitted) trail.rule = "wrong password";
    else recordRefusals(login, trail);
    return refused;
  }
  // It takes a place in each: with fewer applications the user might see more than all of them would show.
  const full = login.applications.filter((application) => !hasRoom(application, caller));
  if (full.length > 0) return refusedAsFull(full, trail);
  trail.rule = "user bind";
  trail.application = login.applications.map(({ name }) => name).join(" ");
  const { id, dn, applications } = login;
  caller.become({ kind: "user", id, dn, applications, isInBranch: inBranch !== undefined });
  return success;
}

/**
 * Leaves in the trail why no application lets the user in: by their names where they differ, but not of those that let
 * nobody in, where another could have.
 */
export function recordRefusals({ refusals }: Login, trail: Trail): void {
  const open = refusals.filter(({ application }) => application.settings.login?.groups?.length !== 0);
  const telling = open.length > 0 ? open : refusals;
  const rules = new Set(telling.map(({ rule }) => rule));
  const named = telling.map(({ application, rule }) => `${application.name}: ${rule}`);
  trail.rule = (rules.size > 1 ? named : [...rules]).join("; ") || "no application to log in through";
  const messages = new Set(telling.flatMap(({ application }) => application.settings.login?.message ?? []));
  if (messages.size > 0) trail.detail = [...messages].join("; ");
}

const tlsRequired = "TLS required";

/** Whether only the lack of TLS keeps the client from every application. */
function isForTls({ services, caller }: Context): boolean {
  const { applications } = services;
  return applications.all.some((application) => applications.barrier(application, caller.channel) === tlsRequired);
}

function through({ services, caller }: Context): readonly Application[] {
  const allowed = services.applications.candidates(caller.channel);
  const bound = caller.application;
  return bound ? allowed.filter(({ name }) => name === bound.name) : allowed;
}
