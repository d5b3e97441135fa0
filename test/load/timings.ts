/** How long each of many questions took, in milliseconds. */
export class Timings {
  readonly #all: number[] = [];

  async of<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    const began = performance.now();
    const answer = await question();
    this.#all.push(performance.now() - began);
    return answer;
  }

  get count(): number {
    return this.#all.length;
  }

  /** 0.99: so long took the slowest but one in a hundred. */
  quantile(share: number): number {
    const sorted = this.#all.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  }

  toString(): string {
    const [p50, p99, most] = [0.5, 0.99, 1].map((share) => this.quantile(share).toFixed(2));
    return `${this.count} answers, p50 ${p50} ms, p99 ${p99} ms, longest ${most} ms`;
  }
}
