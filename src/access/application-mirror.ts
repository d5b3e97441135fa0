// ou=applications,SUFFIX: the registered applications as entries to look at. They stand in no row, cannot be written,
// and hold nothing secret. An administrator sees all of them, an application its own.
import { createHash } from "node:crypto";
import { encodeAttributeList } from "../model/attribute-list.js";
import type { Dn } from "../model/dn.js";
import type { CompiledFilter } from "../model/filter-match.js";
import type { Scope } from "../model/message.js";
import type { Schema } from "../model/schema.js";
import { encodeEntryRow, StoredEntry } from "../store/entry-row.js";
import type { Application, ApplicationRegistry } from "./application.js";
import type { Permissions } from "./permissions.js";

const mirroredAttributes: readonly string[] = ["objectClass", "ou", "cn", "description"];

/** Ids above all that a store gives out, so that these entries come last and a page walk's position stays one number. */
const firstMirrorId = 2 ** 47;

export interface MirrorEntry {
  readonly stored: StoredEntry;
  readonly dn: Dn;
  /** Undefined: the entry that holds the others. */
  readonly application: Application | undefined;
}

export class ApplicationMirror {
  readonly #registry: ApplicationRegistry;
  readonly #schema: Schema;
  readonly #since: number;
  #of: readonly Application[] | undefined;
  #entries: readonly MirrorEntry[] = [];

  /** `since`: what the entries say of when they were made, in milliseconds. */
  constructor(registry: ApplicationRegistry, schema: Schema, since: number) {
    this.#registry = registry;
    this.#schema = schema;
    this.#since = since;
  }

  get base(): Dn {
    return this.#registry.base;
  }

  /** Whether a name belongs to the mirror, whether or not something has it. */
  holds(dn: Dn): boolean {
    return dn.equals(this.base, this.#schema) || dn.isBelow(this.base, this.#schema);
  }

  find(dn: Dn, permissions: Permissions): MirrorEntry | undefined {
    return this.#visible(permissions).find((entry) => entry.dn.equals(dn, this.#schema));
  }

  /** Whether a filter could match one of these entries at all: most ask for attributes that none of them has. */
  mayMatch(filter: CompiledFilter): boolean {
    switch (filter.kind) {
      case "equality":
        return filter.targets.some(({ type, computed }) => computed || mirroredAttributes.includes(type.name));
      case "and":
        return filter.filters.every((part) => this.mayMatch(part));
      case "or":
        return filter.filters.some((part) => this.mayMatch(part));
      default:
        return true;
    }
  }

  /** The entry of an application, where it is registered. */
  of(application: Application, permissions: Permissions): MirrorEntry | undefined {
    return this.#visible(permissions).find((entry) => entry.application?.name === application.name);
  }

  /** The entries in the scope of a search, with ids above `after`. */
  inScope(base: Dn, scope: Scope, after: number, permissions: Permissions): MirrorEntry[] {
    return this.#visible(permissions).filter(
      ({ dn, stored }) =>
        stored.id > after &&
        this.#isInScope(dn, base, scope) &&
        (permissions.isWithin(dn) || dn.equals(base, this.#schema)),
    );
  }

  #isInScope(dn: Dn, base: Dn, scope: Scope): boolean {
    if (dn.equals(base, this.#schema)) return scope === "base" || scope === "sub";
    if (scope === "base" || !dn.isBelow(base, this.#schema)) return false;
    return scope !== "one" || dn.depth === base.depth + 1;
  }

  #visible(permissions: Permissions): readonly MirrorEntry[] {
    const { subject, isAdmin, branch } = permissions;
    if (isAdmin) return this.#current();
    // A user of a branch sees what holds it, as everywhere.
    const own = subject.kind === "application" ? subject.application : branch?.application;
    if (!own) return [];
    return this.#current().filter(
      ({ application, dn }) =>
        // Its own entry is where its branch begins, whatever it may see of the tree.
        application?.name === own.name || (!application && permissions.isWithin(dn)),
    );
  }

  #current(): readonly MirrorEntry[] {
    const { all } = this.#registry;
    if (this.#of === all) return this.#entries;
    this.#of = all;
    this.#entries = [
      this.#entry(0, this.base, undefined, { objectClass: ["top", "organizationalUnit"], ou: ["applications"] }),
      ...all.map((application, n) =>
        this.#entry(n + 1, application.dn, application, {
          objectClass: ["top", "applicationProcess"],
          cn: [application.name],
          ...(application.settings.description === undefined
            ? {}
            : { description: [application.settings.description] }),
        }),
      ),
    ];
    return this.#entries;
  }

  #entry(
    n: number,
    dn: Dn,
    application: Application | undefined,
    attributes: Readonly<Record<string, readonly string[]>>,
  ): MirrorEntry {
    const list = Object.entries(attributes).map(([name, values]) => ({
      description: this.#schema.describe(name)!,
      values: values.map((value) => Buffer.from(value)),
    }));
    const facts = {
      parent: application ? firstMirrorId : 0,
      revision: 0,
      uuid: uuidOf(dn.normal(this.#schema)),
      created: this.#since,
      modified: this.#since,
      creator: "",
      modifier: "",
      rdn: dn.rdn!.toString(),
      structural: attributes.objectClass!.at(-1)!,
      kind: "other",
    } as const;
    return {
      stored: new StoredEntry(firstMirrorId + n, encodeEntryRow(facts, encodeAttributeList(list))),
      dn,
      application,
    };
  }
}

/** A version 8 UUID (RFC 9562 5.8): the same for the same name, whatever else is registered. */
function uuidOf(name: string): Buffer {
  const uuid = createHash("sha256").update(name).digest().subarray(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}
