// One connection's life: who it is, what is under way, and in which order. A bind runs alone: it waits for what is under
// way, and nothing is taken until it has ended. Everything else runs at the same time, and every operation gets exactly
// one result, whatever happens in it.
import { type Application, admitsAlike } from "../access/application.js";
import { anonymous, Permissions, type Subject } from "../access/permissions.js";
import { View } from "../access/view.js";
import type { Answered, Answering, Answers, Cancellation, OperationName, Request, Result } from "../model/message.js";
import type { Caller, Context, Services, Trail } from "../operations/context.js";
import { requireKnownControls } from "../operations/controls.js";
import { type AnsweredRequest, perform } from "../operations/operations.js";
import { PageWalks } from "../operations/page-walks.js";
import { resultOf } from "./failure.js";
import { type Performed, record, type Telemetry } from "./record.js";

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
  /** Once canceled, nothing of it is to be sent any more. */
  readonly cancellation: Cancellation;
}

class Operation implements Cancellation {
  readonly request: AnsweredRequest;
  /** Who asked: the session may be somebody else by the time it ends. */
  readonly subject: Subject;
  readonly trail: Trail = {};
  readonly began = performance.now();
  canceled = false;

  constructor(request: AnsweredRequest, subject: Subject) {
    this.request = request;
    this.subject = subject;
  }
}

const canceled: Result = Object.freeze({ code: "canceled" });

type Done = Pick<Performed, "subject" | "trail" | "entries" | "milliseconds">;

export class Session implements Caller {
  readonly number: number;
  /** The peer's address, IPv4-mapped IPv6 as IPv4. */
  readonly address: string;
  readonly walks: PageWalks;
  readonly #services: Services;
  readonly #telemetry: Telemetry;
  readonly #underway = new Map<number, Operation>();
  #subject: Subject = anonymous;
  #application: Application | undefined;
  #view: View;
  /** The list of applications that the identity was last held against. */
  #registered: readonly Application[];
  #binding: Operation | undefined;
  /** Lets the bind begin that waits for the others to end. */
  #othersEnded: (() => void) | undefined;
  #allEnded: (() => void)[] = [];
  #closed = false;

  constructor(services: Services, telemetry: Telemetry, peer: { readonly number: number; readonly address: string }) {
    this.#services = services;
    this.#telemetry = telemetry;
    this.number = peer.number;
    this.address = peer.address;
    this.walks = new PageWalks(services.limits);
    this.#view = this.#viewAs(anonymous);
    this.#registered = services.applications.all;
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
  }

  #viewAs(subject: Subject): View {
    const { directory } = this.#services;
    return new View(directory, new Permissions(subject, directory.store.schema, directory.computed));
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
    if (this.#binding) throw new Error("a request was taken while a bind was under way");
    this.#followRegistry();
    const operation = new Operation(request, this.#subject);
    if (request.operation === "bind") return this.#begin(operation, this.#bind(operation));
    const answering = this.#perform(operation);
    if ("code" in answering) {
      this.#record(operation, answering, answering.entries?.ends.length ?? 0);
      return answering;
    }
    return this.#begin(operation, this.#stream(operation, answering));
  }

  #begin(operation: Operation, answers: Answers): Underway {
    this.#underway.set(operation.request.id, operation);
    if (operation.request.operation === "bind") {
      this.#binding = operation;
      // From the moment a bind arrives, and whatever becomes of it, nobody is who they were.
      this.become(anonymous);
    }
    return { answers, cancellation: operation };
  }

  /** Leaves the record of a request that could not be decoded. Throws SessionError as `take` does. */
  refuse(id: number, name: OperationName, result: Result): void {
    this.#requireUnused(id);
    const subject = this.#subject;
    // RFC 4513 4: a bind that fails, for whatever reason, leaves the session anonymous.
    if (name === "bind") this.become(anonymous);
    this.#leave(name, result, { subject, trail: {}, entries: 0, milliseconds: 0 });
  }

  #requireUnused(id: number): void {
    if (this.#underway.has(id)) throw new SessionError(`message ID ${id} is in use`);
  }

  #abandon(target: number): void {
    // RFC 4511 4.11: what cannot be abandoned, or is not there, is passed over in silence.
    const operation = this.#underway.get(target);
    if (operation && operation.request.operation !== "bind") operation.canceled = true;
  }

  /** Stops everything: the client is gone. */
  close(): void {
    this.#closed = true;
    for (const operation of this.#underway.values()) operation.canceled = true;
    this.walks.endAll();
  }

  /** Resolves when nothing is under way. */
  ended(): Promise<void> {
    return this.#underway.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#allEnded.push(resolve));
  }

  #perform(operation: Operation): Answering {
    try {
      requireKnownControls(operation.request);
      return perform(operation.request, this.#context(operation));
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
        result = answers;
        if (answers.entries) {
          entries += answers.entries.ends.length;
          yield answers.entries;
        }
        return result;
      }
      try {
        let next = await answers.next();
        while (!next.done) {
          entries += next.value.ends.length;
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
    }
    return result;
  }

  #end(operation: Operation): void {
    this.#underway.delete(operation.request.id);
    if (this.#binding === operation) this.#binding = undefined;
    else if (this.#binding && this.#underway.size === 1) this.#othersEnded?.();
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
    const allowed = applications.candidates(this.address);
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
    }
  }

  #record({ request, subject, trail, began }: Operation, result: Result, entries: number): void {
    this.#leave(request.operation, result, {
      // What a bind leads to is who the session is after it.
      subject: request.operation === "bind" ? this.#subject : subject,
      trail,
      entries,
      milliseconds: performance.now() - began,
    });
  }

  #leave(operation: OperationName, result: Result, done: Done): void {
    const { number: session, address } = this;
    record({ session, address, operation, result, ...done, clock: this.#services.clock }, this.#telemetry);
  }
}
