import type { ResultCode } from "./result-code.js";

/** The one kind of error that the floors throw. `session/failure.ts` turns it into an LDAPResult; nothing else does. */
export class LdapError extends Error {
  readonly code: ResultCode;
  /** The DN of the deepest existing ancestor, for noSuchObject (RFC 4511 4.1.9). */
  readonly matchedDn: string;

  constructor(code: ResultCode, message: string, options: { matchedDn?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LdapError";
    this.code = code;
    this.matchedDn = options.matchedDn ?? "";
  }
}

/** Ends the operation with a result code and a sentence that the client may read: never put a secret into it. */
export function fail(code: ResultCode, message: string, options?: { matchedDn?: string; cause?: unknown }): never {
  throw new LdapError(code, message, options);
}
