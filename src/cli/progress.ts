// How far a long command is, in one line that writes over itself; where nobody looks, nothing.

const interval = 100; // ms
const barWidth = 24;
const mebibyte = 1024 * 1024;

export class Progress {
  readonly #total: number | undefined;
  readonly #began = performance.now();
  #last = 0;

  /** `total`: bytes, where they are known. */
  constructor(total: number | undefined) {
    this.#total = total;
  }

  /** `entries`: undefined where they are not counted on the way. */
  show(bytes: number, entries: number | undefined): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#last < interval) return;
    this.#last = now;
    if (entries === undefined) {
      process.stderr.write(`\r\x1b[K${Math.round(bytes / mebibyte)} MiB`);
      return;
    }
    const rate = Math.round(entries / ((now - this.#began) / 1000));
    const done = this.#total ? Math.min(1, bytes / this.#total) : undefined;
    const bar =
      done === undefined ? "" : `${"█".repeat(done * barWidth).padEnd(barWidth, "░")} ${Math.floor(done * 100)} %  `;
    process.stderr.write(`\r\x1b[K${bar}${entries} entries  ${rate}/s`);
  }

  end(): void {
    if (this.#last > 0) process.stderr.write("\r\x1b[K");
  }
}
