import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../../src/model/secret.js";
import { type HasherOptions, longestPassword, PasswordHasher, valuesTried } from "../../src/passwords/hasher.js";
import { schemeOf } from "../../src/passwords/schemes.js";

const hashers: PasswordHasher[] = [];
function startedHasher(options: Partial<HasherOptions> = {}): PasswordHasher {
  const hasher = new PasswordHasher({ queue: 100, threads: 1, cost: 4, ...options });
  hashers.push(hasher);
  return hasher;
}
afterEach(async () => {
  await Promise.all(hashers.splice(0).map((hasher) => hasher.close()));
});

const secret = new Secret("secret");
const ssha = Buffer.from("{SSHA}fYU34FcAXwdy/ovN6L1KQH6vLi1AxTsb");

test("a hashed password verifies, and no other does", async () => {
  const hasher = startedHasher({ cost: 5 });
  const stored = await hasher.hash(secret);
  expect(stored).toMatch(/^\{BCRYPT\}\$2b\$05\$[./A-Za-z0-9]{53}$/);
  expect(await hasher.hash(secret)).not.toBe(stored);
  expect(await hasher.verify(secret, [Buffer.from(stored)])).toBe(true);
  expect(await hasher.verify(new Secret("Secret"), [Buffer.from(stored)])).toBe(false);
  expect(await hasher.spend(secret)).toBe(false);
});

test("the password stays readable to its owner after it was hashed", async () => {
  const own = new Secret("secret");
  await startedHasher().hash(own);
  expect(own.reveal().toString()).toBe("secret");
});

test.each([
  ["an empty password", "", "a password cannot be empty"],
  ["a password of 73 bytes", `${"ä".repeat(36)}x`, "a password of 73 bytes; bcrypt takes at most 72"],
  ["a password with a NUL", "a\0b", "a password cannot contain a NUL byte"],
  ["a password that is not UTF-8", Buffer.from([0x70, 0xe4]), "a password must be UTF-8"],
])("%s is a constraintViolation, not a weaker hash", async (_, password, message) => {
  await expect(startedHasher().hash(new Secret(password))).rejects.toMatchObject({
    code: "constraintViolation",
    message,
  });
});

test("a password of 72 bytes is hashed whole", async () => {
  const hasher = startedHasher();
  const stored = Buffer.from(await hasher.hash(new Secret("ä".repeat(36))));
  expect(await hasher.verify(new Secret("ä".repeat(36)), [stored])).toBe(true);
  expect(await hasher.verify(new Secret("ä".repeat(35)), [stored])).toBe(false);
});

test("any of several stored values verifies, quick or slow, and those of no known scheme are passed over", async () => {
  const hasher = startedHasher();
  const other = Buffer.from(await hasher.hash(new Secret("other")));
  const stored = [Buffer.from("secret"), other, ssha];
  expect(await hasher.verify(secret, stored)).toBe(true);
  expect(await hasher.verify(new Secret("other"), stored)).toBe(true);
  expect(await hasher.verify(new Secret("neither"), stored)).toBe(false);
});

test("only the first values are looked at, so that an entry cannot make a login as slow as it likes", async () => {
  const hasher = startedHasher();
  const rest = Array.from({ length: valuesTried }, () => Buffer.from("{BCRYPT}"));
  expect(await hasher.verify(secret, [...rest.slice(1), ssha])).toBe(true);
  expect(await hasher.verify(secret, [...rest, ssha])).toBe(false);
});

test("an empty password and an overlong one verify against nothing", async () => {
  const hasher = startedHasher();
  const empty = Buffer.from("{SSHA}EtraH/9NR4et4zMxRyAsO0Q+N28BAgME"); // SHA-1 of the salt 01020304 alone
  expect(schemeOf(empty)?.verify(Buffer.alloc(0), empty.toString())).toBe(true);
  expect(await hasher.verify(new Secret(""), [empty])).toBe(false);
  expect(await hasher.verify(new Secret("s".repeat(longestPassword + 1)), [ssha])).toBe(false);
});

test("beyond the threads and the queue the answer is busy, and it is not for long", async () => {
  const hasher = startedHasher({ queue: 2, threads: 1, cost: 8 });
  const answers = await Promise.allSettled(Array.from({ length: 5 }, () => hasher.spend(secret)));
  expect(answers.map((answer) => answer.status)).toEqual([
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
  ]);
  expect(answers[4]).toMatchObject({ reason: { code: "busy" } });
  expect(await hasher.spend(secret)).toBe(false);
});

test("hashing leaves the main thread free", async () => {
  const hasher = startedHasher({ cost: 12 });
  await hasher.warm();
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await hasher.hash(secret);
  done = true;
  expect(turns).toBeGreaterThan(100); // on the main thread it would be a handful
});

test("every way to fail costs about one hash at the configured cost", async () => {
  const hasher = startedHasher({ cost: 9 });
  const equal = Buffer.from(await hasher.hash(secret));
  const cheaper = Buffer.from(await startedHasher({ cost: 6 }).hash(secret));
  await hasher.warm();
  /** Processor time of all threads, which a busy machine does not stretch; the least of some, which collects no garbage. */
  const cost = async (attempt: () => Promise<boolean>): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let time = 0; time < 5; time += 1) {
      const before = process.cpuUsage();
      expect(await attempt()).toBe(false);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, user + system);
    }
    return least;
  };
  const wrong = new Secret("wrong");
  const reference = await cost(() => hasher.verify(wrong, [equal]));
  const failures: Record<string, () => Promise<boolean>> = {
    "unknown user": () => hasher.spend(wrong),
    "cheaper hash": () => hasher.verify(wrong, [cheaper]),
    "quick scheme": () => hasher.verify(wrong, [ssha]),
    "malformed hash": () => hasher.verify(wrong, [Buffer.from("{BCRYPT}$2b$10$short")]),
    "clear text": () => hasher.verify(wrong, [Buffer.from("wrong")]),
    "empty password": () => hasher.verify(new Secret(""), [equal]),
    "password with a NUL": () => hasher.verify(new Secret("wr\0ng"), [equal]),
  };
  for (const [name, attempt] of Object.entries(failures)) {
    const ratio = (await cost(attempt)) / reference;
    expect(ratio, name).toBeGreaterThan(0.5);
    expect(ratio, name).toBeLessThan(2);
  }
});

test("close ends what is under way and what waits as unavailable, and so is everything after", async () => {
  const hasher = startedHasher({ cost: 12 });
  await hasher.warm();
  const answers = Promise.allSettled([hasher.spend(secret), hasher.spend(secret), hasher.spend(secret)]);
  await hasher.close();
  for (const answer of await answers) expect(answer).toMatchObject({ reason: { code: "unavailable" } });
  await expect(hasher.hash(secret)).rejects.toMatchObject({ code: "unavailable" });
  await hasher.close();
});

test("a cost that bcrypt does not have is refused at the start", () => {
  for (const cost of [3, 17, 10.5, Number.NaN])
    expect(() => new PasswordHasher({ queue: 1, cost })).toThrow(RangeError);
});

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** Runs a module that knows PasswordHasher, Secret and `secret` from the built program in this folder. */
async function runBuilt(folder: string, program: string): Promise<{ stdout: string; stderr: string }> {
  expect(existsSync(`${folder}/passwords/hasher.js`), "npm run build comes before this test").toBe(true);
  const imports = `
    import { PasswordHasher } from ${JSON.stringify(pathToFileURL(`${folder}/passwords/hasher.js`).href)};
    import { Secret } from ${JSON.stringify(pathToFileURL(`${folder}/model/secret.js`).href)};
    const secret = new Secret("secret");
  `;
  const parameters = ["--input-type=module", "--eval", imports + program];
  return promisify(execFile)(process.execPath, parameters, { timeout: 20_000 });
}

test("the built program hashes too, and an idle thread does not keep it alive", async () => {
  const run = runBuilt(
    dist,
    `const hasher = new PasswordHasher({ queue: 1, threads: 2, cost: 4 });
    await hasher.warm();
    console.log(await hasher.verify(secret, [Buffer.from(await hasher.hash(secret))]));`,
  );
  await expect(run).resolves.toEqual({ stdout: "true\n", stderr: "" });
});

test("when threads cannot start, every waiting password fails, and later ones fail anew instead of waiting for ever", async () => {
  const broken = mkdtempSync(`${dist}../node_modules/.gatehouse-test-`); // where the packages are found
  try {
    writeFileSync(`${broken}/package.json`, '{ "type": "module" }');
    for (const room of ["model", "passwords"]) cpSync(dist + room, `${broken}/${room}`, { recursive: true });
    writeFileSync(`${broken}/passwords/password-worker.js`, 'throw new Error("no thread today");');
    const run = runBuilt(
      broken,
      `const alive = setInterval(() => {}, 1000);
      const hasher = new PasswordHasher({ queue: 9, threads: 2, cost: 4 });
      for (let round = 0; round < 2; round += 1) {
        const answers = await Promise.allSettled(Array.from({ length: 6 }, () => hasher.spend(secret)));
        console.log(answers.filter((answer) => answer.reason?.message === "no thread today").length);
      }
      await hasher.close();
      clearInterval(alive);`,
    );
    await expect(run).resolves.toEqual({ stdout: "6\n6\n", stderr: "" });
  } finally {
    rmSync(broken, { recursive: true, force: true });
  }
});
