// What a bulk load (load-thread.ts) and its thread (load-worker.ts) say to each other.
import type { ResultCode } from "../model/result-code.js";
import type { PackedEntries } from "./load-pack.js";

/** What the thread is begun with. The schema goes along as definitions (RFC 4512 4.1): functions cannot. */
export interface LoadThreadData {
  readonly path: string;
  readonly attributeTypes: readonly string[];
  readonly objectClasses: readonly string[];
  /** Numbers of attribute types in index keys, by OID. */
  readonly numbers: readonly (readonly [oid: string, number: number])[];
}

export type LoadThreadOrder =
  | { readonly kind: "take"; readonly entries: PackedEntries }
  | { readonly kind: "finish" }
  | { readonly kind: "abandon" };

/** Every order is answered, in their order. */
export type LoadThreadAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly code: ResultCode; readonly message: string };
