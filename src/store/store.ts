// The contract of the store. What is read is one moment of the whole directory; what is written is a transaction that
// happens whole or not at all, is durable before it is acknowledged, and gets the next revision number. LevelStore is
// the implementation on LevelDB; test/store/contract.ts is what any implementation must pass.

import type { Dn } from "../model/dn.js";
import type { Schema } from "../model/schema.js";
import type { ChangeRecord } from "./change.js";
import type { Reading } from "./reading.js";
import type { Transaction } from "./transaction.js";

export interface Store {
  readonly schema: Schema;
  readonly suffix: Dn;
  /** The newest committed moment. Release it: it holds back what LevelDB could forget. */
  read(): Reading;
  /**
   * Runs `work` as the only writer. Where it throws, nothing happened. Resolves when the outcome is on disk and visible
   * to `read`. Fails with `busy` where too many wait, with `unavailable` where the disk takes no more.
   */
  update<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<T>;
  /** Calls the listener after each commit that is durable and visible, in order. Returns how to stop it. */
  onCommit(listener: (record: ChangeRecord) => void): () => void;
  /** The change log from a revision on, in order. Fails with `noSuchObject` where it is not kept any more. */
  changes(from: number): AsyncGenerator<ChangeRecord, void, void>;
  close(): Promise<void>;
}
