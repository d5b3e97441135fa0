// How fast each application may ask, all its connections together: a bucket for each, which fills with the time and
// holds what one second allows.

interface Bucket {
  /** Operations that may come at once; below 0, so many were taken in advance. */
  left: number;
  /** When it was last looked at, in milliseconds of `performance.now()`. */
  at: number;
}

export class OperationRates {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** `perSecond`: 0 is no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  get isLimited(): boolean {
    return this.#perSecond > 0;
  }

  /** Counts one operation of an application at the time `now`; gives what `rest` gives from then on. */
  charge(application: string, now: number): number {
    if (!this.isLimited) return 0;
    this.#filled(application, now).left -= 1;
    return this.rest(application, now);
  }

  /**
   * How long, in milliseconds from `now`, nothing more may be taken of any connection of an application. They all wait for
   * the same, so that none gets ahead by being new, and what was taken in advance is at most one for each that is open.
   */
  rest(application: string, now: number): number {
    if (!this.isLimited) return 0;
    const { left } = this.#filled(application, now);
    return left >= 0 ? 0 : (-left * 1000) / this.#perSecond;
  }

  #filled(application: string, now: number): Bucket {
    const bucket = this.#buckets.get(application) ?? { left: this.#perSecond, at: now };
    this.#buckets.set(application, bucket);
    bucket.left = Math.min(this.#perSecond, bucket.left + ((now - bucket.at) * this.#perSecond) / 1000);
    bucket.at = now;
    return bucket;
  }
}
