// One connection's life: who it is, what is under way, and in which order. A bind runs alone: it waits for what is under
// way, and nothing is taken until it has ended; so does StartTLS, which begins only when nothing is under way. Everything
// else runs at the same time, and every operation gets exactly one result, whatever happens in it.
import { type Application, admitsAlike } from "../access/application.js";
import { type SearchLimits, searchLimits } from "../access/application-limits.js";
import type { Channel } from "../access/channel.js";
import type { Contact } from "../access/contact.js";
import type { Directory } from "../access/directory.js";
import { anonymous, localAdministrator, Permissions, type Subject } from "../access/permissions.js";
import { View } from "../access/view.js";
import {
  type Answered,
  type AnsweredRequest,
  type Answering,
  type Answers,
  type Cancellation,
  canceled,
  type OperationName,
  type Request,
  type Result,
  success,
} from "../model/message.js";
import { requireConfidentiality } from "../operations/confidentiality.js";
import type { Caller, Context, Services, Trail } from "../operations/context.js";
import { requireKnownControls } from "../operations/controls.js";
import { cancelOid } from "../operations/extended.js";
import { perform } from "../operations/operations.js";
import { PageWalks } from "../operations/page-walks.js";
import { resultOf } from "./failure.js";
import type { OperationRates } from "./operation-rates.js";
import { isRefusal, record, type Telemetry } from "./record.js";

/** The client broke a rule of the protocol in a way that leaves nothing to answer: the connection has to end. */
export class SessionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SessionError";
  }
}

/** An operation that takes a while, for the one who sends its answers. */
export interface Underway {
  readonly answers: Answers;
  readonly stopping: Stopping;
}

/** How far an operation under way has been given up. */
export interface Stopping extends Cancellation {
  /** Once canceled, no more of its entries are to be sent. */
  readonly canceled: boolean;
  /** Nothing of it is to be sent, not even a result: it was abandoned, or the client is gone. */
  readonly isAbandoned: boolean;
}

class Operation implements Stopping {
  readonly request: AnsweredRequest;
  /** Who asked: the session may be somebody else by the time it ends. */
  readonly subject: Subject;
  readonly trail: Trail = {};
  readonly began = performance.now();
  canceled = false;
  isAbandoned = false;
  /** Those who wait to hear how it ends. */
  #listeners: ((result: Result) => void)[] | undefined;

  constructor(request: AnsweredRequest, subject: Subject) {
    this.request = request;
    this.subject = subject;
  }

  abandon(): void {
    this.canceled = true;
    this.isAbandoned = true;
  }

  outcome(): Promise<Result> {
    return new Promise((resolve) => {
      this.#listeners = [...(this.#listeners ?? []), resolve];
    });
  }

  ended(result: Result): void {
    for (const tell of this.#listeners ?? []) tell(result);
  }
}

const none: readonly Application[] = [];

/** What nobody sees, the same for everybody who is nobody. */
const anonymousViews = new WeakMap<Directory, View>();

/** What all sessions of a server share. */
export interface Shared {
  readonly services: Services;
  readonly telemetry: Telemetry;
  readonly rates: OperationRates;
}

export class Session implements Caller {
  readonly number: number;
  readonly walks: PageWalks;
  readonly #services: Services;
  readonly #telemetry: Telemetry;
  readonly #rates: OperationRates;
  #channel: Channel;
  readonly #underway = new Map<number, Operation>();
  #subject: Subject = anonymous;
  #application: Application | undefined;
  #view: View;
  #limits: SearchLimits;
  /** The applications that what is asked here counts for, found once for who the session is. */
  #counting: readonly Application[] = none;
  /** Whether any of them is held to a rate. */
  #isPaced = false;
  /** Where it is counted among the connections. */
  #places: readonly Contact[] = [];
  /** The list of applications that the identity was last held against. */
  #registered: readonly Application[];
  #binding: Operation | undefined;
  /** Lets the bind begin that waits for the others to end. */
  #othersEnded: (() => void) | undefined;
  #allEnded: (() => void)[] = [];
  #closed = false;
  #awaitsTls = false;

  constructor({ services, telemetry, rates }: Shared, number: number, channel: Channel) {
    this.#services = services;
    this.#telemetry = telemetry;
    this.#rates = rates;
    this.number = number;
    this.#channel = channel;
    this.walks = new PageWalks(services.limits);
    // Whoever can open the Unix socket is known without a bind.
    if (channel.kind === "local") this.#subject = localAdministrator;
    this.#view = this.#viewAs(this.#subject);
    this.#limits = services.limits;
    this.#registered = services.applications.all;
  }

  get channel(): Channel {
    return this.#channel;
  }

  beginTls(): void {
    this.#awaitsTls = true;
  }

  /** StartTLS was answered with success: what comes next is TLS, and nothing is to be taken before it is there. */
  get awaitsTls(): boolean {
    return this.#awaitsTls;
  }

  /**
   * The connection has TLS. Nobody stays who they were, as RFC 4513 4 allows: somebody in between may have bound in the
   * clear, as whom the client then would go on.
   */
  secured(channel: Channel): void {
    this.#channel = channel;
    this.#awaitsTls = false;
    this.#application = undefined;
    this.become(anonymous);
  }

  /** How long nothing more may be taken, in milliseconds, because the application asks too fast. */
  get restTime(): number {
    if (!this.#isPaced) return 0;
    const now = performance.now();
    const rests = this.#counting.map(({ name, settings }) =>
      this.#rates.rest(name, now, settings.limits.operationsPerSecond),
    );
    return Math.max(0, ...rests);
  }

  get limits(): SearchLimits {
    return this.#limits;
  }

  isConnectionOf({ contact }: Application): boolean {
    return this.#places.includes(contact);
  }

  get subject(): Subject {
    return this.#subject;
  }

  get application(): Application | undefined {
    return this.#application;
  }

  /** Operations under way. */
  get inFlight(): number {
    return this.#underway.size;
  }

  /** A bind is under way: nothing may be taken before it has ended, for it decides who asks (RFC 4511 4.2.1). */
  get isBinding(): boolean {
    return this.#binding !== undefined;
  }

  get hasBound(): boolean {
    return this.#subject.kind !== "anonymous";
  }

  become(subject: Subject): void {
    this.#subject = subject;
    if (subject.kind === "application") this.#application = subject.application;
    this.#view = this.#viewAs(subject);
    this.walks.endAll();
    this.#settle();
  }

  /** What follows from who the session is and through which applications. */
  #settle(): void {
    const { limits } = this.#services;
    this.#counting = this.#concerned();
    this.#isPaced = this.#counting.some(({ settings }) => this.#rates.isLimited(settings.limits.operationsPerSecond));
    this.#limits = this.#counting.length === 0 ? limits : searchLimits(this.#counting, limits);
    this.#keepPlaces();
  }

  /** The administrator is held to nothing that an application is, whoever bound before on the connection. */
  #concerned(): readonly Application[] {
    const subject = this.#subject;
    if (subject.kind === "user") return subject.applications;
    return this.#application && subject.kind !== "administrator" ? [this.#application] : none;
  }

  /** Takes a place among the connections of each application. A bind gives none up until it has ended: it may want it again. */
  #keepPlaces(): void {
    const before = this.#places;
    const now = this.#closed ? [] : this.#counting.map(({ contact }) => contact);
    const given = now.filter((contact) => !before.includes(contact));
    for (const contact of given) contact.connections += 1;
    if (this.#binding && !this.#closed) {
      this.#places = [...before, ...given];
      return;
    }
    for (const contact of before) if (!now.includes(contact)) contact.connections -= 1;
    this.#places = now;
  }

  #viewAs(subject: Subject): View {
    const { directory } = this.#services;
    const make = () => new View(directory, new Permissions(subject, directory.store.schema, directory.computed));
    if (subject !== anonymous) return make();
    // Thousands of connections may be nobody's, each in the same way.
    const view = anonymousViews.get(directory) ?? make();
    anonymousViews.set(directory, view);
    return view;
  }

  /**
   * Takes a request: gives its answer, or what will answer it. Abandon is done at once and has no answer; unbind is the
   * connection's to obey. Throws SessionError for a message ID that is in use (RFC 4511 4.1.1.1).
   */
  take(request: Request): Answered | Underway | undefined {
    if (request.operation === "unbind") return undefined;
    if (request.operation === "abandon") {
      this.#abandon(request.target);
      return undefined;
    }
    this.#requireUnused(request.id);
    if (this.#binding || this.#awaitsTls) throw new Error("a request was taken while it had to wait");
    this.#followRegistry();
    const operation = new Operation(request, this.#subject);
    if (request.operation === "bind") return this.#begin(operation, this.#bind(operation));
    this.#charge(operation.began);
    const answering = this.#perform(operation);
    if ("code" in answering) {
      this.#record(operation, answering, answering.entries?.ends.length ?? 0);
      return answering;
    }
    return this.#begin(operation, this.#stream(operation, answering));
  }

  /** Counts an operation for the applications that it concerns. A bind is none: who asks is known when it has ended. */
  #charge(now: number): void {
    const { address } = this.#channel;
    for (const { contact } of this.#counting) contact.asked(now, address);
    if (!this.#isPaced) return;
    for (const { name, settings } of this.#counting) {
      this.#rates.charge(name, now, settings.limits.operationsPerSecond);
    }
  }

  #begin(operation: Operation, answers: Answers): Underway {
    this.#underway.set(operation.request.id, operation);
    if (operation.request.operation === "bind") {
      this.#binding = operation;
      // From the moment a bind arrives, and whatever becomes of it, nobody is who they were.
      this.become(anonymous);
    }
    return { answers, stopping: operation };
  }

  /** Leaves the record of a request that could not be decoded. Throws SessionError as `take` does. */
  refuse(id: number, name: OperationName, result: Result): void {
    this.#requireUnused(id);
    const subject = this.#subject;
    // RFC 4513 4: a bind that fails, for whatever reason, leaves the session anonymous.
    if (name === "bind") this.become(anonymous);
    this.#leave(name, result, subject, {}, 0, 0);
  }

  #requireUnused(id: number): void {
    if (this.#underway.has(id)) throw new SessionError(`message ID ${id} is in use`);
  }

  #abandon(target: number): void {
    // RFC 4511 4.11: what cannot be abandoned, or is not there, is passed over in silence.
    const operation = this.#underway.get(target);
    if (operation && operation.request.operation !== "bind") operation.abandon();
  }

  async cancel(id: number): Promise<Result> {
    const operation = this.#underway.get(id);
    if (!operation) return { code: "noSuchOperation", message: `no operation ${id} is under way` };
    const { request } = operation;
    // RFC 3909 2.1: neither what decides who asks, nor another Cancel.
    if (request.operation === "bind" || (request.operation === "extended" && request.oid === cancelOid)) {
      return { code: "cannotCancel", message: `operation ${id} is one that cannot be canceled` };
    }
    operation.canceled = true;
    const { code } = await operation.outcome();
    return code === "canceled"
      ? success
      : { code: "tooLate", message: `operation ${id} ended before it could be canceled` };
  }

  /** Stops everything: the client is gone. */
  close(): void {
    this.#closed = true;
    for (const operation of this.#underway.values()) operation.abandon();
    this.walks.endAll();
    this.#keepPlaces();
  }

  /** Resolves when nothing is under way. */
  ended(): Promise<void> {
    return this.#underway.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#allEnded.push(resolve));
  }

  #perform(operation: Operation): Answering {
    try {
      const context = this.#context(operation);
      requireConfidentiality(operation.request, context);
      requireKnownControls(operation.request);
      return perform(operation.request, context);
    } catch (error) {
      return resultOf(error, this.#telemetry.log);
    }
  }

  /** RFC 4511 4.2.1: a bind waits for what is under way. */
  async *#bind(operation: Operation): Answers {
    if (this.#underway.size > 1) {
      await new Promise<void>((resolve) => {
        this.#othersEnded = resolve;
      });
    }
    this.#followRegistry();
    return yield* this.#stream(operation, operation.canceled ? canceled : this.#perform(operation));
  }

  async *#stream(operation: Operation, answering: Answering): Answers {
    let entries = 0;
    let result = canceled;
    try {
      const answers = await answering;
      if ("code" in answers) {
        // Canceled before its entries were sent, it is not to end as if nothing had been.
        if (answers.entries && !operation.canceled) {
          entries += answers.entries.ends.length;
          yield answers.entries;
        }
        if (!answers.entries || !operation.canceled) result = answers;
        return result;
      }
      try {
        let next = await answers.next();
        while (!next.done) {
          if (next.value.as === undefined) entries += next.value.ends.length;
          yield next.value;
          next = await answers.next();
        }
        result = next.value;
      } finally {
        // Leaving early runs every `finally` below.
        await answers.return(result);
      }
    } catch (error) {
      result = resultOf(error, this.#telemetry.log);
    } finally {
      this.#end(operation);
      this.#record(operation, result, entries);
      operation.ended(result);
    }
    return result;
  }

  #end(operation: Operation): void {
    this.#underway.delete(operation.request.id);
    if (this.#binding === operation) {
      this.#binding = undefined;
      this.#keepPlaces();
    } else if (this.#binding && this.#underway.size === 1) this.#othersEnded?.();
    if (this.#underway.size === 0) for (const resolve of this.#allEnded.splice(0)) resolve();
    // A search that ended after the client was gone may have kept its moment for a next page.
    if (this.#closed) this.walks.endAll();
  }

  #context(operation: Operation): Context {
    return {
      services: this.#services,
      caller: this,
      view: this.#view,
      trail: operation.trail,
      cancellation: operation,
    };
  }

  /** An application that was removed, disabled or narrowed loses what it lost at the next operation. */
  #followRegistry(): void {
    const { applications } = this.#services;
    if (this.#registered === applications.all) return;
    this.#registered = applications.all;
    const allowed = applications.candidates(this.#channel);
    const current = (old: Application) => allowed.find(({ name }) => name === old.name);
    if (this.#application) this.#application = current(this.#application);
    const subject = this.#subject;
    if (subject.kind === "application") {
      const application = current(subject.application);
      this.become(application ? { kind: "application", application } : anonymous);
    } else if (subject.kind === "user") {
      const still = subject.applications.flatMap((old) =>
        allowed.filter((one) => one.name === old.name && admitsAlike(old, one)),
      );
      this.become(still.length > 0 ? { ...subject, applications: still } : anonymous);
    } else this.#settle();
  }

  /** Counts for the applications what came of a bind, and that something was refused. */
  #count({ request, trail, began }: Operation, { code }: Result): void {
    const isBind = request.operation === "bind";
    if (code !== "success") {
      // A bind that is answered with busy is turned away as well.
      if (!isRefusal(code) && !(isBind && code === "busy")) return;
      for (const { contact } of trail.asked ?? this.#counting) contact.refusals += 1;
      return;
    }
    const { kind } = this.#subject;
    if (!isBind || (kind !== "application" && kind !== "user")) return;
    for (const { contact } of this.#counting) contact.cameIn(kind, began, this.#channel.address);
  }

  #record(operation: Operation, result: Result, entries: number): void {
    const { request, subject, trail, began } = operation;
    this.#count(operation, result);
    // What a bind leads to is who the session is after it.
    const whose = request.operation === "bind" ? this.#subject : subject;
    this.#leave(request.operation, result, whose, trail, entries, performance.now() - began);
  }

  #leave(
    operation: OperationName,
    result: Result,
    subject: Subject,
    trail: Trail,
    entries: number,
    milliseconds: number,
  ): void {
    const { address } = this.#channel;
    const { clock } = this.#services;
    const performed = {
      session: this.number,
      address,
      operation,
      result,
      subject,
      trail,
      entries,
      milliseconds,
      clock,
    };
    record(performed, this.#telemetry);
  }
}
