// applications.yaml: who may come in, from where, with which rights, and what they see. The definition at the end of
// this file is the file's whole grammar.
import { isAttributeType } from "../model/attribute-description.js";
import { Dn } from "../model/dn.js";
import type { Filter } from "../model/filter.js";
import { parseFilter } from "../model/filter-text.js";
import { Secret } from "../model/secret.js";
import { standardSchema } from "../model/standard-schema.js";
import { AddressRange, addressRange } from "./address-range.js";
import { didYouMean } from "./did-you-mean.js";
import { deepFreeze } from "./freeze.js";
import { HostName, origin } from "./host-name.js";
import { days, type Hours, hours, timeZone, type Weekday } from "./login-hours.js";
import { type Problem, SettingError } from "./problem.js";
import {
  controls,
  defaulted,
  described,
  duration,
  flag,
  integer,
  listOf,
  listOrMap,
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
} from "./shape.js";
import { nodeAt, readYaml, type YamlNode } from "./yaml-document.js";

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
  /** Names of the attribute types that it may read, and those that it may write; undefined: all. */
  readonly readable?: ReadonlySet<string>;
  readonly writable?: ReadonlySet<string>;
  /** What stands outside of these and is not above one of them does not exist for it; undefined: the whole directory. */
  readonly subtrees?: readonly Dn[];
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
  /**
   * Groups in groups. keep: as they stand. flatten: a group has the members of the groups in it, and none of these; a user
   * is in the groups around its groups as well. hide: no group is a member, and none has memberOf.
   */
  readonly nestedGroups: "keep" | "flatten" | "hide";
  /** Names of users and groups (uid, cn and the RDNs made of them) are shown in lower case. */
  readonly lowercase: boolean;
  /** Whether users who are disabled (access/disabled.ts) exist for it. They can never log in. */
  readonly disabledUsers: "show" | "hide";
}

/** Who may log in through an application, when, and from where; what is not said is not asked. */
export interface LoginRules {
  /** Names of groups, whose members may; none: nobody. */
  readonly groups?: readonly string[];
  readonly days?: ReadonlySet<Weekday>;
  readonly hours?: readonly Hours[];
  /** On whose clocks `days` and `hours` are. */
  readonly timeZone: string;
  /** Narrower than the application's addresses, of which each has to be one. */
  readonly addresses?: readonly AddressRange[];
  /** Stands in the audit line of each login that these rules refuse. */
  readonly message?: string;
}

/** Where an application has one, it holds beside the limit of the server of that name, and is never wider. */
export interface ApplicationLimits {
  readonly operationsPerSecond?: number;
  /** Connections bound by it, or by a user through it. */
  readonly connections?: number;
  readonly sizeLimit?: number;
  /** In milliseconds. */
  readonly timeLimit?: number;
  readonly pageSize?: number;
}

export interface ApplicationSettings {
  /** As written; no two names of one file are equal when case is ignored. */
  readonly name: string;
  readonly description?: string;
  /** Hashes, prefix included: `{BCRYPT}$2b$10$…`. One, or several while one is being replaced. */
  readonly passwords: readonly Secret[];
  /** Where it may call from; `addresses` of the file are these and `hosts`. */
  readonly addresses: readonly AddressRange[];
  /** Machines that it may call from, by their names. */
  readonly hosts: readonly HostName[];
  readonly rights: Rights;
  /** Undefined: everyone may log in through it. */
  readonly login?: LoginRules;
  readonly view?: ViewSettings;
  readonly enabled: boolean;
  /** Whether it, and users through it, may bind under TLS alone. */
  readonly requireTls: boolean;
  readonly limits: ApplicationLimits;
}

/** Where the name of an application stands. */
export interface NamePlace {
  readonly file: string;
  readonly line: number;
}

export interface ReadingApplications {
  /** Of server.yaml, where that is known. */
  readonly suffix?: Dn | undefined;
  /** The names in files that were read before, by `applicationKey`; those of this one are added. */
  readonly names?: Map<string, NamePlace>;
}

/** Reads a file of applications: every application, frozen, or every fault. `file` is how problems name it. */
export function readApplications(
  source: string,
  file: string,
  { suffix, names = new Map() }: ReadingApplications = {},
): { applications: readonly ApplicationSettings[] } | { problems: readonly Problem[] } {
  const tree = readYaml(source, file);
  if ("problems" in tree) return tree;
  const reading: Reading = { file, folder: "", suffix, problems: [] };
  reportDuplicates(tree.root, names, reading);
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
  schema: {
    type: "string",
    pattern: "^\\{[A-Za-z]+\\}(?:\\$2[abyABY]\\$[0-9]{2}\\$[./A-Za-z0-9]{53}|[A-Za-z0-9+/=]{32,400})$",
    description: 'A hash in quotation marks, such as "{BCRYPT}$2b$…".',
  },
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

/** The names of all attribute types of the schema that a name, or a pattern with `*`, means. */
const attributePattern = parsed('the name of an attribute, or a pattern such as "sn*"', (value): readonly string[] => {
  if (!value.includes("*")) {
    requireKnown(value);
    return [standardSchema.attributeType(value)!.name];
  }
  const pattern = new RegExp(`^${value.replace(/[^A-Za-z0-9*-]/g, "\\$&").replace(/\*/g, ".*")}$`, "i");
  const found = standardSchema.attributeTypes.filter(({ names }) => names.some((name) => pattern.test(name)));
  if (found.length === 0) throw new SettingError(`no attribute of the schema matches ${JSON.stringify(value)}`);
  return found.map(({ name }) => name);
});

const attributePatterns = made(listOf(attributePattern, 1), (list): ReadonlySet<string> => new Set(list.flat()));

const subtreeName = parsed("a distinguished name such as ou=people,dc=example,dc=com", (value) => {
  const dn = Dn.parse(value);
  if (dn.isRoot) throw new SettingError("is empty: a distinguished name below the suffix is expected");
  return dn;
});

/** What stands elsewhere is not there, so a subtree elsewhere would be nothing, and most likely means something else. */
const subtree: Shape<Dn> = {
  ...subtreeName,
  read(node, path, reading) {
    const dn = subtreeName.read(node, path, reading);
    const { suffix } = reading;
    if (!dn || !suffix || dn.equals(suffix, standardSchema) || dn.isBelow(suffix, standardSchema)) return dn;
    return report(
      reading,
      { at: node.at, path },
      `${JSON.stringify(dn.toString())} is not below the suffix of server.yaml, ${suffix}`,
    );
  },
};

const detailedAccess = made(
  object({
    users: optional(rightsList),
    groups: optional(rightsList),
    other: optional(rightsList),
    readable: optional(attributePatterns),
    writable: optional(attributePatterns),
    subtrees: optional(listOf(subtree, 1)),
  }),
  ({ users = new Set<Right>(), groups = new Set<Right>(), other, ...rest }): Rights => {
    // Whoever reads users or groups must find the units that hold them.
    const reads = users.has("read") || groups.has("read");
    return { ...rest, users, groups, other: other ?? new Set<Right>(reads ? read : none), admin: false };
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
  nestedGroups: defaulted(oneOf(["keep", "flatten", "hide"]), "keep"),
  lowercase: defaulted(flag, false),
  disabledUsers: defaulted(oneOf(["show", "hide"]), "show"),
});

const groupNames = listOf(text(256));

const login = listOrMap<LoginRules>(
  made(groupNames, (groups) => ({ groups, timeZone: "UTC" })),
  made(
    object({
      groups: optional(groupNames),
      days: optional(oneOrMore(days)),
      hours: optional(oneOrMore(hours)),
      timeZone: defaulted(timeZone, "UTC"),
      addresses: optional(listOf(addressRange, 1)),
      message: optional(text(256)),
    }),
    ({ days, ...rest }): LoginRules => ({ ...rest, ...(days ? { days: new Set(days.flat()) } : {}) }),
  ),
);

const limitFrom = (least: number) => integer({ least, most: Number.MAX_SAFE_INTEGER });

const limits: Shape<ApplicationLimits> = object(
  {
    operationsPerSecond: optional(limitFrom(1)),
    connections: optional(limitFrom(1)),
    sizeLimit: optional(limitFrom(1)),
    timeLimit: optional(duration(1000)),
    pageSize: optional(limitFrom(1)),
  },
  { emptyIsDefault: true },
);

const applicationName = parsed(
  "a text with the application's name",
  parseApplicationName,
  `^[^\\s${controls}](?:[^${controls}]{0,62}[^\\s${controls}])?$`,
);

const application = made(
  object({
    name: required(described(applicationName, "It binds as cn=NAME,ou=applications,SUFFIX.")),
    description: optional(text()),
    password: required(described(oneOrMore(passwordHash), "A hash, or a list of them while one is being replaced.")),
    addresses: required(described(listOf(origin, 1), "Where it may call from: addresses, ranges, any, host names.")),
    access: required(described(textOrMap(presetAccess, detailedAccess), "What it may do.")),
    login: optional(described(login, "Who may log in through it. Not given: everyone. []: nobody.")),
    view: optional(described(view, "What it sees of the directory. Not given: all.")),
    enabled: defaulted(described(flag, "false: it cannot bind."), true),
    requireTls: defaulted(described(flag, "Whether it, and users through it, may bind under TLS alone."), false),
    limits: defaulted(described(limits, "These hold for it beside the limits of the server."), {}),
  }),
  ({ password, access, addresses, ...rest }): ApplicationSettings => ({
    ...rest,
    passwords: password,
    addresses: addresses.filter((one) => one instanceof AddressRange),
    hosts: addresses.filter((one) => one instanceof HostName),
    rights: access,
  }),
);

const applications = listOf(application);

const applicationsOrNone: Shape<readonly ApplicationSettings[]> = {
  ...applications,
  schema: { anyOf: [applications.schema, { type: "null" }] },
  read(node, path, reading) {
    // The key may stand empty, as after the last application was commented out.
    if (node.kind === "scalar" && node.value === null) return [];
    return applications.read(node, path, reading);
  },
};

/** Looks at the names alone, so that a fault in another key does not hide this one. */
function reportDuplicates(root: YamlNode, names: Map<string, NamePlace>, reading: Reading): void {
  const list = nodeAt(root, "applications");
  for (const [n, item] of (list?.kind === "list" ? list.items : []).entries()) {
    const name = nodeAt(item, "name");
    if (name?.kind !== "scalar" || typeof name.value !== "string") continue;
    const key = applicationKey(name.value);
    const other = names.get(key);
    if (other === undefined) names.set(key, { file: reading.file, line: name.at.line });
    else reportDuplicate({ at: name.at, path: `applications[${n}].name` }, name.value, other, reading);
  }
}

function reportDuplicate(spot: Spot, name: string, other: NamePlace, reading: Reading): void {
  const place =
    other.file === reading.file
      ? ` in line ${spot.at.line} is already the name of the application in line ${other.line}`
      : ` is already the name of the application in line ${other.line} of ${other.file}`;
  report(reading, spot, `${JSON.stringify(name)}${place}, ignoring case`);
}

export const applicationsFile = object({ applications: required(applicationsOrNone) });
