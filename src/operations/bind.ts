// Bind (RFC 4511 4.2, RFC 4513 5): which kind it is, and what is refused before anybody's password is looked at.
import { anonymous, localAdministrator } from "../access/permissions.js";
import { fail } from "../model/failure.js";
import { type BindRequest, type Result, success } from "../model/message.js";
import type { Context } from "./context.js";
import { enter } from "./gate.js";
import { bindBySasl } from "./sasl.js";

export async function bind(request: BindRequest, context: Context): Promise<Result> {
  const { dn, credentials, version } = request;
  const { trail, caller } = context;
  trail.target = dn.toString();
  if (version !== 3) {
    return fail("protocolError", `LDAPv${version} is not supported: set the client's protocol version to 3`);
  }
  if (credentials.method === "sasl") return bindBySasl(credentials, context);
  const { password } = credentials;
  if (dn.isRoot && password.isEmpty) {
    const isLocal = caller.channel.kind === "local";
    trail.rule = isLocal ? "local administrator" : "anonymous";
    caller.become(isLocal ? localAdministrator : anonymous);
    return success;
  }
  // RFC 4513 5.1.2: a name without a password looks like a login to careless clients, and is none.
  if (password.isEmpty) {
    trail.rule = "name without a password";
    return fail("unwillingToPerform", "a bind with a name needs a password");
  }
  return enter(dn, password, context);
}
