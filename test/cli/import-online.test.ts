// An import into a server that goes away: nothing that was not confirmed may be told as imported.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { EntryReader } from "../../src/cli/entry-reader.js";
import { importOnline } from "../../src/cli/import-online.js";
import type { ImportSource } from "../../src/cli/import-source.js";
import type { LdifRecord } from "../../src/ldif/ldif-record.js";
import { readLdif } from "../../src/ldif/reader.js";
import { Dn } from "../../src/model/dn.js";
import { defaultLimits } from "../../src/model/limits.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { LocalClient } from "../../src/wire/local-client.js";
import { message } from "../support/raw-client.js";
import { person, temporaryFolder } from "./gatehouse.js";

const { messageBytes } = defaultLimits;

/** A server that confirms so many adds, and closes the connection instead of the next answer or right behind the last. */
async function confirming(most: number, leaves: "with the last" | "with the next"): Promise<LocalClient> {
  const path = join(await temporaryFolder(), "socket");
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    let adds = 0;
    socket.on("data", (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        const length =
          chunk[at + 1]! < 0x80
            ? 2 + chunk[at + 1]!
            : 2 + (chunk[at + 1]! & 0x7f) + chunk.readUIntBE(at + 2, chunk[at + 1]! & 0x7f);
        const id = chunk[at + (chunk[at + 1]! < 0x80 ? 2 : 2 + (chunk[at + 1]! & 0x7f)) + 2]!;
        at += length;
        if (++adds > most) {
          socket.destroy();
          return;
        }
        socket.write(
          message(id, (writer) => {
            writer.open(0x69);
            writer.enumerated(0);
            writer.text("");
            writer.text("");
            writer.close();
          }),
        );
        if (adds === most && leaves === "with the last") socket.end();
      }
    });
  }).listen(path);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return (await LocalClient.connect(path))!;
}

async function recordsOf(text: string): Promise<LdifRecord[]> {
  const records: LdifRecord[] = [];
  for await (const batch of readLdif(Readable.from([Buffer.from(text)]))) records.push(...batch);
  return records;
}

/** Entries in batches; between them, the second time, it waits until the connection is gone, if it ever goes. */
async function source(client: LocalClient, waits: boolean): Promise<ImportSource> {
  const records = await recordsOf(Array.from({ length: 40 }, (_, n) => person(`user${n}`)).join(""));
  let readings = 0;
  return {
    name: "people.ldif",
    bytes: undefined,
    isRepeatable: true,
    async *records() {
      const isSecond = ++readings === 2;
      yield records.slice(0, 10);
      if (isSecond && waits) await expect.poll(() => client.failure !== undefined).toBe(true);
      yield records.slice(10);
    },
    async close() {},
  };
}

describe.each([true, false])("an import with continue: %s", (continues) => {
  test.each([
    ["while nobody waits for an answer", 10, "with the last", true],
    ["instead of an answer", 10, "with the next", false],
    ["right behind an answer", 15, "with the last", false],
  ] as const)(
    "into a server that goes away %s fails, and says how much was confirmed",
    async (_, most, leaves, waits) => {
      const client = await confirming(most, leaves);
      const reader = new EntryReader(standardSchema, Dn.parse("dc=example,dc=com"), defaultLimits);
      const importing = importOnline(await source(client, waits), client, reader, { continues, messageBytes });
      await expect(importing).rejects.toThrow(`the server has confirmed ${most} entries`);
      await expect(importing).rejects.toThrow("not imported to its end");
    },
  );

  test("into a server that stays imports all of it", async () => {
    const client = await confirming(40, "with the next");
    const reader = new EntryReader(standardSchema, Dn.parse("dc=example,dc=com"), defaultLimits);
    const outcome = await importOnline(await source(client, false), client, reader, { continues, messageBytes });
    expect(outcome).toMatchObject({ entries: 40, problems: { count: 0 } });
  });
});

test("a record that is larger than the server takes is told before anything is sent", async () => {
  const client = await confirming(0, "with the next");
  const reader = new EntryReader(standardSchema, Dn.parse("dc=example,dc=com"), defaultLimits);
  const outcome = await importOnline(await source(client, false), client, reader, {
    continues: false,
    messageBytes: 100,
  });
  expect(outcome).toMatchObject({ entries: 0, problems: { count: 40 } });
  expect(outcome.problems.lines()[0]).toContain("a running server takes at most 100 (limits.messageBytes)");
  expect(client.failure).toBeUndefined();
});
