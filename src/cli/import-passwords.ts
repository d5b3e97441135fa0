// Passwords in LDIF: hashes are kept, clear text is hashed in worker threads and never stored.
import { fail } from "../model/failure.js";
import { Secret } from "../model/secret.js";
import type { PasswordHasher } from "../passwords/hasher.js";
import { preferredScheme, schemeOf } from "../passwords/schemes.js";

const schemePrefix = /^\{([^{}]{1,64})\}/;
/** Schemes of other servers by which what follows is the password itself. */
const clearSchemes = ["cleartext", "clear"];

/** The password that a value holds in clear text; undefined where it holds a hash. */
function clearText(value: Buffer): Buffer | undefined {
  if (schemeOf(value)) return undefined;
  const [prefix = "", scheme] = schemePrefix.exec(value.toString("latin1", 0, 80)) ?? [];
  if (scheme === undefined) return value;
  return clearSchemes.includes(scheme.toLowerCase()) ? value.subarray(prefix.length) : undefined;
}

/** Fails where one of the values is a password that cannot be hashed. */
export function checkPasswords(values: readonly Buffer[]): void {
  for (const value of values) {
    const clear = clearText(value);
    if (clear === undefined) continue;
    const refusal = clear.length === 0 ? "a password cannot be empty" : preferredScheme.refusal?.(clear);
    if (refusal !== undefined) fail("constraintViolation", `userPassword: ${refusal}`);
  }
}

export class ImportPasswords {
  readonly #hasher: PasswordHasher;
  /** How many were kept that no password will ever match: hashes of a scheme that is not known here. */
  unknown = 0;

  constructor(hasher: PasswordHasher) {
    this.#hasher = hasher;
  }

  /** What is to be stored; a promise only where something has to be hashed. */
  prepare(values: readonly Buffer[]): readonly Buffer[] | Promise<readonly Buffer[]> {
    if (values.some((value) => clearText(value) !== undefined)) return this.#hashed(values);
    for (const value of values) if (!schemeOf(value)) this.unknown++;
    return values;
  }

  /** One after the other, so that no more hashes are under way than entries. */
  async #hashed(values: readonly Buffer[]): Promise<readonly Buffer[]> {
    const prepared: Buffer[] = [];
    for (const value of values) {
      const clear = clearText(value);
      if (clear !== undefined) prepared.push(Buffer.from(await this.#hasher.hash(new Secret(clear))));
      else prepared.push(...(await this.prepare([value])));
    }
    return prepared;
  }
}
