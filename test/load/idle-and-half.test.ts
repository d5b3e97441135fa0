// Thousands who take a connection and do nothing with it, or begin a message and never end it: what they cost is little,
// the server ends it by itself, and whoever works meanwhile does not notice.
import { expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { noticeOfDisconnection, type RawClient, responseTags } from "../support/raw-client.js";
import { Crowd } from "./crowd.js";
import { inMiB, MiB } from "./process-figures.js";
import { people, Served, wiki } from "./served.js";
import { Timings } from "./timings.js";

/** Asks one question after the other, whoAmI and a search for one entry by turns, until it is told to stop. */
class Worker {
  readonly timings = new Timings();
  readonly #client: RawClient;
  #id = 1;
  #isStopped = false;
  #done: Promise<void> | undefined;

  constructor(client: RawClient) {
    this.#client = client;
  }

  async ask(): Promise<void> {
    this.#id++;
    const id = this.#id;
    if (id % 2 === 0) {
      expect(await this.timings.of(() => this.#client.whoAmI(id))).toBe(`dn:${wiki}`);
      return;
    }
    const user = `user${id % 100}`;
    const filter = send.equality("uid", user);
    this.#client.send(send.search(id, { base: people, scope: 1, filter }));
    const answers = await this.timings.of(() => this.#client.until(id));
    expect(answers).toMatchObject([
      { id, tag: responseTags.entry, dn: `uid=${user},${people}` },
      { id, tag: responseTags.searchDone, code: 0 },
    ]);
  }

  begin(): void {
    const work = async () => {
      while (!this.#isStopped) await this.ask();
    };
    this.#done = work();
    this.#done.catch(() => {}); // `end` tells
  }

  async end(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}

test("2,000 idle connections and 2,000 in the middle of a message, all from one address, cost under 100 MiB, are timed out, and disturb nobody", {
  timeout: 60_000,
}, async ({ annotate }) => {
  // How many connections one address may have is left at its default: these fit, and the one who works too.
  const served = await Served.start({ limits: { idleTimeBeforeBind: "12s", messageTime: "5s" } });
  const client = await served.bound();
  const warming = new Worker(client);
  // Until the memory that answering takes, which later versions of Node let grow far, is there before it is looked at.
  for (let n = 0; n < 60_000; n++) await warming.ask();
  const before = await served.figures();

  const worker = new Worker(client);
  worker.begin();
  const watch = served.watched();
  const [idle, half] = [new Crowd(), new Crowd()];
  await Promise.all([idle, half].map((crowd) => crowd.open(served.port, 2000)));
  await served.holds(4001);
  const whole = send.search(1, { attributes: Array.from({ length: 500 }, () => "cn") });
  await half.say(whole.subarray(0, whole.length / 2));

  const [heardByIdle, heardByHalf] = await Promise.all([idle.hear(), half.hear()]);
  const notice = { id: 0, tag: responseTags.extended, responseName: noticeOfDisconnection };
  expect(heardByIdle).toMatchObject([{ count: 2000, response: { ...notice, code: 52 } }]);
  expect(heardByHalf).toMatchObject([{ count: 2000, response: { ...notice, code: 2 } }]);
  expect(heardByHalf[0]?.response?.message).toContain("not finished in time");
  await served.holds(1);
  await worker.end();

  const grown = watch.end() - before.resident;
  await annotate(`4,000 connections: ${inMiB(grown)} more, ${Math.round(grown / 4000)} bytes each`);
  await annotate(`a working client meanwhile: ${worker.timings}`);
  expect(grown).toBeLessThan(100 * MiB);
  expect(worker.timings.count).toBeGreaterThan(1000);
  expect(worker.timings.quantile(0.99)).toBeLessThan(250);
});

test("2,000 who have not bound and each begin a message of 255 KiB cost under 300 MiB, and those who go beyond the budget are told", {
  timeout: 60_000,
}, async ({ annotate }) => {
  const served = await Served.start({ limits: { messageTime: "5s" } });
  const client = await served.bound();
  const warming = new Worker(client);
  for (let n = 0; n < 60_000; n++) await warming.ask();
  const before = await served.figures();
  const watch = served.watched();
  const crowd = new Crowd();
  await crowd.open(served.port, 2000);
  // All of it but its end: an extended request of 255 KiB.
  const whole = send.extended(1, "1.2.3", Buffer.alloc(255 * 1024));
  await crowd.say(whole.subarray(0, 250 * 1024));
  const heard = await crowd.hear();
  const grown = watch.end() - before.resident;
  await annotate(
    `2,000 of 250 KiB: ${inMiB(grown)} more; heard: ${heard.map((one) => `${one.count} ${one.response?.code}`).join(", ")}`,
  );
  // The budget, the sockets, and what is not collected yet of those who were let go; without a budget it is 560 MiB.
  expect(grown).toBeLessThan(300 * MiB);
  const notice = (code: number) => heard.find(({ response }) => response?.code === code)?.count ?? 0;
  expect(notice(51)).toBeGreaterThan(1000);
  expect(await client.whoAmI(2)).toContain("dn:");
});
