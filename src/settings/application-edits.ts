// Edits of applications.yaml that leave the rest of the text as it is, to the byte: comments, order, alignment.
//
// An edit cuts into the text at the places that `yaml` gives. Whether the cut was right is not argued but checked: the
// new text must mean the old one with just that change. Where it does not (a list in one line, a comment in an odd
// place), `yaml` writes the document anew, which keeps comments and order but not all of the spacing.
import { isDeepStrictEqual } from "node:util";
import { type AccessPreset, applicationKey, parseApplicationName, parsePasswordHash } from "./application-settings.js";
import { SettingError } from "./problem.js";
import {
  Document,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
  yamlOptions,
} from "./yaml-document.js";

/** What a new application is written with; the keys are those of the file, in this order. */
export interface NewApplication {
  readonly name: string;
  readonly description?: string;
  /** Hashes. */
  readonly password: string | readonly string[];
  readonly addresses: readonly string[];
  readonly access: AccessPreset;
  readonly login?: readonly string[];
}

/** Adds an application at the end. Throws SettingError where the name is taken or not a name, or the text is no list of applications. */
export function addApplication(text: string, application: NewApplication): string {
  parseApplicationName(application.name);
  for (const hash of [application.password].flat()) parsePasswordHash(hash);
  const old = open(text);
  if (find(old.list, application.name) !== undefined) {
    throw new SettingError(`there is an application ${JSON.stringify(application.name)} already`);
  }
  const plain = orderedKeys(application);
  return edited(
    old,
    (list) => list.push(plain),
    () => insertAtEnd(old, plain),
    (list) => list.add(old.document.createNode(plain)),
  );
}

/** Removes an application, with the comment right above it. Throws SettingError where there is none of this name. */
export function removeApplication(text: string, name: string): string {
  const old = open(text);
  const at = existing(old.list, name);
  return edited(
    old,
    (list) => list.splice(at, 1),
    () => cutItem(old, at),
    (list) => list.delete(at),
  );
}

/** Gives an application these passwords in place of its own: one stands alone, several in a list. */
export function replacePasswords(text: string, name: string, hashes: readonly string[]): string {
  if (hashes.length === 0) throw new SettingError("an application keeps at least one password");
  for (const hash of hashes) parsePasswordHash(hash);
  const old = open(text);
  const at = existing(old.list, name);
  const password = hashes.length === 1 ? hashes[0]! : [...hashes];
  return edited(
    old,
    (list) => {
      (list[at] as Record<string, unknown>).password = password;
    },
    () => replaceValue(old, at, JSON.stringify(password).replaceAll('","', '", "')),
    (list) => (list.items[at] as YAMLMap).set("password", old.document.createNode(password, { flow: true })),
  );
}

interface OpenText {
  readonly text: string;
  readonly document: Document.Parsed;
  /** undefined: the key stands there without a value. */
  readonly list: YAMLSeq | undefined;
}

function open(text: string): OpenText {
  const document = parse(text);
  if (document === undefined || !isMap(document.contents)) {
    throw new SettingError(
      "the text is not a map with the key applications: `gatehouse check-config` says what is wrong",
    );
  }
  const list = document.contents.get("applications", true);
  if (isSeq(list)) return { text, document, list };
  if (list === undefined || (isScalar(list) && list.value === null)) return { text, document, list: undefined };
  throw new SettingError("applications is not a list: `gatehouse check-config` says what is wrong");
}

function parse(text: string): Document.Parsed | undefined {
  const document = parseDocument(text, yamlOptions);
  return document.errors.length > 0 ? undefined : document;
}

function find(list: YAMLSeq | undefined, name: string): number | undefined {
  const at = (list?.items ?? []).findIndex((item) => {
    const found = isMap(item) ? item.get("name") : undefined;
    return typeof found === "string" && applicationKey(found) === applicationKey(name);
  });
  return at === -1 ? undefined : at;
}

function existing(list: YAMLSeq | undefined, name: string): number {
  const at = find(list, name);
  if (at === undefined) throw new SettingError(`there is no application ${JSON.stringify(name)}`);
  return at;
}

function orderedKeys({
  name,
  description,
  password,
  addresses,
  access,
  login,
}: NewApplication): Record<string, unknown> {
  const keys = { name, description, password, addresses, access, login };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

type Plain = { applications: unknown[] };

/** The text after `cut`, if it means what `change` makes of the old meaning; else the document after `rewrite`. */
function edited(
  { document, list }: OpenText,
  change: (list: unknown[]) => void,
  cut: () => string | undefined,
  rewrite: (list: YAMLSeq) => void,
): string {
  const meaning = structuredClone(document.toJS()) as Plain;
  meaning.applications ??= [];
  change(meaning.applications);
  const spliced = cut();
  if (spliced !== undefined && means(spliced, meaning)) return spliced;
  const target = list ?? new Document([]).contents;
  if (!isSeq(target)) throw new TypeError("an empty list is a list");
  if (list === undefined) document.set("applications", target);
  if (list?.items.length === 0) list.flow = false;
  rewrite(target as YAMLSeq);
  if (target.items.length === 0) target.flow = true;
  const rewritten = rewrittenText(document);
  if (rewritten !== undefined && means(rewritten, meaning)) return rewritten;
  throw new SettingError("the text cannot be changed without changing what else it says: change it by hand");
}

/** Undefined where the document refers to a part that is gone. */
function rewrittenText(document: Document): string | undefined {
  try {
    return document.toString({ lineWidth: 0, flowCollectionPadding: false });
  } catch {
    return undefined;
  }
}

function means(text: string, meaning: Plain): boolean {
  try {
    return isDeepStrictEqual(parse(text)?.toJS(), meaning);
  } catch {
    return false;
  }
}

/** After the last item, in its indentation. */
function insertAtEnd({ text, list }: OpenText, plain: Record<string, unknown>): string | undefined {
  const last = list?.items.at(-1);
  if (list === undefined || list.flow || !isMap(last) || !last.range) return undefined;
  const indent = indentOf(text, last.range[0]);
  if (indent === undefined) return undefined;
  const end = itemEnd(text, last.range[1], indent);
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = written(plain).map((line, n) => `${indent}${n === 0 ? "- " : "  "}${line}${eol}`);
  const before = text.slice(0, end);
  return `${before}${before.endsWith("\n") ? "" : eol}${lines.join("")}${text.slice(end)}`;
}

/** Lists in one line, texts as JSON: what YAML reads the same way. A plain word stands without quotation marks. */
function written(plain: Record<string, unknown>): string[] {
  return Object.entries(plain).map(([key, value]) => {
    const word = (part: unknown) =>
      /^[A-Za-z][A-Za-z0-9-]*$/.test(String(part)) && !/^(true|false|null)$/i.test(String(part))
        ? String(part)
        : JSON.stringify(part);
    return `${key}: ${Array.isArray(value) ? `[${value.map(word).join(", ")}]` : word(value)}`;
  });
}

/** From the comment right above the item's `-` to the end of the item's last line. */
function cutItem({ text, list }: OpenText, at: number): string | undefined {
  const item = list?.items[at];
  if (list === undefined || list.flow || list.items.length === 1 || !isMap(item) || !item.range) return undefined;
  const indent = indentOf(text, item.range[0]);
  if (indent === undefined) return undefined;
  let start = lineStart(text, item.range[0]);
  // The comment above the first item may well be about the list.
  while (at > 0 && start > 0) {
    const above = lineStart(text, start - 1);
    if (!text.startsWith(`${indent}#`, above)) break;
    start = above;
  }
  return text.slice(0, start) + text.slice(itemEnd(text, item.range[1], indent));
}

function replaceValue({ text, list }: OpenText, at: number, value: string): string | undefined {
  const item = list?.items[at];
  const pair = isMap(item) ? item.items.find(({ key }) => isScalar(key) && key.value === "password") : undefined;
  const found = pair?.value as { range?: [number, number, number]; flow?: boolean } | null | undefined;
  if (!found?.range) return undefined;
  const [start, end] = found.range;
  if (!isSeq(found) || found.flow) return text.slice(0, start) + value + text.slice(end);
  // A list in lines of its own: from behind the colon.
  const key = pair!.key as { range: [number, number, number] };
  return `${text.slice(0, text.indexOf(":", key.range[1]) + 1)} ${value}\n${text.slice(lineEnd(text, end))}`;
}

/** The spaces before the `-` of an item whose map begins here; undefined where something else stands before it. */
function indentOf(text: string, offset: number): string | undefined {
  return /^( *)- +$/.exec(text.slice(lineStart(text, offset), offset))?.[1];
}

/** Behind the item's last line, and the comments below it that stand deeper than its `-`, such as keys left out. */
function itemEnd(text: string, offset: number, indent: string): number {
  // A text in several lines ends behind its line break.
  let end = text[offset - 1] === "\n" ? offset : lineEnd(text, offset);
  while (new RegExp(`^${indent} +#`).test(text.slice(end, lineEnd(text, end)))) end = lineEnd(text, end);
  return end;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** Behind the line break of the line that the offset stands in. */
function lineEnd(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end + 1;
}
