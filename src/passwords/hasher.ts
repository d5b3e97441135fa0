// Hashing and verifying passwords without holding up the main thread: slow schemes run in worker threads, behind a
// bounded queue; beyond it the answer is busy (51), never a longer wait.
//
// What a failure tells by its time: an unknown user, a wrong password against a bcrypt hash of the configured cost or a
// cheaper one, against {SSHA}, and against a malformed or unknown scheme all take the time of one bcrypt hash at the
// configured cost. What cannot be made equal: a hash of a higher cost than the configured one and several bcrypt values
// take longer; the success of a quick scheme is fast, but who sees that knows the password.
import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { fail, LdapError } from "../model/failure.js";
import type { Secret } from "../model/secret.js";
import type { HashTask, VerifyTask } from "./password-worker.js";
import { bcryptCosts, preferredScheme, schemeOf } from "./schemes.js";

export interface HasherOptions {
  /** Passwords that may wait for a thread. */
  readonly queue: number;
  /** Default: one less than the processors, at least 1, at most 8. */
  readonly threads?: number;
  /** The cost of new bcrypt hashes, 4 to 16. */
  readonly cost: number;
}

/** Stored values of one entry that are looked at; there is more than one only while a password is being replaced. */
export const valuesTried = 4;

/** A longer password never verifies: quick schemes run on the main thread, so this bounds what one costs there. */
export const longestPassword = 4096;

const stopping = "the server is stopping";
const mostThreads = 8;
const idleTime = 60_000; // ms; a burst of logins should not start the same threads again and again

const defaultThreads = () => Math.min(mostThreads, Math.max(1, availableParallelism() - 1));

export class PasswordHasher {
  readonly #cost: number;
  readonly #threads: number;
  readonly #queue: number;
  /** Started at the first use: a command that hashes nothing pays nothing. */
  #pool: Piscina | undefined;
  #hashTime: number | undefined;
  #closed = false;
  /** The tasks under way and how to end them. */
  readonly #underWay = new Set<(reason: unknown) => void>();

  constructor(options: HasherOptions) {
    const { queue, threads = defaultThreads(), cost } = options;
    if (!Number.isInteger(cost) || cost < bcryptCosts.least || cost > bcryptCosts.most) {
      throw new RangeError(`a bcrypt cost of ${cost}; it must be ${bcryptCosts.least} to ${bcryptCosts.most}`);
    }
    this.#cost = cost;
    this.#threads = threads;
    this.#queue = queue;
  }

  /** What one hash at the configured cost took here when the hasher was warmed, in milliseconds. */
  get hashTime(): number | undefined {
    return this.#hashTime;
  }

  /** Whether verifying against these takes longer than one hash at the configured cost. */
  isDear(stored: readonly Buffer[]): boolean {
    let rounds = 0;
    for (const value of stored.slice(0, valuesTried)) rounds += schemeOf(value)?.rounds(value.toString("latin1")) ?? 0;
    return rounds > 2 ** this.#cost;
  }

  /** The value to store, `{BCRYPT}$2b$…`. An empty password or one that bcrypt cannot keep whole: constraintViolation. */
  async hash(password: Secret): Promise<string> {
    const bytes = password.reveal();
    if (bytes.length === 0) fail("constraintViolation", "a password cannot be empty");
    const refusal = preferredScheme.refusal?.(bytes);
    if (refusal !== undefined) fail("constraintViolation", refusal);
    const task: HashTask = { password: ownCopy(bytes), cost: this.#cost };
    return (await this.#run("hash", task)) as string;
  }

  /** Whether the password is that of one of the stored values; at most `valuesTried` of them are looked at. */
  async verify(password: Secret, stored: readonly Buffer[]): Promise<boolean> {
    const bytes = password.reveal();
    const hashes: string[] = [];
    // RFC 4513 5.1.2: an empty password is no login, whatever is stored.
    const canVerify = bytes.length > 0 && bytes.length <= longestPassword;
    for (const value of canVerify ? stored.slice(0, valuesTried) : []) {
      const scheme = schemeOf(value);
      const text = value.toString("latin1");
      if (scheme?.runs === "here" && scheme.verify(bytes, text)) return true;
      if (scheme?.runs === "thread") hashes.push(text);
    }
    const task: VerifyTask = {
      password: ownCopy(canVerify ? bytes : Buffer.alloc(0)),
      hashes,
      cost: this.#cost,
    };
    return (await this.#run("verify", task)) as boolean;
  }

  /** Takes the time that a wrong password takes: for users who do not exist. */
  async spend(password: Secret): Promise<false> {
    await this.verify(password, []);
    return false;
  }

  /** Starts a thread and lets it run once, so that the first login does not wait for that; then takes the time of a hash. */
  async warm(): Promise<void> {
    const run = (cost: number) => this.#run("verify", { password: new Uint8Array(0), hashes: [], cost });
    await run(bcryptCosts.least);
    const began = performance.now();
    await run(this.#cost);
    this.#hashTime = performance.now() - began;
  }

  /** Ends the threads at once; what is under way fails as unavailable. Whoever wants an answer waits for it first. */
  async close(): Promise<void> {
    this.#closed = true;
    const pool = this.#pool;
    this.#pool = undefined;
    this.#failUnderWay(new LdapError("unavailable", stopping));
    await pool?.destroy();
  }

  #run(name: "hash" | "verify", task: HashTask | VerifyTask): Promise<unknown> {
    if (this.#closed) fail("unavailable", stopping);
    if (this.#underWay.size >= this.#threads + this.#queue) {
      fail("busy", "too many passwords are being verified; try again later");
    }
    this.#pool ??= this.#startPool();
    const pool = this.#pool;
    const answer = pool.run(task, { name, transferList: [task.password.buffer as ArrayBuffer] });
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      answer.then(
        (value) => {
          this.#underWay.delete(reject);
          resolve(value);
        },
        (error) => this.#giveUp(pool, error),
      );
    });
  }

  #startPool(): Piscina {
    const pool = new Piscina({
      filename: new URL("./password-worker.js", import.meta.url).href,
      minThreads: 1,
      maxThreads: this.#threads,
      idleTimeout: idleTime,
      execArgv: [], // a thread wants none of the flags that Node was started with
      recordTiming: false,
    });
    pool.on("error", (error) => this.#giveUp(pool, error));
    return pool;
  }

  /**
   * No password makes a worker throw, so an error is that of a thread: it could not start, or it died. Piscina may then
   * leave other tasks waiting for ever, so all that is under way fails, and the next password starts anew.
   */
  #giveUp(pool: Piscina, error: unknown): void {
    if (this.#pool !== pool) return;
    this.#pool = undefined;
    this.#failUnderWay(error);
    void pool.destroy();
  }

  #failUnderWay(reason: unknown): void {
    for (const reject of this.#underWay) reject(reason);
    this.#underWay.clear();
  }
}

/** A copy that can be moved to a thread: alone in its memory, so that nothing beside it goes along. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}
