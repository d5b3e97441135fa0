import { describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/model/limits.js";
import { formatProblem } from "../../src/settings/problem.js";
import { readServerSettings } from "../../src/settings/server-settings.js";

const least = "suffix: dc=example,dc=com\nlisten: [ldap://127.0.0.1:3890]\nstore: { path: ../data }\n";

function read(source: string) {
  return readServerSettings(source, { file: "server.yaml", folder: "/etc/gatehouse" });
}

function settings(source: string) {
  const found = read(source);
  if ("problems" in found) throw new Error(found.problems.map(formatProblem).join("\n"));
  return found.server;
}

function problems(source: string): string[] {
  const found = read(source);
  return "problems" in found ? found.problems.map(formatProblem) : [];
}

test("three keys are enough, and the rest has defaults", () => {
  const found = settings(least);
  expect(found.suffix.toString()).toBe("dc=example,dc=com");
  expect(found.listen).toEqual([{ scheme: "ldap", host: "127.0.0.1", port: 3890, text: "ldap://127.0.0.1:3890" }]);
  expect(found.storePath).toBe("/etc/data");
  expect(found.limits).toEqual(defaultLimits);
  expect(found.passwords).toEqual({ scheme: "bcrypt", cost: 10 });
  expect(found.log).toEqual({ level: "info", auditBytes: 64 * 1024 * 1024, auditFiles: 10 });
  expect(found.seed).toBeUndefined();
});

test("every key is read, with units", () => {
  const found = settings(`${least}
seed: seed.ldif
passwords: { cost: 12 }
limits: { messageBytes: 8MiB, timeLimit: 0, idleTime: 24h, connections: 5 }
log: { level: debug, audit: /var/log/audit.log, auditBytes: 1MiB, auditFiles: 3, syslog: "tcp://logs.example.com" }
`);
  expect(found).toMatchObject({
    seed: "/etc/gatehouse/seed.ldif",
    passwords: { scheme: "bcrypt", cost: 12 },
    limits: { ...defaultLimits, messageBytes: 8 * 1024 * 1024, timeLimit: 0, idleTime: 86_400_000, connections: 5 },
    log: {
      level: "debug",
      audit: "/var/log/audit.log",
      auditBytes: 1024 * 1024,
      auditFiles: 3,
      syslog: { protocol: "tcp", host: "logs.example.com", port: 514 },
    },
  });
});

test("a section whose lines are all commented out is at its defaults", () => {
  expect(settings(`${least}limits:\n  # messageBytes: 1MiB\nlog:\npasswords:\n`).limits).toEqual(defaultLimits);
});

describe("a key that is promised for later is refused, never passed over", () => {
  test.each([
    ["metrics: http://127.0.0.1:9389/metrics", "metrics"],
    ["passwords: { minLength: 8 }", "passwords.minLength"],
    ["passwords: { history: 5 }", "passwords.history"],
    ["passwords: { lockout: { failures: 5 } }", "passwords.lockout"],
    ["passwords: { remember: 5m }", "passwords.remember"],
  ])("%s", (line, path) => {
    expect(problems(least + line)).toEqual([
      expect.stringMatching(new RegExp(`^server.yaml:4:\\d+ {2}${path}: is not available in this version$`)),
    ]);
  });
});

describe("TLS", () => {
  test("has two files, relative to the folder, and is not required where nothing else is said", () => {
    const found = settings(`${least}tls: { certificate: tls/server.crt, key: /etc/ssl/server.key }\n`);
    const certificate = "/etc/gatehouse/tls/server.crt";
    expect(found.tls).toEqual({ certificate, key: "/etc/ssl/server.key", required: false });
    expect(Object.isFrozen(found.tls)).toBe(true);
  });

  test("may be required, and ask clients for certificates", () => {
    const found = settings(`${least}tls: { certificate: a, key: b, required: true, clientCA: ../clients.crt }\n`);
    expect(found.tls).toMatchObject({ required: true, clientCA: "/etc/clients.crt" });
  });

  test("is off without its key", () => {
    expect(settings(least)).not.toHaveProperty("tls");
  });

  test.each([
    ["tls: { key: b }", '4:6  tls: the key "certificate" is missing: a text with a path is expected'],
    ["tls:", "4:1  tls: is empty: a map with the keys certificate, key, required, clientCA is expected"],
    [
      "tls: { certificate: a, key: [b], required: yes, clientCa: c }",
      "4:29  tls.key: is a list: a text with a path is expected",
      "4:44  tls.required: is a text: true or false is expected",
      '4:49  tls: unknown key "clientCa" (did you mean "clientCA"?)',
    ],
  ])("%s is wrong", (line, ...expected) => {
    expect(problems(`${least}${line}\n`)).toEqual(expected.map((sentence) => `server.yaml:${sentence}`));
  });

  test("is needed by ldaps://, each of which is told apart from other faults", () => {
    expect(
      problems(`suffix: ""
listen:
  - ldap://127.0.0.1:3890
  - ldaps://127.0.0.1:6360
  - LDAPS://[::1]
  - ldaps://nowhere:x
store: { path: ../data }
`),
    ).toEqual([
      "server.yaml:1:9  suffix: is empty: a distinguished name, such as dc=example,dc=com, is expected",
      'server.yaml:4:5  listen[1]: "ldaps://127.0.0.1:6360" needs a certificate: add the key tls: { certificate: FILE, key: FILE }',
      'server.yaml:5:5  listen[2]: "LDAPS://[::1]" needs a certificate: add the key tls: { certificate: FILE, key: FILE }',
      'server.yaml:6:5  listen[3]: "ldaps://nowhere:x" is not an address to listen on: write ldaps://HOST:PORT, such as ldaps://127.0.0.1:6360 or ldaps://[::1]:6360',
    ]);
  });

  test("that is there and wrong is not missing", () => {
    expect(problems(`${least.replace("ldap:", "ldaps:")}tls: { certificate: a }\n`)).toEqual([
      'server.yaml:4:6  tls: the key "key" is missing: a text with a path is expected',
    ]);
  });
});

describe("the PROXY protocol", () => {
  test("is believed from addresses and ranges", () => {
    const found = settings(`${least}proxyProtocol: { trusted: [10.0.0.5, 10.1.2.3/16, "2001:db8::/32"] }\n`);
    expect(found.proxyProtocol?.trusted.map(String)).toEqual(["10.0.0.5", "10.1.0.0/16", "2001:db8::/32"]);
    expect(found.proxyProtocol?.trusted[1]?.contains("::ffff:10.1.9.9")).toBe(true);
  });

  test("is off without its key", () => {
    expect(settings(least)).not.toHaveProperty("proxyProtocol");
  });

  test.each([
    [
      "proxyProtocol: { trusted: [] }",
      '4:27  proxyProtocol.trusted: is an empty list: at least one item, an address such as "192.0.2.10" or "198.51.100.0/24", is expected',
    ],
    [
      "proxyProtocol: { trust: [10.0.0.5] }",
      '4:16  proxyProtocol: the key "trusted" is missing: a list (each item an address such as "192.0.2.10" or "198.51.100.0/24") is expected',
      '4:18  proxyProtocol: unknown key "trust" (did you mean "trusted"?)',
    ],
    ["proxyProtocol: true", "4:16  proxyProtocol: is true or false: a map with the keys trusted is expected"],
    [
      "proxyProtocol: { trusted: [10.0.0.5, 10.0.0.0/33, balancer] }",
      '4:38  proxyProtocol.trusted[1]: "10.0.0.0/33" is not an address range: the number after the slash is from 0 to 32',
      '4:51  proxyProtocol.trusted[2]: "balancer" is not an address range: write an IPv4 or IPv6 address, such as 192.0.2.10, or a range, such as 198.51.100.0/24, 2001:db8::/32 or 192.0.2.10-192.0.2.40, or any',
    ],
  ])("%s is wrong", (line, ...expected) => {
    expect(problems(`${least}${line}\n`)).toEqual(expected.map((sentence) => `server.yaml:${sentence}`));
  });
});

test("every fault is reported at once, each at its place", () => {
  expect(
    problems(`suffix: ""
listen: []
stores: { path: ../data }
seed: [a]
limits:
  messageBytes: 4MB
  filterDepth: many
  filterNode: 5
  idleTime: 30d
  connections: 0
  pageSize: 1.5
passwords: { scheme: md5, cost: 31 }
log: { level: verbose }
`),
  ).toEqual([
    'server.yaml:1:1  the key "store" is missing: a map with the keys path is expected',
    "server.yaml:1:9  suffix: is empty: a distinguished name, such as dc=example,dc=com, is expected",
    "server.yaml:2:9  listen: is an empty list: at least one item, an address such as ldap://127.0.0.1:3890, is expected",
    'server.yaml:3:1  unknown key "stores" (did you mean "store"?)',
    "server.yaml:4:7  seed: is a list: a text with a path is expected",
    'server.yaml:6:17  limits.messageBytes: "4MB" is not a size, such as 4MiB or 256KiB: units are GiB, MiB, KiB, B',
    "server.yaml:7:16  limits.filterDepth: is a text: a whole number is expected",
    'server.yaml:8:3  limits: unknown key "filterNode" (did you mean "filterNodes"?)',
    "server.yaml:9:13  limits.idleTime: 30d is too large: it is at most 24d",
    "server.yaml:10:16  limits.connections: 0 is too small: it is at least 1",
    "server.yaml:11:13  limits.pageSize: 1.5 is not a whole number",
    'server.yaml:12:22  passwords.scheme: "md5" is not one of bcrypt',
    "server.yaml:12:33  passwords.cost: 31 is too large: it is at most 16",
    'server.yaml:13:15  log.level: "verbose" is not one of fatal, error, warn, info, debug, silent',
  ]);
});

test("a wrong name in the suffix is a problem at its place", () => {
  expect(problems(least.replace("dc=example,dc=com", "example"))[0]).toMatch(/^server.yaml:1:9 {2}suffix: .+/);
});

describe("what is not YAML is a problem at its place", () => {
  test.each([
    ["suffix: [a\nlisten: b\n", /^server.yaml:2:\d+ {2}is not YAML \(.+\)$/],
    ["suffix: a\nsuffix: b\n", /^server.yaml:2:1 {2}the key "suffix" stands in line 1 already: keep one of the two$/],
    ["suffix: a\n\tlisten: b\n", /^server.yaml:2:\d+ {2}is/],
    ["a: 1\n---\nb: 2\n", /a second document begins here/],
    ["suffix: !secret x\n", /^server.yaml:1:9 {2}has a YAML tag/],
    ["", /^server.yaml:1:1 {2}is empty: a map with the keys suffix, .* is expected$/],
    ["- a\n", /^server.yaml:1:1 {2}is a list: a map with the keys suffix/],
  ])("%j", (source, expected) => {
    expect(problems(source)[0]).toMatch(expected);
  });

  test("text that the parser stumbles over is not quoted, for it may be a password", () => {
    for (const source of [
      'password: "a" hunter2\n',
      "password: 'hunter2\n",
      "password: @hunter2\n",
      "a: b\n hunter2: c: d\n",
      '"hunter2\n',
      "x: [a] hunter2\n",
      "%hunter2\n",
      "a: *hunter2\n",
    ]) {
      const found = problems(source);
      expect(found.length).toBeGreaterThan(0);
      expect(found.join()).not.toContain("hunter2");
    }
  });
});

test("aliases are read, but not without end", () => {
  expect(settings(`${least.replace("../data", "&p ../data")}seed: *p\n`).seed).toBe("/etc/data");
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let n = 1; n < 9; n++)
    bomb.push(
      `${"abcdefghij"[n]}: &${"abcdefghij"[n]} [${Array(9)
        .fill(`*${"abcdefghij"[n - 1]}`)
        .join(", ")}]`,
    );
  expect(problems(bomb.join("\n"))).toEqual([expect.stringMatching(/more than 100 aliases are not read$/)]);
  expect(problems("a: &a [*a]\n")[0]).toMatch(/more than 100 aliases|nested too deep/);
  expect(problems("[".repeat(200_000))[0]).toMatch(/is nested too deep|is not YAML/);
});

test("settings are frozen all the way down", () => {
  const found = settings(least);
  for (const part of [found, found.listen, found.listen[0], found.limits, found.log, found.passwords]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});
