import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Authenticator } from "../../src/auth/authenticator.js";
import { Secret } from "../../src/model/secret.js";
import { PasswordHasher } from "../../src/passwords/hasher.js";
import { applicationsYaml } from "../access/applications.js";
import { applicationDn, Conversation, groupDn, suffix, userDn } from "../support/conversation.js";
import { type StartedServer, saltedSha, startedServer } from "../support/server.js";

const cost = 8;

function authenticator(): { hasher: PasswordHasher; authenticator: Authenticator } {
  const hasher = new PasswordHasher({ queue: 64, cost, threads: 1 });
  onTestFinished(() => hasher.close());
  return { hasher, authenticator: new Authenticator(hasher) };
}

describe("what is kept of a password", () => {
  test("clear text is hashed, each time anew; a known hash is kept as it is", async () => {
    const { authenticator: of } = authenticator();
    const [one, other, kept] = await of.prepare([Buffer.from("a"), Buffer.from("a"), Buffer.from(saltedSha("b"))]);
    expect(one!.toString()).toMatch(/^\{BCRYPT\}\$2b\$08\$/);
    expect(one).not.toEqual(other);
    expect(kept!.toString()).toBe(saltedSha("b"));
    expect(await of.verify(new Secret(Buffer.from("a")), [one!])).toBe(true);
    expect(await of.verify(new Secret(Buffer.from("b")), [one!, kept!])).toBe(true);
    expect(await of.verify(new Secret(Buffer.from("c")), [one!, kept!])).toBe(false);
    expect(await of.verify(new Secret(Buffer.from("c")), [])).toBe(false);
  });

  test.each(["{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{MD5}x", "{PKCS5S2}x", "{CRYPT}$6$salt$x", "{CLEARTEXT}x"])(
    "%s could never be verified and is refused",
    async (value) => {
      await expect(authenticator().authenticator.prepare([Buffer.from(value)])).rejects.toMatchObject({
        code: "constraintViolation",
        message: expect.not.stringContaining("{SHA}W6"),
      });
    },
  );
});

test("nothing more is hashed once nobody waits for it", async () => {
  const { authenticator: of } = authenticator();
  const cancellation = { canceled: false };
  const preparing = of.prepare(
    ["a", "b", "c"].map((text) => Buffer.from(text)),
    { cancellation },
  );
  cancellation.canceled = true;
  await expect(preparing).rejects.toMatchObject({ code: "canceled" });
});

test("the first refusal takes the time of a hash here, and a dear hash that somebody has stored slows down no other", async () => {
  const hasher = new PasswordHasher({ queue: 64, cost: 4, threads: 1 });
  onTestFinished(() => hasher.close());
  await hasher.warm();
  const of = new Authenticator(hasher);
  const refusal = async () => {
    let least = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 5; n++) {
      const began = performance.now();
      await of.refuseSlowly();
      least = Math.min(least, performance.now() - began);
    }
    return least;
  };
  expect(await refusal()).toBeLessThan(40);
  const dear = Buffer.from("{BCRYPT}$2b$11$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW");
  for (let n = 0; n < 3; n++) expect(await of.verify(new Secret("wrong"), [dear])).toBe(false);
  expect(await refusal()).toBeLessThan(40);
});

describe("failures take about the time of one hash, whatever failed", () => {
  let server: StartedServer;
  let hashes: Buffer[];

  beforeAll(async () => {
    const hasher = new PasswordHasher({ queue: 4, cost, threads: 1 });
    hashes = await new Authenticator(hasher).prepare([Buffer.from("right")]);
    await hasher.close();
    const person = (uid: string, more = "") =>
      `dn: ${userDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: x\nsn: x\n${more}\n`;
    const unit = (ou: string) => `dn: ou=${ou},${suffix}\nobjectClass: organizationalUnit\nou: ${ou}\n\n`;
    server = await startedServer({
      lasts: "file",
      cost,
      applications: applicationsYaml({
        here: { access: "login", more: ["login: [allowed]"] },
        there: { addresses: "[127.0.0.2]" },
      }),
      seed: [
        `dn: ${suffix}\nobjectClass: domain\ndc: example\n\n`,
        unit("people"),
        unit("groups"),
        person("insider", `userPassword: ${hashes[0]}\n`),
        person("outsider", `userPassword: ${hashes[0]}\n`),
        person("quick", `userPassword: ${saltedSha("right")}\n`),
        person("without"),
        person("quickout", `userPassword: ${saltedSha("right")}\n`),
        `dn: ${groupDn("allowed")}\nobjectClass: groupOfNames\ncn: allowed\nmember: ${userDn("insider")}\nmember: ${userDn("quick")}\n`,
      ].join(""),
    });
  });

  test("unknown user, wrong password, no password, not in the login group, unknown application, wrong address", async () => {
    const client = await Conversation.with(server);
    const cases: Readonly<Record<string, readonly [string, string]>> = {
      "wrong password": [userDn("insider"), "wrong"],
      "wrong password of a quick hash": [userDn("quick"), "wrong"],
      "no such user": [userDn("nobody"), "wrong"],
      "no password": [userDn("without"), "wrong"],
      "right password, not in the group": [userDn("outsider"), "right"],
      "right password of a quick hash, not in the group": [userDn("quickout"), "right"],
      "no such application": [applicationDn("nobody"), "wrong"],
      "wrong address": [applicationDn("there"), "there-secret"],
      "wrong password of an application": [applicationDn("here"), "wrong"],
    };
    const times = new Map(Object.keys(cases).map((name) => [name, [] as number[]]));
    // The first failures teach the server what a failure costs here.
    for (let n = 0; n < 20; n++) await client.bind(userDn("insider"), "wrong");
    for (let round = 0; round < 15; round++) {
      for (const [name, [dn, password]] of Object.entries(cases)) {
        const began = performance.now();
        expect((await client.bind(dn, password)).code).toBe(49);
        times.get(name)!.push(performance.now() - began);
      }
    }
    const medians = new Map([...times].map(([name, list]) => [name, list.sort((a, b) => a - b)[7]!]));
    const typical = medians.get("wrong password")!;
    expect(typical).toBeGreaterThan(4);
    for (const [name, median] of medians) {
      expect(median, name).toBeGreaterThan(typical / 2.5);
      expect(median, name).toBeLessThan(typical * 2.5);
    }
  });
});
