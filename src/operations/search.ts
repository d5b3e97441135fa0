// Search (RFC 4511 4.5), in pages where asked for (RFC 2696).
import { subschemaDn } from "../access/computed-attributes.js";
import type { Permissions } from "../access/permissions.js";
import type { Found, ViewReading } from "../access/view.js";
import type { VisibleEntry } from "../access/visible-entry.js";
import { BerWriter } from "../ber/writer.js";
import { Dn } from "../model/dn.js";
import {
  type Answered,
  type Answering,
  type Answers,
  type EntryBatch,
  type Result,
  type SearchRequest,
  success,
} from "../model/message.js";
import type { Context, Services } from "./context.js";
import { asksForSubentries } from "./controls.js";
import { EntryStream } from "./entry-stream.js";
import { offeredExtensions } from "./extended.js";
import {
  decodeCookie,
  encodeCookie,
  type KeptWalk,
  type PageRequest,
  type Position,
  pageRequest,
  pageResponse,
} from "./page-walks.js";
import { rootDse, subschema } from "./root-dse.js";
import { saslMechanisms } from "./sasl.js";
import { Selection } from "./selection.js";
import { type StaticEntry, staticAnswer } from "./static-entry.js";

/** Encoded entries are sent on when there are so many bytes of them. */
const batchBytes = 64 * 1024;

export function search(request: SearchRequest, context: Context): Answering {
  const { view, trail } = context;
  const outside = entryOutsideTheTree(request, context);
  if (outside) return { ...success, entries: staticAnswer(outside, request, view.schema) };
  trail.target = request.base.toString();
  view.permissions.requireSome("read");
  if (asksForSubentries(request)) return success;
  const page = pageRequest(request);
  const walk = page && continueWalk(page, request, context);
  const reading = walk?.kept?.reading ?? view.read();
  return reading instanceof Promise
    ? reading.then((ready) => own(searchAt(ready, request, context, page, walk)))
    : searchAt(reading, request, context, page, walk);
}

const subschemaName = Dn.parse(subschemaDn);

function entryOutsideTheTree(request: SearchRequest, context: Context): StaticEntry | undefined {
  if (request.scope !== "base") return undefined;
  const { view, services, caller } = context;
  if (request.base.isRoot) {
    const offered = { extensions: offeredExtensions(context), mechanisms: saslMechanisms(caller.channel) };
    const variant = [...offered.extensions, ...offered.mechanisms].join(" ");
    return once(services, `root DSE ${variant}`, () => rootDse(view.suffix, view.schema, offered));
  }
  if (!request.base.equals(subschemaName, view.schema)) return undefined;
  return once(services, "subschema", () => subschema(view.schema, services.clock()));
}

const staticEntries = new WeakMap<Services, Map<string, StaticEntry>>();

function once(server: Services, name: string, make: () => StaticEntry): StaticEntry {
  const known = staticEntries.get(server) ?? new Map<string, StaticEntry>();
  staticEntries.set(server, known);
  const entry = known.get(name) ?? make();
  known.set(name, entry);
  return entry;
}

/** A page walk at the page that is asked for. */
interface Walk {
  readonly position: Position;
  /** The moment that the walk began at, and the rest of its search, where they are still kept. */
  readonly kept: KeptWalk | undefined;
}

/** Whose walk it is, and in which tree: the base of a branch is that of the shared tree to what carries out the search. */
function walker({ view, branch }: Context): string {
  return branch ? `${view.permissions.dn}\0branch` : view.permissions.dn;
}

function continueWalk({ cookie }: PageRequest, request: SearchRequest, context: Context): Walk {
  const { walks } = context.caller;
  if (cookie.length === 0) return { position: { after: 0, sent: 0, walk: walks.begin() }, kept: undefined };
  const position = decodeCookie(cookie, request, walker(context));
  const kept = walks.take(position.walk, cookie);
  return { position: kept ? position : { ...position, walk: walks.begin() }, kept };
}

/** Answers from one moment, and sees to it that the moment is given back. */
function searchAt(
  reading: ViewReading,
  request: SearchRequest,
  context: Context,
  page: PageRequest | undefined,
  walk: Walk | undefined,
): Answered | Answers {
  let isOurs = true;
  try {
    if (page?.size === 0) {
      walk?.kept?.rest?.close();
      return { ...success, controls: [pageResponse(Buffer.alloc(0))] };
    }
    const run = new Run(request, context, reading, page, walk);
    const quick = run.quick();
    if (!quick) {
      isOurs = false;
      return stream(run, reading);
    }
    const result = run.result();
    if (run.keepsReading) isOurs = false;
    return quick.ends.length === 0 ? result : withEntries(result, quick);
  } finally {
    if (isOurs) reading.release();
  }
}

async function* stream(run: Run, reading: ViewReading): Answers {
  try {
    yield* run.batches();
    return run.result();
  } finally {
    if (!run.keepsReading) {
      run.close();
      reading.release();
    }
  }
}

function withEntries({ code, message, matchedDn, controls }: Result, entries: EntryBatch): Answered {
  return { code, message, matchedDn, controls, entries };
}

/** An answer that is waited for must not stand in the memory that the next one is written to. */
function own(answer: Answered | Answers): Answered | Answers {
  if (!("code" in answer) || !answer.entries) return answer;
  const { bytes, ends } = answer.entries;
  return withEntries(answer, { bytes: Buffer.from(bytes), ends });
}

/** Written anew by every answer that needs no waiting. */
const scratch = new BerWriter(16 * 1024);

/** One search, or one page of it: counts, limits, selection, encoding. */
class Run {
  readonly #request: SearchRequest;
  readonly #context: Context;
  readonly #reading: ViewReading;
  readonly #page: PageRequest | undefined;
  readonly #position: Position;
  readonly #selection: Selection;
  readonly #pageEnd: number;
  readonly #sizeLimit: number;
  readonly #deadline: number;
  #outcome: Result = success;
  /** Entries sent, those of earlier pages included. */
  #sent: number;
  #last: number;
  #hasMore = false;
  #found: Found | undefined;
  /** What is left of the search: of an earlier page, or of this one for the next. */
  #rest: EntryStream | undefined;
  /** Whether the walk goes on with this moment, so that it must not be released. */
  keepsReading = false;

  constructor(
    request: SearchRequest,
    context: Context,
    reading: ViewReading,
    page: PageRequest | undefined,
    walk: Walk | undefined,
  ) {
    const { limits } = context.caller;
    this.#request = request;
    this.#context = context;
    this.#reading = reading;
    const position = walk?.position ?? { after: 0, sent: 0, walk: 0 };
    this.#page = page;
    this.#position = position;
    this.#rest = walk?.kept?.rest;
    this.#selection = selectionFor(request, context);
    this.#last = position.after;
    this.#sent = position.sent;
    this.#pageEnd = page ? position.sent + Math.min(page.size, limits.pageSize) : Number.POSITIVE_INFINITY;
    this.#sizeLimit = least(request.sizeLimit, limits.sizeLimit);
    this.#deadline = context.services.clock() + least(request.timeLimit * 1000, limits.timeLimit);
  }

  /** The result, once all entries were given; for a page with the control that continues it. */
  result(): Result {
    if (!this.#page) return this.#outcome;
    let cookie: Buffer = Buffer.alloc(0);
    if (this.#hasMore && this.#outcome.code === "success" && !this.#context.cancellation.canceled) {
      const { walk } = this.#position;
      const { caller } = this.#context;
      const next = { after: this.#last, sent: this.#sent, walk };
      cookie = encodeCookie(next, this.#request, walker(this.#context));
      this.keepsReading = caller.walks.keep(walk, { cookie, reading: this.#reading, rest: this.#rest });
    }
    return { ...this.#outcome, controls: [pageResponse(cookie)] };
  }

  #search(): Found {
    const { base, scope, filter } = this.#request;
    const entry = this.#reading.require(base);
    const { listsMemberships } = this.#selection;
    const { after } = this.#position;
    const { branch } = this.#context;
    return this.#reading.search(entry, base, scope, this.#reading.compile(filter), { after, listsMemberships, branch });
  }

  /** All entries, where that needs no waiting and they are few. */
  quick(): EntryBatch | undefined {
    if (this.#rest) return undefined;
    this.#found = this.#search();
    const entries = this.#found.quick;
    if (!entries) return undefined;
    scratch.reset();
    const ends: number[] = [];
    for (const entry of entries) {
      if (!this.#takes()) break;
      if (this.#selection.listsMemberships && entry.loadMemberships()) return this.#startOver();
      this.#write(entry, scratch, ends);
      if (scratch.length > batchBytes) return this.#startOver();
    }
    return { bytes: scratch.finish(), ends };
  }

  #startOver(): undefined {
    this.#sent = this.#position.sent;
    this.#last = this.#position.after;
    return undefined;
  }

  async *batches(): AsyncGenerator<EntryBatch, void, void> {
    // It may have waited for its turn, and been given up meanwhile.
    if (!this.#goesOn()) return;
    const writer = new BerWriter(batchBytes / 4);
    let ends: number[] = [];
    this.#rest ??= new EntryStream((this.#found ?? this.#search()).batches());
    for (let entries = await this.#rest.next(); entries; entries = await this.#rest.next()) {
      for (const [n, entry] of entries.entries()) {
        if (!this.#takes()) {
          this.#rest.giveBack(entries.slice(n));
          if (ends.length > 0) yield { bytes: writer.finish(), ends };
          return;
        }
        if (this.#selection.listsMemberships) {
          const loading = entry.loadMemberships();
          if (loading) await loading;
        }
        this.#write(entry, writer, ends);
        if (writer.length < batchBytes) continue;
        yield { bytes: writer.finish(), ends };
        writer.reset();
        ends = [];
      }
      if (!this.#goesOn()) break;
    }
    if (ends.length > 0) yield { bytes: writer.finish(), ends };
  }

  /** Ends what is left of the search. */
  close(): void {
    this.#rest?.close();
  }

  #write(entry: VisibleEntry, writer: BerWriter, ends: number[]): void {
    this.#selection.write(entry, writer);
    ends.push(writer.length);
    this.#sent++;
    this.#last = entry.id;
  }

  /** Whether one more entry may be sent; if not, says why. */
  #takes(): boolean {
    if (this.#sent >= this.#sizeLimit) {
      this.#outcome = { code: "sizeLimitExceeded", message: `there are more than ${this.#sizeLimit} entries` };
      return false;
    }
    this.#hasMore = this.#sent >= this.#pageEnd;
    return !this.#hasMore;
  }

  #goesOn(): boolean {
    if (this.#context.cancellation.canceled) {
      this.#outcome = { code: "canceled", message: "the search was given up" };
      return false;
    }
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

/** Applications ask for the same few lists of attributes again and again. */
const selections = new WeakMap<Permissions, Map<string, Selection>>();
const selectionsKept = 32;
/** Characters of such a list: names may be as long as a message. */
const longestKeptList = 1024;

function selectionFor({ attributes, typesOnly }: SearchRequest, { view, branch }: Context): Selection {
  const { permissions } = view;
  const { scope, hidesStored } = permissions;
  const naming = branch ? permissions.branchNaming : permissions.naming;
  const make = () => new Selection(attributes, typesOnly, scope, { hidesStored, naming });
  if (attributes.reduce((sum, name) => sum + name.length + 1, 0) > longestKeptList) return make();
  const kept = selections.get(permissions) ?? new Map<string, Selection>();
  selections.set(permissions, kept);
  const key = `${typesOnly ? "types" : ""}\0${branch ? "branch" : ""}\0${attributes.join("\0")}`;
  const known = kept.get(key);
  if (known) return known;
  if (kept.size >= selectionsKept) kept.clear();
  const selection = make();
  kept.set(key, selection);
  return selection;
}
