import { expect, test } from "vitest";
import { generatePassword } from "../../src/passwords/password-text.js";

test("a generated password has 24 characters, none of which looks like another, and is never the same twice", () => {
  const passwords = Array.from({ length: 200 }, generatePassword);
  for (const password of passwords) expect(password).toMatch(/^[A-HJ-NP-Za-kmnp-z2-9]{24}$/);
  expect(new Set(passwords).size).toBe(passwords.length);
});
