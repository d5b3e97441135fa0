// Search (RFC 4511 4.5), in pages where asked for (RFC 2696).
import { subschemaDn } from "../access/computed-attributes.js";
import { subjectDn } from "../access/permissions.js";
import type { Found, ViewReading } from "../access/view.js";
import type { VisibleEntry } from "../access/visible-entry.js";
import { BerWriter } from "../ber/writer.js";
import { Dn } from "../model/dn.js";
import { type Answers, type EntryBatch, type Result, type SearchRequest, success } from "../model/message.js";
import type { Schema } from "../model/schema.js";
import type { Context } from "./context.js";
import {
  decodeCookie,
  encodeCookie,
  type PageRequest,
  type Position,
  pageRequest,
  pageResponse,
} from "./page-walks.js";
import { rootDse, subschema } from "./root-dse.js";
import { Selection } from "./selection.js";
import { type StaticEntry, staticAnswer } from "./static-entry.js";

/** Encoded entries are sent on when there are so many bytes of them. */
const batchBytes = 64 * 1024;

export async function* search(request: SearchRequest, context: Context): Answers {
  const { view, trail } = context;
  const outside = entryOutsideTheTree(request, context);
  if (outside) {
    yield staticAnswer(outside, request, view.schema);
    return success;
  }
  trail.target = request.base.toString();
  view.permissions.requireSession();
  const page = pageRequest(request);
  return page ? yield* searchPage(request, page, context) : yield* searchAll(request, context);
}

const subschemaName = Dn.parse(subschemaDn);

function entryOutsideTheTree(request: SearchRequest, { view, services }: Context): StaticEntry | undefined {
  if (request.scope !== "base") return undefined;
  if (request.base.isRoot) return once(rootDses, view.schema, () => rootDse(view.suffix, view.schema));
  if (!request.base.equals(subschemaName, view.schema)) return undefined;
  return once(subschemas, view.schema, () => subschema(view.schema, services.clock()));
}

const rootDses = new WeakMap<Schema, StaticEntry>();
const subschemas = new WeakMap<Schema, StaticEntry>();

function once(kept: WeakMap<Schema, StaticEntry>, schema: Schema, make: () => StaticEntry): StaticEntry {
  let entry = kept.get(schema);
  if (!entry) kept.set(schema, (entry = make()));
  return entry;
}

async function* searchAll(request: SearchRequest, context: Context): Answers {
  const reading = await context.view.read();
  try {
    const run = new Run(request, context, reading, { after: 0, sent: 0, walk: 0 }, Number.POSITIVE_INFINITY);
    yield* run.answers();
    return run.result();
  } finally {
    reading.release();
  }
}

async function* searchPage(request: SearchRequest, page: PageRequest, context: Context): Answers {
  const { caller, services } = context;
  const { walks } = caller;
  const subject = subjectDn(caller.subject);
  const isFirst = page.cookie.length === 0;
  const position: Position = isFirst
    ? { after: 0, sent: 0, walk: walks.begin() }
    : decodeCookie(page.cookie, request, subject);
  if (page.size === 0) {
    // RFC 2696 3: a page of no entries ends the walk.
    walks.end(position.walk);
    return { ...success, controls: [pageResponse(Buffer.alloc(0))] };
  }
  const reading = walks.take(position.walk) ?? (await context.view.read());
  let isKept = false;
  try {
    const run = new Run(request, context, reading, position, Math.min(page.size, services.limits.pageSize));
    yield* run.answers();
    const result = run.result();
    if (!run.hasMore || result.code !== "success") return { ...result, controls: [pageResponse(Buffer.alloc(0))] };
    const next = { after: run.last, sent: run.sent, walk: position.walk };
    walks.keep(position.walk, reading);
    isKept = true;
    return { ...result, controls: [pageResponse(encodeCookie(next, request, subject))] };
  } finally {
    if (!isKept) reading.release();
  }
}

/** One search, or one page of it: counts, limits, selection, encoding. */
class Run {
  readonly #request: SearchRequest;
  readonly #context: Context;
  readonly #reading: ViewReading;
  readonly #selection: Selection;
  readonly #after: number;
  readonly #pageEnd: number;
  readonly #sizeLimit: number;
  readonly #deadline: number;
  #outcome: Result = success;
  /** Entries sent, those of earlier pages included. */
  sent: number;
  /** Id of the last entry sent. */
  last: number;
  /** Whether a matching entry is left for another page. */
  hasMore = false;

  constructor(request: SearchRequest, context: Context, reading: ViewReading, position: Position, pageSize: number) {
    const { limits, clock } = context.services;
    const { scope, hidesStored } = context.view.permissions;
    this.#request = request;
    this.#context = context;
    this.#reading = reading;
    this.#selection = new Selection(request.attributes, request.typesOnly, scope, { hidesStored });
    this.#after = this.last = position.after;
    this.sent = position.sent;
    this.#pageEnd = position.sent + pageSize;
    this.#sizeLimit = least(request.sizeLimit, limits.sizeLimit);
    this.#deadline = clock() + least(request.timeLimit * 1000, limits.timeLimit);
  }

  result(): Result {
    return this.#outcome;
  }

  async *answers(): AsyncGenerator<EntryBatch, void, void> {
    const found = this.#found();
    const writer = new BerWriter(2048);
    const ends: number[] = [];
    for await (const entries of found.quick ? [found.quick] : found.batches()) {
      for (const entry of entries) {
        if (!this.#takes()) {
          if (ends.length > 0) yield { bytes: writer.finish(), ends };
          return;
        }
        if (this.#selection.listsMemberships) {
          const loading = entry.loadMemberships();
          if (loading) await loading;
        }
        this.#selection.write(entry, writer);
        ends.push(writer.length);
        this.sent++;
        this.last = entry.id;
        if (writer.length < batchBytes) continue;
        yield { bytes: writer.finish(), ends };
        writer.reset();
        ends.length = 0;
      }
      if (!this.#goesOn()) break;
    }
    if (ends.length > 0) yield { bytes: writer.finish(), ends };
  }

  #found(): Found {
    const { base, scope, filter } = this.#request;
    const entry: VisibleEntry = this.#reading.require(base);
    return this.#reading.search(entry, scope, this.#reading.compile(filter), this.#after);
  }

  /** Whether one more entry may be sent; if not, says why. */
  #takes(): boolean {
    if (this.sent >= this.#sizeLimit) {
      this.#outcome = { code: "sizeLimitExceeded", message: `there are more than ${this.#sizeLimit} entries` };
      return false;
    }
    this.hasMore = this.sent >= this.#pageEnd;
    return !this.hasMore;
  }

  #goesOn(): boolean {
    if (this.#context.signal.aborted) return false;
    if (this.#context.services.clock() < this.#deadline) return true;
    this.#outcome = { code: "timeLimitExceeded", message: "the search took longer than allowed" };
    return false;
  }
}

/** The smaller of two limits, of which 0 is none. */
function least(asked: number, allowed: number): number {
  if (asked === 0) return allowed === 0 ? Number.POSITIVE_INFINITY : allowed;
  return allowed === 0 ? asked : Math.min(asked, allowed);
}
