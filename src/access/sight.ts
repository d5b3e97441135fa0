// One moment of the directory through one session's permissions: the rules of who sees what, in one place.
import { Dn } from "../model/dn.js";
import { type CompiledFilter, type EqualityNode, matchFilter } from "../model/filter-match.js";
import type { AttributeType } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import { type ComputedAttributes, memberSpellings } from "./computed-attributes.js";
import { isDisabled } from "./disabled.js";
import { NestedGroups } from "./nested-groups.js";
import { Outline } from "./outline.js";
import type { Permissions } from "./permissions.js";
import { type Place, Places } from "./subtrees.js";
import { nothingAround, type Surroundings, surroundingsOf } from "./surroundings.js";
import { type Beholder, VisibleEntry } from "./visible-entry.js";

export class Sight implements Beholder {
  readonly reading: Reading;
  readonly permissions: Permissions;
  readonly computed: ComputedAttributes;
  /** What stands around a user session's own user. */
  readonly #own: Surroundings;
  /** When disabled users are asked for, in milliseconds since 1970 UTC. */
  readonly #now: number;
  readonly #places: Places | undefined;
  /** Which entries an asserted DN or uid names: asked once for all candidates. */
  #named: Map<EqualityNode, readonly number[]> | undefined;
  /** The groups around those, where groups in groups are taken apart. */
  #around: Map<EqualityNode, ReadonlySet<number>> | undefined;
  #whole: Sight | undefined;
  readonly nested: NestedGroups | undefined;

  constructor(
    reading: Reading,
    permissions: Permissions,
    computed: ComputedAttributes,
    now: number,
    own: Surroundings = nothingAround,
  ) {
    this.reading = reading;
    this.permissions = permissions;
    this.computed = computed;
    this.#now = now;
    this.#own = own;
    this.#places = permissions.subtrees.length > 0 ? new Places(reading, permissions.subtrees) : undefined;
    this.nested = this.nesting === "flatten" ? new NestedGroups(reading, (entry) => this.sees(entry)) : undefined;
  }

  /** The same for a user's session, which also sees what stands around its own entry. */
  async around(user: number): Promise<Sight> {
    const own = await surroundingsOf(this.reading, user, (entry) => this.isInView(entry));
    return new Sight(this.reading, this.permissions, this.computed, this.#now, own);
  }

  /** Whether every entry exists, so that counts can be believed. */
  get seesAll(): boolean {
    return this.permissions.seesEverything;
  }

  /** Whether the entry exists for this session. */
  sees(entry: StoredEntry): boolean {
    const { permissions } = this;
    if (this.seesAll) return true;
    const { subject } = permissions;
    if (subject.kind === "user") {
      // Rule 5 of the gate: its own entry, its groups, and what holds them.
      const { containers, groups } = this.#own;
      if (entry.id !== subject.id && !groups.has(entry.id) && !containers.has(entry.id)) return false;
    } else if (!permissions.may("read", entry.kind)) return false;
    return this.place(entry) !== "outside" && this.matchesView(entry);
  }

  /** Whether the entry exists for the applications concerned, whoever asks and whatever their rights. */
  isInView(entry: StoredEntry): boolean {
    return this.place(entry) === "inside" && this.matchesView(entry);
  }

  /** The same but for where it stands. */
  matchesView(entry: StoredEntry): boolean {
    const { permissions } = this;
    if (permissions.hidesDisabled && isDisabled(entry, this.#now)) return false;
    const seen = permissions.seen(entry.kind);
    return !seen || matchFilter(seen, new VisibleEntry(entry, this.whole()), this.reading.schema) === true;
  }

  place(entry: StoredEntry): Place {
    return this.#places?.of(entry) ?? "inside";
  }

  /** The entry as this session sees it; undefined where it does not exist for it. */
  show(entry: StoredEntry): VisibleEntry | undefined {
    if (!this.sees(entry)) return undefined;
    return this.place(entry) === "above" ? new Outline(entry, this) : new VisibleEntry(entry, this);
  }

  seesId(id: number): boolean {
    if (this.seesAll) return true;
    const entry = this.reading.entry(id);
    return entry !== undefined && this.sees(entry);
  }

  /** Who does not exist for this session has written nothing. Whoever sees every entry also learns who wrote it. */
  showsName(written: string): boolean {
    if (this.seesAll || written === this.permissions.dn) return true;
    const dn = Dn.parse(written);
    const id = this.reading.resolve(dn);
    return id === undefined ? !dn.isBelow(this.reading.frame.suffix, this.reading.schema) : this.seesId(id);
  }

  get nesting(): Permissions["nestedGroups"] {
    return this.permissions.nestedGroups;
  }

  /**
   * Whether memberships are shown as they stand, so that counts of them can be believed. Member values that name nothing
   * are shown only then: otherwise they might name the hidden.
   */
  get seesMemberships(): boolean {
    return this.seesAll && this.nesting === "keep";
  }

  childCount(entry: StoredEntry): number | undefined {
    return this.seesAll ? this.reading.childCount(entry.id) : undefined;
  }

  /** The same moment without limits: for the rules themselves, never for an answer. */
  whole(): Sight {
    this.#whole ??= new UnlimitedSight(this.reading, this.permissions, this.computed, this.#now);
    return this.#whole;
  }

  /** Whether a computed attribute holds the asserted value, where that takes no listing; else undefined. */
  hasComputed(entry: VisibleEntry, type: AttributeType, node: EqualityNode): boolean | undefined {
    const { reading } = this;
    switch (type.name) {
      case "member":
      case "uniqueMember":
        return this.#hasMember(entry, node, this.#namedBy(node), `D${node.values[0]}`);
      case "memberUid":
        return this.#hasMember(entry, node, this.#withUid(node), `U${node.values[0]}`);
      case "memberOf": {
        const [group] = this.#namedBy(node);
        if (group === undefined || !this.seesId(group)) return false;
        if (this.nested) return entry.groupIds().includes(group);
        return this.#isMember(entry.stored) && reading.isMember(group, entry.id);
      }
      case "entryDN":
      case "distinguishedName":
        return entry.isMirrored ? undefined : this.#namedBy(node)[0] === entry.id;
      default:
        return undefined;
    }
  }

  /** Whether a computed membership has any value, told from counts or ids; undefined for what is no membership. */
  presentComputed(entry: VisibleEntry, type: AttributeType): boolean | undefined {
    const { reading } = this;
    switch (type.name) {
      case "memberOf":
        if (this.seesMemberships) return reading.groupsOf(entry.stored).count > 0;
        return entry.groupIds().some((id) => this.seesId(id));
      case "member":
      case "uniqueMember":
        if (entry.stored.kind !== "group") return false;
        if (this.seesMemberships) return reading.members(entry.id).count > 0 || entry.hasDangling("dn");
        return entry.memberIds().some((id) => this.seesId(id));
      case "memberUid":
        return entry.memberIds().some((id) => entry.uidOf(id) !== undefined) || entry.hasDangling("uid");
      default:
        return undefined;
    }
  }

  /** Brings to hand what matching a filter takes, where groups in groups are taken apart. To be awaited before it. */
  async prepare(filter: CompiledFilter): Promise<void> {
    const { nested } = this;
    if (!nested) return;
    if (filter.kind === "and" || filter.kind === "or") for (const part of filter.filters) await this.prepare(part);
    else if (filter.kind === "not") await this.prepare(filter.filter);
    else if (filter.kind === "equality") {
      const [target] = filter.targets;
      if (!target || memberSpellings[target.type.name] === undefined) return;
      const around = new Set<number>();
      const members = target.type.name === "memberUid" ? this.#withUid(filter) : this.#namedBy(filter);
      for (const member of members) {
        if (!this.seesId(member) || !this.#isMember(this.reading.entry(member))) continue;
        for (const group of await nested.groupsOf(member)) around.add(group);
      }
      this.#around ??= new Map();
      this.#around.set(filter, around);
    }
  }

  #hasMember(entry: VisibleEntry, node: EqualityNode, members: readonly number[], dangling: string): boolean {
    const { reading } = this;
    if (entry.stored.kind !== "group") return false;
    const around = this.#around?.get(node);
    if (around) return around.has(entry.id);
    for (const member of members) {
      if (!this.seesId(member) || !this.#isMember(reading.entry(member))) continue;
      if (reading.isMember(entry.id, member)) return true;
    }
    return this.seesMemberships && reading.hasDangling(entry.id, dangling);
  }

  /** Whether the entry can be a member to this session. */
  #isMember(entry: StoredEntry | undefined): boolean {
    return this.nesting === "keep" || entry?.kind !== "group";
  }

  #namedBy(node: EqualityNode): readonly number[] {
    return this.#once(node, () => {
      const dn = Dn.parsed(node.raw);
      const id = dn && this.reading.resolve(dn);
      return id === undefined ? [] : [id];
    });
  }

  /** Those who are called so in memberUid. */
  #withUid(node: EqualityNode): readonly number[] {
    return this.#once(node, () => this.withUid(node.raw.toString("utf8")));
  }

  /** The entries that exist for this session and are called so in memberUid, the oldest first. */
  withUid(uid: string): readonly number[] {
    const { schema } = this.reading;
    const rule = schema.attributeType("uid")?.equality;
    const wanted = rule?.normalize(Buffer.from(uid), schema);
    return this.reading.allWithUid(uid).tail.filter((id) => {
      const entry = this.reading.entry(id);
      const shown = entry && this.show(entry)?.values("uid")[0];
      return shown !== undefined && rule?.normalize(shown, schema) === wanted;
    });
  }

  /** Whom a uid means in a write: the oldest that is called so, or else that has it among others. */
  meantByUid(uid: string): number | undefined {
    return this.withUid(uid)[0] ?? this.reading.allWithUid(uid).tail.find((id) => this.seesId(id));
  }

  #once(node: EqualityNode, find: () => readonly number[]): readonly number[] {
    this.#named ??= new Map();
    const known = this.#named.get(node) ?? find();
    this.#named.set(node, known);
    return known;
  }
}

class UnlimitedSight extends Sight {
  override get seesAll(): boolean {
    return true;
  }

  override get nesting(): "keep" {
    return "keep";
  }

  override whole(): Sight {
    return this;
  }
}
