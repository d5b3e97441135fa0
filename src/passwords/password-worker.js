// What runs in a worker thread: the slow schemes. Plain JavaScript for the reason given in schemes.js.
// Passwords come in a buffer of their own, moved here and wiped when done; no error carries one.
import { preferredScheme, schemeOf, spendRounds } from "./schemes.js";

/**
 * @typedef {object} HashTask
 * @property {Uint8Array} password
 * @property {number} cost
 *
 * @typedef {object} VerifyTask
 * @property {Uint8Array} password
 * @property {readonly string[]} hashes
 * @property {number} cost
 */

/** @param {HashTask} task */
export function hash({ password, cost }) {
  try {
    return preferredScheme.hash?.(password, cost);
  } finally {
    password.fill(0);
  }
}

/**
 * Whether one of the hashes is of this password. A failure takes at least the time of one hash at `cost`, be there a
 * cheaper hash, a malformed one or none.
 * @param {VerifyTask} task
 */
export function verify({ password, hashes, cost }) {
  try {
    let left = 2 ** cost;
    for (const stored of hashes) {
      const scheme = schemeOf(Buffer.from(stored, "latin1"));
      if (scheme === undefined) continue;
      if (scheme.verify(password, stored)) return true;
      left -= scheme.rounds(stored);
    }
    spendRounds(left);
    return false;
  } finally {
    password.fill(0);
  }
}
