// What one session may do, and what exists for it. Permissions are handed out after a bind and held by a view; nothing
// else asks whether something is allowed.
import type { Dn } from "../model/dn.js";
import type { EntryKind } from "../model/entry-kind.js";
import { fail } from "../model/failure.js";
import { type CompiledFilter, compileFilter, type FilterScope } from "../model/filter-match.js";
import type { AttributeType, Schema } from "../model/schema.js";
import { accessPresets, type Right, type Rights, type ViewSettings } from "../settings/application-settings.js";
import type { Application } from "./application.js";
import { Branch } from "./branch.js";
import { type ComputedAttributes, memberSpellings } from "./computed-attributes.js";
import { Naming } from "./naming.js";

/** Never shown and never matched, whoever asks: to know a password is to have it. */
const secretAttributes: readonly string[] = ["userPassword"];

/**
 * What tells the same as another attribute is hidden with it. The spellings of a membership are one fact, and so are the
 * two of a DN; memberUid is made of uid.
 */
const hiddenAlong: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.keys(memberSpellings).map((name) => [name, Object.keys(memberSpellings)])),
  entryDN: ["distinguishedName"],
  distinguishedName: ["entryDN"],
  uid: ["memberUid"],
};

/**
 * What an application may always read where it may read some attributes and not others: what kind of thing an entry is and
 * what it is called, without which no client can make anything of it, and what says no more than that. Entries are named
 * by the last five. A view can still hide each of them.
 */
const alwaysReadable: readonly string[] = [
  "objectClass",
  "structuralObjectClass",
  "subschemaSubentry",
  "entryUUID",
  "entryDN",
  "distinguishedName",
  "hasSubordinates",
  "numSubordinates",
  "uid",
  "cn",
  "ou",
  "o",
  "dc",
];

/** The types of these names, and with one spelling of a membership the others: they are one fact. */
function typesNamed(names: Iterable<string>, schema: Schema): Set<AttributeType> {
  const types = new Set<AttributeType>();
  for (const name of names) {
    for (const one of memberSpellings[name] ? Object.keys(memberSpellings) : [name]) {
      const type = schema.attributeType(one);
      if (type) types.add(type);
    }
  }
  return types;
}

/** Who a session acts as. */
export type Subject =
  | { readonly kind: "anonymous" }
  /** Whoever can open the Unix socket: the configuration and the store are theirs as well. */
  | { readonly kind: "administrator" }
  | { readonly kind: "application"; readonly application: Application }
  | {
      readonly kind: "user";
      readonly id: number;
      readonly dn: string;
      /** Those through which this user came in: the bound one, or every candidate that lets this user log in. */
      readonly applications: readonly Application[];
      /** Whether the user bound by a name in the branch of an application, which then is the only one. */
      readonly isInBranch?: boolean;
    };

export const anonymous: Subject = Object.freeze({ kind: "anonymous" });
export const localAdministrator: Subject = Object.freeze({ kind: "administrator" });

/** In the form that other servers give to who is known by other means than an entry. */
const localAdministratorDn = "cn=administrator,cn=external,cn=auth";

/** The authorization identity's DN (RFC 4513 3), empty for anonymous. */
export function subjectDn(subject: Subject): string {
  switch (subject.kind) {
    case "anonymous":
      return "";
    case "administrator":
      return localAdministratorDn;
    case "application":
      return subject.application.dn.toString();
    case "user":
      return subject.dn;
  }
}

function applicationsOf(subject: Subject): readonly Application[] {
  if (subject.kind === "application") return [subject.application];
  return subject.kind === "user" ? subject.applications : [];
}

/** The application in whose branch a session may ask. */
function branchApplication(subject: Subject): Application | undefined {
  const own =
    subject.kind === "application"
      ? subject.application
      : subject.kind === "user" && subject.isInBranch
        ? subject.applications[0]
        : undefined;
  // Who imports is taken for an application, and stands nowhere.
  return own?.dn.parent?.parent ? own : undefined;
}

/** Several applications often have the same view; undefined where none has one. */
function allOf(filters: readonly CompiledFilter[]): CompiledFilter | undefined {
  return filters.length < 2 ? filters[0] : { kind: "and", filters };
}

const kindNames: Readonly<Record<EntryKind, string>> = { user: "users", group: "groups", other: "other entries" };

const noRights: Rights = { users: new Set(), groups: new Set(), other: new Set(), admin: false };

function rightsOf(subject: Subject): Rights {
  if (subject.kind === "application") return subject.application.settings.rights;
  return subject.kind === "administrator" ? accessPresets.admin : noRights;
}

/** How groups in groups are shown where several applications show them, each in its way: as all of them would. */
function nestingOf(views: readonly (ViewSettings | undefined)[]): ViewSettings["nestedGroups"] {
  const ways = new Set(views.map((view) => view?.nestedGroups ?? "keep"));
  const [way = "keep"] = ways;
  // What stands in a list both as it is kept and with all that is nested is its members that are no groups.
  return ways.size < 2 ? way : "hide";
}

export class Permissions {
  readonly subject: Subject;
  /** DN of the subject, as creatorsName and modifiersName show it. */
  readonly dn: string;
  /** How filters are compiled for this session. */
  readonly scope: FilterScope;
  readonly hidden: ReadonlySet<AttributeType>;
  /** The branch in which the session may ask. */
  readonly branch: Branch | undefined;
  /** How names are written in answers from the shared tree, and from the branch. */
  readonly naming: Naming | undefined;
  readonly branchNaming: Naming | undefined;
  readonly #rights: Rights;
  readonly #schema: Schema;
  readonly #writable: ReadonlySet<AttributeType> | undefined;
  /** Hidden because it is not among what may be read, and not by a view. */
  readonly #unreadable: ReadonlySet<AttributeType>;
  /** Of each application that has subtrees: an entry has to stand in one of each list. */
  readonly subtrees: readonly (readonly Dn[])[];
  readonly nestedGroups: ViewSettings["nestedGroups"];
  /** Whether disabled users do not exist. */
  readonly hidesDisabled: boolean;
  /** The users and groups that exist for the applications concerned, whatever rights they have; undefined: all. */
  readonly usersSeen: CompiledFilter | undefined;
  readonly groupsSeen: CompiledFilter | undefined;

  constructor(subject: Subject, schema: Schema, computed: ComputedAttributes) {
    this.subject = subject;
    this.dn = subjectDn(subject);
    const own = branchApplication(subject);
    this.branch = own && new Branch(own, schema);
    this.#schema = schema;
    this.#rights = rightsOf(subject);
    const { writable } = this.#rights;
    this.#writable = writable && typesNamed(writable, schema);
    // A user that several applications let in sees what all of them see.
    const applications = applicationsOf(subject).map(({ settings }) => settings);
    const views = applications.flatMap(({ view }) => view ?? []);
    const lowercase = views.some((view) => view.lowercase);
    this.naming = Naming.of(undefined, lowercase);
    this.branchNaming = Naming.of(this.branch, lowercase);
    this.subtrees = applications.flatMap(({ rights }) => (rights.subtrees ? [rights.subtrees] : []));
    this.nestedGroups = nestingOf(applications.map(({ view }) => view));
    this.hidesDisabled = views.some(({ disabledUsers }) => disabledUsers === "hide");
    const unreadable = new Set<AttributeType>();
    for (const { rights } of applications) {
      if (!rights.readable) continue;
      const readable = typesNamed([...alwaysReadable, ...rights.readable], schema);
      for (const type of schema.attributeTypes) if (!readable.has(type)) unreadable.add(type);
    }
    this.#unreadable = unreadable;
    const hidden = new Set<AttributeType>();
    for (const name of [...secretAttributes, ...views.flatMap(({ hideAttributes }) => hideAttributes ?? [])]) {
      for (const type of schema.attributeType(name)?.family ?? []) hidden.add(type);
    }
    for (const { name } of [...hidden]) {
      for (const along of hiddenAlong[name] ?? []) {
        const type = schema.attributeType(along);
        if (type) hidden.add(type);
      }
    }
    for (const type of unreadable) hidden.add(type);
    this.hidden = hidden;
    this.scope = {
      schema,
      isComputed: (type) => computed.has(type),
      isReadable: (type) => !hidden.has(type),
    };
    // A view is defined by whoever configured the server, so it may look at what it hides.
    const whole: FilterScope = { ...this.scope, isReadable: (type) => !secretAttributes.includes(type.name) };
    this.usersSeen = allOf(views.flatMap(({ users }) => (users ? compileFilter(users, whole) : [])));
    this.groupsSeen = allOf(views.flatMap(({ groups }) => (groups ? compileFilter(groups, whole) : [])));
    const { users, groups, other } = this.#rights;
    this.seesEverything =
      users.has("read") &&
      groups.has("read") &&
      other.has("read") &&
      !this.usersSeen &&
      !this.groupsSeen &&
      !this.hidesDisabled &&
      this.subtrees.length === 0;
    this.hidesStored = [...hidden].some(({ name }) => !secretAttributes.includes(name));
  }

  /** The subject's name as the client knows it. */
  get shownDn(): string {
    const { subject } = this;
    if (subject.kind !== "user") return this.dn;
    return (subject.isInBranch ? this.branchNaming : this.naming)?.dn(this.dn) ?? this.dn;
  }

  get isAdmin(): boolean {
    return this.#rights.admin;
  }

  /** Whether every entry exists for this session, so that nothing has to be asked entry by entry. */
  readonly seesEverything: boolean;

  /** Whether every membership is shown as it stands, values that name nothing included. */
  get seesEveryMembership(): boolean {
    return this.seesEverything && this.nestedGroups === "keep";
  }

  /** Whether attributes that stand in entries are hidden, so that no entry can be sent as it is kept. */
  readonly hidesStored: boolean;

  /** What an entry of a kind has to match to exist; undefined: nothing. */
  seen(kind: EntryKind): CompiledFilter | undefined {
    return kind === "user" ? this.usersSeen : kind === "group" ? this.groupsSeen : undefined;
  }

  may(right: Right, kind: EntryKind): boolean {
    const rights = this.#rights;
    return (kind === "user" ? rights.users : kind === "group" ? rights.groups : rights.other).has(right);
  }

  /** Fails with insufficientAccessRights and a sentence that names the missing right. */
  require(right: Right, kind: EntryKind): void {
    if (!this.may(right, kind))
      fail("insufficientAccessRights", `${this.#who()} lacks the right to ${right} ${kindNames[kind]}`);
  }

  /** Fails like `require` where the right is missing for every kind of entry, so that nothing has to be looked up. */
  requireSome(right: Right): void {
    this.requireSession();
    // A user reads its own entry and changes its own password: which entry that is has to be looked up.
    if (this.subject.kind === "user" && (right === "read" || right === "modify")) return;
    const { users, groups, other } = this.#rights;
    if (users.has(right) || groups.has(right) || other.has(right)) return;
    fail("insufficientAccessRights", `${this.#who()} lacks the right to ${right} entries`);
  }

  /** Whether the view says nothing against the attribute. Passwords are for everybody to write, and nobody to read. */
  shows(type: AttributeType): boolean {
    return !this.hidden.has(type) || secretAttributes.includes(type.name);
  }

  /** Fails for an attribute that is hidden: whether a write succeeds would tell of its values. */
  requireShown(type: AttributeType): void {
    if (this.shows(type)) return;
    if (this.#unreadable.has(type)) {
      fail(
        "insufficientAccessRights",
        `${this.#who()} cannot write ${type.name}, because it lacks the right to read ${type.name}`,
      );
    }
    fail("insufficientAccessRights", `${this.#who()} cannot write ${type.name}, which its view hides`);
  }

  /** Fails for an attribute that is not among those that may be written, or is hidden. */
  requireWritable(type: AttributeType): void {
    if (this.#writable && !this.#writable.has(type)) {
      fail("insufficientAccessRights", `${this.#who()} lacks the right to write ${type.name}`);
    }
    this.requireShown(type);
  }

  /** Whether a name stands in the subtrees, where there are any, whether or not something has it. */
  isWithin(dn: Dn): boolean {
    const schema = this.#schema;
    return this.subtrees.every((tops) => tops.some((top) => dn.equals(top, schema) || dn.isBelow(top, schema)));
  }

  /** Fails for a name outside of the subtrees. */
  requireWithin(dn: Dn, right: Right): void {
    if (this.isWithin(dn)) return;
    fail("insufficientAccessRights", `${this.#who()} lacks the right to ${right} entries outside of its subtrees`);
  }

  /** Fails for a group that would become a member of another. */
  requireNesting(): void {
    if (this.nestedGroups === "keep") return;
    fail(
      "insufficientAccessRights",
      `${this.#who()} lacks the right to put a group into a group: its view shows none there`,
    );
  }

  /** Fails for a group that would cease to be one where the groups around it, hidden so far, would come into sight. */
  requireUngrouping(): void {
    if (this.nestedGroups !== "hide") return;
    fail(
      "insufficientAccessRights",
      `${this.#who()} lacks the right to make a group something else: its view does not show which groups hold it`,
    );
  }

  /** Fails unless this session may ask about entries at all. */
  requireSession(): void {
    if (this.subject.kind === "anonymous") {
      fail("insufficientAccessRights", "bind first: anonymously only the root DSE and the subschema can be read");
    }
  }

  #who(): string {
    const { subject } = this;
    if (subject.kind === "application") return `application ${subject.application.name}`;
    return subject.kind === "anonymous" ? "an anonymous client" : `a ${subject.kind}`;
  }
}
