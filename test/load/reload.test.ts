// A thousand edits of applications.yaml, every second one broken, while fifty connections work: everybody may at each
// moment do what the last good file says, or while it is taken in what that or the one before says; nothing else.
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { readApplications } from "../../src/settings/application-settings.js";
import { type ApplicationOf, applicationsYaml } from "../access/applications.js";
import { ending, installation, person, start, units, write } from "../cli/gatehouse.js";
import { applicationDn, Conversation, userDn } from "../support/conversation.js";
import { saltedSha } from "../support/server.js";

const edits = 1000;
const connections = 50;

type Version = "first" | "second";

const login = ["login: []"];
const always: Readonly<Record<string, ApplicationOf>> = {
  wiki: { more: login },
  writer: { access: "read-write", more: login },
};
const versions: Readonly<Record<Version, string>> = {
  first: applicationsYaml({ ...always, tracker: { more: login }, portal: { access: "login" } }),
  second: applicationsYaml({
    ...always,
    tracker: { access: "login", more: login },
    portal: { access: "login", more: login },
    shop: { more: login },
  }),
};
const broken = [
  versions.first.replace("access: read\n", "access: reed\n"),
  versions.second.replaceAll("login: []", "login: [").slice(0, -9),
  versions.second.replace("name: shop", "name: wiki"),
  "",
  versions.first.slice(0, versions.first.indexOf("portal") + 20),
];

test.each(broken)("is broken: #%#", (text) => {
  expect(readApplications(text, "applications.yaml")).toHaveProperty("problems");
});

/** Which versions may be in force: one, and while another is taken in, both. */
class Eras {
  readonly #all: (readonly Version[])[] = [["first"]];

  begin(...possible: readonly Version[]): void {
    this.#all.push(possible);
  }

  /** Versions that may have been in force at any time from here on. */
  span(): () => readonly Version[] {
    const from = this.#all.length - 1;
    return () => this.#all.slice(from).flat();
  }
}

/** One thing that is tried again and again: in which versions it is allowed, and whether it went well. */
interface Attempt {
  readonly allowedIn: readonly Version[];
  readonly try: (client: Conversation, n: number) => Promise<boolean>;
}

const finds = async (client: Conversation): Promise<boolean> => {
  const { code, entries } = await client.search({ base: userDn("ann"), scope: "base" });
  expect([0, 32, 50]).toContain(code);
  return code === 0 && entries.length === 1;
};
const binds = async (client: Conversation, dn: string, password: string): Promise<boolean> => {
  const { code } = await client.bind(dn, password);
  expect([0, 49]).toContain(code);
  return code === 0;
};

/** Ten connections each; as whom they bind once at the beginning, if they do. */
const roles: Readonly<Record<string, Attempt & { readonly as?: string }>> = {
  "wiki reads": { as: "wiki", allowedIn: ["first", "second"], try: finds },
  "tracker reads": { as: "tracker", allowedIn: ["first"], try: finds },
  "writer writes": {
    as: "writer",
    allowedIn: ["first", "second"],
    try: async (client, n) => (await client.modify(userDn("bob"), ["replace", "title", `t${n}`])).code === 0,
  },
  "shop binds and reads": {
    allowedIn: ["second"],
    try: async (client) => {
      const isBound = await binds(client, applicationDn("shop"), "shop-secret");
      return (await finds(client)) && isBound;
    },
  },
  "ann logs in, nobody else": {
    allowedIn: ["first"],
    try: async (client) => {
      expect(await binds(client, applicationDn("nobody"), "nobody-secret")).toBe(false);
      return binds(client, userDn("ann"), "ann-secret");
    },
  },
};

test("1,000 edits under load take nothing from anybody and give nothing to anybody", { timeout: 120_000 }, async ({
  annotate,
}) => {
  const folder = await installation("seed: seed.ldif\n");
  const secret = `userPassword: ${saltedSha("ann-secret")}`;
  await write(folder, "config/seed.ldif", units + person("ann", secret) + person("bob"));
  await write(folder, "config/applications.yaml", versions.first);
  const child = start(["serve"], { folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = ending(child);
  const counts = new Map<string, number>();
  let port = 0;
  createInterface({ input: child.stdout! }).on("line", (text) => {
    const { msg, listen } = JSON.parse(text);
    counts.set(msg, (counts.get(msg) ?? 0) + 1);
    if (msg === "ready") port = Number(/:(\d+)$/.exec(listen[0])?.[1]);
  });
  const count = (msg: string) => counts.get(msg) ?? 0;
  await expect.poll(() => port, { timeout: 20_000 }).toBeGreaterThan(0);

  const eras = new Eras();
  const wrong: string[] = [];
  const outcomes = new Map<string, { good: number; refused: number }>();
  let isOver = false;
  const work = async (name: string): Promise<Conversation> => {
    const { as, allowedIn, try: attempt } = roles[name]!;
    const client = as === undefined ? await Conversation.with({ port }) : await Conversation.as(as, { port });
    const outcome = outcomes.get(name) ?? { good: 0, refused: 0 };
    outcomes.set(name, outcome);
    for (let n = 0; !isOver; n++) {
      const span = eras.span();
      const isGood = await attempt(client, n);
      const possible = span();
      outcome[isGood ? "good" : "refused"] += 1;
      const mayFail = possible.some((version) => !allowedIn.includes(version));
      const maySucceed = possible.some((version) => allowedIn.includes(version));
      if (isGood ? !maySucceed : !mayFail)
        wrong.push(`${name} in ${possible}: ${isGood ? "went well" : "was refused"}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return client;
  };
  const names = Object.keys(roles);
  const clients = Promise.all(Array.from({ length: connections }, (_, n) => work(names[n % names.length]!)));

  clients.catch(() => {}); // told where it is awaited

  const edit = async (text: string, expected: string) => {
    const before = count(expected);
    await write(folder, "config/applications.yaml", text);
    child.kill("SIGHUP");
    const deadline = Date.now() + 20_000;
    while (count(expected) === before) {
      if (Date.now() > deadline) throw new Error(`the server has not said: ${expected}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const began = performance.now();
  let now: Version = "first";
  try {
    for (let n = 0; n < edits; n += 2) {
      const next: Version = now === "first" ? "second" : "first";
      eras.begin(now, next);
      await edit(versions[next], "the configuration is read anew");
      eras.begin(next);
      now = next;
      await edit(broken[(n / 2) % broken.length]!, "the old configuration stays");
    }
  } finally {
    isOver = true;
  }
  const seconds = (performance.now() - began) / 1000;
  const all = await clients;

  expect(wrong).toEqual([]);
  expect(all.filter(({ raw }) => raw.isClosed)).toEqual([]);
  expect(count("ready")).toBe(1);
  expect(count("the configuration is read anew")).toBe(edits / 2);
  const total = [...outcomes.values()].reduce((sum, { good, refused }) => sum + good + refused, 0);
  await annotate(`${edits} edits in ${seconds.toFixed(1)} s, ${total} operations: ${JSON.stringify([...outcomes])}`);
  for (const [name, { good, refused }] of outcomes) {
    expect(good, name).toBeGreaterThan(10);
    if (roles[name]!.allowedIn.length === 1) expect(refused, name).toBeGreaterThan(10);
  }
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
});
