import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Dn } from "../../src/model/dn.js";
import type { Filter } from "../../src/model/filter.js";
import { defaultLimits, type Limits } from "../../src/model/limits.js";
import { type Request, scopes } from "../../src/model/message.js";
import { type Decoded, DecodeError, decodeMessage } from "../../src/wire/decode.js";
import * as send from "../support/raw-client.js";
import { fuzzSeed, mutationsOf, samples } from "./hostile-bytes.js";

function decode(bytes: Buffer, limits: Partial<Limits> = {}): Decoded {
  return decodeMessage(bytes, { ...defaultLimits, ...limits });
}

function requestOf(bytes: Buffer, limits?: Partial<Limits>): Request {
  const decoded = decode(bytes, limits);
  if (decoded.kind === "rejected") throw new Error(`rejected: ${decoded.rejected.message}`);
  return decoded.request;
}

function rejected(bytes: Buffer, limits?: Partial<Limits>) {
  const decoded = decode(bytes, limits);
  if (decoded.kind === "request") throw new Error("it was taken");
  return decoded.rejected;
}

function filterOf(filter: send.Part, limits?: Partial<Limits>): Filter {
  const request = requestOf(send.search(1, { filter }), limits);
  if (request.operation !== "search") throw new Error("not a search");
  return request.filter;
}

/** Whatever bytes there can be, and text with what is easily broken: 4-byte UTF-8, NUL, filter and DN characters. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  fc
    .constantFrom("", "a*b", "(x)", "C:\\x", "a\\2ab", "a:=b", "x)(objectClass=*", "\u{1F600}", "\0", "J\u00f6rg")
    .map(Buffer.from),
);
const name = fc.constantFrom("cn", "2.5.4.3", "cn;lang-en", "userCertificate;binary", "_x", "", "\u{1F600}");

describe("what was sent is what is decoded", () => {
  test("a simple bind, its password as bytes", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 0x7fffffff }), (password, id) => {
        const request = requestOf(send.bind(id, "cn=wiki,dc=example,dc=com", password));
        if (request.operation !== "bind" || request.credentials.method !== "simple")
          throw new Error("not a simple bind");
        expect(request.id).toBe(id);
        expect(request.version).toBe(3);
        expect(request.dn.toString()).toBe("cn=wiki,dc=example,dc=com");
        expect(request.credentials.password.reveal()).toEqual(password);
      }),
    );
  });

  test("a SASL bind, with credentials and without", () => {
    const request = requestOf(send.saslBind(1, "PLAIN", Buffer.of(0, 0xff)));
    expect(request).toMatchObject({ credentials: { method: "sasl", mechanism: "PLAIN" } });
    expect(requestOf(send.saslBind(1, "EXTERNAL"))).toMatchObject({ credentials: { credentials: undefined } });
  });

  test("a search", () => {
    fc.assert(
      fc.property(
        fc.nat(3),
        fc.nat(3),
        fc.nat(0x7fffffff),
        fc.nat(0x7fffffff),
        fc.boolean(),
        fc.array(name),
        (scope, aliases, sizeLimit, timeLimit, typesOnly, attributes) => {
          const sent = {
            base: "ou=people,dc=example,dc=com",
            scope,
            aliases,
            sizeLimit,
            timeLimit,
            typesOnly,
            attributes,
          };
          const { base, filter, ...request } = requestOf(send.search(7, sent)) as Extract<
            Request,
            { operation: "search" }
          >;
          expect(base.toString()).toBe(sent.base);
          expect(filter).toEqual({ kind: "present", attribute: "objectClass" });
          expect(request).toEqual({
            operation: "search",
            id: 7,
            controls: [],
            scope: scopes[scope],
            sizeLimit,
            timeLimit,
            typesOnly,
            attributes,
          });
        },
      ),
    );
  });

  test("a filter of any shape", () => {
    interface Both {
      readonly part: send.Part;
      readonly filter: Filter;
    }
    const assertions = [
      ["equality", send.equality],
      ["greaterOrEqual", send.greaterOrEqual],
      ["lessOrEqual", send.lessOrEqual],
      ["approx", send.approx],
    ] as const;
    const { filter } = fc.letrec<{ filter: Both; leaf: Both; set: Both }>((tie) => ({
      filter: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("leaf"), tie("set")),
      leaf: fc.oneof(
        name.map((attribute): Both => ({ part: send.present(attribute), filter: { kind: "present", attribute } })),
        fc.tuple(fc.nat(3), name, bytes).map(([n, attribute, value]): Both => {
          const [kind, part] = assertions[n]!;
          return { part: part(attribute, value), filter: { kind, attribute, value } };
        }),
        fc
          .tuple(
            name,
            fc.option(bytes, { nil: undefined }),
            fc.array(bytes, { minLength: 1 }),
            fc.option(bytes, { nil: undefined }),
          )
          .map(
            ([attribute, initial, any, final]): Both => ({
              part: send.substrings(
                attribute,
                ...(initial ? [{ initial }] : []),
                ...any.map((one) => ({ any: one })),
                ...(final ? [{ final }] : []),
              ),
              filter: { kind: "substrings", attribute, initial, any, final },
            }),
          ),
        fc.tuple(fc.constantFrom("1.2.3", undefined), bytes, fc.boolean()).map(
          ([rule, value, dnAttributes]): Both => ({
            part: send.extensible({ ...(rule === undefined ? {} : { rule }), attribute: "cn", value, dnAttributes }),
            filter: { kind: "extensible", rule, attribute: "cn", value, dnAttributes },
          }),
        ),
      ),
      set: fc.oneof(
        tie("filter").map(
          (inner): Both => ({ part: send.not(inner.part), filter: { kind: "not", filter: inner.filter } }),
        ),
        fc.tuple(fc.boolean(), fc.array(tie("filter"), { maxLength: 4 })).map(
          ([isAnd, inner]): Both => ({
            part: (isAnd ? send.and : send.or)(...inner.map(({ part }) => part)),
            filter: { kind: isAnd ? "and" : "or", filters: inner.map((one) => one.filter) },
          }),
        ),
      ),
    }));
    fc.assert(
      fc.property(filter, ({ part, filter }) => {
        expect(filterOf(part)).toEqual(filter);
      }),
    );
  });

  test("the values of an add, a modify and a compare, byte for byte", () => {
    const attribute = fc.record({ type: name, values: fc.array(bytes) });
    fc.assert(
      fc.property(fc.array(attribute), fc.array(fc.nat(3)), bytes, (attributes, kinds, value) => {
        const dn = "uid=ann,dc=example,dc=com";
        expect(requestOf(send.add(1, dn, attributes))).toMatchObject({ operation: "add", attributes });
        const modifications = ["add", "delete", "replace", "increment"] as const;
        const changes = attributes.map((one, n) => ({ ...one, modification: kinds[n] ?? 0 }));
        expect(requestOf(send.modify(1, dn, changes))).toMatchObject({
          operation: "modify",
          changes: changes.map((change) => ({ ...change, modification: modifications[change.modification] })),
        });
        expect(requestOf(send.compare(1, dn, "cn", value))).toMatchObject({ operation: "compare", type: "cn", value });
      }),
    );
  });

  test("modify DN, delete, abandon, unbind and extended", () => {
    const dn = "uid=ann,dc=example,dc=com";
    const moved = requestOf(send.modifyDn(1, dn, { newRdn: "uid=b", deleteOldRdn: false, newSuperior: "" }));
    if (moved.operation !== "modifyDn") throw new Error("not a modify DN");
    expect(moved.deleteOldRdn).toBe(false);
    expect(moved.newSuperior?.isRoot).toBe(true);
    expect(requestOf(send.modifyDn(1, dn, { newRdn: "uid=b" }))).toMatchObject({ newSuperior: undefined });
    expect(requestOf(send.remove(1, dn))).toMatchObject({ operation: "delete" });
    expect(requestOf(send.abandon(2, 1))).toMatchObject({ operation: "abandon", target: 1 });
    expect(requestOf(send.unbind(3))).toMatchObject({ operation: "unbind" });
    expect(requestOf(send.extended(4, "1.2.3", Buffer.of(0xff, 0)))).toMatchObject({
      operation: "extended",
      oid: "1.2.3",
      value: Buffer.of(0xff, 0),
    });
    expect(requestOf(send.extended(4, "1.2.3"))).toMatchObject({ value: undefined });
  });

  test("controls, their values as bytes", () => {
    const controls = [
      { oid: "1.2.3" },
      { oid: "1.2.4", critical: true },
      { oid: "1.2.5", critical: false, value: Buffer.of(0xff, 0, 0x80) },
    ];
    expect(requestOf(send.whoAmI(1, controls)).controls).toEqual([
      { oid: "1.2.3", critical: false, value: undefined },
      { oid: "1.2.4", critical: true, value: undefined },
      { oid: "1.2.5", critical: false, value: Buffer.of(0xff, 0, 0x80) },
    ]);
    expect(requestOf(send.whoAmI(1, [])).controls).toEqual([]);
  });
});

describe("a name is held against its syntax and length", () => {
  test.each(["cn=a,,dc=x", "cn=a+", "=a", "cn", "cn=\\zz", Buffer.of(0x63, 0x6e, 0x3d, 0xff)])("%s is 34", (dn) => {
    expect(rejected(send.search(1, { base: dn }))).toMatchObject({
      id: 1,
      operation: "search",
      code: "invalidDNSyntax",
    });
    expect(rejected(send.bind(2, dn, "x"))).toMatchObject({ id: 2, operation: "bind", code: "invalidDNSyntax" });
  });

  test("a name of the greatest length is taken, and a byte more is not", () => {
    const name = (length: number) => `cn=${"a".repeat(length - 3)}`;
    expect(requestOf(send.remove(1, name(8192)))).toMatchObject({ dn: Dn.parse(name(8192)) });
    expect(rejected(send.remove(1, name(8193)))).toMatchObject({ code: "invalidDNSyntax" });
    expect(rejected(send.modifyDn(1, "cn=a", { newRdn: name(8193) }))).toMatchObject({ code: "invalidDNSyntax" });
  });
});

describe("a filter has bounds", () => {
  test.each(["and", "or", "not"] as const)("%s nested to the greatest depth is taken, deeper is not", (kind) => {
    for (const levels of [63, 64]) filterOf(send.nested(kind, levels));
    for (const levels of [65, 10_000]) {
      const refusal = rejected(send.search(1, { filter: send.nested(kind, levels) }));
      expect(refusal).toMatchObject({ operation: "search", code: "protocolError" });
    }
  });

  test("so many parts are taken, and one more is not", () => {
    const parts = (count: number) => send.or(...Array.from({ length: count - 1 }, () => send.present("cn")));
    filterOf(parts(4096));
    expect(rejected(send.search(1, { filter: parts(4097) })).code).toBe("protocolError");
  });

  test("every substring is a part", () => {
    const parts = (count: number) => send.substrings("cn", ...Array.from({ length: count }, () => ({ any: "a" })));
    filterOf(parts(9), { filterNodes: 10 });
    expect(rejected(send.search(1, { filter: parts(10) }), { filterNodes: 10 }).code).toBe("protocolError");
  });

  test.each([
    ["a substring filter without substrings", send.substrings("cn")],
    ["an initial part that is not first", send.substrings("cn", { any: "a" }, { initial: "b" })],
    ["two initial parts", send.substrings("cn", { initial: "a" }, { initial: "b" })],
    ["a part behind the final one", send.substrings("cn", { final: "a" }, { any: "b" })],
    ["two final parts", send.substrings("cn", { final: "a" }, { final: "b" })],
    ["an extensible filter of nothing but a value", send.extensible({ value: "a" })],
    ["a not of nothing", (writer) => writer.header(0xa2, 0)],
    ["an unknown kind of filter", (writer) => writer.octets(Buffer.alloc(0), 0xaa)],
  ] as const satisfies readonly (readonly [string, send.Part])[])("%s is a protocolError", (_, filter) => {
    expect(rejected(send.search(1, { filter })).code).toBe("protocolError");
  });

  test("a not of two is a protocolError", () => {
    const two: send.Part = (writer) => {
      writer.open(0xa2);
      send.present("a")(writer);
      send.present("b")(writer);
      writer.close();
    };
    expect(rejected(send.search(1, { filter: two })).code).toBe("protocolError");
  });
});

describe("counts have bounds", () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => `a${n}`);

  test("attributes asked for", () => {
    requestOf(send.search(1, { attributes: many(4096) }));
    expect(rejected(send.search(1, { attributes: many(4097) })).code).toBe("protocolError");
  });

  test("attributes of an add and changes of a modify", () => {
    const attributes = many(5).map((type) => ({ type, values: ["a"], modification: 0 }));
    requestOf(send.add(1, "cn=a", attributes), { requestAttributes: 5 });
    requestOf(send.modify(1, "cn=a", attributes), { requestAttributes: 5 });
    expect(rejected(send.add(1, "cn=a", attributes), { requestAttributes: 4 }).code).toBe("protocolError");
    expect(rejected(send.modify(1, "cn=a", attributes), { requestAttributes: 4 }).code).toBe("protocolError");
  });

  test("values of one request, however small they are", () => {
    const values = Array.from({ length: 200 }, () => "");
    const limits = { requestValues: 100 };
    expect(rejected(send.add(1, "cn=a", [{ type: "cn", values }]), limits).code).toBe("protocolError");
    const spread = many(4).map((type) => ({ type, values: values.slice(0, 50), modification: 0 }));
    expect(rejected(send.modify(1, "cn=a", spread), limits).code).toBe("protocolError");
    requestOf(send.modify(1, "cn=a", spread.slice(0, 2)), limits);
  });

  test("controls", () => {
    const controls = many(33).map((oid) => ({ oid }));
    requestOf(send.whoAmI(1, controls.slice(1)));
    expect(rejected(send.whoAmI(1, controls)).code).toBe("protocolError");
  });
});

describe("numbers are what the protocol allows", () => {
  test.each([
    ["a scope of 4", send.search(1, { scope: 4 })],
    ["a scope of -1", send.search(1, { scope: -1 })],
    ["a dereferencing of 4", send.search(1, { aliases: 4 })],
    ["a size limit of -1", send.search(1, { sizeLimit: -1 })],
    ["a time limit of -1", send.search(1, { timeLimit: -1 })],
    ["a size limit of 2^31", send.search(1, { sizeLimit: 2 ** 31 })],
    ["a modification of 4", send.modify(1, "cn=a", [{ modification: 4, type: "cn", values: [] }])],
  ])("%s is a protocolError", (_, bytes) => expect(rejected(bytes).code).toBe("protocolError"));

  test.each([0, -1, -(2 ** 31), 2 ** 31, 2 ** 33])("a message ID of %d cannot be answered", (id) => {
    expect(() => decode(send.whoAmI(id))).toThrow(DecodeError);
  });
});

describe("what is not a request cannot be answered", () => {
  const responses = [0x61, 0x64, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, 0x78, 0x79];
  test.each([...responses, 0x00, 0x7f, 0x1f, 0xff])("the tag %d", (tag) => {
    const bytes = send.message(1, (writer) => writer.octets(Buffer.alloc(3), tag));
    expect(() => decode(bytes)).toThrow(DecodeError);
  });

  test.each(["3000", "3003020101", "30020200", "300502010160", "30050204000000"])("the bytes %s", (hex) => {
    expect(() => decode(Buffer.from(hex, "hex"))).toThrow(DecodeError);
  });

  test("bytes behind the message", () => {
    expect(() => decode(Buffer.concat([send.whoAmI(1), Buffer.of(0)]))).toThrow(DecodeError);
  });
});

describe("bytes too many are refused with the operation's own result", () => {
  test.each(samples)("behind the controls of $operation", ({ operation, bytes }) => {
    const more = send.ber((writer) => {
      writer.open(0x30);
      writer.raw(bytes.subarray(bytes[1]! < 0x80 ? 2 : 2 + (bytes[1]! & 0x7f)));
      writer.raw(Buffer.of(0x04, 0x00));
      writer.close();
    });
    expect(rejected(more)).toMatchObject({ operation, code: "protocolError" });
  });

  test("a stray byte among the controls, and a wrapper longer than the message", () => {
    const stray = send.message(1, (writer) => {
      writer.header(0x42, 0);
      writer.octets(Buffer.of(0x30), 0xa0);
    });
    expect(rejected(stray)).toMatchObject({ operation: "unbind", code: "protocolError" });
    const overlong = send.message(1, (writer) => {
      writer.header(0x42, 0);
      writer.header(0xa0, 5);
    });
    expect(rejected(overlong)).toMatchObject({ operation: "unbind", code: "protocolError" });
  });
});

describe("no bytes harm the decoder", () => {
  /** A request, a rejection or a DecodeError, and soon. */
  function survives(bytes: Buffer): void {
    const began = performance.now();
    try {
      const { kind } = decodeMessage(bytes, defaultLimits);
      expect(["request", "rejected"]).toContain(kind);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw new Error(`on ${bytes.toString("hex")}`, { cause: error });
    }
    if (performance.now() - began > 200) throw new Error(`${bytes.toString("hex")} took too long`);
  }

  test.each(samples)("$operation with one byte changed, wherever it is", ({ bytes }) => {
    for (const changed of mutationsOf(bytes)) survives(changed);
  });

  test.each(samples)("$operation cut off anywhere, with its length made to fit", ({ bytes }) => {
    const content = bytes.subarray(bytes[1]! < 0x80 ? 2 : 2 + (bytes[1]! & 0x7f));
    for (let end = 0; end <= content.length; end++) {
      survives(send.ber((writer) => writer.octets(content.subarray(0, end), 0x30)));
      survives(bytes.subarray(0, end));
    }
  });

  test("arbitrary bytes in a message's envelope", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) =>
        survives(send.ber((writer) => writer.octets(content, 0x30))),
      ),
      { seed: fuzzSeed, numRuns: 2000 },
    );
  });
});
