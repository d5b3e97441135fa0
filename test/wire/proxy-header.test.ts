import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalizeAddress } from "../../src/settings/address-range.js";
import {
  isProxyHeader,
  longestProxyHeader,
  type ProxyHeader,
  ProxyHeaderError,
  readProxyHeader,
} from "../../src/wire/proxy-header.js";

const ascii = (text: string) => Buffer.from(text, "latin1");
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

const signature = "0d0a0d0a 00 0d0a515549540a";
/** 192.0.2.1 port 56324 to 198.51.100.2 port 389. */
const ipv4Block = "c0000201 c6336402 dc04 0185";
/** 2001:db8::1 port 56324 to 2001:db8::2 port 636. */
const ipv6Block = `20010db8${"00".repeat(11)}01 20010db8${"00".repeat(11)}02 dc04 027c`;
const unixBlock = `${"2f".repeat(108)}${"00".repeat(108)}`;

function v2(kind: string, ...parts: readonly string[]): Buffer {
  const rest = hex(parts.join(""));
  return Buffer.concat([hex(signature + kind), Buffer.of(rest.length >> 8, rest.length & 0xff), rest]);
}

function tlv(type: number, value: Uint8Array | string): string {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(type, bytes.length >> 8, bytes.length & 0xff), bytes]).toString("hex");
}

/** CRC-32C (RFC 4960, Appendix B), one bit after the other: nothing of it is shared with the code under test. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

const emptyChecksum = tlv(0x03, Buffer.alloc(4));

/** A header with its checksum, which stands where `emptyChecksum` is among the parts. */
function sealed(kind: string, ...parts: readonly string[]): Buffer {
  const header = v2(kind, ...parts);
  const before = parts.slice(0, parts.indexOf(emptyChecksum)).join("");
  header.writeUInt32BE(crc32c(header), 16 + hex(before).length + 3);
  return header;
}

/** Every prefix waits, and the last byte gives the header. */
function readBytewise(bytes: Buffer): ProxyHeader | undefined {
  for (let end = 0; end < bytes.length; end++) expect(readProxyHeader(bytes.subarray(0, end))).toBeUndefined();
  return readProxyHeader(bytes);
}

const anyTlvs = [
  tlv(0x01, "ldap"),
  tlv(0x02, "directory.example"),
  tlv(0x04, Buffer.alloc(5)),
  tlv(0x05, "id-of-the-connection"),
  tlv(0x20, hex(`01 00000000 ${tlv(0x21, "TLSv1.3")} ${tlv(0x22, "alice")}`)),
  tlv(0x30, "blue"),
  tlv(0xea, Buffer.from("\x01vpce-0")),
  tlv(0xff, ""),
];

const ffff = Array<string>(8).fill("ffff").join(":");
const longestLine = `PROXY UNKNOWN ${ffff} ${ffff} 65535 65535\r\n`;

const good: readonly (readonly [string, Buffer, string | undefined])[] = [
  // 2.1
  ["v1 TCP4", ascii("PROXY TCP4 192.0.2.1 198.51.100.2 56324 389\r\n"), "192.0.2.1"],
  ["the longest v1 TCP4", ascii("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255"],
  ["the shortest v1 TCP4", ascii("PROXY TCP4 0.0.0.0 1.1.1.1 0 0\r\n"), "0.0.0.0"],
  ["v1 TCP6", ascii("PROXY TCP6 2001:db8::1 2001:db8::2 56324 636\r\n"), "2001:db8::1"],
  ["v1 TCP6 in capitals and zeros", ascii("PROXY TCP6 2001:0DB8:0:0:0:0:0:000A ::1 1 2\r\n"), "2001:db8::a"],
  ["the longest v1 TCP6", ascii(`PROXY TCP6 ${ffff} ${ffff} 65535 65535\r\n`), ffff],
  ["the shortest v1 TCP6", ascii("PROXY TCP6 :: :: 0 0\r\n"), "::"],
  ["v1 TCP6 with a mapped address", ascii("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:1.2.3.4 1 2\r\n"), "192.0.2.1"],
  ["v1 TCP6 with a mapped address in hex", ascii("PROXY TCP6 ::ffff:c000:201 ::1 1 2\r\n"), "192.0.2.1"],
  ["v1 UNKNOWN", ascii("PROXY UNKNOWN\r\n"), undefined],
  ["v1 UNKNOWN with addresses", ascii("PROXY UNKNOWN 192.0.2.1 198.51.100.2 1 2\r\n"), undefined],
  ["v1 UNKNOWN with anything", ascii("PROXY UNKNOWN  \t~ TCP4 01 %\r\n"), undefined],
  ["the longest v1 of all", ascii(longestLine), undefined],
  // 2.2
  ["v2 LOCAL", v2("20 00"), undefined],
  ["v2 LOCAL with addresses, which are not the client's", v2("20 11", ipv4Block), undefined],
  ["v2 LOCAL of an unknown family", v2("20 f7", "ffffff"), undefined],
  ["v2 LOCAL for datagrams, and too short for them", v2("20 12", "00"), undefined],
  ["v2 UNSPEC", v2("21 00"), undefined],
  ["v2 UNSPEC with addresses of whatever kind", v2("21 00", "ffffffffff"), undefined],
  ["v2 TCP over IPv4", v2("21 11", ipv4Block), "192.0.2.1"],
  ["v2 TCP over IPv6", v2("21 21", ipv6Block), "2001:db8::1"],
  [
    "v2 TCP over IPv6 with a mapped address",
    v2("21 21", `${"00".repeat(10)}ffffc0000201`, "00".repeat(20)),
    "192.0.2.1",
  ],
  ["v2 TCP over IPv6 with the address of nobody", v2("21 21", "00".repeat(36)), "::"],
  ["v2 Unix stream", v2("21 31", unixBlock), undefined],
  ["v2 TCP over IPv4 with TLVs", v2("21 11", ipv4Block, ...anyTlvs), "192.0.2.1"],
  ["v2 TCP over IPv6 with TLVs", v2("21 21", ipv6Block, ...anyTlvs), "2001:db8::1"],
  ["v2 Unix stream with TLVs", v2("21 31", unixBlock, ...anyTlvs), undefined],
  ["v2 with TLVs that nobody knows", v2("21 11", ipv4Block, tlv(0x77, "?"), tlv(0x77, "")), "192.0.2.1"],
  // 2.2.3
  ["v2 with a checksum alone", sealed("21 11", ipv4Block, emptyChecksum), "192.0.2.1"],
  ["v2 with a checksum first", sealed("21 21", ipv6Block, emptyChecksum, ...anyTlvs), "2001:db8::1"],
  ["v2 with a checksum last", sealed("21 11", ipv4Block, ...anyTlvs, emptyChecksum), "192.0.2.1"],
  ["v2 Unix stream with a checksum", sealed("21 31", unixBlock, emptyChecksum), undefined],
  ["v2 LOCAL with a wrong checksum, which is passed over", v2("20 00", tlv(0x03, "none")), undefined],
];

describe("a good header", () => {
  test.each(good)("%s", (_, bytes, source) => {
    expect(readBytewise(bytes)).toEqual({ source, length: bytes.length });
    expect(readProxyHeader(Buffer.concat([bytes, bytes]))).toEqual({ source, length: bytes.length });
  });

  test("has the checksum that others compute: the check value that catalogues of CRCs give for CRC-32C", () => {
    expect(crc32c(ascii("123456789"))).toBe(0xe306_9283);
  });

  test("may be as long as section 2.1 says, and is then 107 bytes", () => {
    expect(longestLine).toHaveLength(107);
  });

  test("may be as long as is taken", () => {
    const room = longestProxyHeader - 16 - 12;
    const padding = tlv(0x04, Buffer.alloc(room - 3 - 7));
    for (const header of [
      sealed("21 11", ipv4Block, padding, emptyChecksum),
      v2("21 11", ipv4Block, ...Array<string>(room / 3).fill("040000")),
    ]) {
      expect(header).toHaveLength(longestProxyHeader);
      expect(readBytewise(header)).toEqual({ source: "192.0.2.1", length: longestProxyHeader });
    }
  });
});

// In these, what stands before the bar may still become a header, and the byte behind it cannot be in one.

const badLines: readonly (readonly [string, string])[] = [
  ["another protocol", "|GET / HTTP/1.1\r\n"],
  ["small letters", "|proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["a space before it", "| PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["no protocol", "PROXY |\r\n"],
  ["no protocol, nor a space", "PROXY|\r\n"],
  ["a protocol of neither family", "PROXY TCP|5 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["a protocol that only begins well", "PROXY TCP|\r\n"],
  ["a protocol that goes on", "PROXY TCP4|6 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["UDP", "PROXY U|DP4 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["UNKNOWN that goes on", "PROXY UNKNOWN|S\r\n"],
  ["a tab for a space", "PROXY TCP4|\t192.0.2.1 198.51.100.2 1 2\r\n"],
  ["two spaces before the protocol", "PROXY | TCP4 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["two spaces before the client's address", "PROXY TCP4 | 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["two spaces before the server's address", "PROXY TCP4 192.0.2.1 | 198.51.100.2 1 2\r\n"],
  ["two spaces before the client's port", "PROXY TCP4 192.0.2.1 198.51.100.2 | 1 2\r\n"],
  ["two spaces before the server's port", "PROXY TCP4 192.0.2.1 198.51.100.2 1 | 2\r\n"],
  ["a space at the end", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2| \r\n"],
  ["a third port", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2| 3\r\n"],
  ["nothing behind the protocol", "PROXY TCP4|\r\n"],
  ["no server's address", "PROXY TCP4 192.0.2.1|\r\n"],
  ["no ports", "PROXY TCP4 192.0.2.1 198.51.100.2|\r\n"],
  ["no server's port", "PROXY TCP4 192.0.2.1 198.51.100.2 1|\r\n"],
  ["an empty server's port", "PROXY TCP4 192.0.2.1 198.51.100.2 1 |\r\n"],
  ["an IPv6 address for TCP4", "PROXY TCP4 200|1:db8::1 198.51.100.2 1 2\r\n"],
  ["a short IPv6 address for TCP4", "PROXY TCP4 |::1 198.51.100.2 1 2\r\n"],
  ["a server's IPv6 address for TCP4", "PROXY TCP4 192.0.2.1 |::1 1 2\r\n"],
  ["an IPv4 address for TCP6", "PROXY TCP6 192|.0.2.1 ::1 1 2\r\n"],
  ["a server's IPv4 address for TCP6", "PROXY TCP6 ::1 192|.0.2.1 1 2\r\n"],
  ["a number above 255", "PROXY TCP4 192.0.2.25|6 198.51.100.2 1 2\r\n"],
  ["a number with a zero before it", "PROXY TCP4 192.0.2.0|1 198.51.100.2 1 2\r\n"],
  ["three numbers", "PROXY TCP4 192.0.2| 198.51.100.2 1 2\r\n"],
  ["five numbers", "PROXY TCP4 192.0.2.1|.1 198.51.100.2 1 2\r\n"],
  ["a name", "PROXY TCP4 |localhost 198.51.100.2 1 2\r\n"],
  ["a zone", "PROXY TCP6 fe80::1|%eth0 ::1 1 2\r\n"],
  ["brackets", "PROXY TCP6 |[::1] ::1 1 2\r\n"],
  ["a range", "PROXY TCP4 192.0.2.1|/24 198.51.100.2 1 2\r\n"],
  ["two times two colons", "PROXY TCP6 1::2:|:3 ::1 1 2\r\n"],
  ["three colons", "PROXY TCP6 1::|:2 ::1 1 2\r\n"],
  ["nine groups", "PROXY TCP6 1:2:3:4:5:6:7:8|:9 ::1 1 2\r\n"],
  ["seven groups", "PROXY TCP6 1:2:3:4:5:6:7| ::1 1 2\r\n"],
  ["a group of five digits", "PROXY TCP6 2001:0db8|0::1 ::1 1 2\r\n"],
  ["an IPv6 address that ends in a colon", "PROXY TCP6 2001:db8:| ::1 1 2\r\n"],
  ["a port above 65535", "PROXY TCP4 192.0.2.1 198.51.100.2 6553|6 2\r\n"],
  ["a port of six digits", "PROXY TCP4 192.0.2.1 198.51.100.2 1 10000|0\r\n"],
  ["a port with a zero before it", "PROXY TCP4 192.0.2.1 198.51.100.2 0|1 2\r\n"],
  ["a port of two zeros", "PROXY TCP4 192.0.2.1 198.51.100.2 1 0|0\r\n"],
  ["a port with a sign", "PROXY TCP4 192.0.2.1 198.51.100.2 |+1 2\r\n"],
  ["a port below 0", "PROXY TCP4 192.0.2.1 198.51.100.2 1 |-2\r\n"],
  ["a port in hex", "PROXY TCP4 192.0.2.1 198.51.100.2 0|x1 2\r\n"],
  ["a port with an exponent", "PROXY TCP4 192.0.2.1 198.51.100.2 1|e3 2\r\n"],
  ["no port", "PROXY TCP4 192.0.2.1 198.51.100.2 |ldap 2\r\n"],
  ["an LF for the end", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2|\n"],
  ["a CR for the end", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r|0"],
  ["two CRs", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r|\r\n"],
  ["an LF in what UNKNOWN brings along", "PROXY UNKNOWN 1|\n2\r\n"],
  ["a CR in what UNKNOWN brings along", "PROXY UNKNOWN 1\r|2\r\n"],
  ["a NUL in what UNKNOWN brings along", "PROXY UNKNOWN 1|\x002\r\n"],
  ["what is not ASCII in what UNKNOWN brings along", "PROXY UNKNOWN 1|\xe42\r\n"],
  ["a NUL for the end", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2|\0\r\n"],
  ["a digit that is not ASCII", "PROXY TCP4 192.0.2.1 198.51.100.2 1 |\xb2\r\n"],
  ["UNKNOWN with an end at 108 bytes", `${longestLine.slice(0, 105)}|5\r\n`],
  ["TCP6 with an end too far away", `PROXY TCP6 ${`${ffff.slice(0, 30)}255.255.255.255 `.repeat(2)}12|345 12345\r\n`],
];

/** 2.2: behind the signature. */
const badHeaders: readonly (readonly [string, string])[] = [
  ["version 1", "| 11 11 000c"],
  ["version 3", "| 31 11 000c"],
  ["version 0", "| 01 11 000c"],
  ["an unknown command", "| 22 11 000c"],
  ["the last unknown command", "| 2f 00 0000"],
  ["UDP over IPv4", "21 | 12 000c"],
  ["UDP over IPv6", "21 | 22 0024"],
  ["Unix datagrams", "21 | 32 00d8"],
  ["IPv4 without a transport", "21 | 10 000c"],
  ["IPv4 over an unknown transport", "21 | 13 000c"],
  ["a stream without a family", "21 | 01 0000"],
  ["an unknown family", "21 | 41 000c"],
  ["no room for IPv4 addresses", "21 11 00 | 0b"],
  ["no room for IPv6 addresses", "21 21 00 | 23"],
  ["no room for Unix addresses", "21 31 00 | d7"],
  ["no addresses", "21 11 00 | 00"],
  ["one byte more than is taken", "21 11 0f | f1"],
  ["much more than is taken", "21 11 | 10 00"],
  ["as much as can be said", "20 00 | ff ff"],
  ["a TLV of one byte", "21 11 00 | 0d"],
  ["a TLV of two bytes", "21 11 00 | 0e"],
  ["one byte behind a TLV", `21 11 0010 ${ipv4Block} 04 00 | 00 00`],
  ["a TLV longer than the header", `21 11 000f ${ipv4Block} 01 00 | 01`],
  ["a TLV much longer than the header", `21 11 000f ${ipv4Block} 01 | ff 00`],
  ["a second TLV longer than the header", `21 11 0014 ${ipv4Block} 0100026869 01 00 | 01`],
  ["a checksum of three bytes", `21 11 0012 ${ipv4Block} 03 00 | 03 000000`],
  ["a checksum of five bytes", `21 11 0014 ${ipv4Block} 03 00 | 05 0000000000`],
  ["a checksum of no bytes", `21 11 000f ${ipv4Block} 03 00 | 00`],
  ["two checksums", `21 11 001a ${ipv4Block} 0300040000 0000 0300 | 0400000000`],
  ["a checksum of zeros", `21 11 0013 ${ipv4Block} 03 0004 000000 | 00`],
];

/** The beginnings of both versions up to each byte in turn, and that byte with one bit turned. */
function firstWrongBytes(): [string, Buffer, Buffer][] {
  return [ascii("PROXY "), hex(signature)].flatMap((start, n) =>
    [...start].map((byte, at): [string, Buffer, Buffer] => [
      `byte ${at + 1} of v${n + 1}`,
      start.subarray(0, at),
      Buffer.of(byte ^ 1),
    ]),
  );
}

describe("what cannot become a good header is refused at its first wrong byte", () => {
  const isRefusedAtBar = (before: Buffer, behind: Buffer) => {
    expect(readBytewise(before)).toBeUndefined();
    expect(() => readProxyHeader(Buffer.concat([before, behind.subarray(0, 1)]))).toThrow(ProxyHeaderError);
    expect(() => readProxyHeader(Buffer.concat([before, behind]))).toThrow(ProxyHeaderError);
    expect(() => readProxyHeader(Buffer.concat([before, behind, Buffer.alloc(5000, "\r\n")]))).toThrow(
      ProxyHeaderError,
    );
  };

  test.each(badLines)("v1: %s", (_, marked) => {
    const [before = "", behind = ""] = marked.split("|");
    isRefusedAtBar(ascii(before), ascii(behind));
  });

  test.each(badHeaders)("v2: %s", (_, marked) => {
    const [before = "", behind = ""] = marked.split("|");
    isRefusedAtBar(hex(signature + before), hex(behind));
  });

  test.each(firstWrongBytes())("a bit turned in %s", (_, before, wrong) => {
    isRefusedAtBar(before, wrong);
  });

  test("an LDAP message and a TLS handshake", () => {
    isRefusedAtBar(Buffer.alloc(0), hex("300c020101600702010304008000"));
    isRefusedAtBar(Buffer.alloc(0), hex("160301020001"));
  });

  test("a message says what is wrong, and repeats nothing of what was sent", () => {
    expect(() => readProxyHeader(ascii("PROXY TCP4 evil"))).toThrow(
      new ProxyHeaderError("a PROXY line with something else where an IPv4 address is due"),
    );
  });
});

const port = fc.nat(65_535);
const line = fc
  .oneof(
    fc.tuple(fc.constant("TCP4"), fc.ipV4(), fc.ipV4(), port, port),
    fc.tuple(fc.constant("TCP6"), fc.ipV6(), fc.ipV6(), port, port),
    fc.tuple(fc.constant("UNKNOWN"), fc.stringMatching(/^[\x01-\x09\x0b\x0c\x0e-\x7f]{0,80}$/)),
  )
  .map((words) => ({
    source: words[0] === "UNKNOWN" ? undefined : words[1],
    bytes: ascii(`PROXY ${words.join(" ")}\r\n`),
  }))
  // Two IPv6 addresses with IPv4 at their ends, which no line of the specification's has room for.
  .filter(({ bytes }) => bytes.length <= 107);

const tlvs = fc.array(
  fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 40 })).map(([type, value]) => tlv(type === 3 ? 4 : type, value)),
  { maxLength: 5 },
);
const family = fc.constantFrom(
  { kind: "21 11", size: 12, sourceIn: (block: Buffer) => block.subarray(0, 4).join(".") },
  { kind: "21 21", size: 36, sourceIn: (block: Buffer) => block.toString("hex", 0, 16).match(/.{4}/g)?.join(":") },
  { kind: "21 31", size: 216, sourceIn: () => undefined },
);
const binary = fc
  .tuple(family, fc.uint8Array({ minLength: 216, maxLength: 216 }), tlvs, tlvs)
  .map(([{ kind, size, sourceIn }, random, before, behind]) => {
    const block = Buffer.from(random.subarray(0, size));
    return { kind, size, source: sourceIn(block), before: [block.toString("hex"), ...before], behind };
  });
const plain = binary.map(({ kind, source, before, behind }) => ({ source, bytes: v2(kind, ...before, ...behind) }));
const checked = binary.map(({ kind, size, source, before, behind }) => ({
  source,
  bytes: sealed(kind, ...before, emptyChecksum, ...behind),
  size,
  checksum: 16 + hex(before.join("")).length + 3,
}));
const local = fc
  .tuple(fc.constantFrom("20", "21"), fc.nat(255), fc.uint8Array({ maxLength: 300 }))
  .map(([command, family, rest]) => ({
    source: undefined,
    bytes: v2(
      command + (command === "21" ? "00" : family.toString(16).padStart(2, "0")),
      Buffer.from(rest).toString("hex"),
    ),
  }));
const header = fc.oneof(line, plain, checked, local);

/** What comes of bytes that arrive one by one. All but waiting is final; an error of another class goes through. */
function outcomeOf(bytes: Buffer): ProxyHeader | "refused" | "waiting" {
  const outcome = (end: number) => {
    try {
      return readProxyHeader(bytes.subarray(0, end)) ?? "waiting";
    } catch (error) {
      if (error instanceof ProxyHeaderError) return "refused";
      throw error;
    }
  };
  let last: ProxyHeader | "refused" | "waiting" = "waiting";
  for (let end = 0; end <= bytes.length; end++) {
    const next = outcome(end);
    if (last !== "waiting") expect(next).toEqual(last);
    else if (typeof next === "object") expect(next.length).toBe(end);
    last = next;
  }
  return last;
}

describe("whatever comes", () => {
  test("a good header waits for its last byte, wherever it is cut, and looks at none behind it", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 200 }), ({ bytes, source }, behind) => {
        const expected = { source: source && normalizeAddress(source), length: bytes.length };
        expect(readBytewise(bytes)).toEqual(expected);
        // Somewhere within the memory of a larger chunk, too.
        const chunk = Buffer.concat([behind, bytes, behind]);
        expect(readProxyHeader(chunk.subarray(behind.length))).toEqual(expected);
        expect(outcomeOf(bytes)).toEqual(expected);
      }),
    );
  });

  test("a good header with one byte changed is a header, refused or incomplete", () => {
    fc.assert(
      fc.property(header, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ bytes }, at, bits) => {
        const changed = Buffer.from(bytes);
        changed[at % bytes.length]! ^= bits;
        const outcome = outcomeOf(changed);
        if (typeof outcome !== "object" || outcome.source === undefined) return;
        expect(normalizeAddress(outcome.source)).toBe(outcome.source);
      }),
      { numRuns: 1000 },
    );
  });

  test("a checksum shows every byte that was changed in the addresses and in itself", () => {
    fc.assert(
      fc.property(checked, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ bytes, size, checksum }, n, bits) => {
        const changed = Buffer.from(bytes);
        const at = n % (size + 4);
        changed[at < size ? 16 + at : checksum + at - size]! ^= bits;
        expect(outcomeOf(changed)).toBe("refused");
      }),
    );
  });

  test("random bytes, behind a good beginning too, come to one outcome, which no further byte changes", () => {
    const beginning = fc.constantFrom(
      "",
      "PROXY ",
      "PROXY TCP4 ",
      "PROXY TCP6 ",
      "PROXY UNKNOWN",
      "\r\n\r\n\0\r\nQUIT\n",
    );
    const fixed = fc
      .constantFrom("20 00", "21 11 0020", "21 21 0040", "21 31 0100")
      .map((text) => hex(signature + text));
    const rest = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.stringMatching(/^[0-9a-f:. \r\n]{0,110}$/).map(ascii));
    fc.assert(
      fc.property(fc.oneof(beginning.map(ascii), fixed), rest, (before, behind) => {
        outcomeOf(Buffer.concat([before, behind]));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a header that nobody asked for", () => {
  test("is told by its first bytes, however few of them are there", () => {
    fc.assert(
      fc.property(header, ({ bytes }) => {
        for (let end = 0; end <= bytes.length; end++) expect(isProxyHeader(bytes.subarray(0, end))).toBe(end > 0);
      }),
    );
  });

  test("is told even if it is malformed", () => {
    expect(isProxyHeader(ascii("PROXY \0"))).toBe(true);
    expect(isProxyHeader(hex(`${signature} ff`))).toBe(true);
  });

  test("is none that has one other byte within its beginning", () => {
    for (const [, before, wrong] of firstWrongBytes()) {
      const rest = Buffer.alloc(20, "PROXY ");
      expect(isProxyHeader(Buffer.concat([before, wrong, rest]))).toBe(false);
    }
    expect(isProxyHeader(hex("300c020101600702010304008000"))).toBe(false);
    for (const first of ["30", "16", "47"]) expect(isProxyHeader(hex(first))).toBe(false);
  });
});
