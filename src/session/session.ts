// One connection's life: who it is, what is under way, and in which order. A bind runs alone; everything else runs at
// the same time, and every operation gets exactly one result, whatever happens in it.
import type { Application } from "../access/application.js";
import { anonymous, Permissions, type Subject } from "../access/permissions.js";
import { View } from "../access/view.js";
import type { Answers, OperationName, Request, Result } from "../model/message.js";
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

/** An operation under way, for the one who sends its answers. */
export interface Underway {
  readonly answers: Answers;
  /** Aborted: nothing of it is to be sent any more. */
  readonly signal: AbortSignal;
}

export class Session implements Caller {
  readonly number: number;
  /** The peer's address, IPv4-mapped IPv6 as IPv4. */
  readonly address: string;
  readonly walks: PageWalks;
  readonly #services: Services;
  readonly #telemetry: Telemetry;
  readonly #underway = new Map<number, AbortController>();
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
   * Takes a request. Abandon is done at once and has no answer; unbind is the connection's to obey. Throws SessionError
   * for a message ID that is in use (RFC 4511 4.1.1.1).
   */
  take(request: Request): Underway | undefined {
    if (request.operation === "unbind") return undefined;
    if (request.operation === "abandon") {
      this.#abandon(request.target);
      return undefined;
    }
    if (this.#underway.has(request.id)) throw new SessionError(`message ID ${request.id} is in use`);
    const controller = new AbortController();
    this.#underway.set(request.id, controller);
    return { answers: this.#answer(request, controller), signal: controller.signal };
  }

  /** Leaves the record of a request that could not be decoded; returns the result to send. */
  refuse(operation: OperationName, result: Result): Result {
    this.#record(operation, result, {}, 0, 0);
    return result;
  }

  #abandon(target: number): void {
    // RFC 4511 4.11: what cannot be abandoned, or is not there, is passed over in silence.
    this.#underway.get(target)?.abort();
  }

  /** Stops everything: the client is gone. */
  close(): void {
    for (const controller of this.#underway.values()) controller.abort();
    this.walks.endAll();
  }

  async *#answer(request: AnsweredRequest, controller: AbortController): Answers {
    const began = performance.now();
    const trail: Trail = {};
    let entries = 0;
    let result: Result = { code: "canceled" };
    const leave = await this.#enter(request);
    try {
      requireKnownControls(request);
      const answers = perform(request, this.#context(trail, controller.signal));
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
      this.#underway.delete(request.id);
      leave();
      this.#record(request.operation, result, trail, entries, performance.now() - began);
    }
    return result;
  }

  /** RFC 4511 4.2.1: a bind waits for what is under way, and what comes after waits for the bind. */
  async #enter(request: AnsweredRequest): Promise<() => void> {
    if (request.operation === "bind") return this.#enterAlone();
    while (this.#gate) await this.#gate;
    this.#running++;
    return () => {
      this.#running--;
      if (this.#running === 0) this.#allDone?.();
    };
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

  #context(trail: Trail, signal: AbortSignal): Context {
    this.#followRegistry();
    return { services: this.#services, caller: this, view: this.#view, trail, signal };
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

  #record(operation: OperationName, result: Result, trail: Trail, entries: number, milliseconds: number): void {
    const { number, address } = this;
    const subject = this.#subject;
    const time = this.#services.clock();
    record(
      { session: number, address, subject, operation, result, trail, entries, milliseconds, time },
      this.#telemetry,
    );
  }
}
