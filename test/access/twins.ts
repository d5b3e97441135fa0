// Two directories that differ only in what one session must not see. What it sees is worked out here from the rules as
// README has them, and not by the code under test.
import { createHash } from "node:crypto";
import type { Application } from "../../src/access/application.js";
import { Contact } from "../../src/access/contact.js";
import type { Subject } from "../../src/access/permissions.js";
import { Dn } from "../../src/model/dn.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { type ApplicationSettings, readApplications } from "../../src/settings/application-settings.js";
import type { LevelStore } from "../../src/store/level-store.js";
import { saltedSha } from "../support/server.js";
import { contentOf, draftOf, type Literal, openStore, suffix } from "../support/store.js";

const people = `ou=people,${suffix}`;
const groups = `ou=groups,${suffix}`;
/** A moment at which some accounts have expired. */
export const now: number = Date.UTC(2026, 0, 2);
const day = 24 * 60 * 60 * 1000;

export type Kind = "user" | "group" | "other";

export interface ModelEntry {
  readonly dn: string;
  readonly above: string | undefined;
  readonly kind: Kind;
  /** Without memberships. */
  values: Record<string, string[]>;
  /** DNs; they may name nothing. */
  members: string[];
  writer: string;
}

export type Model = Map<string, ModelEntry>;

/** Names that nothing has, in either directory. */
export const ghosts: readonly string[] = [`uid=ghost1,${people}`, `cn=ghost2,${groups}`];

export class Chance {
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  below(n: number): number {
    return Math.floor(this.#next() * n);
  }

  of<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("nothing to choose from");
    return list[this.below(list.length)]!;
  }

  is(share: number): boolean {
    return this.#next() < share;
  }

  some<T>(list: readonly T[], share: number): T[] {
    return list.filter(() => this.is(share));
  }
}

export const words: readonly string[] = ["red", "blue", "green", "red blue", "Blue"];
const userClasses = ["top", "person", "organizationalPerson", "inetOrgPerson"];
const departments = ["sales", "hr"];
/** Attributes of a user that may take any of the words. */
export const wordTypes: readonly string[] = ["title", "description", "givenName", "displayName", "employeeNumber"];

function userValues(chance: Chance, name: string): Record<string, string[]> {
  const posix = chance.is(0.3);
  return {
    objectClass: [...userClasses, ...(posix ? ["posixAccount"] : [])],
    uid: [name],
    cn: [chance.of(words)],
    sn: [chance.of(words)],
    departmentNumber: [chance.of(departments)],
    ...(posix ? { uidNumber: [`${chance.below(9)}`], gidNumber: ["1"], homeDirectory: ["/"] } : {}),
    ...(posix && chance.is(0.5) ? { loginShell: ["/bin/sh"] } : {}),
    ...wordValues(chance),
    ...(chance.is(0.3) ? { telephoneNumber: [`+1 ${chance.below(3)}`] } : {}),
    ...(chance.is(0.2) ? { nsAccountLock: [chance.of(["TRUE", "true", "FALSE"])] } : {}),
    ...(chance.is(0.2) ? { seeAlso: [ghosts[0]!] } : {}),
  };
}

function wordValues(chance: Chance): Record<string, string[]> {
  return Object.fromEntries(chance.some(wordTypes, 0.3).map((type) => [type, [chance.of(words)]]));
}

export function modelOf(chance: Chance): Model {
  const model: Model = new Map();
  const put = (dn: string, kind: Kind, values: Record<string, string[]>, members: string[] = []) => {
    const above = dn === `${suffix}` ? undefined : dn.slice(dn.indexOf(",") + 1);
    model.set(dn, { dn, above, kind, values, members, writer: chance.of(writers) });
  };
  put(`${suffix}`, "other", {
    objectClass: ["top", "dcObject", "organization"],
    dc: ["example"],
    o: [chance.of(words)],
  });
  for (const ou of ["people", "groups", "closed"]) put(`ou=${ou},${suffix}`, "other", unitValues(chance, ou));
  put(`ou=inner,${people}`, "other", unitValues(chance, "inner"));
  const places = [people, people, people, `ou=inner,${people}`, `ou=closed,${suffix}`];
  for (let n = 0; n < 8; n++) {
    const below = chance.is(0.1) && n > 0 ? [...model.keys()].at(-1)! : chance.of(places);
    put(`uid=u${n},${below}`, "user", userValues(chance, `u${n}`));
    // Several may have one uid.
    if (chance.is(0.15)) [...model.values()].at(-1)!.values.uid!.push("u1");
  }
  const names = ["open0", "open1", "open2", "shut0", "shut1", "shut2"];
  for (const cn of names) {
    const at = chance.is(0.15) ? `ou=closed,${suffix}` : groups;
    // Some are users as well, and may cease to be groups.
    const isUser = chance.is(0.3);
    put(`cn=${cn},${at}`, "group", {
      objectClass: isUser ? [...userClasses, "posixGroup"] : ["top", "groupOfNames"],
      ...(isUser ? { sn: ["x"], gidNumber: ["1"], departmentNumber: ["sales"] } : {}),
      cn: [cn],
      ...(chance.is(0.4) ? { description: [chance.of(words)] } : {}),
    });
  }
  for (const group of model.values()) {
    if (group.kind === "group") group.members = membersFrom(chance, [...model.values()]);
  }
  for (const { values } of model.values()) if (values.uid) values.uid = [...new Set(values.uid)];
  return model;
}

function membersFrom(chance: Chance, all: readonly ModelEntry[]): string[] {
  const there = all.filter(({ kind }) => kind !== "other" && chance.is(0.35)).map(({ dn }) => dn);
  return [...there, ...chance.some(ghosts, 0.2)];
}

function unitValues(chance: Chance, ou: string): Record<string, string[]> {
  return {
    objectClass: ["top", "organizationalUnit"],
    ou: [ou],
    ...(chance.is(0.5) ? { description: [chance.of(words)] } : {}),
  };
}

// --- who looks

export interface Look {
  readonly yaml: string;
  readonly application: Application;
  readonly subject: Subject;
  readonly userSees: "sales" | "all";
  readonly groupsSeen: "open" | "all";
}

const listable = [
  ...wordTypes,
  ...["telephoneNumber", "member", "memberOf", "sn", "departmentNumber", "createTimestamp", "modifiersName", "mail"],
];

const applicationDn = `cn=looker,ou=applications,${suffix}`;
const writers = [
  "",
  applicationDn,
  `cn=other,ou=applications,${suffix}`,
  `uid=u2,${people}`,
  "cn=administrator,cn=external,cn=auth",
];

/** An application, at random, and what it is called. */
export function lookOf(chance: Chance): Look {
  const rights = "[read, add, modify, remove]";
  const access = [`users: ${chance.is(0.85) ? rights : "[]"}`, `groups: ${chance.is(0.85) ? rights : "[]"}`];
  access.push(`other: ${chance.of([rights, "[read]"])}`);
  if (chance.is(0.35)) access.push(`readable: [title, ${chance.some(listable, 0.5).join(", ")}]`);
  if (chance.is(0.2))
    access.push(`writable: [objectClass, cn, ${chance.some([...wordTypes, "sn", "uid", "member"], 0.6).join(", ")}]`);
  if (chance.is(0.4)) {
    const lists = [
      [people],
      [groups, people],
      [groups],
      [`ou=inner,${people}`, groups],
      [`ou=new,${suffix}`, people],
      [`uid=u1,${people}`, groups],
    ];
    access.push(
      `subtrees: [${chance
        .of(lists)
        .map((dn) => JSON.stringify(dn))
        .join(", ")}]`,
    );
  }
  const userSees = chance.is(0.5) ? "sales" : "all";
  const groupsSeen = chance.is(0.5) ? "open" : "all";
  const view = [`nestedGroups: ${chance.of(["keep", "flatten", "flatten", "hide"])}`];
  if (userSees === "sales") view.push('users: "(departmentNumber=sales)"');
  if (groupsSeen === "open") view.push('groups: "(cn=open*)"');
  if (chance.is(0.4))
    view.push(
      `hideAttributes: [${chance.some([...listable, "uid", "entryDN", "loginShell", "loginShell"], 0.15).join(", ")}]`,
    );
  if (chance.is(0.35)) view.push("disabledUsers: hide");
  if (chance.is(0.2)) view.push("lowercase: true");
  const yaml = `applications:
  - name: looker
    password: ${JSON.stringify(saltedSha("looker-secret"))}
    addresses: [127.0.0.1]
    access: { ${access.join(", ")} }
    view: { ${view.join(", ")} }
`;
  const read = readApplications(yaml, "twins.yaml");
  if ("problems" in read) throw new Error(`${yaml}${JSON.stringify(read.problems)}`);
  const settings = read.applications[0]!;
  const application: Application = { settings, name: "looker", dn: Dn.parse(applicationDn), contact: new Contact() };
  return { yaml, application, subject: { kind: "application", application }, userSees, groupsSeen };
}

// --- what is seen

/** What the applications' settings say, in the words of README. */
export class Eyes {
  readonly #look: Look;
  readonly #user: string | undefined;
  readonly hiddenTypes: ReadonlySet<string>;
  readonly user: string | undefined;
  readonly isUser: boolean;
  /** Whether nothing but attributes is hidden: then names of what is not there, and of who wrote, are shown. */
  readonly seesEverything: boolean;

  /** `user`: the DN of whose session it is; undefined: the application's own. */
  constructor(look: Look, user?: string) {
    this.#look = look;
    this.#user = user;
    this.user = user;
    this.isUser = user !== undefined;
    const { rights, view } = look.application.settings;
    this.seesEverything =
      !this.isUser &&
      [rights.users, rights.groups, rights.other].every((one) => one.has("read")) &&
      !(rights.subtrees || look.userSees === "sales" || look.groupsSeen === "open" || view!.disabledUsers === "hide");
    this.hiddenTypes = hiddenTypes(look.application.settings);
  }

  isInView(entry: ModelEntry): boolean {
    return this.#place(entry.dn) === "inside" && this.#matches(entry);
  }

  #place(dn: string): "inside" | "above" | "outside" {
    const { subtrees } = this.#look.application.settings.rights;
    if (!subtrees) return "inside";
    const tops = subtrees.map(String);
    if (tops.some((top) => dn === top || dn.endsWith(`,${top}`))) return "inside";
    return tops.some((top) => top.endsWith(`,${dn}`)) ? "above" : "outside";
  }

  isOutline(dn: string): boolean {
    return this.#place(dn) === "above";
  }

  #matches({ kind, values }: ModelEntry): boolean {
    const { userSees, groupsSeen, application } = this.#look;
    if (kind === "user" && userSees === "sales" && !values.departmentNumber?.includes("sales")) return false;
    if (kind === "group" && groupsSeen === "open" && !values.cn?.some((cn) => /^open/i.test(cn))) return false;
    if (kind === "user" && application.settings.view!.disabledUsers === "hide") return !isLocked(values);
    return true;
  }

  /** The names of everything that exists for the session. */
  sees(model: Model): Set<string> {
    const seen = new Set<string>();
    if (this.#user === undefined) {
      const { rights } = this.#look.application.settings;
      const read = { user: rights.users, group: rights.groups, other: rights.other };
      for (const entry of model.values()) {
        if (read[entry.kind].has("read") && this.#place(entry.dn) !== "outside" && this.#matches(entry))
          seen.add(entry.dn);
      }
      return seen;
    }
    const own = model.get(this.#user)!;
    if (!this.isInView(own)) return seen;
    seen.add(own.dn);
    for (const member of seen) {
      for (const group of model.values()) {
        if (group.kind === "group" && group.members.includes(member) && this.isInView(group)) seen.add(group.dn);
      }
    }
    for (const dn of [...seen]) {
      for (let at = model.get(dn)!.above; at !== undefined; at = model.get(at)!.above) {
        const entry = model.get(at)!;
        if (entry.kind === "other" && this.#place(at) !== "outside") seen.add(at);
      }
    }
    return seen;
  }

  /** Whether a stored attribute of an entry that is seen is hidden. */
  hides(dn: string, type: string): boolean {
    if (type === "objectClass") return false;
    const naming = dn.slice(0, dn.indexOf("="));
    return type !== naming && (this.hiddenTypes.has(type) || this.isOutline(dn));
  }
}

function isLocked({ nsAccountLock, shadowExpire }: ModelEntry["values"]): boolean {
  if (nsAccountLock?.[0]?.toLowerCase() === "true") return true;
  const expires = Number(shadowExpire?.[0] ?? -1);
  return expires >= 0 && now >= expires * day;
}

function hiddenTypes({ rights, view }: ApplicationSettings): ReadonlySet<string> {
  const always = ["objectClass", "uid", "cn", "ou", "o", "dc"];
  const spellings = ["member", "uniqueMember", "memberUid"];
  const readable = rights.readable;
  const hidden = new Set<string>();
  for (const { name } of standardSchema.attributeTypes) {
    const isReadable = !readable || readable.has(name) || always.includes(name);
    if (!isReadable && !(spellings.includes(name) && readable.has("member"))) hidden.add(name);
  }
  for (const name of view?.hideAttributes ?? []) {
    for (const type of standardSchema.attributeType(name)!.family) hidden.add(type.name);
  }
  if (hidden.has("member")) for (const name of spellings) hidden.add(name);
  return hidden;
}

// --- the other directory

/** The same directory to these eyes, and another to everybody else. */
export function twinOf(model: Model, eyes: Eyes, chance: Chance, nesting: string): Model {
  const seen = eyes.sees(model);
  const twin: Model = new Map();
  const holds = new Set(
    [...model.values()].filter(({ dn }) => seen.has(dn)).flatMap(({ dn }) => chainAbove(model, dn)),
  );
  if (eyes.user !== undefined) for (const dn of [eyes.user, ...chainAbove(model, eyes.user)]) holds.add(dn);
  for (const entry of model.values()) {
    const copy = { ...entry, values: { ...entry.values }, members: [...entry.members] };
    if (seen.has(entry.dn)) {
      changeHidden(copy, eyes, chance);
      if (!eyes.seesEverything && copy.writer.startsWith("cn=other") && chance.is(0.5))
        copy.writer = `cn=another,ou=applications,${suffix}`;
    } else {
      if (!holds.has(entry.dn) && entry.above !== undefined && chance.is(0.35)) continue;
      changeUnseen(copy, eyes, chance);
    }
    if (entry.above === undefined || twin.has(entry.above)) twin.set(entry.dn, copy);
  }
  for (let n = chance.below(4); n > 0; n--) addUnseen(twin, eyes, chance, n);
  for (const group of twin.values()) if (group.kind === "group") relink(group, twin, seen, eyes, chance, nesting);
  for (const group of twin.values()) {
    group.members = group.members.filter((dn) => twin.has(dn) || ghosts.includes(dn));
  }
  return twin;
}

function chainAbove(model: Model, dn: string): string[] {
  const chain: string[] = [];
  for (let at = model.get(dn)?.above; at !== undefined; at = model.get(at)?.above) chain.push(at);
  return chain;
}

function changeHidden(entry: ModelEntry, eyes: Eyes, chance: Chance): void {
  const types = entry.kind === "user" ? [...wordTypes, "telephoneNumber", "seeAlso"] : ["description"];
  if (entry.kind === "user" || entry.kind === "group" || entry.kind === "other") {
    for (const type of types) {
      if (!eyes.hides(entry.dn, type) || !chance.is(0.6)) continue;
      if (chance.is(0.4)) delete entry.values[type];
      else
        entry.values[type] = [type === "telephoneNumber" ? "+1 2" : type === "seeAlso" ? ghosts[1]! : chance.of(words)];
    }
  }
  if (entry.values.objectClass!.includes("posixAccount") && eyes.hides(entry.dn, "loginShell") && chance.is(0.6)) {
    if (entry.values.loginShell) delete entry.values.loginShell;
    else entry.values.loginShell = ["/bin/sh"];
  }
  for (const type of ["sn", "o", "homeDirectory"]) {
    if (entry.values[type] && eyes.hides(entry.dn, type)) entry.values[type] = [chance.of(words).replaceAll(" ", "")];
  }
}

/** What is not seen may be anything that is not seen either. */
function changeUnseen(entry: ModelEntry, eyes: Eyes, chance: Chance): void {
  const before = { ...entry.values };
  const wasInView = eyes.isInView(entry);
  for (const type of entry.kind === "user" ? wordTypes : ["description"]) {
    if (chance.is(0.5)) entry.values[type] = [chance.of(words)];
  }
  if (entry.kind === "user" && chance.is(0.3))
    entry.values.uid = [...new Set([...before.uid!, chance.of(["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"])])];
  // Whether a view holds it decides what it leads to: that stays.
  if (eyes.isInView(entry) !== wasInView) entry.values = before;
}

function addUnseen(twin: Model, eyes: Eyes, chance: Chance, n: number): void {
  const kind = chance.of(["user", "user", "group"] as const);
  const above = chance.of([...twin.keys()]);
  const name = kind === "user" ? `uid=v${n}` : `cn=shut9${n}`;
  const dn = `${name},${above}`;
  const values: Record<string, string[]> =
    kind === "user"
      ? { ...userValues(chance, `v${n}`), uid: [...new Set([chance.of(["u0", "u1", "u4"]), `v${n}`])] }
      : { objectClass: ["top", "groupOfNames"], cn: [`shut9${n}`] };
  const entry: ModelEntry = { dn, above, kind, values, members: [], writer: "" };
  const alone: Model = new Map([...twin, [dn, entry]]);
  if (eyes.isInView(entry) || eyes.sees(alone).has(dn)) return;
  twin.set(dn, entry);
}

function relink(
  group: ModelEntry,
  twin: Model,
  seen: ReadonlySet<string>,
  eyes: Eyes,
  chance: Chance,
  nesting: string,
): void {
  const free = eyes.hiddenTypes.has("member") && eyes.hiddenTypes.has("memberOf");
  const before = new Set(group.members);
  const after = new Set<string>();
  const isSeen = seen.has(group.dn) && !eyes.isOutline(group.dn);
  for (const { dn, kind } of twin.values()) {
    if (kind === "other") continue;
    const memberSeen = seen.has(dn);
    // A membership shows where both its ends do; between groups, not where that is hidden.
    let shows = isSeen && memberSeen && !(nesting === "hide" && kind === "group");
    // A group that the application sees and this user does not would come into sight by a member in sight.
    if (!seen.has(group.dn) && eyes.isInView(group) && memberSeen) shows = true;
    if (eyes.isUser && isSeen && memberSeen) shows = true;
    if (free && !eyes.isUser) shows = false;
    if (shows ? before.has(dn) : chance.is(0.35)) after.add(dn);
  }
  const showsGhosts = eyes.seesEverything && nesting === "keep" && !free;
  for (const ghost of ghosts) if (showsGhosts ? before.has(ghost) : chance.is(0.3)) after.add(ghost);
  group.members = [...after];
}

// --- as stores

export function uuidOf(dn: string): Buffer {
  return createHash("sha256").update(dn).digest().subarray(0, 16);
}

export async function storeOf(model: Model): Promise<LevelStore> {
  const store = await openStore();
  await Promise.all([...model.values()].map((entry) => put(store, entry)));
  await Promise.all([...model.values()].filter(({ members }) => members.length > 0).map((entry) => link(store, entry)));
  return store;
}

async function put(store: LevelStore, { dn, values, writer }: ModelEntry): Promise<void> {
  await store.update(async (transaction) => {
    const name = Dn.parse(dn);
    const draft = { ...draftOf(contentOf(values as Literal), now), creator: writer, modifier: writer };
    const uuid = uuidOf(dn);
    const above = name.depth > suffix.depth ? transaction.find(name.parent!) : undefined;
    const entry = above ? transaction.add(above, name.rdn!, draft, uuid) : transaction.addSuffix(draft, uuid);
    transaction.record({ kind: "add", actor: "", id: entry.id, uuid: "", dn });
  });
}

async function link(store: LevelStore, { dn, members }: ModelEntry): Promise<void> {
  await store.update((transaction) => {
    const { id } = transaction.find(Dn.parse(dn))!;
    for (const member of members) transaction.addMember(id, { kind: "dn", dn: Dn.parse(member), written: member });
    transaction.record({ kind: "modify", actor: "", id, uuid: "", dn });
  });
}
