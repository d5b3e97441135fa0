import { expect, test } from "vitest";
import { AddressRange } from "../../src/settings/address-range.js";
import { HostName, parseOrigin } from "../../src/settings/host-name.js";

test.each([
  ["wiki.example.com", "wiki.example.com"],
  ["Wiki.Example.COM.", "wiki.example.com"],
  ["wiki.team_default", "wiki.team_default"],
  ["10-0-0-1.xn--nxasmq6b.example", "10-0-0-1.xn--nxasmq6b.example"],
])("%s is the host %s", (text, name) => {
  const found = parseOrigin(text);
  expect(found).toBeInstanceOf(HostName);
  expect([String(found), JSON.stringify(found), Object.isFrozen(found)]).toEqual([name, JSON.stringify(name), true]);
});

test.each(["any", "192.0.2.10", "192.0.2.1-192.0.2.9", "2001:db8::a", "::ffff:1.2.3.4", "198.51.100.0/24"])(
  "%s is a range",
  (text) => expect(parseOrigin(text)).toBeInstanceOf(AddressRange),
);

test.each([
  "anny",
  "localhost",
  "wiki..example.com",
  "-wiki.example.com",
  "wiki-.example.com",
  "*.example.com",
  "wiki.exämple.com",
  `${"x".repeat(64)}.example.com`,
  `${"x.".repeat(127)}com`,
])("%s is neither", (text) => {
  expect(() => parseOrigin(text)).toThrow(/is neither an address nor a host name: .* such as wiki\.example\.com$/);
});

test.each([
  "300.1.1.1",
  "10.0.0",
  "10.0.0.1-a",
  "wiki.example.com:389",
  "http://wiki.example.com",
  "wiki .example.com",
])("%s is a misspelt range", (text) => expect(() => parseOrigin(text)).toThrow("is not an address range"));
