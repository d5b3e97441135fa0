// The contract of the store. What is read is one moment of the whole directory; what is written is a transaction that
// happens whole or not at all, is durable before it is acknowledged, and gets the next revision number. LevelStore is
// the implementation on LevelDB; test/store/contract.ts is what any implementation must pass.
import type { Schema } from "../model/schema.js";
import type { Dn } from "../model/dn.js";
import type { Reading } from "./reading.js";
import type { Transaction } from "./transaction.js";

export const changeKinds = ["add", "modify", "modifyDn", "delete", "load"] as const;
export type ChangeKind = (typeof changeKinds)[number];

/** What one transaction did, as the change log keeps it. Names only: no values, so no secret. */
export interface Change {
  readonly kind: ChangeKind;
  /** DN of who did it. */
  readonly actor: string;
  readonly id: number;
  /** entryUUID of the entry, as text. */
  readonly uuid: string;
  /** DN of the entry before the change. */
  readonly dn: string;
  /** DN after a modifyDn. */
  readonly newDn?: string;
  /** Descriptions of the attributes changed. */
  readonly attributes?: readonly string[];
  /** How many entries a load brought. */
  readonly entries?: number;
}

export interface ChangeRecord extends Change {
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
}

/** What must still hold when a transaction is committed; a commit whose guard fails is prepared anew. */
export type Guard =
  | { readonly kind: "entryAt"; readonly id: number; readonly revision: number }
  | { readonly kind: "exists"; readonly id: number }
  | { readonly kind: "vacant"; readonly parent: number; readonly rdn: string }
  | { readonly kind: "childless"; readonly id: number };

/** A transaction ready to be committed. */
export interface Commit {
  readonly guards: readonly Guard[];
  readonly changes: ReadonlyMap<string, Buffer | undefined>;
  readonly record: ChangeRecord;
}

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
