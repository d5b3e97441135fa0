// Which entries may match a filter: the index narrows, the filter decides. A plan is either a list of ids at hand, or a
// way to load one, or nothing, where no index helps and the entries themselves have to be read.
import { Dn } from "../model/dn.js";
import { LdapError } from "../model/failure.js";
import type { CompiledFilter, EqualityNode, OrderingNode, PresentNode, SubstringsNode } from "../model/filter-match.js";
import type { AttributeType, NormalForm } from "../model/schema.js";
import { eachGram, type Gram, gramPrefix, valueEnd, valueStart } from "./indexes.js";
import { afterPrefix, idBytes, type Key, keyBound, keys } from "./keys.js";
import { loadIds, loadPostingsOf, type Postings, pushRun, readPostings, sortedUnique } from "./postings.js";
import type { Reading } from "./reading.js";

export interface Plan {
  /** About how many ids there are; exact where they come from postings. */
  readonly estimate: number;
  /** The ids, ascending, where they are at hand. */
  readonly ids?: readonly number[];
  /** Loads the ids, ascending; undefined where there turn out to be more than `most`. */
  load(most: number): Promise<readonly number[] | undefined>;
  /** In words, for whoever asks why a search is slow. */
  readonly reason: string;
}

/** A list that is at hand: what most searches come to. */
class AtHand implements Plan {
  readonly ids: readonly number[];
  readonly reason: string;

  constructor(ids: readonly number[], reason: string) {
    this.ids = ids;
    this.reason = reason;
  }

  get estimate(): number {
    return this.ids.length;
  }

  async load(): Promise<readonly number[]> {
    return this.ids;
  }
}

const nothing: Plan = new AtHand([], "nothing can match");

/** Memberships for whoever does not take them as they stand: as they are kept they would narrow too much. */
export interface Nesting {
  /** Every group that may count as one of this entry, ascending. */
  groupsOf(member: number): Promise<readonly number[]>;
  /** Every entry that may count as a member of this group, ascending. */
  membersOf(group: number): Promise<readonly number[]>;
}

type Lookup = (node: EqualityNode, reading: Reading, nesting: Nesting | undefined) => Plan | undefined;

const groupsNaming: Lookup = (node, reading, nesting) => {
  const member = namedBy(node, reading);
  return groupsOf(member === undefined ? [] : [member], node, reading, nesting);
};

/** Attribute types whose values are computed from memberships or names, and how they are looked up. */
const lookups: Readonly<Record<string, Lookup>> = {
  member: groupsNaming,
  uniqueMember: groupsNaming,
  memberUid: (node, reading, nesting) => {
    // Whoever asks may see one of several with this uid and not the others.
    const members = reading.allWithUid(node.raw.toString("utf8"));
    return members.large ? undefined : groupsOf(members.tail, node, reading, nesting);
  },
  memberOf: (node, reading, nesting) => {
    const group = namedBy(node, reading);
    if (group === undefined) return nothing;
    const members = reading.members(group);
    // What this comes to beyond its own members shows when it is loaded; the whole is about as much work as the answer.
    if (nesting)
      return nested(members.count, "members of the group and of those in it", () => nesting.membersOf(group));
    return fromPostings(reading, keys.members(group), members, "members of the group");
  },
  entryDN: (node, reading) => named(namedBy(node, reading)),
  distinguishedName: (node, reading) => named(namedBy(node, reading)),
};

/** Plans a filter; undefined where no index can help. */
export function plan(filter: CompiledFilter, reading: Reading, nesting?: Nesting): Plan | undefined {
  switch (filter.kind) {
    case "constant":
      return filter.value === true ? undefined : nothing;
    case "equality":
      return planEquality(filter, reading, nesting);
    case "and":
      return filter.filters
        .map((part) => plan(part, reading, nesting))
        .reduce((best, next) => (best && (!next || best.estimate <= next.estimate) ? best : next), undefined);
    case "or":
      return union(filter.filters, reading, nesting);
    case "present":
    case "greaterOrEqual":
    case "lessOrEqual":
      return planRange(filter, reading);
    case "substrings":
      return planSubstrings(filter, reading);
    default:
      return undefined;
  }
}

function union(filters: readonly CompiledFilter[], reading: Reading, nesting?: Nesting): Plan | undefined {
  const plans: Plan[] = [];
  for (const part of filters) {
    const planned = plan(part, reading, nesting);
    if (!planned) return undefined;
    plans.push(planned);
  }
  return unionOf(plans);
}

function unionOf(plans: readonly Plan[]): Plan {
  if (plans.length === 1) return plans[0]!;
  const reason = `any of ${plans.length} lists`;
  if (plans.every((part) => part.ids)) return new AtHand(sortedUnique(plans.flatMap((part) => [...part.ids!])), reason);
  return {
    estimate: plans.reduce((sum, part) => sum + part.estimate, 0),
    reason,
    async load(most) {
      const ids: number[] = [];
      for (const part of plans) {
        const loaded = await part.load(most - ids.length);
        if (!loaded || ids.length + loaded.length > most) return undefined;
        for (const id of loaded) ids.push(id);
      }
      return sortedUnique(ids);
    },
  };
}

function planEquality(node: EqualityNode, reading: Reading, nesting?: Nesting): Plan | undefined {
  const plans: Plan[] = [];
  for (const { type } of node.targets) {
    const lookup = lookups[type.name];
    if (lookup) {
      const found = lookup(node, reading, nesting);
      if (!found) return undefined;
      plans.push(found);
      continue;
    }
    const instants = planInstants(type, node.rule === type.equality ? node.values[0] : undefined, "equality", reading);
    if (instants) {
      plans.push(instants);
      continue;
    }
    const number = reading.frame.indexes.numberOf(type);
    if (number === undefined || type.equality !== node.rule) return undefined;
    for (const value of node.values) {
      const head = keys.equality(number, value);
      plans.push(fromPostings(reading, head, readPostings(reading.rows, head), `${type.name} equality`));
    }
  }
  return plans.length === 0 ? nothing : unionOf(plans);
}

function fromPostings(reading: Reading, head: Key, postings: Postings, reason: string): Plan {
  const { count, tail, large } = postings;
  if (!large) return new AtHand(tail, reason);
  return { estimate: count, reason, load: (most) => loadIds(reading.rows, head, postings, most) };
}

function groupsOf(members: readonly number[], node: EqualityNode, reading: Reading, nesting?: Nesting): Plan {
  const plans = members.map((member) => {
    const groups = reading.groups(member);
    return nesting
      ? nested(groups.count, "groups around the member", () => nesting.groupsOf(member))
      : fromPostings(reading, keys.groups(member), groups, "groups of the member");
  });
  // A value that names nothing may still stand in groups as it was written: those are few, and found by reading.
  if (reading.danglingTotal > 0) plans.push(danglingPlan(node, reading));
  return plans.length === 0 ? nothing : unionOf(plans);
}

function nested(estimate: number, reason: string, find: () => Promise<readonly number[]>): Plan {
  return {
    estimate,
    reason,
    async load(most) {
      const ids = await find();
      return ids.length > most ? undefined : ids;
    },
  };
}

function danglingPlan(node: EqualityNode, reading: Reading): Plan {
  const names = [`D${node.values[0]}`, `U${node.values[0]}`];
  return {
    estimate: 1,
    reason: "groups that name a missing entry",
    async load() {
      const groups: number[] = [];
      for (const name of names) groups.push(...(await reading.danglingIn(name)));
      return sortedUnique(groups);
    },
  };
}

function named(id: number | undefined): Plan {
  return id === undefined ? nothing : new AtHand([id], "the entry of this name");
}

function namedBy(node: EqualityNode, reading: Reading): number | undefined {
  try {
    return reading.resolve(Dn.parse(node.raw));
  } catch (error) {
    if (error instanceof LdapError) return undefined;
    throw error;
  }
}

/** Presence and order are ranges over the values of an attribute. How many entries they hold is not known beforehand. */
function planRange(node: PresentNode | OrderingNode, reading: Reading): Plan | undefined {
  const [target, ...others] = node.targets;
  if (target && others.length === 0 && node.kind !== "present" && node.rule === target.type.ordering) {
    const instants = planInstants(target.type, node.value, node.kind, reading);
    if (instants) return instants;
  }
  const ranges: { from: Key; to: Key }[] = [];
  for (const { type } of node.targets) {
    const number = lookups[type.name] ? undefined : reading.frame.indexes.numberOf(type);
    if (number === undefined || !isOrderedBy(type, node)) return undefined;
    ranges.push(rangeFor(node, type, number));
  }
  return {
    estimate: Math.max(1, Math.floor(reading.entryCount / 4)),
    reason: `range over ${node.targets.map(({ type }) => type.name).join(", ")}`,
    load: (most) => loadRanges(reading, ranges, most),
  };
}

/** What is kept by its instant is shown in whole seconds: the range is of every instant shown as, before or after one. */
function planInstants(
  type: AttributeType,
  value: NormalForm | undefined,
  kind: "equality" | OrderingNode["kind"],
  reading: Reading,
): Plan | undefined {
  const number = reading.frame.indexes.instantNumberOf(type);
  if (number === undefined || value === undefined) return undefined;
  const second = secondOf(value);
  if (second === undefined) return undefined;
  const all = keys.grams(number, "");
  const from = kind === "lessOrEqual" ? all : keys.grams(number, idBytes(second));
  const to = kind === "greaterOrEqual" ? afterPrefix(all) : keys.grams(number, idBytes(second + 1000));
  return {
    estimate: Math.max(1, Math.floor(reading.entryCount / 8)),
    reason: `range over ${type.name}`,
    load: (most) => loadRuns(reading, from, to, most),
  };
}

/** The whole second of a normal form of GeneralizedTime, in milliseconds since 1970; undefined before that. */
function secondOf(normal: NormalForm): number | undefined {
  const part = (from: number, to: number) => Number(normal.slice(from, to));
  const time = Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14));
  return time >= 0 && part(0, 4) >= 100 ? time : undefined;
}

/** Index keys hold the normal forms of a type's own rules; where another is asked for, they stand in no known order. */
function isOrderedBy(type: AttributeType, node: PresentNode | OrderingNode): boolean {
  return node.kind === "present" || (type.equality !== undefined && type.ordering === node.rule);
}

function rangeFor(node: PresentNode | OrderingNode, type: AttributeType, number: number): { from: Key; to: Key } {
  const all = keys.equalities(number);
  if (node.kind === "present") {
    const from = type.equality ? all : keys.presence(number);
    return { from, to: afterPrefix(from) };
  }
  const bound = all + keyBound(node.value);
  return node.kind === "greaterOrEqual" ? { from: bound, to: afterPrefix(all) } : { from: all, to: afterPrefix(bound) };
}

async function loadRanges(
  reading: Reading,
  ranges: readonly { from: Key; to: Key }[],
  most: number,
): Promise<readonly number[] | undefined> {
  const ids: number[] = [];
  for (const { from, to } of ranges) {
    for await (const heads of reading.rows.range(from, to)) {
      for (const head of heads) {
        const found = await loadPostingsOf(reading.rows, head, most - ids.length);
        if (!found || ids.length + found.length > most) return undefined;
        for (const id of found) ids.push(id);
      }
    }
  }
  return sortedUnique(ids);
}

function planSubstrings(node: SubstringsNode, reading: Reading): Plan | undefined {
  const { initial, any, final } = node.fragments;
  const pieces = [...any];
  if (initial !== undefined) pieces.push(valueStart + initial);
  if (final !== undefined) pieces.push(final + valueEnd);
  const grams = new Set<Gram>();
  for (const piece of pieces) eachGram(piece, (gram) => grams.add(gram));
  if (grams.size === 0) return undefined;
  const numbers: number[] = [];
  for (const { type, computed } of node.targets) {
    const number = computed || type.substrings !== node.rule ? undefined : reading.frame.indexes.gramNumberOf(type);
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  return {
    estimate: Math.max(1, Math.floor(reading.entryCount / 8)),
    reason: `parts of ${node.targets.map(({ type }) => type.name).join(", ")}`,
    async load(most) {
      const found: number[] = [];
      for (const number of numbers) {
        const ids = await withGrams(reading, number, grams, most);
        if (!ids) return undefined;
        for (const id of ids) found.push(id);
      }
      return found.length > most ? undefined : sortedUnique(found);
    },
  };
}

/** Entries that hold every gram. Grams that too many hold are passed over: they would not narrow. */
async function withGrams(
  reading: Reading,
  number: number,
  grams: ReadonlySet<Gram>,
  most: number,
): Promise<number[] | undefined> {
  let common: number[] | undefined;
  for (const gram of grams) {
    const ids = await loadGram(reading, gramPrefix(number, gram), most);
    if (!ids) continue;
    common = common ? intersection(common, ids) : ids;
    if (common.length === 0) break;
  }
  return common;
}

function loadGram(reading: Reading, prefix: Key, most: number): Promise<number[] | undefined> {
  return loadRuns(reading, prefix, afterPrefix(prefix), most);
}

/** The ids of all runs in a range of keys; undefined where there are more than `most`. */
async function loadRuns(reading: Reading, from: Key, to: Key, most: number): Promise<number[] | undefined> {
  const ids: number[] = [];
  for await (const runs of reading.rows.range(from, to)) {
    for (const { key, value } of runs) pushRun(ids, key, value);
    if (ids.length > most) return undefined;
  }
  return sortedUnique(ids);
}

function intersection(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = [];
  for (let m = 0, n = 0; m < a.length && n < b.length; ) {
    if (a[m] === b[n]) {
      both.push(a[m]!);
      n++;
      m++;
    } else if (a[m]! < b[n]!) m++;
    else n++;
  }
  return both;
}
