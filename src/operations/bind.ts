// Bind (RFC 4511 4.2, RFC 4513 5) by the rules of the gate: the address first, then the password, and one answer for
// every way of not getting in.
import type { Application } from "../access/application.js";
import { findLogin } from "../access/login.js";
import { anonymous } from "../access/permissions.js";
import { fail } from "../model/failure.js";
import { type BindRequest, type Result, success } from "../model/message.js";
import type { Secret } from "../model/secret.js";
import type { Context } from "./context.js";

/** The same words for every refusal, so that they tell nothing; what really happened stands in the audit line. */
const refused: Result = Object.freeze({ code: "invalidCredentials", message: "the name or the password is wrong" });

export async function bind(request: BindRequest, context: Context): Promise<Result> {
  const { dn, credentials, version } = request;
  const { trail, caller, services } = context;
  trail.target = dn.toString();
  if (version !== 3) {
    return fail("protocolError", `LDAPv${version} is not supported: set the client's protocol version to 3`);
  }
  if (credentials.method === "sasl") {
    return fail("authMethodNotSupported", "SASL is not available here: use a simple bind");
  }
  const { password } = credentials;
  if (dn.isRoot && password.isEmpty) {
    trail.rule = "anonymous";
    caller.become(anonymous);
    return success;
  }
  // RFC 4513 5.1.2: a name without a password looks like a login to careless clients, and is none.
  if (password.isEmpty) {
    trail.rule = "name without a password";
    return fail("unwillingToPerform", "a bind with a name needs a password");
  }
  const result = services.applications.isApplicationDn(dn)
    ? await bindApplication(request, password, context)
    : await bindUser(request, password, context);
  return result;
}

/** Rule 2: the address is checked before a hash is spent. */
async function bindApplication({ dn }: BindRequest, password: Secret, context: Context): Promise<Result> {
  const { services, caller, trail } = context;
  const { applications, authenticator } = services;
  const application = applications.named(dn);
  if (application) trail.application = application.name;
  if (!application || !candidates(context).includes(application)) {
    trail.rule = !application
      ? "no such application"
      : application.settings.enabled
        ? "address not among the application's"
        : "application disabled";
    await authenticator.refuseSlowly();
    return refused;
  }
  const stored = application.settings.passwords.map((hash) => hash.reveal());
  if (!(await authenticator.verify(password, stored))) {
    trail.rule = "wrong password";
    return refused;
  }
  trail.rule = "application bind";
  caller.become({ kind: "application", application });
  return success;
}

/** Rule 3: through the application that bound here before, or else through any that may call from this address. */
async function bindUser({ dn }: BindRequest, password: Secret, context: Context): Promise<Result> {
  const { services, caller, trail } = context;
  const { authenticator, directory } = services;
  const asking = through(context);
  if (asking.length === 0) {
    trail.rule = "address of no application";
    await authenticator.refuseSlowly();
    return refused;
  }
  if (caller.application) trail.application = caller.application.name;
  const login = await findLogin(directory, dn, asking);
  // Whom no application lets in costs a hash all the same, and never the short time of a right password quickly verified:
  // the time must not tell who is there, who is in which group, or what the password is.
  const isAdmitted = login !== undefined && login.applications.length > 0;
  const right = await authenticator.verify(password, isAdmitted ? login.passwords : []);
  if (!isAdmitted || !right) {
    trail.rule = !login ? "no such user" : isAdmitted ? "wrong password" : "not allowed to log in here";
    return refused;
  }
  trail.rule = "user bind";
  trail.application = login.applications.map(({ name }) => name).join(" ");
  caller.become({ kind: "user", id: login.id, dn: login.dn, applications: login.applications });
  return success;
}

function candidates({ services, caller }: Context): readonly Application[] {
  return services.applications.candidates(caller.address);
}

function through(context: Context): readonly Application[] {
  const allowed = candidates(context);
  const bound = context.caller.application;
  return bound ? allowed.filter(({ name }) => name === bound.name) : allowed;
}
