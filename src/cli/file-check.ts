// Looks through a file before anything of it is stored: whether each record can be read, obeys the schema, and stands
// where it may, given what the store holds and what the file itself has said before.
import type { LdifAdd, LdifContent, LdifRecord } from "../ldif/ldif-record.js";
import type { NormalForm } from "../model/schema.js";
import { uuidNormal, uuidText } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import { type ChangeRecord, requestOf } from "./change-records.js";
import { type EntryReader, type ReadEntry, refusalOf } from "./entry-reader.js";
import { checkPasswords } from "./import-passwords.js";
import type { ImportProblems } from "./import-problems.js";

export class FileCheck {
  readonly #reader: EntryReader;
  readonly #problems: ImportProblems;
  /** Undefined: into an empty store. */
  readonly #reading: Reading | undefined;
  /** What the file has added and removed so far. */
  readonly #added = new Set<NormalForm>();
  readonly #removed = new Set<NormalForm>();
  readonly #uuids = new Set<string>();
  /** Names of entries with errors: that what is below them lacks its parent is no error of its own. */
  readonly #faulty = new Set<NormalForm>();
  /** From here on names are not what they were, and whether something exists is known only when it is done. */
  #renamed = false;
  /** The records with errors, by the lines they begin in. */
  readonly faultyLines = new Set<number>();
  entries = 0;
  changes = 0;

  constructor(reader: EntryReader, problems: ImportProblems, reading: Reading | undefined) {
    this.#reader = reader;
    this.#problems = problems;
    this.#reading = reading;
  }

  take(record: LdifRecord): void {
    if (record.kind === "fault") {
      this.#problems.add(record.line, record.message);
      return;
    }
    try {
      if (record.kind === "content" || record.kind === "add") this.#takeEntry(record);
      else this.#takeChange(record);
    } catch (error) {
      this.faultyLines.add(record.line);
      this.#problems.add(record.line, refusalOf(error));
    }
  }

  #takeEntry(record: LdifContent | LdifAdd): void {
    let entry: ReadEntry;
    try {
      entry = this.#reader.read(record);
      checkPasswords(entry.content.passwords);
    } catch (error) {
      const name = nameOf(record, this.#reader);
      if (name !== undefined) this.#faulty.add(name);
      throw error;
    }
    const problem = this.#problemOf(entry);
    if (problem === undefined) {
      this.entries++;
      this.#added.add(entry.normal);
      this.#removed.delete(entry.normal);
      return;
    }
    this.#faulty.add(entry.normal);
    this.faultyLines.add(record.line);
    if (problem !== "") this.#problems.add(record.line, problem);
  }

  /** The sentence; empty where the fault was told already. */
  #problemOf({ dn, normal, facts }: ReadEntry): string | undefined {
    if (this.#added.has(normal)) return `${dn} stands in the file twice`;
    if (!this.#renamed && this.#exists(normal, () => this.#reading?.resolve(dn))) return `${dn} exists already`;
    if (dn.depth > this.#reader.suffix.depth && !this.#renamed) {
      const above = normal.slice(dn.rdn!.normal(this.#reader.schema).length + 1);
      if (!this.#exists(above, () => this.#reading?.resolve(dn.parent!))) {
        return this.#faulty.has(above) ? "" : `the entry above ${dn} does not exist; it must stand before it`;
      }
      if (!this.#removed.has(above)) this.#known.add(above);
    }
    return facts.uuid && this.#uuidProblem(facts.uuid);
  }

  /** Parents that were found: most entries have the same few. */
  readonly #known = new Set<NormalForm>();

  #exists(normal: NormalForm, find: () => number | undefined): boolean {
    if (this.#added.has(normal) || this.#known.has(normal)) return true;
    return !this.#removed.has(normal) && find() !== undefined;
  }

  #uuidProblem(uuid: Buffer): string | undefined {
    const text = uuidText(uuid);
    if (this.#uuids.has(text)) return `entryUUID ${text} stands in the file twice`;
    this.#uuids.add(text);
    if (!this.#reading || this.#removed.size > 0) return undefined;
    const type = this.#reader.schema.attributeType("entryUUID");
    const isTaken = type && this.#reading.withValue(type, uuidNormal(uuid)).count > 0;
    return isTaken ? `an entry with entryUUID ${text} exists already` : undefined;
  }

  #takeChange(record: ChangeRecord): void {
    const { dn, operation } = requestOf(record, this.#reader);
    const normal = dn.normal(this.#reader.schema);
    if (!this.#reading) {
      this.#problems.add(record.line, changesNeedEntries);
      return;
    }
    if (!this.#renamed && !this.#exists(normal, () => this.#reading?.resolve(dn))) {
      this.faultyLines.add(record.line);
      if (!this.#faulty.has(normal)) this.#problems.add(record.line, `there is no entry ${dn}`);
      return;
    }
    this.changes++;
    if (operation === "modifyDn") this.#renamed = true;
    if (operation !== "delete") return;
    this.#added.delete(normal);
    this.#known.delete(normal);
    this.#removed.add(normal);
  }
}

export const changesNeedEntries =
  "an empty store is filled with entries alone: import them first, and then what changes them";

/** The normal form of a record's name, as far as it has one. */
export function nameOf(record: LdifContent | LdifAdd, reader: EntryReader): NormalForm | undefined {
  try {
    return reader.name(record.dn).normal(reader.schema);
  } catch (error) {
    refusalOf(error);
    return undefined;
  }
}
