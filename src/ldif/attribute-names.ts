// Attribute descriptions, each made a string once: a file names the same few a million times.
import { isAttributeDescription } from "../model/attribute-description.js";
import type { LdifAttribute } from "./ldif-record.js";

/** All spellings of one attribute description. */
export interface AttributeGroup {
  /** In lower case. */
  readonly name: string;
  /** The record that last had this attribute, by its number, and the attribute there: grouping without a search. */
  record: number;
  attribute: LdifAttribute | undefined;
}

export interface AttributeName {
  /** As written. */
  readonly text: string;
  readonly bytes: Buffer;
  readonly group: AttributeGroup;
}

const slots = 1024;
/** A file that names more different ones than this is hostile. */
const mostNames = 16_384;

export class AttributeNames {
  /** Found by a hash of the bytes; what falls into the same slot takes it over. */
  readonly #recent: (AttributeName | undefined)[] = Array(slots).fill(undefined);
  readonly #names = new Map<string, AttributeName>();
  readonly #groups = new Map<string, AttributeGroup>();

  /** The description at these bytes, whose hash (`hash * 31 + byte`, in 32 bits) is known; undefined where it is none. */
  find(bytes: Buffer, start: number, end: number, hash: number): AttributeName | undefined {
    const slot = hash & (slots - 1);
    const recent = this.#recent[slot];
    if (recent !== undefined && isSame(recent.bytes, bytes, start, end)) return recent;
    const name = this.#intern(bytes.toString("latin1", start, end));
    if (name !== undefined) this.#recent[slot] = name;
    return name;
  }

  /** Call between records: what a record's attributes are grouped by must outlive it. */
  trim(): void {
    if (this.#names.size <= mostNames) return;
    this.#names.clear();
    this.#groups.clear();
    this.#recent.fill(undefined);
  }

  #intern(text: string): AttributeName | undefined {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (!isAttributeDescription(text)) return undefined;
    const key = text.toLowerCase();
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { name: key, record: 0, attribute: undefined };
      this.#groups.set(key, group);
    }
    const name = { text, bytes: Buffer.from(text, "latin1"), group };
    this.#names.set(text, name);
    return name;
  }
}

function isSame(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = name;
  if (length !== end - start) return false;
  for (let n = 0; n < length; n++) if (name[n] !== bytes[start + n]) return false;
  return true;
}
