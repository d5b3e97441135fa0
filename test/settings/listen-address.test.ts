import { isAbsolute } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseListenAddress } from "../../src/settings/listen-address.js";
import { formatProblem, SettingError } from "../../src/settings/problem.js";
import { readServerSettings } from "../../src/settings/server-settings.js";

const folder = "/etc/gatehouse";

function problems(...listen: readonly string[]): string[] {
  const list = listen.map((text) => `  - ${JSON.stringify(text)}\n`).join("");
  const source = `suffix: dc=example,dc=com\nstore: { path: ../data }\ntls: { certificate: a, key: b }\nlisten:\n${list}`;
  const found = readServerSettings(source, { file: "server.yaml", folder });
  return "problems" in found ? found.problems.map(formatProblem) : [];
}

test.each([
  ["ldap://127.0.0.1:3890", "ldap", "127.0.0.1", 3890],
  ["ldap://[::1]:3890", "ldap", "::1", 3890],
  ["ldap://0.0.0.0:0", "ldap", "0.0.0.0", 0],
  ["ldap://localhost", "ldap", "localhost", 389],
  ["LDAP://ldap.example.com:3890/", "ldap", "ldap.example.com", 3890],
  ["ldap://[::ffff:192.0.2.1]", "ldap", "::ffff:192.0.2.1", 389],
  ["ldaps://0.0.0.0:6360", "ldaps", "0.0.0.0", 6360],
  ["ldaps://[::]", "ldaps", "::", 636],
  ["LDAPS://ldap.example.com/", "ldaps", "ldap.example.com", 636],
])("%s is an address to listen on", (text, scheme, host, port) => {
  expect(parseListenAddress(text, folder)).toEqual({ scheme, host, port, text });
});

test.each([
  ["ldapi:///run/gatehouse.sock", "/run/gatehouse.sock"],
  ["ldapi://%2Frun%2Fgatehouse.sock", "/run/gatehouse.sock"],
  ["ldapi://%2frun%2fgatehouse.sock/", "/run/gatehouse.sock"],
  ["LDAPI:///run/gatehouse.sock", "/run/gatehouse.sock"],
  ["ldapi://gatehouse.sock", "/etc/gatehouse/gatehouse.sock"],
  ["ldapi://../data/ldapi", "/etc/data/ldapi"],
  ["ldapi://..%2Fdata%2Fldapi/", "/etc/data/ldapi"],
  ["ldapi:///run/a%20b%25c%C3%A4%3F", "/run/a b%cä?"],
  ["ldapi:///run/größe", "/run/größe"],
  ["ldapi:///run//gatehouse/../ldapi", "/run/ldapi"],
  ["ldapi://..sock", "/etc/gatehouse/..sock"],
  [`ldapi:///${"s".repeat(106)}`, `/${"s".repeat(106)}`],
])("%s is the path of a socket", (text, path) => {
  expect(parseListenAddress(text, folder)).toEqual({ scheme: "ldapi", path, text });
});

describe("what is no address is told at its place, with what would be one", () => {
  const any = "write ldap://HOST:PORT, ldaps://HOST:PORT or ldapi://PATH, such as ldap://127.0.0.1:3890";
  const plain = "write ldap://HOST:PORT, such as ldap://127.0.0.1:3890 or ldap://[::1]:3890";
  const secure = "write ldaps://HOST:PORT, such as ldaps://127.0.0.1:6360 or ldaps://[::1]:6360";

  test.each([
    ["127.0.0.1:3890", any],
    ["http://x", any],
    ["ldap:127.0.0.1", any],
    ["ldapi:/run/gatehouse.sock", any],
    [" ldap://x", any],
    ["ldap://127.0.0.1:99999", plain],
    ["ldap://::1:389", plain],
    ["ldap://u@x:1", plain],
    ["ldap://x:1/dc=a", plain],
    ["ldap://", plain],
    ["ldap://x\n", plain],
    ["ldap://[x]:389", plain],
    ["ldap://[127.0.0.1]:389", plain],
    ["ldap://[1::2::3]", plain],
    ["ldap://[::1", plain],
    ["ldap://256.0.0.1", plain],
    ["ldap://10.0.0:389", plain],
    ["ldaps://", secure],
    ["ldaps://x:65536", secure],
    ["LdapS://x y", secure],
  ])("%j", (text, remedy) => {
    const quoted = JSON.stringify(text);
    expect(problems(text)).toEqual([`server.yaml:5:5  listen[0]: ${quoted} is not an address to listen on: ${remedy}`]);
  });

  const folderSentence = "names a folder and no socket in it";
  const encoding = 'holds a "%" that encodes no character (a "%" itself is "%25")';
  test.each([
    ["ldapi://", "has no path"],
    ["ldapi:///", folderSentence],
    ["ldapi://%2F/", folderSentence],
    ["ldapi:///run/gatehouse/", folderSentence],
    ["ldapi://%2Frun%2F/", folderSentence],
    ["ldapi://..", folderSentence],
    ["ldapi:///run/.", folderSentence],
    ["ldapi:///run/100%", encoding],
    ["ldapi:///run/%zz", encoding],
    ["ldapi:///run/%ff", encoding],
    ["ldapi://%", encoding],
    ["ldapi:///run/a%00b", "holds a control character"],
    ["ldapi://%00gatehouse", "holds a control character"],
    ["ldapi:///run/a\tb", "holds a control character"],
    ["ldapi:///run/a%0Ab", "holds a control character"],
    ["ldapi:///run/a%C2%9Bb", "holds a control character"],
    ["ldapi://%2Frun%2Fldapi/????x-mod=0777", 'holds a "?", and extensions are not known here'],
    [`ldapi:///${"s".repeat(107)}`, "is a path of 108 bytes, and that of a socket has at most 107"],
    [`ldapi:///${"ä".repeat(54)}`, "is a path of 109 bytes, and that of a socket has at most 107"],
    [`ldapi://${"s".repeat(93)}`, "is a path of 108 bytes, and that of a socket has at most 107"],
  ])("%j", (text, fault) => {
    expect(problems(text)).toEqual([
      expect.stringMatching(/: write (?:ldapi:\/\/PATH|a shorter one), such as ldapi:\/\/\/run\/gatehouse\/ldapi/),
    ]);
    expect(problems(text)[0]).toContain(`server.yaml:5:5  listen[0]: ${JSON.stringify(text)} ${fault}: write `);
  });
});

test("any text is an address that can be listened on, or is refused with a sentence", () => {
  const scheme = fc.constantFrom("ldap://", "ldaps://", "ldapi://", "");
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("%2F", "/", "..", "%", ":", "[::1]", "389", "\0"),
  );
  const rest = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(scheme, rest, (scheme, rest) => {
      try {
        const address = parseListenAddress(scheme + rest, folder);
        if (address.scheme === "ldapi") {
          expect(isAbsolute(address.path) && !/[\0-\x1f]/.test(address.path)).toBe(true);
          expect(Buffer.byteLength(address.path)).toBeLessThan(108);
        } else expect(address.host !== "" && address.port >= 0 && address.port < 65_536).toBe(true);
      } catch (error) {
        if (!(error instanceof SettingError)) throw error;
        expect(error.message).toMatch(/: write ldap|: write a shorter one/);
      }
    }),
  );
});

describe("an address stands in the list once", () => {
  test.each([
    ["ldap://127.0.0.1:389", "ldap://127.0.0.1"],
    ["ldap://[::1]:389", "ldap://[0:0::1]"],
    ["ldap://127.0.0.1", "ldap://[::ffff:127.0.0.1]"],
    ["ldaps://ldap.example.com", "ldaps://LDAP.example.com:636/"],
    ["ldapi:///etc/gatehouse/ldapi", "ldapi://ldapi"],
    ["ldapi://%2Frun%2Fldapi", "ldapi:///run/./ldapi"],
  ])("%s and %s are the same", (one, other) => {
    expect(problems("ldap://10.0.0.1", one, other)).toEqual([
      `server.yaml:7:5  listen[2]: "${other}" means the same address as "${one}" in line 6: keep one of the two`,
    ]);
  });

  test("two schemes cannot share a port", () => {
    expect(problems("ldap://127.0.0.1:6360", "ldaps://127.0.0.1:6360")).toEqual([
      'server.yaml:6:5  listen[1]: "ldaps://127.0.0.1:6360" means the same address as "ldap://127.0.0.1:6360" in line 5: give one of them another port',
    ]);
  });

  test("each further one is told, whatever else is wrong", () => {
    expect(problems("ldap://x", "ldap://", "ldap://x", "ldap://X")).toEqual([
      expect.stringMatching(/^server.yaml:6:5 {2}listen\[1\]: "ldap:\/\/" is not an address/),
      'server.yaml:7:5  listen[2]: "ldap://x" means the same address as "ldap://x" in line 5: keep one of the two',
      'server.yaml:8:5  listen[3]: "ldap://X" means the same address as "ldap://x" in line 5: keep one of the two',
    ]);
  });

  test("any free port can be asked for twice, and other ports, hosts and paths are others", () => {
    expect(problems("ldap://127.0.0.1:0", "ldap://127.0.0.1:0", "ldaps://127.0.0.1:0")).toEqual([]);
    expect(problems("ldap://127.0.0.1", "ldaps://127.0.0.1", "ldap://127.0.0.2", "ldap://[::1]")).toEqual([]);
    expect(problems("ldapi://a", "ldapi://A", "ldapi:///a")).toEqual([]);
  });
});
