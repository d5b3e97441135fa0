// Stores for tests: real ones, in folders of their own that are gone afterwards. After every test each store that was
// opened here and is still open is looked through for faults.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import type { Application } from "../../src/access/application.js";
import { ComputedAttributes } from "../../src/access/computed-attributes.js";
import { Contact } from "../../src/access/contact.js";
import { type EntryContent, entryContent } from "../../src/access/entry-content.js";
import { Permissions } from "../../src/access/permissions.js";
import { Sight } from "../../src/access/sight.js";
import { VisibleEntry } from "../../src/access/visible-entry.js";
import type { Attribute } from "../../src/model/attribute.js";
import { Dn } from "../../src/model/dn.js";
import type { FilterScope } from "../../src/model/filter-match.js";
import { defaultLimits, type Limits } from "../../src/model/limits.js";
import type { Schema } from "../../src/model/schema.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { accessPresets } from "../../src/settings/application-settings.js";
import type { StoredEntry } from "../../src/store/entry-row.js";
import { faultsIn } from "../../src/store/faults/faults.js";
import { LevelStore } from "../../src/store/level-store.js";
import { memberName, noParent, type Reading } from "../../src/store/reading.js";
import type { Store } from "../../src/store/store.js";
import type { EntryDraft, Transaction } from "../../src/store/transaction.js";

export const suffix = Dn.parse("dc=example,dc=com");

/** Who writes in tests. */
export const actor = "cn=test,ou=applications,dc=example,dc=com";

/** A clock that stands still until it is set. */
export class SettableClock {
  now: number;

  constructor(now = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.now = now;
  }

  readonly read = (): number => this.now;
}

export interface StoreSetting {
  /** Default: a new temporary folder. */
  readonly path?: string;
  readonly suffix?: Dn;
  readonly schema?: Schema;
  readonly limits?: Partial<Limits>;
  readonly clock?: SettableClock;
}

const opened = new Set<LevelStore>();
const folders = new Set<string>();

afterEach(async () => {
  const faults: string[] = [];
  for (const store of opened) {
    faults.push(...(await faultsOf(store)));
    await store.close();
  }
  opened.clear();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  folders.clear();
  expect(faults).toEqual([]);
});

export async function faultsOf(store: LevelStore): Promise<string[]> {
  const faults: string[] = [];
  for await (const fault of faultsIn(store)) faults.push(fault);
  return faults;
}

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-"));
  folders.add(folder);
  return folder;
}

/** Opens a store; after the test it is checked, closed and removed. */
export async function openStore(setting: StoreSetting = {}): Promise<LevelStore> {
  const store = await LevelStore.open({
    path: setting.path ?? (await temporaryFolder()),
    suffix: setting.suffix ?? suffix,
    schema: setting.schema ?? standardSchema,
    limits: { ...defaultLimits, ...setting.limits },
    clock: (setting.clock ?? new SettableClock()).read,
  });
  opened.add(store);
  return store;
}

/** Closes a store before the end of the test, without looking for faults. */
export async function closeStore(store: LevelStore): Promise<void> {
  opened.delete(store);
  await store.close();
}

// --- entries from literals

/** An entry as a test writes it down: attribute descriptions and their values. */
export type Literal = Readonly<Record<string, string | Buffer | readonly (string | Buffer)[]>>;

export function attributesOf(literal: Literal, schema: Schema = standardSchema): Attribute[] {
  return Object.entries(literal).map(([name, value]) => {
    const description = schema.describe(name);
    if (!description) throw new Error(`the schema does not know ${name}`);
    const values = typeof value === "string" || Buffer.isBuffer(value) ? [value] : value;
    return { description, values: values.map((one) => Buffer.from(one)) };
  });
}

export function contentOf(literal: Literal, schema: Schema = standardSchema): EntryContent {
  return entryContent(attributesOf(literal, schema), schema);
}

export const organization: Literal = {
  objectClass: ["top", "dcObject", "organization"],
  dc: "example",
  o: "Example",
};

export function unit(ou: string): Literal {
  return { objectClass: ["top", "organizationalUnit"], ou };
}

export function person(uid: string, more: Literal = {}): Literal {
  return {
    objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson"],
    uid,
    cn: `Person ${uid}`,
    sn: uid,
    ...more,
  };
}

export function group(cn: string, members: readonly string[] = [], more: Literal = {}): Literal {
  return { objectClass: ["top", "groupOfNames"], cn, ...(members.length > 0 ? { member: members } : {}), ...more };
}

export const userDn = (uid: string): string => `uid=${uid},ou=people,${suffix}`;
export const groupDn = (cn: string): string => `cn=${cn},ou=groups,${suffix}`;

export function draftOf(content: EntryContent, now: number, before?: StoredEntry): EntryDraft {
  return {
    attributes: content.attributes,
    structural: content.structural,
    kind: content.kind,
    created: before?.created ?? now,
    creator: before?.creator ?? actor,
    modified: now,
    modifier: actor,
  };
}

// --- writes, as the view does them

function found(transaction: Transaction, dn: Dn): StoredEntry {
  const entry = transaction.find(dn);
  if (!entry) throw new Error(`there is no entry ${dn}`);
  return entry;
}

function record(transaction: Transaction, kind: "add" | "modify" | "modifyDn" | "delete", dn: string, id: number) {
  transaction.record({ kind, actor, id, uuid: "", dn });
}

/** One transaction that adds an entry. */
export async function addIn(
  transaction: Transaction,
  name: string,
  literal: Literal,
  options: { uuid?: Buffer; now?: number } = {},
): Promise<StoredEntry> {
  const dn = Dn.parse(name);
  const content = contentOf(literal, transaction.schema);
  const draft = draftOf(content, options.now ?? 0);
  const entry = dn.equals(transaction.frame.suffix, transaction.schema)
    ? transaction.addSuffix(draft, options.uuid)
    : transaction.add(found(transaction, dn.parent!), dn.rdn!, draft, options.uuid);
  if (content.passwords.length > 0) transaction.setPasswords(entry, content.passwords);
  for (const member of content.members) transaction.addMember(entry.id, member);
  await transaction.adoptDanglings(entry);
  record(transaction, "add", name, entry.id);
  return entry;
}

export function add(
  store: Store,
  name: string,
  literal: Literal,
  options: { uuid?: Buffer; now?: number } = {},
): Promise<StoredEntry> {
  return store.update((transaction) => addIn(transaction, name, literal, options));
}

/** Writes an entry's attributes anew; its memberships and passwords stay. */
export function replace(store: Store, name: string, literal: Literal, now = 0): Promise<StoredEntry> {
  return store.update(async (transaction) => {
    const before = found(transaction, Dn.parse(name));
    const after = await transaction.replace(before, draftOf(contentOf(literal, store.schema), now, before));
    await transaction.adoptDanglings(after);
    record(transaction, "modify", name, after.id);
    return after;
  });
}

/** Renames or moves an entry; its attributes stay unless others are given. */
export function move(store: Store, name: string, newName: string, literal?: Literal): Promise<StoredEntry> {
  return store.update(async (transaction) => {
    const before = found(transaction, Dn.parse(name));
    const to = Dn.parse(newName);
    const draft = literal ? draftOf(contentOf(literal, store.schema), 0, before) : before;
    const parent = found(transaction, to.parent!);
    if (before.parent === noParent || parent.id === before.id || transaction.isBelow(parent, before.id)) {
      throw new Error(`${name} cannot move to ${newName}`);
    }
    const after = await transaction.move(before, parent, to.rdn!, draft);
    if (transaction.childCount(after.id) > 0) await transaction.adoptAllDanglings();
    else await transaction.adoptDanglings(after);
    record(transaction, "modifyDn", name, after.id);
    return after;
  });
}

export function remove(store: Store, name: string): Promise<number[]> {
  return store.update(async (transaction) => {
    const entry = found(transaction, Dn.parse(name));
    const groups = await transaction.remove(entry);
    record(transaction, "delete", name, entry.id);
    return groups;
  });
}

/** A member value as a test writes it: a DN, or `uid:NAME` for a value of memberUid. */
function member(written: string) {
  return written.startsWith("uid:") ? memberName("uid", written.slice(4)) : memberName("dn", written);
}

export function addMember(store: Store, name: string, written: string): Promise<boolean> {
  return store.update((transaction) => {
    const { id } = found(transaction, Dn.parse(name));
    const isNew = transaction.addMember(id, member(written));
    if (isNew) record(transaction, "modify", name, id);
    return isNew;
  });
}

export function removeMember(store: Store, name: string, written: string): Promise<boolean> {
  return store.update(async (transaction) => {
    const { id } = found(transaction, Dn.parse(name));
    const wasThere = await transaction.removeMember(id, member(written));
    if (wasThere) record(transaction, "modify", name, id);
    return wasThere;
  });
}

/** Suffix, ou=people and ou=groups. */
export async function plant(store: Store): Promise<void> {
  await add(store, `${suffix}`, organization);
  await add(store, `ou=people,${suffix}`, unit("people"));
  await add(store, `ou=groups,${suffix}`, unit("groups"));
}

/** Looks at the newest moment, and gives it back. */
export async function reading<T>(store: Store, look: (reading: Reading) => T | Promise<T>): Promise<T> {
  const moment = store.read();
  try {
    return await look(moment);
  } finally {
    moment.release();
  }
}

// --- what a filter asks

const administrator: Application = {
  name: "test",
  dn: Dn.parse(actor),
  settings: {
    name: "test",
    passwords: [],
    addresses: [],
    hosts: [],
    rights: accessPresets.admin,
    enabled: true,
    requireTls: false,
    limits: {},
  },
  contact: new Contact(),
};

const computedAttributes = new Map<Schema, ComputedAttributes>();

function computedFor(schema: Schema): ComputedAttributes {
  const known = computedAttributes.get(schema) ?? new ComputedAttributes(schema);
  computedAttributes.set(schema, known);
  return known;
}

function adminPermissions(schema: Schema): Permissions {
  return new Permissions({ kind: "application", application: administrator }, schema, computedFor(schema));
}

/** How filters are compiled for someone who may see all that may be seen. */
export function adminScope(schema: Schema = standardSchema): FilterScope {
  return adminPermissions(schema).scope;
}

/** The moment through the eyes of an administrator. */
export function adminSight(moment: Reading): Sight {
  return new Sight(moment, adminPermissions(moment.schema), computedFor(moment.schema), Date.now());
}

/** An entry as an administrator sees it, with its memberships at hand. */
export async function seen(entry: StoredEntry, sight: Sight): Promise<VisibleEntry> {
  const visible = new VisibleEntry(entry, sight);
  await visible.loadMemberships();
  return visible;
}
