// The addresses a client may call from: one address, a CIDR range, a range from one address to another, IPv4 or IPv6, or
// any. Home of `ip-cidr`, which reads a CIDR range once; a connecting client's address is then compared with two numbers.
//
// IPv4-mapped IPv6 (::ffff:a.b.c.d) is IPv4 everywhere, so ::/0 is every IPv6 address and no IPv4 address.
import { isIPv4, isIPv6 } from "node:net";
import IPCIDR from "ip-cidr";
import { SettingError } from "./problem.js";
import { parsed } from "./shape.js";

interface Address {
  readonly version: 4 | 6;
  readonly value: bigint;
}

const mappedPrefix = 0xffff_0000_0000n;
const mappedBits = 96;

/** What lies between two addresses of one version, both included. */
interface Span {
  readonly first: Address;
  readonly last: Address;
}

const everywhere: readonly Span[] = [
  { first: { version: 4, value: 0n }, last: { version: 4, value: 0xffff_ffffn } },
  { first: { version: 6, value: 0n }, last: { version: 6, value: (1n << 128n) - 1n } },
];

export class AddressRange {
  /** The range as it is compared: host bits masked, IPv4 where it is mapped; without a prefix for a single address. */
  readonly text: string;
  /** One, but for `any`. */
  readonly #spans: readonly Span[];

  private constructor(spans: readonly Span[], text: string) {
    this.text = text;
    this.#spans = spans;
    Object.freeze(this);
  }

  /**
   * Reads `192.0.2.10`, `198.51.100.7/24` (host bits are masked), `2001:db8::/32`, `::ffff:192.0.2.0/120`,
   * `192.0.2.10-192.0.2.40`, or `any`: every address there is.
   */
  static parse(text: string): AddressRange {
    if (text === "any") return new AddressRange(everywhere, text);
    if (text.includes("-") && !text.includes("/")) return AddressRange.#between(text);
    const slash = text.indexOf("/");
    const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
    if (address === undefined || text.includes("%")) return refuse(text);
    const isMapped = text.includes(":") && address.version === 4;
    const width = address.version === 4 ? 32 : 128;
    const prefix = slash === -1 ? width : readPrefix(text, slash, isMapped ? 128 : width) - (isMapped ? mappedBits : 0);
    if (prefix < 0) {
      throw new SettingError(
        `${JSON.stringify(text)} begins with an IPv4-mapped address but holds more than IPv4: write the IPv4 range, such as 0.0.0.0/0`,
      );
    }
    // Given in the one spelling that ip-cidr reads without exception: it refuses IPv6 with an embedded IPv4 address.
    const cidr = new IPCIDR(`${written(address)}/${prefix}`);
    const { version } = address;
    const [first, last] = cidr
      .toRange<bigint>({ type: "bigInteger" })
      .map((value) => ({ version, value: BigInt(value) }));
    const base = written(first!);
    return new AddressRange([{ first: first!, last: last! }], prefix === width ? base : `${base}/${prefix}`);
  }

  static #between(text: string): AddressRange {
    const [, begin = "", end = ""] = /^([^\s-]+) ?- ?([^\s-]+)$/.exec(text) ?? [];
    const [first, last] = [parseAddress(begin), parseAddress(end)];
    if (first === undefined || last === undefined || text.includes("%")) return refuse(text);
    if (first.version !== last.version) {
      throw new SettingError(`${JSON.stringify(text)} goes from IPv4 to IPv6: write two ranges`);
    }
    const [from, to] = [written(first), written(last)];
    if (first.value > last.value) {
      throw new SettingError(`${JSON.stringify(text)} ends before it begins: write ${to}-${from}`);
    }
    return new AddressRange([{ first, last }], from === to ? from : `${from}-${to}`);
  }

  /** Whether a peer's address lies in the range. What is no address lies in none. */
  contains(address: string): boolean {
    const parsed = parseAddress(address);
    return (
      parsed !== undefined &&
      this.#spans.some(
        ({ first, last }) =>
          parsed.version === first.version && parsed.value >= first.value && parsed.value <= last.value,
      )
    );
  }

  /** The address that it begins with, of each version that it has. */
  get firsts(): readonly string[] {
    return this.#spans.map(({ first }) => written(first));
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

const addressPattern = "(?:(?:[0-9]{1,3}\\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)";

/** What each text of a range matches. */
export const rangePattern = `any|${addressPattern}(?:/[0-9]{1,3}| ?- ?${addressPattern})?`;

/** A range in a file of settings. */
export const addressRange = parsed(
  'an address such as "192.0.2.10" or "198.51.100.0/24"',
  AddressRange.parse,
  `^(?:${rangePattern})$`,
);

/**
 * An address in the one spelling used in logs and comparisons: IPv4 where it is mapped, RFC 5952 for IPv6, without zone.
 * What is no address is given back as it is.
 */
export function normalizeAddress(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : written(address);
}

function refuse(text: string): never {
  throw new SettingError(
    `${JSON.stringify(text)} is not an address range: write an IPv4 or IPv6 address, such as 192.0.2.10, or a range, such as 198.51.100.0/24, 2001:db8::/32 or 192.0.2.10-192.0.2.40, or any`,
  );
}

function readPrefix(text: string, slash: number, most: number): number {
  const digits = text.slice(slash + 1);
  const prefix = /^(?:0|[1-9][0-9]{0,2})$/.test(digits) ? Number(digits) : Number.NaN;
  if (prefix <= most) return prefix;
  throw new SettingError(
    `${JSON.stringify(text)} is not an address range: the number after the slash is from 0 to ${most}`,
  );
}

function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { version: 4, value: ipv4Value(text) };
  if (!isIPv6(text)) return undefined;
  const value = ipv6Value(text);
  return value >> 32n === mappedPrefix >> 32n ? { version: 4, value: value & 0xffff_ffffn } : { version: 6, value };
}

function ipv4Value(text: string): bigint {
  let value = 0;
  for (const part of text.split(".")) value = value * 256 + Number(part);
  return BigInt(value);
}

/** Trusts that the text is an IPv6 address; a zone is passed over. */
function ipv6Value(text: string): bigint {
  const zone = text.indexOf("%");
  const [head = "", tail] = (zone === -1 ? text : text.slice(0, zone)).split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = 8 - before.length - after.length;
  let value = 0n;
  for (const group of [...before, ...Array<number>(zeros).fill(0), ...after]) value = (value << 16n) | BigInt(group);
  return value;
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const value = Number(ipv4Value(group));
    return [Math.floor(value / 0x10000), value % 0x10000];
  });
}

function written({ version, value }: Address): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, n) => ((value >> BigInt(16 * (7 - n))) & 0xffffn).toString(16));
  // RFC 5952 4.2: the longest run of two zero groups or more is left out, the first of equals.
  const run = [...groups.join(":").matchAll(/\b0(?::0)+\b/g)].map(([zeros]) => zeros).reduce(longer, "");
  if (run === "") return groups.join(":");
  return groups.join(":").replace(new RegExp(`(^|:)${run}(:|$)`), "::");
}

function longer(one: string, other: string): string {
  return other.length > one.length ? other : one;
}
