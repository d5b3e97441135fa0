// A live server under a rain of bytes that are nearly right. Set GATEHOUSE_FUZZ_SECONDS for more of it, and
// GATEHOUSE_FUZZ_SEED to repeat one.
import { expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { startedServer } from "../support/server.js";
import { fuzzSeed, mutationsOf, Random, reshaped, samples, scrambled } from "./hostile-bytes.js";

const seconds = Number(process.env.GATEHOUSE_FUZZ_SECONDS ?? 8);
const administrator = "cn=console,ou=applications,dc=example,dc=com";

/** Sends everything on connections of its own, bound or not, until the server has closed them or taken it all. */
async function rain(port: number, isBound: boolean, messages: Iterable<Buffer>): Promise<number> {
  let client: RawClient | undefined;
  let sent = 0;
  for (const message of messages) {
    if (!client || client.isClosed) {
      client = await RawClient.connect(port);
      if (isBound) expect((await client.bind(administrator, "console-secret", 1000)).code).toBe(0);
    }
    client.send(message, send.whoAmI(1001));
    sent++;
    // A message cut short swallows the question behind it; then no answer comes before the next ones are sent.
    const answered = await Promise.race([client.until(1001).catch(() => undefined), silence(client)]);
    if (answered === undefined) client.socket.destroy();
  }
  client?.socket.destroy();
  return sent;
}

/** Resolves when the client has sent enough for the server to see that it is no message, or is closed. */
async function silence(client: RawClient): Promise<undefined> {
  const other = await RawClient.connect(client.socket.remotePort!);
  for (let id = 1; id <= 20; id++) await other.whoAmI(id);
  other.socket.destroy();
  return undefined;
}

test("every single-byte mutation of every operation leaves the server answering", { timeout: 120_000 }, async () => {
  const server = await startedServer({ lasts: "test" });
  const other = await RawClient.connect(server.port);
  let id = 0;
  for (const { bytes } of samples) {
    // Many on one connection each: what one does to the connection must not matter to the next.
    const mutations = [...mutationsOf(bytes)];
    const clients = await Promise.all(mutations.map(() => RawClient.connect(server.port)));
    for (const [n, client] of clients.entries()) {
      client.send(mutations[n]!);
      client.socket.end();
    }
    await Promise.all(clients.map((client) => client.rest()));
    const began = performance.now();
    expect(await other.whoAmI(++id)).toBe("");
    expect(performance.now() - began).toBeLessThan(1000);
  }
});

test(`a rain of malformed messages for ${seconds} s, seed ${fuzzSeed}`, {
  timeout: (seconds + 60) * 1000,
}, async () => {
  const server = await startedServer({ lasts: "test" });
  const random = new Random(fuzzSeed);
  const until = performance.now() + seconds * 1000;
  const wholeTime = seconds * 1000;
  let worst = 0;
  function* messages(): Generator<Buffer> {
    while (performance.now() < until) {
      const { bytes } = random.of(samples);
      yield random.below(2) === 0 ? reshaped(bytes, random) : scrambled(bytes, random);
    }
  }
  const watch = async () => {
    const other = await RawClient.connect(server.port);
    for (let id = 1; performance.now() < until; id = (id % 1000) + 1) {
      const began = performance.now();
      expect(await other.whoAmI(id)).toBe("");
      worst = Math.max(worst, performance.now() - began);
    }
  };
  const before = process.memoryUsage().rss;
  const [anonymous, bound] = await Promise.all([
    rain(server.port, false, messages()),
    rain(server.port, true, messages()),
    watch(),
  ]);
  expect(anonymous + bound).toBeGreaterThan(wholeTime / 100);
  expect(worst).toBeLessThan(1000);
  expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20);
});
