import { describe, expect, test } from "vitest";
import { schemeOf, schemes } from "../../src/passwords/schemes.js";

const verifies = (password: string | Uint8Array, stored: string): boolean =>
  schemeOf(Buffer.from(stored))?.verify(Buffer.from(password as string), stored) ?? false;

/** Made by other programs: crypt(3) of Debian 12 (libxcrypt 4.4) and slappasswd of OpenLDAP 2.5. */
const made = [
  ["secret", "{CRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"],
  ["pässwörd", "{CRYPT}$2y$05$abcdefghijklmnopqrstuuZVEMa1pjhlynBQ1qXmSvGBJpN9h1w8G"],
  ["secret", "{CRYPT}$2a$06$abcdefghijklmnopqrstuuxLa0AkDDSrQ9VwNnETzOsObiucpMYgC"],
  ["secret", "{BCRYPT}$2a$06$abcdefghijklmnopqrstuuxLa0AkDDSrQ9VwNnETzOsObiucpMYgC"],
  ["secret", "{bCrypt}$2a$06$abcdefghijklmnopqrstuuxLa0AkDDSrQ9VwNnETzOsObiucpMYgC"],
  ["\ufeffbom", "{BCRYPT}$2b$04$abcdefghijklmnopqrstuuX3mVeWXKM9xMHg3T2hRiRXo79DbIPQi"],
  ["🔑 key", "{crypt}$2b$04$abcdefghijklmnopqrstuuZd4npfX/nJMnvmbgJxwa4YiZz7eVzKG"],
  ["secret", "{SSHA}fYU34FcAXwdy/ovN6L1KQH6vLi1AxTsb"],
  ["pässwörd", "{ssha}hctr5JbWmoWO2jwWUCSWxlW3kC+jS9pG"],
] as const;

describe("a hash made by another program", () => {
  test.each(made)("%s verifies against %s", (password, stored) => {
    expect(verifies(password, stored)).toBe(true);
    expect(verifies(`${password}!`, stored)).toBe(false);
    expect(verifies("", stored)).toBe(false);
  });

  test("a salt whose last character carries meaningless bits verifies", () => {
    expect(verifies("🔑 key", "{BCRYPT}$2b$04$abcdefghijklmnopqrstuvZd4npfX/nJMnvmbgJxwa4YiZz7eVzKG")).toBe(true);
  });

  test("of a password longer than 72 bytes verifies by its first 72, inside a character too", () => {
    const hash = "{BCRYPT}$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    expect(verifies("x".repeat(100), hash)).toBe(true);
    expect(verifies("x".repeat(72), hash)).toBe(true);
    expect(verifies("x".repeat(71), hash)).toBe(false);
    const cut = "{BCRYPT}$2b$04$abcdefghijklmnopqrstuuBQHqZaO/dlDRZ.TvJ67we2MtFVZUvA2";
    expect(verifies(`${"x".repeat(71)}ä${"y".repeat(9)}`, cut)).toBe(true);
    expect(verifies(`${"x".repeat(71)}ö`, cut)).toBe(true); // ä and ö differ in their second byte, the 73rd
    expect(verifies(`${"x".repeat(71)}z`, cut)).toBe(false);
  });
});

test.each([
  ["clear text", "secret"],
  ["clear text in braces", "{CLEAR}secret"],
  ["clear text after a known prefix", "{SSHA}secret"],
  ["a bcrypt hash without a prefix", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"],
  ["another crypt(3) scheme", "{CRYPT}$6$salt$hash"],
  [
    "the $2x$ variant, which is a bug kept for old hashes",
    "{CRYPT}$2x$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
  ],
  ["nothing", ""],
  ["a prefix alone", "{BCRYPT}"],
  ["a prefix alone", "{SSHA}"],
  ["a hash cut short", "{BCRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIr"],
  ["a hash with a line end", "{BCRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"],
  ["a cost that is no number", "{BCRYPT}$2b$xx$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"],
  ["a cost below the least", "{BCRYPT}$2b$03$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"],
  ["a cost that would hold a thread for days", "{BCRYPT}$2b$31$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"],
  ["a cost above the most", "{BCRYPT}$2b$17$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"],
  ["SHA-1 without a salt, which {SSHA} is not", "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ="],
  ["base64 with foreign characters", "{SSHA}fYU34FcAXwdy/ovN6L1KQH6vLi1AxTs*"],
  ["a salt of a megabyte", `{SSHA}${Buffer.alloc(1024 * 1024).toString("base64")}`],
])("%s never verifies", (_, stored) => {
  expect(verifies("secret", stored)).toBe(false);
});

test("bytes that are not UTF-8 and a NUL do not verify as the password that resembles them", () => {
  const hash = "{BCRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
  expect(verifies(Buffer.from("secret\0secret"), hash)).toBe(false);
  expect(verifies(Buffer.from([0xff]), hash)).toBe(false);
});

test("no prefix is the beginning of another, so a value has one scheme", () => {
  const prefixes = schemes.flatMap((scheme) => scheme.prefixes);
  expect(prefixes).toEqual(prefixes.map((prefix) => prefix.toLowerCase()));
  expect(prefixes.filter((one) => prefixes.some((other) => other !== one && other.startsWith(one)))).toEqual([]);
});
