// SASL (RFC 4422, and RFC 4513 5.2 for LDAP): the mechanisms, one row each. Both are done with one message.
import { type Channel, isConfidential } from "../access/channel.js";
import { localAdministrator, subjectDn } from "../access/permissions.js";
import { Dn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import { type Credentials, type Result, success } from "../model/message.js";
import { Secret } from "../model/secret.js";
import type { Context } from "./context.js";
import { enter, enterAsApplication, enterAsUser, hasRoom, isCandidate, refused, refusedAsFull } from "./gate.js";

interface Mechanism {
  readonly name: string;
  /** Whether a client that is connected in this way may use it, and finds it in the root DSE. */
  isOffered(channel: Channel): boolean;
  /** Who is never offered it is told why. */
  readonly needs: string;
  bind(credentials: Secret, context: Context): Promise<Result>;
}

const mechanisms: readonly Mechanism[] = [
  {
    name: "EXTERNAL",
    isOffered: ({ kind, certificate }) => kind === "local" || certificate !== undefined,
    needs: "EXTERNAL needs a TLS connection with a client certificate",
    bind: bindExternal,
  },
  // On the Unix socket nobody reads along either.
  { name: "PLAIN", isOffered: isConfidential, needs: "PLAIN needs TLS: use ldaps or StartTLS", bind: bindPlain },
];

/** The names of the mechanisms that a client connected in this way may use (RFC 4512 5.1, supportedSASLMechanisms). */
export function saslMechanisms(channel: Channel): readonly string[] {
  return mechanisms.filter((mechanism) => mechanism.isOffered(channel)).map(({ name }) => name);
}

export async function bindBySasl(
  { mechanism: name, credentials }: Extract<Credentials, { method: "sasl" }>,
  context: Context,
): Promise<Result> {
  const { channel } = context.caller;
  const mechanism = mechanisms.find((row) => row.name === name);
  if (!mechanism) {
    const offered = saslMechanisms(channel).join(" and ") || "none";
    return fail(
      "authMethodNotSupported",
      `the SASL mechanism ${JSON.stringify(name.slice(0, 40))} is not supported; on this connection ${offered} can be used, or a simple bind`,
    );
  }
  if (!mechanism.isOffered(channel)) return fail("authMethodNotSupported", mechanism.needs);
  return mechanism.bind(credentials ?? new Secret(""), context);
}

/** RFC 4422 appendix A: who it is was proven by other means; the credentials are at most the name to act as. */
async function bindExternal(credentials: Secret, context: Context): Promise<Result> {
  const { caller, trail, services } = context;
  const actAs = credentials.reveal().toString();
  const { kind, certificate } = caller.channel;
  if (kind === "local") {
    trail.target = subjectDn(localAdministrator);
    if (!isSameName(actAs, trail.target, context)) return refusedAs(actAs, context);
    trail.rule = "local administrator";
    caller.become(localAdministrator);
    return success;
  }
  if (!certificate || certificate.fault !== undefined) {
    trail.rule = "client certificate not accepted";
    trail.detail = certificate?.fault;
    return fail("inappropriateAuthentication", "the client certificate is not one that this server accepts");
  }
  const [name, ...more] = certificate.commonNames;
  const named = name === undefined || more.length > 0 ? undefined : services.applications.withName(name);
  const application = named && isWritten(named.name, name!) ? named : undefined;
  trail.detail = `certificate of ${certificate.commonNames.join(", ") || "nobody"}`;
  if (!application) {
    trail.rule = "the certificate names no application";
    return externalRefused;
  }
  trail.target = application.dn.toString();
  if (!isCandidate(application, context)) return externalRefused;
  if (!isSameName(actAs, trail.target, context)) return refusedAs(actAs, context);
  if (!hasRoom(application, caller)) return refusedAsFull([application], trail);
  trail.rule = "client certificate";
  caller.become({ kind: "application", application });
  return success;
}

/**
 * Whether an authority that wrote the one name meant the other: only case in ASCII may differ. To the directory more names
 * are the same (K and KELVIN SIGN), and who lets another have a certificate for one of them need not know that.
 */
function isWritten(name: string, inCertificate: string): boolean {
  const lower = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return lower(name) === lower(inCertificate);
}

const externalRefused: Result = Object.freeze({
  code: "invalidCredentials",
  message: "the client certificate is not that of an application that may connect from here",
});

/** RFC 4616: the name to act as, who it is and the password, divided by NUL. */
async function bindPlain(credentials: Secret, context: Context): Promise<Result> {
  const { trail, services, caller } = context;
  const parts = divided(credentials.reveal());
  if (!parts) {
    return fail(
      "protocolError",
      "the credentials of PLAIN are a name to act as, a name and a password, divided by NUL",
    );
  }
  const [actAs, name, password] = parts;
  const { dnBytes } = services.limits;
  if (Math.max(name.length, actAs.length) > dnBytes) {
    fail("protocolError", `a name of more than ${dnBytes} bytes`);
  }
  trail.target = name;
  const dn = dnOf(name);
  if (!isSameName(actAs, name, context)) return refusedAs(actAs, context);
  const { applications } = services;
  if (dn) return enter(dn, password, context);
  // A simple name: that of an application that may call from here, or else the uid of a user. So a name that is registered
  // for elsewhere costs what one costs that nobody has.
  const application = applications.withName(name);
  return application && applications.candidates(caller.channel).includes(application)
    ? enterAsApplication(application, password, context)
    : enterAsUser({ uid: name }, password, context);
}

function divided(message: Buffer): [actAs: string, name: string, password: Secret] | undefined {
  const first = message.indexOf(0);
  const second = message.indexOf(0, first + 1);
  if (first < 0 || second <= first + 1 || second === message.length - 1) return undefined;
  if (message.includes(0, second + 1)) return undefined;
  const name = message.toString("utf8", first + 1, second);
  return [message.toString("utf8", 0, first), name, new Secret(Buffer.from(message.subarray(second + 1)))];
}

/** The DN that an authorization identity (RFC 4513 5.2.1.8) or a name is; undefined: a simple name. */
function dnOf(name: string): Dn | undefined {
  const text = /^dn:/i.test(name) ? name.slice(3) : name;
  return text.includes("=") ? Dn.parsed(text) : undefined;
}

/** Nobody acts as somebody else: the name to act as is empty, or means the same. */
function isSameName(actAs: string, name: string, { view }: Context): boolean {
  if (actAs === "") return true;
  const [one, other] = [dnOf(actAs), dnOf(name)];
  if (one && other) return one.equals(other, view.schema);
  return !one && !other && actAs.replace(/^u:/i, "").toLowerCase() === name.toLowerCase();
}

function refusedAs(actAs: string, { trail }: Context): Result {
  trail.rule = "nobody may act as somebody else";
  trail.detail = actAs.slice(0, 256);
  return refused;
}
