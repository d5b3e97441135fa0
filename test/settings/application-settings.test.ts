import { describe, expect, test } from "vitest";
import { applicationKey, readApplications } from "../../src/settings/application-settings.js";
import { formatProblem } from "../../src/settings/problem.js";

const hash = "{BCRYPT}$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/** One application with these lines instead of its own. */
function withLines(lines: Record<string, string> = {}): string {
  const all = { name: "wiki", password: `"${hash}"`, addresses: "[192.0.2.10]", access: "read", ...lines };
  const [first = "", ...rest] = Object.entries(all).map(([key, value]) => `${key}: ${value}`);
  return `applications:\n  - ${first}\n${rest.map((line) => `    ${line}\n`).join("")}`;
}

function applications(source: string) {
  const found = readApplications(source, "applications.yaml");
  if ("problems" in found) throw new Error(found.problems.map(formatProblem).join("\n"));
  return found.applications;
}

function problems(source: string): string[] {
  const found = readApplications(source, "applications.yaml");
  return "problems" in found ? found.problems.map(formatProblem) : [];
}

test("name, password, addresses and access are enough", () => {
  const [wiki] = applications(withLines());
  expect(wiki?.name).toBe("wiki");
  expect(wiki?.passwords.map((password) => password.reveal().toString())).toEqual([hash]);
  expect(wiki?.addresses[0]?.contains("192.0.2.10")).toBe(true);
  expect(wiki?.enabled).toBe(true);
  expect([wiki?.login, wiki?.view, wiki?.description]).toEqual([undefined, undefined, undefined]);
});

test("every key is read", () => {
  const [wiki] = applications(
    withLines({
      description: "The wiki",
      password: `["${hash}", "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g0MTIzNDU2Nw=="]`,
      addresses: "[192.0.2.10, 198.51.100.7/24, '::1']",
      login: "[wiki-users]",
      enabled: "false",
      requireTls: "true",
      limits: "{ operationsPerSecond: 50, connections: 20, sizeLimit: 1000, timeLimit: 10s, pageSize: 500 }",
      view: '{ users: "(departmentNumber=sales)", groups: "(cn=wiki-*)", hideAttributes: [telephoneNumber], lowercase: true, nestedGroups: flatten, disabledUsers: hide }',
    }),
  );
  expect(wiki).toMatchObject({
    description: "The wiki",
    login: { groups: ["wiki-users"], timeZone: "UTC" },
    enabled: false,
    requireTls: true,
    limits: { operationsPerSecond: 50, connections: 20, sizeLimit: 1000, timeLimit: 10_000, pageSize: 500 },
    view: {
      users: { kind: "equality", attribute: "departmentNumber", value: Buffer.from("sales") },
      groups: { kind: "substrings", attribute: "cn", initial: Buffer.from("wiki-") },
      hideAttributes: ["telephoneNumber"],
      lowercase: true,
      nestedGroups: "flatten",
      disabledUsers: "hide",
    },
  });
  expect(wiki?.passwords).toHaveLength(2);
  expect(wiki?.addresses.map(String)).toEqual(["192.0.2.10", "198.51.100.0/24", "::1"]);
});

test("nobody may log in where the list of groups is empty", () => {
  expect(applications(withLines({ login: "[]" }))[0]?.login?.groups).toEqual([]);
});

test("who may log in is said by groups, days, hours and addresses", () => {
  const login = `
      groups: [wiki-users, "cn=all,ou=teams,dc=example,dc=com"]
      days: [mon-wed, sat]
      hours: ["08:00-18:00", "22:00-06:00"]
      timeZone: europe/berlin
      addresses: [10.0.0.0/8]
      message: outside of office hours`;
  expect(applications(withLines({ login }))[0]?.login).toEqual({
    groups: ["wiki-users", "cn=all,ou=teams,dc=example,dc=com"],
    days: new Set([0, 1, 2, 5]),
    hours: [
      { from: 480, to: 1080 },
      { from: 1320, to: 360 },
    ],
    timeZone: "Europe/Berlin",
    addresses: [expect.objectContaining({ text: "10.0.0.0/8" })],
    message: "outside of office hours",
  });
  expect(problems(withLines({ login: '{ days: moon, hours: "8-18", timeZone: Mars, addresses: [] }' }))).toEqual([
    expect.stringContaining(
      '"moon" is no day of the week: write one of mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri',
    ),
    expect.stringContaining('"8-18" is no time of day: write a range such as 08:00-18:00'),
    expect.stringContaining('"Mars" is no time zone: write a name such as Europe/Berlin, or UTC'),
    expect.stringContaining("is an empty list"),
  ]);
});

test("attributes and subtrees narrow what may be read and written", () => {
  const access =
    '{ users: [read, modify], readable: [cn, "sn*", "*Number"], writable: [mail], subtrees: ["ou=people,dc=example,dc=com"] }';
  const { readable, writable, subtrees } = applications(withLines({ access }))[0]!.rights;
  expect([...readable!]).toEqual(expect.arrayContaining(["cn", "sn", "telephoneNumber", "employeeNumber"]));
  expect([...writable!]).toEqual(["mail"]);
  expect(subtrees?.map(String)).toEqual(["ou=people,dc=example,dc=com"]);
  expect(problems(withLines({ access: '{ users: [read], readable: [nmae, "zz*"], subtrees: ["people"] }' }))).toEqual([
    expect.stringContaining('"nmae" is not an attribute of the schema (did you mean "name"?)'),
    expect.stringContaining('no attribute of the schema matches "zz*"'),
    expect.stringContaining("subtrees[0]"),
  ]);
});

describe("access gives the rights", () => {
  const all = ["read", "add", "modify", "remove"];
  test.each([
    ["login", [], [], [], false],
    ["read", ["read"], ["read"], ["read"], false],
    ["read-write", all, all, ["read"], false],
    ["admin", all, all, all, true],
    ["{ users: [read, add], groups: [modify] }", ["read", "add"], ["modify"], ["read"], false],
    ["{ users: [add] }", ["add"], [], [], false],
    ["{ groups: [read], other: [] }", [], ["read"], [], false],
  ])("%s", (access, users, groups, other, admin) => {
    const rights = applications(withLines({ access }))[0]!.rights;
    expect({ ...rights, users: [...rights.users], groups: [...rights.groups], other: [...rights.other] }).toEqual({
      users,
      groups,
      other,
      admin,
    });
  });
});

test("the list may be empty, and the key without a value", () => {
  expect(applications("applications: []\n")).toEqual([]);
  expect(applications("applications:\n  # - name: wiki\n")).toEqual([]);
});

test("every fault is reported at once, each at its place", () => {
  expect(
    problems(`applications:
  - name: wiki
    pasword: "${hash}"
    addresses: ["10.0.0.0/33", 10.0.0, 5]
    access: reed
  - name: "WIKI"
    password: ["${hash}", "hunter2"]
    addresses: []
    access: { users: [read, serach], group: [read] }
    login: wiki-users
    view: { users: "(cn=", hideAttributes: ["tele phone"], lowercase: 1, nestedGroups: flaten }
    requireTls: maybe
    enabled: yes
    limits: { sizeLimit: 0, connections: many }
`),
  ).toEqual([
    'applications.yaml:2:5  applications[0]: the key "password" is missing: a hash such as {BCRYPT}$2b$… or a list of them is expected',
    'applications.yaml:3:5  applications[0]: unknown key "pasword" (did you mean "password"?)',
    'applications.yaml:4:17  applications[0].addresses[0]: "10.0.0.0/33" is not an address range: the number after the slash is from 0 to 32',
    'applications.yaml:4:32  applications[0].addresses[1]: "10.0.0" is not an address range: write an IPv4 or IPv6 address, such as 192.0.2.10, or a range, such as 198.51.100.0/24, 2001:db8::/32 or 192.0.2.10-192.0.2.40, or any',
    'applications.yaml:4:40  applications[0].addresses[2]: is a number: an address such as "192.0.2.10" or "198.51.100.0/24", or a host name such as wiki.example.com is expected',
    'applications.yaml:5:13  applications[0].access: "reed" is not one of login, read, read-write, admin (did you mean "read"?)',
    'applications.yaml:6:11  applications[1].name: "WIKI" in line 6 is already the name of the application in line 2, ignoring case',
    expect.stringMatching(
      /^applications.yaml:7:\d+ {2}applications\[1\]\.password\[1\]: is not a hash: clear text is not kept here; .*`gatehouse hash`.*`gatehouse app password NAME`$/,
    ),
    'applications.yaml:8:16  applications[1].addresses: is an empty list: at least one item, an address such as "192.0.2.10" or "198.51.100.0/24", or a host name such as wiki.example.com, is expected',
    'applications.yaml:9:29  applications[1].access.users[1]: "serach" is not one of read, add, modify, remove',
    'applications.yaml:9:38  applications[1].access: unknown key "group" (did you mean "groups"?)',
    "applications.yaml:10:12  applications[1].login: is a text: a list (each item a text), or a map with the keys groups, days, hours, timeZone, addresses, message is expected",
    expect.stringMatching(/^applications.yaml:11:20 {2}applications\[1\]\.view\.users: .+/),
    'applications.yaml:11:45  applications[1].view.hideAttributes[0]: "tele phone" is not the name of an attribute, such as telephoneNumber',
    "applications.yaml:11:71  applications[1].view.lowercase: is a number: true or false is expected",
    'applications.yaml:11:88  applications[1].view.nestedGroups: "flaten" is not one of keep, flatten, hide (did you mean "flatten"?)',
    "applications.yaml:12:17  applications[1].requireTls: is a text: true or false is expected",
    "applications.yaml:13:14  applications[1].enabled: is a text: true or false is expected",
    "applications.yaml:14:26  applications[1].limits.sizeLimit: 0 is too small: it is at least 1",
    "applications.yaml:14:42  applications[1].limits.connections: is a text: a whole number is expected",
  ]);
});

describe("a key without a value is a problem, because its default may open what it should close", () => {
  test.each(["login", "view", "addresses", "access", "password", "enabled"])("%s", (key) => {
    expect(problems(withLines({ [key]: "" }))).toEqual([
      expect.stringMatching(
        new RegExp(`^applications.yaml:\\d+:5 {2}applications\\[0\\]\\.${key}: is empty: .* is expected$`),
      ),
    ]);
  });
});

describe("a password", () => {
  test.each([
    "hunter2",
    "{PLAIN}hunter2",
    "{BCRYPT}hunter2",
    "{SSHA}hunter2",
    "{BCRYPT}$2b$10$hunter2",
    "$2b$10$hunter2",
    "{CRYPT}$6$hunter2$x",
    "{MD5}hunter2",
    `${hash} hunter2`,
    `${hash}\\nhunter2`,
    "{SSHA}{SSHA}hunter2",
  ])("is not %s, and the sentence does not quote it", (password) => {
    const found = problems(withLines({ password: `"${password}"` }));
    expect(found).toEqual([
      expect.stringMatching(/^applications.yaml:3:15 {2}applications\[0\]\.password: is not a hash/),
    ]);
    expect(found.join()).not.toContain("hunter2");
  });

  test("is not a number, and the sentence does not quote it", () => {
    expect(problems(withLines({ password: "12345" })).join()).toMatch(/password: is a number: (?!.*12345)/);
  });

  test("that begins with a brace must be in quotation marks", () => {
    expect(problems(withLines({ password: "{BCRYPT}" }))).toEqual([
      'applications.yaml:3:15  applications[0].password: is a map: put the hash in quotation marks, as in "{BCRYPT}$2b$…"',
    ]);
    expect(problems(withLines({ password: hash })).length).toBeGreaterThan(0);
  });

  test("does not show when settings are printed", () => {
    expect(JSON.stringify(applications(withLines()))).not.toContain("$2b$");
  });
});

describe("a name", () => {
  test.each(['""', '" "', '" wiki"', '"wi\\tki"', '"wi\\u202eki"', `"${"x".repeat(65)}"`])("is not %s", (name) => {
    expect(problems(withLines({ name }))).toEqual([
      expect.stringMatching(
        /^applications.yaml:2:11 {2}applications\[0\]\.name: an application's name (cannot|has at most)/,
      ),
    ]);
  });

  test("of digits must be in quotation marks", () => {
    expect(problems(withLines({ name: "2024" }))).toEqual([
      "applications.yaml:2:11  applications[0].name: is a number: a text with the application's name (in quotation marks) is expected",
    ]);
    expect(applications(withLines({ name: '"2024"' }))[0]?.name).toBe("2024");
  });

  test("may hold what a DN must escape, and 64 characters", () => {
    expect(applications(withLines({ name: '"Wiki, the #1 + more"' }))[0]?.name).toBe("Wiki, the #1 + more");
    expect(applications(withLines({ name: "é".repeat(64) }))).toHaveLength(1);
  });

  test("is the same name whatever its case and spacing", () => {
    expect(applicationKey("The  WIKI")).toBe(applicationKey("the wiki"));
    expect(applicationKey("wiki")).not.toBe(applicationKey("wikis"));
  });
});

test("settings are frozen all the way down, sets included", () => {
  const [wiki] = applications(withLines({ access: "{ users: [read] }", view: '{ users: "(&(cn=b)(sn=d))" }' }));
  for (const part of [wiki, wiki?.rights, wiki?.rights.users, wiki?.addresses, wiki?.passwords, wiki?.view?.users]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
  expect(() => (wiki!.rights.users as Set<string>).add("remove")).toThrow(TypeError);
  expect(() => (applications(withLines())[0]!.rights.other as Set<string>).clear()).toThrow(TypeError);
});

test("an attribute to hide has to be one of the schema: a misspelled one would be shown", () => {
  const hiding = (name: string) => problems(withLines({ view: `{ hideAttributes: [cn, ${name}] }` }));
  expect(hiding("TELEPHONENUMBER")).toEqual([]);
  expect(hiding('"2.5.4.20"')).toEqual([]);
  expect(hiding("telephonNumber")).toEqual([
    'applications.yaml:6:34  applications[0].view.hideAttributes[1]: "telephonNumber" is not an attribute of the schema (did you mean "telephoneNumber"?)',
  ]);
});

test("a filter of a view names attributes of the schema alone", () => {
  const seeing = (filter: string) => problems(withLines({ view: `{ users: "${filter}" }` }));
  expect(seeing("(&(DEPARTMENTNUMBER=sales)(!(description;lang-de=*))(:caseIgnoreMatch:=x))")).toEqual([]);
  expect(seeing("(|(cn=a)(!(departmentNumbr=sales)))")).toEqual([
    'applications.yaml:6:20  applications[0].view.users: "departmentNumbr" is not an attribute of the schema (did you mean "departmentNumber"?)',
  ]);
});

test("addresses are addresses, ranges, any, and host names", () => {
  const [wiki] = applications(
    withLines({
      addresses: "[192.0.2.1-192.0.2.5, any, Wiki.Example.COM., 198.51.100.0/24]",
      login: "{ addresses: [192.0.2.1-192.0.2.3] }",
    }),
  );
  expect(wiki?.addresses.map(String)).toEqual(["192.0.2.1-192.0.2.5", "any", "198.51.100.0/24"]);
  expect(wiki?.hosts.map(String)).toEqual(["wiki.example.com"]);
  expect(wiki?.login?.addresses?.map(String)).toEqual(["192.0.2.1-192.0.2.3"]);
  expect(problems(withLines({ login: "{ addresses: [wiki.example.com] }" }))).toHaveLength(1);
});
