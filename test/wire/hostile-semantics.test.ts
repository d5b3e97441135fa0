// What is well-formed and still asks for trouble: limits at their ends, controls and operations that other servers know,
// clients that say all they have to say and listen on, and a search that fails when half of it is sent.
import { beforeAll, describe, expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { RawClient, type Response, responseTags } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";
const people = "ou=people,dc=example,dc=com";

const count = 600;

/** So many people of two kilobytes: their entries take more than one write. */
function directory(): string {
  const description = "x".repeat(2000);
  const units = `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ${people}
objectClass: organizationalUnit
ou: people
`;
  const person = (uid: string) =>
    `\ndn: uid=${uid},${people}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\ndescription: ${description}\n`;
  return units + Array.from({ length: count }, (_, n) => person(`p${n}`)).join("");
}

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file", seed: directory() });
});

async function bound(port = server.port): Promise<RawClient> {
  const client = await RawClient.connect(port);
  expect((await client.bind(wiki, "wiki-secret")).code).toBe(0);
  return client;
}

/** How many entries there are, and the results by the IDs of their messages. */
function summary(answers: readonly Response[]): { entries: number; results: [id: number, code: number][] } {
  const results = answers.filter(({ tag }) => tag !== responseTags.entry);
  return { entries: answers.length - results.length, results: results.map(({ id, code }) => [id, code]) };
}

describe("the limits of a search", () => {
  const greatest = 2 ** 31 - 1;
  const ofPeople = { base: people, scope: 1, attributes: ["uid"] };

  test.each([
    ["no limits", 0, 0, 0, count],
    ["the greatest ones", greatest, greatest, 0, count],
    ["as many entries as there are", count, 0, 0, count],
    ["one entry less", count - 1, 0, 4, count - 1],
    ["a single entry", 1, greatest, 4, 1],
    ["fewer entries than none", -1, 0, 2, 0],
    ["less than no time", 0, -1, 2, 0],
    ["the least number there is", -(2 ** 31), 0, 2, 0],
  ])("%s", async (_, sizeLimit, timeLimit, code, entries) => {
    const client = await bound();
    client.send(send.search(2, { ...ofPeople, sizeLimit, timeLimit }), send.whoAmI(3));
    const answers = [...(await client.until(2))];
    if (!answers.some(({ id }) => id === 3)) answers.push(...(await client.until(3)));
    const { results, ...found } = summary(answers);
    expect(found).toEqual({ entries });
    expect(results.sort()).toEqual([
      [2, code],
      [3, 0],
    ]);
  });
});

describe("what is asked for by a name that is none", () => {
  test("attributes of no name, of bytes that are no text, of a NUL, of what stands for itself in a filter, twice", async () => {
    const client = await bound();
    const attributes = [
      "",
      Buffer.of(0xff, 0xfe),
      "cn\0",
      "(cn=*)",
      "cn=a,dc=b",
      "UID",
      "uid",
      "1.2.3",
      "x".repeat(5000),
    ];
    client.send(send.search(2, { base: `uid=p1,${people}`, scope: 0, attributes }));
    const [entry, done] = await client.until(2);
    expect([...entry!.attributes.keys()]).toEqual(["UID"]);
    expect(done).toMatchObject({ tag: responseTags.searchDone, code: 0 });
  });

  test("an extended operation is a protocolError that says which", async () => {
    const client = await RawClient.connect(server.port);
    client.send(send.extended(1, "1.2.3.4"), send.extended(2, ""), send.extended(3, "a name\0\u{1f600}", Buffer.of(0)));
    for (const [id, name] of [
      [1, "1.2.3.4"],
      [2, ""],
      [3, "a name"],
    ] as const) {
      const { code, message, tag } = await client.result(id);
      expect({ code, tag }).toEqual({ code: 2, tag: responseTags.extended });
      expect(message).toContain(name);
      expect(message).not.toBe("");
    }
  });
});

describe("controls that clients send without being asked", () => {
  test("the password policy control, which has no value, keeps nobody from binding or asking", async () => {
    const client = await RawClient.connect(server.port);
    const controls = [{ oid: "1.3.6.1.4.1.42.2.27.8.5.1" }];
    client.send(
      send.bind(1, wiki, "wiki-secret", { controls }),
      send.whoAmI(2, controls),
      send.search(3, { base: people, scope: 0, controls }),
    );
    const answers = await client.until(3);
    expect(summary(answers)).toEqual({
      entries: 1,
      results: [
        [1, 0],
        [2, 0],
        [3, 0],
      ],
    });
    expect(answers[1]?.responseValue?.toString()).toBe(`dn:${wiki}`);
    // An answer brings no control that was not understood.
    expect(answers.map(({ controls }) => controls.size)).toEqual([0, 0, 0, 0]);
  });

  test("a cookie of arbitrary bytes is refused with a result, and the connection goes on", async () => {
    const client = await bound();
    const cookies = ["00", "ff".repeat(44), "00ff80".repeat(100), Buffer.from("text").toString("hex")];
    for (const [n, cookie] of cookies.entries()) {
      const value = send.ber((writer) => {
        writer.open(0x30);
        writer.integer(5);
        writer.octets(Buffer.from(cookie, "hex"));
        writer.close();
      });
      client.send(send.search(n + 2, { base: people, controls: [{ oid: send.pagedResults, value }] }));
      expect(summary(await client.until(n + 2))).toEqual({ entries: 0, results: [[n + 2, 53]] });
    }
    expect(await client.whoAmI(99)).toBe(`dn:${wiki}`);
  });
});

describe("a client that has said all and still listens", () => {
  test("gets all that it asked for, and then the connection ends", async () => {
    const client = await bound();
    client.send(send.search(2, { base: people, scope: 1 }), send.search(3, { base: people, scope: 1 }), send.whoAmI(4));
    client.socket.end();
    const { entries, results } = summary(await client.rest());
    expect(entries).toBe(2 * count);
    expect(results.sort()).toEqual([
      [2, 0],
      [3, 0],
      [4, 0],
    ]);
  });

  test("does so in the middle of an answer", async () => {
    const client = await bound();
    client.send(send.search(2, { base: people, scope: 1 }));
    const first = await client.next();
    client.socket.end();
    expect(summary([first!, ...(await client.rest())])).toEqual({ entries: count, results: [[2, 0]] });
  });

  test("does so right behind a bind, which is answered", async () => {
    const client = await RawClient.connect(server.port);
    client.send(send.bind(1, wiki, "wiki-secret"), send.whoAmI(2));
    client.socket.end();
    const answers = await client.rest();
    expect(summary(answers).results).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(answers.at(-1)?.responseValue?.toString()).toBe(`dn:${wiki}`);
  });

  test("and has begun a message that it does not finish is not waited for", async () => {
    const client = await bound();
    client.send(send.whoAmI(2), send.whoAmI(3).subarray(0, 7));
    client.socket.end();
    expect(summary(await client.rest()).results[0]).toEqual([2, 0]);
  });
});

test("a client that is gone in the middle of an answer keeps nobody waiting, whether it says so or not", async () => {
  for (const leave of ["reset", "end", "unbind"] as const) {
    const client = await bound();
    client.send(...[2, 3, 4].map((id) => send.search(id, { base: people, scope: 1 })));
    await client.next();
    if (leave === "reset") client.socket.resetAndDestroy();
    else if (leave === "end") client.socket.destroySoon();
    else client.send(send.unbind(5));
    await client.closed;
    const other = await bound();
    other.send(send.search(2, { base: people, scope: 1, attributes: ["1.1"] }));
    expect(summary(await other.until(2))).toEqual({ entries: count, results: [[2, 0]] });
  }
  await expect.poll(() => server.running.metrics.snapshot().connections.open).toBe(3);
});

test("a search that fails when part of it is sent ends with one result, and the connection goes on", async () => {
  let readings = Number.POSITIVE_INFINITY;
  // A search reads it for its view, when it comes, when it begins to send, and between its first entries and the next.
  const clock = () => {
    readings--;
    if (readings === 0) throw new Error("the clock is broken");
    return Date.now();
  };
  const broken = await startedServer({ clock, expectsErrors: true, seed: directory() });
  const client = await bound(broken.port);
  readings = 4;
  client.send(send.search(2, { base: people, scope: 1 }));
  const { entries, results } = summary(await client.until(2));
  expect(entries).toBeGreaterThan(0);
  expect(entries).toBeLessThan(count);
  expect(results).toEqual([[2, 80]]);
  client.send(send.search(3, { base: people, scope: 1 }));
  expect(summary(await client.until(3))).toEqual({ entries: count, results: [[3, 0]] });
  expect(broken.log.filter(({ level }) => level === "error")).toHaveLength(1);
});

test("whatever is sent in one write behind an unbind is not carried out, though it was sent in parts before", async () => {
  const client = await bound();
  const change = send.modify(4, `uid=p1,${people}`, [{ modification: 2, type: "sn", values: ["changed"] }]);
  client.send(send.whoAmI(2), send.unbind(3).subarray(0, 4));
  await client.result(2);
  client.send(send.unbind(3).subarray(4), change, send.whoAmI(5));
  expect(await client.rest()).toEqual([]);
  const other = await bound();
  other.send(send.compare(2, `uid=p1,${people}`, "sn", "p1"));
  expect(await other.result(2)).toMatchObject({ code: 6 });
});
