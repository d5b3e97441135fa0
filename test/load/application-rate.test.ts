// limits.operationsPerSecond: an application that asks too fast is read more slowly, on all its connections together, and
// loses nothing; another one does not notice.
import { expect, test } from "vitest";
import type { RawClient } from "../support/raw-client.js";
import * as send from "../support/raw-client.js";
import { Served, tracker, wiki } from "./served.js";
import { Timings } from "./timings.js";

const perSecond = 50;
const seconds = 5;

test(`an application is held to ${perSecond} operations a second over three connections, while another one is answered at once`, async ({
  annotate,
}) => {
  const served = await Served.start({ limits: { operationsPerSecond: perSecond } });
  const greedy = await Promise.all([1, 2, 3].map(() => served.bound(wiki)));
  const modest = await served.bound(tracker);

  // Far more than is allowed, all at once: whatever comes of it, comes at the pace of the server.
  let answered = 0;
  const listen = async (client: RawClient) => {
    client.send(...Array.from({ length: 1000 }, (_, n) => send.whoAmI(n + 2)));
    for (let id = 2; ; id++) {
      const answer = await client.next();
      if (!answer) return;
      expect(answer).toMatchObject({ id, code: 0 });
      answered++;
    }
  };
  const listening = Promise.all(greedy.map(listen));
  // A second's worth may come at once, so the first one does not count.
  await pause(1000);
  const [before, began] = [answered, performance.now()];

  const timings = new Timings();
  for (let id = 2; performance.now() - began < seconds * 1000; id++) {
    expect(await timings.of(() => modest.whoAmI(id))).toBe(`dn:${tracker}`);
    await pause(2000 / perSecond); // half as fast as it may
  }
  const rate = ((answered - before) * 1000) / (performance.now() - began);
  for (const client of greedy) client.socket.destroy();
  await listening;

  await annotate(`${rate.toFixed(1)} a second; the other one: ${timings}`);
  expect(rate).toBeGreaterThan(perSecond * 0.8);
  expect(rate).toBeLessThan(perSecond * 1.2);
  // Slowed with the others, it would wait for three of theirs each time: 60 ms.
  expect(timings.quantile(0.5)).toBeLessThan(20);
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
