// What a process costs, as the kernel counts it (proc(5)): it needs no word of the process itself, and is Linux's alone.
import { readdir, readFile, readlink } from "node:fs/promises";

export interface Figures {
  /** Memory in use, in bytes (VmRSS). */
  readonly resident: number;
  /** Time on a processor so far, of all threads, in milliseconds. */
  readonly cpu: number;
  /** Open file descriptors. */
  readonly files: number;
  /** Those of them that are sockets, listening ones included. */
  readonly sockets: number;
}

/** The kernel counts time in hundredths of a second for whoever asks. */
const tick = 10;

export async function figuresOf(pid: number): Promise<Figures> {
  const [resident, stat, names] = await Promise.all([
    residentOf(pid),
    readFile(`/proc/${pid}/stat`, "utf8"),
    readdir(`/proc/${pid}/fd`),
  ]);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "gone")));
  // Field 2 is the name of the program, in brackets; utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    resident,
    cpu: (Number(fields[11]) + Number(fields[12])) * tick,
    files: targets.filter((target) => target !== "gone").length,
    sockets: targets.filter((target) => target.startsWith("socket:")).length,
  };
}

/** Memory in use alone, for many samples. */
export async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

export const MiB = 1024 * 1024;

export const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;
