// What a commit is made of: guards, row changes, and one record of what was done.

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
