import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditFile } from "../../src/telemetry/audit-file.js";
import { createLog, silentLog } from "../../src/telemetry/log.js";
import { olderFile, olderNumbers } from "../../src/telemetry/rotated-files.js";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-rotation-"));
  path = join(folder, "audit.log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lineOf = (n: number, width = 40) => `${JSON.stringify({ n, text: "ä".repeat(width) })}\n`;
const lineBytes = Buffer.byteLength(lineOf(1000));
/** From 1000 on, so that all are of one length. */
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => 1000 + from + index);

const numbersIn = (file: string): number[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line).n);

async function allNumbers(): Promise<number[]> {
  const older = (await olderNumbers(path)).reverse().map((number) => olderFile(path, number));
  // One that was killed at the right moment has not made the new file yet.
  return [...older, path].filter((file) => existsSync(file)).flatMap(numbersIn);
}

test("no file exceeds the size, and nothing is lost or torn, in one write and in many", async () => {
  const file = new AuditFile(path, { bytes: 10 * lineBytes + 5, files: 1000 }, silentLog);
  for (const n of numbers(0, 105)) file.append(lineOf(n));
  await file.flush();
  for (const n of numbers(105, 500)) {
    file.append(lineOf(n));
    if (n % 3 === 0) await file.flush();
  }
  await file.close();
  expect(await allNumbers()).toEqual(numbers(0, 500));
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size / lineBytes);
  expect(sizes).toEqual(Array(50).fill(10));
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("so many older files are kept, and the oldest gives way", async () => {
  const file = new AuditFile(path, { bytes: lineBytes, files: 3 }, silentLog);
  for (const n of numbers(0, 10)) file.append(lineOf(n));
  await file.close();
  expect(readdirSync(folder).sort()).toEqual(["audit.log", "audit.log.1", "audit.log.2", "audit.log.3"]);
  expect(await allNumbers()).toEqual(numbers(6, 10));
});

test("a line that is longer than the size has a file of its own", async () => {
  const file = new AuditFile(path, { bytes: 2 * lineBytes, files: 10 }, silentLog);
  for (const n of numbers(0, 5)) file.append(lineOf(n, n === 1002 ? 200 : 40));
  await file.close();
  expect([olderFile(path, 2), olderFile(path, 1), path].map(numbersIn)).toEqual([[1000, 1001], [1002], [1003, 1004]]);
});

test("what stands in the file at the start counts, and a line without its end is ended", async () => {
  writeFileSync(path, lineOf(1000) + lineOf(1001) + lineOf(1002).slice(0, 20));
  const file = new AuditFile(path, { bytes: 4 * lineBytes, files: 10 }, silentLog);
  for (const n of numbers(3, 6)) file.append(lineOf(n));
  await file.close();
  expect(readFileSync(`${path}.1`, "utf8")).toBe(
    `${lineOf(1000)}${lineOf(1001)}${lineOf(1002).slice(0, 20)}\n${lineOf(1003)}`,
  );
  expect(numbersIn(path)).toEqual([1004, 1005]);
});

test("with 0 bytes the file grows on", async () => {
  const file = new AuditFile(path, { bytes: 0, files: 10 }, silentLog);
  for (const n of numbers(0, 5000)) file.append(lineOf(n));
  await file.close();
  expect(readdirSync(folder)).toEqual(["audit.log"]);
  expect(await allNumbers()).toEqual(numbers(0, 5000));
});

test("where a rename fails the old file is gone on with, and the log is told once", async () => {
  mkdirSync(join(olderFile(path, 1), "in the way"), { recursive: true });
  const said: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => said.push(JSON.parse(line).msg) } });
  const file = new AuditFile(path, { bytes: 2 * lineBytes, files: 1 }, log);
  for (const n of numbers(0, 20)) {
    file.append(lineOf(n));
    await file.flush();
  }
  await file.close();
  expect(numbersIn(path)).toEqual(numbers(0, 20));
  expect(said).toEqual(["the audit file is full and cannot be rotated; it goes on growing"]);
});

test("a gap that an end in the middle of a rotation left is filled by the next one", async () => {
  writeFileSync(olderFile(path, 2), lineOf(1000));
  writeFileSync(path, lineOf(1001));
  const file = new AuditFile(path, { bytes: lineBytes, files: 2 }, silentLog);
  file.append(lineOf(1002));
  await file.close();
  expect(await allNumbers()).toEqual([1000, 1001, 1002]);
});

test("a file that somebody else moved away is left where it is", async () => {
  const file = new AuditFile(path, { bytes: 2 * lineBytes, files: 5 }, silentLog);
  for (const n of numbers(0, 2)) file.append(lineOf(n));
  await file.flush();
  renameSync(path, join(folder, "moved"));
  writeFileSync(path, "");
  for (const n of numbers(2, 4)) file.append(lineOf(n));
  await file.flush();
  expect([numbersIn(join(folder, "moved")), numbersIn(path)]).toEqual([
    [1000, 1001],
    [1002, 1003],
  ]);
  renameSync(path, join(folder, "moved again"));
  await file.reopen();
  file.append(lineOf(1004));
  await file.close();
  expect(numbersIn(path)).toEqual([1004]);
  expect(existsSync(olderFile(path, 1))).toBe(false);
});

test("killed at any moment, the files hold every line that was flushed, once, whole and in order", async () => {
  const built = new URL("../../dist/telemetry/", import.meta.url).href;
  const program = `
    const { AuditFile } = await import(${JSON.stringify(`${built}audit-file.js`)});
    const { silentLog } = await import(${JSON.stringify(`${built}log.js`)});
    const file = new AuditFile(${JSON.stringify(path)}, { bytes: 2000, files: 100000 }, silentLog);
    for (let n = Number(process.argv[1]); ; n += 1) {
      file.append(JSON.stringify({ n, text: "x".repeat(n % 90) }) + "\\n");
      if (n % 7 === 0) {
        await file.flush();
        process.stdout.write(n + "\\n");
      }
    }
  `;
  let next = 0;
  for (const wait of [1, 23, 57, 91, 140]) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program, String(next)]);
    let flushed = "";
    child.stdout.on("data", (piece) => {
      flushed += piece;
      if (flushed.length === piece.length) setTimeout(() => child.kill("SIGKILL"), wait);
    });
    await new Promise((resolve) => child.on("close", resolve));
    const lastFlushed = Number(flushed.split("\n").at(-2));
    const all = await allNumbers();
    expect(all).toEqual(Array.from({ length: all.length }, (_, n) => n));
    expect(all.length).toBeGreaterThan(lastFlushed);
    next = all.length;
  }
});
