// The requests and results of LDAP (RFC 4511 section 4) as plain values. `wire/` decodes and encodes them;
// everything between the wire and the store speaks in these words.
import type { Dn, Rdn } from "./dn.js";
import type { Filter } from "./filter.js";
import type { ResultCode } from "./result-code.js";
import type { Secret } from "./secret.js";

/** RFC 4511 4.1.11. The value is raw: each control decodes its own. */
export interface Control {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer | undefined;
}

/** Position is the number on the wire (RFC 4511 4.5.1.2; 3 is draft-sermersheim-ldap-subordinate-scope). */
export const scopes = ["base", "one", "sub", "subordinates"] as const;
export type Scope = (typeof scopes)[number];

/** Position is the number on the wire (RFC 4511 4.6; 3 is RFC 4525). */
export const modifications = ["add", "delete", "replace", "increment"] as const;
export type Modification = (typeof modifications)[number];

/** An attribute as a client names it: the description as written, values as bytes. */
export interface RequestedAttribute {
  readonly type: string;
  readonly values: readonly Buffer[];
}

interface Message {
  /** 1 to 2^31 - 1 (RFC 4511 4.1.1.1). */
  readonly id: number;
  readonly controls: readonly Control[];
}

export type Credentials =
  | { readonly method: "simple"; readonly password: Secret }
  | { readonly method: "sasl"; readonly mechanism: string; readonly credentials: Secret | undefined };

export interface BindRequest extends Message {
  readonly operation: "bind";
  readonly version: number;
  readonly dn: Dn;
  readonly credentials: Credentials;
}

export interface UnbindRequest extends Message {
  readonly operation: "unbind";
}

export interface SearchRequest extends Message {
  readonly operation: "search";
  readonly base: Dn;
  readonly scope: Scope;
  /** Entries; 0 is no limit. */
  readonly sizeLimit: number;
  /** Seconds; 0 is no limit. */
  readonly timeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

export interface CompareRequest extends Message {
  readonly operation: "compare";
  readonly dn: Dn;
  readonly type: string;
  readonly value: Buffer;
}

export interface AddRequest extends Message {
  readonly operation: "add";
  readonly dn: Dn;
  readonly attributes: readonly RequestedAttribute[];
}

export interface Change extends RequestedAttribute {
  readonly modification: Modification;
}

export interface ModifyRequest extends Message {
  readonly operation: "modify";
  readonly dn: Dn;
  readonly changes: readonly Change[];
}

export interface ModifyDnRequest extends Message {
  readonly operation: "modifyDn";
  readonly dn: Dn;
  readonly newRdn: Rdn;
  readonly deleteOldRdn: boolean;
  readonly newSuperior: Dn | undefined;
}

export interface DeleteRequest extends Message {
  readonly operation: "delete";
  readonly dn: Dn;
}

export interface AbandonRequest extends Message {
  readonly operation: "abandon";
  /** The message to abandon. */
  readonly target: number;
}

export interface ExtendedRequest extends Message {
  readonly operation: "extended";
  readonly oid: string;
  readonly value: Buffer | undefined;
}

export type Request =
  | BindRequest
  | UnbindRequest
  | SearchRequest
  | CompareRequest
  | AddRequest
  | ModifyRequest
  | ModifyDnRequest
  | DeleteRequest
  | AbandonRequest
  | ExtendedRequest;

export type OperationName = Request["operation"];
/** What has a result: all but those that end something in silence. */
export type AnsweredOperation = Exclude<OperationName, "abandon" | "unbind">;
export type AnsweredRequest = Extract<Request, { operation: AnsweredOperation }>;

/** RFC 4511 4.1.9, with what single operations add to it. */
export interface Result {
  readonly code: ResultCode;
  /** diagnosticMessage: one sentence for a person, never a secret. */
  readonly message?: string;
  readonly matchedDn?: string;
  readonly controls?: readonly Control[];
  /** responseName and responseValue of an extended response (RFC 4511 4.12). */
  readonly responseName?: string;
  readonly responseValue?: Buffer;
}

/**
 * Found entries, encoded: each is the content of one SearchResultEntry (RFC 4511 4.5.2: objectName, then attributes),
 * without its tag and message envelope. Entry n is `bytes` from `ends[n - 1]` (or 0) to `ends[n]`.
 */
export interface EntryBatch {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
  /** What they are instead: the contents of intermediate responses (RFC 4511 4.13). */
  readonly as?: "intermediate";
}

/** A result, with all entries that were found: an answer that needs no waiting. */
export interface Answered extends Result {
  /** Valid until the next operation is carried out. */
  readonly entries?: EntryBatch;
}

/** Batches of entries as they are found, each valid until the next is asked for; then exactly one result. */
export type Answers = AsyncGenerator<EntryBatch, Result, void>;

/** What an operation gives back. An answer at once is the fast way: no promise, no turn of the event loop. */
export type Answering = Answered | Promise<Answered | Answers> | Answers;

/** Tells an operation under way that nobody waits for its answer any more. */
export interface Cancellation {
  readonly canceled: boolean;
}

export const success: Result = Object.freeze({ code: "success" });
/** RFC 3909 2.3; of an abandoned operation it is only recorded. */
export const canceled: Result = Object.freeze({ code: "canceled" });
