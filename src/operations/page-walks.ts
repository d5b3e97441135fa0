// Paged results (RFC 2696). A cookie carries the position of the walk, signed, so that going on costs one page and
// nothing else has to be kept. While the connection lives, and within limits, the walk also keeps its snapshot and the
// scan under way, so that its pages are one moment and one pass; where they are gone, it goes on with the present.
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { ViewReading } from "../access/view.js";
import { BerError, BerReader } from "../ber/reader.js";
import { BerWriter } from "../ber/writer.js";
import { fail } from "../model/failure.js";
import { filterToString } from "../model/filter-text.js";
import type { Limits } from "../model/limits.js";
import type { Control, SearchRequest } from "../model/message.js";
import { pagedResultsOid } from "./controls.js";
import type { EntryStream } from "./entry-stream.js";

/** Of this process: a cookie does not outlive the server that made it. */
const key = randomBytes(32);

const positionLength = 6 + 6 + 4;
const fingerprintLength = 12;
const signatureLength = 16;
const cookieLength = positionLength + fingerprintLength + signatureLength;

export interface PageRequest {
  /** Entries wanted; 0 ends the walk. */
  readonly size: number;
  readonly cookie: Buffer;
}

/** Where a walk stands. */
export interface Position {
  /** The last entry sent; 0 at the beginning. */
  readonly after: number;
  /** Entries sent so far. */
  readonly sent: number;
  /** Number of the walk on its connection. */
  readonly walk: number;
}

/** The paged results control of a search, if it has one. */
export function pageRequest(request: SearchRequest): PageRequest | undefined {
  const control = request.controls.find(({ oid }) => oid === pagedResultsOid);
  if (!control) return undefined;
  try {
    const reader = new BerReader(control.value ?? Buffer.alloc(0));
    const outer = reader.open(0x30);
    const size = reader.integer();
    const cookie = reader.octets();
    reader.close(outer);
    if (size < 0) fail("protocolError", "paged results: a page of less than 0 entries");
    return { size, cookie };
  } catch (error) {
    if (!(error instanceof BerError)) throw error;
    return fail("protocolError", `paged results: ${error.message}`);
  }
}

/** The response control: an empty cookie says that there is no more. The size is not known, which is written as 0. */
export function pageResponse(cookie: Buffer): Control {
  const writer = new BerWriter(64);
  writer.open(0x30);
  writer.integer(0);
  writer.octets(cookie);
  writer.close();
  return { oid: pagedResultsOid, critical: false, value: writer.copy() };
}

/** What makes two searches the same walk: the same question by the same one. */
function fingerprint(request: SearchRequest, subject: string): Buffer {
  const { base, scope, filter, attributes, typesOnly } = request;
  const hash = createHash("sha256");
  for (const part of [subject, base.toString(), scope, filterToString(filter), String(typesOnly), ...attributes]) {
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest().subarray(0, fingerprintLength);
}

function sign(bytes: Buffer): Buffer {
  return createHmac("sha256", key).update(bytes).digest().subarray(0, signatureLength);
}

export function encodeCookie(position: Position, request: SearchRequest, subject: string): Buffer {
  const head = Buffer.allocUnsafe(positionLength);
  head.writeUIntBE(position.after, 0, 6);
  head.writeUIntBE(position.sent, 6, 6);
  head.writeUInt32BE(position.walk, 12);
  const signed = Buffer.concat([head, fingerprint(request, subject)]);
  return Buffer.concat([signed, sign(signed)]);
}

/** Fails with unwillingToPerform (RFC 2696 3) for a cookie that was not made here for this search by this client. */
export function decodeCookie(cookie: Buffer, request: SearchRequest, subject: string): Position {
  const signed = cookie.subarray(0, positionLength + fingerprintLength);
  const isOurs = cookie.length === cookieLength && timingSafeEqual(sign(signed), cookie.subarray(signed.length));
  if (!isOurs || !fingerprint(request, subject).equals(signed.subarray(positionLength))) {
    fail("unwillingToPerform", "paged results: this cookie does not belong to this search; begin again without one");
  }
  return { after: signed.readUIntBE(0, 6), sent: signed.readUIntBE(6, 6), walk: signed.readUInt32BE(12) };
}

/** What a walk keeps between two pages: its moment, and where the search stood in it. */
export interface KeptWalk {
  /** The one that goes on with it: another, though it be one of ours, may mean another place in it. */
  readonly cookie: Buffer;
  readonly reading: ViewReading;
  /** Undefined: the search is begun anew behind the position. */
  readonly rest: EntryStream | undefined;
}

interface TimedWalk extends KeptWalk {
  readonly timer: NodeJS.Timeout;
}

/** The snapshots of one connection's open walks. */
export class PageWalks {
  readonly #limits: Limits;
  readonly #walks = new Map<number, TimedWalk>();
  #last = 0;
  /** Walks up to this number belong to who the client was before. */
  #over = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A number for a new walk. */
  begin(): number {
    if (this.#last === 0xffff_ffff) this.#last = this.#over = 0;
    return ++this.#last;
  }

  /** Takes what a walk has kept for this cookie, if it is still there: the taker ends it or keeps it again. */
  take(walk: number, cookie: Buffer): KeptWalk | undefined {
    const kept = this.#walks.get(walk);
    if (!kept?.cookie.equals(cookie)) return undefined;
    clearTimeout(kept.timer);
    this.#walks.delete(walk);
    return kept;
  }

  /** Keeps what the next page of a walk goes on with; false, and nothing is kept, where the walk is over already. */
  keep(walk: number, kept: KeptWalk): boolean {
    if (walk <= this.#over) return false;
    this.end(walk);
    const timer = setTimeout(() => this.end(walk), this.#limits.pagedSearchTime);
    timer.unref();
    this.#walks.set(walk, { ...kept, timer });
    const [oldest] = this.#walks.keys();
    if (this.#walks.size > this.#limits.pagedSearches && oldest !== undefined) this.end(oldest);
    return true;
  }

  end(walk: number): void {
    const kept = this.#walks.get(walk);
    if (!kept) return;
    clearTimeout(kept.timer);
    this.#walks.delete(walk);
    kept.rest?.close();
    kept.reading.release();
  }

  /** Forgets every walk: when the identity changes or the connection ends. */
  endAll(): void {
    for (const walk of [...this.#walks.keys()]) this.end(walk);
    this.#over = this.#last;
  }
}
