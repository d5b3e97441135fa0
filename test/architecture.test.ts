// The house of design.md as a test: floors, rings, homes of packages, and README's map.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** From the ground up. Rooms on one floor do not know each other, but the model may use the encoding; what starts the house is one room. */
const floors: readonly (readonly string[])[] = [
  ["ber"],
  ["model"],
  ["telemetry"],
  ["store", "passwords", "ldif", "settings"],
  ["access", "auth"],
  ["operations"],
  ["session"],
  ["wire"],
  ["top"],
];
const top = /^(main\.ts|server\.ts|cli\/)/;

/** The room, or the one file of it, that may import a package. */
const homes: Readonly<Record<string, string>> = {
  bcryptjs: "passwords/schemes.js",
  commander: "cli",
  "ip-cidr": "settings",
  ldapjs: "wire",
  level: "store",
  pino: "telemetry/log.ts",
  piscina: "passwords/hasher.ts",
  yaml: "settings",
};

/** The ground floor does no I/O: of Node it may use what only computes. */
const ground = ["ber", "model"];
const pureBuiltins = ["node:buffer", "node:crypto", "node:util"];

/** Names that say nothing about what is inside. */
const emptyNames = /^(utils?|helpers?|common|managers?|misc)$/i;

const root = fileURLToPath(new URL("..", import.meta.url));
const src = `${root}src/`;
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.[cm]?[jt]s$/.test(file))
  .sort();

interface Import {
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** The file of src that is meant, or the name of the package or builtin. */
  readonly to: string;
  readonly relative: boolean;
  readonly typeOnly: boolean;
}

/**
 * Every module that a text names. Static imports stand at the beginning of a line (Biome keeps them there), so no string
 * or comment inside the code is taken for one; the other forms count wherever they stand, JSDoc types included.
 */
function specifiersIn(text: string): { specifier: string; typeOnly: boolean }[] {
  const names = String.raw`[\w$*,{}\s]`;
  const forms: readonly (readonly [RegExp, boolean])[] = [
    [new RegExp(String.raw`^(?:import|export)\s+type\b${names}*?\bfrom\s*["']([^"']+)["']`, "gm"), true],
    [new RegExp(String.raw`^(?:import|export)\b(?!\s+type\b)${names}*?\bfrom\s*["']([^"']+)["']`, "gm"), false],
    [/^import\s*["']([^"']+)["']/gm, false],
    [/@import\b[^"'@]*["']([^"']+)["']/g, true],
    [/(?<![.\w])(?:import|require|importActual)\s*\(\s*["'`]([^"'`]+)["'`]/g, false],
    [/\bnew\s+URL\(\s*["'`](\.[^"'`]*\.[cm]?[jt]s)["'`]\s*,\s*import\.meta\.url/g, false],
  ];
  return forms.flatMap(([form, typeOnly]) =>
    [...text.matchAll(form)].map(([, specifier]) => ({ specifier: specifier ?? "", typeOnly })),
  );
}

/** The file a relative specifier means: `./a.js` is a.js where that exists, and a.ts where not. */
function fileOf(from: string, specifier: string): string {
  const path = posix.join(posix.dirname(from), specifier);
  const typed = path.replace(/js$/, "ts");
  return files.includes(path) || !files.includes(typed) ? path : typed;
}

function packageOf(specifier: string): string {
  if (isBuiltin(specifier)) return specifier.startsWith("node:") ? specifier : `node:${specifier}`;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

const imports: readonly Import[] = files.flatMap((from) =>
  specifiersIn(readFileSync(src + from, "utf8")).map(({ specifier, typeOnly }) => {
    const relative = specifier.startsWith(".");
    return { from, specifier, to: relative ? fileOf(from, specifier) : packageOf(specifier), relative, typeOnly };
  }),
);
const inside = imports.filter((one) => one.relative);
const outside = imports.filter((one) => !one.relative && !isBuiltin(one.to));

const roomOf = (file: string): string => (top.test(file) ? "top" : (file.split("/")[0] ?? ""));
const floorOf = (file: string): number => floors.findIndex((rooms) => rooms.includes(roomOf(file)));
const arrow = (one: Import): string => `${one.from} -> ${one.to}`;

describe("what the test sees", () => {
  test.each([
    [`import { a } from "./a.js";`, "./a.js", false],
    [`import a, { type b as c } from './a.js'`, "./a.js", false],
    [`import * as a from "./a.js";`, "./a.js", false],
    [`import {\n  a,\n  b,\n} from "./a.js";`, "./a.js", false],
    [`import type { A } from "./a.js";`, "./a.js", true],
    [`import { type A } from "./a.js";`, "./a.js", false],
    [`import "./a.js";`, "./a.js", false],
    [`import data from "./a.json" with { type: "json" };`, "./a.json", false],
    [`export { a } from "./a.js";`, "./a.js", false],
    [`export * from "./a.js";`, "./a.js", false],
    [`export type { A } from "./a.js";`, "./a.js", true],
    [`const a = await import("./a.js");`, "./a.js", false],
    [`let a: import("./a.js").A;`, "./a.js", false],
    [`/** @param {import("./a.js").A} a */`, "./a.js", false],
    [`/** @import { A } from "./a.js" */`, "./a.js", true],
    [`new Worker(new URL("./a.js", import.meta.url));`, "./a.js", false],
    [`createRequire(import.meta.url)("./a.js"); require("./b.js")`, "./b.js", false],
  ])("%s", (text, specifier, typeOnly) => {
    expect(specifiersIn(`${text}\n`)).toEqual([{ specifier, typeOnly }]);
  });

  test.each([
    `// import { a } from "./a.js";`,
    `/**\n * import { a } from "./a.js";\n */`,
    `const text = 'import { a } from "./a.js"';`,
    `export const from = "./a.js";`,
    `export function important() {}\nconst copied = [...from("./a.js")];`,
    `new URL("../", import.meta.url);`,
  ])("is no import: %s", (text) => {
    expect(specifiersIn(`${text}\n`)).toEqual([]);
  });

  test("is the source: some files, and some imports inside and outside", () => {
    expect(files.length).toBeGreaterThan(10);
    expect(inside.length).toBeGreaterThan(10);
    expect(outside.length).toBeGreaterThan(0);
  });
});

describe("the house", () => {
  test("every file of src is in a room of the house", () => {
    expect(files.filter((file) => floorOf(file) < 0)).toEqual([]);
  });

  test("an import names a file that is there, with its extension", () => {
    expect(inside.filter((one) => !existsSync(src + one.to)).map(arrow)).toEqual([]);
  });

  test("a file imports only from its own room or from a floor below", () => {
    const wrong = inside.filter((one) => roomOf(one.from) !== roomOf(one.to) && floorOf(one.to) >= floorOf(one.from));
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("no imports run in a ring", () => {
    expect(rings()).toEqual([]);
  });

  test("only what access/ hands out reaches operations/, session/ and wire/: they do not import the store", () => {
    const kept = ["operations", "session", "wire"];
    const wrong = inside.filter(
      (one) =>
        kept.includes(roomOf(one.from)) &&
        roomOf(one.to) === "store" &&
        (!one.typeOnly || roomOf(one.from) === "operations"),
    );
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("no file or folder has a name that says nothing", () => {
    const empty = (path: string) => path.split("/").some((part) => emptyNames.test(part.replace(/\..*$/, "")));
    expect(files.filter(empty)).toEqual([]);
  });
});

describe("packages", () => {
  const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

  test("every dependency has a home, and every home is that of a dependency", () => {
    expect(Object.keys(homes).sort()).toEqual(Object.keys(dependencies).sort());
  });

  test("a package is imported at its home only", () => {
    const strangers = outside.filter(
      (one) => ![one.from, roomOf(one.from), one.from.split("/")[0]].includes(homes[one.to]),
    );
    expect(strangers.map(arrow)).toEqual([]);
  });

  test("every dependency is used", () => {
    const used = new Set(outside.map((one) => one.to));
    expect(Object.keys(dependencies).filter((name) => !used.has(name))).toEqual([]);
  });

  test("model/ and ber/ import no package and nothing of Node that does I/O", () => {
    const wrong = imports.filter(
      (one) => !one.relative && ground.includes(roomOf(one.from)) && !pureBuiltins.includes(one.to),
    );
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("what is Node's own is imported as node:", () => {
    expect(imports.filter((one) => isBuiltin(one.specifier) && !one.specifier.startsWith("node:")).map(arrow)).toEqual(
      [],
    );
  });
});

/** Paths are relative to src/, with or without that in front: wire/framing.ts, or src/wire/framing.ts. */
describe("README's map of the source", () => {
  const path = `${root}README.md`;
  const written = existsSync(path);
  const readme = written ? readFileSync(path, "utf8") : "";
  const [, map = ""] = /^## Map of the source$([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme) ?? [];
  const paths = /(?<![\w./-])(?:src\/)?((?:[\w-]+\/)+[\w.-]+\.[cm]?[jt]s|main\.ts|server\.ts)(?!\w)/g;
  const named = [...map.matchAll(paths)].map(([, file]) => file ?? "");

  test("is there as soon as there is a README", () => {
    expect(named.length > 0).toBe(written);
  });

  test("names every file of src", () => {
    expect(written ? files.filter((file) => !named.includes(file)) : []).toEqual([]);
  });

  test("names no file that is not there", () => {
    expect(named.filter((file) => !files.includes(file) && !existsSync(root + file))).toEqual([]);
  });
});

/** Every ring of imports, as the files on it; found by walking down from each file once. */
function rings(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (file: string): void => {
    const at = way.indexOf(file);
    if (at >= 0) found.push([...way.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file)) return;
    way.push(file);
    for (const one of inside) if (one.from === file) walk(one.to);
    way.pop();
    done.add(file);
  };
  for (const file of files) walk(file);
  return found;
}
