// The view: the directory as one session may see and change it, and the only door to the store. Operations get this.
import type { Dn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import type { Filter } from "../model/filter.js";
import { type CompiledFilter, compileFilter, matchFilter } from "../model/filter-match.js";
import type { Scope } from "../model/message.js";
import type { AttributeType, Schema } from "../model/schema.js";
import { candidates } from "../store/candidates.js";
import type { StoredEntry } from "../store/entry-row.js";
import type { Reading } from "../store/reading.js";
import type { MirrorEntry } from "./application-mirror.js";
import type { Branch } from "./branch.js";
import { listsMemberships as isListOfMemberships } from "./computed-attributes.js";
import type { Directory } from "./directory.js";
import type { Permissions } from "./permissions.js";
import { Sight } from "./sight.js";
import { ViewTransaction } from "./view-transaction.js";
import { VisibleEntry } from "./visible-entry.js";

/** Entries that match, in an order that is the same for every walk over the same moment. */
export interface Found {
  /** All of them, where that needs no waiting. */
  readonly quick: readonly VisibleEntry[] | undefined;
  batches(): AsyncGenerator<readonly VisibleEntry[], void, void>;
}

export interface SearchOptions {
  readonly after?: number;
  readonly listsMemberships?: boolean;
  readonly branch?: Branch | undefined;
}

export class View {
  readonly permissions: Permissions;
  readonly #directory: Directory;

  constructor(directory: Directory, permissions: Permissions) {
    this.#directory = directory;
    this.permissions = permissions;
  }

  get schema(): Schema {
    return this.#directory.store.schema;
  }

  get suffix(): Dn {
    return this.#directory.store.suffix;
  }

  /** Whether the entry is the one that the session's user is. */
  isOwn(entry: VisibleEntry): boolean {
    const { subject } = this.permissions;
    return subject.kind === "user" && subject.id === entry.id;
  }

  /** The present moment. Release it. */
  read(): ViewReading | Promise<ViewReading> {
    const reading = this.#directory.store.read();
    const { subject } = this.permissions;
    if (subject.kind === "user") return this.#readAsUser(reading, subject.id);
    return new ViewReading(this.#directory, reading, this.#sight(reading));
  }

  #sight(reading: Reading): Sight {
    const { computed, clock } = this.#directory;
    return new Sight(reading, this.permissions, computed, clock());
  }

  async #readAsUser(reading: Reading, user: number): Promise<ViewReading> {
    try {
      return new ViewReading(this.#directory, reading, await this.#sight(reading).around(user));
    } catch (error) {
      reading.release();
      throw error;
    }
  }

  /** Changes the directory: all of what `work` does, or nothing. Resolves when it is durable. */
  update<T>(work: (transaction: ViewTransaction) => T | Promise<T>): Promise<T> {
    const { store, mirror, clock } = this.#directory;
    const { subject } = this.permissions;
    return store.update(async (transaction) => {
      const sight = this.#sight(transaction);
      const own = subject.kind === "user" ? await sight.around(subject.id) : sight;
      return work(new ViewTransaction(transaction, own, mirror, clock));
    });
  }
}

/** How long entries are matched before others get their turn, in milliseconds; looked at every so many entries. */
const turnTime = 10;
const entriesPerLook = 8;

export class ViewReading {
  readonly permissions: Permissions;
  readonly #directory: Directory;
  readonly #reading: Reading;
  readonly #sight: Sight;

  constructor(directory: Directory, reading: Reading, sight: Sight) {
    this.#directory = directory;
    this.permissions = sight.permissions;
    this.#reading = reading;
    this.#sight = sight;
  }

  release(): void {
    this.#reading.release();
  }

  get schema(): Schema {
    return this.#reading.schema;
  }

  get revision(): number {
    return this.#reading.revision;
  }

  compile(filter: Filter): CompiledFilter {
    return compileFilter(filter, this.permissions.scope);
  }

  /** The entry of this name, where one exists for this session. */
  find(dn: Dn): VisibleEntry | undefined {
    const entry = this.#reading.find(dn);
    const shown = entry && this.#sight.show(entry);
    if (shown) return shown;
    const mirrored = this.#directory.mirror.find(dn, this.permissions);
    return mirrored && this.#mirrored(mirrored.stored, mirrored.dn);
  }

  /** Fails with noSuchObject and the name of the nearest entry above that does exist (RFC 4511 4.1.9). */
  require(dn: Dn): VisibleEntry {
    this.permissions.requireSession();
    const found = this.find(dn);
    if (found) return found;
    let matchedDn = "";
    for (let above = dn.parent; above && matchedDn === ""; above = above.parent) {
      matchedDn = this.find(above)?.dnText ?? "";
    }
    return fail("noSuchObject", `there is no entry ${dn}`, { matchedDn });
  }

  /**
   * Everything in scope that matches; `name` is the DN of the base. `after`: only what comes behind this id;
   * `listsMemberships`: the groups of what is found will be asked for; `branch`: it is a search in this branch, where the
   * application's entry stands in the place of the suffix, and no application below it.
   */
  search(base: VisibleEntry, name: Dn, scope: Scope, filter: CompiledFilter, options: SearchOptions = {}): Found {
    const { after = 0, branch } = options;
    if (branch) return this.#searchBranch(branch, base, name, scope, filter, options);
    const mirrored = this.#directory.mirror.mayMatch(filter) ? this.#searchMirror(name, scope, filter, after) : [];
    if (base.isMirrored) return ready(mirrored);
    return this.#searchTree(base, scope, filter, options, mirrored);
  }

  #searchBranch(
    branch: Branch,
    base: VisibleEntry,
    name: Dn,
    scope: Scope,
    filter: CompiledFilter,
    options: SearchOptions,
  ): Found {
    const { mirror } = this.#directory;
    const { depth } = mirror.base;
    // Below the suffix there is nothing to exchange.
    if (name.depth >= depth) return this.#searchTree(base, scope, filter, options, []);
    const own =
      scope === "sub" && mirror.mayMatch(filter) ? mirror.of(branch.application, this.permissions) : undefined;
    const entries = own && own.stored.id > (options.after ?? 0) ? this.#matchingMirrored([own], filter) : [];
    return without(this.#searchTree(base, scope, filter, options, entries), base.id);
  }

  #searchTree(
    base: VisibleEntry,
    scope: Scope,
    filter: CompiledFilter,
    { after = 0, listsMemberships = false }: SearchOptions,
    mirrored: readonly VisibleEntry[],
  ): Found {
    const needsLists = this.#needsLists(filter);
    const withGroups = needsLists || listsMemberships;
    const { nested: nesting } = this.#sight;
    const found = candidates(this.#reading, base.stored, scope, filter, { after, withGroups, nesting });
    if (found.quick && !needsLists && !(nesting && this.#asksMemberships(filter))) {
      const matching = this.#matching(found.quick, filter);
      return ready(mirrored.length === 0 ? matching : [...matching, ...mirrored]);
    }
    return { quick: undefined, batches: () => this.#batches(found.batches(), filter, needsLists, mirrored) };
  }

  /** Whether the filter asks for lists of memberships, which may be long, rather than for one of them or for counts. */
  #needsLists(filter: CompiledFilter): boolean {
    switch (filter.kind) {
      case "and":
      case "or":
        return filter.filters.some((part) => this.#needsLists(part));
      case "not":
        return this.#needsLists(filter.filter);
      case "constant":
        return false;
      case "equality":
        // What is taken apart cannot be told of one entry and one group alone; of a member it was brought to hand before.
        return this.#sight.nested !== undefined && filter.targets.some(({ type }) => type.name === "memberOf");
      case "extensible":
        return filter.assertion?.targets.some(({ type }) => isListOfMemberships(type)) ?? false;
      case "present":
        return filter.targets.some(({ type }) => isListOfMemberships(type) && !this.#isCounted(type));
      default:
        return filter.targets.some(({ type }) => isListOfMemberships(type));
    }
  }

  /** Whether the filter asks about memberships at all. */
  #asksMemberships(filter: CompiledFilter): boolean {
    switch (filter.kind) {
      case "and":
      case "or":
        return filter.filters.some((part) => this.#asksMemberships(part));
      case "not":
        return this.#asksMemberships(filter.filter);
      case "equality":
        return filter.targets.some(({ type }) => isListOfMemberships(type));
      default:
        return this.#needsLists(filter);
    }
  }

  /** Brings to hand what it takes to match a filter against one entry. */
  async prepare(filter: CompiledFilter, entry: VisibleEntry): Promise<void> {
    await this.#sight.prepare(filter);
    if (this.#needsLists(filter)) await entry.loadMemberships();
  }

  /** Whether counts alone tell that there are memberships: where none is hidden, and each has this spelling. */
  #isCounted({ name }: AttributeType): boolean {
    if (!this.permissions.seesEveryMembership || name === "memberUid") return false;
    return name === "memberOf" || this.#reading.danglingTotal === 0;
  }

  #searchMirror(base: Dn, scope: Scope, filter: CompiledFilter, after: number): VisibleEntry[] {
    return this.#matchingMirrored(this.#directory.mirror.inScope(base, scope, after, this.permissions), filter);
  }

  #matchingMirrored(entries: readonly MirrorEntry[], filter: CompiledFilter): VisibleEntry[] {
    return entries
      .map(({ stored, dn }) => this.#mirrored(stored, dn))
      .filter((entry) => matchFilter(filter, entry, this.schema) === true);
  }

  async *#batches(
    batches: AsyncGenerator<readonly StoredEntry[], void, void>,
    filter: CompiledFilter,
    needsLists: boolean,
    mirrored: readonly VisibleEntry[],
  ): AsyncGenerator<readonly VisibleEntry[], void, void> {
    await this.#sight.prepare(filter);
    for await (const batch of batches) {
      for (let at = 0; at < batch.length; ) {
        const matching: VisibleEntry[] = [];
        const turnEnd = performance.now() + turnTime;
        do {
          const entry = this.#sight.show(batch[at]!);
          if (entry && needsLists) await entry.loadMemberships();
          if (entry && matchFilter(filter, entry, this.schema) === true) matching.push(entry);
          at++;
        } while (at < batch.length && (at % entriesPerLook !== 0 || performance.now() < turnEnd));
        yield matching;
        // A filter may be long: others get their turn before the batch is through.
        if (at < batch.length) await new Promise(setImmediate);
      }
    }
    if (mirrored.length > 0) yield mirrored;
  }

  #matching(entries: readonly StoredEntry[], filter: CompiledFilter): VisibleEntry[] {
    const matching: VisibleEntry[] = [];
    for (const stored of entries) {
      const entry = this.#sight.show(stored);
      if (entry && matchFilter(filter, entry, this.schema) === true) matching.push(entry);
    }
    return matching;
  }

  #mirrored(stored: StoredEntry, dn: Dn): VisibleEntry {
    return new VisibleEntry(stored, this.#sight, dn.toString());
  }

  /** The hashes that a password of this entry is verified against: for verification only. */
  passwordsOf(entry: VisibleEntry): readonly Buffer[] {
    return entry.isMirrored ? [] : this.#reading.passwords(entry.id);
  }
}

/** All but one of them. */
function without({ quick, batches }: Found, id: number): Found {
  const others = (entries: readonly VisibleEntry[]) => entries.filter((entry) => entry.id !== id);
  return {
    quick: quick && others(quick),
    async *batches() {
      for await (const entries of batches()) yield others(entries);
    },
  };
}

function ready(entries: readonly VisibleEntry[]): Found {
  return {
    quick: entries,
    async *batches() {
      yield entries;
    },
  };
}
