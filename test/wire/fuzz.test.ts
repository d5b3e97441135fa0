// The server under a rain of messages that are nearly right. GATEHOUSE_FUZZ_MESSAGES=1000000 is a night's worth of it,
// GATEHOUSE_FUZZ_SEED=N repeats a rain.
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { defaultLimits } from "../../src/model/limits.js";
import { DecodeError, decodeMessage } from "../../src/wire/decode.js";
import { Bystanders } from "./fuzz-bystanders.js";
import { rain, type Tally } from "./fuzz-rain.js";
import { serverProcess } from "./fuzz-server.js";
import { everyMutation, fuzzSeed, mutated } from "./hostile-bytes.js";

const count = Number(process.env.GATEHOUSE_FUZZ_MESSAGES ?? 50_000);
const again = `GATEHOUSE_FUZZ_SEED=${fuzzSeed}`;
/** Milliseconds: for the slowest of machines. */
const timeout = 120_000 + 3 * count;

/**
 * What the bystanders have to put up with: ninety-nine of a hundred answers within 100 ms, and each within a second. The
 * machine has others to serve than the server, and takes a tenth of a second from it now and then.
 */
function expectShort(waits: readonly number[]): void {
  expect(waits.length).toBeGreaterThan(100);
  expect(waits.filter((wait) => wait > 100).length).toBeLessThan(waits.length / 100);
  expect(Math.max(...waits)).toBeLessThan(1000);
}

/** For whoever reads the output: of a night's run nothing else is seen. */
function figures(name: string, began: number, tallies: readonly Tally[], waits: readonly number[]): string {
  const sum = (of: (tally: Tally) => number) => tallies.map(of).reduce((one, other) => one + other);
  const seconds = (performance.now() - began) / 1000;
  const messages = sum(({ taken }) => taken);
  const sorted = waits.toSorted((a, b) => a - b);
  const wait = (share: number) => `${sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1)} ms`;
  return [
    `${name}: ${messages} messages in ${seconds.toFixed(1)} s (${Math.round(messages / seconds)} a second)`,
    `${sum(({ connections }) => connections)} connections, of which the server ended`,
    `${sum(({ notices }) => notices)} with a notice and ${sum(({ silent }) => silent)} without`,
    `others waited ${wait(0.5)} (half of them), ${wait(0.99)} (99 %), ${wait(1)} (the longest)`,
  ].join("; ");
}

test("every single-byte mutation of every operation harms nobody", { timeout }, async () => {
  const server = await serverProcess();
  const bystanders = await Bystanders.at(server.port);
  const mutations = everyMutation();
  const began = performance.now();
  const tally = await bystanders.during(
    rain({
      port: server.port,
      name: "single bytes",
      senders: "all",
      from: 0,
      to: mutations.length,
      messageOf: (n) => mutations[n]!,
    }),
  );
  console.log(figures("single bytes", began, [tally], bystanders.waits));
  expect(tally).toMatchObject({ complaints: [], taken: 2 * mutations.length });
  expectShort(bystanders.waits);
  expect(server.errors).toEqual([]);
  await server.stop();
});

test(`a rain of ${count} malformed messages harms nobody but those who send them (${again})`, { timeout }, async () => {
  const server = await serverProcess();
  const bystanders = await Bystanders.at(server.port);
  const tallies: Tally[] = [];
  const send = async (from: number, to: number) => {
    const messageOf = (n: number) => mutated(fuzzSeed, n);
    tallies.push(
      await bystanders.during(rain({ port: server.port, name: again, senders: "in turn", from, to, messageOf })),
    );
    expect(tallies.at(-1)).toMatchObject({ complaints: [], taken: to - from });
  };
  const began = performance.now();
  await send(0, Math.floor(count / 3));
  const before = await server.memory();
  await send(Math.floor(count / 3), count);
  const after = await server.memory();
  console.log(figures(again, began, tallies, bystanders.waits));
  console.log(`memory: ${Math.round(before)} MiB after a third, ${Math.round(after)} MiB; ${server.writes} writes`);
  expectShort(bystanders.waits);
  expect(after - before).toBeLessThan(100);
  // Else it would be no rain: some messages end their connection, and some are carried out.
  expect(tallies[0]!.notices).toBeGreaterThan(tallies[0]!.taken / 100);
  expect(server.writes).toBeGreaterThan(count / 1000);
  expect(server.errors).toEqual([]);
  await server.stop();
});

/** Milliseconds that a message may take to decode. */
const patience = 50;

/**
 * Decodes messages number 0 to `end`, a thousand at a time under a watchdog that ends even a loop without an end.
 * Whatever is thrown but DecodeError is told with its message. Returns how many it decoded.
 */
function decodeAll(name: string, end: number, messageOf: (n: number) => Buffer): number {
  let n = 0;
  let message: Buffer = Buffer.alloc(0);
  const milliseconds = (): number => {
    const began = performance.now();
    try {
      decodeMessage(message, defaultLimits);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
    return performance.now() - began;
  };
  const decodeSome = () => {
    for (const last = Math.min(end, n + 1000); n < last; n++) {
      message = messageOf(n);
      // The machine has other things to do as well, but not three times in a row.
      if ([1, 2, 3].every(() => milliseconds() > patience)) throw new Error(`it takes more than ${patience} ms`);
    }
  };
  try {
    while (n < end) runInNewContext("decodeSome()", { decodeSome }, { timeout: 10_000 });
  } catch (cause) {
    throw new Error(`${name}, message ${n}: ${message.toString("hex")}`, { cause });
  }
  return n;
}

test(`the decoder takes malformed messages or refuses them, each within ${patience} ms (${again})`, { timeout }, () => {
  const mutations = everyMutation();
  expect(decodeAll("single bytes", mutations.length, (n) => mutations[n]!)).toBe(mutations.length);
  expect(decodeAll(again, count, (n) => mutated(fuzzSeed, n))).toBe(count);
});
