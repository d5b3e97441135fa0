// One entry as one session sees it: what a filter may ask of it and a search may send of it.

import { listedValues } from "../model/attribute-list.js";
import { Dn } from "../model/dn.js";
import type { EntryKind } from "../model/entry-kind.js";
import type { EqualityNode, FilterSubject } from "../model/filter-match.js";
import type { AttributeType } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Postings } from "../store/postings.js";
import type { Reading } from "../store/reading.js";
import { type ComputedAttributes, type ComputedSource, memberSpellings } from "./computed-attributes.js";
import type { NestedGroups } from "./nested-groups.js";

/** Through whose eyes: the moment and the rules of who sees what (sight.ts). */
export interface Beholder {
  readonly reading: Reading;
  readonly computed: ComputedAttributes;
  /** Whether all memberships are shown as they stand, so that names need not be looked at one by one. */
  readonly seesMemberships: boolean;
  /** Whether groups are members and have groups as it is kept, for everything that is in them, or not at all. */
  readonly nesting: "keep" | "flatten" | "hide";
  /** Where groups in groups are taken apart. */
  readonly nested: NestedGroups | undefined;
  sees(entry: StoredEntry): boolean;
  seesId(id: number): boolean;
  /** Whether a name that an entry keeps of who wrote it may be shown. */
  showsName(written: string): boolean;
  childCount(entry: StoredEntry): number | undefined;
  /** Whether a computed attribute has this value, or any: undefined where only its values can tell. */
  hasComputed(entry: VisibleEntry, type: AttributeType, node: EqualityNode): boolean | undefined;
  presentComputed(entry: VisibleEntry, type: AttributeType): boolean | undefined;
}

interface Dangling {
  readonly kind: "dn" | "uid";
  readonly written: string;
}

export class VisibleEntry implements FilterSubject, ComputedSource {
  readonly stored: StoredEntry;
  readonly #sight: Beholder;
  readonly #name: string | undefined;
  #dn: Dn | undefined;
  #members: readonly number[] | undefined;
  #groups: readonly number[] | undefined;
  #danglings: readonly Dangling[] = [];

  /** `name`: the DN, for an entry that stands outside the store's tree. */
  constructor(stored: StoredEntry, sight: Beholder, name?: string) {
    this.stored = stored;
    this.#sight = sight;
    this.#name = name;
  }

  get id(): number {
    return this.stored.id;
  }

  /** Whether the entry stands for an application and not in the store. */
  get isMirrored(): boolean {
    return this.#name !== undefined;
  }

  get kind(): EntryKind {
    return this.stored.kind;
  }

  /** Whether no more is shown than that it is there: it stands above what this session is given. */
  get isOutline(): boolean {
    return false;
  }

  get bytes(): Buffer {
    return this.stored.bytes;
  }

  get attributesStart(): number {
    return this.stored.attributesStart;
  }

  get attributesEnd(): number {
    return this.stored.attributesEnd;
  }

  get dnText(): string {
    return this.#name ?? this.#sight.reading.dnOf(this.stored);
  }

  get dn(): Dn {
    this.#dn ??= Dn.parse(this.dnText);
    return this.#dn;
  }

  /** How many children; undefined where the number would tell of entries that do not exist for this session. */
  get childCount(): number | undefined {
    return this.isMirrored ? undefined : this.#sight.childCount(this.stored);
  }

  computed(type: AttributeType): readonly Buffer[] {
    return this.computedValues(type).map((value) => (typeof value === "string" ? Buffer.from(value) : value));
  }

  /** The same as they are made, to be written and not compared. */
  computedValues(type: AttributeType): readonly (string | Buffer)[] {
    return this.#sight.computed.values(type, this);
  }

  /** The same as they are sent, one behind the other, where they are at hand so. */
  computedEncoded(type: AttributeType): Buffer | undefined {
    return this.#sight.computed.encoded(type, this);
  }

  computedHas(type: AttributeType, node: EqualityNode): boolean | undefined {
    return this.#sight.hasComputed(this, type, node);
  }

  computedPresent(type: AttributeType): boolean | undefined {
    return this.#sight.presentComputed(this, type);
  }

  /** The stored values of an attribute, whatever its options. */
  values(name: string): Buffer[] {
    return listedValues(this.bytes, this.attributesStart, this.attributesEnd, name);
  }

  /** Whether the attribute belongs to all user attributes of this entry (`*`), for the spellings of a membership. */
  spells(type: AttributeType): boolean {
    if (this.stored.kind !== "group") return false;
    const groupClass = memberSpellings[type.name];
    return (
      groupClass !== undefined &&
      this.values("objectClass").some((name) => name.toString().toLowerCase() === groupClass.toLowerCase())
    );
  }

  /** Brings lists of memberships to hand that are long, or taken apart; to be awaited before they are asked for. Undefined: nothing to wait for. */
  loadMemberships(): Promise<void> | undefined {
    const { reading } = this.#sight;
    const { id } = this;
    const isGroup = this.stored.kind === "group";
    const members = isGroup ? reading.members(id) : undefined;
    const groups = reading.groupsOf(this.stored);
    const danglings = isGroup && this.#sight.seesMemberships ? reading.danglingCount(id) : 0;
    if (this.#sight.nested) return this.#loadNested(this.#sight.nested);
    if (!members?.large && !groups.large && danglings === 0) {
      this.#members = members?.tail ?? [];
      this.#groups = groups.tail;
      return undefined;
    }
    return this.#load(members, groups, danglings);
  }

  async #load(members: Postings | undefined, groups: Postings, danglings: number): Promise<void> {
    const { reading } = this.#sight;
    this.#members = members?.large ? await reading.allMembers(this.id) : (members?.tail ?? []);
    this.#groups = groups.large ? await reading.allGroups(this.id) : groups.tail;
    if (danglings > 0) this.#danglings = await reading.danglings(this.id);
  }

  async #loadNested(nested: NestedGroups): Promise<void> {
    const isGroup = this.stored.kind === "group";
    this.#members = isGroup ? await nested.membersOf(this.id) : [];
    this.#groups = isGroup ? [] : await nested.groupsOf(this.id);
  }

  groupNames(): string[] {
    return this.#names(this.groupIds());
  }

  memberNames(): string[] {
    const names = this.#names(this.memberIds());
    for (const { kind, written } of this.#danglings) if (kind === "dn") names.push(written);
    return names;
  }

  encodedGroupNames(): Buffer | undefined {
    const { reading, seesMemberships } = this.#sight;
    const groups = seesMemberships ? reading.groupsOf(this.stored) : undefined;
    return groups && !groups.large ? reading.encodedNames(groups) : undefined;
  }

  encodedMemberNames(): Buffer | undefined {
    const { reading, seesMemberships } = this.#sight;
    // Only what was loaded is known to have no names beside its members.
    if (!seesMemberships || this.stored.kind !== "group" || !this.#members || this.#danglings.length > 0)
      return undefined;
    const members = reading.members(this.id);
    return members.large ? undefined : reading.encodedNames(members);
  }

  memberUids(): Buffer[] {
    const uids: Buffer[] = [];
    for (const id of this.memberIds()) {
      const uid = this.uidOf(id);
      if (uid) uids.push(uid);
    }
    for (const { kind, written } of this.#danglings) if (kind === "uid") uids.push(Buffer.from(written));
    return uids;
  }

  /** What a member is called in memberUid; undefined where it has no uid, or does not exist for this session. */
  uidOf(member: number): Buffer | undefined {
    const entry = this.#sight.reading.entry(member);
    if (!entry || !this.#sight.sees(entry)) return undefined;
    return listedValues(entry.bytes, entry.attributesStart, entry.attributesEnd, "uid")[0];
  }

  writerNames(written: string): string[] {
    return written !== "" && this.#sight.showsName(written) ? [written] : [];
  }

  /** Whether there is a member value of this kind that names nothing, and is shown. */
  hasDangling(kind: Dangling["kind"]): boolean {
    return this.#danglings.some((one) => one.kind === kind);
  }

  /** Of all groups directly around it; long lists have to be loaded first. */
  groupIds(): readonly number[] {
    if (this.stored.kind === "group" && this.#sight.nesting !== "keep") return [];
    return this.#groups ?? this.#sight.reading.groupsOf(this.stored).tail;
  }

  /** Of all members; long lists have to be loaded first. */
  memberIds(): readonly number[] {
    const { reading, nesting } = this.#sight;
    const members = this.#members ?? (this.stored.kind === "group" ? reading.members(this.id).tail : []);
    return nesting === "hide" ? members.filter((id) => reading.entry(id)?.kind !== "group") : members;
  }

  #names(ids: readonly number[]): string[] {
    const names: string[] = [];
    for (const id of ids) if (this.#sight.seesId(id)) names.push(this.#sight.reading.dn(id));
    return names;
  }
}
