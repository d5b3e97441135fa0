// Cancel (RFC 3909): it ends another operation, which is answered with 118, and says whether that was still possible.
import { describe, expect, test } from "vitest";
import { BerWriter } from "../../src/ber/writer.js";
import type { LevelStore } from "../../src/store/level-store.js";
import { units } from "../cli/gatehouse.js";
import * as send from "../support/raw-client.js";
import { RawClient, responseTags } from "../support/raw-client.js";
import { startedServer } from "../support/server.js";
import { Random } from "../wire/hostile-bytes.js";

const console = "cn=console,ou=applications,dc=example,dc=com";
const people = "ou=people,dc=example,dc=com";
const ann = `uid=ann,${people}`;

function value(id: number): Buffer {
  const writer = new BerWriter();
  writer.open(0x30);
  writer.integer(id);
  writer.close();
  return writer.copy();
}

const cancel = (id: number, target: number) => send.extended(id, send.cancelOid, value(target));

async function bound(setting?: Parameters<typeof startedServer>[0]) {
  const server = await startedServer(setting);
  const client = await RawClient.connect(server.port);
  expect((await client.bind(console, "console-secret")).code).toBe(0);
  return { server, client };
}

const large = units + Array.from({ length: 4000 }, (_, n) => user(`user${n}`)).join("");

function user(uid: string): string {
  return `\ndn: uid=${uid},${people}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\ndescription: ${"x".repeat(1000)}\n`;
}

describe("a search that is canceled", () => {
  test("ends with 118 and no entry behind it, and then the Cancel with success", async () => {
    const { client } = await bound({ seed: large });
    client.send(send.search(2, { base: people, scope: 1 }));
    let entries = 0;
    for (; entries < 50; entries++) expect(await client.next()).toMatchObject({ id: 2, tag: responseTags.entry });
    client.send(cancel(3, 2), send.whoAmI(4));
    const answers = [];
    for (let results = 0; results < 3; ) {
      const answer = (await client.next())!;
      if (answer.tag === responseTags.entry) entries++;
      else {
        results++;
        answers.push([answer.id, answer.code]);
      }
    }
    expect(entries).toBeLessThan(4001);
    expect(answers.filter(([id]) => id !== 4)).toEqual([
      [2, 118],
      [3, 0],
    ]);
    expect(answers).toContainEqual([4, 0]);
    for (let id = 5; id < 20; id++) {
      client.send(send.whoAmI(id));
      expect(await client.until(id)).toHaveLength(1);
    }
  });

  test("really ends: one that matches nothing and would go on for long answers soon", async () => {
    const { client } = await bound({ seed: large });
    const filter = send.or(...Array.from({ length: 60 }, (_, n) => send.substrings("description", { any: `y${n}` })));
    const began = performance.now();
    client.send(send.search(2, { base: people, scope: 1, filter }));
    await client.whoAmI(3);
    client.send(cancel(4, 2));
    expect(await client.result(2)).toMatchObject({ code: 118 });
    expect(await client.result(4)).toMatchObject({ code: 0 });
    const canceled = performance.now() - began;
    client.send(send.search(5, { base: people, scope: 1, filter }));
    expect(await client.result(5)).toMatchObject({ code: 0 });
    expect(canceled).toBeLessThan((performance.now() - began) / 2);
  });
});

describe("a write", () => {
  /** A writer that is busy for as long as it takes. */
  async function busy(): Promise<{ store: LevelStore; free(): void }> {
    return new Promise((resolve) => {
      store!.update(
        () =>
          new Promise<void>((free) => {
            resolve({ store: store!, free });
          }),
      );
    });
  }
  let store: LevelStore | undefined;
  const seed = async (made: LevelStore) => {
    store = made;
  };

  test("that waits for its turn changes nothing when it is canceled", async () => {
    const { client } = await bound({ seed });
    const { free } = await busy();
    const root = [
      { type: "objectClass", values: ["dcObject", "organization"] },
      { type: "o", values: ["x"] },
    ];
    client.send(send.add(2, "dc=example,dc=com", root), cancel(3, 2));
    await client.whoAmI(4);
    free();
    expect(await client.result(2)).toMatchObject({ code: 118 });
    expect(await client.result(3)).toMatchObject({ code: 0 });
    expect(store?.read().entryCount).toBe(0);
  });

  test("that waits for its turn changes nothing when it is abandoned, or its client is gone", async () => {
    const { client } = await bound({ seed });
    const other = await RawClient.connect(client.socket.remotePort!);
    await other.bind(console, "console-secret");
    const { free } = await busy();
    const root = [
      { type: "objectClass", values: ["dcObject", "organization"] },
      { type: "o", values: ["x"] },
    ];
    client.send(send.add(2, "dc=example,dc=com", root), send.abandon(3, 2));
    other.send(send.add(2, "dc=example,dc=com", root), send.unbind(3));
    await other.closed;
    await client.whoAmI(4);
    free();
    client.send(send.remove(5, "dc=example,dc=com"));
    expect(await client.result(5)).toMatchObject({ code: 32 });
    expect(store?.read().entryCount).toBe(0);
  });

  test("that is being made durable is too late to cancel, and is answered as it ended", async () => {
    const { client } = await bound();
    const change = { modification: 2, type: "description", values: ["changed"] };
    const codes = new Set<number>();
    for (let id = 2; id < 200; id += 2) {
      client.send(send.modify(id, ann, [change]), send.whoAmI(1000), cancel(id + 1, id));
      const answers = new Map<number, number>();
      while (answers.size < 3) {
        const answer = (await client.next())!;
        answers.set(answer.id, answer.code);
      }
      const [write, canceled] = [answers.get(id)!, answers.get(id + 1)!];
      codes.add(canceled);
      expect([`${write} ${canceled}`]).toEqual([write === 118 ? "118 0" : canceled === 119 ? "0 119" : "0 120"]);
    }
  });
});

describe("a Cancel", () => {
  test("of what is not under way is answered with 119: unknown, ended, or the Cancel itself", async () => {
    const { client } = await bound();
    await client.whoAmI(2);
    client.send(cancel(3, 99), cancel(4, 2), cancel(5, 5));
    for (const id of [3, 4, 5]) expect(await client.result(id)).toMatchObject({ code: 119 });
  });

  test("of a Cancel is answered with 121", async () => {
    const { client } = await bound({ seed: large });
    const filter = send.or(...Array.from({ length: 60 }, (_, n) => send.substrings("description", { any: `y${n}` })));
    client.send(send.search(2, { base: people, scope: 1, filter }), cancel(3, 2), cancel(4, 3));
    expect((await client.until(4)).at(-1)).toMatchObject({ code: 121 });
    expect(await client.result(3)).toMatchObject({ code: 0 });
  });

  test.each([
    ["without a value", undefined],
    ["with a value that is no sequence", Buffer.from("020102", "hex")],
    ["with a value that holds more", Buffer.from("3006020102020103", "hex")],
    ["with an ID too long for an integer", Buffer.from("30070205ffffffffff", "hex")],
    ["with an empty value", Buffer.alloc(0)],
  ])("%s is a protocolError", async (_, bytes) => {
    const { client } = await bound();
    client.send(send.extended(2, send.cancelOid, bytes), send.whoAmI(3));
    expect((await client.until(3)).map(({ id, code }) => [id, code])).toEqual([
      [2, 2],
      [3, 0],
    ]);
  });

  test("is waited for by a bind behind it, and announced in the root DSE", async () => {
    const { client } = await bound({ seed: large });
    const filter = send.or(...Array.from({ length: 60 }, (_, n) => send.substrings("description", { any: `y${n}` })));
    client.send(send.search(2, { base: people, scope: 1, filter }), cancel(3, 2), send.bind(4, "", ""), send.whoAmI(5));
    expect((await client.until(5)).map(({ id, code }) => [id, code])).toEqual([
      [2, 118],
      [3, 0],
      [4, 0],
      [5, 0],
    ]);
    client.send(send.search(6, { base: "", scope: 0, attributes: ["supportedExtension"] }));
    const [entry] = await client.until(6);
    expect(entry?.attributes.get("supportedExtension")?.map(String)).toContain(send.cancelOid);
  });
});

const stormSeed = Number(process.env.GATEHOUSE_FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff));

test(`a storm of Cancels, Abandons and lost connections leaves each operation one answer at most (GATEHOUSE_FUZZ_SEED=${stormSeed})`, {
  timeout: 60_000,
}, async () => {
  const server = await startedServer();
  const random = new Random(stormSeed);
  const storm = async () => {
    const client = await RawClient.connect(server.port);
    await client.bind(console, "console-secret");
    const abandoned = new Set<number>();
    const messages: Buffer[] = [];
    const last = 400;
    for (let id = 2; id < last; id++) {
      const target = 2 + random.below(id);
      const change = { modification: 2, type: "description", values: [`${id}`] };
      const kind = random.below(6);
      if (kind === 0) messages.push(send.search(id, { base: people, scope: 1 }));
      else if (kind < 3) messages.push(send.modify(id, ann, [change]));
      else if (kind === 3) messages.push(send.whoAmI(id));
      else if (kind === 4) messages.push(cancel(id, target));
      else {
        messages.push(send.abandon(id, target));
        abandoned.add(target).add(id);
      }
    }
    client.send(...messages, send.bind(last, "", ""));
    if (random.below(3) === 0) {
      await client.next();
      client.socket.resetAndDestroy();
      return;
    }
    // The bind waits for all before it.
    const all = await client.until(last);
    client.socket.destroy();
    const answers = all.filter(({ tag }) => tag !== responseTags.entry);
    const ids = answers.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const owed = Array.from({ length: last - 1 }, (_, n) => n + 2).filter((id) => !abandoned.has(id));
    expect(owed.filter((id) => !ids.includes(id))).toEqual([]);
    expect(
      [...new Set(answers.map(({ code }) => code))].every((code) => [0, 51, 118, 119, 120, 121].includes(code)),
    ).toBe(true);
  };
  for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 10 }, storm));
  await expect.poll(() => server.running.metrics.snapshot().connections.open).toBe(0);
  // The store is looked through for faults when the server has stopped.
  await server.stop();
});
