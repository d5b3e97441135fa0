import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BerWriter } from "../../src/ber/writer.js";
import { type OperationName, success } from "../../src/model/message.js";
import { type ResultCode, resultCodes } from "../../src/model/result-code.js";
import { isAnswered, writeEntries, writeNotice, writeResult } from "../../src/wire/encode.js";
import { noticeOfDisconnection, readResponse, responseTags } from "../support/raw-client.js";

function written(write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter(16);
  write(writer);
  return writer.copy();
}

const id = fc.integer({ min: 1, max: 0x7fffffff });

describe("a result", () => {
  test("is written under its operation's tag, with its code, texts and controls", () => {
    const codes = Object.keys(resultCodes) as ResultCode[];
    const operations = ["bind", "search", "modify", "add", "delete", "modifyDn", "compare", "extended"] as const;
    const tags = { ...responseTags, search: responseTags.searchDone };
    const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 200 }), fc.constant("\0\u{1F600}".repeat(100)));
    fc.assert(
      fc.property(
        id,
        fc.constantFrom(...operations),
        fc.constantFrom(...codes),
        text,
        text,
        fc.array(fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }), { maxLength: 3 }),
        (id, operation, code, message, matchedDn, values) => {
          const controls = values.map((value, n) => ({
            oid: `1.2.${n}`,
            critical: n % 2 === 0,
            value: value && Buffer.from(value),
          }));
          const response = readResponse(
            written((writer) => writeResult(writer, id, operation, { code, message, matchedDn, controls })),
          );
          expect(response).toMatchObject({ id, tag: tags[operation], code: resultCodes[code], message, matchedDn });
          expect([...response.controls]).toEqual(controls.map(({ oid, value }) => [oid, value]));
        },
      ),
    );
  });

  test("of an extended operation carries its value as bytes", () => {
    const responseValue = Buffer.of(0xff, 0, 0x80);
    const bytes = written((writer) =>
      writeResult(writer, 1, "extended", { ...success, responseName: "1.2.3", responseValue }),
    );
    expect(readResponse(bytes)).toMatchObject({ responseName: "1.2.3", responseValue });
  });

  test("is not written for unbind and abandon", () => {
    for (const operation of ["unbind", "abandon"] as const satisfies readonly OperationName[]) {
      expect(isAnswered(operation)).toBe(false);
      expect(written((writer) => writeResult(writer, 1, operation, success))).toHaveLength(0);
    }
  });
});

test("a Notice of Disconnection is an extended response of nobody's", () => {
  const bytes = written((writer) => writeNotice(writer, { code: "unavailable", message: "bye" }));
  expect(readResponse(bytes)).toMatchObject({
    id: 0,
    tag: responseTags.extended,
    code: 52,
    message: "bye",
    responseName: noticeOfDisconnection,
  });
});

test("entries are written one by one in envelopes of the shortest lengths, whatever the ID and the sizes", () => {
  const sizes = fc.array(
    fc.oneof(fc.nat(10), fc.constantFrom(115, 116, 117, 118, 119, 240, 245, 250, 65_520, 524_288)),
    {
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(fc.oneof(id, fc.constantFrom(127, 128, 32_767, 32_768, 8_388_607, 8_388_608)), sizes, (id, sizes) => {
      const contents = sizes.map((size) =>
        written((writer) => {
          writer.text("cn=a");
          writer.open(0x30);
          writer.open(0x30);
          writer.text("cn");
          writer.open(0x31);
          writer.octets(Buffer.alloc(size, 7));
          writer.close();
          writer.close();
          writer.close();
        }),
      );
      const batch = { bytes: Buffer.concat(contents), ends: contents.map((_, n) => sum(contents.slice(0, n + 1))) };
      const together = written((writer) => writeEntries(writer, id, batch));
      const apart = contents.map((content) =>
        written((writer) => {
          writer.open(0x30);
          writer.integer(id);
          writer.octets(content, 0x64);
          writer.close();
        }),
      );
      expect(together.equals(Buffer.concat(apart))).toBe(true);
    }),
  );
});

function sum(parts: readonly Buffer[]): number {
  return parts.reduce((length, part) => length + part.length, 0);
}
