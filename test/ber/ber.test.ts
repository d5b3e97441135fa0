import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BerError, BerReader } from "../../src/ber/reader.js";
import { BerWriter, elementSize } from "../../src/ber/writer.js";

describe("reading BER", () => {
  test.each([
    ["an indefinite length", "3080"],
    ["a length of five octets", "30850000000001"],
    ["a length that reaches beyond the message", "30847fffffff"],
    ["a length with the sign bit set", "3084ffffffff"],
    ["a length cut off in its middle", "308200"],
    ["no length at all", "30"],
    ["another tag", "0400"],
    ["nothing", ""],
  ])("%s is refused", (_, bytes) => {
    expect(() => new BerReader(Buffer.from(bytes, "hex")).open(0x30)).toThrow(BerError);
  });

  test("a child that is longer than its parent is refused, even where the message goes on", () => {
    const reader = new BerReader(Buffer.from("3003047f414141414141", "hex"));
    reader.open(0x30);
    expect(() => reader.octets()).toThrow(BerError);
  });

  test("bytes left over in a closed element are refused", () => {
    const reader = new BerReader(Buffer.from("30050201010500", "hex"));
    const outer = reader.open(0x30);
    reader.integer();
    expect(() => reader.close(outer)).toThrow(BerError);
  });

  test("integers of no octet and of five octets are refused", () => {
    expect(() => new BerReader(Buffer.from("0200", "hex")).integer()).toThrow(BerError);
    expect(() => new BerReader(Buffer.from("02050000000001", "hex")).integer()).toThrow(BerError);
  });

  test("no bytes whatever make it throw anything but BerError, or go on for ever", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new BerReader(Buffer.from(bytes));
        try {
          while (!reader.done) reader.skip();
        } catch (error) {
          expect(error).toBeInstanceOf(BerError);
        }
      }),
    );
  });
});

describe("writing BER", () => {
  test("what is written is read back", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.boolean(),
        fc.string({ unit: "binary" }),
        fc.uint8Array({ maxLength: 70_000, size: "max" }),
        (integer, boolean, text, octets) => {
          const writer = new BerWriter(8);
          writer.open(0x30);
          writer.integer(integer);
          writer.boolean(boolean);
          writer.text(text);
          writer.open(0x31);
          writer.octets(octets);
          writer.close();
          writer.close();
          const reader = new BerReader(writer.finish());
          const outer = reader.open(0x30);
          expect(reader.integer()).toBe(integer);
          expect(reader.boolean()).toBe(boolean);
          expect(reader.text()).toBe(text);
          const inner = reader.open(0x31);
          expect(reader.octets().equals(octets)).toBe(true);
          reader.close(inner);
          reader.close(outer);
          expect(reader.done).toBe(true);
        },
      ),
    );
  });

  test.each([0, 127, 128, 255, 256, 65_535, 65_536, 524_280, 524_288, 524_296, 16_777_216])(
    "a content of %i octets gets the shortest length",
    (size) => {
      const writer = new BerWriter();
      writer.open(0x30);
      writer.raw(Buffer.alloc(size));
      writer.close();
      expect(writer.length).toBe(elementSize(size));
      const reader = new BerReader(writer.finish());
      reader.open(0x30);
      expect(reader.end - reader.at).toBe(size);
    },
  );
});
