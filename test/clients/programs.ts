// Other people's programs: run to their end, and skipped with a reason where they are not on this machine. In CI, where
// .ci/run installs them, a missing one is a failure.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { describe, test } from "vitest";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program that is not told of any settings of this machine, but of those in `env`. */
export function run(
  program: string,
  args: readonly string[],
  input: string | Buffer = "",
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const child = spawn(program, args, { env: { ...process.env, LDAPNOINIT: "1", LC_ALL: "C.UTF-8", ...env } });
  const ran = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (piece: string) => {
      ran[name] += piece;
    });
  }
  child.stdin.on("error", () => {}); // it may end before it has read everything
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...ran }));
  });
}

function isThere(program: string): boolean {
  const folders = isAbsolute(program) ? [""] : (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Tests that need programs; `lacks` says what else is missing of them. `inCi`: whether CI has them, so that their absence
 * is an error there.
 */
export function describeWith(
  title: string,
  needs: { readonly programs: readonly string[]; readonly lacks?: () => string | undefined; readonly inCi: boolean },
  tests: () => void,
): void {
  const missing = needs.programs.filter((program) => !isThere(program)).join(", ") || needs.lacks?.();
  if (!missing) describe(title, tests);
  else if (needs.inCi && process.env.CI) {
    test(title, () => {
      throw new Error(`not found on this machine: ${missing}; .ci/run installs it`);
    });
  } else describe.skip(`${title} (skipped, not found on this machine: ${missing})`, tests);
}

/** Whether a program ends well. */
export function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}
