#!/usr/bin/env node
// Measures Gatehouse beside OpenLDAP's slapd: the same data, the same load generator, one after the other on loopback.
//   npm run bench -- --users 100000 --groups 10000 --rounds 5 --seconds 4 --only search,page
// Options, with what they are when nothing is said:
const defaults = {
  users: "100000",
  groups: "10000",
  rounds: "5", // the figures are medians over them
  seconds: "4", // of each workload, in each round
  only: "", // workloads, of those in the table below
  connections: "8",
  dir: "", // where the data is kept; a temporary folder of the system. Writes are only as durable as its disk
  minutes: "120", // everything ends after this time
};

// What it needs: cc, and slapd for the comparison. It leaves bench/out/TIME.json, and nothing else: no process, no data.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const bench = fileURLToPath(new URL(".", import.meta.url));
const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const base = "dc=example,dc=com";
const secret = "bench-secret";

/**
 * What is measured. `unit` is what a figure of the page walk counts. The floor answers only what it has bytes for. Adds
 * come last, because they make the directory larger.
 */
const workloads = {
  whoami: { title: "who am I", args: () => ["-m", "whoami"], floor: true },
  whoamiAlone: { title: "who am I, one client", args: () => ["-m", "whoami"], floor: true, connections: 1 },
  whoamiDeep: { title: "who am I, 16 deep", args: () => ["-m", "whoami", "-P", "16"], floor: true },
  search: { title: "search by uid, all attributes", args: () => ["-m", "search", "-f", "(uid=user%d)"], floor: true },
  searchDeep: {
    title: "search by uid, 16 deep",
    args: () => ["-m", "search", "-f", "(uid=user%d)", "-P", "16"],
    floor: true,
  },
  groups: {
    title: "groups of a user",
    args: () => ["-m", "search", "-f", `(member=uid=user%d,ou=people,${base})`, "-A", "cn"],
  },
  compare: { title: "compare", args: () => ["-m", "compare", "-a", "uid", "-v", "user%d"], floor: true },
  login: { title: "user bind, {SSHA}", args: () => ["-m", "bind"] },
  page: {
    title: "full read in pages of 1000",
    args: () => ["-m", "page", "-f", "(objectClass=person)", "-z", "1000"],
    connections: 1,
    unit: "entries",
  },
  modify: { title: "modify, durable", args: () => ["-m", "modify"] },
  add: { title: "add, durable", args: (run) => ["-m", "add", "-s", String(10_000_000 + run * 1_000_000)] },
};

// --- processes and files, and their end

const children = new Set();
let folder;
let ending = false;

/** Ends what was started, by process ID, and removes the data. */
function cleanUp() {
  ending = true;
  for (const child of children) child.kill("SIGKILL");
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  folder = undefined;
}

process.on("exit", cleanUp);
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
]) {
  process.on(signal, () => process.exit(code));
}

function start(command, args, stdio = ["ignore", "pipe", "pipe"]) {
  const child = spawn(command, args, { stdio, detached: false });
  children.add(child);
  child.on("error", () => children.delete(child));
  child.on("exit", () => children.delete(child));
  return child;
}

/** Runs a command to its end; resolves with its output and fails with its last words. */
async function run(command, args, { input, output, allowed = [0], seconds = 3600 } = {}) {
  const child = start(command, args, ["pipe", "pipe", "pipe"]);
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  let out = "";
  let errors = "";
  child.stderr.on("data", (data) => {
    errors = (errors + data).slice(-2000);
  });
  if (output) child.stdout.pipe(output);
  else
    child.stdout.on("data", (data) => {
      out += data;
    });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  if (!allowed.includes(code)) {
    const ended = signal ? `was ended by ${signal}, perhaps after ${seconds} s` : `ended with ${code}`;
    throw new Error(`${command} ${args.join(" ")} ${ended}\n${errors}`);
  }
  return { out, errors, code };
}

async function timed(action) {
  const began = performance.now();
  await action();
  return (performance.now() - began) / 1000;
}

function find(program) {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"];
  return folders.map((one) => join(one, program)).find((path) => existsSync(path));
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function untilConnected(port, child) {
  for (const until = Date.now() + 60_000; Date.now() < until; await wait(50)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const connected = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error")]).catch(
      () => false,
    );
    socket.destroy();
    if (connected === true) return;
  }
  throw new Error(`nothing listens on port ${port}`);
}

// --- the servers

/** The password of the application costs next to nothing: what is measured is the directory, not bcrypt. */
async function gatehouse(ldif) {
  const config = join(folder, "gatehouse");
  mkdirSync(config);
  writeFileSync(
    join(config, "server.yaml"),
    `suffix: ${base}\nlisten:\n  - ldap://127.0.0.1:0\nstore:\n  path: data\npasswords:\n  scheme: bcrypt\n  cost: 4\nlog:\n  audit: audit.log\n`,
  );
  writeFileSync(join(config, "applications.yaml"), "applications: []\n");
  const command = (...args) => run(process.execPath, [main, ...args, "--config", config], { input: secret });
  const { out: hash } = await command("hash");
  writeFileSync(
    join(config, "applications.yaml"),
    `applications:\n  - name: bench\n    password: ${JSON.stringify(hash.trim())}\n    addresses: [127.0.0.1]\n    access: admin\n`,
  );
  const load = await timed(() => command("import", ldif));
  const child = start(process.execPath, [main, "serve", "--config", config]);
  let errors = "";
  child.stderr.on("data", (data) => {
    errors = (errors + data).slice(-2000);
  });
  const port = await new Promise((resolve, reject) => {
    child.on("exit", (code) => reject(new Error(`gatehouse serve ended with ${code}\n${errors}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { msg, listen } = JSON.parse(line);
      if (msg === "ready") resolve(Number(new URL(listen[0]).port));
    });
  });
  return { name: "gatehouse", child, port, load, bind: ["-D", `cn=bench,ou=applications,${base}`, "-w", secret] };
}

async function slapd(ldif) {
  const script = join(bench, "slapd.sh");
  const data = join(folder, "slapd");
  const load = await timed(() => run("bash", [script, "load", data, ldif, base]));
  const port = await freePort();
  const child = start("bash", [script, "serve", data, String(port)], ["ignore", "ignore", "ignore"]);
  await untilConnected(port, child);
  return { name: "slapd", child, port, load, bind: ["-D", `cn=admin,${base}`, "-w", "secret"] };
}

async function floor() {
  const child = start(process.execPath, [join(bench, "floor.mjs")]);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { name: "floor", child, port: Number(line.split(":").at(-1)), bind: ["-D", "cn=anybody", "-w", "anything"] };
}

// --- measuring

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Microseconds of CPU that a process and its threads have used, in user and system time. */
function cpuTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

/** MiB resident, and of that the part that is no file: slapd maps its database, which counts as resident too. */
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (name) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) / 1024);
  return { rss: mebibytes("VmRSS"), anonymous: mebibytes("RssAnon") };
}

let runs = 0;

async function measure(server, workload, seconds, { users, connections }, load) {
  const args = ["-p", server.port, "-b", base, "-u", users, "-t", seconds, "-c", workload.connections ?? connections];
  const { pid } = server.child;
  const before = cpuTime(pid);
  const { out, errors, code } = await run(load, [...args, ...server.bind, ...workload.args(++runs), "-j"].map(String), {
    allowed: [0, 1],
    seconds: seconds + 90,
  });
  if (out === "") throw new Error(`${server.name}: the load generator gave up (exit code ${code})\n${errors}`);
  const figures = JSON.parse(out);
  const perSecond = workload.unit === "entries" ? figures.entries_per_s : figures.ops_per_s;
  const count = perSecond * figures.seconds;
  return {
    perSecond,
    p50: figures.p50_ms,
    p99: figures.p99_ms,
    cpu: count > 0 ? (cpuTime(pid) - before) / count : 0,
    ...memory(pid),
    failed: figures.failed,
    ...(figures.failed > 0 ? { failures: errors.trim() } : {}),
  };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function medians(samples) {
  const names = ["perSecond", "p50", "p99", "cpu", "rss", "anonymous"];
  const failed = samples.reduce((sum, sample) => sum + sample.failed, 0);
  return { ...Object.fromEntries(names.map((name) => [name, median(samples.map((one) => one[name]))])), failed };
}

// --- telling

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, n) => (n < 2 ? cell.padEnd(widths[n]) : cell.padStart(widths[n])))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

const rounded = (value) => (value >= 100 ? String(Math.round(value)) : value.toPrecision(3));

function resultTable(results) {
  const rows = [["workload", "server", "per second", "p50 ms", "p99 ms", "CPU µs each", "RSS MiB", "to slapd"]];
  for (const [name, byServer] of Object.entries(results)) {
    for (const [server, { perSecond, p50, p99, cpu, rss, failed }] of Object.entries(byServer)) {
      const { title, unit } = workloads[name];
      const ratio = byServer.slapd && server !== "slapd" ? perSecond / byServer.slapd.perSecond : undefined;
      rows.push([
        title + (unit ? `, ${unit}` : ""),
        server,
        rounded(perSecond) + (failed > 0 ? ` (${failed} failed)` : ""),
        ...[p50, p99, cpu].map(rounded),
        String(Math.round(rss)),
        ratio === undefined ? "" : `${ratio.toFixed(2)} x`,
      ]);
    }
  }
  return table(rows);
}

async function machine() {
  const quietly = (command, args) => {
    try {
      return execFileSync(command, args, { encoding: "utf8", cwd: bench, stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return "";
    }
  };
  const { type } = await statfs(folder);
  return {
    processors: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    load: loadavg()[0],
    disk: type === 0x01021994 ? "tmpfs: writes are not durable here, give --dir" : `filesystem 0x${type.toString(16)}`,
    node: process.version,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query has placeholders of its own.
    slapd: quietly("dpkg-query", ["-W", "-f", "${Version}", "slapd"]),
    commit: quietly("git", ["describe", "--always", "--dirty"]),
  };
}

// --- the run

function readOptions() {
  const types = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, { type: "string", default: value }]),
  );
  const { values } = parseArgs({ options: types });
  const number = (name) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1 on`);
    return value;
  };
  const only = values.only === "" ? Object.keys(workloads) : values.only.split(",");
  const unknown = only.find((name) => !(name in workloads));
  if (unknown !== undefined) throw new Error(`there is no workload ${unknown}: ${Object.keys(workloads).join(", ")}`);
  const numbers = ["users", "groups", "rounds", "seconds", "connections", "minutes"];
  return { ...Object.fromEntries(numbers.map((name) => [name, number(name)])), only, dir: values.dir || tmpdir() };
}

async function writeData(path, { users, groups }) {
  const file = createWriteStream(path);
  const done = once(file, "close");
  await run(process.execPath, [join(bench, "people.mjs"), "--users", users, "--groups", groups].map(String), {
    output: file,
  });
  await done;
}

async function runAll(options) {
  const { users, groups, rounds, seconds, only } = options;
  folder = mkdtempSync(join(options.dir, "gatehouse-bench-"));
  const about = await machine();
  for (const [name, value] of Object.entries(about)) if (value !== "") console.log(`${name}: ${value}`);
  console.log(`data: ${users} users, ${groups} groups; ${rounds} rounds of ${seconds} s each\n`);

  const load = join(folder, "ldapload");
  await run("cc", ["-O2", "-o", load, join(bench, "ldapload.c")]);
  const ldif = join(folder, "people.ldif");
  await writeData(ldif, options);

  const servers = [await gatehouse(ldif)];
  if (find("slapd") && find("slapadd")) servers.push(await slapd(ldif));
  else console.log("slapd is not installed here: Gatehouse alone is measured\n");
  servers.push(await floor());
  rmSync(ldif);

  const imports = {};
  for (const { name, load: time } of servers) {
    if (time === undefined) continue;
    imports[name] = { seconds: time, perSecond: (users + groups + 3) / time };
    console.log(`import, ${name}: ${time.toFixed(1)} s, ${Math.round(imports[name].perSecond)} entries/s`);
  }
  console.log();

  const results = {};
  const samples = {};
  for (const name of Object.keys(workloads).filter((one) => only.includes(one))) {
    const workload = workloads[name];
    const taking = servers.filter((server) => server.name !== "floor" || workload.floor);
    for (const server of taking) await measure(server, workload, 1, options, load); // to be warm
    samples[name] = Object.fromEntries(taking.map((server) => [server.name, []]));
    for (let round = 0; round < rounds; round++) {
      // Who goes first changes, so that none has the better half of every round.
      for (const server of round % 2 === 0 ? taking : taking.toReversed()) {
        samples[name][server.name].push(await measure(server, workload, seconds, options, load));
      }
    }
    results[name] = Object.fromEntries(Object.entries(samples[name]).map(([server, all]) => [server, medians(all)]));
    if (process.stderr.isTTY) process.stderr.write(`${workload.title}: done\n`);
  }
  console.log(resultTable(results));

  const out = join(bench, "out");
  mkdirSync(out, { recursive: true });
  const path = join(out, `${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.json`);
  writeFileSync(path, `${JSON.stringify({ machine: about, options, imports, results, samples }, null, 2)}\n`);
  console.log(`\n${path}`);

  for (const { child } of servers) child.kill("SIGTERM");
  const gone = servers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  await Promise.race([Promise.all(gone.map(({ child }) => once(child, "exit"))), wait(10_000)]);
}

function failed(error) {
  if (!ending) console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

process.on("uncaughtException", failed);
process.on("unhandledRejection", failed);
try {
  const options = readOptions();
  const bound = setTimeout(() => failed(`not done after ${options.minutes} minutes`), options.minutes * 60_000);
  await runAll(options);
  clearTimeout(bound);
  process.exit(0);
} catch (error) {
  failed(error);
}
