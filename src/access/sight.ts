// One moment of the directory through one session's permissions: the rules of who sees what, in one place.
import { Dn } from "../model/dn.js";
import { LdapError } from "../model/failure.js";
import { type EqualityNode, matchFilter } from "../model/filter-match.js";
import type { AttributeType } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { ComputedAttributes } from "./computed-attributes.js";
import type { Permissions } from "./permissions.js";
import { nothingAround, type Surroundings } from "./surroundings.js";
import { type Beholder, VisibleEntry } from "./visible-entry.js";

export class Sight implements Beholder {
  readonly reading: Reading;
  readonly permissions: Permissions;
  readonly computed: ComputedAttributes;
  /** What stands around a user session's own user. */
  readonly #own: Surroundings;
  /** Which entry an asserted DN names: asked once for all candidates. */
  #named: Map<EqualityNode, number | undefined> | undefined;
  #whole: Sight | undefined;

  constructor(
    reading: Reading,
    permissions: Permissions,
    computed: ComputedAttributes,
    own: Surroundings = nothingAround,
  ) {
    this.reading = reading;
    this.permissions = permissions;
    this.computed = computed;
    this.#own = own;
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
      if (this.#own.containers.has(entry.id)) return true;
      if (entry.id !== subject.id && !this.#own.groups.has(entry.id)) return false;
    } else if (!permissions.may("read", entry.kind)) return false;
    const seen = permissions.seen(entry.kind);
    return !seen || matchFilter(seen, new VisibleEntry(entry, this.whole()), this.reading.schema) === true;
  }

  seesId(id: number): boolean {
    if (this.seesAll) return true;
    const entry = this.reading.entry(id);
    return entry !== undefined && this.sees(entry);
  }

  /** Member values that name nothing are shown to whoever sees everything: to others they might name the hidden. */
  get showsDanglings(): boolean {
    return this.seesAll;
  }

  childCount(entry: StoredEntry): number | undefined {
    return this.seesAll ? this.reading.childCount(entry.id) : undefined;
  }

  /** The same moment without limits: for the rules themselves, never for an answer. */
  whole(): Sight {
    this.#whole ??= new UnlimitedSight(this.reading, this.permissions, this.computed);
    return this.#whole;
  }

  /** Whether a computed attribute holds the asserted value, where that takes no listing; else undefined. */
  hasComputed(entry: VisibleEntry, type: AttributeType, node: EqualityNode): boolean | undefined {
    const { reading } = this;
    switch (type.name) {
      case "member":
      case "uniqueMember":
        return this.#hasMember(entry, this.#namedBy(node), `D${node.values[0]}`);
      case "memberUid":
        return this.#hasMember(entry, this.#withUid(node), `U${node.values[0]}`);
      case "memberOf": {
        const group = this.#namedBy(node);
        return group !== undefined && this.seesId(group) && reading.isMember(group, entry.id);
      }
      case "entryDN":
      case "distinguishedName":
        return entry.isMirrored ? undefined : this.#namedBy(node) === entry.id;
      default:
        return undefined;
    }
  }

  /** Whether a computed membership has any value, told from counts or ids; undefined for what is no membership. */
  presentComputed(entry: VisibleEntry, type: AttributeType): boolean | undefined {
    const { reading } = this;
    switch (type.name) {
      case "memberOf":
        if (this.seesAll) return reading.groupsOf(entry.stored).count > 0;
        return entry.groupIds().some((id) => this.seesId(id));
      case "member":
      case "uniqueMember":
        if (entry.stored.kind !== "group") return false;
        if (this.seesAll) return reading.members(entry.id).count > 0 || entry.hasDangling("dn");
        return entry.memberIds().some((id) => this.seesId(id));
      case "memberUid":
        return entry.memberIds().some((id) => entry.uidOf(id) !== undefined) || entry.hasDangling("uid");
      default:
        return undefined;
    }
  }

  #hasMember(entry: VisibleEntry, member: number | undefined, dangling: string): boolean {
    const { reading } = this;
    if (entry.stored.kind !== "group") return false;
    if (member !== undefined && this.seesId(member) && reading.isMember(entry.id, member)) return true;
    return this.showsDanglings && reading.hasDangling(entry.id, dangling);
  }

  #namedBy(node: EqualityNode): number | undefined {
    return this.#once(node, () => {
      try {
        return this.reading.resolve(Dn.parse(node.raw));
      } catch (error) {
        if (error instanceof LdapError) return undefined;
        throw error;
      }
    });
  }

  #withUid(node: EqualityNode): number | undefined {
    return this.#once(node, () => this.reading.withUid(node.raw.toString("utf8")));
  }

  #once(node: EqualityNode, find: () => number | undefined): number | undefined {
    this.#named ??= new Map();
    if (!this.#named.has(node)) this.#named.set(node, find());
    return this.#named.get(node);
  }
}

class UnlimitedSight extends Sight {
  override get seesAll(): boolean {
    return true;
  }

  override whole(): Sight {
    return this;
  }
}
