import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Framing, FramingError } from "../../src/wire/framing.js";
import { abandon, ber, whoAmI } from "../support/raw-client.js";

/** An element with the tag of a message and so many bytes in it, its length in so many further octets. */
function element(content: Buffer, octets = 0): Buffer {
  if (octets === 0) return ber((writer) => writer.octets(content, 0x30));
  const header = Buffer.alloc(2 + octets);
  header[0] = 0x30;
  header[1] = 0x80 | octets;
  header.writeUIntBE(content.length, 2, octets);
  return Buffer.concat([header, content]);
}

function taken(chunks: readonly Buffer[], { limit = 1 << 20, pauses = false } = {}): Buffer[] {
  const framing = new Framing(limit);
  const messages: Buffer[] = [];
  const take = (message: Buffer) => {
    messages.push(message);
    return !pauses;
  };
  for (const chunk of chunks) framing.push(chunk, take);
  for (let before = -1; pauses && before < messages.length; ) {
    before = messages.length;
    framing.resume(take);
  }
  expect(framing.isPartial).toBe(false);
  return messages;
}

const messages = fc.array(
  fc.record({ content: fc.uint8Array({ maxLength: 400 }), octets: fc.constantFrom(0, 2, 3, 4) }),
  { maxLength: 20 },
);

describe("messages come out whole", () => {
  test("wherever the stream is cut", () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat(4000), { maxLength: 20 }), fc.boolean(), (parts, cuts, pauses) => {
        const whole = parts.map(({ content, octets }) => element(Buffer.from(content), octets));
        const stream = Buffer.concat(whole);
        const at = [...cuts.filter((cut) => cut < stream.length), stream.length].sort((a, b) => a - b);
        const chunks = at.map((end, n) => stream.subarray(at[n - 1] ?? 0, end));
        expect(taken(chunks, { pauses })).toEqual(whole);
      }),
    );
  });

  test("byte by byte", () => {
    const whole = [whoAmI(1), element(Buffer.alloc(300, 7)), abandon(2, 1), element(Buffer.alloc(70_000, 1), 4)];
    const stream = Buffer.concat(whole);
    expect(taken([...stream].map((byte) => Buffer.of(byte)))).toEqual(whole);
  });

  test("and stay as they are when further ones come", () => {
    const first = element(Buffer.alloc(500, 1));
    const second = element(Buffer.alloc(500, 2));
    const framing = new Framing(1000);
    const got: Buffer[] = [];
    const take = (message: Buffer) => got.push(message) > 0;
    framing.push(Buffer.from(first.subarray(0, 100)), take);
    framing.push(Buffer.concat([first.subarray(100), second.subarray(0, 100)]), take);
    framing.push(Buffer.from(second.subarray(100)), take);
    expect(got).toEqual([first, second]);
  });

  test("10,000 in one chunk, without recursion", () => {
    const chunk = Buffer.concat(Array.from({ length: 10_000 }, (_, n) => abandon(n + 1, n)));
    expect(taken([chunk])).toHaveLength(10_000);
    expect(taken([chunk], { pauses: true })).toHaveLength(10_000);
  });
});

describe("what cannot be a message is refused at its first bytes", () => {
  const refused = (bytes: Buffer, limit = 1000) => {
    const framing = new Framing(limit);
    expect(() => framing.push(bytes, () => true)).toThrow(FramingError);
  };

  test.each([
    ["a first byte that is not 30", "16"],
    ["a length without an end", "3080"],
    ["a length of five octets", "3085"],
    ["a length of 127 octets", "30ff"],
    ["a length of 4 GiB", "3084ffffffff"],
    ["a length of 2 GiB", "30847fffffff"],
    ["a length just above the limit", "308203e5"],
  ])("%s", (_, hex) => refused(Buffer.from(hex, "hex")));

  test("the largest message that is allowed is taken, and one byte more is not", () => {
    const largest = element(Buffer.alloc(996));
    expect(taken([largest], { limit: 1000 })).toEqual([largest]);
    refused(element(Buffer.alloc(997)));
  });

  test("a limit that was raised holds from the next bytes on", () => {
    const framing = new Framing(100);
    framing.limit = 1000;
    const got: Buffer[] = [];
    framing.push(element(Buffer.alloc(500)), (message) => got.push(message) > 0);
    expect(got).toHaveLength(1);
  });

  test("a large length costs no memory before the bytes come", () => {
    const before = process.memoryUsage().arrayBuffers;
    const framings = Array.from({ length: 1000 }, () => new Framing(1 << 30));
    for (const framing of framings) framing.push(Buffer.from("30843fffff0002", "hex"), () => true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
    expect(framings.every(({ isPartial }) => isPartial)).toBe(true);
  });
});

test("nothing is taken after a stop, not even what is left of the chunk", () => {
  const framing = new Framing(1000);
  let count = 0;
  const take = () => {
    count++;
    framing.stop();
    return true;
  };
  framing.push(Buffer.concat([whoAmI(1), whoAmI(2), whoAmI(3).subarray(0, 5)]), take);
  framing.push(whoAmI(4), take);
  framing.resume(take);
  expect(count).toBe(1);
  expect(framing.isPartial).toBe(false);
});
