// Reads and prints the definitions of RFC 4512 section 4.1. Each kind of definition is one table of its fields, in the
// order in which they are printed; reading and printing both follow the table. Printing is exact, reading is generous
// about spacing, the case of keywords, the order of fields and the quotes that other servers add or leave out.

/** Position is of no meaning; the first is the default (RFC 4512 4.1.2). */
export const attributeUsages = [
  "userApplications",
  "directoryOperation",
  "distributedOperation",
  "dSAOperation",
] as const;
export type AttributeUsage = (typeof attributeUsages)[number];

/** RFC 4512 2.4. */
export const objectClassKinds = ["ABSTRACT", "STRUCTURAL", "AUXILIARY"] as const;
export type ObjectClassKind = (typeof objectClassKinds)[number];

/** A syntax with the length that RFC 4512 4.1.2 calls a suggested minimum upper bound: kept for print, never enforced. */
export interface SyntaxReference {
  readonly oid: string;
  readonly length: number | undefined;
}

interface Field<T> {
  readonly keywords: readonly string[];
  readonly absent: T;
  read(tokens: Tokens, keyword: string): T;
  /** The field with its keyword; undefined where it is absent. */
  print(value: T): string | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds fields of several types
type Fields = Readonly<Record<string, Field<any>>>;

type Definition<F extends Fields> = {
  readonly oid: string;
  /** The private fields, `X-…`, as written. */
  readonly extensions: ReadonlyMap<string, readonly string[]>;
} & { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface DefinitionKind<D> {
  /** Throws an Error that names the definition and what is wrong with it. */
  read(text: string): D;
  print(definition: D): string;
}

const descriptor = /^[A-Za-z][\w-]*$/;
const numericOid = /^\d+(?:\.\d+)+$/;

/** The words of a definition: brackets and dollars, quoted strings without their quotes, and bare words. */
class Tokens {
  readonly #words: { readonly text: string; readonly quoted: boolean }[] = [];
  #next = 0;

  constructor(text: string) {
    const word = /\s*(?:'([^']*)'|"([^"]*)"|([()$])|([^\s()$'"]+))/y;
    let end = 0;
    for (let match = word.exec(text); match !== null; match = word.exec(text)) {
      const quoted = match[1] ?? match[2];
      this.#words.push({ text: quoted ?? match[3] ?? match[4]!, quoted: quoted !== undefined });
      end = word.lastIndex;
    }
    const rest = text.slice(end).trim();
    if (rest !== "") throw new Error(`cannot be read from "${rest.slice(0, 20)}" on`);
  }

  /** Takes the sign if it comes next. */
  skip(sign: "(" | ")" | "$"): boolean {
    const word = this.#words[this.#next];
    if (word === undefined || word.quoted || word.text !== sign) return false;
    this.#next++;
    return true;
  }

  expect(sign: "(" | ")"): void {
    if (!this.skip(sign)) throw new Error(`"${sign}" expected, not ${this.#shown()}`);
  }

  /** The next word, whether quoted or bare; `what` says what is missing if there is none. */
  word(what: string): string {
    const word = this.#words[this.#next];
    if (word === undefined || (!word.quoted && /^[()$]$/.test(word.text))) {
      throw new Error(`${what} expected, not ${this.#shown()}`);
    }
    this.#next++;
    return word.text;
  }

  get atEnd(): boolean {
    return this.#next === this.#words.length;
  }

  #shown(): string {
    const word = this.#words[this.#next];
    return word === undefined ? "the end" : `"${word.text}"`;
  }
}

/** One item, or several in brackets. */
function readList(tokens: Tokens, item: (tokens: Tokens) => string): string[] {
  if (!tokens.skip("(")) return [item(tokens)];
  const items: string[] = [];
  while (!tokens.skip(")")) {
    items.push(item(tokens));
    tokens.skip("$");
  }
  return items;
}

function readName(tokens: Tokens): string {
  const name = tokens.word("a name");
  return descriptor.test(name) ? name : malformed(`"${name}" is not a name`);
}

/** The `oid` of RFC 4512 1.4: a name or a numeric OID. */
function readOid(tokens: Tokens): string {
  const oid = tokens.word("a name or OID");
  return descriptor.test(oid) || numericOid.test(oid) ? oid : malformed(`"${oid}" is neither a name nor an OID`);
}

function malformed(message: string): never {
  throw new Error(message);
}

const unescaped = (text: string) => text.replace(/\\(27|5c)/gi, (_, code: string) => (code === "27" ? "'" : "\\"));
const quoted = (text: string) => `'${text.replaceAll("\\", "\\5C").replaceAll("'", "\\27")}'`;
const quotedList = (items: readonly string[]) =>
  items.length === 1 ? quoted(items[0]!) : `( ${items.map(quoted).join(" ")} )`;

const names = (keyword: string): Field<readonly string[]> => ({
  keywords: [keyword],
  absent: [],
  read: (tokens) => readList(tokens, readName),
  print: (value) => (value.length === 0 ? undefined : `${keyword} ${quotedList(value)}`),
});

const text = (keyword: string): Field<string | undefined> => ({
  keywords: [keyword],
  absent: undefined,
  read: (tokens) => unescaped(tokens.word("a quoted string")),
  print: (value) => (value === undefined ? undefined : `${keyword} ${quoted(value)}`),
});

const flag = (keyword: string): Field<boolean> => ({
  keywords: [keyword],
  absent: false,
  read: () => true,
  print: (value) => (value ? keyword : undefined),
});

const oid = (keyword: string): Field<string | undefined> => ({
  keywords: [keyword],
  absent: undefined,
  read: readOid,
  print: (value) => (value === undefined ? undefined : `${keyword} ${value}`),
});

const oids = (keyword: string): Field<readonly string[]> => ({
  keywords: [keyword],
  absent: [],
  read: (tokens) => readList(tokens, readOid),
  print: (value) => {
    if (value.length === 0) return undefined;
    return value.length === 1 ? `${keyword} ${value[0]}` : `${keyword} ( ${value.join(" $ ")} )`;
  },
});

const syntax = (keyword: string): Field<SyntaxReference | undefined> => ({
  keywords: [keyword],
  absent: undefined,
  read: (tokens) => {
    const word = tokens.word("the OID of a syntax");
    const [, oid, length] = /^([\d.]+)(?:\{(\d+)\})?$/.exec(word) ?? malformed(`"${word}" is not the OID of a syntax`);
    return { oid: oid!, length: length === undefined ? undefined : Number(length) };
  },
  print: (value) => {
    if (value === undefined) return undefined;
    return `${keyword} ${value.oid}${value.length === undefined ? "" : `{${value.length}}`}`;
  },
});

const usage = (keyword: string): Field<AttributeUsage> => ({
  keywords: [keyword],
  absent: attributeUsages[0],
  read: (tokens) => {
    const word = tokens.word("a usage");
    const known = attributeUsages.find((usage) => usage.toLowerCase() === word.toLowerCase());
    return known ?? malformed(`"${word}" is not a usage`);
  },
  print: (value) => (value === attributeUsages[0] ? undefined : `${keyword} ${value}`),
});

/** The kind of an object class is its own keyword; where none stands, it is STRUCTURAL (RFC 4512 4.1.1). */
const kind: Field<ObjectClassKind> = {
  keywords: objectClassKinds,
  absent: "STRUCTURAL",
  read: (_, keyword) => keyword as ObjectClassKind,
  print: (value) => value,
};

function definitionKind<F extends Fields>(title: string, fields: F): DefinitionKind<Definition<F>> {
  const byKeyword = new Map<string, string>();
  for (const [name, field] of Object.entries(fields)) {
    for (const keyword of field.keywords) byKeyword.set(keyword, name);
  }

  function readFields(source: string): Definition<F> {
    const tokens = new Tokens(source);
    tokens.expect("(");
    const oid = tokens.word("an OID");
    if (!numericOid.test(oid)) malformed(`"${oid}" is not a numeric OID`);
    const extensions = new Map<string, readonly string[]>();
    const values = new Map<string, unknown>();
    while (!tokens.skip(")")) {
      const keyword = tokens.word("a keyword").toUpperCase();
      const name = byKeyword.get(keyword);
      if (name !== undefined) {
        if (values.has(name)) malformed(`${keyword} stands there twice`);
        values.set(name, fields[name]!.read(tokens, keyword));
      } else if (keyword.startsWith("X-")) {
        extensions.set(
          keyword,
          readList(tokens, (list) => unescaped(list.word("a quoted string"))),
        );
      } else {
        malformed(`unknown keyword "${keyword}"`);
      }
    }
    if (!tokens.atEnd) malformed("text after the closing bracket");
    const all = Object.entries(fields).map(([name, field]) => [name, values.get(name) ?? field.absent]);
    return { oid, extensions, ...Object.fromEntries(all) } as Definition<F>;
  }

  return {
    read(source) {
      try {
        return readFields(source);
      } catch (cause) {
        const start = source.trim().replace(/\s+/g, " ").slice(0, 60);
        throw new Error(`${title} "${start}…": ${(cause as Error).message}`, { cause });
      }
    },
    print(definition) {
      const parts = Object.entries(fields).map(([name, field]) =>
        field.print(definition[name as keyof typeof definition]),
      );
      const extensions = [...definition.extensions].map(([name, values]) => `${name} ${quotedList(values)}`);
      return ["(", definition.oid, ...parts, ...extensions, ")"].filter((part) => part !== undefined).join(" ");
    },
  };
}

/** RFC 4512 4.1.1. */
export const objectClassDefinition = definitionKind("object class", {
  names: names("NAME"),
  description: text("DESC"),
  obsolete: flag("OBSOLETE"),
  superiors: oids("SUP"),
  kind,
  must: oids("MUST"),
  may: oids("MAY"),
});
export type ObjectClassDefinition = ReturnType<typeof objectClassDefinition.read>;

/** RFC 4512 4.1.2. */
export const attributeTypeDefinition = definitionKind("attribute type", {
  names: names("NAME"),
  description: text("DESC"),
  obsolete: flag("OBSOLETE"),
  superior: oid("SUP"),
  equality: oid("EQUALITY"),
  ordering: oid("ORDERING"),
  substrings: oid("SUBSTR"),
  syntax: syntax("SYNTAX"),
  singleValue: flag("SINGLE-VALUE"),
  collective: flag("COLLECTIVE"),
  noUserModification: flag("NO-USER-MODIFICATION"),
  usage: usage("USAGE"),
});
export type AttributeTypeDefinition = ReturnType<typeof attributeTypeDefinition.read>;

/** RFC 4512 4.1.3. */
export const matchingRuleDefinition = definitionKind("matching rule", {
  names: names("NAME"),
  description: text("DESC"),
  obsolete: flag("OBSOLETE"),
  syntax: syntax("SYNTAX"),
});

/** RFC 4512 4.1.4. */
export const matchingRuleUseDefinition = definitionKind("matching rule use", {
  names: names("NAME"),
  description: text("DESC"),
  obsolete: flag("OBSOLETE"),
  applies: oids("APPLIES"),
});

/** RFC 4512 4.1.5. */
export const syntaxDefinition = definitionKind("syntax", {
  description: text("DESC"),
});
