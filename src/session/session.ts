// One connection's life: who it is, what is under way, and in which order. A bind runs alone; everything else runs at
// the same time, and every operation gets exactly one result, whatever happens in it.
import type { Application } from "../access/application.js";
import { anonymous, Permissions, type Subject } from "../access/permissions.js";
import { View } from "../access/view.js";
import type { Answered, Answering, Answers, Cancellation, OperationName, Request, Result } from "../model/message.js";
import type { Caller, Context, Services, Trail } from "../operations/context.js";
import { requireKnownControls } from "../operations/controls.js";
import { type AnsweredRequest, perform } from "../operations/operations.js";
import { PageWalks } from "../operations/page-walks.js";
import { resultOf } from "./failure.js";
import { record, type Telemetry } from "./record.js";

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
  readonly trail: Trail = {};
  readonly began = performance.now();
  canceled = false;

  constructor(request: AnsweredRequest) {
    this.request = request;
  }
}

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
  /** Resolves when the bind under way, if any, has ended. */
  #gate: Promise<void> | undefined;
  #running = 0;
  #allDone: (() => void) | undefined;

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
    if (this.#underway.has(request.id)) throw new SessionError(`message ID ${request.id} is in use`);
    const operation = new Operation(request);
    if (request.operation === "bind" || this.#gate) return this.#begin(operation, this.#inTurn(operation));
    const answering = this.#perform(operation);
    if ("code" in answering) {
      this.#record(operation, answering, answering.entries?.ends.length ?? 0);
      return answering;
    }
    this.#running++;
    return this.#begin(
      operation,
      this.#stream(operation, answering, () => this.#leave()),
    );
  }

  #begin(operation: Operation, answers: Answers): Underway {
    this.#underway.set(operation.request.id, operation);
    return { answers, cancellation: operation };
  }

  /** Leaves the record of a request that could not be decoded; returns the result to send. */
  refuse(name: OperationName, result: Result): Result {
    this.#telemetry.metrics.operation(name, result.code, 0);
    return result;
  }

  #abandon(target: number): void {
    // RFC 4511 4.11: what cannot be abandoned, or is not there, is passed over in silence.
    const operation = this.#underway.get(target);
    if (operation && operation.request.operation !== "bind") operation.canceled = true;
  }

  /** Stops everything: the client is gone. */
  close(): void {
    for (const operation of this.#underway.values()) operation.canceled = true;
    this.walks.endAll();
  }

  #perform(operation: Operation): Answering {
    try {
      requireKnownControls(operation.request);
      return perform(operation.request, this.#context(operation));
    } catch (error) {
      return resultOf(error, this.#telemetry.log);
    }
  }

  /** Carries out an operation when it is its turn: a bind after all others, the others after the bind. */
  async *#inTurn(operation: Operation): Answers {
    const leave = await this.#enter(operation.request);
    return yield* this.#stream(operation, this.#perform(operation), leave);
  }

  async *#stream(operation: Operation, answering: Answering, leave: () => void): Answers {
    let entries = 0;
    let result: Result = { code: "canceled" };
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
      this.#underway.delete(operation.request.id);
      leave();
      this.#record(operation, result, entries);
    }
    return result;
  }

  /** RFC 4511 4.2.1: a bind waits for what is under way, and what comes after waits for the bind. */
  async #enter(request: AnsweredRequest): Promise<() => void> {
    if (request.operation === "bind") return this.#enterAlone();
    while (this.#gate) await this.#gate;
    this.#running++;
    return () => this.#leave();
  }

  #leave(): void {
    this.#running--;
    if (this.#running === 0) this.#allDone?.();
  }

  async #enterAlone(): Promise<() => void> {
    const before = this.#gate;
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = gate;
    // From the moment a bind arrives, and whatever becomes of it, nobody is who they were.
    this.become(anonymous);
    await before;
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#allDone = resolve;
      });
      this.#allDone = undefined;
    }
    this.become(anonymous);
    return () => {
      if (this.#gate === gate) this.#gate = undefined;
      open();
    };
  }

  #context(operation: Operation): Context {
    this.#followRegistry();
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
      const still = subject.applications.map(current).filter((one) => one !== undefined);
      this.become(still.length > 0 ? { ...subject, applications: still } : anonymous);
    }
  }

  #record({ request, trail, began }: Operation, result: Result, entries: number): void {
    record(
      {
        session: this.number,
        address: this.address,
        subject: this.#subject,
        operation: request.operation,
        result,
        trail,
        entries,
        milliseconds: performance.now() - began,
        clock: this.#services.clock,
      },
      this.#telemetry,
    );
  }
}
