// What an LDIF file says (RFC 2849): records in the order of the file, faulty ones included. Names stay as written:
// whoever takes a record parses its DN.
import type { Change, Control, RequestedAttribute } from "../model/message.js";

/** One attribute description of a record, with its values in the order of the file. */
export interface LdifAttribute extends RequestedAttribute {
  /** As written where it first stands; spellings that differ in case are one attribute. */
  readonly type: string;
  readonly values: Buffer[];
}

interface Located {
  /** Where the record begins, from 1. */
  readonly line: number;
}

interface Named extends Located {
  /** As written, base64 undone. */
  readonly dn: Buffer;
}

interface ChangeRecord extends Named {
  readonly controls: readonly Control[];
}

/** A record without `changetype`: an entry. */
export interface LdifContent extends Named {
  readonly kind: "content";
  readonly attributes: readonly LdifAttribute[];
}

export interface LdifAdd extends ChangeRecord {
  readonly kind: "add";
  readonly attributes: readonly LdifAttribute[];
}

export interface LdifDelete extends ChangeRecord {
  readonly kind: "delete";
}

export interface LdifModify extends ChangeRecord {
  readonly kind: "modify";
  readonly changes: readonly Change[];
}

/** `changetype: modrdn` or `moddn`: the same. */
export interface LdifModifyDn extends ChangeRecord {
  readonly kind: "modifyDn";
  readonly newRdn: Buffer;
  readonly deleteOldRdn: boolean;
  readonly newSuperior: Buffer | undefined;
}

/** A record that cannot be read. Reading goes on behind the next blank line. */
export interface LdifFault extends Located {
  readonly kind: "fault";
  /** Where the faulty line begins, a folded one where its first part stands. */
  readonly line: number;
  readonly message: string;
}

export type LdifRecord = LdifContent | LdifAdd | LdifDelete | LdifModify | LdifModifyDn | LdifFault;

/** A fault in LDIF as an error: `people.ldif:12: a record begins with "dn:", not with "cn"`. */
export class LdifError extends Error {
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
  /** The message without the place. */
  readonly sentence: string;

  constructor(sentence: string, { line, file, cause }: { line: number; file?: string; cause?: unknown }) {
    super(
      `${file === undefined ? `line ${line}` : `${file}:${line}`}: ${sentence}`,
      cause === undefined ? {} : { cause },
    );
    this.name = "LdifError";
    this.file = file;
    this.line = line;
    this.sentence = sentence;
  }
}
