// The writer of a bulk load in a thread of its own, so that entries are read and checked on one processor while their
// index is made on another. The thread opens the same database.
import { type TransferListItem, Worker } from "node:worker_threads";
import { LdapError } from "../model/failure.js";
import type { LoadThreadAnswer, LoadThreadData, LoadThreadOrder } from "./load-messages.js";
import type { PackedEntries } from "./load-pack.js";
import type { LoadTaker } from "./load-writer.js";

/** Packs under way to the thread. */
const mostUnderway = 4;

/** An order that is not answered yet. */
interface Waiting {
  readonly done: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export class LoadThread implements LoadTaker {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #waiting: Waiting[] = [];
  #failure: unknown;

  constructor(data: LoadThreadData) {
    this.#worker = new Worker(new URL("./load-worker.js", import.meta.url), { workerData: data });
    this.#worker.on("message", (answer: LoadThreadAnswer) => this.#hear(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#fail(new Error("the thread that writes the load ended early"));
        resolve();
      });
    });
  }

  async take(entries: PackedEntries): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#order({ kind: "take", entries }, [entries.bytes.buffer]).catch(() => {}); // whoever takes next is told
    if (this.#waiting.length >= mostUnderway) await this.#waiting[0]!.done;
  }

  async finish(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await this.#order({ kind: "finish" });
    await this.#ended;
  }

  async abandon(): Promise<void> {
    if (this.#failure === undefined) await this.#order({ kind: "abandon" }).catch(() => {});
    await this.#worker.terminate();
  }

  #order(order: LoadThreadOrder, transfer: readonly TransferListItem[] = []): Promise<void> {
    let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}];
    const done = new Promise<void>((...both) => {
      [resolve, reject] = both;
    });
    this.#waiting.push({ done, resolve, reject });
    this.#worker.postMessage(order, transfer);
    return done;
  }

  #hear(answer: LoadThreadAnswer): void {
    if (answer.kind === "failed") this.#fail(new LdapError(answer.code, answer.message));
    else this.#waiting.shift()?.resolve();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
