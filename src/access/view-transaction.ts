// What one session may change, while it changes it: rights are asked before, names of hidden entries are as if absent,
// and every write leaves its record.
import type { Attribute } from "../model/attribute.js";
import type { Clock } from "../model/clock.js";
import type { Dn, Rdn } from "../model/dn.js";
import type { EntryKind } from "../model/entry-kind.js";
import { fail, LdapError } from "../model/failure.js";
import type { Schema } from "../model/schema.js";
import type { Change } from "../store/change.js";
import { type StoredEntry, uuidText } from "../store/entry-row.js";
import { type MemberName, memberName } from "../store/reading.js";
import type { EntryDraft, Transaction } from "../store/transaction.js";
import type { ApplicationMirror } from "./application-mirror.js";
import { decodeAttributes, type EntryContent } from "./entry-content.js";
import type { Permissions } from "./permissions.js";
import type { Sight } from "./sight.js";
import { VisibleEntry } from "./visible-entry.js";

export class ViewTransaction {
  readonly permissions: Permissions;
  readonly #transaction: Transaction;
  readonly #sight: Sight;
  readonly #mirror: ApplicationMirror;
  readonly #clock: Clock;

  constructor(transaction: Transaction, sight: Sight, mirror: ApplicationMirror, clock: Clock) {
    this.permissions = sight.permissions;
    this.#transaction = transaction;
    this.#sight = sight;
    this.#mirror = mirror;
    this.#clock = clock;
  }

  get schema(): Schema {
    return this.#transaction.schema;
  }

  /** The entry to be changed. Fails with noSuchObject, and for a mirrored entry with unwillingToPerform. */
  require(dn: Dn): VisibleEntry {
    this.permissions.requireSession();
    this.#refuseMirrored(dn);
    const entry = this.#find(dn);
    if (entry) return entry;
    let matchedDn = "";
    for (let above = dn.parent; above && matchedDn === ""; above = above.parent) {
      matchedDn = this.#find(above)?.dnText ?? "";
    }
    return fail("noSuchObject", `there is no entry ${dn}`, { matchedDn });
  }

  #find(dn: Dn): VisibleEntry | undefined {
    const stored = this.#transaction.find(dn);
    return stored && this.#sight.show(stored);
  }

  #refuseMirrored(dn: Dn): void {
    if (this.#mirror.holds(dn)) {
      fail("unwillingToPerform", `${this.#mirror.base} mirrors applications.yaml: applications are changed there`);
    }
  }

  /** The attributes kept in the entry's row, decoded. */
  attributesOf(entry: VisibleEntry): Attribute[] {
    return decodeAttributes(entry.stored.attributes, this.schema);
  }

  passwordsOf(entry: VisibleEntry): Buffer[] {
    return this.#transaction.passwords(entry.id);
  }

  /** Adds an entry. Fails with noSuchObject where its parent does not exist. */
  async add(dn: Dn, content: EntryContent, uuid?: Buffer): Promise<VisibleEntry> {
    this.permissions.requireSome("add");
    this.#refuseMirrored(dn);
    this.permissions.require("add", content.kind);
    const stored = await plainly(this.#insert(dn, content, uuid));
    if (content.passwords.length > 0) this.#transaction.setPasswords(stored, content.passwords);
    for (const member of content.members) this.#addMember(stored.id, member);
    for (const group of await this.#transaction.adoptDanglings(stored)) await this.#touch(group);
    this.#record("add", stored, { dn: dn.toString() });
    return this.#inView(stored);
  }

  async #insert(dn: Dn, content: EntryContent, uuid: Buffer | undefined): Promise<StoredEntry> {
    const { suffix } = this.#transaction.frame;
    if (dn.equals(suffix, this.schema)) {
      this.permissions.requireWithin(dn, "add");
      return this.#transaction.addSuffix(this.#draft(content), uuid);
    }
    if (!dn.parent || !dn.isBelow(suffix, this.schema)) {
      return fail("noSuchObject", `${dn} is not below ${suffix}, which is all that is kept here`);
    }
    const parent = this.require(dn.parent);
    this.permissions.requireWithin(dn, "add");
    return this.#transaction.add(parent.stored, dn.rdn!, this.#draft(content), uuid);
  }

  /** Writes an entry anew with other content; `changed` are the descriptions for the record. */
  async replace(entry: VisibleEntry, content: EntryContent, changed: readonly string[]): Promise<VisibleEntry> {
    this.requireModify(entry, content.kind);
    const stored = await this.#transaction.replace(entry.stored, this.#draft(content, entry.stored));
    for (const group of await this.#transaction.adoptDanglings(stored))
      if (group !== stored.id) await this.#touch(group);
    this.#record("modify", stored, { dn: entry.dnText, attributes: changed });
    return this.#inView(stored);
  }

  /** What a session writes has to stay in its view: it would have no way to mend or remove what it cannot see. */
  #inView(stored: StoredEntry): VisibleEntry {
    const entry = new VisibleEntry(stored, this.#sight);
    if (!this.#sight.matchesView(stored) || !this.permissions.isWithin(entry.dn)) {
      fail("insufficientAccessRights", "the entry would stand outside of what this application sees");
    }
    return entry;
  }

  /** To be asked before anything of the entry is looked at. `kind`: what it will be. */
  requireModify(entry: VisibleEntry, kind: EntryKind = entry.stored.kind): void {
    if (entry.isOutline) this.permissions.requireWithin(entry.dn, "modify");
    this.permissions.require("modify", entry.stored.kind);
    this.permissions.require("modify", kind);
  }

  /** Sets the stored passwords: hashes. A user may set those of its own entry. */
  setPasswords(entry: VisibleEntry, hashes: readonly Buffer[]): void {
    this.requireSetPassword(entry);
    this.#transaction.setPasswords(entry.stored, hashes);
  }

  requireSetPassword(entry: VisibleEntry): void {
    if (!this.isOwn(entry)) this.requireModify(entry);
  }

  isOwn(entry: VisibleEntry): boolean {
    const { subject } = this.permissions;
    return subject.kind === "user" && subject.id === entry.id;
  }

  /** Writes the entry's time and modifier anew, for a change that stands outside its row. */
  async touch(entry: VisibleEntry, changed: readonly string[]): Promise<void> {
    const stored = await this.#touch(entry.id);
    if (stored) this.#record("modify", stored, { dn: entry.dnText, attributes: changed });
  }

  async #touch(id: number): Promise<StoredEntry | undefined> {
    const before = this.#transaction.entry(id);
    return before && this.#transaction.replace(before, this.#draft(before, before));
  }

  /** Renames or moves an entry with all that is below it. */
  async move(entry: VisibleEntry, rdn: Rdn, newSuperior: Dn | undefined, content: EntryContent): Promise<VisibleEntry> {
    this.requireModify(entry, content.kind);
    const { stored } = entry;
    const parent = newSuperior ? this.require(newSuperior).stored : this.#transaction.entry(stored.parent);
    if (!parent) return fail("unwillingToPerform", "the entry of the suffix cannot be renamed");
    if (parent.id === stored.id || this.#transaction.isBelow(parent, stored.id)) {
      return fail("unwillingToPerform", "an entry cannot be moved below itself");
    }
    const from = entry.dnText;
    this.permissions.requireWithin(new VisibleEntry(parent, this.#sight).dn.child(rdn), "modify");
    const hasChildren = this.#transaction.childCount(stored.id) > 0;
    const moved = await plainly(this.#transaction.move(stored, parent, rdn, this.#draft(content, stored)));
    const newDn = this.#transaction.dnOf(moved);
    this.#refuseMirrored(new VisibleEntry(moved, this.#sight).dn);
    if (hasChildren) await this.#transaction.adoptAllDanglings();
    else
      for (const group of await this.#transaction.adoptDanglings(moved))
        if (group !== moved.id) await this.#touch(group);
    this.#record("modifyDn", moved, { dn: from, newDn });
    return this.#inView(moved);
  }

  /** Deletes an entry without children; the groups it was in know it no more. */
  async remove(entry: VisibleEntry): Promise<void> {
    this.permissions.require("remove", entry.stored.kind);
    if (entry.isOutline) this.permissions.requireWithin(entry.dn, "remove");
    if (this.#transaction.childCount(entry.id) > 0) {
      fail("notAllowedOnNonLeaf", "the entry has entries below it; delete them first");
    }
    const { dnText } = entry;
    for (const group of await this.#transaction.remove(entry.stored)) await this.#touch(group);
    this.#record("delete", entry.stored, { dn: dnText });
  }

  // --- memberships

  hasMembers(group: VisibleEntry): boolean {
    return this.#transaction.members(group.id).count + this.#transaction.danglingCount(group.id) > 0;
  }

  /**
   * Whether the entry has members that keep it a group. Those that do not exist for this session go when it is none any
   * more, as they do when it is deleted: to refuse it would tell of them.
   */
  async keepsMembers(group: VisibleEntry): Promise<boolean> {
    const members = await this.#transaction.allMembers(group.id);
    if (this.#sight.seesMemberships) return members.length + this.#transaction.danglingCount(group.id) > 0;
    if (members.some((member) => this.#isMemberSeen(member))) return true;
    for (const member of members) await this.#transaction.removeMemberId(group.id, member);
    await this.#transaction.removeDanglings(group.id);
    return false;
  }

  /** The members that a group shows under this kind of name and has only through the groups in it. */
  async indirectMembers(group: VisibleEntry, kind: MemberName["kind"]): Promise<readonly number[]> {
    const members = (await this.#sight.nested?.membersOf(group.id)) ?? [];
    return members.filter(
      (member) => !this.#transaction.isMember(group.id, member) && (kind === "dn" || group.uidOf(member)),
    );
  }

  isNameOf(name: MemberName, member: number): boolean {
    return this.#meant(name) === member;
  }

  /** False where it was a member already. What does not exist for this session is taken as it was written. */
  addMember(group: VisibleEntry, name: MemberName): boolean {
    const isNew = this.#addMember(group.id, name);
    return isNew || !this.#isVisible(name);
  }

  #addMember(group: number, name: MemberName): boolean {
    const member = this.#meant(name);
    if (member === undefined) return this.#transaction.addMember(group, name);
    const entry = this.#transaction.entry(member);
    if (entry?.kind === "group" && this.#sight.sees(entry)) this.permissions.requireNesting();
    return this.#transaction.addMemberId(group, member);
  }

  /** Which entry a name means: of several with one uid the oldest that exists for this session, if any does. */
  #meant(name: MemberName): number | undefined {
    const seen = name.kind === "uid" ? this.#sight.meantByUid(name.uid) : undefined;
    return seen ?? this.#transaction.resolveMember(name);
  }

  /** Whether the name is that of an entry which could be a member for this session. */
  #isMemberSeen(member: number): boolean {
    const entry = this.#transaction.entry(member);
    if (!entry || !this.#sight.sees(entry)) return false;
    return entry.kind !== "group" || this.permissions.nestedGroups === "keep";
  }

  /** False where it was no member, or one that does not exist for this session. */
  async removeMember(group: VisibleEntry, name: MemberName): Promise<boolean> {
    const member = this.#meant(name);
    if (member === undefined) return this.#sight.seesMemberships && this.#transaction.removeMember(group.id, name);
    if (!this.#isMemberSeen(member)) return false;
    return this.#transaction.isMember(group.id, member)
      ? this.#transaction.removeMemberId(group.id, member)
      : this.#sight.seesMemberships && this.#transaction.removeMember(group.id, name);
  }

  /** Ends every membership that exists for this session and has this kind of name. False where there was none. */
  async removeMembers(group: VisibleEntry, kind: MemberName["kind"]): Promise<boolean> {
    let found = false;
    for (const member of await this.#transaction.allMembers(group.id)) {
      if (!this.#isMemberSeen(member) || (kind === "uid" && !group.uidOf(member))) continue;
      await this.#transaction.removeMemberId(group.id, member);
      found = true;
    }
    const danglings = this.#sight.seesMemberships ? await this.#transaction.danglings(group.id) : [];
    for (const one of danglings) {
      if (one.kind !== kind) continue;
      await this.#transaction.removeMember(group.id, memberName(kind, one.written));
      found = true;
    }
    return found;
  }

  #isVisible(name: MemberName): boolean {
    const member = this.#meant(name);
    return member === undefined ? this.#sight.seesMemberships : this.#isMemberSeen(member);
  }

  // --- what stands in every write

  #draft(content: Pick<EntryContent, "attributes" | "structural" | "kind">, before?: StoredEntry): EntryDraft {
    const now = this.#clock();
    const { dn } = this.permissions;
    return {
      attributes: content.attributes,
      structural: content.structural,
      kind: content.kind,
      created: before?.created ?? now,
      creator: before?.creator ?? dn,
      modified: now,
      modifier: dn,
    };
  }

  #record(kind: Change["kind"], entry: StoredEntry, more: Pick<Change, "dn" | "newDn" | "attributes">): void {
    this.#transaction.record({ kind, actor: this.permissions.dn, id: entry.id, uuid: uuidText(entry.uuid), ...more });
  }
}

/** Whoever has it may not exist for this session: what is said of a taken name is the same for all. */
async function plainly<T>(naming: Promise<T>): Promise<T> {
  try {
    return await naming;
  } catch (error) {
    if (!(error instanceof LdapError) || error.code !== "entryAlreadyExists") throw error;
    return fail("entryAlreadyExists", "an entry of this name exists already");
  }
}
