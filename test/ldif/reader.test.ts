import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LdifError, type LdifRecord } from "../../src/ldif/ldif-record.js";
import { type LdifOptions, readLdif } from "../../src/ldif/reader.js";
import { example1, example2, example3, example4, example6, example7 } from "./rfc2849.js";

async function* pieces(parts: Iterable<Buffer | string>): AsyncGenerator<Buffer | string> {
  yield* parts;
}

async function read(parts: string | Buffer | Iterable<Buffer | string>, options?: LdifOptions): Promise<LdifRecord[]> {
  const list = typeof parts === "string" || Buffer.isBuffer(parts) ? [parts] : parts;
  const records: LdifRecord[] = [];
  for await (const batch of readLdif(pieces(list), options)) {
    expect(batch.length).toBeGreaterThan(0);
    records.push(...batch);
  }
  return records;
}

/** With bytes as text, to compare and to show. */
function shown(records: readonly LdifRecord[]): unknown {
  return JSON.parse(
    JSON.stringify(records, (_, value) =>
      value?.type === "Buffer" && Array.isArray(value.data) ? Buffer.from(value.data).toString("utf8") : value,
    ),
  );
}

async function faults(text: string, options?: LdifOptions): Promise<string[]> {
  return (await read(text, options)).flatMap((record) =>
    record.kind === "fault" ? [`${record.line}: ${record.message}`] : [],
  );
}

const entry = "dn: cn=a\nobjectClass: person\ncn: a\n";
const content = (line: number, dn = "cn=a") => ({
  kind: "content",
  line,
  dn,
  attributes: [
    { type: "objectClass", values: ["person"] },
    { type: "cn", values: ["a"] },
  ],
});

describe("the examples of RFC 2849", () => {
  test("1: two entries", async () => {
    const records = await read(example1);
    expect(shown(records)).toMatchObject([
      {
        kind: "content",
        line: 2,
        dn: "cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com",
        attributes: [
          { type: "objectclass", values: ["top", "person", "organizationalPerson"] },
          { type: "cn", values: ["Barbara Jensen", "Barbara J Jensen", "Babs Jensen"] },
          { type: "sn", values: ["Jensen"] },
          { type: "uid", values: ["bjensen"] },
          { type: "telephonenumber", values: ["+1 408 555 1212"] },
          { type: "description", values: ["A big sailing fan."] },
        ],
      },
      { kind: "content", line: 14, dn: "cn=Bjorn Jensen, ou=Accounting, dc=airius, dc=com" },
    ]);
  });

  test("2: a folded value, and no spaces behind the colons", async () => {
    const [record] = shown(await read(example2)) as { attributes: unknown[] }[];
    expect(record?.attributes).toContainEqual({
      type: "description",
      values: ["Babs is a big sailing fan, and travels extensively in search of perfect sailing conditions."],
    });
  });

  test("3: a value in base64", async () => {
    const [record] = shown(await read(example3)) as { attributes: { type: string; values: string[] }[] }[];
    expect(record?.attributes.at(-1)?.values).toEqual([
      "What a careful reader you are!  This value is base-64-encoded because it has a control character in it (a CR).\r  By the way, you should really get out more.",
    ]);
  });

  test("4: a DN in base64, options, comments", async () => {
    expect(shown(await read(example4))).toEqual([
      {
        kind: "content",
        line: 2,
        dn: "ou=営業部,o=Airius",
        attributes: [
          { type: "objectclass", values: ["top", "organizationalUnit"] },
          { type: "ou", values: ["営業部"] },
          { type: "ou;lang-ja", values: ["営業部"] },
          { type: "ou;lang-ja;phonetic", values: ["えいぎょうぶ"] },
          { type: "ou;lang-en", values: ["Sales"] },
          { type: "description", values: ["Japanese office"] },
        ],
      },
    ]);
  });

  test("5: a value in a file, only where files are allowed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gatehouse-"));
    try {
      const path = join(folder, "photo.jpg");
      await writeFile(path, Buffer.from([0xff, 0xd8, 0, 10]));
      const text = `${entry}jpegphoto:< ${pathToFileURL(path)}\n`;
      const [record] = await read(text, { allowFiles: true });
      expect(record).toMatchObject({
        attributes: [{}, {}, { type: "jpegphoto", values: [Buffer.from([0xff, 0xd8, 0, 10])] }],
      });
      expect(await faults(text)).toEqual([
        "4: the value of jpegphoto is in a file, and files are not read here: write the value itself",
      ]);
      expect(await faults(text, { allowFiles: true, entryBytes: 3 })).toEqual(["1: the record is larger than 3 bytes"]);
      await writeFile(path, Buffer.alloc(2000));
      expect(await faults(text, { allowFiles: true, entryBytes: 1000 })).toEqual([
        `4: ${path} makes the record larger than 1000 bytes`,
      ]);
      expect(await faults(`${entry}x:< file://${folder}/none\n`, { allowFiles: true })).toEqual([
        expect.stringMatching(/^4: the value of x cannot be read: ENOENT/),
      ]);
      expect(await faults(`${entry}x:< http://x/\n`, { allowFiles: true })).toEqual([
        '4: "http://x/" is not read: a URL of the kind file:///path is expected',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("6: every kind of change", async () => {
    expect(shown(await read(example6))).toMatchObject([
      { kind: "add", line: 3, dn: "cn=Fiona Jensen, ou=Marketing, dc=airius, dc=com", controls: [] },
      { kind: "delete", line: 14, dn: "cn=Robert Jensen, ou=Marketing, dc=airius, dc=com" },
      { kind: "modifyDn", line: 18, newRdn: "cn=Paula Jensen", deleteOldRdn: true },
      {
        kind: "modifyDn",
        line: 25,
        newRdn: "ou=Product Development Accountants",
        deleteOldRdn: false,
        newSuperior: "ou=Accounting, dc=airius, dc=com",
      },
      {
        kind: "modify",
        line: 35,
        changes: [
          { modification: "add", type: "postaladdress", values: ["123 Anystreet $ Sunnyvale, CA $ 94086"] },
          { modification: "delete", type: "description", values: [] },
          { modification: "replace", type: "telephonenumber", values: ["+1 408 555 1234", "+1 408 555 5678"] },
          { modification: "delete", type: "facsimiletelephonenumber", values: ["+1 408 555 9876"] },
        ],
      },
      {
        kind: "modify",
        line: 55,
        changes: [
          { modification: "replace", type: "postaladdress", values: [] },
          { modification: "delete", type: "description", values: [] },
        ],
      },
    ]);
  });

  test("7: a control", async () => {
    expect(shown(await read(example7))).toEqual([
      {
        kind: "delete",
        line: 6,
        dn: "ou=Product Development, dc=airius, dc=com",
        controls: [{ oid: "1.2.840.113556.1.4.805", critical: true }],
      },
    ]);
  });
});

describe("what files in use look like", () => {
  test.each([
    ["LF", entry, 1],
    ["CRLF", entry.replaceAll("\n", "\r\n"), 1],
    ["no line break at the end", entry.trimEnd(), 1],
    ["CRLF and no line break at the end", entry.trimEnd().replaceAll("\n", "\r\n"), 1],
    ["a byte order mark", `\ufeff${entry}`, 1],
    ["a version", `version: 1\n${entry}`, 2],
    ["a version and a blank line", `version: 1\n\n${entry}`, 3],
    ["a mark, a comment and a version", `\ufeff# people\n\nversion: 1\r\n\r\n${entry}`, 5],
    ["blank lines around it", `\n\n\r\n${entry}\n\n\n`, 4],
    ["folded comments", `# a comment\n  that goes on\n${entry}# the\n end\n`, 3],
    ["a comment within", entry.replace("\ncn", "\n# name\n of it\ncn"), 1],
    ["a folded name", entry.replace("objectClass", "obj\n ectClass"), 1],
    ["a value folded at every character", entry.replace("person", "\n p\n e\n r\r\n s\n o\n n"), 1],
    ["spaces before the value", entry.replace(": person", ":    person"), 1],
    ["base64 with spaces around it", entry.replace(": person", "::   cGVyc29u  "), 1],
    ["spellings that differ in case", entry.replace("dn:", "DN:"), 1],
  ])("%s", async (_, text, line) => {
    expect(shown(await read(text))).toEqual([content(line)]);
  });

  test("one attribute in several spellings is one, as first written", async () => {
    expect(shown(await read("dn: \nCN: 1\nsn:\ncn: 2\nCn;x-a: 3\ncn;X-A: 4\n"))).toEqual([
      {
        kind: "content",
        line: 1,
        dn: "",
        attributes: [
          { type: "CN", values: ["1", "2"] },
          { type: "sn", values: [""] },
          { type: "Cn;x-a", values: ["3", "4"] },
        ],
      },
    ]);
  });

  test("entries and changes in one file", async () => {
    const records = await read(`${entry}\ndn: cn=b\nchangetype: delete\n\n${entry}`);
    expect(records.map(({ kind, line }) => [kind, line])).toEqual([
      ["content", 1],
      ["delete", 5],
      ["content", 8],
    ]);
  });

  test("nothing, and nothing but comments and blank lines", async () => {
    for (const text of ["", "\n", "# only\n\n# this", "version: 1\n", "\ufeff", "\r\n\r\n"])
      expect(await read(text)).toEqual([]);
  });

  test("a change whose last - is missing, and an increment (RFC 4525)", async () => {
    expect(
      shown(await read("dn: cn=a\nchangetype: Modify\nincrement: uidNumber\nuidNumber: 1\n- \nadd: cn\nCN: b")),
    ).toMatchObject([
      {
        kind: "modify",
        changes: [
          { modification: "increment", type: "uidNumber", values: ["1"] },
          { modification: "add", type: "cn", values: ["b"] },
        ],
      },
    ]);
  });

  test("controls with values of each kind", async () => {
    const lines = ["1.1 true: plain", "1.2 false:: YQ==", "1.3: x", "1.4", "1.5 TRUE"].map(
      (line) => `control: ${line}\n`,
    );
    expect(shown(await read(`dn: cn=a\n${lines.join("")}changetype: delete\n`))).toMatchObject([
      {
        controls: [
          { oid: "1.1", critical: true, value: "plain" },
          { oid: "1.2", critical: false, value: "a" },
          { oid: "1.3", critical: false, value: "x" },
          { oid: "1.4", critical: false },
          { oid: "1.5", critical: true },
        ],
      },
    ]);
  });

  test("an attribute that is called control or add", async () => {
    expect(shown(await read("dn: cn=a\ncontrol: remote\nadd: 1\n"))).toMatchObject([
      {
        kind: "content",
        attributes: [
          { type: "control", values: ["remote"] },
          { type: "add", values: ["1"] },
        ],
      },
    ]);
  });
});

describe("a fault is reported at its line, with what would be right", () => {
  test.each([
    ["cn: a\n", '1: a record begins with "dn:", not with "cn"'],
    [" dn: cn=a\n", "1: begins with a space, but there is no line before it that it could continue"],
    ["dn: cn=a\n", "1: the record ends behind its dn: attributes or a changetype are expected"],
    [
      "dn: cn=a\ncn a\n",
      '2: "cn a" is no line of a record: "attribute: value" is expected, or a space before a continued line',
    ],
    ["dn: cn=a\nc n: a\n", '2: "c n" is not the name of an attribute'],
    ["dn: cn=a\n: a\n", '2: "" is not the name of an attribute'],
    ["dn: cn=a\n#\ncn:: YQ=\n", "3: the value of cn is not base64: write it with one colon if it is plain text"],
    ["dn:: Y*==\ncn: a\n", "1: the value of dn is not base64: write it with one colon if it is plain text"],
    ["dn: cn=a\ncn:: YW\n  J=\n", "2: the value of cn is not base64: write it with one colon if it is plain text"],
    ["dn: cn=a\ncn: a\ndn: cn=b\ncn: b\n", '3: "dn:" stands within a record: a blank line is expected before it'],
    ["version: 2\ndn: cn=a\ncn: a\n", '1: version "2" is not known: "version: 1" is expected'],
    [
      "dn: a=b\nchangetype: del\n",
      '2: the changetype "del" is not known: it is one of add, delete, modify, modrdn, moddn',
    ],
    [
      "dn: a=b\nchangetype: delete\ncn: a\n",
      "3: a record that deletes an entry ends behind its changetype: a blank line is expected",
    ],
    ["dn: a=b\nchangetype: add\n", "2: the record ends behind its changetype: attributes are expected"],
    ["dn: a=b\nchangetype: moddn\n", '2: the record ends behind its changetype: "newrdn:" is expected'],
    ["dn: a=b\nchangetype: moddn\nnewsuperior: x=y\n", '3: "newrdn:" is expected here, not "newsuperior"'],
    [
      "dn: a=b\nchangetype: modrdn\nnewrdn: a=c\n",
      '3: behind newrdn "deleteoldrdn: 1" or "deleteoldrdn: 0" is expected',
    ],
    [
      "dn: a=b\nchangetype: modrdn\nnewrdn: a=c\ndeleteoldrdn: yes\n",
      '4: behind newrdn "deleteoldrdn: 1" or "deleteoldrdn: 0" is expected',
    ],
    [
      "dn: a=b\nchangetype: modrdn\nnewrdn: a=c\ndeleteoldrdn: 1\ncn: x\n",
      '5: "newsuperior:" or a blank line is expected here, not "cn"',
    ],
    [
      "dn: a=b\nchangetype: modrdn\nnewrdn: a=c\ndeleteoldrdn: 1\nnewsuperior: x\ncn: x\n",
      "6: behind newsuperior a blank line is expected",
    ],
    ["dn: a=b\nchangetype: modify\ncn: x\n", '3: "cn" is no change: add, delete, replace, increment is expected'],
    ["dn: a=b\nchangetype: modify\nadd: c n\n", '3: "c n" is not the name of an attribute'],
    [
      "dn: a=b\nchangetype: modify\nadd: cn\nsn: x\n",
      '4: "sn" stands among the values of cn: a line with "-" is expected before the next change',
    ],
    [
      "dn: a=b\ncontrol: 1.2.3 maybe\nchangetype: delete\n",
      '3: "changetype:" is expected right behind dn and its controls',
    ],
    ["dn: a=b\ncontrol: 1.2.3 true\ncn: x\n", '3: behind a control "changetype:" is expected'],
    ["dn: a=b\ncontrol: 1.2.3 true\n", '2: behind a control "changetype:" is expected'],
    [
      "dn: a=b\ncontrol: 1.2.3 true x\nchangetype: delete\n",
      '2: a control is written "control: OID true: value" or "control: OID false:: base64"',
    ],
  ])("%j", async (text, expected) => {
    expect(await faults(text)).toEqual([expected]);
  });

  test("and reading goes on behind it", async () => {
    const records = await read(`cn: a\nsn\n\n${entry}\ndn: cn=b\ncn:: *\nsn: x\n\n\n${entry}`);
    expect(records.map(({ kind, line }) => [kind, line])).toEqual([
      ["fault", 1],
      ["content", 4],
      ["fault", 9],
      ["content", 13],
    ]);
  });

  test("as an error it names file and line", () => {
    const error = new LdifError("is wrong", { file: "people.ldif", line: 12 });
    expect([error.message, error.line, error.file, error.sentence]).toEqual([
      "people.ldif:12: is wrong",
      12,
      "people.ldif",
      "is wrong",
    ]);
    expect(new LdifError("is wrong", { line: 3 }).message).toBe("line 3: is wrong");
  });
});

describe("a record that is too large", () => {
  const large = `dn: cn=l\ncn: l\n${"description: 0123456789\n".repeat(100)}`;

  test.each([1, 7, 100, 100_000])("is a fault, and reading goes on behind it (in pieces of %d)", async (size) => {
    const text = Buffer.from(`${entry}\n${large}\n${entry}`);
    const parts = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
      text.subarray(n * size, (n + 1) * size),
    );
    const records = shown(await read(parts, { entryBytes: 500 }));
    expect(records).toEqual([
      content(1),
      { kind: "fault", line: 5, message: "the record is larger than 500 bytes" },
      content(108),
    ]);
  });

  test("is not kept: a line without end takes no memory", async () => {
    const piece = Buffer.alloc(1024 * 1024, "x");
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const endless = (function* () {
      yield "dn: cn=x\ndescription: ";
      for (let n = 0; n < 300; n++) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield piece;
      }
      yield `\n\n${entry}`;
    })();
    const records = shown(await read(endless, { entryBytes: 1024 * 1024 }));
    expect(records).toEqual([
      { kind: "fault", line: 1, message: "the record is larger than 1048576 bytes" },
      content(4),
    ]);
    // Far less than the 300 MiB that went by; how much is collected, and when, is up to the engine.
    expect(most).toBeLessThan(160 * 1024 * 1024);
  });
});

test("it does not matter in which pieces the bytes come", async () => {
  const text = Buffer.from(
    [`\ufeff${example1}`, example2, example4, example6.replaceAll("\n", "\r\n"), "cn: fault\n", example7].join("\n"),
  );
  const whole = shown(await read(text));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 12 }), async (cuts) => {
      const sorted = [0, ...cuts.sort((one, other) => one - other), text.length];
      const parts = sorted.slice(1).map((end, n) => Buffer.from(text.subarray(sorted[n], end)));
      expect(shown(await read(parts))).toEqual(whole);
    }),
  );
  expect(shown(await read(Array.from(text, (byte) => Buffer.from([byte]))))).toEqual(whole);
});

test("whatever the bytes are, they are records or faults", async () => {
  const token = fc.constantFrom(
    "dn: cn=a\n",
    "cn: ",
    "cn:: ",
    "\n",
    "\r\n",
    " ",
    "#",
    "-\n",
    "changetype: ",
    "modify\n",
    "add: cn\n",
    ":",
    "YQ==",
    "control: 1.2 true",
    "version: 1\n",
    "delete\n",
    "\0",
    "é",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.array(token).map((parts) => parts.join("")),
        fc.uint8Array({ maxLength: 200 }),
      ),
      async (bytes) => {
        for (const record of await read(Buffer.from(bytes as Uint8Array))) expect(record.line).toBeGreaterThan(0);
      },
    ),
    { numRuns: 500 },
  );
});

test("100,000 entries of 500 bytes are read in a few seconds at most", async () => {
  const one = `dn: uid=user0,ou=people,dc=example,dc=com\nobjectClass: top\nobjectClass: person\nobjectClass: organizationalPerson\nobjectClass: inetOrgPerson\nuid: user0\ncn: User Zero\nsn: Zero\ngivenName: User\nmail: user0@example.com\ntelephoneNumber: +1 408 555 1212\ndepartmentNumber: sales\nemployeeNumber: 12345\ndescription: ${"x".repeat(100)}\n\n`;
  const chunk = Buffer.from(one.repeat(128));
  let entries = 0;
  const start = performance.now();
  for await (const batch of readLdif(pieces(Array(782).fill(chunk)))) entries += batch.length;
  expect(entries).toBe(782 * 128);
  expect(performance.now() - start).toBeLessThan(5000); // about 0.5 s on a quiet machine
});
