import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AuditRecord, AuditTrail } from "../../src/telemetry/audit.js";
import { createLog, silentLog } from "../../src/telemetry/log.js";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-audit-"));
  path = join(folder, "logs", "audit.log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bind: AuditRecord = {
  time: Date.UTC(2025, 0, 31, 12, 0, 0, 5),
  address: "192.0.2.10",
  application: "confluence",
  subject: "anonymous",
  operation: "bind",
  target: "cn=confluence,ou=applications,dc=example,dc=com",
  outcome: "invalidCredentials",
  rule: "application password",
  session: 12,
  detail: "wrong password",
};
const linesOf = (file: string) => readFileSync(file, "utf8").split("\n").slice(0, -1);
const sessionsOf = (file: string) => linesOf(file).map((line) => JSON.parse(line).session);
const sessions = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test("a record is one line of JSON, its time in UTC, without the fields it does not have", async () => {
  const trail = new AuditTrail(path, silentLog);
  trail.record(bind);
  trail.record({ ...bind, application: undefined, detail: undefined, target: "cn=a\nb", attributes: ["sn", "mail"] });
  await trail.close();
  const [first, second, ...rest] = linesOf(path);
  expect(rest).toEqual([]);
  expect(JSON.parse(first!)).toEqual({ ...bind, time: "2025-01-31T12:00:00.005Z" });
  expect(first).toMatch(/^\{"time":"2025-01-31T12:00:00.005Z","address":"192.0.2.10",/);
  expect(JSON.parse(second!)).toMatchObject({ target: "cn=a\nb", attributes: ["sn", "mail"] });
  expect(second).not.toContain('application":');
});

test("the folder is made, the file is for its owner only, and what stood in it stays", async () => {
  for (const session of [1, 2]) {
    const trail = new AuditTrail(path, silentLog);
    trail.record({ ...bind, session });
    await trail.close();
  }
  expect(sessionsOf(path)).toEqual([1, 2]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a file that cannot be opened is an error at the start", () => {
  mkdirSync(path, { recursive: true });
  expect(() => new AuditTrail(path, silentLog)).toThrow(/EISDIR/);
});

test("thousands of records arrive whole and in order, however their recording falls into turns", async () => {
  const trail = new AuditTrail(path, silentLog);
  for (const session of sessions(0, 5000)) {
    trail.record({ ...bind, session });
    if (session % 7 === 0) await null;
    if (session % 101 === 0) await new Promise(setImmediate);
  }
  await trail.flush();
  expect(sessionsOf(path)).toEqual(sessions(0, 5000));
  await trail.close();
});

test("a record made while the last one is just being done is written without another one following", async () => {
  const trail = new AuditTrail(path, silentLog);
  for (const session of sessions(0, 200)) {
    trail.record({ ...bind, session });
    await trail.flush();
    expect(linesOf(path)).toHaveLength(session + 1);
  }
  await trail.close();
});

test("after a rotation reopen goes on in a new file and no record is lost or torn", async () => {
  const trail = new AuditTrail(path, silentLog);
  for (const session of sessions(0, 1000)) trail.record({ ...bind, session });
  renameSync(path, `${path}.1`);
  const reopened = trail.reopen();
  for (const session of sessions(1000, 2000)) trail.record({ ...bind, session });
  await reopened;
  trail.record({ ...bind, session: 2000 });
  await trail.close();
  expect([...sessionsOf(`${path}.1`), ...sessionsOf(path)]).toEqual(sessions(0, 2001));
  expect(sessionsOf(path)).toContain(2000);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("if the new file cannot be opened the old one stays in use", async () => {
  const trail = new AuditTrail(path, silentLog);
  renameSync(path, `${path}.1`);
  mkdirSync(path);
  await trail.reopen();
  trail.record(bind);
  await trail.close();
  expect(linesOf(`${path}.1`)).toHaveLength(1);
});

test("a disk that takes nothing throws at nobody and is told to the log once", async () => {
  const lines: string[] = [];
  const trail = new AuditTrail(
    "/dev/full",
    createLog({ level: "info", destination: { write: (line) => lines.push(line) } }),
  );
  for (const session of sessions(0, 3)) {
    trail.record({ ...bind, session });
    await trail.flush();
  }
  await trail.close();
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: "error", err: { code: "ENOSPC" } });
});

test("a record that cannot be written as JSON throws at nobody", async () => {
  const trail = new AuditTrail(path, silentLog);
  trail.record({ ...bind, time: Number.NaN });
  trail.record(bind);
  await trail.close();
  trail.record(bind);
  expect(linesOf(path)).toHaveLength(1);
});

test("without a path the records are lines of the log", async () => {
  const lines: string[] = [];
  const trail = new AuditTrail(
    undefined,
    createLog({ level: "info", destination: { write: (line) => lines.push(line) } }),
  );
  trail.record(bind);
  await trail.reopen();
  await trail.close();
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: "info",
    audit: { subject: "anonymous", outcome: "invalidCredentials", time: "2025-01-31T12:00:00.005Z" },
  });
});

test("what was recorded before the process exits is in the file", async () => {
  const built = new URL("../../dist/telemetry/", import.meta.url).href;
  const program = `
    const { AuditTrail } = await import(${JSON.stringify(`${built}audit.js`)});
    const { silentLog } = await import(${JSON.stringify(`${built}log.js`)});
    const trail = new AuditTrail(${JSON.stringify(path)}, silentLog);
    for (let session = 0; session < 100; session += 1) trail.record({ ...${JSON.stringify(bind)}, session });
    process.exit();
  `;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  expect(sessionsOf(path)).toEqual(sessions(0, 100));
});
