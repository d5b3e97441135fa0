// How fast each application may ask, all its connections together: a bucket for each, which fills with the time and
// holds what one second allows, by the limit of the server or the application's own, whichever is narrower.
import { narrowest } from "../model/limits.js";

interface Bucket {
  /** Operations that may come at once; below 0, so many were taken in advance. */
  left: number;
  /** When it was last looked at, in milliseconds of `performance.now()`. */
  at: number;
}

export class OperationRates {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** `perSecond`: what the server allows each application; 0 is no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether an application with this limit of its own is held to any rate. */
  isLimited(own?: number): boolean {
    return this.#perSecond > 0 || own !== undefined;
  }

  /** Counts one operation of an application at the time `now`; gives what `rest` gives from then on. */
  charge(application: string, now: number, own?: number): number {
    const perSecond = narrowest(this.#perSecond, own);
    if (perSecond === 0) return 0;
    this.#filled(application, now, perSecond).left -= 1;
    return this.rest(application, now, own);
  }

  /**
   * How long, in milliseconds from `now`, nothing more may be taken of any connection of an application. They all wait for
   * the same, so that none gets ahead by being new, and what was taken in advance is at most one for each that is open.
   */
  rest(application: string, now: number, own?: number): number {
    const perSecond = narrowest(this.#perSecond, own);
    if (perSecond === 0) return 0;
    const { left } = this.#filled(application, now, perSecond);
    return left >= 0 ? 0 : (-left * 1000) / perSecond;
  }

  #filled(application: string, now: number, perSecond: number): Bucket {
    const bucket = this.#buckets.get(application) ?? { left: perSecond, at: now };
    this.#buckets.set(application, bucket);
    bucket.left = Math.min(perSecond, bucket.left + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    return bucket;
  }
}
