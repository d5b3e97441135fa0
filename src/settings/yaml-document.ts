// A YAML file as a tree of plain values that know their place. Home of `yaml`.
//
// Only what a configuration needs: maps with text keys, lists, and single values. Aliases are resolved, but only so many
// of them, because a few lines of nested aliases can mean more values than fit into memory.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { Problem } from "./problem.js";

export { Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

/** Line and column, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlScalar {
  readonly kind: "scalar";
  readonly at: Place;
  readonly value: string | number | boolean | null;
}

export interface YamlList {
  readonly kind: "list";
  readonly at: Place;
  readonly items: readonly YamlNode[];
}

export interface YamlMap {
  readonly kind: "map";
  readonly at: Place;
  readonly entries: readonly YamlEntry[];
}

export interface YamlEntry {
  readonly key: string;
  readonly at: Place;
  readonly value: YamlNode;
}

export type YamlNode = YamlScalar | YamlList | YamlMap;

/** The value of a key, or of one below it: `tls.key`. */
export function nodeAt(root: YamlNode, path: string): YamlNode | undefined {
  let node: YamlNode | undefined = root;
  for (const name of path.split(".")) {
    node = node?.kind === "map" ? node.entries.find(({ key }) => key === name)?.value : undefined;
  }
  return node;
}

export const yamlOptions = { prettyErrors: false, stringKeys: true, version: "1.2", logLevel: "error" } as const;

const mostAliases = 100;
const deepest = 100;
/** Of the tree, what aliases repeat included: some dozens make one application. */
const mostNodes = 1_000_000;

/** Reads one document. Where the text is not YAML there is no tree, and every fault of syntax is a problem. */
export function readYaml(text: string, file: string): { root: YamlNode } | { problems: Problem[] } {
  const lines = new LineCounter();
  const problem = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(Math.max(offset, 0));
    return { file, line, column: col, path: "", message };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { ...yamlOptions, lineCounter: lines });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problems: [problem(0, "is nested too deep to be read")] };
  }
  const faults = [...document.errors, ...document.warnings];
  const isDuplicate = ({ code }: YAMLError) => code === "DUPLICATE_KEY";
  // What follows the first error of syntax comes of it as often as not.
  const told = faults.every(isDuplicate) ? faults : faults.filter((fault) => !isDuplicate(fault)).slice(0, 1);
  if (told.length > 0) {
    return {
      problems: told.map((fault) =>
        problem(fault.pos[0], isDuplicate(fault) ? duplicateSentence(document, fault, lines) : sentenceOf(fault)),
      ),
    };
  }
  try {
    return { root: new TreeBuilder(document, lines).node(document.contents, undefined, 0) };
  } catch (error) {
    if (!(error instanceof TreeFault)) throw error;
    return { problems: [problem(error.offset, error.message)] };
  }
}

/** With the key's name and the line that it stands in first. */
function duplicateSentence(document: Document.Parsed, { pos: [offset] }: YAMLError, lines: LineCounter): string {
  let sentence = "the key stands here a second time: keep one of the two";
  visit(document, {
    Map(_, { items }) {
      const keys = items.map(({ key }) => key).filter(isScalar);
      const second = keys.find(({ range }) => range?.[0] === offset);
      if (!second) return undefined;
      const name = String(second.value);
      const first = keys.find(({ value }) => String(value) === name);
      const { line } = lines.linePos(first?.range?.[0] ?? offset);
      sentence = `the key ${JSON.stringify(name)} stands in line ${line} already: keep one of the two`;
      return visit.BREAK;
    },
  });
  return sentence;
}

/** yaml's own words, cut where they go on to quote the text: it may be a password. */
function sentenceOf({ code, message }: YAMLError): string {
  if (code === "MULTIPLE_DOCS") return "a second document begins here: a configuration file is one YAML document";
  if (code === "TAB_AS_INDENT") return "is indented with a tab: YAML is indented with spaces";
  if (code === "TAG_RESOLVE_FAILED") return "has a YAML tag: write the value without the tag";
  if (message.includes("call stack")) return "is nested too deep to be read";
  if (code === "BAD_DIRECTIVE") return "is a YAML directive: a configuration file has none";
  const [sentence = message] = message.split(/[:\n"']\s*|\b(?:but found|got)\b/, 1);
  return `is not YAML (${sentence.trim()})`;
}

class TreeFault extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  #aliases = 0;
  #nodes = 0;

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** `key` is where the node's key stands: an empty value has no place of its own. */
  node(node: Node | ParsedNode | null | undefined, key: Place | undefined, depth: number): YamlNode {
    const offset = node?.range?.[0] ?? 0;
    if (depth > deepest) throw new TreeFault(offset, "is nested too deep to be read");
    this.#nodes += 1;
    if (this.#nodes > mostNodes) throw new TreeFault(offset, `more than ${mostNodes} values are not read`);
    const at = this.#place(offset);
    if (isAlias(node)) {
      this.#aliases += 1;
      if (this.#aliases > mostAliases) throw new TreeFault(offset, `more than ${mostAliases} aliases are not read`);
      return { ...this.node(node.resolve(this.#document), key, depth + 1), at };
    }
    if (isMap(node)) {
      const entries = node.items.map((pair) => {
        const name = pair.key as { value?: unknown; range?: [number, number, number] | null };
        const place = this.#place(name.range?.[0] ?? offset);
        const value = this.node(pair.value as Node | null, place, depth + 1);
        return { key: String(name.value ?? ""), at: place, value };
      });
      return { kind: "map", at, entries };
    }
    if (isSeq(node)) {
      return { kind: "list", at, items: node.items.map((item) => this.node(item as Node, undefined, depth + 1)) };
    }
    const value = isScalar(node) ? node.value : null;
    if (value === null || value === undefined) return { kind: "scalar", at: key ?? at, value: null };
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", at, value };
    }
    throw new TreeFault(offset, "is a value of a kind that a configuration has no use for");
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}
