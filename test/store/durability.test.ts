// What was acknowledged is there, whatever happens to the process or to the disk.
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Dn } from "../../src/model/dn.js";
import type { LevelStore } from "../../src/store/level-store.js";
import { closeStore, faultsOf, openStore, reading, suffix, temporaryFolder } from "../support/store.js";

const writer = fileURLToPath(new URL("../support/store-writer.mjs", import.meta.url));

interface Line {
  readonly ready?: number;
  readonly revision?: number;
  readonly uid?: string;
  /** What the entry holds now; null: it was removed. */
  readonly cn?: string | null;
  readonly refused?: string;
  readonly message?: string;
  readonly again?: string;
  readonly entries?: number;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** Runs to the end of the process; `watch` sees each line as it comes. */
async function linesOf(child: Child, watch: (line: Line) => void = () => {}): Promise<Line[]> {
  const lines: Line[] = [];
  let text = "";
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  child.stdout.on("data", (chunk) => {
    text += chunk;
    // The last line may be cut off where the process was killed: it was not said to anybody.
    const whole = text.split("\n");
    text = whole.pop()!;
    for (const each of whole) {
      const line = JSON.parse(each) as Line;
      lines.push(line);
      watch(line);
    }
  });
  await new Promise((resolve) => child.on("close", resolve));
  if (errors !== "") throw new Error(errors);
  return lines;
}

/** Holds what a store holds against what its writers were told. */
async function expectKept(path: string, lines: readonly Line[]): Promise<void> {
  const store = await openStore({ path });
  try {
    await expectTold(store, lines);
  } finally {
    await closeStore(store);
  }
}

async function expectTold(store: LevelStore, lines: readonly Line[]): Promise<void> {
  expect(await faultsOf(store)).toEqual([]);
  const told = new Map<string, string | null>();
  let last = 0;
  for (const { uid, cn, revision } of lines) {
    if (uid === undefined) continue;
    told.set(uid, cn ?? null);
    last = Math.max(last, revision!);
  }
  await reading(store, (moment) => {
    expect(moment.revision).toBeGreaterThanOrEqual(last);
    const type = store.schema.attributeType("cn")!;
    for (const [uid, cn] of told) {
      const entry = moment.find(Dn.parse(`uid=${uid},${suffix}`));
      // What came last may have been followed by one more write, done and not yet told.
      const next = { first: ["first", "second"], second: ["second", null] }[cn ?? ""] ?? [null];
      const found = entry && (entry.attributes.includes("second") ? "second" : "first");
      expect(next).toContain(found ?? null);
      if (entry) expect(moment.withValue(type, found!).count).toBeGreaterThan(0);
    }
  });
  const revisions: number[] = [];
  for await (const { revision } of store.changes(1)) revisions.push(revision);
  expect(revisions).toEqual(Array.from({ length: store.revision }, (_, n) => n + 1));
}

test("a process killed at any moment loses nothing that it acknowledged, and leaves no fault", async () => {
  const path = await temporaryFolder();
  const told: Line[] = [];
  for (let round = 0; round < 10; round++) {
    const child = spawn(process.execPath, [writer, path, "8"], { stdio: ["ignore", "pipe", "pipe"] });
    const lines = await linesOf(child, ({ ready }) => {
      if (ready !== undefined) setTimeout(() => child.kill("SIGKILL"), 10 + Math.random() * 250);
    });
    told.push(...lines);
    expect(lines.length).toBeGreaterThan(0);
    await expectKept(path, told);
  }
  expect(told.filter(({ uid }) => uid !== undefined).length).toBeGreaterThan(50);
}, 60_000);

describe("a full disk", () => {
  /** Refused once, then for good; readable all the while; whole when there is room again. */
  async function expectRefusal(path: string, child: Child): Promise<void> {
    const lines = await linesOf(child);
    const end = lines.at(-1)!;
    expect(end).toMatchObject({ refused: "unavailable", again: "unavailable" });
    expect(end.message).toMatch(
      /^the store takes no writes since one failed \(.+\); nothing acknowledged is lost\. Mend that, then restart the server$/,
    );
    const acknowledged = lines.filter(({ uid }) => uid !== undefined);
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(end.revision).toBe(Math.max(...acknowledged.map(({ revision }) => revision!)));
    await expectKept(path, lines);
  }

  test("refuses further writes as unavailable, stays readable, and loses nothing: the files may not grow", async () => {
    const path = await temporaryFolder();
    // 1 MiB a file; SIGXFSZ is ignored, so that a write that goes beyond fails instead.
    const command = `trap '' XFSZ; ulimit -f 2048; exec "$0" "$@"`;
    const child = spawn("sh", ["-c", command, process.execPath, writer, path, "4", "20000"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    await expectRefusal(path, child);
  });

  test.skipIf(!canMount())(
    "refuses further writes as unavailable, stays readable, and loses nothing: no room is left",
    async () => {
      const mount = join(await temporaryFolder(), "disk");
      mkdirSync(mount);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", mount]);
      try {
        const path = join(mount, "store");
        const child = spawn(process.execPath, [writer, path, "4", "20000"], { stdio: ["ignore", "pipe", "pipe"] });
        const lines = await linesOf(child);
        expect(lines.at(-1)).toMatchObject({ refused: "unavailable", again: "unavailable" });
        execFileSync("mount", ["-o", "remount,size=64m", mount]);
        await expectKept(path, lines);
      } finally {
        execFileSync("umount", ["--lazy", mount]);
      }
    },
  );
});

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
