// Clients that ask for the whole directory and do not take it: what waits for them costs no memory and no time, does not
// wait for ever, and slows nobody else. By night the directory is a million people, else some thousands.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ending, start } from "../cli/gatehouse.js";
import * as send from "../support/raw-client.js";
import { type RawClient, responseTags } from "../support/raw-client.js";
import { isNight } from "./nightly.js";
import { inMiB, MiB } from "./process-figures.js";
import { configure, people, Served, type Serving, tracker, wiki } from "./served.js";

const count = isNight ? 1_000_000 : 20_000;
const minutes = 60_000;
const generator = fileURLToPath(new URL("../../bench/people.mjs", import.meta.url));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-load-"));
  await mkdir(join(folder, "config"));
  await configure(folder);
  const writer = spawn(process.execPath, [generator, "--users", String(count), "--groups", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const reader = start(["import", "-"], { folder });
  const outcome = ending(reader);
  writer.stdout.pipe(reader.stdin!.on("error", () => {})); // it may end before it has read everything
  const { code, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr);
}, 10 * minutes);

afterAll(() => rm(folder, { recursive: true, force: true }));

const everyone = (id: number) => send.search(id, { base: people, scope: 1 });

/** Reads all that is answered to one search; gives how long that took, in milliseconds. */
async function readEveryone(client: RawClient, id: number): Promise<number> {
  const began = performance.now();
  client.send(everyone(id));
  let entries = 0;
  for (;;) {
    const answer = await client.next();
    if (answer?.tag === responseTags.entry && answer.id === id) entries++;
    else {
      expect(answer).toMatchObject({ id, tag: responseTags.searchDone, code: 0 });
      break;
    }
  }
  expect(entries).toBe(count);
  return performance.now() - began;
}

/** The caches are full of what was read, and what an import leaves to be put in order has been. */
async function warmServer(limits: Serving["limits"]): Promise<{ served: Served; other: RawClient }> {
  const served = await Served.start({ folder, limits: { ...limits, timeLimit: 0 } });
  const other = await served.bound(tracker);
  for (const id of [2, 3]) await readEveryone(other, id);
  await served.calm(120);
  return { served, other };
}

/** Asks for everyone many times over, far more than the kernel keeps for it, and reads nothing. */
async function stalled(served: Served): Promise<RawClient> {
  const client = await served.bound(wiki);
  client.socket.pause();
  client.send(...Array.from({ length: 24 }, (_, n) => everyone(n + 2)));
  return client;
}

const silence = isNight ? 20 : 4;

test("who asks for everything and reads nothing costs no memory and no time, and is disconnected after writeStall", {
  timeout: 5 * minutes,
}, async ({ annotate }) => {
  const { served, other } = await warmServer({ writeStall: `${silence}s` });
  const before = await served.figures();
  const watch = served.watched();
  await stalled(served);
  await pause(1000); // the kernel takes some of it
  const early = await served.figures();
  await pause((silence - 2) * 1000);
  const late = await served.figures();
  expect(await served.connections()).toBe(2);
  await served.holds(1, silence + 5);
  const most = watch.end() - before.resident;
  await annotate(
    `${count} entries: ${inMiB(most)} more at the most, ${inMiB(late.resident - early.resident)} and ` +
      `${late.cpu - early.cpu} ms of CPU in ${silence - 2} s of silence`,
  );
  expect(served.log.filter(({ msg }) => msg?.includes("takes no answers"))).toHaveLength(1);
  expect(most).toBeLessThan(64 * MiB);
  expect(late.resident - early.resident).toBeLessThan(8 * MiB);
  expect(late.cpu - early.cpu).toBeLessThan((silence - 2) * 100);
  await served.calm(5);
  expect(await other.whoAmI(2)).toBe(`dn:${tracker}`);
});

test("fifty of them cost little each, however many searches each has asked for at once", {
  timeout: 5 * minutes,
}, async ({ annotate }) => {
  const { served, other } = await warmServer({});
  const before = await served.figures();
  const watch = served.watched();
  const clients = 50;
  for (let n = 0; n < clients; n++) await stalled(served);
  await pause(3000);
  const grown = watch.end() - before.resident;
  await annotate(`${clients} clients: ${inMiB(grown)} more, ${Math.round(grown / clients / 1024)} KiB each`);
  expect(grown).toBeLessThan(clients * 6 * MiB);
  const began = performance.now();
  expect(await other.whoAmI(2)).toBe(`dn:${tracker}`);
  expect(performance.now() - began).toBeLessThan(1000);
});

test("those who take nothing give up their places when others want them, those who have longest first", {
  timeout: 5 * minutes,
}, async () => {
  const { served, other } = await warmServer({ searchesSending: 8 });
  const first = await stalled(served);
  await pause(1500);
  const second = await stalled(served);
  await pause(1500);
  expect(await served.connections()).toBe(3);
  expect(await readEveryone(other, 2)).toBeLessThan(5000);
  first.socket.resume();
  await first.closed;
  expect(second.isClosed).toBe(false);
  expect(await served.connections()).toBe(2);
});

test("who asks for everything and leaves with an RST takes the searches along", {
  timeout: 5 * minutes,
}, async ({ annotate }) => {
  const { served, other } = await warmServer({});
  const comeAndGo = async () => {
    for (let n = 0; n < 5; n++) {
      const client = await stalled(served);
      await pause(200);
      client.socket.resetAndDestroy();
      await served.holds(1, 5);
    }
  };
  // Each of them is given 30 MiB or so, all its searches together.
  const left = await served.leavesNothing(32 * MiB, comeAndGo);
  await annotate(`five of them each time left ${left.map(inMiB).join(", ")}`);
  await served.calm(5);
  expect(await other.whoAmI(2)).toBe(`dn:${tracker}`);
});

test("who reads 64 KiB a second slows no search but its own, and is not taken for one who reads nothing", {
  timeout: 10 * minutes,
}, async ({ annotate }) => {
  const { served, other: fast } = await warmServer({});
  const alone = await readEveryone(fast, 4);

  const slow = await served.bound(wiki);
  const bytesPerSecond = 64 * 1024;
  slow.socket.on("data", (chunk: Buffer) => {
    slow.socket.pause();
    setTimeout(() => slow.socket.resume(), (chunk.length / bytesPerSecond) * 1000);
  });
  slow.send(...Array.from({ length: 24 }, (_, n) => everyone(n + 2)));
  const began = performance.now();
  const beside: number[] = [];
  const long = isNight ? 90 : 4;
  for (let id = 5; performance.now() - began < long * 1000; id++) beside.push(await readEveryone(fast, id));
  const seconds = (performance.now() - began) / 1000;
  const read = slow.socket.bytesRead / seconds;

  const best = Math.min(...beside);
  await annotate(
    `${count} entries in ${Math.round(alone)} ms alone, in ${Math.round(best)} ms at best of ${beside.length} beside ` +
      `one who read ${Math.round(read / 1024)} KiB a second for ${Math.round(seconds)} s`,
  );
  expect(best).toBeLessThan(5 * alone + 1000);
  expect(slow.isClosed).toBe(false);
  expect(read).toBeGreaterThan(bytesPerSecond / 2);
  expect(read).toBeLessThan(bytesPerSecond * 2);
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
