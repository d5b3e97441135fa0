// Lists of entry ids, a great many of them and most of them short, gathered while a directory is loaded. What is gathered
// are pairs of a list and an id in typed arrays, in the order of ids; only at the end are they sorted into lists, by
// counting. No list is an object, so that memory is what the numbers take and the garbage collector has nothing to do.

export class TermLists {
  /** Ids are kept by their distance from it. */
  readonly base: number;
  #pairLists = new Int32Array(1 << 16);
  #pairIds = new Int32Array(1 << 16);
  #pairs = 0;
  /** How many ids each list has, and the last of them, one more than its distance. */
  #counts = new Int32Array(1 << 12);
  #lasts = new Int32Array(1 << 12);
  #lists = 0;

  /** `base`: no id is below it, nor 2^31 above. */
  constructor(base: number) {
    this.base = base;
  }

  /** How many lists there are. */
  get lists(): number {
    return this.#lists;
  }

  /** How many ids stand in all of them. */
  get pairs(): number {
    return this.#pairs;
  }

  /** Begins a list; returns its number. */
  begin(): number {
    if (this.#lists === this.#counts.length) {
      this.#counts = grown(this.#counts);
      this.#lasts = grown(this.#lasts);
    }
    return this.#lists++;
  }

  /** Adds an id that is no smaller than any added before; one that its list ends with already is in it. */
  add(list: number, id: number): void {
    const distance = id - this.base;
    if (this.#lasts[list] === distance + 1) return;
    this.#lasts[list] = distance + 1;
    this.#counts[list]!++;
    if (this.#pairs === this.#pairIds.length) {
      this.#pairLists = grown(this.#pairLists);
      this.#pairIds = grown(this.#pairIds);
    }
    this.#pairLists[this.#pairs] = list;
    this.#pairIds[this.#pairs++] = distance;
  }

  /** The lists one behind the other: list n is `distances` from `starts[n]` to `starts[n + 1]`, ascending. */
  sorted(): { distances: Int32Array; starts: Int32Array } {
    const starts = new Int32Array(this.#lists + 1);
    for (let list = 0; list < this.#lists; list++) starts[list + 1] = starts[list]! + this.#counts[list]!;
    const next = starts.slice();
    const distances = new Int32Array(this.#pairs);
    for (let n = 0; n < this.#pairs; n++) distances[next[this.#pairLists[n]!]!++] = this.#pairIds[n]!;
    return { distances, starts };
  }
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
