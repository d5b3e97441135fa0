// Standard output, which may be a pipe to somebody who has read enough.

/** A reader that went away is no fault: the command ends without a word. */
export function quietOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      process.stderr.write(`gatehouse: the output cannot be written: ${error.message}\n`, () => process.exit(1));
    });
  }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** For the person at the terminal, beside what the command gives out. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `4.2 s (26191 entries/s)` */
export function pace(count: number, unit: string, milliseconds: number): string {
  const seconds = milliseconds / 1000;
  return `${seconds.toFixed(1)} s (${Math.round(count / Math.max(seconds, 0.001))} ${unit}/s)`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
