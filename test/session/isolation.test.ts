// Sessions beside each other: what one is told is never another's.
import { expect, test } from "vitest";
import { bind, compare, equality, RawClient, search } from "../support/raw-client.js";
import { startedServer } from "../support/server.js";

const people = "ou=people,dc=example,dc=com";

test("users who search at the same time each get their own entry", async () => {
  const { port } = await startedServer();
  const names = ["ann", "ben", "cora", "dan"];
  const clients = await Promise.all(names.map(() => RawClient.connect(port)));
  for (const [n, client] of clients.entries()) {
    expect((await client.bind(`uid=${names[n]},${people}`, `${names[n]}-secret`)).code).toBe(0);
  }
  for (let round = 0; round < 50; round++) {
    const asked = clients.map(async (client, n) => {
      client.send(search(2, { base: `uid=${names[n]},${people}`, scope: 0, attributes: ["uid"] }));
      const [entry] = await client.until(2);
      expect(entry?.dn).toBe(`uid=${names[n]},${people}`);
      expect(entry?.attributes.get("uid")?.map(String)).toEqual([names[n]]);
    });
    await Promise.all(asked);
  }
});

test("a user's searches in one write get the entries that each asked for", async () => {
  const { port } = await startedServer();
  const client = await RawClient.connect(port);
  expect((await client.bind(`uid=ann,${people}`, "ann-secret")).code).toBe(0);
  const groups = "ou=groups,dc=example,dc=com";
  const asked = [
    { base: `uid=ann,${people}`, scope: 0 },
    { base: `cn=engineering,${groups}`, scope: 0 },
    { base: groups, scope: 1, filter: equality("cn", "administrators") },
    { base: `uid=ann,${people}`, scope: 0 },
  ];
  const alone: string[][] = [];
  for (const [n, of] of asked.entries()) {
    client.send(search(n + 2, of));
    alone.push((await client.until(n + 2)).slice(0, -1).map(({ dn }) => dn));
  }
  const together = new Map(asked.map((_, n) => [n + 12, [] as string[]]));
  client.send(...asked.map((of, n) => search(n + 12, of)));
  for (let results = 0; results < asked.length; ) {
    const response = (await client.next())!;
    if (response.code === -1) together.get(response.id)!.push(response.dn);
    else results++;
  }
  expect([...together.values()]).toEqual(alone);
});

test("a compare of a password is decided by who asked it, though a bind comes right behind it", async () => {
  const { port } = await startedServer();
  const client = await RawClient.connect(port);
  const application = "cn=wiki,ou=applications,dc=example,dc=com";
  expect((await client.bind(application, "wiki-secret")).code).toBe(0);
  client.send(compare(2, `uid=ann,${people}`, "userPassword", "ann-secret"), bind(3, application, "wiki-secret"));
  const codes = new Map([(await client.next())!, (await client.next())!].map(({ id, code }) => [id, code]));
  expect(codes).toEqual(
    new Map([
      [2, 6],
      [3, 0],
    ]),
  );
});
