// Postings: a set of entry ids behind one key, small sets in one row, large ones in runs, so that a lookup of a rare
// value is one synchronous read and an addition to a common one never rewrites the whole set.
//
// Head row: kind (0 whole, 1 with runs), count as varint, then the ids of the tail. The tail takes new ids until it is
// full; then it becomes a run of its own. Run row: its first id is in its key, the others in its value.
// Ids are ascending, each as the varint of its distance to the one before.
import { idAt, idBytes, type Key, keys } from "./keys.js";
import { type Row, type RowReader, type RowSpace, rangeOf } from "./rows.js";

/** Rows that may also be changed: a transaction's. */
export interface RowEditor extends RowReader {
  put(key: Key, value: Buffer): void;
  delete(key: Key): void;
}

/** The most ids in a head row, and in a run that grew from one. */
const tailLength = 128;
/** The most ids in a run written in bulk: a removal writes the whole run anew. */
const bulkRunLength = 512;

export interface Postings {
  readonly count: number;
  /** Ids in the head row, ascending: all of them unless `large`. */
  readonly tail: readonly number[];
  readonly large: boolean;
}

/** The postings of what nothing has. */
export const noPostings: Postings = Object.freeze({ count: 0, tail: [], large: false });

/** The names of the entries in a list, encoded, and since which revision no name has changed. */
interface EncodedNames {
  readonly encoded: Buffer;
  readonly since: number;
}

/** Lists whose names are kept are no longer than this: what they may come to is counted for them in the cache. */
const mostNames = 32;
const nameBytes = 80;

/**
 * A list to be kept long, in memory of its own size. Made apart from those that are read and forgotten: where most of
 * what one place makes is kept, V8 takes all of it for old from birth, and what is forgotten is no longer collected
 * cheaply.
 */
export class KeptPostings implements Postings {
  readonly count: number;
  readonly tail: readonly number[];
  readonly large: boolean;
  names: EncodedNames | undefined;

  constructor(row: Buffer) {
    const { count, tail, large } = decodePostings(row);
    this.count = count;
    this.tail = tail.slice();
    this.large = large;
  }

  /** Keeps the names beside the list, where they are not too many. */
  keepNames(names: EncodedNames): void {
    if (names.encoded.length <= this.namesAtMost) this.names = names;
  }

  /** Bytes. */
  get namesAtMost(): number {
    return this.tail.length <= mostNames ? this.tail.length * nameBytes : 0;
  }
}

const keptLists: Pick<RowSpace<KeptPostings>, "decode" | "more"> = {
  decode: (_, row) => new KeptPostings(row),
  more: (postings) => postings.namesAtMost,
};

/** The members of each group, and the groups of each member. */
export const memberRows: RowSpace<Postings> = { prefix: "M", number: 1, ...keptLists };
export const groupRows: RowSpace<Postings> = { prefix: "W", number: 2, ...keptLists };

/** Reads the head row: how many there are, and all of them where they are few. */
export function readPostings(rows: RowReader, head: Key): Postings {
  const row = rows.get(head);
  return row === undefined ? noPostings : decodePostings(row);
}

/** What a head row says. */
export function decodePostings(row: Buffer): Postings {
  const [count, at] = readVarint(row, 1);
  return { count, tail: decodeIds(row, at, 0), large: row[0] === 1 };
}

/** All ids, ascending. More than `most` of them: undefined. */
export async function loadPostings(
  rows: RowReader,
  head: Key,
  most = Number.POSITIVE_INFINITY,
): Promise<number[] | undefined> {
  return loadIds(rows, head, readPostings(rows, head), most);
}

/** The same where the head row itself is at hand. */
export function loadPostingsOf(rows: RowReader, { key, value }: Row, most: number): Promise<number[] | undefined> {
  return loadIds(rows, key, decodePostings(value), most);
}

/** The same where what the head row says is at hand. */
export async function loadIds(
  rows: RowReader,
  head: Key,
  { count, tail, large }: Postings,
  most = Number.POSITIVE_INFINITY,
): Promise<number[] | undefined> {
  if (count > most) return undefined;
  const ids = [...tail];
  if (!large) return ids;
  for await (const runs of rangeOf(rows, keys.runs(head))) for (const { key, value } of runs) pushRun(ids, key, value);
  return sortedUnique(ids);
}

/** Adds the ids of a run row. */
export function pushRun(ids: number[], key: Key, value: Buffer): void {
  const first = idAt(key, key.length - 6);
  ids.push(first);
  for (const id of decodeIds(value, 0, first)) ids.push(id);
}

export function addPosting(rows: RowEditor, head: Key, id: number): void {
  const { count, tail, large } = readPostings(rows, head);
  if (tail.includes(id)) return;
  const ids = inserted(tail, id);
  if (ids.length <= tailLength) {
    rows.put(head, encodeHead(count + 1, ids, large));
    return;
  }
  rows.put(keys.run(head, ids[0]!), encodeIds(ids, 1, ids[0]!));
  rows.put(head, encodeHead(count + 1, [], true));
}

/** Removes an id that is there. A missing one is left to the fault finder, not hidden. */
export async function removePosting(rows: RowEditor, head: Key, id: number): Promise<void> {
  const { count, tail, large } = readPostings(rows, head);
  if (tail.includes(id)) {
    const ids = tail.filter((other) => other !== id);
    if (ids.length === 0 && !large) rows.delete(head);
    else settle(rows, head, count - 1, ids, large);
    return;
  }
  if (!large) return;
  if (await removeFromRuns(rows, keys.runs(head), id)) settle(rows, head, count - 1, tail, true);
}

function settle(rows: RowEditor, head: Key, count: number, tail: readonly number[], large: boolean): void {
  if (count === 0) rows.delete(head);
  else rows.put(head, encodeHead(count, tail, large));
}

/** Takes an id out of whichever run below the prefix holds it; false where none does. */
export async function removeFromRuns(rows: RowEditor, prefix: Key, id: number): Promise<boolean> {
  const own = prefix + idBytes(id);
  const alone = rows.get(own);
  if (alone !== undefined) {
    rows.delete(own);
    if (alone.length > 0) {
      const [distance, at] = readVarint(alone, 0);
      rows.put(prefix + idBytes(id + distance), alone.subarray(at));
    }
    return true;
  }
  // A run that holds the id begins before it: almost always the nearest one. Others may begin in between.
  for (const options of [{ limit: 1, batch: 2 }, { batch: 16 }]) {
    for await (const runs of rows.range(prefix, own, { reverse: true, ...options })) {
      for (const { key, value } of runs) {
        const left = without(value, idAt(key, key.length - 6), id);
        if (left === undefined) continue;
        rows.put(key, left);
        return true;
      }
    }
  }
  return false;
}

/** The value of a run that begins with `first`, without this id; undefined where it does not hold it. */
function without(value: Buffer, first: number, id: number): Buffer | undefined {
  let previous = first;
  for (let at = 0; at < value.length && previous < id; ) {
    const [distance, next] = readVarint(value, at);
    previous += distance;
    if (previous === id) {
      if (next === value.length) return value.subarray(0, at);
      // What follows stands farther from what came before.
      const [further, rest] = readVarint(value, next);
      const bytes = Buffer.allocUnsafe(value.length);
      const end = writeVarint(bytes, value.copy(bytes, 0, 0, at), distance + further);
      return bytes.subarray(0, end + value.copy(bytes, end, rest));
    }
    at = next;
  }
  return undefined;
}

/** The rows of a whole set at once: ids ascending, none twice. */
export function* postingRows(head: Key, ids: readonly number[]): Generator<[Key, Buffer]> {
  if (ids.length <= tailLength) {
    yield [head, encodeHead(ids.length, ids, false)];
    return;
  }
  yield [head, encodeHead(ids.length, [], true)];
  yield* runRows(keys.runs(head), ids);
}

/** The run rows of a set below a prefix. */
export function* runRows(prefix: Key, ids: readonly number[]): Generator<[Key, Buffer]> {
  for (let at = 0; at < ids.length; at += bulkRunLength) {
    const first = ids[at]!;
    yield [prefix + idBytes(first), encodeIds(ids, at + 1, first, Math.min(ids.length, at + bulkRunLength))];
  }
}

function inserted(ids: readonly number[], id: number): number[] {
  let at = ids.length;
  while (at > 0 && ids[at - 1]! > id) at--;
  return [...ids.slice(0, at), id, ...ids.slice(at)];
}

export function sortedUnique(ids: number[]): number[] {
  let ascending = true;
  for (let n = 1; n < ids.length && ascending; n++) ascending = ids[n - 1]! < ids[n]!;
  if (ascending) return ids;
  ids.sort((a, b) => a - b);
  return ids.filter((id, n) => n === 0 || id !== ids[n - 1]);
}

function encodeHead(count: number, ids: readonly number[], large: boolean): Buffer {
  const bytes = scratchFor(ids.length);
  bytes[0] = large ? 1 : 0;
  const at = writeVarint(bytes, 1, count);
  return Buffer.from(bytes.subarray(0, writeIds(bytes, at, ids, 0, 0, ids.length)));
}

function encodeIds(ids: readonly number[], start: number, before: number, end = ids.length): Buffer {
  const bytes = scratchFor(end - start);
  return Buffer.from(bytes.subarray(0, writeIds(bytes, 0, ids, start, before, end)));
}

const scratch = Buffer.allocUnsafeSlow(8 * 1024);

/** Memory to write a count and so many ids to. */
function scratchFor(ids: number): Buffer {
  const needed = 8 + ids * 7;
  return needed <= scratch.length ? scratch : Buffer.allocUnsafe(needed);
}

function writeIds(
  bytes: Buffer,
  at: number,
  ids: readonly number[],
  start: number,
  before: number,
  end: number,
): number {
  let next = at;
  let previous = before;
  for (let n = start; n < end; n++) {
    next = writeVarint(bytes, next, ids[n]! - previous);
    previous = ids[n]!;
  }
  return next;
}

function decodeIds(bytes: Buffer, at: number, before: number): number[] {
  const ids: number[] = [];
  let previous = before;
  let next = at;
  while (next < bytes.length) {
    let value = 0;
    let scale = 1;
    let byte: number;
    do {
      byte = bytes[next++]!;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    previous += value;
    ids.push(previous);
  }
  return ids;
}

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let next = at;
  let left = value;
  while (left >= 0x80) {
    bytes[next++] = (left % 0x80) | 0x80;
    left = Math.floor(left / 0x80);
  }
  bytes[next++] = left;
  return next;
}

/** The number at `at`, and where the next one begins. */
export function readVarint(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let next = at; next < bytes.length; next++) {
    const byte = bytes[next]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, next + 1];
    scale *= 128;
  }
  throw new Error("a number is cut off");
}
