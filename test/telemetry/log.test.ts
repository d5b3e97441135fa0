import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../src/model/secret.js";
import { createLog, type LogLevel, silentLog } from "../../src/telemetry/log.js";

function startedLog(level: LogLevel = "info") {
  const lines: string[] = [];
  const log = createLog({ level, destination: { write: (line) => lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "null") };
}

test("a line is one JSON object with the time, the level by name, the fields and the sentence", () => {
  const { log, lines, last } = startedLog();
  log.info({ listen: ["ldap://127.0.0.1:3890"] }, "ready");
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  expect(last()).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    listen: ["ldap://127.0.0.1:3890"],
    msg: "ready",
  });
});

test("a line break in a value or a sentence does not make a second line", () => {
  const { log, lines } = startedLog();
  log.warn({ dn: 'cn=a\n{"level":"info"}' }, "one\ntwo");
  expect(lines.join("").match(/\n/g)).toHaveLength(1);
});

test("levels after the chosen one are not written", () => {
  const { log, lines } = startedLog("warn");
  log.info("no");
  log.debug("no");
  log.warn("yes");
  log.error("yes");
  log.fatal("yes");
  expect(lines).toHaveLength(3);
});

test("an error is written with its message, its stack and its cause", () => {
  const { log, last } = startedLog();
  log.error({ err: new Error("outer", { cause: new Error("inner") }) }, "operation failed");
  expect(last().err).toMatchObject({ type: "Error", message: expect.stringContaining("inner") });
  expect(last().err.stack).toContain("log.test.ts");
});

test("a child carries its fields on every line", () => {
  const { log, last } = startedLog();
  log.child({ session: 7 }).info("bound");
  expect(last()).toMatchObject({ session: 7, msg: "bound" });
});

test("fields with the name of a secret are not written, nested and in a child too", () => {
  const { log, lines, last } = startedLog();
  const hidden = {
    password: "tell-tale",
    userPassword: ["tell-tale"],
    credentials: { password: "tell-tale" },
    secret: Buffer.from("tell-tale"),
    request: { userPassword: "tell-tale", bind: { credentials: "tell-tale", deeper: { secret: "tell-tale" } } },
    list: [{ password: "tell-tale" }],
  };
  log.info(hidden, "no");
  log.child(hidden).info("no");
  expect(lines.join("")).not.toContain("tell-tale");
  expect(last().request.bind.credentials).toBe("[secret]");
  expect(hidden.password).toBe("tell-tale");
});

test("a Secret is not written under any name", () => {
  const { log, lines } = startedLog();
  log.info({ pw: new Secret("tell-tale"), deep: { pw: [new Secret("tell-tale")] } }, "no");
  expect(lines.join("")).not.toContain("tell-tale");
});

test("the silent log takes everything and says nothing", () => {
  expect(silentLog.child({ session: 1 })).toBe(silentLog);
  silentLog.fatal({ err: new Error("x") }, "nothing");
});

test("what was logged before the process exits is on stdout", async () => {
  const built = new URL("../../dist/telemetry/log.js", import.meta.url).href;
  const program = `
    const { createLog } = await import(${JSON.stringify(built)});
    const log = createLog({ level: "info" });
    for (let line = 0; line < 5000; line += 1) log.info({ line }, "written");
    process.exit(3);
  `;
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  const { code, stdout } = await run.catch((error) => error);
  expect(code).toBe(3);
  expect(stdout.trimEnd().split("\n")).toHaveLength(5000);
});
