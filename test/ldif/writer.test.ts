import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LdifRecord } from "../../src/ldif/ldif-record.js";
import { readLdif } from "../../src/ldif/reader.js";
import { isSafeString, LdifWriter, type WritableAttribute } from "../../src/ldif/writer.js";

function write(...entries: [string | Buffer, WritableAttribute[]][]): Buffer {
  const writer = new LdifWriter();
  for (const [dn, attributes] of entries) writer.add(dn, attributes);
  return writer.take();
}

async function read(bytes: Buffer): Promise<LdifRecord[]> {
  const records: LdifRecord[] = [];
  const source = async function* () {
    yield bytes;
  };
  for await (const batch of readLdif(source())) records.push(...batch);
  return records;
}

const text = (value: string) => Buffer.from(value);

test("an entry is written after the version, a blank line before each", () => {
  expect(
    write(
      [
        "cn=a",
        [
          { type: "cn", values: [text("a"), text("é")] },
          { type: "sn", values: [text("")] },
        ],
      ],
      ["cn=é", [{ type: "cn", values: [text("é")] }]],
    ).toString(),
  ).toBe("version: 1\n\ndn: cn=a\ncn: a\ncn:: w6k=\nsn:\n\ndn:: Y249w6k=\ncn:: w6k=\n");
});

describe("a value is safe as it is", () => {
  test.each(["", "a", "a b", "a:b", "a<b", "+1", "#x", "\t", "\x7f", "-"])("%j", (value) => {
    expect(isSafeString(text(value))).toBe(true);
  });

  test.each([" a", "a ", ":a", "<a", " ", "é", "a\nb", "a\rb", "a\0"])("never %j", (value) => {
    expect(isSafeString(text(value))).toBe(false);
  });
});

test("a line is folded at 76 columns, and not before", () => {
  const lines = (length: number) =>
    write(["cn=a", [{ type: "cn", values: [text("x".repeat(length))] }]])
      .toString()
      .split("\n")
      .slice(3, -1);
  expect(lines(72).map((line) => line.length)).toEqual([76]);
  expect(lines(73).map((line) => line.length)).toEqual([76, 2]);
  expect(lines(72 + 75).map((line) => line.length)).toEqual([76, 76]);
  expect(lines(72 + 75 + 1).map((line) => line.length)).toEqual([76, 76, 2]);
  expect(
    lines(500)
      .map((line, n) => (n === 0 ? line.slice(4) : line.slice(1)))
      .join(""),
  ).toBe("x".repeat(500));
});

test("what is taken in pieces is one file", () => {
  const writer = new LdifWriter();
  const taken: Buffer[] = [];
  for (const dn of ["cn=a", "cn=b"]) {
    writer.add(dn, [{ type: "cn", values: [text("x")] }]);
    expect(writer.length).toBeGreaterThan(0);
    taken.push(writer.take());
  }
  expect(Buffer.concat(taken).toString()).toBe("version: 1\n\ndn: cn=a\ncn: x\n\ndn: cn=b\ncn: x\n");
  expect(writer.length).toBe(0);
});

test("what is written reads as it was, whatever the bytes", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value)),
    fc.string({ maxLength: 300 }).map((value) => Buffer.from(value)),
    fc
      .array(fc.constantFrom(" ", ":", "<", "\n", "\r", "#", "a", "-"), { maxLength: 200 })
      .map((parts) => Buffer.from(parts.join(""))),
  );
  const attributes = fc.uniqueArray(
    fc.record({
      type: fc.constantFrom("cn", "objectClass", "sn;lang-en", "2.5.4.3", "userCertificate;binary"),
      values: fc.array(bytes, { minLength: 1, maxLength: 4 }),
    }),
    { minLength: 1, selector: ({ type }) => type },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(bytes, attributes), { maxLength: 4 }), async (entries) => {
      const written = write(...entries);
      expect(
        written
          .toString("latin1")
          .split("\n")
          .every((line) => line.length <= 76),
      ).toBe(true);
      const records = await read(written);
      expect(records.map((record) => (record.kind === "content" ? [record.dn, record.attributes] : record))).toEqual(
        entries,
      );
    }),
    { numRuns: 300 },
  );
});
