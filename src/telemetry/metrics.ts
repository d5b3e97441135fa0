// Counters and histograms in memory: no I/O, and recording allocates nothing. What exposes them takes a snapshot.
import type { OperationName } from "../model/message.js";
import { type ResultCode, resultCodes } from "../model/result-code.js";

export interface HistogramSnapshot {
  /** Observations no longer than `seconds` and longer than the bucket before; the last one has no bound. */
  readonly buckets: readonly { readonly seconds: number; readonly count: number }[];
  readonly count: number;
  /** Seconds in all. */
  readonly sum: number;
}

export interface OperationSnapshot {
  /** Only codes that occurred. */
  readonly results: Readonly<Partial<Record<ResultCode, number>>>;
  readonly durations: HistogramSnapshot;
}

export interface MetricsSnapshot {
  readonly operations: Readonly<Record<OperationName, OperationSnapshot>>;
  /** Now open, and opened since the start. */
  readonly connections: { readonly open: number; readonly opened: number };
  readonly entriesReturned: number;
  /** Committed writes, and the rows changed by them. */
  readonly commits: number;
  readonly rows: number;
}

/** Buckets end at 2^0, 2^1 … 2^26 microseconds (1 µs to 67 s), and one takes what is longer. */
const bounded = 27;

/** Durations in buckets whose bounds double. */
export class Histogram {
  readonly #counts = new Float64Array(bounded + 1);
  #sum = 0;

  record(milliseconds: number): void {
    const microseconds = Math.ceil(Math.max(0, milliseconds) * 1000);
    // For 2^(n-1) < x <= 2^n the leading bit of x - 1 is bit n - 1.
    const bucket = microseconds <= 1 ? 0 : Math.min(bounded, 32 - Math.clz32(Math.min(microseconds, 2 ** 31) - 1));
    this.#counts[bucket]! += 1;
    this.#sum += milliseconds;
  }

  snapshot(): HistogramSnapshot {
    return {
      buckets: Array.from(this.#counts, (count, index) => ({
        seconds: index < bounded ? 2 ** index / 1e6 : Number.POSITIVE_INFINITY,
        count,
      })),
      count: this.#counts.reduce((sum, count) => sum + count, 0),
      sum: this.#sum / 1000,
    };
  }
}

const codes = Object.keys(resultCodes) as ResultCode[];

class OperationMetrics {
  /** At the number of the code on the wire. */
  readonly #results = new Float64Array(Math.max(...Object.values(resultCodes)) + 1);
  readonly #durations = new Histogram();

  record(outcome: ResultCode, milliseconds: number): void {
    this.#results[resultCodes[outcome]]! += 1;
    this.#durations.record(milliseconds);
  }

  snapshot(): OperationSnapshot {
    const results = codes.map((code) => [code, this.#results[resultCodes[code]] ?? 0] as const);
    return {
      results: Object.fromEntries(results.filter(([, count]) => count > 0)),
      durations: this.#durations.snapshot(),
    };
  }
}

export class Metrics {
  readonly #operations: Readonly<Record<OperationName, OperationMetrics>> = {
    bind: new OperationMetrics(),
    unbind: new OperationMetrics(),
    search: new OperationMetrics(),
    compare: new OperationMetrics(),
    add: new OperationMetrics(),
    modify: new OperationMetrics(),
    modifyDn: new OperationMetrics(),
    delete: new OperationMetrics(),
    abandon: new OperationMetrics(),
    extended: new OperationMetrics(),
  };
  #open = 0;
  #opened = 0;
  #entries = 0;
  #commits = 0;
  #rows = 0;

  operation(name: OperationName, outcome: ResultCode, milliseconds: number): void {
    this.#operations[name].record(outcome, milliseconds);
  }

  connectionOpened(): void {
    this.#open += 1;
    this.#opened += 1;
  }

  connectionClosed(): void {
    this.#open -= 1;
  }

  entriesReturned(count: number): void {
    this.#entries += count;
  }

  committed(rows: number): void {
    this.#commits += 1;
    this.#rows += rows;
  }

  snapshot(): MetricsSnapshot {
    const operations = Object.entries(this.#operations).map(([name, metrics]) => [name, metrics.snapshot()]);
    return {
      operations: Object.fromEntries(operations),
      connections: { open: this.#open, opened: this.#opened },
      entriesReturned: this.#entries,
      commits: this.#commits,
      rows: this.#rows,
    };
  }
}
