// Is it them? Passwords verified and made ready to be kept. Whoever fails learns nothing from how long it took.
import { setTimeout as wait } from "node:timers/promises";
import { fail } from "../model/failure.js";
import type { Cancellation } from "../model/message.js";
import { Secret } from "../model/secret.js";
import type { PasswordHasher } from "../passwords/hasher.js";
import { longestStored, schemeOf } from "../passwords/schemes.js";

/** How many verifications the typical time is taken over. */
const remembered = 16;

/** How the values of a write are to be taken. */
export interface Preparing {
  /** Whether hashes made elsewhere are refused. */
  readonly onlyClear?: boolean;
  /** Once canceled, nothing more is hashed. */
  readonly cancellation?: Cancellation;
}

export class Authenticator {
  readonly #hasher: PasswordHasher;
  readonly #failureTimes: number[] = [];

  constructor(hasher: PasswordHasher) {
    this.#hasher = hasher;
  }

  /**
   * Whether the password is one of those stored. Nothing stored, as for a user that does not exist, costs what a wrong
   * password costs. Throws `busy` where too many wait.
   */
  async verify(password: Secret, stored: readonly Buffer[]): Promise<boolean> {
    const began = performance.now();
    const right = stored.length > 0 ? await this.#hasher.verify(password, stored) : await this.#hasher.spend(password);
    // Whoever has a dear hash stored must not teach the others to wait.
    if (!right && !this.#hasher.isDear(stored)) {
      this.#failureTimes.push(performance.now() - began);
      if (this.#failureTimes.length > remembered) this.#failureTimes.shift();
    }
    return right;
  }

  /** Waits as long as a wrong password takes, without spending a hash: for those who may not even try. */
  async refuseSlowly(): Promise<void> {
    const times = [...this.#failureTimes].sort((a, b) => a - b);
    const typical = times[Math.floor(times.length / 2)] ?? this.#hasher.hashTime;
    if (typical === undefined) await this.verify(new Secret(""), []);
    else await wait(typical);
  }

  /**
   * What is kept of userPassword values that a client sends: clear text is hashed, a hash of a known scheme is kept as it
   * is. Throws constraintViolation for what could never be verified, and for a hash that would cost more than those made
   * here: each login with it would.
   */
  async prepare(values: readonly Buffer[], { onlyClear = false, cancellation }: Preparing = {}): Promise<Buffer[]> {
    // What is wrong with one of them is found before another is hashed.
    const isClear = values.map((value) => !this.#isHash(value, onlyClear));
    const kept: Buffer[] = [];
    for (const [n, value] of values.entries()) {
      if (cancellation?.canceled) fail("canceled", "the operation was abandoned");
      kept.push(Buffer.from(isClear[n] ? await this.#hasher.hash(new Secret(value)) : value));
    }
    return kept;
  }

  /** Whether a value is a hash that can be kept; fails where it is one that cannot. */
  #isHash(value: Buffer, onlyClear: boolean): boolean {
    const scheme = schemeOf(value);
    if (!scheme) {
      if (!/^\{[A-Za-z0-9/_-]+\}./.test(value.toString("latin1", 0, longestStored))) return false;
      return refuse("this password scheme is not known here; send clear text or {BCRYPT}, {CRYPT}$2b$, {SSHA}");
    }
    if (onlyClear) return refuse("a user sends a new password in clear text, not as a hash");
    if (value.length > longestStored || !scheme.isWellFormed(value.toString("latin1"))) {
      return refuse(`the value begins like a hash of the scheme ${scheme.name}, but is not a whole one`);
    }
    if (this.#hasher.isDear([value])) {
      return refuse("a hash of a higher cost than that of this server (passwords: cost); send clear text");
    }
    return true;
  }
}

function refuse(sentence: string): never {
  return fail("constraintViolation", `userPassword: ${sentence}`);
}
