import { once } from "node:events";
import { appendFile, rename, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LineCutter } from "../../src/cli/audit-source.js";
import { AuditFile } from "../../src/telemetry/audit-file.js";
import { silentLog } from "../../src/telemetry/log.js";
import { ending, gatehouse, installation, readInPart, start, write } from "./gatehouse.js";

const withFile = "log: { audit: audit.log }\n";
const people = "ou=people,dc=example,dc=com";

const line = (fields: Readonly<Record<string, unknown>>) =>
  `${JSON.stringify({
    time: "2026-01-31T12:00:00.000Z",
    address: "192.0.2.10",
    application: "wiki",
    subject: "cn=wiki,ou=applications,dc=example,dc=com",
    operation: "modify",
    target: `uid=ann,${people}`,
    outcome: "success",
    rule: "right held",
    session: 1,
    ...fields,
  })}\n`;

const at = (minute: number) => ({ time: `2026-01-31T12:${String(minute).padStart(2, "0")}:00.000Z` });

/** The minutes of the lines that are shown, in the order in which they are. */
const minutes = (stdout: string) => [...stdout.matchAll(/^2026-01-31T12:(\d\d)/gm)].map(([, minute]) => Number(minute));

async function shown(lines: string, ...options: readonly string[]): Promise<string> {
  const folder = await installation(withFile);
  await write(folder, "config/audit.log", lines);
  const { code, stdout, stderr } = await gatehouse(["audit", ...options], { folder });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

test("lines are shown in columns, and what a write did with which attributes", async () => {
  const dn = "cn=wiki,ou=applications,dc=example,dc=com";
  const changes = { added: ["mail"], replaced: ["sn"], deleted: ["title"] };
  const failed = { outcome: "invalidCredentials", rule: "application password", detail: "wrong password" };
  const naming = { attributes: ["uid"], changes: { added: ["uid"], deleted: ["uid"] } };
  const stdout = await shown(
    line({ attributes: ["mail", "sn", "title"], changes }) +
      line({ operation: "add", attributes: ["uid", "cn"] }) +
      line({ operation: "bind", application: undefined, subject: "anonymous", ...failed }) +
      line({ operation: "modifyDn", detail: `uid=anna,${people}`, ...naming }),
  );
  expect(stdout.split("\n")).toEqual([
    `2026-01-31T12:00:00.000Z  success             modify    wiki     ${dn}  uid=ann,${people}     192.0.2.10  right held  +mail ~sn -title`,
    `2026-01-31T12:00:00.000Z  success             add       wiki     ${dn}  uid=ann,${people}     192.0.2.10  right held  +uid +cn`,
    `2026-01-31T12:00:00.000Z  invalidCredentials  bind      -        anonymous                                  uid=ann,${people}     192.0.2.10  application password: wrong password`,
    `2026-01-31T12:00:00.000Z  success             modifyDn  wiki     ${dn}  uid=ann,${people}     192.0.2.10  right held -> uid=anna,${people}  +uid -uid`,
    "",
  ]);
});

test("the rotated files come first, the oldest before all", async () => {
  const folder = await installation(withFile);
  await write(folder, "config/audit.log", line(at(30)));
  await write(folder, "config/audit.log.1", line(at(20)));
  await write(folder, "config/audit.log.2", line(at(15)));
  await write(folder, "config/audit.log.11", line(at(10)));
  await write(folder, "config/audit.log.3.gz", "something else");
  const { stdout } = await gatehouse(["audit"], { folder });
  expect(minutes(stdout)).toEqual([10, 15, 20, 30]);
  const given = await gatehouse(["audit", "config/audit.log.1", "config/audit.log.11"], { folder });
  expect(minutes(given.stdout)).toEqual([20, 10]);
  const piped = await gatehouse(["audit", "-"], { folder, input: line(at(5)) });
  expect(minutes(piped.stdout)).toEqual([5]);
});

test("between two files, as a server that was killed may leave them, the older ones are read", async () => {
  const folder = await installation(withFile);
  await write(folder, "config/audit.log.1", line(at(20)));
  const { code, stdout } = await gatehouse(["audit"], { folder });
  expect([code, minutes(stdout)]).toEqual([0, [20]]);
});

const various = [
  line({ ...at(0), application: "wiki tracker", subject: `uid=ben,${people}`, operation: "bind" }),
  line({ ...at(1), outcome: "insufficientAccessRights" }),
  line({ ...at(2), address: "2001:db8::1", operation: "compare", outcome: "compareFalse" }),
  line({ ...at(3), application: undefined, subject: "anonymous", operation: "search", outcome: "noSuchObject" }),
  line({ ...at(4), target: undefined, operation: "connect", outcome: "unwillingToPerform" }),
].join("");

test.each([
  [["--application", "Tracker"], [0]],
  [
    ["--application", "tracker", "--application", "wiki"],
    [0, 1, 2, 4],
  ],
  [["--subject", "uid=BEN"], [0]],
  [["--subject", "anonymous"], [3]],
  [
    ["--target", "uid=ann,ou=people"],
    [0, 1, 2, 3],
  ],
  [
    ["--operation", "bind", "--operation", "COMPARE"],
    [0, 2],
  ],
  [["--outcome", "noSuchObject"], [3]],
  [["--refused"], [1, 2, 4]],
  [["--address", "2001:db8::/32"], [2]],
  [
    ["--address", "192.0.2.0/28", "--refused"],
    [1, 4],
  ],
  [
    ["--since", "2026-01-31T12:03Z"],
    [3, 4],
  ],
  [
    ["--since", "2026-01-31T13:01:00+01:00", "--until", "2026-01-31T12:02:00.000Z"],
    [1, 2],
  ],
  [["--since", "1m"], []],
  [
    ["--until", "1m"],
    [0, 1, 2, 3, 4],
  ],
])("%j picks lines", async (options, wanted) => {
  expect(minutes(await shown(various, ...options))).toEqual(wanted);
});

test.each([
  [["--operation", "modfy"], '"modfy" is none of bind, search'],
  [["--outcome", "sucess"], 'did you mean "success"?'],
  [["--address", "10.0.0.0/33"], "is not an address range"],
  [["--since", "yesterday"], '"yesterday" is no time such as 2026-01-31T20:00'],
  [["--since", "2 weeks"], "units are d, h, m, s, ms"],
])("%j is wrong usage", async (options, sentence) => {
  const { code, stderr } = await gatehouse(["audit", ...options]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)]);
});

const escapes = "\u001b]0;x\u0007 \u009b31m \u007f \u202e \u2028 \udbff \r\n\t end";

test("what a client sent reaches the terminal as characters to look at, or not at all", async () => {
  const lines = line({ subject: escapes, target: escapes, rule: escapes, detail: escapes, attributes: [escapes] });
  for (const options of [[], ["--json"]]) {
    const stdout = await shown(lines, ...options);
    expect(stdout.endsWith("\n")).toBe(true);
    expect(stdout.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    expect(stdout).toContain("end");
  }
  expect(await shown(lines)).toContain("\\u{1b}]0;x\\u{7} \\u{9b}31m");
});

test("--json gives the lines as they were written, and as the same JSON where that cannot be shown", async () => {
  const plain = line({ detail: 'ä \\ "' }) + line({ ...at(1), session: 2 });
  expect(await shown(plain, "--json")).toBe(plain);
  const odd = `{ "time": "2026-01-31T12:00:00Z",\t"operation": "bind", "outcome": "\u009b",\r "x": ["\u{e0001}"] }\n`;
  const stdout = await shown(odd, "--json");
  expect(JSON.parse(stdout)).toEqual(JSON.parse(odd));
});

test("what is not of an audit trail, torn or too long is counted, and the rest is shown", async () => {
  const folder = await installation(withFile);
  const foreign = [
    "no JSON",
    "[]",
    "null",
    '{"time":"never","operation":"bind","outcome":"success"}',
    '{"time":1}',
    "",
  ];
  const torn = line(at(3)).slice(0, 50);
  await write(
    folder,
    "config/audit.log",
    Buffer.concat([
      Buffer.from(line(at(0)) + foreign.map((text) => `${text}\n`).join("")),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.from(line({ ...at(1), detail: "x".repeat(3_000_000) }) + line(at(2)) + torn),
    ]),
  );
  const { code, stdout, stderr } = await gatehouse(["audit"], { folder });
  expect([code, minutes(stdout)]).toEqual([0, [0, 2]]);
  expect(stderr).toBe(
    "passed over 7 lines that are no audit lines, or that were cut short\npassed over 1 line of more than 1MiB\n",
  );
});

test("audit lines in a log are found", async () => {
  const folder = await installation();
  const logged = `{"level":"info","time":"2026-01-31T11:00:00.000Z","audit":${line(at(7)).trim()},"msg":"audit"}\n`;
  const { stdout } = await gatehouse(["audit", "-"], { folder, input: `{"level":"info","msg":"ready"}\n${logged}` });
  expect(minutes(stdout)).toEqual([7]);
});

test("a file that is not configured or not there is one sentence", async () => {
  expect(await gatehouse(["audit"], { folder: await installation() })).toEqual({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^gatehouse: server\.yaml names no file for the audit lines .*\n$/),
  });
  for (const options of [[], ["--follow"]]) {
    const { code, stderr } = await gatehouse(["audit", ...options], { folder: await installation(withFile) });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^gatehouse: \S+audit\.log: there is no such file\n$/)]);
  }
});

test("a reader that has read enough ends it without a word", async () => {
  const folder = await installation(withFile);
  await write(folder, "config/audit.log", line(at(1)).repeat(20_000));
  expect(await readInPart(["audit"], folder)).toMatchObject({ code: 0, stderr: "" });
});

/** A command that follows, and what it has shown so far. */
function following(folder: string, ...options: readonly string[]) {
  const child = start(["audit", "--follow", ...options], { folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  const outcome = ending(child);
  let stdout = "";
  child.stdout!.on("data", (piece) => {
    stdout += piece;
  });
  const until = async (isThere: (stdout: string) => boolean) => {
    while (!isThere(stdout)) await once(child.stdout!, "data");
  };
  return { child, outcome, until };
}

const sessionsIn = (stdout: string) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((text) => JSON.parse(text).session);

test("following goes on across rotations of a server that writes much, and ends with Ctrl-C", async () => {
  const folder = await installation(withFile);
  const path = join(folder, "config/audit.log");
  const file = new AuditFile(path, { bytes: 20_000, files: 1000 }, silentLog);
  for (let session = 0; session < 300; session += 1) file.append(line({ session }));
  await file.flush();
  const { child, outcome, until } = following(folder, "--json");
  await until((stdout) => sessionsIn(stdout).length === 300);
  for (let session = 300; session < 3000; session += 1) {
    file.append(line({ session }));
    if (session % 20 === 0) await file.flush();
    if (session % 300 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await file.close();
  await until((stdout) => stdout.endsWith("\n") && sessionsIn(stdout).length >= 3000);
  child.kill("SIGINT");
  const { code, stdout, stderr } = await outcome;
  expect([code, stderr]).toEqual([0, ""]);
  expect(sessionsIn(stdout)).toEqual(Array.from({ length: 3000 }, (_, session) => session));
});

test("following waits for the end of a line, and stays with a file moved away until the new one is begun", async () => {
  const folder = await installation(withFile);
  const path = join(folder, "config/audit.log");
  await write(folder, "config/audit.log", line({ session: 0 }));
  const { child, outcome, until } = following(folder, "--json");
  await until((stdout) => stdout !== "");
  const next = line({ session: 1 });
  await appendFile(path, next.slice(0, 30));
  await new Promise((resolve) => setTimeout(resolve, 600));
  await appendFile(path, next.slice(30));
  await until((stdout) => stdout.endsWith(next));
  await rename(path, join(folder, "config/audit.log-20260131"));
  await write(folder, "config/audit.log", "");
  await new Promise((resolve) => setTimeout(resolve, 600));
  await appendFile(join(folder, "config/audit.log-20260131"), line({ session: 2 }));
  await until((stdout) => stdout.endsWith(line({ session: 2 })));
  await appendFile(path, line({ session: 3 }));
  await until((stdout) => stdout.endsWith(line({ session: 3 })));
  await truncate(path);
  await new Promise((resolve) => setTimeout(resolve, 600));
  await appendFile(path, line({ session: 4 }));
  await until((stdout) => stdout.endsWith(line({ session: 4 })));
  child.kill("SIGINT");
  const { code, stdout } = await outcome;
  expect([code, sessionsIn(stdout)]).toEqual([0, [0, 1, 2, 3, 4]]);
});

test("however pieces fall, lines are cut the same, and one that is too long costs no memory", () => {
  const text = `${"a".repeat(10)}\n\n${"ä".repeat(600_000)}\nb\n${"c".repeat(1024 * 1024)}\nend`;
  const whole = Buffer.from(text);
  for (const width of [1000, 4096, 65_536, whole.length]) {
    const cutter = new LineCutter();
    const lines: string[] = [];
    for (let from = 0; from < whole.length; from += width)
      lines.push(...cutter.cut(whole.subarray(from, from + width)));
    lines.push(...cutter.end());
    expect(lines.map((one) => one.length)).toEqual([10, 1, 1024 * 1024, 3]);
    expect(cutter.tooLong).toBe(1);
  }
});
