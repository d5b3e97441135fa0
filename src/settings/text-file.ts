// A file of the configuration as text, or what keeps it from being read, as a problem of the whole file.
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isMissing, unreadable } from "./file-failure.js";
import type { Problem } from "./problem.js";

/** Far above any configuration; what is larger is some other file. */
const longestFile = 16 * 1024 * 1024;

/** Where the fault is the file itself. */
export const nowhere = { line: 0, column: 0 };

export function wholeFile(file: string, message: string): Problem {
  return { file, ...nowhere, path: "", message };
}

export async function readText(file: string): Promise<string | Problem> {
  try {
    // Not blocking: whoever opens a pipe would wait for somebody to write into it.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (!found.isFile()) return wholeFile(file, "is not a file: a file of YAML text is expected");
      const { size } = found;
      if (size > longestFile) return wholeFile(file, `is ${size} bytes long; at most ${longestFile} are read`);
      return new TextDecoder("utf-8", { fatal: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TypeError) return wholeFile(file, "is not UTF-8 text");
    return wholeFile(
      file,
      isMissing(error) ? "there is no such file: `gatehouse init` makes a configuration" : unreadable(error),
    );
  }
}
