import { appendFile, mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { watchApplications } from "../../src/settings/applications-watch.js";

const every = 25;

/** A folder that is watched, and how often a change was told so far. */
async function watched() {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-watch-"));
  await writeFile(join(folder, "applications.yaml"), "applications: []\n");
  let told = 0;
  const unwatch = watchApplications(
    folder,
    () => {
      told += 1;
    },
    every,
  );
  onTestFinished(async () => {
    unwatch();
    await rm(folder, { recursive: true });
  });
  const tells = (times: number) => expect.poll(() => told, { timeout: 5000, interval: 5 }).toBe(times);
  const looks = (times: number) => new Promise((resolve) => setTimeout(resolve, times * every));
  await tells(1);
  return { folder, path: (name: string) => join(folder, name), tells, looks, unwatch, told: () => told };
}

test("once at the beginning, and then not until something has changed", async () => {
  const { looks, told } = await watched();
  await looks(10);
  expect(told()).toBe(1);
});

test("a change is told once: of the file, of one put in its place, and of its end", async () => {
  const { path, tells, looks, told } = await watched();
  await appendFile(path("applications.yaml"), "# more\n");
  await tells(2);
  await writeFile(path("new"), "applications: []\n# more\n");
  await rename(path("new"), path("applications.yaml"));
  await tells(3);
  await rm(path("applications.yaml"));
  await tells(4);
  await looks(5);
  expect(told()).toBe(4);
});

test("the files of applications.d count, the folder being there or not, and others do not", async () => {
  const { path, tells, looks, told } = await watched();
  await mkdir(path("applications.d"));
  await writeFile(path("applications.d/notes.txt"), "");
  await writeFile(path("server.yaml"), "");
  await looks(5);
  expect(told()).toBe(1);
  await writeFile(path("applications.d/a.yaml"), "applications: []\n");
  await tells(2);
  await utimes(path("applications.d/a.yaml"), 1, 1);
  await tells(3);
  await rm(path("applications.d"), { recursive: true });
  await tells(4);
});

test("a file that is being written is left until it is done", async () => {
  const { path, looks, told } = await watched();
  for (let n = 0; n < 40; n++) {
    await appendFile(path("applications.yaml"), `# line ${n}\n`);
    await new Promise((resolve) => setTimeout(resolve, every / 5));
  }
  // A machine under load may let two looks fall between two pieces.
  expect(told()).toBeLessThan(10);
  await looks(10);
  expect(told()).toBeGreaterThan(1);
});

test("nothing is told after the end", async () => {
  const { path, looks, told, unwatch } = await watched();
  unwatch();
  await appendFile(path("applications.yaml"), "# more\n");
  await looks(5);
  expect(told()).toBe(1);
});
