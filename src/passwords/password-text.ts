// Passwords made for people to copy: 24 characters that cannot be taken for one another, about 138 bits.
import { randomInt } from "node:crypto";

const characters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
const length = 24;

export function generatePassword(): string {
  return Array.from({ length }, () => characters[randomInt(characters.length)]).join("");
}
