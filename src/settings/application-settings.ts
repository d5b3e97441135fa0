// applications.yaml: who may come in, from where, with which rights, and what they see. The definition at the end of
// this file is the file's whole grammar.
import { isAttributeType } from "../model/attribute-description.js";
import type { Filter } from "../model/filter.js";
import { parseFilter } from "../model/filter-text.js";
import { Secret } from "../model/secret.js";
import { standardSchema } from "../model/standard-schema.js";
import { type AddressRange, addressRange } from "./address-range.js";
import { didYouMean } from "./did-you-mean.js";
import { deepFreeze } from "./freeze.js";
import { type Problem, SettingError } from "./problem.js";
import {
  defaulted,
  flag,
  listOf,
  made,
  object,
  oneOf,
  oneOrMore,
  optional,
  parsed,
  problemsOf,
  type Reading,
  report,
  required,
  type Shape,
  type Spot,
  text,
  textOrMap,
  unavailable,
} from "./shape.js";
import { readYaml, type YamlNode } from "./yaml-document.js";

export const rights = ["read", "add", "modify", "remove"] as const;
export type Right = (typeof rights)[number];

/** What an application may do, by what kind of entry it does it to. */
export interface Rights {
  readonly users: ReadonlySet<Right>;
  readonly groups: ReadonlySet<Right>;
  /** Entries that are neither: organisational units, the suffix. */
  readonly other: ReadonlySet<Right>;
  /** The application administers the directory: nothing is refused for want of a right. */
  readonly admin: boolean;
}

const none: readonly Right[] = [];
const read: readonly Right[] = ["read"];

function rightsOf(users: readonly Right[], groups: readonly Right[], other: readonly Right[], admin = false): Rights {
  return deepFreeze({ users: new Set(users), groups: new Set(groups), other: new Set(other), admin });
}

/** `access: NAME`. */
export const accessPresets = {
  login: rightsOf(none, none, none),
  read: rightsOf(read, read, read),
  "read-write": rightsOf(rights, rights, read),
  admin: rightsOf(rights, rights, rights, true),
} as const satisfies Record<string, Rights>;

export type AccessPreset = keyof typeof accessPresets;

/** What an application sees of the directory; where nothing is said, all. */
export interface ViewSettings {
  /** Only users that match. */
  readonly users?: Filter;
  /** Only groups that match. */
  readonly groups?: Filter;
  /** Attribute types of the schema, as written, that do not exist for it. */
  readonly hideAttributes?: readonly string[];
}

export interface ApplicationSettings {
  /** As written; no two names of one file are equal when case is ignored. */
  readonly name: string;
  readonly description?: string;
  /** Hashes, prefix included: `{BCRYPT}$2b$10$…`. One, or several while one is being replaced. */
  readonly passwords: readonly Secret[];
  readonly addresses: readonly AddressRange[];
  readonly rights: Rights;
  /** Names of the groups whose members may log in through it; undefined: everyone; none: nobody. */
  readonly login?: readonly string[];
  readonly view?: ViewSettings;
  readonly enabled: boolean;
}

/** Reads applications.yaml: every application, frozen, or every fault. `file` is how problems name it. */
export function readApplications(
  source: string,
  file: string,
): { applications: readonly ApplicationSettings[] } | { problems: readonly Problem[] } {
  const tree = readYaml(source, file);
  if ("problems" in tree) return tree;
  const reading: Reading = { file, folder: "", problems: [] };
  const found = applicationsFile.read(tree.root, "", reading);
  return found === undefined || reading.problems.length > 0
    ? { problems: problemsOf(reading) }
    : { applications: deepFreeze(found.applications) };
}

/** The name of an application: at most 64 characters, none of them a control character. Throws SettingError. */
export function parseApplicationName(name: string): string {
  if (name.trim() === "") throw new SettingError("an application's name cannot be empty");
  if (name !== name.trim()) throw new SettingError("an application's name cannot begin or end with a space");
  if (/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(name)) {
    throw new SettingError("an application's name cannot hold control characters");
  }
  if ([...name].length > longestName) {
    throw new SettingError(`an application's name has at most ${longestName} characters`);
  }
  return name;
}

const longestName = 64;

/** Equal exactly for names that are the same to the directory, where case and the number of spaces do not count. */
export function applicationKey(name: string): string {
  return name.normalize("NFKC").toLowerCase().replace(/\s+/g, " ");
}

const hashPatterns = [
  /^\{(?:BCRYPT|CRYPT)\}\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/i,
  /^\{SSHA\}(?=[A-Za-z0-9+/=]{32,400}$)[A-Za-z0-9+/]+={0,2}$/i,
];

/** A stored password of a known scheme. The sentence never holds the value: it is clear text as often as not. */
export function parsePasswordHash(value: string): Secret {
  if (hashPatterns.some((pattern) => pattern.test(value))) return new Secret(value);
  throw new SettingError(
    /^\{[^{}]*\}/.test(value)
      ? "is not a hash of a known scheme, or not a whole one: {BCRYPT}$2b$…, {CRYPT}$2b$… or {SSHA}… is expected; `gatehouse hash` makes one"
      : "is not a hash: clear text is not kept here; make a hash with `gatehouse hash`, or a new password with `gatehouse app password NAME`",
  );
}

/** A YAML text that begins with `{` must be in quotation marks; without them it is a map. */
const passwordHash: Shape<Secret> = {
  expects: "a hash such as {BCRYPT}$2b$…",
  read(node, path, reading) {
    if (node.kind === "map") {
      return report(reading, { at: node.at, path }, 'is a map: put the hash in quotation marks, as in "{BCRYPT}$2b$…"');
    }
    return parsed(this.expects, parsePasswordHash).read(node, path, reading);
  },
};

// An attribute misspelled in a view would hide what should be seen, or show what should be hidden, so it has to be one
// of the schema.

const filter = parsed('a filter such as "(departmentNumber=sales)"', (value) => {
  const found = parseFilter(value);
  for (const name of attributesOf(found)) requireKnown(name);
  return found;
});

/** Without their options. */
function attributesOf(filter: Filter): readonly string[] {
  if (filter.kind === "and" || filter.kind === "or") return filter.filters.flatMap(attributesOf);
  if (filter.kind === "not") return attributesOf(filter.filter);
  return filter.attribute === undefined ? [] : [filter.attribute.replace(/;.*/, "")];
}

const attributeType = parsed("the name of an attribute", (value) => {
  if (!isAttributeType(value)) {
    throw new SettingError(`${JSON.stringify(value)} is not the name of an attribute, such as telephoneNumber`);
  }
  requireKnown(value);
  return value;
});

function requireKnown(attribute: string): void {
  if (standardSchema.attributeType(attribute)) return;
  const names = standardSchema.attributeTypes.flatMap((type) => type.names);
  const hint = didYouMean(attribute, names);
  throw new SettingError(`${JSON.stringify(attribute)} is not an attribute of the schema${hint}`);
}

const rightsList = made(listOf(oneOf(rights)), (list): ReadonlySet<Right> => new Set(list));

const detailedAccess = made(
  object({ users: optional(rightsList), groups: optional(rightsList), other: optional(rightsList) }),
  ({ users = new Set<Right>(), groups = new Set<Right>(), other }): Rights => {
    // Whoever reads users or groups must find the units that hold them.
    const reads = users.has("read") || groups.has("read");
    return { users, groups, other: other ?? new Set<Right>(reads ? read : none), admin: false };
  },
);

const presetAccess = made(
  oneOf(Object.keys(accessPresets) as AccessPreset[]),
  (preset): Rights => accessPresets[preset],
);

const view: Shape<ViewSettings> = object({
  users: optional(filter),
  groups: optional(filter),
  hideAttributes: optional(listOf(attributeType)),
  nestedGroups: unavailable("keep"),
  lowercase: unavailable(false),
});

const application = made(
  object({
    name: required(parsed("a text with the application's name", parseApplicationName)),
    description: optional(text()),
    password: required(oneOrMore(passwordHash)),
    addresses: required(listOf(addressRange, 1)),
    access: required(textOrMap(presetAccess, detailedAccess)),
    login: optional(listOf(text(256))),
    view: optional(view),
    enabled: defaulted(flag, true),
    requireTls: unavailable(false),
    limits: unavailable(),
  }),
  ({ password, access, ...rest }): ApplicationSettings => ({ ...rest, passwords: password, rights: access }),
);

const applications = listOf(application);

const uniqueApplications: Shape<readonly ApplicationSettings[]> = {
  expects: applications.expects,
  read(node, path, reading) {
    // The key may stand empty, as after the last application was commented out.
    if (node.kind === "scalar" && node.value === null) return [];
    reportDuplicates(node, path, reading);
    return applications.read(node, path, reading);
  },
};

/** Looks at the names alone, so that a fault in another key does not hide this one. */
function reportDuplicates(list: YamlNode, path: string, reading: Reading): void {
  const seen = new Map<string, YamlNode>();
  for (const [n, item] of (list.kind === "list" ? list.items : []).entries()) {
    const name = item.kind === "map" ? item.entries.find(({ key }) => key === "name")?.value : undefined;
    if (name?.kind !== "scalar" || typeof name.value !== "string") continue;
    const key = applicationKey(name.value);
    const other = seen.get(key);
    if (other === undefined) seen.set(key, name);
    else reportDuplicate({ at: name.at, path: `${path}[${n}].name` }, name.value, other, reading);
  }
}

function reportDuplicate(spot: Spot, name: string, other: YamlNode, reading: Reading): void {
  const sentence = `${JSON.stringify(name)} in line ${spot.at.line} is already the name of the application in line ${other.at.line}, ignoring case`;
  report(reading, spot, sentence);
}

const applicationsFile = object({ applications: required(uniqueApplications) });
