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

  /**
   * Counts one operation of an application at the time `now`; gives how long, in milliseconds, nothing more may be taken
   * of the connection that it came on.
   */
  charge(application: string, now: number): number {
    const perSecond = this.#perSecond;
    if (perSecond === 0) return 0;
    const bucket = this.#buckets.get(application) ?? { left: perSecond, at: now };
    this.#buckets.set(application, bucket);
    bucket.left = Math.min(perSecond, bucket.left + ((now - bucket.at) * perSecond) / 1000) - 1;
    bucket.at = now;
    return bucket.left >= 0 ? 0 : (-bucket.left * 1000) / perSecond;
  }
}
