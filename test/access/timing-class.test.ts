// How long an answer takes is of the same class for what is hidden and for what is not there: asked in turns on one
// connection, so that whatever else the machine does meets both alike.
import { beforeAll, expect, test } from "vitest";
import { Conversation, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { applicationsYaml } from "./applications.js";

/** Of each kind in one try; the medians may differ by this factor, in one of so many tries. */
const count = 600;
const factor = 1.5;
const tries = 4;

let server: StartedServer;

beforeAll(async () => {
  const view = 'view: { users: "(departmentNumber=sales)", hideAttributes: [telephoneNumber] }';
  server = await startedServer({ lasts: "file", applications: applicationsYaml({ shop: { more: [view] } }) });
});

type Ask = (client: Conversation, n: number) => Promise<unknown>;

const hidden = ["ann", "ben", "cora", "dan"];
const of = (names: readonly string[], n: number) => names[n % names.length]!;
const missing = ["amy", "bob", "carl", "dora"];

test.each<[string, Ask, Ask]>([
  [
    "read as a base",
    (client, n) => client.search({ base: userDn(of(hidden, n)), scope: "base" }),
    (client, n) => client.search({ base: userDn(of(missing, n)), scope: "base" }),
  ],
  [
    "found by name",
    (client, n) => client.search({ base: suffix, filter: `(uid=${of(hidden, n)})` }),
    (client, n) => client.search({ base: suffix, filter: `(uid=${of(missing, n)})` }),
  ],
  [
    "compared",
    (client, n) => client.compare(userDn(of(hidden, n)), "uid", "x"),
    (client, n) => client.compare(userDn(of(missing, n)), "uid", "x"),
  ],
  [
    "asserted as a member",
    (client, n) => client.search({ base: suffix, filter: `(member=${userDn(of(hidden, n))})` }),
    (client, n) => client.search({ base: suffix, filter: `(member=${userDn(of(missing, n))})` }),
  ],
  [
    "asserted of a hidden attribute",
    (client) => client.search({ base: suffix, filter: "(telephoneNumber=+49 30 1234)" }),
    (client) => client.search({ base: suffix, filter: "(telephoneNumber=+49 30 9999)" }),
  ],
])("what is %s", async (_, one, other) => {
  const client = await Conversation.as("shop", server);
  const ratios: number[] = [];
  for (let attempt = 0; attempt < tries; attempt++) {
    const times: [number[], number[]] = [[], []];
    for (let n = 0; n < 2 * count; n++) {
      const began = performance.now();
      await (n % 2 === 0 ? one : other)(client, n >> 1);
      times[n % 2]!.push(performance.now() - began);
    }
    const [first, second] = times.map(median) as [number, number];
    ratios.push(Math.max(first / second, second / first));
    if (ratios.at(-1)! < factor) return;
  }
  expect(Math.min(...ratios), `factors between the medians: ${ratios.join(", ")}`).toBeLessThan(factor);
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
