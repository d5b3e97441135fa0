// The built server is killed while clients write. What it had acknowledged is there afterwards, each write whole, and
// the store has no faults. CRASH_ROUNDS=20 runs more rounds, CRASH_SEED=N runs a certain one again.

import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { gatehouse, installation, start, units, write } from "../cli/gatehouse.js";
import { applicationDn, groupDn, suffix, userDn } from "../support/conversation.js";
import { randomFrom } from "../support/random.js";
import * as raw from "../support/raw-client.js";
import { RawClient, responseTags } from "../support/raw-client.js";

const rounds = Number(process.env.CRASH_ROUNDS ?? 3);
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const connections = 8;
/** A round is ended after at most so many acknowledged writes. */
const mostWrites = 1500;

/** What is known of an entry: its mail and whether it is in the group; undefined: it is not there. */
type State = { readonly mail: string; readonly isMember: boolean } | undefined;

/** What the server owes: the last acknowledged state of each entry, and what a write under way may have made of it. */
class Ledger {
  readonly acknowledged = new Map<string, State>();
  readonly underWay = new Map<string, State>();

  accepts(dn: string, found: State): boolean {
    const same = (one: State) => JSON.stringify(one) === JSON.stringify(found);
    return same(this.acknowledged.get(dn)) || (this.underWay.has(dn) && same(this.underWay.get(dn)));
  }
}

async function serving(folder: string): Promise<{ port: number; kill: () => Promise<void> }> {
  const child = start(["serve"], { folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit");
  let errors = "";
  child.stderr!.on("data", (piece) => {
    errors += piece;
  });
  const port = await new Promise<number>((resolve, reject) => {
    let text = "";
    child.stdout!.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      const listen = /"listen":\["ldap:\/\/127\.0\.0\.1:(\d+)"\]/.exec(text);
      if (listen) resolve(Number(listen[1]));
      if (listen || text.length > 100_000) text = ""; // read on all the same: a full pipe would stop the server
    });
    exit.then(() => reject(new Error(`the server ended: ${errors}`)));
  });
  return {
    port,
    kill: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

async function connected(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  expect(await client.bind(applicationDn("wiki"), "cora-secret")).toMatchObject({ code: 0 });
  return client;
}

const group = groupDn("crash");

/** Adds, changes and removes entries of its own until the connection ends. */
async function writeOn(
  client: RawClient,
  name: string,
  random: () => number,
  ledger: Ledger,
  acknowledged: () => void,
) {
  for (let n = 0, id = 10; ; n++) {
    const dn = userDn(`${name}-${n}`);
    const mail = (version: number) => `${name}-${n}-${version}@example.com`;
    const steps: [Buffer, State][] = [];
    const then = (state: State, message: (id: number) => Buffer) => steps.push([message(++id), state]);
    then({ mail: mail(0), isMember: false }, (id) =>
      raw.add(id, dn, [
        { type: "objectClass", values: ["inetOrgPerson"] },
        { type: "cn", values: [name] },
        { type: "sn", values: [name] },
        { type: "mail", values: [mail(0)] },
        { type: "jpegPhoto", values: [Buffer.alloc(Math.floor(random() * 4000), n)] },
      ]),
    );
    then({ mail: mail(1), isMember: false }, (id) =>
      raw.modify(id, dn, [{ modification: 2, type: "mail", values: [mail(1)] }]),
    );
    then({ mail: mail(1), isMember: true }, (id) =>
      raw.modify(id, group, [{ modification: 0, type: "member", values: [dn] }]),
    );
    if (random() < 0.3) then(undefined, (id) => raw.remove(id, dn));
    for (const [message, state] of steps) {
      ledger.underWay.set(dn, state);
      client.send(message);
      const response = await client.next();
      if (!response) return;
      expect(response).toMatchObject({ code: 0 });
      ledger.acknowledged.set(dn, state);
      ledger.underWay.delete(dn);
      acknowledged();
    }
  }
}

/** Every entry that was ever written, as the server has it. */
async function statesAt(port: number): Promise<Map<string, State>> {
  const client = await connected(port);
  client.send(
    raw.search(5, {
      base: `ou=people,${suffix}`,
      filter: raw.equality("objectClass", "person"),
      attributes: ["mail", "memberOf"],
    }),
  );
  const responses = await client.until(5);
  expect(responses.at(-1)).toMatchObject({ tag: responseTags.searchDone, code: 0 });
  return new Map(
    responses.slice(0, -1).map(({ dn, attributes }) => {
      const isMember = (attributes.get("memberOf") ?? []).some((value) => String(value) === group);
      return [dn, { mail: String(attributes.get("mail")?.[0]), isMember }];
    }),
  );
}

test(`killed ${rounds} times while eight clients write, the server keeps all it acknowledged (CRASH_SEED=${seed})`, {
  timeout: 20_000 + rounds * 15_000,
}, async () => {
  const random = randomFrom(seed);
  const folder = await installation("seed: seed.ldif\n");
  await write(folder, "config/seed.ldif", `${units}\ndn: ${group}\nobjectClass: groupOfNames\ncn: crash\n`);
  const ledger = new Ledger();
  for (let round = 0; round < rounds; round++) {
    const server = await serving(folder);
    const clients = await Promise.all(Array.from({ length: connections }, () => connected(server.port)));
    const end = Math.floor(random() * mostWrites);
    let writes = 0;
    let killed: Promise<void> | undefined;
    const acknowledged = () => {
      if (writes++ >= end) killed ??= server.kill();
    };
    await Promise.all(clients.map((client, n) => writeOn(client, `r${round}c${n}`, random, ledger, acknowledged)));
    await killed;
    expect(await gatehouse(["verify"], { folder })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/no faults\n$/),
    });
    const again = await serving(folder);
    const found = await statesAt(again.port);
    const wrong = [...new Set([...ledger.acknowledged.keys(), ...ledger.underWay.keys(), ...found.keys()])].filter(
      (dn) => !ledger.accepts(dn, found.get(dn)),
    );
    expect(wrong, `round ${round}, after ${writes} writes`).toEqual([]);
    expect(writes).toBeGreaterThan(0);
    // From here on, what was under way is what it turned out to be.
    for (const dn of ledger.underWay.keys()) ledger.acknowledged.set(dn, found.get(dn));
    ledger.underWay.clear();
    await again.kill();
  }
});
