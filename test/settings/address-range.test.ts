import fc from "fast-check";
import IPCIDR from "ip-cidr";
import { describe, expect, test } from "vitest";
import { AddressRange, normalizeAddress } from "../../src/settings/address-range.js";

describe("a range contains", () => {
  test.each([
    ["192.0.2.10", "192.0.2.10"],
    ["192.0.2.10", "::ffff:192.0.2.10"],
    ["192.0.2.10", "::ffff:c000:20a"],
    ["192.168.10.1/16", "192.168.255.254"],
    ["0.0.0.0/0", "203.0.113.9"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.0/120", "10.1.2.255"],
    ["::ffff:0:0/96", "203.0.113.9"],
    ["0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"],
    ["2001:db8::1/32", "2001:db8:ffff::"],
    ["2001:DB8::A", "2001:db8::a"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["fe80::/10", "fe80::1%eth0"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["::/0", "2001:db8::1"],
    ["192.0.2.10-192.0.2.40", "192.0.2.10"],
    ["192.0.2.10-192.0.2.40", "192.0.2.40"],
    ["192.0.2.10 - 192.0.2.40", "::ffff:192.0.2.39"],
    ["::ffff:192.0.2.10-192.0.2.40", "192.0.2.11"],
    ["2001:db8::a-2001:db8::1:0", "2001:db8::ffff"],
    ["any", "192.0.2.1"],
    ["any", "2001:db8::1"],
    ["any", "::ffff:192.0.2.1"],
  ])("%s the address %s", (range, address) => {
    expect(AddressRange.parse(range).contains(address)).toBe(true);
  });

  test.each([
    ["192.0.2.10", "192.0.2.11"],
    ["10.0.0.0/24", "10.0.1.0"],
    ["10.0.0.0/24", "9.255.255.255"],
    ["::ffff:10.1.2.0/120", "10.1.3.0"],
    ["2001:db8::/32", "2001:db9::"],
    ["::/0", "192.0.2.1"],
    ["0.0.0.0/0", "::1"],
    ["0.0.0.0/0", "unknown"],
    ["0.0.0.0/0", ""],
    ["127.0.0.1", "127.1"],
    ["127.0.0.1", "127.0.0.1 "],
    ["::/0", "::1::2"],
    ["192.0.2.10-192.0.2.40", "192.0.2.9"],
    ["192.0.2.10-192.0.2.40", "192.0.2.41"],
    ["192.0.2.10-192.0.2.40", "::c000:220"],
    ["2001:db8::a-2001:db8::1:0", "2001:db8::1:1"],
    ["any", "unknown"],
  ])("%s never the text %s", (range, address) => {
    expect(AddressRange.parse(range).contains(address)).toBe(false);
  });
});

describe("what is no range is refused with a sentence that says what would be right", () => {
  test.each(["10.0.0.0/33", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/9"])(
    "%s has a wrong prefix",
    (text) => {
      expect(() => AddressRange.parse(text)).toThrow(
        /^"[^"]+" is not an address range: the number after the slash is from 0 to (32|128)$/,
      );
    },
  );

  test.each([
    "300.1.1.1",
    "10.0.0",
    "",
    "/24",
    "localhost",
    "010.0.0.1",
    " 10.0.0.1",
    "10.0.0.1 ",
    "0x7f.1",
    "[::1]",
    "1::2::3",
    "fe80::1%eth0",
    "fe80::%eth0/64",
    "10.0.0.1:389",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:1.2.3.4",
    "10.0.0.*",
    "::ffff:1.2.3.256",
    "192.0.2.10-",
    "-192.0.2.10",
    "192.0.2.10-40",
    "192.0.2.10-192.0.2.20-192.0.2.30",
    "fe80::1%eth0-fe80::2",
    "Any",
  ])("%j is no address", (text) => {
    expect(() => AddressRange.parse(text)).toThrow(/ is not an address range: .*such as 192\.0\.2\.10/);
  });

  test("a mapped address with a prefix that reaches beyond IPv4", () => {
    expect(() => AddressRange.parse("::ffff:10.0.0.0/64")).toThrow(/holds more than IPv4: write the IPv4 range/);
  });
});

test.each([
  ["192.0.2.40-192.0.2.10", "ends before it begins: write 192.0.2.10-192.0.2.40"],
  ["192.0.2.10-::1", "goes from IPv4 to IPv6: write two ranges"],
])("the range %s %s", (text, sentence) => {
  expect(() => AddressRange.parse(text)).toThrow(`${JSON.stringify(text)} ${sentence}`);
});

test("a range is shown masked and in its one spelling", () => {
  const shown = (text: string) => String(AddressRange.parse(text));
  expect(shown("198.51.100.7/24")).toBe("198.51.100.0/24");
  expect(shown("::ffff:198.51.100.7/120")).toBe("198.51.100.0/24");
  expect(shown("192.0.2.1/32")).toBe("192.0.2.1");
  expect(shown("2001:0DB8:0:0::1/64")).toBe("2001:db8::/64");
  expect(shown("2001:0db8::a - 2001:db8:0::B")).toBe("2001:db8::a-2001:db8::b");
  expect(shown("192.0.2.1-192.0.2.1")).toBe("192.0.2.1");
  expect(shown("any")).toBe("any");
  expect(JSON.stringify([AddressRange.parse("::1")])).toBe('["::1"]');
});

// The examples of RFC 5952 section 4.
test.each([
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["fe80::1%eth0", "fe80::1"],
  ["2001:0db8::0001", "2001:db8::1"],
  ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:DB8::ABCD", "2001:db8::abcd"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["10:0:0:100:0:0:0:1", "10:0:0:100::1"],
  ["1:0:0:0:0:0:0:0", "1::"],
  ["not an address", "not an address"],
])("the address %s is written %s", (text, normal) => {
  expect(normalizeAddress(text)).toBe(normal);
});

const ipv6 = fc
  .tuple(...Array.from({ length: 8 }, () => fc.oneof(fc.constant(0), fc.nat(0xffff))))
  .map((groups) => groups.map((group) => group.toString(16)).join(":"));

test("writing an address and reading it again gives the same address", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), ipv6), (text) => {
      const normal = normalizeAddress(text);
      expect(normalizeAddress(normal)).toBe(normal);
      expect(AddressRange.parse(normal).contains(text)).toBe(true);
    }),
  );
});

test("a range contains exactly what ip-cidr says it contains", () => {
  const near = fc.tuple(fc.nat(0xffff_ffff), fc.nat(32), fc.nat(31), fc.boolean());
  const dotted = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
  fc.assert(
    fc.property(near, ([value, prefix, bit, flip]) => {
      const range = `${dotted(value)}/${prefix}`;
      const address = dotted(flip ? value ^ (1 << bit) : value);
      expect(AddressRange.parse(range).contains(address)).toBe(new IPCIDR(range).contains(address));
    }),
  );
  fc.assert(
    fc.property(ipv6, fc.nat(128), fc.nat(7), fc.nat(15), (text, prefix, group, bit) => {
      fc.pre(!/^0:0:0:0:0:(0|ffff):/.test(text));
      const groups = text.split(":");
      groups[group] = (Number.parseInt(groups[group]!, 16) ^ (1 << bit)).toString(16);
      const address = groups.join(":");
      fc.pre(!/^0:0:0:0:0:ffff:/.test(address));
      expect(AddressRange.parse(`${text}/${prefix}`).contains(address)).toBe(
        new IPCIDR(`${text}/${prefix}`).contains(address),
      );
    }),
  );
});
