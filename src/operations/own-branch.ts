// Operations below an application's own branch: the request is turned into one on the shared tree, and what is said of it
// back. Entries are named as they are sent (selection.ts), so that the operations themselves know of one tree alone.
import type { Branch } from "../access/branch.js";
import { Naming, namesEntries } from "../access/naming.js";
import { Dn } from "../model/dn.js";
import { fail, LdapError } from "../model/failure.js";
import type { Filter } from "../model/filter.js";
import type { Answered, AnsweredRequest, Answering, Answers, RequestedAttribute, Result } from "../model/message.js";
import type { Schema } from "../model/schema.js";

/** The branch that a request asks in, of those that this session may. */
export function branchOf(request: AnsweredRequest, branch: Branch | undefined): Branch | undefined {
  if (!branch || request.operation === "bind" || request.operation === "extended") return undefined;
  if (request.operation !== "search") return branch.holds(request.dn) ? branch : undefined;
  const { base, scope } = request;
  // The base itself is the application's own entry; what stands below it is the directory.
  return branch.holds(base) || (scope !== "base" && branch.isBase(base)) ? branch : undefined;
}

/** Carries out a request of the branch by what carries out one of the shared tree. Throws as that does, in names of the branch. */
export function performInBranch(
  request: AnsweredRequest,
  branch: Branch,
  schema: Schema,
  carryOut: (request: AnsweredRequest) => Answering,
): Answering {
  const inward = new Inward(branch, schema).request(request);
  const outward = new Outward(branch, inward);
  try {
    const answering = carryOut(inward);
    if ("code" in answering) return outward.result(answering);
    return "then" in answering ? outward.promised(answering) : outward.answers(answering);
  } catch (error) {
    throw outward.failure(error);
  }
}

/** A name that nothing has and no value can be, because it is not below the suffix. */
const nobody = Buffer.from("cn=nobody");
const never: Filter = { kind: "or", filters: [] };

class Inward {
  readonly #branch: Branch;
  readonly #schema: Schema;

  constructor(branch: Branch, schema: Schema) {
    this.#branch = branch;
    this.#schema = schema;
  }

  request(request: AnsweredRequest): AnsweredRequest {
    switch (request.operation) {
      case "search":
        this.#requireNoApplication(request.base);
        return { ...request, base: this.#branch.inward(request.base), filter: this.#filter(request.filter) };
      case "compare":
        this.#requireNoApplication(request.dn);
        return { ...request, dn: this.#dn(request.dn), value: this.#asserted(request.type, request.value) ?? nobody };
      case "add":
        return {
          ...request,
          dn: this.#dn(request.dn),
          attributes: request.attributes.map((one) => this.#written(one)),
        };
      case "modify":
        return { ...request, dn: this.#dn(request.dn), changes: request.changes.map((one) => this.#written(one)) };
      case "modifyDn": {
        const { newSuperior } = request;
        return { ...request, dn: this.#dn(request.dn), newSuperior: newSuperior && this.#superior(newSuperior) };
      }
      case "delete":
        return { ...request, dn: this.#dn(request.dn) };
      default:
        return request;
    }
  }

  /** Writes are refused by what refuses them in the shared tree. */
  #requireNoApplication(dn: Dn): void {
    if (!this.#branch.isOfApplications(dn)) return;
    fail("noSuchObject", `there is no entry ${dn}`, { matchedDn: this.#branch.application.dn.toString() });
  }

  #dn(dn: Dn): Dn {
    return this.#branch.inward(dn);
  }

  #superior(dn: Dn): Dn {
    if (this.#branch.isBase(dn) || this.#branch.holds(dn)) return this.#branch.inward(dn);
    return fail("noSuchObject", `there is no entry ${dn} in the branch of the application`);
  }

  #names(attribute: string): boolean {
    const type = this.#schema.describe(attribute)?.type;
    return type !== undefined && namesEntries(type);
  }

  /** Undefined: the value means nothing here. */
  #asserted(attribute: string, value: Buffer): Buffer | undefined {
    if (!this.#names(attribute)) return value;
    const type = this.#schema.describe(attribute)?.type.name;
    // Who wrote an entry may be the application, but is never the suffix.
    const isActor = type === "creatorsName" || type === "modifiersName";
    const dn = isActor ? Dn.parsed(value) : undefined;
    return dn && this.#branch.isBase(dn) ? value : this.#branch.inwardValue(value);
  }

  #written<T extends RequestedAttribute>(attribute: T): T {
    if (!this.#names(attribute.type)) return attribute;
    const values = attribute.values.map((value) => {
      const meant = this.#branch.inwardValue(value);
      if (meant) return meant;
      return fail("constraintViolation", `${attribute.type}: ${value} is no name in the branch of the application`);
    });
    return { ...attribute, values };
  }

  #filter(filter: Filter): Filter {
    switch (filter.kind) {
      case "and":
      case "or":
        return { kind: filter.kind, filters: filter.filters.map((part) => this.#filter(part)) };
      case "not":
        return { kind: "not", filter: this.#filter(filter.filter) };
      case "present":
      case "substrings":
        return filter;
      case "extensible": {
        if (filter.attribute === undefined) return filter;
        const value = this.#asserted(filter.attribute, filter.value);
        return value ? { ...filter, value } : never;
      }
      default: {
        const value = this.#asserted(filter.attribute, filter.value);
        return value ? { ...filter, value } : never;
      }
    }
  }
}

class Outward {
  readonly #naming: Naming;
  /** The name that was asked about, in the shared tree. */
  readonly #asked: Dn;

  constructor(branch: Branch, inward: AnsweredRequest) {
    this.#naming = Naming.of(branch, false)!;
    this.#asked = nameIn(inward);
  }

  result<T extends Result>(result: T): T {
    const { message, matchedDn } = result;
    if (message === undefined && !matchedDn) return result;
    return {
      ...result,
      ...(message === undefined ? {} : { message: this.#words(message) }),
      ...(matchedDn ? { matchedDn: this.#naming.dn(matchedDn) } : {}),
    };
  }

  failure(error: unknown): unknown {
    if (!(error instanceof LdapError)) return error;
    const matchedDn = error.matchedDn === "" ? "" : this.#naming.dn(error.matchedDn);
    return new LdapError(error.code, this.#words(error.message), { matchedDn, cause: error.cause });
  }

  async promised(answering: Promise<Answered | Answers>): Promise<Answered | Answers> {
    try {
      const answers = await answering;
      return "code" in answers ? this.result(answers) : this.answers(answers);
    } catch (error) {
      throw this.failure(error);
    }
  }

  async *answers(answers: Answers): Answers {
    try {
      return this.result(yield* answers);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** A sentence speaks of what was asked about, or of what that stands below. */
  #words(message: string): string {
    for (let dn: Dn | undefined = this.#asked; dn && !dn.isRoot; dn = dn.parent) {
      const text = dn.toString();
      if (message.includes(text)) return message.replaceAll(text, this.#naming.dn(text));
    }
    return message;
  }
}

function nameIn(request: AnsweredRequest): Dn {
  if (request.operation === "extended") return Dn.root;
  return request.operation === "search" ? request.base : request.dn;
}
