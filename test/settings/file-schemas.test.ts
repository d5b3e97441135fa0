import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { readApplications } from "../../src/settings/application-settings.js";
import {
  fileSchemas,
  type SchemaName,
  schemaFileName,
  schemaNames,
  schemaText,
} from "../../src/settings/file-schemas.js";
import { formatProblem, type Problem } from "../../src/settings/problem.js";
import { readServerSettings } from "../../src/settings/server-settings.js";
import { applicationsYaml } from "../access/applications.js";

const config = fileURLToPath(new URL("../../config/", import.meta.url));
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
const validators = { server: ajv.compile(fileSchemas.server), applications: ajv.compile(fileSchemas.applications) };

const readers: Record<SchemaName, (source: string) => object> = {
  server: (source) => readServerSettings(source, { file: "server.yaml", folder: "/etc/gatehouse" }),
  applications: (source) => readApplications(source, "applications.yaml"),
};

/** What each of the two finds wrong with a text. */
function faults(name: SchemaName, source: string): { read: string[]; schema: string[] } {
  const isValid = validators[name](parse(source));
  const { problems = [] } = readers[name](source) as { problems?: readonly Problem[] };
  return {
    read: problems.map(formatProblem),
    schema: isValid ? [] : (validators[name].errors ?? []).map((error) => `${error.instancePath} ${error.message}`),
  };
}

const right = { read: [], schema: [] };

const server = "suffix: dc=example,dc=com\nlisten: [ldap://127.0.0.1:3890]\nstore: { path: data }\n";

const everything = applicationsYaml({
  wiki: {
    addresses: "[192.0.2.10, 198.51.100.0/24, '2001:db8::/32', 10.0.0.1-10.0.0.9, any, wiki.example.com]",
    access:
      '{ users: [read, modify], groups: [], other: [read], readable: ["*"], writable: [mail, "telephone*"], subtrees: ["ou=people,dc=example,dc=com"] }',
    more: [
      "description: The wiki",
      "login: { groups: [staff], days: [mon-fri, sun], hours: 08:00-18:00, timeZone: Europe/Berlin, addresses: [10.0.0.0/8], message: No }",
      'view: { users: "(departmentNumber=sales)", groups: "(cn=wiki-*)", hideAttributes: [mail], nestedGroups: flatten, lowercase: true, disabledUsers: hide }',
      "enabled: false",
      "requireTls: true",
      "limits: { operationsPerSecond: 10, connections: 5, sizeLimit: 100, timeLimit: 10s, pageSize: 50 }",
    ],
  },
  tracker: { access: "login", more: ["login: []", "limits:"] },
});

const fullServer = `${server}seed: example.ldif
passwords: { scheme: bcrypt, cost: 4 }
log: { level: debug, audit: audit.log }
tls: { certificate: a.crt, key: a.key, required: true, clientCA: ca.crt }
proxyProtocol: { trusted: [10.0.0.5, 10.0.1.1-10.0.1.9] }
limits: { messageBytes: 8388608, messageBytesBeforeBind: 300 KiB, messageTime: 10s, filterDepth: 5, timeLimit: 60000 }
`;

test.each(schemaNames)("config/ and the definition of %s.yaml say the same", async (name) => {
  expect(await readFile(config + schemaFileName(name), "utf8")).toBe(schemaText(name));
  const text = await readFile(`${config}${name}.yaml`, "utf8");
  expect(text.split("\n")[0]).toBe(`# yaml-language-server: $schema=${schemaFileName(name)}`);
});

describe("what is right is right to both:", () => {
  test.each(schemaNames)("the sample %s.yaml", async (name) => {
    expect(faults(name, await readFile(`${config}${name}.yaml`, "utf8"))).toEqual(right);
  });

  test("the sample server.yaml with all that stands in it as a comment", async () => {
    const text = (await readFile(`${config}server.yaml`, "utf8"))
      .replace(/^ {2}# (?=- )/gm, "  ")
      .replace(/^# (?=\w+:$| {2})/gm, "");
    expect(parse(text)).toHaveProperty("limits.messageBytes");
    expect(faults("server", text)).toEqual(right);
  });

  test.each<[SchemaName, string]>([
    ["applications", everything],
    ["applications", "applications: []"],
    ["applications", "applications:"],
    ["server", server],
    ["server", fullServer],
    ["server", `${server}limits:\nlog:\npasswords:\n`],
  ])("%s #%#", (name, source) => expect(faults(name, source)).toEqual(right));
});

/** A file, what is wrong with it, and its text. */
const wrong: readonly [SchemaName, string, string][] = [
  ...["applications: {}", "application: []", "[]", "applications: [wiki]", "applications: [{}]", "applications: 5"].map(
    (source): [SchemaName, string, string] => ["applications", source, source],
  ),
  ...[
    ["name: wiki", "name:"],
    ["name: wiki", "name: 5"],
    ["name: wiki", 'name: " wiki"'],
    ["name: wiki", `name: ${"x".repeat(65)}`],
    [/password: .*/, "password: hunter2"],
    [/password: .*/, "password: []"],
    [/password: .*/, "passwords: x"],
    ["[192.0.2.10,", "[192.0.2,"],
    ["[192.0.2.10,", "[localhost,"],
    ["[192.0.2.10,", "[192.0.2.10 /24,"],
    [/addresses: \[192.*/, "addresses: []"],
    [/addresses: \[192.*/, "addresses: any"],
    ["[read, modify]", "[read, change]"],
    ["[read, modify]", "read"],
    ["subtrees:", "subtree:"],
    ["access: login", "access: all"],
    ["access: login", "access:"],
    ["days: [mon-fri, sun]", "days: [monday]"],
    ["hours: 08:00-18:00", "hours: 8-18"],
    ["[10.0.0.0/8]", "[wiki.example.com]"],
    ["groups: [staff]", "groups: staff"],
    ["message: No", "message: 5"],
    ["login: []", "login: everyone"],
    ["flatten", "flat"],
    ["lowercase: true", "lowercase: yes"],
    ["enabled: false", "enabled: 0"],
    ["sizeLimit: 100", "sizeLimit: 0"],
    ["timeLimit: 10s", "timeLimit: 10 parsecs"],
    ["pageSize: 50", "pageSize: 1.5"],
  ].map(([from, to]): [SchemaName, string, string] => [
    "applications",
    String(to),
    everything.replace(from!, to as string),
  ]),
  ...[
    ["suffix: dc=example,dc=com", "suffix:"],
    ["suffix:", "sufix:"],
    ["[ldap://127.0.0.1:3890]", "[]"],
    ["ldap://127.0.0.1:3890", "127.0.0.1:3890"],
    ["{ path: data }", "data"],
    ["seed: example.ldif", "seed: [example.ldif]"],
    ["scheme: bcrypt", "scheme: md5"],
    ["cost: 4", "cost: 40"],
    ["level: debug", "level: loud"],
    ["key: a.key, ", ""],
    ["required: true", "required: always"],
    ["[10.0.0.5,", "[balancer,"],
    ["8388608", "1"],
    ["300 KiB", "300 apples"],
    ["filterDepth: 5", "filterDepth: deep"],
    ["timeLimit: 60000", "timelimit: 60000"],
    ["seed:", "metrics: on\nseed:"],
    ["scheme: bcrypt", "history: 5"],
  ].map(([from, to]): [SchemaName, string, string] => ["server", to!, fullServer.replace(from!, to!)]),
];

test.each(wrong)("wrong to both, %s: %s", (name, _, source) => {
  const found = faults(name, source);
  expect(found.read).not.toEqual([]);
  expect(found.schema).not.toEqual([]);
});

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Every value in a document, and below it. */
function placesIn(value: Json, place: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const below = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [place, ...below.flatMap(([key, part]) => placesIn(part, [...place, key]))];
}

type Change = (value: Json) => Json;

function replaced(value: Json, [key, ...rest]: readonly (string | number)[], by: Change): Json {
  if (key === undefined) return by(value);
  const copy = structuredClone(value) as Record<string, Json>;
  copy[key] = replaced(copy[key]!, rest, by);
  return copy;
}

const onText =
  (change: (text: string) => string): Change =>
  (value) =>
    typeof value === "string" ? change(value) : value;

const spliced = (text: string, at: number, length: number, part: string) =>
  text.slice(0, at) + part + text.slice(at + length);

const values = (document: Json) =>
  placesIn(document).map((place) => place.reduce<Json>((part, key) => (part as Record<string, Json>)[key]!, document));

describe("what the reader takes, the schema takes", () => {
  test.each<[SchemaName, string]>([
    ["applications", everything],
    ["server", fullServer],
  ])("%s", (name, source) => {
    const document: Json = parse(source);
    const known = [...values(parse(everything)), ...values(parse(fullServer))];
    const word = fc.string({
      unit: fc.constantFrom(..."aAnyz019 .:/-_*=,()[]{}$%\u00e9\u212a\u0130\t\u2028".split("")),
    });
    const value = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...known) },
      { weight: 3, arbitrary: word },
      fc.string({ unit: "grapheme" }),
      fc.integer(),
      fc.double(),
      fc.constantFrom<Json>(
        null,
        true,
        false,
        "",
        [],
        {},
        "any",
        "0",
        "5 m",
        " 4MiB ",
        "LDAPS://[::1]",
        "sat - mon",
        "%",
      ),
      fc.tuple(fc.constantFrom(...known.filter((one) => typeof one === "string")), word).map((parts) => parts.join("")),
      fc.ipV4().map((from) => `${from}-255.255.255.255`),
      fc.ipV6(),
      fc.domain(),
      fc.array(word, { maxLength: 3 }),
    ) as fc.Arbitrary<Json>;
    // Another value, or the one that was there in another spelling.
    const change = fc.oneof(
      value.map(
        (other): Change =>
          () =>
            other,
      ),
      fc
        .tuple(fc.nat(), fc.nat(2), word)
        .map(([at, length, part]): Change => onText((text) => spliced(text, at % (text.length + 1), length, part))),
      fc.constantFrom<Change>(
        onText((text) => text.toUpperCase()),
        onText((text) => text.toLowerCase()),
        onText((text) => `${text} `),
        onText((text) => text.replaceAll(/(?=[-,])|(?<=[-,])/g, " ")),
      ),
    );
    let taken = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), change), { minLength: 1, maxLength: 2 }), (changes) => {
        let changed = document;
        for (const [n, by] of changes) {
          const places = placesIn(changed);
          changed = replaced(changed, places[n % places.length]!, by);
        }
        const text = stringify(changed);
        const { read, schema } = faults(name, text);
        if (read.length > 0) return;
        taken += 1;
        expect(schema, text).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});
