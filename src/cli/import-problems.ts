// What is wrong with a file that is imported: every fault with its line, as many as a person will read.

const mostShown = 100;

export class ImportProblems {
  readonly file: string;
  #shown: string[] = [];
  #count = 0;

  /** `file`: as a person would name it. */
  constructor(file: string) {
    this.file = file;
  }

  get count(): number {
    return this.#count;
  }

  add(line: number, sentence: string): void {
    this.#count++;
    if (this.#shown.length < mostShown) this.#shown.push(`${this.file}:${line}: ${sentence}`);
  }

  /** One line each, and how many more there are. */
  lines(): string[] {
    const more = this.#count - this.#shown.length;
    return more > 0 ? [...this.#shown, `and ${more} more`] : [...this.#shown];
  }
}
