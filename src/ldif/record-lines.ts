// The lines of one record: folded ones joined, comments passed over. A cursor; it makes no object per line.

const space = 0x20;
const hash = 0x23;
const cr = 0x0d;

export class RecordLines {
  /** The present line stands here, from `start` to `end`, without its line break. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  /** Number of the line in the file, from 1; of a folded one, that of its first part. */
  line = 0;
  #source: Buffer = this.bytes;
  /** Where each line of the record begins; one more for where the next would. */
  #starts: Int32Array = new Int32Array(1);
  #count = 0;
  #at = 0;
  #firstLine = 0;

  /** Begins a record of `count` lines, none of them blank. */
  reset(source: Buffer, starts: Int32Array, count: number, firstLine: number): void {
    this.#source = source;
    this.#starts = starts;
    this.#count = count;
    this.#at = 0;
    this.#firstLine = firstLine;
    this.line = firstLine;
  }

  /** Moves to the next line; false at the end. */
  next(): boolean {
    while (this.#at < this.#count) {
      const first = this.#at++;
      const last = this.#lastPart(first);
      this.#at = last + 1;
      const start = this.#starts[first]!;
      if (this.#source[start] === hash) continue; // RFC 2849 note 3: a comment may be folded as well
      this.line = this.#firstLine + first;
      this.start = start;
      this.end = this.#endOf(first);
      this.bytes = this.#source;
      if (last > first) this.#join(first, last);
      return true;
    }
    return false;
  }

  /** Whether the record begins with a continuation: there is nothing that it continues. */
  get beginsFolded(): boolean {
    return this.#source[this.#starts[0]!] === space;
  }

  #lastPart(first: number): number {
    let last = first;
    while (last + 1 < this.#count && this.#source[this.#starts[last + 1]!] === space) last += 1;
    return last;
  }

  #endOf(n: number): number {
    const end = this.#starts[n + 1]! - 1;
    return this.#source[end - 1] === cr && end > this.#starts[n]! ? end - 1 : end;
  }

  #join(first: number, last: number): void {
    const parts = [this.#source.subarray(this.start, this.end)];
    for (let n = first + 1; n <= last; n++) parts.push(this.#source.subarray(this.#starts[n]! + 1, this.#endOf(n)));
    this.bytes = Buffer.concat(parts);
    this.start = 0;
    this.end = this.bytes.length;
  }
}
