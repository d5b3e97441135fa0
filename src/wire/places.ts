// So many at one time, the others one after the other as places become free.

export class Places {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** How many wait for a place. */
  get wanted(): number {
    return this.#queue.length;
  }

  /** Takes a place: at once (then there is nothing to wait for), or when it is this one's turn. */
  take(): Promise<void> | undefined {
    if (this.#free === 0) return new Promise((resolve) => this.#queue.push(resolve));
    this.#free--;
    return undefined;
  }

  giveBack(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#free++;
  }
}
