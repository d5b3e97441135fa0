// The words that the sentences about faults have in common. Whatever stands in a row can be printed.
import { isUtf8 } from "node:buffer";
import { noParent } from "../reading.js";

/** A sentence names so many of many. */
const namedAtMost = 5;

/** Some bytes, one character each, as text that may be printed anywhere. */
export function shown(text: string, encoding: "latin1" | "utf8" = "latin1"): string {
  const bytes = Buffer.from(text, encoding);
  const readable = JSON.stringify(bytes.toString(isUtf8(bytes) ? "utf8" : "latin1"));
  const toEscape = isUtf8(bytes) ? /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g : /[\x7f-\xff]/g;
  return readable.replace(toEscape, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function some(things: readonly (number | string)[]): string {
  if (things.length === 0) return "none";
  return things.slice(0, namedAtMost).join(" ") + (things.length > namedAtMost ? " …" : "");
}

/** `entry 4 is`, or `entries 4 5 are`. */
export function someEntries(ids: readonly number[], one = "", many = ""): string {
  return (ids.length === 1 ? `entry ${ids[0]} ${one}` : `entries ${some(ids)} ${many}`).trimEnd();
}

export function below(parent: number): string {
  return parent === noParent ? "at the top" : `below entry ${parent}`;
}
