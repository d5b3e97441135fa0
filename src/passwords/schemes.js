// How stored passwords are written and verified (RFC 2307 5.3 and what grew from it): one table of schemes.
// Plain JavaScript, because the worker threads read this same table, and Node 20 cannot load TypeScript in a thread.
// Promises: nothing here throws on a malformed stored value, it just does not verify; a value without a known prefix
// never verifies, so clear text is never compared.
import { createHash, timingSafeEqual } from "node:crypto";
import bcrypt from "bcryptjs";

/**
 * @typedef {object} PasswordScheme
 * @property {string} name
 * @property {readonly string[]} prefixes In lower case; a stored value may spell them as it likes.
 * @property {"thread" | "here"} runs A slow hash runs in a worker thread; a quick one costs less than the way there.
 * @property {(password: Uint8Array, stored: string) => boolean} verify Never throws. `stored` is the whole value, prefix included.
 * @property {(stored: string) => boolean} isWellFormed Whether a password could match it at all. Never throws.
 * @property {(stored: string) => number} rounds What one verification costs, in rounds of bcrypt; 0 for a quick scheme or a malformed value.
 * @property {(password: Uint8Array) => string | undefined} [refusal] Why this password cannot be hashed, as a sentence.
 * @property {(password: Uint8Array, cost: number) => string} [hash] The value to store. Only where `refusal` says nothing.
 */

/**
 * The costs of bcrypt that are verified and made. Each step doubles the time: 10 is about 0.1 s, 16 is 5 s, and 31,
 * which the format allows, would hold a thread for two days.
 */
export const bcryptCosts = Object.freeze({ least: 4, most: 16 });

/** bcrypt reads this many bytes of a password and no more. */
const bcryptBytes = 72;

const bcryptHash = /^\{[^}]*\}(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;
const unusedSalt = "CCCCCCCCCCCCCCCCCCCCC.";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The part of a password that bcrypt reads, as bcryptjs wants it; undefined where bcryptjs cannot take it: bytes that are
 * not UTF-8, and a NUL, at which C implementations stop and which lets several passwords have one hash.
 * @param {Uint8Array} password
 */
function bcryptText(password) {
  if (password.includes(0)) return undefined;
  let end = Math.min(password.length, bcryptBytes);
  while (end < password.length && (Number(password[end]) & 0xc0) === 0x80) end += 1; // not inside a character
  try {
    return utf8.decode(password.subarray(0, end));
  } catch {
    return undefined;
  }
}

/** @param {string} stored */
function readBcrypt(stored) {
  const [, salt, cost, digest] = bcryptHash.exec(stored) ?? [];
  if (salt === undefined || digest === undefined) return undefined;
  const rounds = Number(cost);
  if (rounds < bcryptCosts.least || rounds > bcryptCosts.most) return undefined;
  return { salt, cost: rounds, digest };
}

/** @type {PasswordScheme} */
const bcryptScheme = {
  name: "bcrypt",
  // {CRYPT} is whatever crypt(3) writes; of that, only bcrypt is known here.
  prefixes: ["{bcrypt}", "{crypt}$2a$", "{crypt}$2b$", "{crypt}$2y$"],
  runs: "thread",
  // A password longer than 72 bytes verifies by its first 72, as it does in every implementation that made such a hash.
  verify(password, stored) {
    const hash = readBcrypt(stored);
    if (hash === undefined) return false;
    const text = bcryptText(password);
    // A password that bcrypt cannot take costs what any other costs. Only the digest is compared: the last character of
    // the salt has bits that mean nothing, and bcryptjs answers with them cleared.
    const digest = bcrypt.hashSync(text ?? "", hash.salt).slice(-hash.digest.length);
    return timingSafeEqual(Buffer.from(digest, "latin1"), Buffer.from(hash.digest, "latin1")) && text !== undefined;
  },
  isWellFormed: (stored) => readBcrypt(stored) !== undefined,
  rounds(stored) {
    const hash = readBcrypt(stored);
    return hash === undefined ? 0 : 2 ** hash.cost;
  },
  refusal(password) {
    if (password.length > bcryptBytes) {
      return `a password of ${password.length} bytes; bcrypt takes at most ${bcryptBytes}`;
    }
    if (password.includes(0)) return "a password cannot contain a NUL byte";
    return bcryptText(password) === undefined ? "a password must be UTF-8" : undefined;
  },
  hash(password, cost) {
    const text = bcryptText(password);
    if (text === undefined) throw new TypeError("refusal was not asked");
    return `{BCRYPT}${bcrypt.hashSync(text, cost)}`;
  },
};

const sha1Bytes = 20;
/** Far above the 4 to 16 bytes in use, far below what would make hashing it slow. */
const longestSalt = 256;
const sshaHash = /^\{[^}]*\}([A-Za-z0-9+/]{1,400}={0,2})$/;

/** @param {string} stored */
function readSsha(stored) {
  const bytes = Buffer.from(sshaHash.exec(stored)?.[1] ?? "", "base64");
  const salt = bytes.subarray(sha1Bytes);
  if (salt.length === 0 || salt.length > longestSalt) return undefined;
  return { salt, digest: bytes.subarray(0, sha1Bytes) };
}

/** @type {PasswordScheme} */
const ssha = {
  name: "ssha",
  prefixes: ["{ssha}"],
  runs: "here",
  verify(password, stored) {
    const hash = readSsha(stored);
    if (hash === undefined) return false;
    return timingSafeEqual(createHash("sha1").update(password).update(hash.salt).digest(), hash.digest);
  },
  isWellFormed: (stored) => readSsha(stored) !== undefined,
  rounds: () => 0,
};

/** A new scheme is a new row. No prefix is the beginning of another. */
export const schemes = Object.freeze([bcryptScheme, ssha]);

/** Of a hash that a client sends. Far above every scheme in use; the store takes no more than 65535. */
export const longestStored = 4096;

/** The scheme that new passwords are written in. */
export const preferredScheme = bcryptScheme;

const longestPrefix = Math.max(...schemes.flatMap((scheme) => scheme.prefixes.map((prefix) => prefix.length)));

/**
 * The scheme a stored value is written in; undefined where it has no prefix that is known.
 * @param {Buffer} stored
 * @returns {PasswordScheme | undefined}
 */
export function schemeOf(stored) {
  const beginning = stored.toString("latin1", 0, longestPrefix).toLowerCase();
  return schemes.find((scheme) => scheme.prefixes.some((prefix) => beginning.startsWith(prefix)));
}

/**
 * Spends the time of so many rounds of bcrypt, in hashes whose outcome nobody reads. What is left below the least cost
 * (1.5 ms) is not spent.
 * @param {number} rounds
 */
export function spendRounds(rounds) {
  let left = rounds;
  for (let cost = bcryptCosts.most; cost >= bcryptCosts.least; cost -= 1) {
    for (; left >= 2 ** cost; left -= 2 ** cost) {
      bcrypt.hashSync("", `$2b$${String(cost).padStart(2, "0")}$${unusedSalt}`);
    }
  }
}
