import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBytes, formatDuration, parseBytes, parseDuration } from "../../src/settings/units.js";

test.each([
  ["4MiB", 4_194_304],
  ["256KiB", 262_144],
  ["1 GiB", 1_073_741_824],
  ["512B", 512],
  ["4096", 4096],
  [4096, 4096],
])("%s is %d bytes", (text, value) => {
  expect(parseBytes(text)).toBe(value);
});

test.each([
  ["500ms", 500],
  ["15s", 15_000],
  ["10m", 600_000],
  ["24h", 86_400_000],
  ["2d", 172_800_000],
  [0, 0],
])("%s is %d milliseconds", (text, value) => {
  expect(parseDuration(text)).toBe(value);
});

test.each(["4MB", "4 mib", "-1", "1.5MiB", "", "MiB", "1e3", "9999999999999GiB", "constructor", "1constructor"])(
  "%j is no size, and the sentence names the units",
  (text) => {
    expect(() => parseBytes(text)).toThrow(/ is not a size, such as 4MiB or 256KiB: units are GiB, MiB, KiB, B$/);
  },
);

test.each(["10min", "1H", -5, "soon"])("%j is no time, and the sentence names the units", (text) => {
  expect(() => parseDuration(text)).toThrow(
    / is not a time, such as 500ms, 15s, 10m or 24h: units are d, h, m, s, ms$/,
  );
});

test("a size or a time that was written reads as itself", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (value) => {
      expect(parseBytes(formatBytes(value))).toBe(value);
      expect(parseDuration(formatDuration(value))).toBe(value);
    }),
  );
  expect(formatBytes(4_194_304)).toBe("4MiB");
  expect(formatDuration(1_800_000)).toBe("30m");
  expect(formatDuration(0)).toBe("0ms");
});
