// LDAP URLs (RFC 4516): ldap://HOST:PORT/BASE?ATTRIBUTES?SCOPE?FILTER?EXTENSIONS. Every text is either a URL or a
// `protocolError` that says what is wrong. As the RFC asks, characters are also taken as they are that a URL made by a
// program would have as `%` and two digits; a `?` inside a part never is.
import { isUtf8 } from "node:buffer";
import { isAttributeDescription, isAttributeType } from "./attribute-description.js";
import { Dn } from "./dn.js";
import { fail, LdapError } from "./failure.js";
import type { Filter } from "./filter.js";
import { parseFilter } from "./filter-text.js";
import type { Scope } from "./message.js";

export interface LdapUrlExtension {
  readonly type: string;
  readonly value?: string;
  /** Who does not know the extension must not follow the URL. */
  readonly isCritical: boolean;
}

export interface LdapUrl {
  /** With its port, as written; empty: the server that the URL was found on. */
  readonly host: string;
  readonly base: Dn;
  /** As written; none: all user attributes. */
  readonly attributes: readonly string[];
  readonly scope: Exclude<Scope, "subordinates">;
  readonly filter: Filter;
  readonly extensions: readonly LdapUrlExtension[];
}

const form = /^ldap:\/\/([^/?]*)(?:\/([^?]*)(?:\?([^?]*)(?:\?([^?]*)(?:\?([^?]*)(?:\?([^?]*))?)?)?)?)?$/i;
const hostForm = /^(?:\[[0-9a-f:.]+\]|(?:[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2})*)(?::([0-9]*))?$/i;
const scopeNames = ["base", "one", "sub"] as const;

export function parseLdapUrl(text: string): LdapUrl {
  if (/[\p{Cc}\p{Surrogate}]/u.test(text)) wrong("it holds a control character or half a character");
  const match = form.exec(text);
  if (!match) wrong("ldap:///BASE?ATTRIBUTES?SCOPE?FILTER is expected");
  const [, host = "", base = "", attributes = "", scope = "", filter = "", extensions = ""] = match;
  const port = hostForm.exec(host)?.[1];
  if (!hostForm.test(host) || Number(port ?? 389) > 65_535) wrong(`${JSON.stringify(host)} is not a host`);
  return {
    host,
    base: partOf("the base", () => Dn.parse(decoded(base))),
    attributes: attributes === "" ? [] : attributes.split(",").map(attributeOf),
    scope: scopeOf(scope),
    filter: partOf("the filter", () => parseFilter(filterText(decoded(filter)))),
    extensions: extensions === "" ? [] : extensions.split(",").map(extensionOf),
  };
}

function filterText(text: Buffer): Buffer {
  if (text.length === 0) return Buffer.from("(objectClass=*)");
  // One assertion without its parentheses is a filter to whoever writes by hand, but not in a URL.
  if (text[0] !== 0x28) wrong('the filter begins with a "("');
  return text;
}

function attributeOf(text: string): string {
  const name = decoded(text).toString();
  if (name !== "*" && name !== "+" && !isAttributeDescription(name)) wrong(`${JSON.stringify(name)} is no attribute`);
  return name;
}

function scopeOf(text: string): LdapUrl["scope"] {
  const name = text.toLowerCase();
  const found = scopeNames.find((one) => one === name);
  if (name !== "" && !found) wrong(`the scope is base, one or sub, and not ${JSON.stringify(text)}`);
  return found ?? "base";
}

function extensionOf(text: string): LdapUrlExtension {
  const [, critical, type = "", value] = /^(!?)([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (!isAttributeType(type)) wrong(`${JSON.stringify(type)} is no extension`);
  return {
    type,
    isCritical: critical === "!",
    ...(value === undefined ? {} : { value: decoded(value).toString() }),
  };
}

/** RFC 3986 2.1. Whatever the digits stand for, the bytes are text. */
function decoded(text: string): Buffer {
  const at = text.search(/%(?![0-9a-f]{2})/i);
  if (at >= 0) wrong(`"%" is followed by two digits, and not by ${JSON.stringify(text.slice(at + 1, at + 3))}`);
  const bytes = Buffer.concat(
    text
      .split(/((?:%[0-9a-f]{2})+)/i)
      .map((piece, n) => (n % 2 === 1 ? Buffer.from(piece.replaceAll("%", ""), "hex") : Buffer.from(piece))),
  );
  if (!isUtf8(bytes)) wrong("what stands behind % is not UTF-8");
  return bytes;
}

function partOf<T>(part: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LdapError) return wrong(`${part}: ${error.message.replace(/^invalid LDAP URL: /, "")}`);
    throw error;
  }
}

function wrong(what: string): never {
  return fail("protocolError", `invalid LDAP URL: ${what}`);
}
