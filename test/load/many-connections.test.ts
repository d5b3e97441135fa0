// Connections held at once, all of them in use: what each costs, that each is answered, and that nothing of them is left.
import { expect, type TestContext, test } from "vitest";
import * as send from "../support/raw-client.js";
import { Crowd } from "./crowd.js";
import { byNight, isNight } from "./nightly.js";
import { inMiB } from "./process-figures.js";
import { password, Served, wiki } from "./served.js";

/** A connection may cost so much, in bytes. */
const most = 32 * 1024;
/** An address has 28,000 ports to connect from, and some may be taken. */
const addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

const behaviour = "are held at once, half of them bound, each is answered, and nothing is left of them";

test(`1,000 connections ${behaviour}`, { timeout: 60_000 }, (context) => holdAtOnce(1000, context));

test.skipIf(!isNight)(`10,000 connections ${behaviour}${byNight}`, { timeout: 120_000 }, (context) =>
  holdAtOnce(10_000, context),
);

async function holdAtOnce(count: number, { annotate }: TestContext): Promise<void> {
  const served = await Served.start({ limits: { connections: 12_000, connectionsPerAddress: 12_000 } });
  const warming = new Crowd();
  for (let n = 0; n < 4; n++) {
    await warming.open(served.port, 500, addresses);
    await warming.ask(send.bind(1, wiki, password));
    await warming.reset();
  }
  await served.holds(0);
  const before = await served.figures();

  // Two processes, for one alone may not have as many descriptors as the server.
  const [anonymous, bound] = [new Crowd(), new Crowd()];
  const each = count / 2;
  const open = async (crowd: Crowd, question: Buffer, answer: object) => {
    await crowd.open(served.port, each, addresses);
    expect(await crowd.ask(question)).toMatchObject([{ count: each, response: answer }]);
  };
  await Promise.all([
    open(anonymous, send.whoAmI(1), { code: 0 }),
    open(bound, send.bind(1, wiki, password), { code: 0 }),
  ]);
  await served.holds(count);
  const during = await served.figures();

  // Whoever came first is still there, and known.
  const answers = await Promise.all([anonymous, bound].map((crowd) => crowd.ask(send.whoAmI(2))));
  const names = answers.map(([heard, ...others]) => {
    expect(others).toEqual([]);
    return [heard?.count, heard?.response?.responseValue?.toString()];
  });
  expect(names).toEqual([
    [each, ""],
    [each, `dn:${wiki}`],
  ]);

  const grown = during.resident - before.resident;
  await annotate(`${count} connections: ${inMiB(grown)} more, ${Math.round(grown / count)} bytes each`);
  expect(grown).toBeLessThan(count * most);

  await anonymous.say(send.unbind(3));
  await Promise.all([anonymous.hear(), bound.reset()]);
  await served.holds(0);
  const after = await served.figures();
  await annotate(`afterwards ${inMiB(after.resident - before.resident)} more than before`);
  // A table of the store that is opened meanwhile is a descriptor too.
  expect(after.files).toBeLessThanOrEqual(before.files + 8);
}
