// Is it them? Passwords verified and made ready to be kept. Whoever fails learns nothing from how long it took.
import { setTimeout as wait } from "node:timers/promises";
import { fail } from "../model/failure.js";
import { Secret } from "../model/secret.js";
import type { PasswordHasher } from "../passwords/hasher.js";
import { schemeOf } from "../passwords/schemes.js";

/** How many verifications the typical time is taken over. */
const remembered = 16;
/** What a failure takes until one has been seen, in milliseconds: about one bcrypt hash at the default cost. */
const firstGuess = 60;

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
    if (!right) {
      this.#failureTimes.push(performance.now() - began);
      if (this.#failureTimes.length > remembered) this.#failureTimes.shift();
    }
    return right;
  }

  /** Waits as long as a wrong password takes, without spending a hash: for those who may not even try. */
  async refuseSlowly(): Promise<void> {
    const times = [...this.#failureTimes].sort((a, b) => a - b);
    await wait(times[Math.floor(times.length / 2)] ?? firstGuess);
  }

  /**
   * What is kept of userPassword values that a client sends: clear text is hashed, a hash of a known scheme is kept as it
   * is. Throws constraintViolation for a scheme that could never be verified.
   */
  async prepare(values: readonly Buffer[]): Promise<Buffer[]> {
    const kept: Buffer[] = [];
    for (const value of values) {
      if (schemeOf(value)) kept.push(Buffer.from(value));
      else if (/^\{[A-Za-z0-9/_-]+\}./.test(value.toString("latin1"))) {
        fail(
          "constraintViolation",
          "userPassword: this password scheme is not known here; send clear text or {BCRYPT}, {CRYPT}$2b$, {SSHA}",
        );
      } else kept.push(Buffer.from(await this.#hasher.hash(new Secret(value))));
    }
    return kept;
  }
}
