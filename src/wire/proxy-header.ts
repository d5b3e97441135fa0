// The header with which a proxy says for whom a connection is: HAProxy's "The PROXY protocol", versions 1 and 2
// (doc/proxy-protocol.txt, whose sections are named below). Strict: it decides whom an address range lets in, so what
// two readers could take for two addresses is refused. Nothing is kept between two calls: each gets all bytes since the
// connection's first, and none looks at more of them than the longest header has.
import { isIPv4, isIPv6 } from "node:net";
import { normalizeAddress } from "../settings/address-range.js";

/** What a PROXY header says. */
export interface ProxyHeader {
  /**
   * The client's address as `normalizeAddress` spells it; undefined where the proxy speaks for itself (v2 LOCAL) or
   * does not know (v1 UNKNOWN, v2 UNSPEC or AF_UNIX).
   */
  readonly source: string | undefined;
  /** Bytes of the header: what follows them is the connection's own. */
  readonly length: number;
}

/** The bytes are no PROXY header, or a malformed one. The connection cannot go on. */
export class ProxyHeaderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProxyHeaderError";
  }
}

/**
 * The longest header taken, in bytes; nginx takes as much. Section 2 means headers to fit 536 bytes, but the names and
 * IDs that may be sent along (2.2.1 to 2.2.7) come to more than a KiB together, and the client's certificate, which may
 * be among them since 2026, takes one or two more.
 */
export const longestProxyHeader = 4096;

const lineStart = Buffer.from("PROXY ", "latin1");
/** 2.1: the longest line, its CRLF included. */
const longestLine = 107;

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** 2.2: the signature, version and command, family and transport, and two bytes of length. */
const fixedPart = 16;
const version = 2;
const commands = { local: 0, proxy: 1 } as const;

/**
 * Reads the header at the beginning of `bytes`; undefined while more is needed. Throws ProxyHeaderError at the first
 * wrong byte, without waiting for the end.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (agrees(bytes, signature)) return readBinary(bytes);
  if (agrees(bytes, lineStart)) return readLine(bytes);
  throw new ProxyHeaderError("the connection does not begin with a PROXY header");
}

/** A rule of the audit trail: somebody who is not trusted to, or who has already, says whose connection it is. */
export const untrustedHeader = "PROXY header where none is due";

/** Whether the bytes begin as a PROXY header does, as far as they go: no byte of one begins LDAP or TLS. */
export function isProxyHeader(bytes: Buffer): boolean {
  return bytes.length > 0 && [lineStart, signature].some((start) => agrees(bytes, start));
}

function agrees(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

// Version 1: one line of text (2.1).

interface Field {
  readonly name: string;
  readonly allows: (text: string) => boolean;
}

const ipv4: Field = { name: "an IPv4 address", allows: isIPv4 };
// Node takes a zone (RFC 4007 11) for part of an address; it means nothing on another host.
const ipv6: Field = { name: "an IPv6 address", allows: (text) => isIPv6(text) && !text.includes("%") };
const port: Field = { name: "a port", allows: (text) => /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65535 };

/** What follows each protocol, the client's address first; anything may follow UNKNOWN. */
const protocols: ReadonlyMap<string, readonly Field[] | undefined> = new Map([
  ["TCP4", [ipv4, ipv4, port, port]],
  ["TCP6", [ipv6, ipv6, port, port]],
  ["UNKNOWN", undefined],
]);

/** Whatever is the beginning of a good field becomes one with one of these. */
const endings = ["", "0", ":", "::", ".0", "0.0", ".0.0", "0.0.0", ".0.0.0", "0.0.0.0"];

function readLine(bytes: Buffer): ProxyHeader | undefined {
  const longest = longestLine - 1;
  const text = bytes.toString("latin1", lineStart.length, longest);
  const end = text.indexOf("\r");
  const source = checkLine(end === -1 ? text : text.slice(0, end), end !== -1);
  if (end === -1) {
    if (bytes.length < longest) return undefined;
    throw new ProxyHeaderError(`a PROXY line without an end in its first ${longestLine} bytes`);
  }
  const length = lineStart.length + end + 2;
  if (bytes.length < length) return undefined;
  if (bytes[length - 1] !== 0x0a) throw new ProxyHeaderError("a PROXY line with a CR that no LF follows");
  return { source, length };
}

/** Checks what there is of a line between `PROXY ` and CR; returns the source once the line is whole. */
function checkLine(line: string, isWhole: boolean): string | undefined {
  if (!/^[\x01-\x09\x0b-\x7f]*$/.test(line)) {
    throw new ProxyHeaderError("a PROXY line with a byte that is not ASCII, a NUL or an LF without CR");
  }
  const [protocol = "", ...values] = line.split(" ");
  const isOpen = !isWhole && values.length === 0;
  if (isOpen && [...protocols.keys()].some((name) => name.startsWith(protocol))) return undefined;
  if (isOpen || !protocols.has(protocol)) throw new ProxyHeaderError("a PROXY line for none of TCP4, TCP6 and UNKNOWN");
  const fields = protocols.get(protocol);
  if (fields === undefined) return undefined;
  if (values.length > fields.length) throw new ProxyHeaderError("a PROXY line that says more than it should");
  for (const [n, value] of values.entries()) {
    const { name, allows } = fields[n]!;
    const isEnded = isWhole || n < values.length - 1;
    const isGood = isEnded ? allows(value) : endings.some((ending) => allows(value + ending));
    if (!isGood) throw new ProxyHeaderError(`a PROXY line with something else where ${name} is due`);
  }
  if (isWhole && values.length < fields.length) throw new ProxyHeaderError("a PROXY line that ends too early");
  return isWhole ? normalizeAddress(values[0]!) : undefined;
}

// Version 2: binary (2.2).

interface Family {
  /** Bytes of both addresses and ports. */
  readonly block: number;
  /** Bytes of the client's address, with which the block begins; 0 for an address of no network. */
  readonly address: number;
}

/** 2.2: the 14th byte when it is AF_UNSPEC and UNSPEC. */
const unspecified = 0x00;

/** The others that are for streams. What came to the proxy as datagrams is no LDAP over TCP. */
const families: ReadonlyMap<number, Family> = new Map([
  [0x11, { block: 12, address: 4 }],
  [0x21, { block: 36, address: 16 }],
  [0x31, { block: 216, address: 0 }],
]);

const checksumType = 0x03;

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < 13) return undefined;
  const command = bytes[12]! & 0x0f;
  if (bytes[12]! >> 4 !== version) throw new ProxyHeaderError("a PROXY header of an unknown version");
  if (command !== commands.local && command !== commands.proxy) {
    throw new ProxyHeaderError("a PROXY header with an unknown command");
  }
  if (bytes.length < 14) return undefined;
  // Both may come with addresses of any kind and length, to be passed over: where TLVs would begin, nobody can know.
  const isOpaque = command === commands.local || bytes[13] === unspecified;
  const family = isOpaque ? undefined : families.get(bytes[13]!);
  if (!isOpaque && family === undefined) {
    throw new ProxyHeaderError("a PROXY header for something else than TCP or a Unix stream");
  }
  if (bytes.length < 15) return undefined;
  const length = fixedPart + leastLength(bytes, 14);
  if (length > longestProxyHeader) {
    throw new ProxyHeaderError(`a PROXY header of more than ${longestProxyHeader} bytes`);
  }
  if (bytes.length < fixedPart) return undefined;
  if (family === undefined) return bytes.length < length ? undefined : { source: undefined, length };
  const start = fixedPart + family.block;
  if (length < start) throw new ProxyHeaderError("a PROXY header too short for its addresses");
  const checksum = checkTlvs(bytes, start, length);
  if (bytes.length < length) return undefined;
  // 2.2.3: whoever knows the checksum must refuse a wrong one.
  if (checksum !== undefined && crc32c(bytes, length, checksum) !== bytes.readUInt32BE(checksum)) {
    throw new ProxyHeaderError("a PROXY header with a wrong checksum");
  }
  const address = bytes.subarray(fixedPart, fixedPart + family.address);
  return { source: address.length === 0 ? undefined : normalizeAddress(written(address)), length };
}

/** A length in two bytes, of which the second may not be there yet. */
function leastLength(bytes: Buffer, at: number): number {
  return bytes[at]! * 256 + (bytes[at + 1] ?? 0);
}

/** Checks the TLVs, as far as they are there, from `start` to the end at `length`; returns where the checksum is. */
function checkTlvs(bytes: Buffer, start: number, length: number): number | undefined {
  let checksum: number | undefined;
  for (let at = start; at < length; ) {
    const value = at + 3;
    if (value > length) throw new ProxyHeaderError("a PROXY header that ends before the value of a TLV");
    if (bytes.length < value - 1) break;
    const end = value + leastLength(bytes, at + 1);
    if (end > length) throw new ProxyHeaderError("a PROXY header with a TLV that is longer than what is left of it");
    if (bytes.length < value) break;
    if (bytes[at] === checksumType) {
      if (end - value !== 4) throw new ProxyHeaderError("a PROXY header with a checksum that is not four bytes");
      // Each would have to be computed with the other in place.
      if (checksum !== undefined) throw new ProxyHeaderError("a PROXY header with two checksums");
      checksum = value;
    }
    at = end;
  }
  return checksum;
}

function written(address: Buffer): string {
  if (address.length === 4) return address.join(".");
  return Array.from({ length: 8 }, (_, n) => address.readUInt16BE(2 * n).toString(16)).join(":");
}

/** RFC 4960, Appendix B: the polynomial 0x1EDC6F41, bits reflected, for one byte. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C of the first `length` bytes, the four at `checksum` taken for zeros (2.2.3). */
function crc32c(bytes: Buffer, length: number, checksum: number): number {
  let crc = 0xffff_ffff;
  for (let at = 0; at < length; at++) {
    const byte = at >= checksum && at < checksum + 4 ? 0 : bytes[at]!;
    crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
