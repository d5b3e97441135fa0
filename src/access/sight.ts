// One moment of the directory through one session's permissions: the rules of who sees what, in one place.
import { Dn } from "../model/dn.js";
import { LdapError } from "../model/failure.js";
import { type EqualityNode, matchFilter } from "../model/filter-match.js";
import type { AttributeType } from "../model/schema.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { ComputedAttributes } from "./computed-attributes.js";
import type { Permissions } from "./permissions.js";
import { type Beholder, VisibleEntry } from "./visible-entry.js";

export class Sight implements Beholder {
  readonly reading: Reading;
  readonly permissions: Permissions;
  readonly computed: ComputedAttributes;
  /** The groups of a user session's own user, nested ones included. */
  readonly #ownGroups: ReadonlySet<number>;
  /** Which entry an asserted DN names: asked once for all candidates. */
  readonly #named = new Map<EqualityNode, number | undefined>();

  constructor(
    reading: Reading,
    permissions: Permissions,
    computed: ComputedAttributes,
    ownGroups: ReadonlySet<number>,
  ) {
    this.reading = reading;
    this.permissions = permissions;
    this.computed = computed;
    this.#ownGroups = ownGroups;
  }

  /** Whether the entry exists for this session. */
  sees(entry: StoredEntry): boolean {
    const { permissions } = this;
    if (permissions.seesEverything) return true;
    const { subject } = permissions;
    if (subject.kind === "user") {
      // Rule 5 of the gate: its own entry, its groups, and what holds them.
      return entry.id === subject.id || this.#ownGroups.has(entry.id) || entry.kind === "other";
    }
    const seen = permissions.seen(entry.kind);
    if (typeof seen === "boolean") return seen;
    return matchFilter(seen, new VisibleEntry(entry, this.whole(), undefined), this.reading.schema) === true;
  }

  seesId(id: number): boolean {
    if (this.permissions.seesEverything) return true;
    const entry = this.reading.entry(id);
    return entry !== undefined && this.sees(entry);
  }

  /** Member values that name nothing are shown to whoever sees everything: to others they might name the hidden. */
  get showsDanglings(): boolean {
    return this.permissions.seesEverything;
  }

  childCount(entry: StoredEntry): number | undefined {
    return this.permissions.seesEverything ? this.reading.childCount(entry.id) : undefined;
  }

  /** The same moment without limits: for the rules themselves, never for an answer. */
  whole(): Sight {
    return new UnlimitedSight(this.reading, this.permissions, this.computed, this.#ownGroups);
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
        return this.#namedBy(node) === entry.id;
      default:
        return undefined;
    }
  }

  /** Whether a computed membership has any value, where counts tell; else undefined. */
  presentComputed({ stored }: VisibleEntry, type: AttributeType): boolean | undefined {
    const { reading } = this;
    if (type.name === "memberOf") {
      const { count } = reading.groups(stored.id);
      return count === 0 || this.permissions.seesEverything ? count > 0 : undefined;
    }
    if (type.name !== "member" && type.name !== "uniqueMember") return undefined;
    if (stored.kind !== "group") return false;
    const count = reading.members(stored.id).count + (this.showsDanglings ? reading.danglingCount(stored.id) : 0);
    return count === 0 || this.permissions.seesEverything ? count > 0 : undefined;
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
    if (!this.#named.has(node)) this.#named.set(node, find());
    return this.#named.get(node);
  }
}

class UnlimitedSight extends Sight {
  override sees(): boolean {
    return true;
  }

  override seesId(): boolean {
    return true;
  }
}
