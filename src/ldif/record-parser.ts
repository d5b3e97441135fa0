// One record, from its lines (RFC 2849). Throws LdifError at the first fault.
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Change, type Control, type Modification, modifications } from "../model/message.js";
import { type AttributeName, AttributeNames } from "./attribute-names.js";
import { decodeBase64 } from "./base64.js";
import { type LdifAttribute, LdifError, type LdifRecord } from "./ldif-record.js";
import { RecordLines } from "./record-lines.js";

const colon = 0x3a;
const space = 0x20;
const less = 0x3c;
const dash = 0x2d;

const changeTypes = ["add", "delete", "modify", "modrdn", "moddn"] as const;

export interface ParserOptions {
  readonly allowFiles: boolean;
  readonly entryBytes: number;
}

export class RecordParser {
  readonly lines = new RecordLines();
  readonly #names = new AttributeNames();
  readonly #options: ParserOptions;
  #record = 0;
  /** The line's name, and where its value begins: behind the colon. */
  #name: AttributeName;
  #value = 0;
  /** Bytes that the record took from files. */
  #taken = 0;

  constructor(options: ParserOptions) {
    this.#options = options;
    this.#name = this.#names.find(Buffer.from("dn"), 0, 2, 0)!;
  }

  /** The record whose lines were given to `lines`; undefined where it is only comments and a version. */
  parse(): LdifRecord | undefined {
    const { lines } = this;
    this.#names.trim();
    this.#record += 1;
    this.#taken = 0;
    if (lines.beginsFolded) this.#fail("begins with a space, but there is no line before it that it could continue");
    if (!lines.next()) return undefined;
    this.#readName();
    if (this.#is("version")) {
      this.#checkVersion();
      if (!lines.next()) return undefined;
      this.#readName();
    }
    if (!this.#is("dn")) this.#fail(`a record begins with "dn:", not with ${JSON.stringify(this.#name.text)}`);
    const { line } = lines;
    const dn = this.#readValue();
    if (!lines.next()) this.#fail("the record ends behind its dn: attributes or a changetype are expected");
    this.#readName();
    const controls = this.#readControls();
    if (this.#is("changetype")) return this.#change(line, dn, controls);
    if (controls.length > 0) this.#fail('behind a control "changetype:" is expected');
    return { kind: "content", line, dn, attributes: this.#attributes() };
  }

  #fail(sentence: string): never {
    throw new LdifError(sentence, { line: this.lines.line });
  }

  #is(name: string): boolean {
    return this.#name.group.name === name;
  }

  #readName(): void {
    const { bytes, start, end } = this.lines;
    let hash = 0;
    let at = start;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte === colon) break;
      hash = (hash * 31 + byte) | 0;
      at += 1;
    }
    const name = at < end ? this.#names.find(bytes, start, at, hash) : undefined;
    if (name === undefined) this.#failAtName(at);
    this.#name = name;
    this.#value = at + 1;
  }

  #failAtName(colonAt: number): never {
    const { bytes, start, end } = this.lines;
    const excerpt = JSON.stringify(bytes.toString("utf8", start, Math.min(colonAt, end, start + 40)));
    if (colonAt === end) {
      this.#fail(
        `${excerpt} is no line of a record: "attribute: value" is expected, or a space before a continued line`,
      );
    }
    this.#fail(`${excerpt} is not the name of an attribute`);
  }

  /** A view of the source, or of what it was decoded to. */
  #readValue(): Buffer {
    const { bytes, end } = this.lines;
    let at = this.#value;
    const mark = bytes[at];
    if (at < end && (mark === colon || mark === less)) return this.#readMarkedValue(mark);
    while (at < end && bytes[at] === space) at += 1;
    return bytes.subarray(at, end);
  }

  #readMarkedValue(mark: number): Buffer {
    const { bytes } = this.lines;
    let { end } = this.lines;
    let at = this.#value + 1;
    while (at < end && bytes[at] === space) at += 1;
    while (end > at && bytes[end - 1] === space) end -= 1;
    if (mark === less) return this.#readFile(bytes.toString("utf8", at, end));
    return (
      decodeBase64(bytes, at, end) ??
      this.#fail(`the value of ${this.#name.text} is not base64: write it with one colon if it is plain text`)
    );
  }

  #readFile(url: string): Buffer {
    const { allowFiles, entryBytes } = this.#options;
    const { text } = this.#name;
    if (!allowFiles)
      this.#fail(`the value of ${text} is in a file, and files are not read here: write the value itself`);
    if (!/^file:\/\//i.test(url))
      this.#fail(`${JSON.stringify(url)} is not read: a URL of the kind file:///path is expected`);
    try {
      const path = fileURLToPath(url);
      const found = statSync(path);
      if (!found.isFile()) this.#fail(`${path} is not a file`);
      this.#taken += found.size;
      if (this.#taken > entryBytes) this.#fail(`${path} makes the record larger than ${entryBytes} bytes`);
      return readFileSync(path);
    } catch (error) {
      if (error instanceof LdifError) throw error;
      const { message } = error as Error;
      throw new LdifError(`the value of ${text} cannot be read: ${message}`, { line: this.lines.line, cause: error });
    }
  }

  #readText(): string {
    return this.#readValue().toString("utf8").trim();
  }

  #checkVersion(): void {
    const version = this.#readText();
    if (version !== "1") this.#fail(`version ${JSON.stringify(version)} is not known: "version: 1" is expected`);
  }

  /** From the present line to the end of the record. */
  #attributes(): LdifAttribute[] {
    const { lines } = this;
    const attributes: LdifAttribute[] = [];
    for (;;) {
      const { group } = this.#name;
      const value = this.#readValue();
      if (group.record === this.#record) {
        group.attribute!.values.push(value);
      } else {
        if (group.name === "dn") this.#failAtDn();
        if (group.name === "changetype") this.#fail('"changetype:" is expected right behind dn and its controls');
        group.record = this.#record;
        group.attribute = { type: this.#name.text, values: [value] };
        attributes.push(group.attribute);
      }
      if (!lines.next()) return attributes;
      this.#readName();
    }
  }

  #failAtDn(): never {
    this.#fail('"dn:" stands within a record: a blank line is expected before it');
  }

  /** `control: OID [true|false][: value]`, any number of them. */
  #readControls(): Control[] {
    const controls: Control[] = [];
    while (this.#is("control") && this.#startsWithOid()) {
      controls.push(this.#readControl());
      if (!this.lines.next()) this.#fail('behind a control "changetype:" is expected');
      this.#readName();
    }
    return controls;
  }

  /** An entry may have an attribute called control; a control begins with an OID. */
  #startsWithOid(): boolean {
    return /^ *[0-9]+(\.[0-9]+)+ *($|:|true|false)/i.test(
      this.lines.bytes.toString("latin1", this.#value, this.lines.end),
    );
  }

  #readControl(): Control {
    const { bytes, end } = this.lines;
    const text = bytes.toString("latin1", this.#value, end);
    const [head, oid, critical, mark] = /^ *([0-9.]+)(?: +(true|false))? *(:?)/i.exec(text) ?? [];
    if (head === undefined || oid === undefined || (mark === "" && head.length < text.length)) {
      this.#fail('a control is written "control: OID true: value" or "control: OID false:: base64"');
    }
    this.#value += head.length;
    const value = mark === "" ? undefined : this.#readValue();
    return { oid, critical: critical?.toLowerCase() === "true", value };
  }

  #change(line: number, dn: Buffer, controls: readonly Control[]): LdifRecord {
    const { lines } = this;
    const written = this.#readText();
    const changeType = changeTypes.find((type) => type === written.toLowerCase());
    if (changeType === undefined) {
      this.#fail(`the changetype ${JSON.stringify(written)} is not known: it is one of ${changeTypes.join(", ")}`);
    }
    const more = lines.next();
    if (changeType === "delete") {
      if (more) this.#fail("a record that deletes an entry ends behind its changetype: a blank line is expected");
      return { kind: "delete", line, dn, controls };
    }
    if (changeType === "modify") return { kind: "modify", line, dn, controls, changes: more ? this.#changes() : [] };
    if (!more)
      this.#fail(
        `the record ends behind its changetype: ${changeType === "add" ? "attributes are" : '"newrdn:" is'} expected`,
      );
    this.#readName();
    if (changeType === "add") return { kind: "add", line, dn, controls, attributes: this.#attributes() };
    return { kind: "modifyDn", line, dn, controls, ...this.#newName() };
  }

  /** `newrdn`, `deleteoldrdn` and, where the entry moves, `newsuperior`, in this order. */
  #newName(): { newRdn: Buffer; deleteOldRdn: boolean; newSuperior: Buffer | undefined } {
    const { lines } = this;
    if (!this.#is("newrdn")) this.#fail(`"newrdn:" is expected here, not ${JSON.stringify(this.#name.text)}`);
    const newRdn = this.#readValue();
    if (!lines.next()) this.#fail('behind newrdn "deleteoldrdn: 1" or "deleteoldrdn: 0" is expected');
    this.#readName();
    const flag = this.#is("deleteoldrdn") ? this.#readText() : "";
    if (flag !== "0" && flag !== "1") this.#fail('behind newrdn "deleteoldrdn: 1" or "deleteoldrdn: 0" is expected');
    const deleteOldRdn = flag === "1";
    if (!lines.next()) return { newRdn, deleteOldRdn, newSuperior: undefined };
    this.#readName();
    if (!this.#is("newsuperior"))
      this.#fail(`"newsuperior:" or a blank line is expected here, not ${JSON.stringify(this.#name.text)}`);
    const newSuperior = this.#readValue();
    if (lines.next()) this.#fail("behind newsuperior a blank line is expected");
    return { newRdn, deleteOldRdn, newSuperior };
  }

  /** From the present line: `add: TYPE`, values of TYPE, `-`, and so on. The last `-` may be missing. */
  #changes(): Change[] {
    const { lines } = this;
    const changes: Change[] = [];
    for (;;) {
      this.#readName();
      const modification = modifications.find((name) => this.#is(name));
      if (modification === undefined) {
        this.#fail(`${JSON.stringify(this.#name.text)} is no change: ${modifications.join(", ")} is expected`);
      }
      const change = this.#readChange(modification);
      changes.push(change.change);
      if (!change.more || !lines.next()) return changes;
    }
  }

  #readChange(modification: Modification): { change: Change; more: boolean } {
    const { lines } = this;
    const type = this.#readText();
    const key = Buffer.from(type);
    const name = this.#names.find(key, 0, key.length, 0);
    if (name === undefined) this.#fail(`${JSON.stringify(type.slice(0, 40))} is not the name of an attribute`);
    const values: Buffer[] = [];
    const change = { modification, type, values };
    while (lines.next()) {
      if (this.#isDash()) return { change, more: true };
      this.#readName();
      if (this.#name.group !== name.group) {
        if (this.#is("dn")) this.#failAtDn();
        this.#fail(
          `${JSON.stringify(this.#name.text)} stands among the values of ${type}: a line with "-" is expected before the next change`,
        );
      }
      values.push(this.#readValue());
    }
    return { change, more: false };
  }

  #isDash(): boolean {
    const { bytes, start, end } = this.lines;
    return bytes[start] === dash && bytes.toString("latin1", start + 1, end).trim() === "";
  }
}
